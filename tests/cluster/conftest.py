"""What the tests of a cluster share, as each part of it takes a quarter of a minute."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from config import Settings
from recognizer.weights import WeightsFile
from support.campus import class_settings
from support.ray_cluster import RayCluster, ray_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[RayCluster]:
    """A head that recognises nobody, and two machines of one processor."""
    with ray_cluster(nodes=3, head_cpus=0) as running:
        yield running


@pytest.fixture(scope="session")
def trained(dlib_weights: WeightsFile, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with a model of a small class; for a test ``support.campus.copied``."""
    return class_settings(tmp_path_factory.mktemp("class"), dlib_weights)
