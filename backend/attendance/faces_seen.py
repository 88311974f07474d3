"""A frame and its faces as plain values, and the words in which is said what became of each."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from attendance.models import Consent, Student, StudentStatus
from student_ids import key_of

# Of the calibrated confidence that the best candidate is right: above it fewer than one in fifty is wrong.
SURE_FROM = 0.98
# Of the difference of two cosines: candidates that are nearer to each other than this cannot be told apart.
CLEAR_LEAD = 0.1


class FaceDecision(StrEnum):
    """What is said of a face in a course."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """Accepted, of somebody who is marked already."""
    REVIEW = "review"
    """Too doubtful to name; a person decides."""
    NOT_ENROLLED = "not_enrolled"
    """Somebody the school knows, who is not on this roster; who it is, is not said."""
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why that is said."""

    CONFIRMED = "confirmed"
    """Enough sightings near one another: this frame made the mark."""
    SEEN_EARLIER = "seen_earlier"
    """A frame that arrived late shows that the student came earlier than it seemed."""
    MORE_SIGHTINGS_NEEDED = "more_sightings_needed"
    SAME_PICTURE = "same_picture"
    """This very picture was counted already, under another key."""
    ALREADY_MARKED = "already_marked"
    SET_BY_HAND = "set_by_hand"
    """A person set the mark; no face changes it."""
    NOT_ON_ROSTER = "not_on_roster"
    DOUBTFUL = "doubtful"
    TWICE_IN_FRAME = "twice_in_frame"
    """Two faces of this frame were taken for one student."""
    ALREADY_ASKED = "already_asked"
    """A person was asked about the same candidate a moment ago."""
    STRANGER = "stranger"
    NO_CANDIDATE_HERE = "no_candidate_here"
    """Like somebody, but like nobody on this roster."""


class Band(StrEnum):
    """How sure the recognizer is, for people; the numbers are for admins."""

    SURE = "sure"
    FAIRLY_SURE = "fairly_sure"
    NOT_SURE = "not_sure"


@dataclass(frozen=True, slots=True)
class FaceValues:
    """A face as the recognizer sees it. external_id: only when known. probability: 0..1, calibrated confidence that
    the best candidate is right. similarity: cosine to them; score, margin: as the recognizer's. candidates: (external
    id, similarity), best first. reach: a doubtful face cannot be of a candidate less similar than the best by more than
    this. box: x1, y1, x2, y2 in pixels."""

    decision: Literal["known", "uncertain", "unknown"]
    box: tuple[float, float, float, float]
    external_id: str | None = None
    probability: float = 0.0
    similarity: float = 0.0
    score: float = 0.0
    margin: float = 0.0
    candidates: tuple[tuple[str, float], ...] = ()
    reach: float = math.inf


@dataclass(frozen=True, slots=True)
class FrameValues:
    """A picture that was taken in. key: the client's Idempotency-Key, or one made for it. width, height: pixels.
    milliseconds: by stage. skipped_faces: beyond the most that are looked at in one picture. model_generation: higher
    of a model that was put to use later; 0 when that is not known."""

    key: str
    body_sha256: str
    captured_at: datetime
    received_at: datetime
    model_version: str
    width: int
    height: int
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    skipped_faces: int = 0
    model_generation: int = 0


def band_of(face: FaceValues) -> Band | None:
    """None for an unknown face: there is nothing to be sure of."""
    if face.decision == "unknown":
        return None
    if face.decision == "uncertain":
        return Band.NOT_SURE
    return Band.SURE if face.probability >= SURE_FROM else Band.FAIRLY_SURE


def candidate_bands(similarities: list[float]) -> list[Band]:
    """Of the candidates of a doubtful face, best first: nobody is sure, and only one who clearly leads is fairly."""
    leads = len(similarities) == 1 or (len(similarities) > 1 and similarities[0] - similarities[1] >= CLEAR_LEAD)
    return [Band.FAIRLY_SURE if leads and rank == 0 else Band.NOT_SURE for rank in range(len(similarities))]


def answer_of(
    face: FaceValues,
    decision: FaceDecision,
    *reasons: Reason,
    student_id: int | None = None,
    candidate_ids: Sequence[int] = (),
    review_item_id: int | None = None,
    confirmed: dict[str, int] | None = None,
) -> dict[str, Any]:
    """What is answered of a face, with ids in the place of names."""
    band: Band | None = band_of(face)
    shown = decision in (FaceDecision.ACCEPTED, FaceDecision.DUPLICATE, FaceDecision.REVIEW)
    return {
        "box": list(face.box),
        "decision": decision.value,
        "student_id": student_id,
        "band": band.value if band is not None and shown else None,
        "reasons": [reason.value for reason in reasons],
        "candidate_ids": list(candidate_ids),
        "review_item_id": review_item_id,
        "confirmed": confirmed,
    }


def consenting(db: Session, external_ids: Collection[str | None]) -> frozenset[str]:
    """Those of ``external_ids`` that are of students with a consent. Of whoever never gave one, or took it back, not
    even that the school knows them may be said, though a model may know them."""
    keys = {each: key_of(each) for each in external_ids if each is not None}
    if not keys:
        return frozenset()
    query = (
        select(Student.external_key)
        .join(Consent, Consent.student_id == Student.id)
        .where(
            Student.external_key.in_(set(keys.values())),
            Student.status == StudentStatus.ACTIVE,
            Consent.is_active,
        )
    )
    found = set(db.scalars(query))
    return frozenset(each for each, key in keys.items() if key in found)
