"""Following faces from one frame to the next, so that a face that was recognised is not embedded in every frame.

A face takes over the answer of the frame before only when all of this holds; else it is embedded like any other:

- That answer was given to the same student by embeddings of so many frames in a row as make a mark, the last at most
  ``EMBEDDED_AGAIN_SECONDS`` ago, by the same model, and the student may still be named.
- The frame before was captured at most ``LONGEST_GAP_SECONDS`` earlier.
- The face lies where that one lay, with its landmarks in the same places of its box, and no other face touches either:
  where people pass one another nobody can tell by place who is who.
- It looks the same: two people can change places between two frames. The head with some of its surroundings, cut out
  where the landmarks carry the earlier cut, must correlate by ``SAME_LOOK``. Of 59,920 pairs of different people
  of lfw-dev, all photographed from the front, the highest correlation was 0.867, of one pair in ten thousand it was
  above 0.823; of the same person 80 ms later in a clip of people who move, the median was 0.94.
- Nobody else in the frame is taken for the same student.

While every face of a frame holds its answer so, only the places of the faces are looked at, and the whole frame is
searched for newcomers every ``SEARCHED_AGAIN_SECONDS``. Where a face is not found where it was, or does not hold, the
whole frame is searched at once.

What is remembered of a face is that small picture, its place and the answer, in memory, until the next frame.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recognizer.crops import small_head
from recognizer.types import BoundingBox, Decision, DetectedFace, FloatArray, Identity, RGBImage

EMBEDDED_AGAIN_SECONDS = 3.0
LONGEST_GAP_SECONDS = 0.6
SEARCHED_AGAIN_SECONDS = 0.5
SAME_PLACE = 0.4  # overlap of the boxes, intersection over union
APART = 0.02  # at most so much may any other face overlap
SAME_SHAPE = 0.12  # how far a landmark may move within the box, in box sides
SAME_LOOK = 0.88


@dataclass(frozen=True, slots=True, eq=False)
class _Track:
    """look: as ``small_head`` gives it of ``cut``. in_a_row: how many embeddings gave this answer. embedded_at:
    seconds."""

    face: DetectedFace
    cut: BoundingBox
    look: FloatArray
    identity: Identity
    in_a_row: int
    embedded_at: float


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """What is known of the faces of a frame before any is embedded. held: for each face the answer it may take over, or
    None. earlier: the track it continues, or None. cuts, looks: of each face, as its track is to have them."""

    held: tuple[Identity | None, ...]
    earlier: tuple[_Track | None, ...]
    cuts: tuple[BoundingBox, ...]
    looks: tuple[FloatArray, ...]


class Tracker:
    """The faces of one camera. Thread-safe; frames that come in another order than they were captured are not used."""

    def __init__(self, needed: int) -> None:
        """needed: how many embeddings in a row must name the same student before the next frame takes that over."""
        self._needed = needed
        self._lock = threading.Lock()
        self._tracks: tuple[_Track, ...] = ()
        self._at = self._searched_at = -np.inf
        self._model = ""
        self._shape: tuple[int, ...] = ()

    def places(
        self,
        image: RGBImage,
        captured_at: float,
        model: str,
        among: frozenset[str] | None,
        without: frozenset[str],
    ) -> tuple[BoundingBox, ...] | None:
        """Where the faces lay in the frame before, when only these places need to be looked at; None when the whole
        frame has to be searched. The rest as ``follow`` takes it."""
        with self._lock:
            tracks, searched_at = self._usable(captured_at, model), self._searched_at
            same_camera = self._shape == image.shape
        if not tracks or not same_camera or captured_at - searched_at >= SEARCHED_AGAIN_SECONDS:
            return None
        if not all(self._holds(track, captured_at, among, without) for track in tracks):
            return None
        return tuple(track.face.box for track in tracks)

    def follow(
        self,
        image: RGBImage,
        faces: Sequence[DetectedFace],
        captured_at: float,
        model: str,
        among: frozenset[str] | None,
        without: frozenset[str],
    ) -> Followed:
        """captured_at: seconds. model: the version that will embed. among, without: who may be named."""
        with self._lock:
            tracks = self._usable(captured_at, model)
        earlier, cuts, looks = [], [], []
        for face in faces:
            track, cut = _at_its_place(face, faces, tracks), face.box
            look = None
            if track is not None:
                cut = _carried(track.cut, track.face.landmarks, face.landmarks)
                look = small_head(image, cut)
                if float(look @ track.look) < SAME_LOOK:
                    track, cut, look = None, face.box, None
            earlier.append(track)
            cuts.append(cut)
            looks.append(small_head(image, cut) if look is None else look)
        held = tuple(
            track.identity if track is not None and self._holds(track, captured_at, among, without) else None
            for track in earlier
        )
        return Followed(held, tuple(earlier), tuple(cuts), tuple(looks))

    def learn(
        self,
        faces: Sequence[DetectedFace],
        followed: Followed,
        identities: Sequence[Identity],
        embedded: Sequence[bool],
        captured_at: float,
        model: str,
        *,
        shape: tuple[int, ...] = (),
        searched: bool = True,
    ) -> None:
        """Remember what was answered. embedded: which of the faces were; the others took over what is known of them.
        shape: of the image. searched: whether the whole of it was."""
        tracks = []
        for face, cut, look, before, identity, anew in zip(
            faces, followed.cuts, followed.looks, followed.earlier, identities, embedded, strict=True
        ):
            if not anew and before is not None:
                tracks.append(_Track(face, cut, look, identity, before.in_a_row, before.embedded_at))
                continue
            again = before is not None and identity.student_id is not None
            again = again and before is not None and before.identity.student_id == identity.student_id
            in_a_row = 1 + (before.in_a_row if again and before is not None else 0)
            tracks.append(_Track(face, cut, look, identity, in_a_row, captured_at))
        with self._lock:
            if captured_at > self._at:
                self._tracks, self._at, self._model, self._shape = tuple(tracks), captured_at, model, shape
                if searched:
                    self._searched_at = captured_at

    def _usable(self, captured_at: float, model: str) -> tuple[_Track, ...]:
        """Under the lock: the tracks that a frame of that moment may continue."""
        return self._tracks if 0 < captured_at - self._at <= LONGEST_GAP_SECONDS and model == self._model else ()

    def _holds(self, track: _Track, captured_at: float, among: frozenset[str] | None, without: frozenset[str]) -> bool:
        student = track.identity.student_id
        named = {student, *(candidate.student_id for candidate in track.identity.candidates)}
        return (
            track.identity.decision is Decision.KNOWN
            and track.in_a_row >= self._needed
            and captured_at - track.embedded_at < EMBEDDED_AGAIN_SECONDS
            and without.isdisjoint(named)
            and (among is None or student in among)
        )


def _at_its_place(face: DetectedFace, faces: Sequence[DetectedFace], tracks: Sequence[_Track]) -> _Track | None:
    """The track that only ``face`` of all ``faces`` can continue, by where they lie."""
    if any(other is not face and other.box.iou(face.box) > APART for other in faces):
        return None
    near = [track for track in tracks if track.face.box.iou(face.box) > APART]
    if len(near) != 1:
        return None
    track = near[0]
    claimed = sum(other.box.iou(track.face.box) > APART for other in faces)
    if claimed != 1 or track.face.box.iou(face.box) < SAME_PLACE:
        return None
    moved = float(np.abs(_within_box(face) - _within_box(track.face)).max())
    return track if moved <= SAME_SHAPE else None


def _carried(cut: BoundingBox, before: FloatArray, now: FloatArray) -> BoundingBox:
    """Where ``cut`` has gone with the landmarks (5, 2): moved and scaled as they were. Boxes jump by some pixels from
    one search to the next, landmarks hardly do."""
    middle_before, middle = before.mean(axis=0), now.mean(axis=0)
    spread = float(((before - middle_before) ** 2).sum())
    scale = float(np.sqrt(((now - middle) ** 2).sum() / spread)) if spread > 0 else 1.0
    x, y = (float(value) for value in middle + scale * (np.array(cut.centre) - middle_before))
    width, height = max(scale * cut.width, 1.0) / 2, max(scale * cut.height, 1.0) / 2
    return BoundingBox(x - width, y - height, x + width, y + height)


def _within_box(face: DetectedFace) -> FloatArray:
    """The landmarks (5, 2) in box sides from its corner."""
    box = face.box
    corner = np.array([box.x1, box.y1], np.float32)
    sides = np.array([box.width, box.height], np.float32)
    return np.asarray((face.landmarks - corner) / sides, dtype=np.float32)
