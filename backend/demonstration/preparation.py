"""Making the demo: pictures, school, past, model. Of a run that was interrupted, what is complete is kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app import create_app, services_of
from attendance.days import local_day
from config import Settings
from demonstration import embedder, model, school
from demonstration.cast import Cast
from demonstration.clock import MovedClock
from demonstration.folder import DemoFolder
from demonstration.past import founded_on, live_through
from demonstration.pictures import Pictures
from demonstration.school import School, Services
from demonstration.stages import Stages
from demonstration.time_zone import local_time_zone
from operations import review_crops


@dataclass(slots=True)
class Preparation:
    """folder: which is held. settings: as ``DemoFolder.settings`` gives them."""

    folder: DemoFolder
    settings: Settings
    stages: Stages
    cast: Cast

    def run(self) -> dict[str, Any]:
        """Make what is not there yet; what a later start wants to know of it: the choice of the embedder, and the
        passwords. Raises SmartAttendanceError, OSError."""
        self.folder.check_space()
        with _logged(self.folder.log):
            facts = {"choice": embedder.choose(self.settings, self.stages.say), "passwords": school.new_passwords()}
            self._draw()
            settings = embedder.with_choice(self.settings, facts["choice"])
            model.end_orphans(settings)
            self.folder.forget_school()
            self._make_school(settings, facts["passwords"])
        self.folder.complete(facts)
        return facts

    def _draw(self) -> None:
        pictures, cast = Pictures(self.folder, self.cast), self.cast
        if not pictures.has_photos():
            what = f"Drawing photos of {len(cast.students)} students and {len(cast.strangers)} strangers"
            with self.stages.stage(what, pictures.photos_drawn):
                pictures.draw_photos()
        if not pictures.has_clip():
            with self.stages.stage("Drawing the clip of the class walking in", pictures.frames_drawn):
                pictures.draw_clip()

    def _make_school(self, settings: Settings, passwords: Mapping[str, str]) -> None:
        clock, stages = MovedClock(), self.stages
        today = local_day(clock.now(), local_time_zone())
        with ExitStack() as opened:
            with stages.stage("Loading the networks"):
                services: Services = services_of(create_app(settings, clock=clock))
            opened.callback(services.database.close)
            opened.callback(services.trainings.close)
            opened.callback(services.recognizer.close)
            with stages.stage("Founding a school with two courses"):
                made = school.open_school(services, clock, founded_on(today), passwords)
                courses = school.found_courses(made, self.cast.students)
                school.give_consents(made, self.cast.students)
            self._enrol(made)
            with stages.stage("Living through the two past weeks"):
                live_through(made, courses, self.cast.students, today, review_crops.folder_of(settings.data_dir))
            clock.go_on()
            with stages.stage("Training the model"):
                model.train(made)
        with stages.stage("Trying the model on photos it has not seen"):
            students, strangers = model.try_out(self.folder, settings)
        stages.say(
            f"  {students.tpir.count} of {students.tpir.total} photos of students named, {students.misnamed.count} of "
            f"them wrongly; {strangers.fpir.count} of {strangers.fpir.total} photos of strangers"
        )

    def _enrol(self, made: School) -> None:
        done = 0

        def enrolled() -> None:
            nonlocal done
            done += 1

        students = self.cast.students
        with self.stages.stage("Enrolling the students' faces", lambda: (done, len(students))):
            stored, refused = school.enrol_faces(made, students, self.folder.students, enrolled)
        if refused:
            self.stages.say(f"  {stored} photos enrolled; {refused} were not good enough and were refused")


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Have what is logged meanwhile written to ``path`` rather than to the terminal."""
    root, handler = logging.getLogger(), logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        handler.close()
