"""What runs on the machines of the cluster while photos are embedded: one process on one core each."""

from __future__ import annotations

import logging
import pickle
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from recognizer.download import file_sha256
from training.embedding import EmbeddedBatch, EmbeddingMethod, LocalEmbedding
from training.samples import Sample

PHOTOS, ANSWER = "photos", "answer"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unlike:
    """A photo that this machine does not have as the training does. reason: a sentence with the machine's name."""

    sample: Sample
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """batch: of the photos that are here as they should be. unlike: the others. refusal: why nothing could be done at
    all, a sentence with the machine's name; else empty."""

    batch: EmbeddedBatch
    unlike: tuple[Unlike, ...] = ()
    refusal: str = ""


class PhotoWorker:
    """The networks of one process; Ray Data gives it batch after batch.

    It is made in a moment, and the networks are loaded with the first batch: to whoever watches, a worker that has been
    made has found a processor.
    """

    def __init__(self, method: EmbeddingMethod, dataset: Path, networks: Path | None) -> None:
        """dataset: the folder that all photos lie in. networks: where converted networks are kept."""
        self._method, self._dataset, self._networks = method, dataset, networks
        self._embedding: LocalEmbedding | None = None

    def __call__(self, table: pa.Table) -> pa.Table:
        """One row with a pickled batch of samples in, one with the pickled ``Answer`` out."""
        (row,) = table.column(PHOTOS).to_pylist()
        return one_row(ANSWER, self._answer(pickle.loads(row)))

    def _answer(self, samples: Sequence[Sample]) -> Answer:
        try:
            self._embedding = self._embedding or self._loaded()
            unlike = tuple(each for each in map(self._compared, samples) if each is not None)
            missed = {each.sample for each in unlike}
            return Answer(self._embedding.embed([sample for sample in samples if sample not in missed]), unlike)
        except Exception as error:  # an exception of a worker ends the run without anybody's name
            _logger.exception("a batch could not be embedded")
            reason = str(error) if isinstance(error, _UnusableError) else f"{type(error).__name__}: {error}"
            return Answer(EmbeddedBatch({}, (), 0), refusal=f"on the machine {socket.gethostname()}, {reason}")

    def _loaded(self) -> LocalEmbedding:
        weights, method = self._method.weights, self._method
        try:
            for each in weights.networks:
                if file_sha256(each.path) != each.sha256:
                    raise _UnusableError(
                        f"{each.path} holds other weights than here; copy that file to the same place on every machine"
                    )
        except OSError as error:
            raise _UnusableError(
                f"the weights {error.filename or weights.path} cannot be read ({error.strerror or error}); put them at "
                "the same place on every machine, or name a file on storage that all of them have mounted, with "
                "--weights"
            ) from error
        if not self._dataset.is_dir():
            raise _UnusableError(
                f"there is no folder {self._dataset}; the photos must be on storage that every machine has mounted at "
                "the same place"
            )
        try:
            return method.on_one_core(self._networks)
        except (ImportError, RuntimeError) as error:
            raise _UnusableError(
                f"the networks cannot be loaded on {method.detector_engine} and {method.embedder_engine}, which were "
                f"chosen here ({error}); install the same packages there, or set SMARTATTENDANCE_ENGINE=torch here"
            ) from error

    def _compared(self, sample: Sample) -> Unlike | None:
        """None where the photo is here as it should be."""
        where = f"on the machine {socket.gethostname()}, the photo {sample.path}"
        try:
            if file_sha256(sample.path) == sample.sha256:
                return None
            return Unlike(sample, f"{where} is another one than here")
        except OSError as error:
            return Unlike(sample, f"{where} cannot be read ({error.strerror or error})")


class _UnusableError(Exception):
    """This machine cannot work; the message is a clause that says why and what to do."""


def one_row(column: str, content: object) -> pa.Table:
    """A table of one row with ``content``, pickled, in its only column."""
    return pa.table({column: pa.array([pickle.dumps(content, pickle.HIGHEST_PROTOCOL)], pa.binary())})
