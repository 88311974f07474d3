"""The demo's model: trained like any other, and tried on photos it was not trained on."""

from __future__ import annotations

import time

from attendance import training_jobs
from attendance.models import TrainingJob, TrainingState
from config import Settings
from demonstration.folder import DemoFolder
from demonstration.school import School
from errors import TrainingError
from operations import training_process
from operations.training_files import TrainingFiles
from operations.trainings import FOLDER
from recognizer.compute import compute_of
from recognizer.weights import WeightsFile, resolve_weights
from training.dataset import scan
from training.opened_model import open_model
from training.strangers import scan_strangers
from training.testing import StrangersTest, StudentsTest, measure_strangers, measure_students

_LOOK_SECONDS = 0.2
_END_SECONDS = 15.0


def train(school: School) -> None:
    """Train on everybody who consented, as an admin does from the server, and take up the model. Raises
    TrainingError."""
    services = school.services
    job = services.trainings.start(school.admin, {}, services.clock.now())
    try:
        job = _over(school, job.id)
    except BaseException:  # whoever interrupts the demo does not want it to go on
        services.trainings.cancel(school.admin, job.id, services.clock.now())
        _over(school, job.id, seconds=_END_SECONDS)
        raise
    if job.state is not TrainingState.SUCCEEDED:
        log, _ = services.trainings.log(job.id, 0)
        raise TrainingError(f"the demo's model could not be trained: {job.problem or job.state}\n{log[-2000:]}")
    services.recognizer.reload()
    services.models.note(services.clock.now())


def end_orphans(settings: Settings) -> None:
    """End the trainings that go on though whoever started them was killed."""
    folder = settings.data_dir / FOLDER
    for path in folder.glob("*.progress") if folder.is_dir() else ():
        files = TrainingFiles(folder, int(path.stem))
        pid, until = files.hear().pid, time.monotonic() + _END_SECONDS
        while pid is not None and files.is_locked() and time.monotonic() < until:
            training_process.end(pid, at_once=True)
            time.sleep(_LOOK_SECONDS)


def try_out(folder: DemoFolder, settings: Settings) -> tuple[StudentsTest, StrangersTest]:
    """What the model says of the photos that were kept back, and of strangers'."""

    def find_weights(embedder: str) -> WeightsFile:
        return resolve_weights(
            embedder,
            facenet_file=settings.facenet_weights,
            cache_dir=settings.cache_dir or folder.root,
            allow_download=False,
            progress=None,
            announce=lambda line: None,
        )

    model = open_model(settings.model_dir, find_weights=find_weights, compute=compute_of(settings))
    return measure_students(model, scan(folder.kept_back)), measure_strangers(model, scan_strangers(folder.strangers))


def _over(school: School, job_id: int, seconds: float | None = None) -> TrainingJob:
    """The training once it is over; seconds: or after so long."""
    until = None if seconds is None else time.monotonic() + seconds
    while True:
        with school.services.database.reading() as db:
            job = training_jobs.require_job(db, job_id)
        if job.state not in training_jobs.ACTIVE or (until is not None and time.monotonic() > until):
            return job
        time.sleep(_LOOK_SECONDS)
