"""From a photo to what is remembered of it: read, find the face, cut, embed; in batches and within bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from errors import InvalidImageError
from recognizer.assembly import build_detector, build_embedder
from recognizer.compute import Compute
from recognizer.detector import DetectorConfig, FaceDetector
from recognizer.embeddings import FaceEmbedder
from recognizer.images import ImageLimits, read_image
from recognizer.types import DetectedFace, RGBImage
from recognizer.weights import WeightsFile
from training.cache import CachedFace
from training.conditions import CONDITIONS, drawing_number, in_condition
from training.duplicates import THUMBNAIL_SIZE
from training.faces import TrainingFaceFinder
from training.samples import DEFAULT_LIMITS, DatasetIssue, IssueKind, Sample

# Images that go through the networks together. Larger batches gain nothing on a CPU; 24 images of LONGEST_SIDE, twice
# (one batch waits decoded while the other is in the networks), are 150 MB.
BATCH_SIZE = 24
SHORTEST_SIDE = 20  # pixels; below it nothing of a face is left
LONGEST_SIDE = 1024  # pixels; larger photos are shrunk before detection. A fifth of it is still more than a crop needs.


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedBatch:
    """faces: by file hash. issues: of the photos that could not be read. done: photos that this accounts for."""

    faces: Mapping[str, CachedFace]
    issues: tuple[DatasetIssue, ...]
    done: int


class EmbedMissing(Protocol):
    """A way in which photos that are not in the cache get there: batch by batch, in whatever order they come. Every
    sample is accounted for once; raises TrainingError where one cannot be."""

    def __call__(self, samples: Sequence[Sample], /) -> Iterator[EmbeddedBatch]: ...


@dataclass(frozen=True, slots=True)
class EmbeddingMethod:
    """All that another machine has to know to embed photos as this one does. detector_engine, embedder_engine: names
    of ``recognizer.engines.choice``, as chosen here: two engines' vectors differ a little."""

    weights: WeightsFile
    detector: DetectorConfig
    limits: ImageLimits
    detector_engine: str
    embedder_engine: str

    def on_one_core(self, folder: Path | None) -> LocalEmbedding:
        """Embedding by this method on one core of the machine at hand. folder: where converted networks are kept.
        Raises WeightsError, and ImportError or RuntimeError for an engine that there is not."""
        compute = Compute("cpu", self.embedder_engine, threads=1, folder=folder)

        def make_detector(min_face_size: int) -> FaceDetector:
            config = replace(self.detector, min_face_size=min_face_size)
            return build_detector(config, replace(compute, engine=self.detector_engine))

        return LocalEmbedding(make_detector, build_embedder(self.weights, compute), self.limits)


class LocalEmbedding:
    """``EmbedMissing`` in this process."""

    def __init__(
        self,
        make_detector: Callable[[int], FaceDetector],
        embedder: FaceEmbedder,
        limits: ImageLimits = DEFAULT_LIMITS,
    ) -> None:
        """make_detector: builds a detector for a smallest face in pixels; called a few times, for images of different
        sizes."""
        self._finder, self._embedder, self._limits = TrainingFaceFinder(make_detector), embedder, limits

    def __call__(self, samples: Sequence[Sample], /) -> Iterator[EmbeddedBatch]:
        """While the caller works on one batch the next is decoded in another thread."""
        ahead: deque[Future[list[tuple[Sample, RGBImage | DatasetIssue]]]] = deque()
        waiting = batches(samples)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode") as pool:
            try:
                while True:
                    batch = next(waiting, None)
                    if batch is not None:
                        ahead.append(pool.submit(self._decode_all, batch))
                    if not ahead:
                        return
                    # the first time round only submit, so that there is always one batch ahead
                    if len(ahead) > 1 or batch is None:
                        yield self._embedded(ahead.popleft().result())
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def embed(self, samples: Sequence[Sample]) -> EmbeddedBatch:
        """``samples`` as one batch."""
        return self._embedded(self._decode_all(samples))

    def _decode_all(self, samples: Sequence[Sample]) -> list[tuple[Sample, RGBImage | DatasetIssue]]:
        return [(sample, decode(sample, self._limits)) for sample in samples]

    def _embedded(self, batch: Sequence[tuple[Sample, RGBImage | DatasetIssue]]) -> EmbeddedBatch:
        """One pass through the embedding network."""
        issues = tuple(item for _, item in batch if isinstance(item, DatasetIssue))
        images = [(sample, image) for sample, image in batch if not isinstance(image, DatasetIssue)]
        if not images:
            return EmbeddedBatch({}, issues, len(batch))
        found = self._finder.find([image for _, image in images])
        faces = [(sample, image, match.face) for (sample, image), match in zip(images, found, strict=True)]
        embeddings = self._embedder.embed_crops(self._cut([(image, face) for _, image, face in faces]))
        drawn = [
            in_condition(name, image, face, drawing_number(sample.sha256))
            for sample, image, face in faces
            for name in CONDITIONS
        ]
        # Not mirrored as well: the gallery is a mean over photos already, and this takes half the time.
        in_conditions = self._embedder.embed_once(self._cut(drawn)).reshape(len(faces), len(CONDITIONS), -1)
        remembered = {
            sample.sha256: CachedFace(own, drawn_rows, _thumbnail(image), match.how, match.face.probability)
            for (sample, image), match, own, drawn_rows in zip(images, found, embeddings, in_conditions, strict=True)
        }
        return EmbeddedBatch(remembered, issues, len(batch))

    def _cut(self, faces: Sequence[tuple[RGBImage, DetectedFace]]) -> NDArray[np.uint8]:
        return np.concatenate([self._embedder.cut(image, [face]) for image, face in faces])


def batches(samples: Sequence[Sample]) -> Iterator[Sequence[Sample]]:
    """``samples`` in parts that go through the networks together."""
    for start in range(0, len(samples), BATCH_SIZE):
        yield samples[start : start + BATCH_SIZE]


def decode(sample: Sample, limits: ImageLimits) -> RGBImage | DatasetIssue:
    """The photo, shrunk where it is large, or why it is not used."""
    try:
        image = read_image(sample.path, limits)
    except InvalidImageError as error:
        return not_used(sample, str(error))
    height, width = image.shape[:2]
    if min(height, width) < SHORTEST_SIDE:
        return not_used(sample, f"it has {width} x {height} pixels, too few to show a face; take it in its full size")
    return _shrunk(image)


def not_used(sample: Sample, reason: str) -> DatasetIssue:
    """The issue of a photo that cannot be read. reason: a clause without full stop."""
    message = f"{sample.student_id}/{sample.path.name} is not used: {reason}."
    return DatasetIssue(IssueKind.UNREADABLE, message, sample.path, sample.student_id)


def _shrunk(image: RGBImage) -> RGBImage:
    height, width = image.shape[:2]
    longest = max(height, width)
    if longest <= LONGEST_SIDE:
        return image
    size = max(1, round(width * LONGEST_SIDE / longest)), max(1, round(height * LONGEST_SIDE / longest))
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.BOX), dtype=np.uint8)


def _thumbnail(image: RGBImage) -> NDArray[np.uint8]:
    size = (THUMBNAIL_SIZE, THUMBNAIL_SIZE)
    return np.array(Image.fromarray(image).convert("L").resize(size, Image.Resampling.BOX), dtype=np.uint8)
