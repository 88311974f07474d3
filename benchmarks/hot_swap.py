"""Hot swap under load: cameras send frames over HTTP for a minute while the model changes every two seconds.

    python benchmarks/hot_swap.py [--embedder auto] [--seconds 60] [--every 2] [--clients 4] [--json FILE]

The whole server with the real networks: a class is trained as the training command trains it, then its model is
published again and again with its names turned, so that each answer shows which model gave it. Ends with exit status 1
when any frame failed, or was answered by anything but one published model.

With FaceNet (its weights in the test data) on photos of lfw-dev, with dlib on drawn faces, which need no data.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from lfw import MISLABELLED, ROOT, test_data

sys.path.insert(0, str(ROOT / "tests"))

from app import create_app
from attendance.clock import SystemClock
from config import Settings
from recognizer.artifact import MODEL_FILE
from recognizer.compute import compute_of
from recognizer.reading import load_artifact
from recognizer.weights import resolve_weights
from support.hot_swap import Answers, Publisher, film
from support.pictures import face_picture, write_class
from support.service import Service, make_settings
from training.production import TrainingJob, run_training
from training.trainer import TrainingConfig

PEOPLE, PHOTOS, FRAMES = 6, 8, 6
FRAME_SIZE = (640, 480)


@contextmanager
def quiet(stage: str) -> Iterator[Callable[..., None]]:
    yield lambda *_: None


def facenet_file() -> Path | None:
    """FaceNet's weights of the test data, if they are there."""
    folder = Path(os.environ.get("SMARTATTENDANCE_TEST_DATA") or ROOT.parent / "shared" / "data")
    path = folder / "weights" / "facenet-vggface2-folded.pt"
    return path if path.is_file() else None


def photographed(photos: Path) -> dict[str, list[Image.Image]]:
    """People of lfw-dev, and the photos of them that are not trained on; the others are put in ``photos``."""
    people = {
        person: [path for path in sorted(person.glob("*.jpg")) if path.stem not in MISLABELLED]
        for person in sorted((test_data() / "faces" / "lfw-dev").iterdir())
    }
    chosen = [person for person, paths in people.items() if len(paths) >= PHOTOS + FRAMES][:PEOPLE]
    for person in chosen:
        (photos / person.name).mkdir(parents=True)
        for path in people[person][:PHOTOS]:
            shutil.copy(path, photos / person.name)
    return {
        person.name: [Image.open(path).convert("RGB") for path in people[person][PHOTOS : PHOTOS + FRAMES]]
        for person in chosen
    }


def drawn(photos: Path) -> dict[str, list[Image.Image]]:
    """The same of drawn people."""
    write_class(photos, range(PEOPLE), PHOTOS)
    return {
        folder.name: [Image.fromarray(face_picture(person, shot, 300)) for shot in range(PHOTOS, PHOTOS + FRAMES)]
        for person, folder in enumerate(sorted(photos.iterdir()))
    }


def train(folder: Path, settings: Settings) -> None:
    def weights() -> Any:
        return resolve_weights(
            settings.embedder,
            facenet_file=settings.facenet_weights,
            cache_dir=folder / "cache",
            allow_download=False,
            progress=None,
            announce=print,
        )

    # lenient: which frames are named should depend on the faces, not on luck
    config = TrainingConfig(threshold_percentile=98)
    run_training(
        TrainingJob(folder / "photos", settings.model_dir, config, weights, compute=compute_of(settings)), quiet, print
    )


def frame(photo: Image.Image) -> bytes:
    """What a webcam might see of somebody, as PNG."""
    image = Image.new("RGB", FRAME_SIZE, (150, 160, 170))
    image.paste(photo, ((FRAME_SIZE[0] - photo.width) // 2, (FRAME_SIZE[1] - photo.height) // 2))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def usable_frames(
    service: Service, names: list[str], unseen: Mapping[str, list[Image.Image]]
) -> dict[int, list[bytes]]:
    """Of each person, the unseen shots that the model as it was trained names; people without any are left out."""
    inference = service.app.extensions["smartattendance"].inference
    found: dict[int, list[bytes]] = {}
    for person, name in enumerate(names):
        for photo in unseen[name]:
            data = frame(photo)
            _, result = inference.recognize(data)
            if [item.identity.student_id for item in result.faces] == [name]:
                found.setdefault(person, []).append(data)
    return found


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    facenet = facenet_file()
    embedder = arguments.embedder if arguments.embedder != "auto" else "facenet" if facenet else "dlib"
    unseen = photographed(folder / "photos") if embedder == "facenet" else drawn(folder / "photos")
    settings = make_settings(
        folder,
        f"sqlite:///{folder / 'hot_swap.sqlite3'}",
        embedder=embedder,
        facenet_weights=facenet,
        frames_per_second=1000,
        inference_deadline_seconds=60.0,
    )
    train(folder, settings)
    artifact, _ = load_artifact(settings.model_dir / MODEL_FILE)
    app = create_app(settings)
    service = Service(app, settings, SystemClock(), None)  # type: ignore[arg-type]
    names = [str(name) for name in artifact.classes]
    pictures = usable_frames(service, names, unseen)
    if len(pictures) < 2:
        raise SystemExit("fewer than two of the people are recognised; nothing can be told apart")
    publisher = Publisher(settings.model_dir, artifact, arguments.every)
    app.extensions["smartattendance"].recognizer.reload()
    answers = film(service, publisher, pictures, names, cameras=arguments.clients, seconds=arguments.seconds)
    status = app.extensions["smartattendance"].recognizer.model_status()
    app.extensions["housekeeping"].close()
    app.extensions["smartattendance"].recognizer.close()
    return summary(arguments, artifact.embedder.id if artifact.embedder else "", publisher, answers, status.refused)


def summary(
    arguments: argparse.Namespace, embedder: str, publisher: Publisher, answers: Answers, refused: str | None
) -> dict[str, Any]:
    if refused is not None:
        answers.wrong.append(f"at the end a model was refused: {refused}")
    return {
        "embedder": embedder,
        "clients": arguments.clients,
        "seconds": arguments.seconds,
        "swaps": publisher.changes,
        "versions_that_answered": len(answers.versions),
        "frames": len(answers.seconds),
        "frames_per_second": round(len(answers.seconds) / arguments.seconds, 1),
        "milliseconds": {
            name: round(1000 * answers.percentile(percent), 1)
            for name, percent in (("median", 50), ("p95", 95), ("longest", 100))
        },
        "wrong": answers.wrong,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", choices=("auto", "facenet", "dlib"), default="auto")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two models")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(arguments, Path(folder))
    wrong = result["wrong"]
    print(json.dumps({**result, "wrong": len(wrong)}, indent=2))
    for line in wrong[:10]:
        print(line)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 1 if wrong or not result["frames"] else 0


if __name__ == "__main__":
    sys.exit(main())
