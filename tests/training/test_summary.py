"""The summary an admin reads: its numbers are the report's, and its advice does what it says."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recognizer.types import EmbedderInfo
from support.embeddings import DIMENSION, make_people, make_profile, student_ids
from training.advice import threshold_advice
from training.evaluation import Rate
from training.samples import DatasetIssue, IssueKind
from training.summary import ISSUE_TITLES, LINE_WIDTH, MOST_LISTED, summary_text
from training.trainer import TrainingConfig, TrainingData, TrainingOutcome, train

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
EMBEDDER = EmbedderInfo("facenet", "ab" * 32, DIMENSION, {"kind": "box", "size": 160, "margin": 32}, (0.5,) * DIMENSION)


@cache
def outcome_of(
    strangers: int = 0, variety: float = 1.0, students: int = 20, each: int = 8, **changes: Any
) -> TrainingOutcome:
    """variety: how much more a student's photos differ than usual; with much of it the strangers' limit decides."""
    people = make_people(students, seed=15)
    photos, labels = replace(people, spreads=variety * people.spreads).photos(each, seed=16)
    strange = make_people(strangers, seed=17).photos(1, seed=18)[0] if strangers else None
    data = TrainingData(photos, student_ids(students)[labels], np.arange(len(labels)), "fingerprint", strange)
    return train(data, TrainingConfig(**changes), make_profile(strangers=500), EMBEDDER, {"id": "mtcnn"}, NOW)


def text_of(outcome: TrainingOutcome, **changes: Any) -> str:
    arguments: dict[str, Any] = {
        "issues": (),
        "how_counts": {"detected": 150, "padded": 7, "whole": 3},
        "dataset_dir": "/photos",
        "seconds": {"embed": 12.34},
        "strangers_count": 0,
        "files": ["X.npy"],
    }
    return summary_text(outcome, **{**arguments, **changes})


def line_with(words: str, text: str) -> str:
    found = [line for line in text.splitlines() if words in line]
    assert found, f"{words!r} is not in the summary"
    return found[0]


def test_rates_stand_there_with_counts_and_intervals() -> None:
    outcome = outcome_of()
    text, report = text_of(outcome), outcome.report
    assert str(report.rank1) in line_with("rank-1", text)
    assert str(report.tpir) in line_with("TPIR", text)
    assert str(report.misnamed) in line_with("named as somebody else", text)
    counts = [
        int(re.search(r"\((\d+) of", line_with(words, text))[1])  # type: ignore[index]
        for words in ("TPIR", "a person to decide", "“Unknown”  ", "somebody else")
    ]
    assert sum(counts) == report.rank1.total


def test_a_class_of_which_few_are_named_is_warned_of() -> None:
    assert "WARNING" not in text_of(outcome_of())
    assert "as different as most people" in text_of(outcome_of())
    few = text_of(outcome_of(variety=2.5))
    named = outcome_of(variety=2.5).report.tpir.value
    assert f"WARNING: the camera will name only {100 * named:.0f} of 100 students in one frame." in few
    lost = text_of(outcome_of(variety=6.0))
    assert "WARNING: this network does not tell these students apart." in lost


def test_who_is_hard_to_name_stays_so_in_five_frames() -> None:
    report = outcome_of(variety=2.5).report
    assert report.tpir.value < report.named_within_five < 1 - (1 - report.tpir.value) ** 5


def test_masked_students_are_counted_where_masks_were_drawn() -> None:
    assert "under a mask" not in text_of(outcome_of())
    outcome = outcome_of()
    masked = replace(outcome, report=replace(outcome.report, in_conditions={"mask": Rate(7, 10)}))
    assert "70 of 100" in line_with("under a mask", text_of(masked))


def test_who_was_trained_and_which_way_the_faces_went() -> None:
    text = text_of(outcome_of())
    assert "20 students, 160 photos" in text
    faces = line_with("Faces", text)
    assert "150 found" in faces and "7 found after adding a border" in faces and "3 not found" in faces
    assert "12.3 s" in line_with("embed", text.split("Time\n")[1])


def test_without_strangers_no_rate_is_claimed_to_be_seen() -> None:
    text = text_of(outcome_of())
    assert "no photos of strangers were given" in line_with("Strangers named, seen", text)
    assert "--unknown" in text


def test_real_strangers_are_counted_and_the_methods_compared_on_them() -> None:
    outcome = outcome_of(strangers=400)
    text = text_of(outcome, strangers_count=400)
    assert str(outcome.report.stranger_fpir) in line_with("Strangers named, seen", text)
    for name, row in outcome.report.methods.items():
        line = line_with(name, text)
        found = row["tpir_at_1_percent"]
        assert f"{100 * found['value']:.1f} (" in line and f") {found['count']}" in line


def test_the_stricter_limit_is_the_one_marked() -> None:
    for outcome in (outcome_of(), outcome_of(variety=2.5)):
        marked = line_with("<- stricter, used", text_of(outcome))
        assert {"students": "--threshold-percentile", "strangers": "--max-fpir"}[outcome.thresholds.bound_by] in marked
        assert f"{outcome.thresholds.accept:.4f}" in marked
    assert outcome_of().thresholds.bound_by != outcome_of(variety=2.5).thresholds.bound_by


def test_where_the_students_bind_98_lets_more_in_and_90_fewer_as_foretold() -> None:
    varied: dict[str, Any] = {"variety": 2.1, "max_fpir": 0.1}
    outcome = outcome_of(**varied)
    lenient, strict = threshold_advice(outcome)
    assert "raise --threshold-percentile from 95 to 98" in lenient
    assert "lower --threshold-percentile from 95 to 90" in strict
    for sentence, percentile in ((lenient, 98.0), (strict, 90.0)):
        foretold = float(re.search(r"named from (\d\.\d+)", sentence)[1])  # type: ignore[index]
        followed = outcome_of(**varied, threshold_percentile=percentile).thresholds.accept
        assert followed == pytest.approx(foretold, abs=1e-4)
    assert outcome_of(**varied, threshold_percentile=98.0).thresholds.accept < outcome.thresholds.accept
    assert outcome_of(**varied, threshold_percentile=90.0).thresholds.accept > outcome.thresholds.accept


def test_where_the_strangers_bind_the_percentile_is_not_recommended_in_vain() -> None:
    outcome = outcome_of(variety=2.5)
    lenient, strict = threshold_advice(outcome)
    assert "changes nothing" in lenient and "--max-fpir 0.02" in lenient
    assert outcome_of(variety=2.5, threshold_percentile=98.0).thresholds.accept == outcome.thresholds.accept
    assert outcome_of(variety=2.5, max_fpir=0.02).thresholds.accept < outcome.thresholds.accept
    followed = {"max_fpir": 0.005} if "--max-fpir from 0.01 to 0.005" in strict else {"threshold_percentile": 90.0}
    assert outcome_of(variety=2.5, **followed).thresholds.accept > outcome.thresholds.accept


@pytest.mark.parametrize("percentile", [50.0, 100.0])
def test_at_either_end_of_the_percentile_the_advice_names_the_other_setting(percentile: float) -> None:
    outcome = outcome_of(threshold_percentile=percentile)
    lenient, strict = threshold_advice(outcome)
    assert "--max-fpir" in (strict if percentile == 50 else lenient)
    assert "inf" not in text_of(outcome) and "nan" not in text_of(outcome)


VAIN = re.compile(r"--threshold-percentile \S+ (would change nothing|is the strictest)")
OPTION = re.compile(r"--(threshold-percentile|max-fpir) (?:from \S+ to )?(\d[\d.e-]*\d|\d)")


@pytest.mark.parametrize("variety", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(("students", "each"), [(2, 2), (10, 2)])
def test_who_follows_the_advice_gets_what_it_promises(students: int, each: int, variety: float) -> None:
    """In a class of two with two photos the next percentile falls on the same photo, and changes nothing."""
    shape: dict[str, Any] = {"students": students, "each": each, "variety": variety}
    before = outcome_of(**shape).thresholds.accept
    for sentence, direction in zip(threshold_advice(outcome_of(**shape)), (-1, 1), strict=True):
        options = {name.replace("-", "_"): float(value) for name, value in OPTION.findall(VAIN.sub("", sentence))}
        assert options, sentence
        assert direction * (outcome_of(**shape, **options).thresholds.accept - before) > 1e-4, sentence


def test_the_weakest_students_come_first() -> None:
    outcome = outcome_of(variety=2.3, threshold_percentile=60.0)
    text = text_of(outcome).split("Students to look after\n")[1].split("\n\n")[0]
    named = {row.student_id: row.named / row.photos for row in outcome.report.students}
    listed = re.findall(r"^(S\d+) .* named wrongly", text, re.MULTILINE)
    assert len(listed) == MOST_LISTED
    worst = sorted(rate for rate in named.values())[:MOST_LISTED]
    assert [named[student] for student in listed] == worst
    assert max(named.values()) > worst[0]


def test_a_class_without_mistakes_is_told_so() -> None:
    outcome = outcome_of()
    perfect = tuple(
        replace(row, named=row.photos, uncertain=0, unknown=0, misnamed=0) for row in outcome.report.students
    )
    text = text_of(replace(outcome, report=replace(outcome.report, students=perfect, pairs=())))
    assert "None: every held-out photo was named rightly." in text
    assert "None come near the thresholds." in text


def test_pairs_are_called_by_what_their_score_means() -> None:
    outcome = outcome_of()
    measured = replace(outcome.report.measured_thresholds, accept=0.6, review=0.5)
    first, second, third = (
        replace(pair, score=score) for pair, score in zip(outcome.report.pairs, (0.7, 0.55, 0.45), strict=False)
    )
    report = replace(outcome.report, measured_thresholds=measured, pairs=(first, second, third))
    text = text_of(replace(outcome, report=report))
    assert "as close as photos that are named" in line_with(f"{first.student_id} and {first.other_id}", text)
    assert "close enough to decide" in line_with(f"{second.student_id} and {second.other_id}", text)
    assert f"{third.student_id} and {third.other_id}" not in text


def test_every_kind_of_issue_is_listed_under_a_title_and_long_lists_are_cut_with_their_number() -> None:
    assert set(ISSUE_TITLES) == set(IssueKind)
    issues = [
        DatasetIssue(kind, f"folder/{kind}.jpg is odd.", Path(f"/photos/folder/{kind}.jpg")) for kind in IssueKind
    ]
    many = [DatasetIssue(IssueKind.NEAR_DUPLICATE, f"a/{number}.jpg is nearly a/0.jpg.") for number in range(30)]
    text = text_of(outcome_of(), issues=[*issues, *many])
    for kind in IssueKind:
        assert ISSUE_TITLES[kind] in text
        assert f"folder/{kind}.jpg" in text
    assert f"Data set: {len(IssueKind) + 30} remarks" in text
    assert f"and {31 - MOST_LISTED} more" in text


def test_lines_fit_the_screen_also_with_long_ids() -> None:
    outcome = outcome_of(threshold_percentile=60.0)
    long_ids = tuple(replace(row, student_id=f"{row.student_id}-{'x' * 100}") for row in outcome.report.students)
    issue = DatasetIssue(IssueKind.UNREADABLE, "S1/a.jpg " + "cannot be read and has a long story " * 9)
    report = replace(outcome.report, students=long_ids)
    text = text_of(replace(outcome, report=report), issues=[issue])
    assert max(len(line) for line in text.splitlines()) <= LINE_WIDTH
    assert len(text.splitlines()) < 100
