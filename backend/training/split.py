"""Dividing each student's photos into those that train and those that measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TEST_SHARE = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class DatasetSplit:
    """train, test: ascending indices of photos, disjoint, together all of them."""

    train: NDArray[np.intp]
    test: NDArray[np.intp]


def split_by_student(
    labels: NDArray[np.integer[Any]], groups: NDArray[np.integer[Any]], seed: int, test_share: float = TEST_SHARE
) -> DatasetSplit:
    """About ``test_share`` of every student's photos to the test side, at least one, never all.

    groups: (n,) photos with the same number are near duplicates of one another and stay on one side; a photo that is
    its own twin would measure memory, not recognition. No group belongs to two students. A student whose photos all
    belong to one group is trained on and not measured. The result depends on the labels, the groups and the seed alone.
    """
    rng = np.random.default_rng(seed)
    test: list[NDArray[np.intp]] = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        own_groups = np.unique(groups[own])
        if len(own_groups) < 2:
            continue
        wanted = min(max(1, round(test_share * len(own))), len(own) - 1)
        # A large burst of near duplicates may not take more than half of the student's photos away from training. One
        # of two groups or more is always that small.
        most = max(wanted, len(own) // 2)
        taken = 0
        for group in rng.permutation(own_groups):
            members = own[groups[own] == group]
            if taken + len(members) > most:
                continue
            test.append(members)
            taken += len(members)
            if taken >= wanted:
                break
    chosen = np.sort(np.concatenate(test)) if test else np.zeros(0, np.intp)
    return DatasetSplit(train=np.setdiff1d(np.arange(len(labels)), chosen), test=chosen)
