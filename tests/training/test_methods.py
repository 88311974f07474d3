"""The table in the report that compares ways to score."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from recognizer.scoring import build_gallery
from support.embeddings import PARAMETERS, make_people, student_ids
from training.fitting import fit_scaler_and_classifier
from training.methods import OURS, compare_methods

PEOPLE = make_people(160, seed=71)


def compare(students: int, *, strangers: bool, kind: str = "svm") -> tuple[dict[str, Any], Any, Any, Any, Any]:
    enrolled = PEOPLE[slice(0, students)]
    photos, labels = enrolled.photos(6, seed=72)
    probes, truth = enrolled.photos(5, seed=73)
    unknown = PEOPLE[slice(60, 160)].photos(2, seed=74)[0] if strangers else None
    classes = student_ids(students)
    scaler, model = fit_scaler_and_classifier(kind, photos, labels, classes, 42)
    table = compare_methods(photos, labels, classes, probes, truth, unknown, PARAMETERS, scaler, model, 42)
    return table, build_gallery(photos, labels, students), probes, truth, unknown


def test_every_method_is_measured_on_the_same_faces() -> None:
    table, *_ = compare(40, strangers=True)
    assert list(table) == [
        OURS,
        "cosine to the centroid",
        "cosine + 0.6 x margin",
        "LinearSVC decision value",
        "LogisticRegression decision value",
    ]
    for row in table.values():
        assert row["rank1"]["total"] == row["tpir_at_1_percent"]["total"] == 200
        assert row["rank1"]["value"] > 0.97
        assert row["tpir_at_0.1_percent"] is None  # 200 strangers cannot show one in a thousand
    json.dumps(table, allow_nan=False)


def test_cosine_rows_are_those_of_a_plain_count() -> None:
    table, gallery, probes, truth, unknown = compare(40, strangers=True)
    own, other = probes @ gallery.centroids.T, unknown @ gallery.centroids.T
    for name, weight in (("cosine to the centroid", 0.0), ("cosine + 0.6 x margin", 0.6)):
        score, stranger = ([_with_margin(row, weight) for row in rows] for rows in (own, other))
        threshold = sorted(stranger, reverse=True)[2]  # two of 200 are one in a hundred
        found = sum(s > threshold and row.argmax() == t for s, row, t in zip(score, own, truth, strict=True))
        assert table[name]["tpir_at_1_percent"]["count"] == pytest.approx(found, abs=1)
    adjusted = other - gallery.offsets(PARAMETERS)
    threshold = np.sort(adjusted.max(axis=1))[-3]
    mine = own - gallery.offsets(PARAMETERS)
    found = int(((mine.max(axis=1) > threshold) & (mine.argmax(axis=1) == truth)).sum())
    assert table[OURS]["tpir_at_1_percent"]["count"] == pytest.approx(found, abs=1)


def _with_margin(row: Any, weight: float) -> float:
    second, first = np.sort(row)[-2:]
    return float(first + weight * (first - second))


def test_without_strangers_each_student_is_a_stranger_to_the_others() -> None:
    table, gallery, probes, truth, _ = compare(40, strangers=False)
    own = probes @ gallery.centroids.T
    others = own.copy()
    others[np.arange(len(truth)), truth] = -np.inf
    threshold = np.sort(others.max(axis=1))[-3]
    found = int(((own.max(axis=1) > threshold) & (own.argmax(axis=1) == truth)).sum())
    assert table["cosine to the centroid"]["tpir_at_1_percent"]["count"] == found > 150


@pytest.mark.parametrize("strangers", [True, False])
def test_two_students_are_compared_without_the_classifier(strangers: bool) -> None:
    table, *_ = compare(2, strangers=strangers)
    assert list(table) == [OURS, "cosine to the centroid", "cosine + 0.6 x margin"]
    assert all(row["rank1"]["count"] == 10 for row in table.values())
    json.dumps(table, allow_nan=False)


def test_logistic_regression_is_not_listed_twice() -> None:
    table, *_ = compare(10, strangers=True, kind="logistic")
    assert [name for name in table if "decision" in name] == ["LogisticRegression decision value"]
