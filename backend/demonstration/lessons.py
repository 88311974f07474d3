"""What happens in a lesson, as the camera, the server and the instructor make it happen.

Of the past there are no pictures: what the recognizer would have said of them is made up, and goes the way of every
frame from there on.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from attendance import corrections, excuses, frames_taken, review, sessions, settling
from attendance.corrections import CorrectionReason, Wanted
from attendance.excuses import ExcuseReason
from attendance.faces_seen import FaceValues, FrameValues
from attendance.frames_taken import Taken
from attendance.models import ClassSession, MarkStatus, ReviewResolution
from demonstration.school import School
from operations import review_crops
from operations.watching import Watch
from recognizer.images import encode_jpeg
from recognizer.types import Decision, Identity, RecognitionResult, RecognizedFace, RGBImage
from sample_class.members import Member
from sample_class.portraits import portrait

# What says of past frames that no camera saw them.
MODEL = "sample-data"
_WIDTH, _HEIGHT = 1280, 720
_BETWEEN_FRAMES = timedelta(seconds=1)
# A shot that is neither trained nor tested on.
_DOUBTFUL_SHOT, _DOUBTFUL_SIZE = 900, 200


@dataclass(slots=True)
class Lessons:
    """members: the class, by external id. ids: of the students, by external id. crops: the server's folder of crops of
    doubtful faces. Each method does one thing at the moment it is given, which the clock has reached."""

    school: School
    members: Mapping[str, Member]
    ids: Mapping[str, int]
    crops: Path
    _random: random.Random = field(default_factory=lambda: random.Random(2026))
    _watch: Watch | None = None
    _frames: int = 0

    def open(self, session: ClassSession, at: datetime) -> None:
        with self.school.services.database.writing() as db:
            sessions.open_session(
                db, self.school.instructor, session.id, at, model_version=MODEL, thresholds={"confirm_sightings": 2}
            )

    def close(self, session: ClassSession, at: datetime) -> None:
        with self.school.services.database.writing() as db:
            sessions.close_session(db, self.school.instructor, session.id, at)

    def tend(self, at: datetime) -> None:
        """What the server does by itself about sessions and warnings."""
        services = self.school.services
        settling.tend(services.database, services.policy, at)
        self._watch = self._watch or Watch(services.database)
        self._watch.run(at)

    def arrive(self, session: ClassSession, student: str, at: datetime) -> None:
        """The camera sees a student twice."""
        for moment in (at, at + _BETWEEN_FRAMES):
            self._take(session, moment, [self._known(student)])

    def doubt(self, session: ClassSession, student: str, at: datetime) -> None:
        """The camera sees somebody who may be this student, or another one."""
        services = self.school.services
        picture, found = services.inference.detect(encode_jpeg(self._picture(student)))
        image = picture.pixels
        if not found:  # a question without a picture is none
            return
        others = [each for each in self.members if each != student]
        candidates = [(student, 0.47), (others[len(student) % len(others)], 0.41)] if others else [(student, 0.47)]
        face = FaceValues(
            decision="uncertain",
            box=_rounded(found[0].box.as_tuple()),
            external_id=None,
            probability=0.5,
            similarity=0.47,
            score=0.46,
            margin=0.06,
            candidates=tuple(candidates),
        )
        taken = self._take(session, at, [face], size=(image.shape[1], image.shape[0]))
        identity = Identity(None, Decision.UNKNOWN, 0.0, 0.0, 0.0, 0.0, ())
        result = RecognitionResult((RecognizedFace(found[0], identity),), (image.shape[1], image.shape[0]), MODEL)
        review_crops.write(self.school.services.database, self.crops, image, result, taken.crops, at)

    def decide(self, session: ClassSession, student: str, at: datetime) -> None:
        """The instructor says that the doubtful face is this student's."""
        with self.school.services.database.writing() as db:
            actor = self.school.instructor
            for item in review.list_items(db, actor, session_id=session.id, is_open=True).items:
                review.resolve(db, actor, item["id"], ReviewResolution.STUDENT, self.ids[student], item["version"], at)

    def correct(
        self,
        session: ClassSession,
        student: str,
        status: MarkStatus,
        reason: CorrectionReason,
        text: str,
        at: datetime,
    ) -> None:
        """The instructor sets a mark by hand."""
        with self.school.services.database.writing() as db:
            wanted = [Wanted(status, student_id=self.ids[student])]
            corrections.correct_many(
                db, self.school.instructor, session.id, wanted, reason_code=reason, text=text, now=at
            )

    def excuse(self, course_id: int, student: str, first: date, last: date, at: datetime) -> None:
        """The instructor takes in an excuse from the first day to the last."""
        with self.school.services.database.writing() as db:
            excuses.create_excuse(
                db,
                self.school.instructor,
                student_id=self.ids[student],
                course_id=course_id,
                starts_on=first,
                ends_on=last,
                reason_code=ExcuseReason.ILLNESS,
                text="A note from the doctor",
                now=at,
            )

    def _take(
        self,
        session: ClassSession,
        at: datetime,
        faces: Sequence[FaceValues],
        size: tuple[int, int] = (_WIDTH, _HEIGHT),
    ) -> Taken:
        self._frames += 1
        key = f"sample-{self._frames}"
        frame = FrameValues(
            key=key,
            body_sha256=hashlib.sha256(key.encode()).hexdigest(),
            captured_at=at,
            received_at=at,
            model_version=MODEL,
            width=size[0],
            height=size[1],
        )
        services = self.school.services
        with services.database.writing() as db:
            return frames_taken.take(db, self.school.instructor, session.id, frame, faces, services.policy, at)

    def _known(self, student: str) -> FaceValues:
        def between(low: float, high: float) -> float:
            return round(self._random.uniform(low, high), 3)

        left, top, side = between(200, 900), between(150, 350), between(60, 120)
        return FaceValues(
            decision="known",
            box=(left, top, round(left + side, 1), round(top + 1.2 * side, 1)),
            external_id=student,
            probability=between(0.93, 0.99),
            similarity=between(0.66, 0.86),
            score=between(0.62, 0.82),
            margin=between(0.15, 0.35),
            candidates=(),
        )

    def _picture(self, student: str) -> RGBImage:
        member = self.members[student]
        return portrait(member.person, _DOUBTFUL_SHOT, _DOUBTFUL_SIZE)


def _rounded(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (round(float(value), 1) for value in box)
    return left, top, right, bottom
