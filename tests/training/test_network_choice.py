"""Whether dlib's network beside FaceNet recognises a class better: both are tried on the class's own photos."""

from __future__ import annotations

import numpy as np

from recognizer.assembly import build_embedder
from recognizer.embeddings import FaceEmbedder, l2_normalise
from recognizer.types import FloatArray
from recognizer.weights import WeightsFile, two_networks
from support.compute import COMPUTE
from support.embeddings import make_people, student_ids
from training.conditions import CONDITIONS
from training.network_choice import compare_networks, facenet_alone, info_of_facenet
from training.trainer import TrainingConfig, TrainingData

STUDENTS, EACH = 12, 6


def photos(spread: float, seed: int, dimension: int) -> FloatArray:
    """Of the same students; the larger the spread, the less a network makes of them."""
    people = make_people(STUDENTS, seed=seed)
    embeddings = people.photos(EACH, seed=seed + 1)[0]
    noise = np.random.default_rng(seed).normal(0, spread / np.sqrt(dimension), (len(embeddings), dimension))
    filled = np.zeros((len(embeddings), dimension), np.float32)
    filled[:, : embeddings.shape[1]] = embeddings
    return l2_normalise((filled + noise).astype(np.float32))


def class_seen_by(facenet: FloatArray, dlib: FloatArray) -> TrainingData:
    both = np.concatenate([np.sqrt(0.3) * facenet, np.sqrt(0.7) * dlib], axis=1).astype(np.float32)
    labels = np.repeat(np.arange(STUDENTS), EACH)
    looks = np.repeat(both[:, None], len(CONDITIONS), axis=1)
    return TrainingData(both, student_ids(STUDENTS)[labels], np.arange(len(both)), "test", in_conditions=looks)


def test_the_second_network_counts_where_it_sees_more() -> None:
    # dlib's cosines all lie near 1
    seen = class_seen_by(photos(1.0, 1, 512), l2_normalise(0.08 + 0.436 * photos(0.0, 2, 128)))
    named = compare_networks(seen, facenet_alone(seen), TrainingConfig())
    assert named["both"].count > named["facenet"].count
    # one photo of each student is held out, as it is and in each condition
    assert named["both"].total == named["facenet"].total == (1 + len(CONDITIONS)) * STUDENTS


def test_a_second_network_that_confuses_everybody_is_no_better() -> None:
    seen = class_seen_by(photos(0.0, 1, 512), l2_normalise(np.ones((STUDENTS * EACH, 128), np.float32)))
    named = compare_networks(seen, facenet_alone(seen), TrainingConfig())
    assert named["both"].count <= named["facenet"].count


def test_facenets_part_of_both_is_what_facenet_alone_computes(
    both_embedder: FaceEmbedder, facenet_embedder: FaceEmbedder, facenet_weights: WeightsFile, dlib_weights: WeightsFile
) -> None:
    weights = two_networks(facenet_weights, dlib_weights)
    part = info_of_facenet(build_embedder(weights, COMPUTE).info, weights)
    alone = facenet_embedder.info
    assert (part.id, part.weights_sha256, part.dimension) == (alone.id, alone.weights_sha256, alone.dimension)
    assert part.crop_recipe == alone.crop_recipe
    assert float(np.dot(part.signature, alone.signature)) > 0.9999
