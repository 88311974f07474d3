"""Frames that a session takes: which ones, each of them once, and what is answered."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, exists, func, select
from sqlalchemy.orm import Session

from attendance import audit, rosters
from attendance.access import require_session
from attendance.actor import Actor
from attendance.faces_seen import Band, FaceDecision, FaceValues, FrameValues, Reason
from attendance.models import (
    AttendanceRecord,
    ClassSession,
    Consent,
    Enrolment,
    Frame,
    MarkStatus,
    SessionState,
    Sighting,
    SightingDecision,
    Student,
    StudentStatus,
)
from attendance.observation import Crop, observe
from attendance.paging import Page, page_of
from attendance.policy import Policy
from attendance.settling import takes_frame
from attendance.states import wrong_state
from errors import BusyError, ConflictError, InvalidRequestError

# Clocks of machines that keep the time differ by less than the first; a frame from later than the second is not from
# the future, its clock is wrong.
CLOCKS_DIFFER = timedelta(seconds=5)
CLOCK_IS_WRONG = timedelta(seconds=60)
# A frame that left nothing behind is remembered so long, for when it is sent again.
REMEMBERED = timedelta(hours=1)
OLDER_MODEL = "older_model"
"""Code of the error of a frame that only an older model than its session has seen could answer."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A frame that may be recognised. among, without: whom it may show, and whom never (external ids).
    model_at_least: the generation of the newest model that has answered in this session; 0 when that is not known."""

    among: frozenset[str]
    without: frozenset[str]
    model_at_least: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """answer: see ``shown``. replayed: whether it is the answer of before. crops: whose files are to be written."""

    answer: dict[str, Any]
    replayed: bool
    crops: Sequence[Crop] = ()


def moment_of_capture(claimed: datetime | None, received_at: datetime) -> datetime:
    """When a frame counts as captured. Raises InvalidRequestError for one from the future."""
    if claimed is None:
        return received_at
    ahead = claimed - received_at
    if ahead >= CLOCK_IS_WRONG:
        raise InvalidRequestError(
            f"X-Captured-At is {ahead.total_seconds():.0f} s in the future; set the clock of the machine with the "
            "camera, or leave the header out",
            code="captured_in_future",
            errors=[{"field": "X-Captured-At", "message": "lies in the future"}],
        )
    return received_at if ahead > CLOCKS_DIFFER else claimed


def check_takes(session: ClassSession, captured_at: datetime, received_at: datetime, policy: Policy) -> None:
    """Raise ConflictError unless ``session`` takes such a frame."""
    if session.state is SessionState.SCHEDULED:
        raise ConflictError("this session is not open; open it first", code="session_not_open")
    if not takes_frame(session, captured_at, received_at, policy):
        if session.state is SessionState.CLOSED:
            raise ConflictError(
                "this session is closed; what was captured before that counted for "
                f"{policy.close_grace.total_seconds():.0f} s more",
                code="session_closed",
            )
        raise wrong_state(session)
    if session.opened_at is not None and captured_at < session.opened_at:
        raise ConflictError("this frame was captured before the session was opened", code="before_opening")


def earlier(db: Session, session_id: int, key: str, body_sha256: str) -> Frame | None:
    """The frame that was taken with ``key`` before. Raises InvalidRequestError when that was another picture."""
    frame = db.scalar(select(Frame).where(Frame.session_id == session_id, Frame.event_uuid == key))
    if frame is not None and frame.body_sha256 != body_sha256:
        raise InvalidRequestError(
            "this Idempotency-Key was sent with another picture before; use a new one for each picture",
            code="idempotency_key_reused",
            errors=[{"field": "Idempotency-Key", "message": "was used for another picture"}],
        )
    return frame


def admit(
    db: Session,
    actor: Actor,
    session_id: int,
    key: str,
    body_sha256: str,
    moments: tuple[datetime, datetime],
    policy: Policy,
) -> Taken | Admitted:
    """Before a frame is recognised: the answer, if it was given before; else how it may be recognised. moments: when it
    was captured and received. Raises ConflictError when the session does not take it."""
    session = require_session(db, actor, session_id, change=True)
    before = earlier(db, session_id, key, body_sha256)
    if before is not None:
        return Taken(shown(db, before), replayed=True)
    check_takes(session, *moments, policy)
    among, without = frozenset(rosters.recognisable(db, session)), rosters.without_consent(db)
    return Admitted(among, without, session.model_generation or 0)


def take(
    db: Session,
    actor: Actor,
    session_id: int,
    frame: FrameValues,
    faces: Sequence[FaceValues],
    policy: Policy,
    now: datetime,
) -> Taken:
    """Take a recognised frame: under the lock on the session it is looked at again whether the session takes it and
    does not have it yet, then its faces become marks. All of it in the transaction of ``db``, which writes.

    Raises ConflictError, and BusyError (``older_model``) when a newer model than the frame's has answered meanwhile."""
    session = require_session(db, actor, session_id, change=True, lock=True)
    before = earlier(db, session_id, frame.key, frame.body_sha256)
    if before is not None:
        return Taken(shown(db, before), replayed=True)
    check_takes(session, frame.captured_at, frame.received_at, policy)
    _check_model(session, frame.model_generation)
    observed = observe(db, session, frame, faces, policy, now)
    asked = [face["review_item_id"] for face in observed.faces if face["review_item_id"] is not None]
    if observed.changes or observed.crops:
        audit.record(
            db,
            actor,
            "frame.take",
            "session",
            session_id,
            now,
            frame_id=observed.frame.id,
            record_ids=[change["record_id"] for change in observed.changes],
            review_item_ids=asked,
        )
    observed.frame.answer = {
        "width": frame.width,
        "height": frame.height,
        "skipped_faces": frame.skipped_faces,
        "milliseconds": {stage: round(value, 1) for stage, value in frame.milliseconds.items()},
        "faces": observed.faces,
        "changes": observed.changes,
        "tally": tally(db, session),
    }
    db.flush()
    return Taken(shown(db, observed.frame, faces if actor.is_admin else ()), replayed=False, crops=observed.crops)


def _check_model(session: ClassSession, generation: int) -> None:
    """Raise BusyError when ``session`` was answered by a newer model before; else note ``generation`` as the newest."""
    newest = session.model_generation or 0
    if 0 < generation < newest:
        raise older_model()
    if generation > newest:
        session.model_generation = generation


def older_model() -> BusyError:
    """For who would have to answer a frame by an older model than its session has seen."""
    return BusyError(
        "a newer model has been put to use and has not come everywhere yet; send this frame again in a second. If this "
        "goes on, GET /api/v1/model says what keeps it back; activating another version makes that one the newest",
        retry_after=1,
        code=OLDER_MODEL,
    )


def tally(db: Session, session: ClassSession) -> dict[str, int]:
    """How many of those enrolled have each status; ``enrolled``: how many there are."""
    enrolled = rosters.enrolled_on(rosters.session_day(session))
    here = select(Enrolment.student_id).where(Enrolment.course_id == session.course_id, enrolled)
    query = (
        select(AttendanceRecord.status, func.count())
        .where(AttendanceRecord.session_id == session.id, AttendanceRecord.student_id.in_(here))
        .group_by(AttendanceRecord.status)
    )
    counts = dict(db.execute(query).all())
    total = db.scalar(select(func.count(here.subquery().c.student_id.distinct()))) or 0
    found = {status.value: counts.get(status, 0) for status in MarkStatus}
    found[MarkStatus.UNMARKED.value] = total - sum(
        count for status, count in counts.items() if status is not MarkStatus.UNMARKED
    )
    return {**found, "enrolled": total}


def shown(db: Session, frame: Frame, numbers: Sequence[FaceValues] = ()) -> dict[str, Any]:
    """The answer for ``frame``, with the names that are not kept in it. Of a student who withdrew since, the face is
    as unknown as any; that their mark changed stays true. numbers: of its faces, for who may see them."""
    answer = deepcopy(frame.answer) or {"faces": [], "changes": [], "tally": {}, "milliseconds": {}}
    faces, changes = answer["faces"], answer["changes"]
    seen = {each for face in faces for each in (face["student_id"], *face["candidate_ids"]) if each is not None}
    people = named(db, seen | {change["student_id"] for change in changes})
    visible = with_consent(db, seen)
    for index, face in enumerate(faces):
        student_id, candidate_ids = face.pop("student_id"), face.pop("candidate_ids")
        face["student"] = people.get(student_id) if student_id in visible else None
        face["candidates"] = [people[each] for each in candidate_ids if each in visible]
        if (student_id is not None and face["student"] is None) or (candidate_ids and not face["candidates"]):
            face.update(decision="unknown", band=None, reasons=["stranger"], review_item_id=None, confirmed=None)
        face["decision"] = FaceDecision(face["decision"])
        face["band"] = Band(face["band"]) if face["band"] is not None else None
        face["reasons"] = [Reason(each) for each in face["reasons"]]
        face["numbers"] = numbers_of(numbers[index]) if numbers else None
    for change in changes:
        change["student"] = people.get(change.pop("student_id"))
        change["old"], change["new"] = MarkStatus(change["old"]), MarkStatus(change["new"])
    return {
        **answer,
        "frame_id": frame.id,
        "model_version": frame.model_version,
        "captured_at": frame.captured_at,
        "received_at": frame.received_at,
    }


def numbers_of(face: FaceValues | Sighting) -> dict[str, float]:
    return {"score": face.score, "similarity": face.similarity, "margin": face.margin}


def named(db: Session, student_ids: set[int]) -> dict[int, dict[str, Any]]:
    """Id, external id and name of students, by id."""
    if not student_ids:
        return {}
    found = db.scalars(select(Student).where(Student.id.in_(student_ids)))
    return {each.id: {"id": each.id, "external_id": each.external_id, "name": each.name} for each in found}


def with_consent(db: Session, student_ids: set[int]) -> frozenset[int]:
    """Those of ``student_ids`` whom a camera may recognise as far as their consent goes."""
    if not student_ids:
        return frozenset()
    query = (
        select(Consent.student_id)
        .join(Consent.student)
        .where(
            Consent.student_id.in_(student_ids),
            Consent.is_active,
            Student.status == StudentStatus.ACTIVE,
        )
    )
    return frozenset(db.scalars(query))


def list_sightings(
    db: Session,
    actor: Actor,
    session_id: int,
    *,
    student_id: int | None = None,
    decision: SightingDecision | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[dict[str, Any]]:
    """The sightings that were kept of a session, newest first; the recognizer's numbers for admins only."""
    require_session(db, actor, session_id)
    query = select(Sighting).where(Sighting.session_id == session_id)
    if student_id is not None:
        query = query.where(Sighting.student_id == student_id)
    if decision is not None:
        query = query.where(Sighting.decision == decision)
    page = page_of(db, query, (Sighting.id,), descending=True, cursor=cursor, limit=limit)
    people = named(db, {each.student_id for each in page.items if each.student_id is not None})
    items = [
        {
            "id": each.id,
            "frame_id": each.frame_id,
            "captured_at": each.captured_at,
            "received_at": each.received_at,
            "decision": each.decision,
            "student": people.get(each.student_id) if each.student_id is not None else None,
            "box": each.box,
            "numbers": numbers_of(each) if actor.is_admin else None,
        }
        for each in page.items
    ]
    return Page(items, page.next_cursor)


def forget_empty(db: Session, now: datetime) -> int:
    """Delete the frames that left neither a sighting nor a mark behind and are not sent again any more; how many. A
    camera that runs for a term sends millions of them."""
    query = delete(Frame).where(Frame.received_at < now - REMEMBERED, ~exists().where(Sighting.frame_id == Frame.id))
    done = db.execute(query.execution_options(synchronize_session=False))
    return cast(CursorResult[Any], done).rowcount
