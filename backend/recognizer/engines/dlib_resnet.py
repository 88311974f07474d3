"""dlib's face recognition ResNet (Davis King, 2017), read from its .dat file into torch, without dlib.

The file is dlib's serialisation. An integer is one byte (low nibble: how many bytes follow, high bit: sign)
and then that many bytes, little-endian. A tensor is a version (2), four integers (samples, k, rows, columns)
and raw little-endian float32. Layers stand in forward order: 29 ``con_4`` records, each followed by an
``affine_`` one, then ``fc_2`` without bias.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from errors import WeightsError

CONVOLUTIONS = 29
KERNEL = 3
STEM_KERNEL = 7
OUTPUTS = 128


class DlibResNet(nn.Module):
    """Input (n, 3, 150, 150) float32, normalised; output (n, 128), length about 1.3."""

    def __init__(self, convolutions: list[nn.Conv2d], fc: torch.Tensor) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(convolutions)
        self.fc = nn.Parameter(fc)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        convolutions = iter(self.convolutions)
        x = functional.max_pool2d(functional.relu(next(convolutions)(x)), 3, 2)
        for first in convolutions:
            y = next(convolutions)(functional.relu(first(x)))
            if first.stride == (2, 2):
                x = functional.avg_pool2d(x, 2, 2)
            x = functional.relu(_add_padded(y, x))
        return x.mean(dim=(2, 3)) @ self.fc


def _add_padded(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Sum of two maps; where they differ in size the smaller counts as zero (dlib's ``add_prev`` rule)."""
    if a.shape == b.shape:
        return a + b
    channels, rows, columns = (max(p, q) for p, q in zip(a.shape[1:], b.shape[1:], strict=True))
    return _grow(a, channels, rows, columns) + _grow(b, channels, rows, columns)


def _grow(x: torch.Tensor, channels: int, rows: int, columns: int) -> torch.Tensor:
    return functional.pad(x, (0, columns - x.shape[3], 0, rows - x.shape[2], 0, channels - x.shape[1]))


@dataclass
class _Reader:
    data: bytes
    position: int = 0

    def seek_tag(self, tag: bytes) -> None:
        found = self.data.find(tag, self.position)
        if found < 0:
            raise WeightsError(f"no {tag.decode()!r} record after byte {self.position}: not dlib's face ResNet")
        self.position = found + len(tag)

    def integer(self) -> int:
        head = self.data[self.position]
        count = head & 0x0F
        if not 1 <= count <= 8:
            raise WeightsError(f"malformed integer at byte {self.position}: not dlib's face ResNet")
        value = int.from_bytes(self.data[self.position + 1 : self.position + 1 + count], "little")
        self.position += 1 + count
        return -value if head & 0x80 else value

    def tensor(self) -> NDArray[np.float32]:
        version = self.integer()
        if version != 2:
            raise WeightsError(f"tensor of version {version} at byte {self.position}, expected 2")
        size = math.prod(self.integer() for _ in range(4))
        end = self.position + 4 * size
        if size < 0 or end > len(self.data):
            raise WeightsError(f"the file ends inside a tensor of {size} numbers: it is truncated")
        values = np.frombuffer(self.data, "<f4", size, self.position).astype(np.float32)
        self.position = end
        return values


def read_dlib_resnet(path: Path) -> DlibResNet:
    """Read ``dlib_face_recognition_resnet_model_v1.dat``; raises WeightsError for any other file."""
    try:
        reader = _Reader(path.read_bytes())
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        convolutions: list[nn.Conv2d] = []
        channels = 3
        for index in range(CONVOLUTIONS):
            convolution = _read_convolution(reader, channels, KERNEL if index else STEM_KERNEL)
            convolutions.append(convolution)
            channels = convolution.out_channels
        reader.seek_tag(b"fc_2")
        outputs, inputs = reader.integer(), reader.integer()
        if (outputs, inputs) != (OUTPUTS, channels):
            raise WeightsError(f"the last layer takes {inputs} numbers to {outputs}: not dlib's face ResNet")
        fc = reader.tensor().reshape(inputs, outputs)
    except (IndexError, ValueError) as error:
        raise WeightsError(f"{path} is not dlib's face ResNet: {error}") from error
    except WeightsError as error:
        raise WeightsError(f"{path} cannot be used: {error}") from error
    return DlibResNet(convolutions, torch.from_numpy(fc))


def _read_convolution(reader: _Reader, channels: int, kernel: int) -> nn.Conv2d:
    reader.seek_tag(b"con_4")
    parameters = reader.tensor()
    out = reader.integer()
    rows, columns, stride_y, stride_x, pad_y, pad_x = (reader.integer() for _ in range(6))
    if (stride_y, stride_x, pad_y, pad_x) not in ((1, 1, 1, 1), (2, 2, 0, 0)):
        raise WeightsError("a convolution with another stride or padding: not dlib's face ResNet")
    weights = out * channels * kernel * kernel
    if (rows, columns) != (kernel, kernel) or len(parameters) != weights + out:
        raise WeightsError(f"a {rows}x{columns} convolution with {len(parameters)} numbers: not dlib's face ResNet")
    reader.seek_tag(b"affine_")
    gamma, beta = _read_affine(reader, out)
    weight = parameters[:weights].reshape(out, channels, kernel, kernel) * gamma[:, None, None, None]
    bias = parameters[weights:] * gamma + beta
    convolution = nn.Conv2d(channels, out, kernel, (stride_y, stride_x), (pad_y, pad_x))
    convolution.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})
    return convolution


def _read_affine(reader: _Reader, channels: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    parameters = reader.tensor()
    if len(parameters) != 2 * channels:
        raise WeightsError(f"an affine record with {len(parameters)} numbers for {channels} channels")
    return parameters[:channels], parameters[channels:]
