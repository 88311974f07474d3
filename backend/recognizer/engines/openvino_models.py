"""The networks as OpenVINO models: made from torch's the first time, read from a folder afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recognizer.engines import mtcnn_graphs, pixels
from recognizer.engines.converted import converted, from_torch, place, take_pixels
from recognizer.engines.eight_bits import in_eight_bits
from recognizer.engines.mtcnn_weights import NETWORKS, mtcnn_numbers, mtcnn_sha256
from recognizer.engines.openvino_engine import OpenVinoMtcnnNetworks
from recognizer.engines.openvino_import import ov
from recognizer.weights import WeightsFile

_GRAPHS = {"pnet": mtcnn_graphs.pnet, "rnet": mtcnn_graphs.rnet, "onet": mtcnn_graphs.onet}


def embedder_model(weights: WeightsFile, size: int, folder: Path | None) -> ov.Model:
    """The embedding network for crops (n, size, size, 3) uint8."""
    return converted(weights.embedder_id, weights.sha256, folder, partial(_convert_embedder, weights, size))


def embedder_in_eight_bits(
    weights: WeightsFile, size: int, folder: Path | None, faces: Callable[[], NDArray[np.uint8]]
) -> ov.Model:
    """The same with its convolutions in eight bits. faces: gives crops (n, size, size, 3) uint8 to find out with how
    high its values go; asked only where the network is not kept."""
    made = partial(_convert_to_eight_bits, weights, size, folder, faces)
    return converted(eight_bits_name(weights.embedder_id), weights.sha256, folder, made)


def eight_bits_name(embedder_id: str) -> str:
    """Under which the network is kept."""
    return f"{embedder_id}-int8"


@lru_cache(maxsize=2)
def mtcnn_networks(folder: Path | None, threads: int) -> OpenVinoMtcnnNetworks:
    """P-Net, R-Net and O-Net. Detectors that look for faces of other sizes share them: training has three."""
    sha256 = mtcnn_sha256()
    pnet, rnet, onet = (converted(name, sha256, folder, partial(_graph, name)) for name in NETWORKS)
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
    return take_pixels(model, mean=mean, scale=scale)


def _convert_to_eight_bits(
    weights: WeightsFile, size: int, folder: Path | None, faces: Callable[[], NDArray[np.uint8]]
) -> ov.Model:
    return in_eight_bits(embedder_model(weights, size, folder), faces())


def _graph(name: str) -> ov.Model:
    return _GRAPHS[name](mtcnn_numbers(name))
