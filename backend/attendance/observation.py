"""From the faces of a frame to marks: what may be said of each face in this session, and which marks that changes.

What is kept of a face is as little as the marks and a later question about them need:

- An accepted sighting of a student who is not marked yet is kept: it counts towards the mark.
- Of a student who is marked already, one sighting in ten seconds, so that it shows until when they were there.
- A doubtful face is kept, with a crop, when a person is asked about it, and a person is asked once in half a minute.
- Of strangers, and of people enrolled elsewhere, nothing: no row, no crop, no number. Who comes by in the corridor is
  no business of the course's. The frame's answer counts them and has their boxes, so that a frame that is sent again
  is answered the same; it goes with the frame.
"""

from __future__ import annotations

import math
import secrets
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from attendance import marks, rosters
from attendance.actor import system_actor
from attendance.confirmation import confirmation
from attendance.faces_seen import FaceDecision, FaceValues, FrameValues, Reason, answer_of, consenting
from attendance.models import (
    AttendanceRecord,
    ClassSession,
    Frame,
    MarkSource,
    MarkStatus,
    ReviewItem,
    Sighting,
    SightingDecision,
)
from attendance.policy import Policy

SEEN_AGAIN_AFTER = timedelta(seconds=10)
ASKED_AGAIN_AFTER = timedelta(seconds=30)
_MARKED = (MarkStatus.PRESENT, MarkStatus.LATE)


@dataclass(frozen=True, slots=True)
class Crop:
    """A crop to be kept: of the face ``face_index`` of the frame, under ``path`` below the folder of crops."""

    path: str
    face_index: int


@dataclass(slots=True)
class Observed:
    """faces: what is answered of each, in their order, with ids instead of names. changes: of marks. crops: whose
    files are still to be written; their rows are there."""

    frame: Frame
    faces: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    crops: list[Crop] = field(default_factory=list)


def observe(
    db: Session,
    session: ClassSession,
    frame: FrameValues,
    faces: Sequence[FaceValues],
    policy: Policy,
    now: datetime,
) -> Observed:
    """Take in the faces of ``frame``. The caller holds the lock on ``session`` and has checked that it takes the frame
    and does not know it yet. Whom the camera may recognise is read here, so that whoever withdrew a moment ago is
    not."""
    row = Frame(
        session_id=session.id,
        event_uuid=frame.key,
        body_sha256=frame.body_sha256,
        captured_at=frame.captured_at,
        received_at=frame.received_at,
        model_version=frame.model_version,
        model_generation=frame.model_generation or None,
    )
    db.add(row)
    db.flush()
    return _Observer(db, session, row, policy, now).observe(faces)


class _Observer:
    def __init__(self, db: Session, session: ClassSession, row: Frame, policy: Policy, now: datetime) -> None:
        self._db, self._session, self._row, self._policy, self._now = db, session, row, policy, now
        self._observed = Observed(row)
        self._records: dict[int, AttendanceRecord] = {}
        self._sightings: dict[int, list[tuple[datetime, str]]] = {}
        self._asked: dict[int, int] = {}

    def observe(self, faces: Sequence[FaceValues]) -> Observed:
        roster = rosters.recognisable(self._db, self._session)
        anybody = {who for face in faces for who in (face.external_id, *(name for name, _ in face.candidates))}
        elsewhere = consenting(self._db, [who for who in anybody if who not in roster])
        named = [roster.get(face.external_id) if face.external_id is not None else None for face in faces]
        often = {student_id for student_id, count in Counter(named).items() if count > 1 and student_id is not None}
        possible = [
            [(roster[who], likeness) for who, likeness in face.candidates if who in roster]
            if (face.decision == "uncertain" or student_id in often)
            # nothing is kept of a face that may be of somebody whose consent has ended since it was looked at
            and all(who in roster or who in elsewhere for who, _ in face.candidates)
            else []
            for face, student_id in zip(faces, named, strict=True)
        ]
        accepted = [each for each in named if each is not None and each not in often]
        self._look_up(accepted, {student_id for each in possible for student_id, _ in each} | often)
        for index, (face, student_id, candidates) in enumerate(zip(faces, named, possible, strict=True)):
            if student_id in often and student_id is not None:
                # two faces cannot be one person, and which of them it is only a person can tell
                first = [(student_id, face.similarity)]
                others = [each for each in candidates if each[0] != student_id]
                answer = self._doubtful(index, face, first + others, Reason.TWICE_IN_FRAME)
            elif student_id is not None:
                answer = self._accepted(index, face, student_id)
            elif face.decision == "known" and face.external_id in elsewhere:
                answer = answer_of(face, FaceDecision.NOT_ENROLLED, Reason.NOT_ON_ROSTER)
            elif candidates:
                answer = self._doubtful(index, face, candidates, Reason.DOUBTFUL)
            else:
                nobody_here = face.decision == "uncertain"
                answer = answer_of(
                    face, FaceDecision.UNKNOWN, Reason.NO_CANDIDATE_HERE if nobody_here else Reason.STRANGER
                )
            self._observed.faces.append(answer)
        return self._observed

    def _look_up(self, accepted: Collection[int], doubtful: Collection[int]) -> None:
        """What is known of these students in this session, with one query of each kind."""
        wanted = {*accepted, *doubtful}
        if not wanted:
            return
        records = select(AttendanceRecord).where(
            AttendanceRecord.session_id == self._session.id, AttendanceRecord.student_id.in_(wanted)
        )
        found = self._db.scalars(records.execution_options(populate_existing=True))
        self._records = {record.student_id: record for record in found}
        window, captured_at = self._policy.confirm_window, self._row.captured_at
        if accepted:
            near = (
                select(Sighting.student_id, Sighting.captured_at, Frame.body_sha256)
                .join(Sighting.frame)
                .where(
                    Sighting.session_id == self._session.id,
                    Sighting.student_id.in_(accepted),
                    Sighting.decision == SightingDecision.ACCEPTED,
                    Sighting.captured_at.between(captured_at - window, captured_at + window),
                )
            )
            for student_id, at, sha in self._db.execute(near):
                if student_id is not None:
                    self._sightings.setdefault(student_id, []).append((at, sha))
        if doubtful:
            asked = (
                select(ReviewItem)
                .join(ReviewItem.sighting)
                .where(
                    ReviewItem.session_id == self._session.id,
                    Sighting.captured_at.between(captured_at - ASKED_AGAIN_AFTER, captured_at + ASKED_AGAIN_AFTER),
                )
                .order_by(ReviewItem.id)
            )
            self._asked = {
                item.candidates[0]["student_id"]: item.id for item in self._db.scalars(asked) if item.candidates
            }

    def _accepted(self, index: int, face: FaceValues, student_id: int) -> dict[str, Any]:
        record = self._records.get(student_id)
        if record is None:
            record = marks.ensure_record(self._db, self._session, student_id, self._now)
            self._records[student_id] = record
        if marks.set_by_hand(record):
            return answer_of(face, FaceDecision.ACCEPTED, Reason.SET_BY_HAND, student_id=student_id)
        if not self._counts(record):
            self._seen_again(index, face, record)
            return answer_of(face, FaceDecision.DUPLICATE, Reason.ALREADY_MARKED, student_id=student_id)
        captured_at = self._row.captured_at
        near = self._sightings.get(student_id, [])
        if any(sha == self._row.body_sha256 for _, sha in near):
            # the same picture under another key is the same moment, not another one
            reason = Reason.SAME_PICTURE
        else:
            near = [*near, (captured_at, self._row.body_sha256)]
            self._keep(index, face, SightingDecision.ACCEPTED, student_id)
            reason = Reason.MORE_SIGHTINGS_NEEDED
        first, seen = confirmation(near, self._policy)
        if first is not None:
            reason = self._mark(record, first)
        return answer_of(
            face,
            FaceDecision.ACCEPTED,
            reason,
            student_id=student_id,
            confirmed={"seen": seen, "needed": self._policy.confirm_sightings},
        )

    def _counts(self, record: AttendanceRecord) -> bool:
        """Whether a sighting in this frame can change the record: always before there is a mark, and when frames that
        waited for the network show that it was earlier than it seemed."""
        if record.status not in _MARKED or record.first_seen_at is None:
            return True
        captured_at, late_after = self._row.captured_at, self._session.late_after
        if record.status is MarkStatus.LATE and captured_at < late_after + self._policy.confirm_window:
            return True
        return captured_at < record.first_seen_at

    def _mark(self, record: AttendanceRecord, first: datetime) -> Reason:
        status = self._session.mark_of(first)
        marked = record.status in _MARKED
        reason = Reason.SEEN_EARLIER if marked else Reason.CONFIRMED
        changed = not marked or (record.status is MarkStatus.LATE and status is MarkStatus.PRESENT)
        if changed:
            change = marks.change(
                self._db,
                record,
                status,
                source=MarkSource.FACE,
                actor=system_actor(),
                reason_code=reason.value,
                now=self._now,
                frame_id=self._row.id,
            )
            self._observed.changes.append(
                {
                    "record_id": record.id,
                    "student_id": record.student_id,
                    "old": change.old_status.value,
                    "new": change.new_status.value,
                    "version": record.version,
                }
            )
        # of a mark that was taken back, what was seen before does not count
        known = [at for at in (record.first_seen_at,) if at is not None and marked]
        record.first_seen_at = min([first, *known])
        record.last_seen_at = max(
            [self._row.captured_at, first, *([record.last_seen_at] if record.last_seen_at else [])]
        )
        return reason if changed else Reason.ALREADY_MARKED

    def _seen_again(self, index: int, face: FaceValues, record: AttendanceRecord) -> None:
        last = record.last_seen_at
        if last is not None and self._row.captured_at <= last + SEEN_AGAIN_AFTER:
            return
        record.last_seen_at = self._row.captured_at
        self._keep(index, face, SightingDecision.DUPLICATE, record.student_id)

    def _doubtful(
        self, index: int, face: FaceValues, candidates: Sequence[tuple[int, float]], reason: Reason
    ) -> dict[str, Any]:
        reasons, item_id = [reason], None
        ids = [student_id for student_id, _ in candidates]
        # of two faces with the same name one is somebody else, and it may be anybody
        least = face.similarity - face.reach if reason is Reason.DOUBTFUL else -math.inf
        plausible = [student_id for student_id, likeness in candidates if likeness >= least]
        if all(self._is_decided(student_id) for student_id in plausible or ids):
            reasons.append(Reason.ALREADY_MARKED)
        elif ids[0] in self._asked:
            reasons.append(Reason.ALREADY_ASKED)
            item_id = self._asked[ids[0]]
        else:
            item_id = self._ask(index, face, candidates)
        return answer_of(face, FaceDecision.REVIEW, *reasons, candidate_ids=ids, review_item_id=item_id)

    def _is_decided(self, student_id: int) -> bool:
        record = self._records.get(student_id)
        return record is not None and (record.status in _MARKED or marks.set_by_hand(record))

    def _ask(self, index: int, face: FaceValues, candidates: Sequence[tuple[int, float]]) -> int:
        crop = Crop(f"{secrets.token_hex(16)}.jpg", index)
        sighting = self._keep(index, face, SightingDecision.REVIEW, None)
        sighting.crop_path, sighting.expires_at = crop.path, self._now + self._policy.review_crops
        item = ReviewItem(
            session_id=self._session.id,
            sighting=sighting,
            candidates=[{"student_id": who, "similarity": likeness} for who, likeness in candidates],
            created_at=self._now,
        )
        self._db.add(item)
        self._db.flush()
        self._observed.crops.append(crop)
        return item.id

    def _keep(self, index: int, face: FaceValues, decision: SightingDecision, student_id: int | None) -> Sighting:
        sighting = Sighting(
            session_id=self._session.id,
            frame_id=self._row.id,
            face_index=index,
            student_id=student_id,
            captured_at=self._row.captured_at,
            received_at=self._row.received_at,
            similarity=face.similarity,
            score=face.score,
            margin=face.margin,
            decision=decision,
            box=list(face.box),
        )
        self._db.add(sighting)
        return sighting
