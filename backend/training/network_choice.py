"""Whether dlib's network beside FaceNet recognises a class better than FaceNet alone: asked of the class itself.

On Western press photos the two together find more students (benchmarks/conditions.py); of people who look alike to
dlib's network it knows nothing that FaceNet does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from recognizer.crops import FACENET_RECIPE
from recognizer.embeddings import l2_normalise
from recognizer.scoring import ConditionGallery, build_gallery, largest_similarities
from recognizer.types import EmbedderInfo, FloatArray
from recognizer.weights import WeightsFile
from training.calibration import condition_galleries, find_thresholds
from training.evaluation import Rate
from training.profiles import EmbedderProfile, load_profile
from training.trainer import TrainingConfig, TrainingData, divided

FACENET_NUMBERS = 512
"""The first so many of both networks' 640 numbers are FaceNet's."""


def compare_networks(both: TrainingData, alone: TrainingData, config: TrainingConfig) -> Mapping[str, Rate]:
    """Held-out photos, as they are and in each condition, that ``both`` networks and FaceNet ``alone`` name rightly, by
    embedder. Strangers alone set the limits, so that the two are compared at the same rate of them. Raises
    TrainingError when nothing can be held out."""
    named = {}
    for embedder, data in (("both", both), ("facenet", alone)):
        named[embedder] = _named(data, config, load_profile(embedder))
    return named


def facenet_alone(data: TrainingData) -> TrainingData:
    """What FaceNet alone made of the photos that both networks embedded."""
    return replace(
        data,
        embeddings=_first(data.embeddings),
        strangers=None if data.strangers is None else _first(data.strangers),
        in_conditions=None if data.in_conditions is None else _first(data.in_conditions),
    )


def info_of_facenet(both: EmbedderInfo, weights: WeightsFile) -> EmbedderInfo:
    """FaceNet's part of both networks; weights: of both."""
    signature = _first(np.array(both.signature, np.float32))
    return EmbedderInfo(
        "facenet", weights.parts[0].sha256, FACENET_NUMBERS, FACENET_RECIPE.as_dict(), tuple(map(float, signature))
    )


def _first(embeddings: FloatArray) -> FloatArray:
    return l2_normalise(embeddings[..., :FACENET_NUMBERS])


def _named(data: TrainingData, config: TrainingConfig, profile: EmbedderProfile) -> Rate:
    classes, labels, split = divided(data, config.seed)
    embeddings, own = data.embeddings[split.train], labels[split.train]
    gallery = build_gallery(embeddings, own, len(classes))
    looks = data.embeddings[split.test][:, None]
    conditions: tuple[ConditionGallery, ...] = ()
    if data.in_conditions is not None:
        galleries = condition_galleries(gallery, embeddings, data.in_conditions[split.train], own)
        conditions = tuple(galleries.values())
        looks = np.concatenate([looks, data.in_conditions[split.test]], axis=1)
    thresholds = find_thresholds(
        embeddings,
        own,
        data.groups[split.train],
        profile,
        threshold_percentile=100,
        max_fpir=config.max_fpir,
        strangers=data.strangers,
        conditions=conditions,
    )
    offsets, right = gallery.offsets(thresholds.scoring), 0
    for look in np.moveaxis(looks, 1, 0):
        similarities = largest_similarities(gallery.centroids, conditions, look)
        nearest, rows = similarities.argmax(axis=1), np.arange(len(look))
        accepted = similarities[rows, nearest] - offsets[nearest] > thresholds.accept
        right += int((accepted & (nearest == labels[split.test])).sum())
    return Rate(right, looks.shape[0] * looks.shape[1])
