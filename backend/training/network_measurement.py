"""Measuring how strangers score with the user's own network, on a folder of people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import ConfigurationError, DatasetError
from recognizer.scoring import build_gallery
from recognizer.types import FloatArray
from training.dataset import scan
from training.duplicates import groups_by_student
from training.own_tables import write_table
from training.production import Networks, ShowProgress, TrainingJob
from training.profile_measurement import PHOTOS, measure_profile
from training.profiles import EmbedderProfile, scaled_constants

# With fewer the table's upper end, one stranger in a hundred against twenty students, is an accident of some photos.
LEAST_STUDENTS, LEAST_STRANGERS, LEAST_STRANGER_PHOTOS = 30, 50, 200


def measure_network(job: TrainingJob, show: ShowProgress, say: Callable[[str], None]) -> Path:
    """Measure the stranger table of the job's network on its ``dataset_dir``, and keep it beside the weights; where.

    The folder holds one folder for each person; people with ten different photos or more play the students, the others
    strangers. Raises ConfigurationError for a network that has its table, DatasetError saying what the folder lacks."""
    weights = job.find_weights()
    if weights.onnx is None:
        raise ConfigurationError(
            f"--measure-network is for networks of your own; {weights.embedder_id} has its stranger table. Add "
            "--embedder onnx --weights FILE.onnx"
        )
    scanned = scan(job.dataset_dir, job.limits)
    networks = Networks(replace(job, find_weights=lambda: weights))
    with show("Embedding the photos") as progress:
        prepared = networks.prepare(scanned.samples, progress)
    groups = groups_by_student(prepared.thumbnails, prepared.labels)
    _, first = np.unique(groups, return_index=True)
    # photos of one burst make a person seem less varied than people are
    kept = np.intersect1d(first, np.flatnonzero(prepared.how != "whole"))
    say(f"{len(kept)} different photos with a face in {scanned.root}, of {len(prepared.samples)}")
    profile = _measured(prepared.embeddings[kept], prepared.labels[kept], scanned.root, job.config.seed)
    return write_table(weights, networks.info, profile)


def _measured(embeddings: FloatArray, names: NDArray[np.str_], folder: Path, seed: int) -> EmbedderProfile:
    people, counts = np.unique(names, return_counts=True)
    students = people[counts >= max(PHOTOS)]
    strangers = ~np.isin(names, students)
    lacking = _lacking(len(students), len(people) - len(students), int(strangers.sum()))
    if lacking:
        raise DatasetError(
            f"{folder} is not enough to measure a network on: it has {' and '.join(lacking)}. Only different photos "
            "with a face that was found count"
        )
    own = embeddings[~strangers]
    labels = np.searchsorted(students, names[~strangers])
    gallery = build_gallery(own, labels, len(students))
    others = float(np.median(embeddings[strangers] @ gallery.centroids.T))
    constants, spread = scaled_constants(float(np.nanmean(gallery.compactness)), others)
    origin = {
        "estimated": False,
        "data": "a folder of people, by --measure-network",
        "students": len(students),
        "strangers": len(people) - len(students),
        "stranger_photos": int(strangers.sum()),
        "seed": seed,
    }
    try:
        profile = measure_profile("onnx", embeddings, names, students, strangers, constants, origin, seed)
    except ValueError as error:
        raise DatasetError(
            f"the network tells the people in {folder} apart too badly for a table ({error}). Are its recipe and the "
            "folders right?"
        ) from error
    # classes of twenty out of hardly more students differ less than others would
    return replace(profile, class_spread=max(profile.class_spread, round(spread, 5)))


def _lacking(students: int, strangers: int, photos: int) -> list[str]:
    found = []
    if students < LEAST_STUDENTS:
        found.append(f"{students} people with {max(PHOTOS)} photos or more, where {LEAST_STUDENTS} are needed")
    if strangers < LEAST_STRANGERS:
        found.append(f"{strangers} people with fewer photos, to play strangers, where {LEAST_STRANGERS} are needed")
    if photos < LEAST_STRANGER_PHOTOS:
        found.append(f"{photos} photos of those, where {LEAST_STRANGER_PHOTOS} are needed")
    return found
