"""The networks on OpenVINO, which computes them on the processor several times as fast as torch.

OpenVINO plans its work for the shape it is told; one that may vary costs up to twice the time. So each network is
compiled for the shapes that occur: batches of a few sizes, into which others are divided, and pictures of the size that
the camera sends. A shape that is seen for the first time is computed by a network for any shape, if there is one.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognizer.engines.mtcnn_graphs import side_by_side
from recognizer.engines.openvino_import import ov
from recognizer.types import FloatArray

# Of an embedding network; each compiled size takes some 70 MB.
EMBEDDING_BATCHES = (1, 2, 4, 8, 16)
# Of R-Net and O-Net, which are small. What a batch lacks is filled with zeros.
PATCH_BATCHES = (4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256)
A_CALL = 4  # of them costs as much as so many more patches
# Rough answers of O-Net, in bfloat16, take 0.4 of the time of exact ones on Intel's processors with AMX, 1.4 on those
# with AVX-512's instructions alone, and 0.65 on AMD's with these. A sixth is asked for again.
ROUGH_PAYS_BELOW = 0.8
# How many picture sizes P-Net is compiled for: a school's cameras have one or two.
PICTURE_SIZES = 4
# Of the pyramid of a picture of 1280 x 720 there are 9 sizes. Finer pyramids would take seconds to compile.
MOST_TOGETHER = 24
# A size that comes so often is worth compiling for, which takes as long as some ten pictures.
SEEN_OFTEN = 4
# So many pictures of other sizes later, a size that was compiled for gives up its place. Where more sizes come than
# there are places, the others are computed as any size; exchanging them all the time would cost more than it saves.
GONE_AFTER = 400
_REMEMBERED = 100

Array = NDArray[Any]
Sizes = tuple[tuple[int, int], ...]
"""Height and width of each picture of a pyramid."""


def supports_bfloat16() -> bool:
    """Whether this processor computes in bfloat16."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class Compiled:
    """A network for inputs of fixed shapes. Safe to call from several threads: each call has buffers of its own."""

    def __init__(self, model: ov.Model, precision: str, threads: int) -> None:
        """precision: ``f32`` or ``bf16``. threads: 0 for all cores."""
        options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
            # each process would bind its threads to the first cores, and two processes share one
            options["ENABLE_CPU_PINNING"] = False
        self._compiled = ov.Core().compile_model(model, "CPU", options)
        self._idle: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()

    def __call__(self, *inputs: Array) -> list[Array]:
        with self._request() as request:
            answer = request.infer(list(inputs), share_inputs=True, share_outputs=True)
            return [answer[number].copy() for number in range(len(answer))]

    @contextmanager
    def _request(self) -> Any:
        try:
            request = self._idle.get_nowait()
        except queue.Empty:
            request = self._compiled.create_infer_request()
        try:
            yield request
        finally:
            self._idle.put(request)


class Batched:
    """A network for batches of any size, put together from a few sizes that it is compiled for."""

    def __init__(
        self, model: ov.Model, sizes: tuple[int, ...], precision: str, threads: int, *, padded: bool = False
    ) -> None:
        """sizes: ascending. padded: a batch is filled up to the next size where that is less work than dividing it, as
        with networks that cost little."""
        self._model, self._sizes, self._padded = model, sizes, padded
        self._precision, self._threads = precision, threads
        self._lock = threading.Lock()
        self._compiled: dict[int, Compiled] = {}

    def __call__(self, batch: Array) -> list[Array]:
        """The network's outputs for ``batch`` (n, ...), n at least 1."""
        parts, start = [], 0
        while start < len(batch):
            size = self._next(len(batch) - start)
            part = batch[start : start + size]
            if len(part) < size:
                part = np.concatenate([part, np.zeros((size - len(part), *part.shape[1:]), part.dtype)])
            parts.append(self._for(size)(np.ascontiguousarray(part)))
            start += size
        joined = parts[0] if len(parts) == 1 else [np.concatenate(each) for each in zip(*parts, strict=True)]
        return [output[: len(batch)] for output in joined]

    def _next(self, left: int) -> int:
        below = max((size for size in self._sizes if size <= left), default=0)
        if not self._padded or below == self._sizes[-1]:
            return below or self._sizes[0]
        above = self._at_least(left)
        divided = below + self._at_least(left - below) + A_CALL
        return below if below and divided < above else above

    def _at_least(self, count: int) -> int:
        return next(size for size in self._sizes if size >= count)

    def _for(self, size: int) -> Compiled:
        with self._lock:
            if size not in self._compiled:
                model = self._model.clone()
                model.reshape([size, *list(model.inputs[0].partial_shape)[1:]])
                self._compiled[size] = Compiled(model, self._precision, self._threads)
            return self._compiled[size]


class OpenVinoEmbedder:
    """``EmbeddingEngine`` from a network that takes (n, size, size, 3) uint8."""

    def __init__(self, model: ov.Model, size: int, precision: str, threads: int) -> None:
        model.reshape([1, size, size, 3])  # for any number of faces, some networks do not know how long an answer is
        self.dimension = int(model.outputs[0].partial_shape[1].get_length())
        model.reshape([-1, size, size, 3])
        self._network = Batched(model, EMBEDDING_BATCHES, precision, threads)

    def forward(self, crops: NDArray[np.uint8]) -> FloatArray:
        if not len(crops):
            return np.zeros((0, self.dimension), np.float32)
        raw: FloatArray = self._network(crops)[0]
        return raw


def _seconds(network: Batched, batch: Array) -> float:
    begun = time.perf_counter()
    network(batch)
    return time.perf_counter() - begun


class OpenVinoMtcnnNetworks:
    """``MtcnnNetworks``; in single precision, as which of several boxes of a face wins depends on the last digits, and
    roughly in bfloat16."""

    def __init__(self, pnet: ov.Model, rnet: ov.Model, onet: ov.Model, threads: int) -> None:
        """As ``engines.mtcnn_graphs`` makes them."""
        self._pnet, self._threads = pnet, threads
        self._rnet = Batched(rnet, PATCH_BATCHES, "f32", threads, padded=True)
        self._onet = Batched(onet, PATCH_BATCHES, "f32", threads, padded=True)
        self._rough_onet = Batched(onet, PATCH_BATCHES, "bf16", threads, padded=True)
        self._any_size = Compiled(pnet, "f32", threads)
        self._lock = threading.Lock()
        self._pictures = 0
        # with the number of the last picture that had the size
        self._sizes: OrderedDict[Sizes, tuple[Compiled, int]] = OrderedDict()
        self._seen: OrderedDict[Sizes, int] = OrderedDict()

    @cached_property
    def rough_pays(self) -> bool:
        """Measured when it is first asked for, in a tenth of a second."""
        if not supports_bfloat16():
            return False
        patches = np.zeros((24, 48, 48, 3), np.float32)
        rough, exact = [], []
        for _ in range(5):  # in turns, and the quickest counts: other work on the machine slows both down
            rough.append(_seconds(self._rough_onet, patches))
            exact.append(_seconds(self._onet, patches))
        return min(rough) < ROUGH_PAYS_BELOW * min(exact)

    def propose(self, pictures: Sequence[FloatArray]) -> list[tuple[FloatArray, FloatArray]]:
        network = self._for(tuple((len(picture), picture.shape[1]) for picture in pictures))
        if network is None:
            answers = [self._any_size(picture[None])[0] for picture in pictures]
        else:
            answers = network(*(picture[None] for picture in pictures))
        return [(answer[0, ..., 0], answer[0, ..., 1:]) for answer in answers]

    def refine(self, patches: FloatArray) -> tuple[FloatArray, FloatArray]:
        answer = self._rnet(patches)[0]
        return answer[:, 0], answer[:, 1:]

    def finish(self, patches: FloatArray, *, rough: bool = False) -> tuple[FloatArray, FloatArray, FloatArray]:
        answer = (self._rough_onet if rough else self._onet)(patches)[0]
        return answer[:, 0], answer[:, 1:5], answer[:, 5:]

    def _for(self, sizes: Sizes) -> Compiled | None:
        """P-Net for pictures of these sizes together, if it is compiled for that."""
        with self._lock:
            self._pictures += 1
            compiled, _ = self._sizes.pop(sizes, (None, 0))
            if compiled is None:
                if not self._is_worth_compiling(sizes):
                    return None
                compiled = Compiled(side_by_side(self._pnet, sizes), "f32", self._threads)
            self._sizes[sizes] = (compiled, self._pictures)
            return compiled

    def _is_worth_compiling(self, sizes: Sizes) -> bool:
        """Under the lock: whether there is a place for ``sizes``, which is made when others have not come for long."""
        if len(sizes) > MOST_TOGETHER:
            return False
        self._seen[sizes] = self._seen.pop(sizes, 0) + 1
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        if self._seen[sizes] < SEEN_OFTEN:
            return False
        if len(self._sizes) < PICTURE_SIZES:
            return True
        longest_ago, (_, last) = next(iter(self._sizes.items()))
        if self._pictures - last < GONE_AFTER:
            return False
        del self._sizes[longest_ago]
        return True
