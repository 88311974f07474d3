"""The reference engine: facenet-pytorch's MTCNN and InceptionResnetV1, and dlib's ResNet, in torch."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from errors import WeightsError
from recognizer.engines.base import Detections
from recognizer.engines.dlib_resnet import DlibResNet, read_dlib_resnet
from recognizer.engines.facenet_pytorch_import import MTCNN, BasicConv2d, InceptionResnetV1
from recognizer.engines.pixels import DLIB_MEAN, DLIB_SCALE, FACENET_MEAN, FACENET_SCALE
from recognizer.types import FloatArray, RGBImage


def choose_device(name: str = "auto") -> torch.device:
    """``auto`` takes CUDA, then Apple's MPS, then the CPU."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


class TorchMtcnn:
    """facenet-pytorch's MTCNN with the weights its package carries."""

    def __init__(
        self,
        *,
        min_face_size: int,
        thresholds: tuple[float, float, float],
        scale_factor: float,
        device: str = "auto",
    ) -> None:
        # area interpolation on MPS fails for sizes that do not divide, so MPS users detect on the CPU
        chosen = choose_device(device)
        self._min_face_size = min_face_size
        self._mtcnn = MTCNN(
            keep_all=True,
            min_face_size=min_face_size,
            thresholds=list(thresholds),
            factor=scale_factor,
            post_process=False,
            device=torch.device("cpu") if chosen.type == "mps" else chosen,
        ).eval()

    def detect(self, image: RGBImage) -> Detections:
        return self.detect_batch(image[None])[0]

    def detect_at(self, image: RGBImage, boxes: FloatArray) -> None:
        return None

    def detect_batch(self, images: NDArray[np.uint8]) -> list[Detections]:
        if min(images.shape[1:3]) < self._min_face_size:
            # The image pyramid would have no level; facenet-pytorch fails on that.
            return [_no_detections() for _ in images]
        with torch.inference_mode():
            boxes, probabilities, points = self._mtcnn.detect(images, landmarks=True)
        return [
            _no_detections()
            if found is None
            else (
                np.asarray(found, dtype=np.float32),
                np.asarray(landmarks, dtype=np.float32),
                np.asarray(probability, dtype=np.float32),
            )
            for found, landmarks, probability in zip(boxes, points, probabilities, strict=True)
        ]


def _no_detections() -> Detections:
    return (
        np.zeros((0, 4), np.float32),
        np.zeros((0, 5, 2), np.float32),
        np.zeros(0, np.float32),
    )


class _TorchEmbedder:
    """A network on a device, fed with uint8 crops normalised as ``(crop - mean) / scale``."""

    def __init__(
        self, network: nn.Module, dimension: int, mean: tuple[float, float, float], scale: float, device: str
    ) -> None:
        self.dimension = dimension
        self._device = choose_device(device)
        # channels-last is the layout oneDNN and cuDNN convolve fastest in (measured here: 1.2 times)
        self._network = network.eval().to(self._device).to(memory_format=torch.channels_last)
        for parameter in self._network.parameters():
            parameter.requires_grad_(False)
        self._mean = torch.tensor(mean, device=self._device).view(1, 3, 1, 1)
        self._scale = scale

    def forward(self, crops: NDArray[np.uint8]) -> FloatArray:
        with torch.inference_mode():
            # (n, H, W, 3) seen as (n, 3, H, W) is channels-last already: no copy
            batch = torch.from_numpy(np.ascontiguousarray(crops)).to(self._device).permute(0, 3, 1, 2)
            output: FloatArray = self._network((batch.float() - self._mean) / self._scale).cpu().numpy()
        return output


class TorchFaceNet(_TorchEmbedder):
    """InceptionResnetV1, 512-d."""

    def __init__(self, weights: Path, device: str = "auto") -> None:
        super().__init__(facenet_network(weights), 512, FACENET_MEAN, FACENET_SCALE, device)


class TorchDlib(_TorchEmbedder):
    """dlib's 29-layer ResNet, 128-d."""

    def __init__(self, weights: Path, device: str = "auto") -> None:
        network: DlibResNet = read_dlib_resnet(weights)
        super().__init__(network, 128, DLIB_MEAN, DLIB_SCALE, device)


def facenet_network(weights: Path) -> nn.Module:
    """InceptionResnetV1 with the weights in a file, its batch norms folded into its convolutions."""
    # On the meta device no memory is filled with random weights that the file's then replace.
    with torch.device("meta"):
        network = InceptionResnetV1(pretrained=None, classify=False)
    network.load_state_dict(_read_facenet_state(weights, network), assign=True)
    return _fuse_batch_norms(network.eval())


def _read_facenet_state(weights: Path, network: nn.Module) -> dict[str, torch.Tensor]:
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds here; each means the same to the user
        raise WeightsError(f"{weights} is not a torch weights file ({type(error).__name__})") from error
    if not isinstance(state, dict):
        raise WeightsError(f"{weights} holds a {type(state).__name__}, not a state dict")
    if not all(isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in state.items()):
        raise WeightsError(f"{weights} is not FaceNet (InceptionResnetV1): it does not hold named tensors alone")
    # The official file also carries the head that told 8,631 people apart; embeddings do not need it.
    state = {name: tensor for name, tensor in state.items() if not name.startswith("logits.")}
    expected = network.state_dict()
    # Not the counters that old files lack: inference never reads them.
    missing = {name for name in set(expected) - set(state) if not name.endswith("num_batches_tracked")}
    wrong = {name for name in set(expected) & set(state) if expected[name].shape != state[name].shape}
    foreign = set(state) - set(expected)
    if missing or wrong or foreign:
        raise WeightsError(
            f"{weights} is not FaceNet (InceptionResnetV1): {len(missing)} tensors missing, "
            f"{len(wrong)} of another shape, {len(foreign)} foreign, for example {sorted(missing | wrong | foreign)[0]}"
        )
    counters = {name: torch.zeros((), dtype=torch.int64) for name in set(expected) - set(state)}
    return counters | {name: tensor.to(expected[name].dtype) for name, tensor in state.items()}


def _fuse_batch_norms(network: nn.Module) -> nn.Module:
    """Fold each batch norm into the convolution before it: the same function with fewer passes over memory."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, BasicConv2d):
                norm, convolution = module.bn, module.conv
                gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
                convolution.weight *= gain[:, None, None, None]
                convolution.bias = nn.Parameter(norm.bias - norm.running_mean * gain)
                module.bn = nn.Identity()
    return network


def set_threads(count: int) -> None:
    """Cores torch may use in this process; 0 leaves torch's own choice."""
    if count > 0:
        torch.set_num_threads(min(count, os.cpu_count() or count))
