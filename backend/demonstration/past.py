"""The two weeks behind the demo's school: who came when, and what the instructor did about it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path

from attendance import schedules, sessions, warnings
from attendance.corrections import CorrectionReason
from attendance.days import day_bounds, local_day, moment_of
from attendance.models import ClassSession, Course, MarkStatus, WarningKind
from attendance.recurrence import weekly
from demonstration.cast import MAIN_COURSE, SMALL_COURSE
from demonstration.lessons import Lessons
from demonstration.school import WITHOUT_FACE, School, student_ids
from demonstration.time_zone import local_time_zone
from sample_class.members import Member

_WEEKS = 2
# Before the first lesson: time to found a school.
_FOUNDED_BEFORE, _MORNING = timedelta(days=2), time(8)
_AHEAD = timedelta(weeks=4)

# A letter for each lesson. P: on time. L: late. A: not there. E: not there, and excused. H: there and not seen by the
# camera, set present by hand. W: somebody else was taken for them, set absent by hand. D: left early, said by hand.
# R: a doubtful face, decided to be theirs. Q: a doubtful face that nobody has decided about yet.
_FATES: Mapping[str, Mapping[str, str]] = {
    MAIN_COURSE: {
        "s01": "PPPPPP",
        "s02": "PPPLPP",
        "s03": "LPLPPL",
        "s04": "PPPPAP",
        "s05": "PPHPPP",
        "s06": "PPPRPP",
        "s07": "PEEPPP",
        "s08": "PPPPPQ",
        "s09": "PPPPDP",
        "s10": "PPPWPP",
        "s11": "PPAPAA",
        "s12": "PLPPAP",
    },
    SMALL_COURSE: {"s02": "PPPP", "s04": "PLPP", "s06": "APPP", "s08": "PPPP", "s10": "PPPA", WITHOUT_FACE[0]: "HHHH"},
}
_USUALLY = "P"


@dataclass(frozen=True, slots=True)
class Timetable:
    """When a course meets. weekdays: as RFC 5545 writes them."""

    weekdays: tuple[str, ...]
    start: time
    duration: timedelta


TIMETABLES = {
    MAIN_COURSE: Timetable(("MO", "WE", "FR"), time(9), timedelta(minutes=90)),
    SMALL_COURSE: Timetable(("TU", "TH"), time(14), timedelta(minutes=90)),
}

_Action = Callable[[datetime], object]


def founded_on(today: date) -> datetime:
    """When a school is founded that has two weeks behind it ``today``."""
    return moment_of(today - timedelta(weeks=_WEEKS) - _FOUNDED_BEFORE, _MORNING, local_time_zone())


def live_through(
    school: School, courses: Sequence[Course], students: Sequence[Member], today: date, crops: Path
) -> None:
    """Let the two weeks before ``today`` happen. students: of the class. crops: the server's folder of crops of
    doubtful faces."""
    lessons = Lessons(school, {member.student_id: member for member in students}, student_ids(school), crops)
    past = _Past(school, lessons)
    for course in courses:
        past.plan(course, today)
    past.happen()


@dataclass(slots=True)
class _Past:
    """What is to happen, in whatever order it is put down; ``happen`` lets it happen in the order of time."""

    school: School
    lessons: Lessons
    _events: list[tuple[datetime, int, _Action]] = field(default_factory=list)
    _random: random.Random = field(default_factory=lambda: random.Random(2025))

    def plan(self, course: Course, today: date) -> None:
        """Make the course's timetable and warnings, from two weeks before ``today`` to four weeks after it, and put
        down what happened in the lessons before ``today``."""
        school, at = self.school, self.school.opened + timedelta(hours=6)
        timetable = TIMETABLES[course.code]
        with school.services.database.writing() as db:
            schedules.create_rule(
                db,
                school.instructor,
                course.id,
                rrule=weekly(list(timetable.weekdays)),
                starts_on=today - timedelta(weeks=_WEEKS),
                ends_on=today + _AHEAD,
                start_time=timetable.start,
                duration_s=int(timetable.duration.total_seconds()),
                now=at,
            )
            for kind, threshold in ((WarningKind.PERCENT_BELOW, 75.0), (WarningKind.ABSENCES_IN_A_ROW, 2.0)):
                values = {"kind": kind, "threshold": threshold}
                warnings.create_rule(db, school.instructor, course.id, values, at)
        with school.services.database.reading() as db:
            until, _ = day_bounds(today, course.timezone)
            held = sessions.list_sessions(db, school.instructor, course_id=course.id, until=until, limit=100).items
        fates = {
            student: fates
            for student, fates in _FATES[course.code].items()
            if student in self.lessons.members or student == WITHOUT_FACE[0]
        }
        for number, session in enumerate(held):
            self._lesson(session, {student: letters[number : number + 1] for student, letters in fates.items()})
        for student, letters in fates.items():
            self._excuses(course, student, letters, held)

    def happen(self) -> None:
        for at, _, action in sorted(self._events, key=lambda event: event[:2]):
            action(self.school.clock.go_to(at))

    def _on(self, at: datetime, action: _Action) -> None:
        self._events.append((at, len(self._events), action))

    def _lesson(self, session: ClassSession, fates: Mapping[str, str]) -> None:
        lessons, start, end = self.lessons, session.starts_at, session.ends_at
        self._on(start - timedelta(minutes=4), partial(self._see_to_warnings, session.course_id))
        self._on(start - timedelta(minutes=3), partial(lessons.open, session))
        for student, fate in fates.items():
            self._fate(session, student, fate or _USUALLY)
        closed = end + timedelta(minutes=1)
        self._on(closed, partial(lessons.close, session))
        settled = closed + self.school.services.policy.settle_after + timedelta(seconds=10)
        self._on(settled, lessons.tend)
        self._on(end + timedelta(hours=4), self._clean_up)

    def _fate(self, session: ClassSession, student: str, fate: str) -> None:
        lessons, start = self.lessons, session.starts_at

        def after(low: float, high: float | None = None) -> datetime:
            return start + timedelta(minutes=round(self._random.uniform(low, high or low), 2))

        def by_hand(status: MarkStatus, reason: CorrectionReason, text: str, minutes: float) -> None:
            self._on(after(minutes), partial(lessons.correct, session, student, status, reason, text))

        if fate in "PWD":
            self._on(after(-2.5, 8), partial(lessons.arrive, session, student))
        if fate == "L":
            self._on(after(12, 25), partial(lessons.arrive, session, student))
        if fate in "RQ":
            self._on(after(4), partial(lessons.doubt, session, student))
        if fate == "R":
            self._on(after(35), partial(lessons.decide, session, student))
        if fate == "H":
            text = "Is called by name, without the camera" if student == WITHOUT_FACE[0] else "Sat behind the pillar"
            by_hand(MarkStatus.PRESENT, CorrectionReason.ARRIVED_UNSEEN, text, 20)
        if fate == "W":
            by_hand(MarkStatus.ABSENT, CorrectionReason.MISRECOGNISED, "It was his brother, who brought a book", 15)
        if fate == "D":
            by_hand(MarkStatus.LEFT_EARLY, CorrectionReason.LEFT_EARLY, "Had to catch a train, and said so", 60)

    def _excuses(self, course: Course, student: str, letters: str, held: Sequence[ClassSession]) -> None:
        """One for each row of lessons that were missed with an excuse; it comes in before the first of them."""
        days = zip(letters, held, strict=False)
        for is_excused, row in groupby(days, key=lambda each: each[0] == "E"):
            if is_excused:
                missed = [session for _, session in row]
                span = [local_day(session.starts_at, course.timezone) for session in missed]
                self._on(
                    missed[0].starts_at - timedelta(hours=1),
                    partial(self.lessons.excuse, course.id, student, span[0], span[-1]),
                )

    def _see_to_warnings(self, course_id: int, at: datetime) -> None:
        """The instructor reads what was raised after the lesson before."""
        actor = self.school.instructor
        with self.school.services.database.writing() as db:
            found = warnings.list_warnings(db, actor, course_id, unacknowledged=True, cursor=None, limit=100)
            for warning in found.items:
                warnings.acknowledge(db, actor, warning.id, at)

    def _clean_up(self, at: datetime) -> None:
        self.school.services.retention.run(at)
