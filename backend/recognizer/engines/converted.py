"""Networks converted from torch to OpenVINO's format, once, and kept.

A folder holds one network: its graph, its numbers, and the SHA-256 of both, which are compared whenever it is read. It
is named by the weights that the network was made from, by OpenVINO's version and by ``CONVERSION``, so that none is
read that was made in another way.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from recognizer.durable_files import make_private_folder
from recognizer.engines.openvino_import import ov

CONVERSION = 2  # raised with every change to what is converted
_GRAPH, _NUMBERS, _SUMS = "network.xml", "network.bin", "sha256.json"
_DRAFT = ".draft-"
_DRAFT_SECONDS = 3600  # a conversion takes half a minute

_logger = logging.getLogger(__name__)


def converted(name: str, weights_sha256: str, parent: Path | None, convert: Callable[[], ov.Model]) -> ov.Model:
    """The network ``name`` made from weights with that SHA-256: read from ``parent``, or made by ``convert`` and kept
    there. A folder that cannot be written costs the conversion at every start, no more."""
    if parent is None:
        return convert()
    folder = place(name, weights_sha256, parent)
    try:
        return _read(folder)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        if folder.exists():
            _logger.warning("the converted network in %s is damaged (%s); it is made anew", folder, error)
    model = convert()
    try:
        _write(model, folder)
        _tidy(parent, folder, f"{name}-{weights_sha256[:16]}-")
    except (OSError, RuntimeError) as error:
        _logger.warning("the converted network cannot be kept in %s: %s", folder, error)
    return model


def place(name: str, weights_sha256: str, parent: Path) -> Path:
    """Where ``converted`` keeps the network."""
    return parent / f"{name}-{weights_sha256[:16]}-{ov.__version__.split('-')[0]}-{CONVERSION}"


def from_torch(network: Any, example: tuple[Any, ...], dynamic: tuple[tuple[int, ...], ...]) -> ov.Model:
    """``network``, a torch module, as it computes for inputs like ``example``. dynamic: for each input, which
    dimensions may have other sizes."""
    import torch

    shapes = tuple(dict.fromkeys(axes, torch.export.Dim.DYNAMIC) for axes in dynamic)
    with torch.inference_mode(False), torch.no_grad():
        program = torch.export.export(network.eval(), example, dynamic_shapes=shapes)
    return ov.convert_model(program)


def take_pixels(
    model: ov.Model, *, mean: Sequence[float], scale: float | Sequence[float], layout: str = "NCHW", bgr: bool = False
) -> ov.Model:
    """``model`` with (n, H, W, 3) RGB 0..255 bytes as its first input, normalised as ``(pixel - mean) / scale`` within
    the network, and answers in single precision. mean, scale: of red, green and blue. layout, bgr: as the network wants
    its pixels."""
    steps = ov.preprocess.PrePostProcessor(model)
    pixels = steps.input(0)
    pixels.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    pixels.model().set_layout(ov.Layout(layout))
    pixels.preprocess().convert_element_type(ov.Type.f32).mean(list(mean))
    pixels.preprocess().scale(scale if isinstance(scale, float) else list(scale))
    if bgr:
        pixels.preprocess().reverse_channels()
    steps.output(0).tensor().set_element_type(ov.Type.f32)
    return steps.build()


def _read(folder: Path) -> ov.Model:
    sums = json.loads((folder / _SUMS).read_text(encoding="utf-8"))
    for name in (_GRAPH, _NUMBERS):
        if _sha256(folder / name) != sums[name]:
            raise ValueError(f"{name} is not what was written")
    return ov.Core().read_model(folder / _GRAPH)


def _tidy(parent: Path, folder: Path, start: str) -> None:
    """Remove the network as other versions made it, and what conversions that were killed have left."""
    for other in parent.glob(f"{start}*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    for draft in parent.glob(f"{_DRAFT}*"):
        if time.time() - draft.stat().st_mtime > _DRAFT_SECONDS:
            shutil.rmtree(draft, ignore_errors=True)


def _write(model: ov.Model, folder: Path) -> None:
    make_private_folder(folder.parent)
    draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=folder.parent))
    try:
        # half precision would change what the network answers
        ov.save_model(model, draft / _GRAPH, compress_to_fp16=False)
        sums = {name: _sha256(draft / name) for name in (_GRAPH, _NUMBERS)}
        (draft / _SUMS).write_text(json.dumps(sums), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        draft.replace(folder)
    except OSError:
        if not folder.exists():  # else another process was faster
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
