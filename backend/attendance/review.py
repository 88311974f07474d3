"""Doubtful faces: what a person is asked, what they decide, and how a decision is taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from attendance import audit, marks, rosters, settling
from attendance.access import require_course, require_session, visible_course_ids, visible_student_ids
from attendance.actor import Actor
from attendance.faces_seen import candidate_bands
from attendance.frames_taken import named, with_consent
from attendance.models import (
    AttendanceChange,
    AttendanceRecord,
    ClassSession,
    FaceImage,
    FaceImageState,
    MarkSource,
    MarkStatus,
    ReviewItem,
    ReviewResolution,
    Sighting,
)
from attendance.paging import Page, page_of
from attendance.policy import Policy
from attendance.states import require_markable
from attendance.versions import check_version
from errors import ConflictError, InvalidRequestError, NotFoundError

# Once decided, a crop is of no more use than for thinking better of it.
KEPT_FOR_UNDO = timedelta(minutes=5)
_STAYS_BY_HAND = (MarkStatus.PRESENT, MarkStatus.LATE, MarkStatus.EXCUSED, MarkStatus.LEFT_EARLY)


def list_items(
    db: Session,
    actor: Actor,
    *,
    session_id: int | None = None,
    course_id: int | None = None,
    is_open: bool | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[dict[str, Any]]:
    """The items of the courses that ``actor`` may see, oldest first. is_open: only those that are (or are not) still
    to be decided."""
    query = select(ReviewItem).join(ReviewItem.session).where(ClassSession.course_id.in_(visible_course_ids(actor)))
    if session_id is not None:
        require_session(db, actor, session_id)
        query = query.where(ReviewItem.session_id == session_id)
    if course_id is not None:
        require_course(db, actor, course_id)
        query = query.where(ClassSession.course_id == course_id)
    if is_open is not None:
        undecided = ReviewItem.resolution.is_(None)
        query = query.where(undecided if is_open else ~undecided)
    page = page_of(db, query, (ReviewItem.id,), cursor=cursor, limit=limit)
    return Page(_shown(db, actor, page.items), page.next_cursor)


def get_item(db: Session, actor: Actor, item_id: int) -> dict[str, Any]:
    """An item, with the ids of the face images of each candidate, to compare, where photos are for ``actor``."""
    item = _require_item(db, actor, item_id)
    return _one_shown(db, actor, item)


def crop_path(db: Session, actor: Actor, item_id: int, now: datetime) -> str:
    """Where the crop of an open item lies, below the folder of crops. Raises NotFoundError once it is decided or
    expired."""
    item = _require_item(db, actor, item_id)
    if not _has_crop(item, now) or item.sighting.crop_path is None:
        raise NotFoundError("the crop of this face is no longer kept", code="no_crop")
    return item.sighting.crop_path


def resolve(
    db: Session,
    actor: Actor,
    item_id: int,
    resolution: ReviewResolution,
    student_id: int | None,
    expected: int | None,
    now: datetime,
) -> dict[str, Any]:
    """Decide whose face it is. As a student of the session's roster, that one becomes present or late, by when the
    face was seen.

    What a person set as excused, present, late or left early stays as it is, and so does a mark that says at least as
    much already. expected: the version that the item was read at.
    """
    item, session = _locked(db, actor, item_id)
    check_version(item, expected)
    require_markable(session)
    if item.resolution is not None:
        raise ConflictError("this face was decided about already; undo that first", code="already_resolved")
    if (resolution is ReviewResolution.STUDENT) != (student_id is not None):
        raise InvalidRequestError(
            "name the student when it is one, and only then",
            code="student",
            errors=[{"field": "student_id", "message": "belongs to the resolution student, and to no other"}],
        )
    if student_id is not None:
        change = _mark(db, actor, session, item.sighting, student_id, now)
        item.change_id = change.id if change is not None else None
        item.sighting.student_id = student_id
    item.resolution, item.student_id = resolution, student_id
    item.resolved_by, item.resolved_at = actor.user_id, now
    item.version += 1
    if item.sighting.expires_at is not None:
        item.sighting.expires_at = min(item.sighting.expires_at, now + KEPT_FOR_UNDO)
    _note(db, actor, "review.resolve", item, now)
    return _one_shown(db, actor, item)


def undo(
    db: Session, actor: Actor, item_id: int, expected: int | None, policy: Policy, now: datetime
) -> dict[str, Any]:
    """Take a decision back, and with it the change of the mark. Raises ConflictError when the mark was changed again
    since: that was somebody's decision too."""
    item, session = _locked(db, actor, item_id)
    check_version(item, expected)
    require_markable(session)
    if item.resolution is None or item.resolution is ReviewResolution.EXPIRED:
        raise ConflictError("nobody has decided about this face yet", code="not_resolved")
    if item.change_id is not None:
        _take_back(db, actor, session, item.change_id, now)
    item.change_id = item.resolution = item.student_id = item.resolved_by = item.resolved_at = None
    item.sighting.student_id = None
    item.version += 1
    if item.sighting.crop_path is not None and item.sighting.expires_at is not None and item.sighting.expires_at > now:
        item.sighting.expires_at = item.created_at + policy.review_crops
    _note(db, actor, "review.undo", item, now)
    return _one_shown(db, actor, item)


def _mark(
    db: Session, actor: Actor, session: ClassSession, sighting: Sighting, student_id: int, now: datetime
) -> AttendanceChange | None:
    roster = rosters.enrolled_students(db, session.course_id, rosters.session_day(session))
    if student_id not in {student.id for student in roster}:
        raise InvalidRequestError(
            f"student {student_id} is not on the roster of this session",
            code="not_on_roster",
            errors=[{"field": "student_id", "message": "is not on the roster of this session"}],
        )
    record = marks.ensure_record(db, session, student_id, now)
    seen_at = sighting.captured_at
    status = session.mark_of(seen_at)
    decided = marks.set_by_hand(record) and record.status in _STAYS_BY_HAND
    if decided or record.status in (MarkStatus.PRESENT, status):
        return None
    return marks.change(
        db,
        record,
        status,
        source=MarkSource.MANUAL,
        actor=actor,
        reason_code="review",
        now=now,
        frame_id=sighting.frame_id,
    )


def _take_back(db: Session, actor: Actor, session: ClassSession, change_id: int, now: datetime) -> None:
    change = db.get_one(AttendanceChange, change_id)
    record = db.get_one(AttendanceRecord, change.record_id, populate_existing=True)
    latest = marks.last_change(db, record.id)
    if latest is None or latest.id != change.id:
        raise ConflictError("the mark was changed again since; correct it on the sheet", code="changed_since")
    marks.put_back(db, record, change, source=MarkSource.MANUAL, actor=actor, reason_code="review_undone", now=now)
    settling.settle_again(db, session, record, now)


def _require_item(db: Session, actor: Actor, item_id: int) -> ReviewItem:
    item = db.get(ReviewItem, item_id)
    if item is None:
        raise NotFoundError(f"there is no review item {item_id}")
    require_session(db, actor, item.session_id)
    return item


def _locked(db: Session, actor: Actor, item_id: int) -> tuple[ReviewItem, ClassSession]:
    session_id = db.scalar(select(ReviewItem.session_id).where(ReviewItem.id == item_id))
    if session_id is None:
        raise NotFoundError(f"there is no review item {item_id}")
    session = require_session(db, actor, session_id, change=True, lock=True)
    item = db.get_one(ReviewItem, item_id, populate_existing=True)
    db.refresh(item.sighting)
    return item, session


def _note(db: Session, actor: Actor, action: str, item: ReviewItem, now: datetime) -> None:
    db.flush()
    audit.record(
        db,
        actor,
        action,
        "review_item",
        item.id,
        now,
        session_id=item.session_id,
        resolution=item.resolution.value if item.resolution is not None else None,
        student_id=item.student_id,
    )


def _has_crop(item: ReviewItem, now: datetime) -> bool:
    sighting = item.sighting
    expired = sighting.expires_at is None or sighting.expires_at <= now
    return item.resolution is None and sighting.crop_path is not None and not expired


def _one_shown(db: Session, actor: Actor, item: ReviewItem) -> dict[str, Any]:
    (shown,) = _shown(db, actor, [item])
    ids = [candidate["student"]["id"] for candidate in shown["candidates"]]
    theirs = visible_student_ids(actor, to_manage=True)
    query = (
        select(FaceImage.student_id, FaceImage.id)
        .where(
            FaceImage.student_id.in_(ids),
            FaceImage.student_id.in_(theirs),
            FaceImage.state == FaceImageState.STORED,
        )
        .order_by(FaceImage.id)
    )
    images = db.execute(query).all() if ids else []
    for candidate in shown["candidates"]:
        candidate["face_image_ids"] = [image for who, image in images if who == candidate["student"]["id"]]
    return shown


def _shown(db: Session, actor: Actor, items: Sequence[ReviewItem]) -> list[dict[str, Any]]:
    ids = {candidate["student_id"] for item in items for candidate in item.candidates}
    visible = with_consent(db, ids)
    people = named(db, ids | {item.student_id for item in items if item.student_id is not None})
    shown = []
    for item in items:
        bands = candidate_bands([candidate["similarity"] for candidate in item.candidates])
        candidates = [
            {
                "student": people[candidate["student_id"]],
                "band": band,
                "similarity": candidate["similarity"] if actor.is_admin else None,
            }
            for candidate, band in zip(item.candidates, bands, strict=True)
            if candidate["student_id"] in visible
        ]
        shown.append(
            {
                "id": item.id,
                "session_id": item.session_id,
                "course_id": item.session.course_id,
                "frame_id": item.sighting.frame_id,
                "captured_at": item.sighting.captured_at,
                "created_at": item.created_at,
                "crop_expires_at": item.sighting.expires_at if item.sighting.crop_path is not None else None,
                "candidates": candidates,
                "resolution": item.resolution,
                "student": people.get(item.student_id) if item.student_id is not None else None,
                "resolved_by": item.resolved_by,
                "resolved_at": item.resolved_at,
                "change_id": item.change_id,
                "version": item.version,
            }
        )
    return shown
