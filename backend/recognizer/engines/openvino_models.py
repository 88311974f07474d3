"""The networks as OpenVINO models: made from torch's the first time, read from a folder afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from recognizer.engines import pixels
from recognizer.engines.converted import converted, from_torch, place, take_pixels
from recognizer.engines.mtcnn_weights import mtcnn_sha256
from recognizer.engines.openvino_engine import OpenVinoMtcnnNetworks
from recognizer.engines.openvino_import import ov
from recognizer.weights import WeightsFile

MTCNN = ("pnet", "rnet", "onet")


def embedder_model(weights: WeightsFile, size: int, folder: Path | None) -> ov.Model:
    """The embedding network for crops (n, size, size, 3) uint8."""
    return converted(weights.embedder_id, weights.sha256, folder, partial(_convert_embedder, weights, size))


@lru_cache(maxsize=2)
def mtcnn_networks(folder: Path | None, threads: int) -> OpenVinoMtcnnNetworks:
    """P-Net, R-Net and O-Net. Detectors that look for faces of other sizes share them: training has three."""
    sha256 = mtcnn_sha256()
    pnet, rnet, onet = (
        converted(name, sha256, folder, partial(_convert_mtcnn, number)) for number, name in enumerate(MTCNN)
    )
    return OpenVinoMtcnnNetworks(pnet, rnet, onet, threads)


def are_kept(names: Iterable[str], weights_sha256: str, folder: Path | None) -> bool:
    """Whether the networks ``names`` of these weights would be read and not converted."""
    return folder is not None and all(place(name, weights_sha256, folder).is_dir() for name in names)


def _convert_embedder(weights: WeightsFile, size: int) -> ov.Model:
    import torch

    from recognizer.engines.dlib_resnet import read_dlib_resnet
    from recognizer.engines.torch_engine import facenet_network

    if weights.embedder_id == "facenet":
        network, mean, scale = facenet_network(weights.path), pixels.FACENET_MEAN, pixels.FACENET_SCALE
    else:
        network, mean, scale = read_dlib_resnet(weights.path), pixels.DLIB_MEAN, pixels.DLIB_SCALE
    model = from_torch(network, (torch.zeros(2, 3, size, size),), ((0,),))
    return take_pixels(model, uint8=True, mean=mean, scale=scale)


def _convert_mtcnn(number: int) -> ov.Model:
    import torch

    from recognizer.engines.torch_engine import mtcnn_networks

    # of sizes that are no limits of anything, so that none is taken for fixed
    examples: tuple[tuple[Any, ...], ...] = (
        (torch.zeros(1, 3, 101, 121), torch.zeros(1, 1, 99, 119)),
        (torch.zeros(3, 3, 24, 24),),
        (torch.zeros(3, 3, 48, 48),),
    )
    dynamic: tuple[tuple[tuple[int, ...], ...], ...] = (((2, 3), (2, 3)), ((0,),), ((0,),))
    model = from_torch(mtcnn_networks()[number], examples[number], dynamic[number])
    return take_pixels(model, uint8=False, mean=pixels.FACENET_MEAN, scale=pixels.FACENET_SCALE)
