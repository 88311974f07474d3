"""The report's pictures: readable whatever the class, the student ids and the scores are like."""

from __future__ import annotations

import io
import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from support.embeddings import PARAMETERS
from training import plots
from training.calibration import Thresholds
from training.canvas import HEIGHT, STRANGER, WIDTH, Canvas
from training.evaluation import OpenSetScores
from training.lettering import drawable, shortened

ODD_IDS = (
    "a$b_{$x",
    "张伟",
    "محمد",
    "Zoë Müller-Lüdenscheidt the Third of That Name",
    "x" * 128,
    "<b>&amp;",
    "\\alpha^2",
)


def thresholds(accept: float = 0.5, review: float = 0.4) -> Thresholds:
    certainty = {"slope": 1.0, "intercept": 0.0}
    return Thresholds(accept, review, accept, 0.3, 0.9, "students", 1.0, "", 0.01, 0.04, certainty, PARAMETERS)


def scores(genuine: int, strangers: int, seed: int = 0) -> OpenSetScores:
    random = np.random.default_rng(seed)
    return OpenSetScores(
        random.normal(0.7, 0.12, genuine).astype(np.float32),
        random.random(genuine) < 0.97,
        random.normal(0.25, 0.08, strangers).astype(np.float32),
    )


def closest(count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    values = np.random.default_rng(count).uniform(-0.1, 0.6, (count, count)).astype(np.float32)
    return np.maximum(values, values.T)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Canvas]]:
    """The canvases of the pictures made in the test, and no warning among them."""
    canvases: list[Canvas] = []
    png = Canvas.png

    def keep(self: Canvas) -> bytes:
        canvases.append(self)
        return png(self)

    monkeypatch.setattr(Canvas, "png", keep)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield canvases


def words(canvas: Canvas) -> list[tuple[str, Any]]:
    """Every text that is seen on the picture, with its box in pixels."""
    axes, figure = canvas.axes, canvas._figure
    texts = [*figure.texts, *axes.texts, axes.xaxis.label, axes.yaxis.label]
    texts += [text for legend in figure.legends for text in legend.get_texts()]
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        # there are ticks beyond the ends of an axis, which are not drawn
        texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [
        (text.get_text(), text.get_window_extent())
        for text in texts
        # the box around a slanted word covers its neighbours without touching them
        if text.get_visible() and text.get_text().strip() and text.get_rotation() in (0.0, 90.0)
    ]


def assert_legible(canvas: Canvas) -> None:
    found = words(canvas)
    assert len(found) >= 4
    for text, box in found:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= WIDTH and box.y1 <= HEIGHT, f"{text!r} is cut off"
    for (text, box), (other, other_box) in itertools.combinations(found, 2):
        across = min(box.x1, other_box.x1) - max(box.x0, other_box.x0)
        up = min(box.y1, other_box.y1) - max(box.y0, other_box.y0)
        assert across <= 1 or up <= 3, f"{text!r} overlaps {other!r}"


def has_colour(png: bytes, colour: str) -> bool:
    with Image.open(io.BytesIO(png)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return bool((pixels == wanted).all(axis=2).sum() > 20)


@pytest.mark.parametrize(
    ("accept", "review", "photos"),
    [(0.5, 0.4, (12, 12)), (0.5, 0.496, (100, 3000)), (0.9, 0.88, (12, 12)), (0.1, 0.05, (100, 3000))],
)
def test_words_on_the_histogram_do_not_overlap(
    drawn: list[Canvas], accept: float, review: float, photos: tuple[int, int]
) -> None:
    plots.score_histogram(scores(*photos), thresholds(accept, review), thresholds(), strangers_are_real=photos[1] > 12)
    assert_legible(drawn[0])
    said = [text for text, _ in words(drawn[0])]
    assert any(f"named from {accept:.3f}" in text for text in said)
    assert any(f"decides from {review:.3f}" in text for text in said)


def test_photos_that_no_threshold_would_name_are_counted_below_the_histogram(drawn: list[Canvas]) -> None:
    some = scores(40, 30)
    some.genuine[:3], some.strangers[:5] = -np.inf, -np.inf
    plots.score_histogram(some, thresholds(), thresholds(), strangers_are_real=True)
    assert any("3 photos of students, 5 of strangers" in text.replace("\n", " ") for text, _ in words(drawn[0]))


@pytest.mark.parametrize(
    ("strangers", "threshold"), [(2, 0.5), (22, 2.0), (22, -1.0), (300, 0.3), (9000, 0.5), (9000, 2.0)]
)
def test_the_det_curve_is_legible_with_few_and_many_strangers(
    drawn: list[Canvas], strangers: int, threshold: float
) -> None:
    some = scores(max(strangers // 20, 2), strangers)
    plots.det_curve(some, threshold, 0.01, strangers_are_real=True)
    assert_legible(drawn[0])
    note = next(text for text, _ in words(drawn[0]) if text.startswith("Strangers named"))
    rate = some.fpir(threshold)
    assert f"({rate.count:,} of {rate.total:,}; 95 % interval" in note


def test_the_point_of_the_det_curve_lies_on_the_curve(drawn: list[Canvas]) -> None:
    some = scores(200, 400)
    for threshold in (0.35, 0.45, 0.9):  # the last lies above every stranger
        plots.det_curve(some, threshold, 0.01, strangers_are_real=False)
        curve, _, *lines = drawn[-1].axes.get_lines()
        point = next(line for line in lines if line.get_marker() == "o")
        across, up = np.asarray(point.get_xdata())[0], np.asarray(point.get_ydata())[0]
        xs, ys = np.asarray(curve.get_xdata()), np.asarray(curve.get_ydata())
        at = np.flatnonzero(np.isclose(xs, across))
        assert len(at)
        assert ys[at].min() - 1e-6 <= up <= (ys[at].max() if at[0] == 0 else ys[at[0] - 1]) + 1e-6


@pytest.mark.parametrize("count", [2, 3, 12])
def test_the_look_alikes_are_legible_and_pairs_above_the_threshold_framed(drawn: list[Canvas], count: int) -> None:
    names = [*ODD_IDS, *(f"S{number}" for number in range(12))][:count]
    values = closest(count)
    high = plots.look_alikes(names, np.full_like(values, 0.55), thresholds())
    low = plots.look_alikes(names, np.full_like(values, 0.2), thresholds())
    assert has_colour(high, STRANGER) and not has_colour(low, STRANGER)
    for canvas in drawn:
        assert_legible(canvas)
    assert sum(text == "0.55 ✕" for text, _ in words(drawn[0])) == count * (count - 1) // 2


def test_look_alikes_take_two() -> None:
    with pytest.raises(ValueError, match="s >= 2"):
        plots.look_alikes(["only"], closest(1), thresholds())


@pytest.mark.parametrize("students", [2, 12, 60, 500])
def test_photos_per_student_are_legible_for_any_class(drawn: list[Canvas], students: int) -> None:
    random = np.random.default_rng(students)
    counts = {f"S{1000 + number}": int(random.integers(2, 40)) for number in range(students)}
    png = plots.images_per_student(counts, {}, 2)
    assert_legible(drawn[0])
    assert not has_colour(png, STRANGER)
    least = min(counts.values())
    assert any(f"fewest {least}" in text for text, _ in words(drawn[0]))


@pytest.mark.parametrize("students", [5, 200])
def test_students_who_were_left_out_are_marked(drawn: list[Canvas], students: int) -> None:
    counts = {f"S{number:03d}": 6 for number in range(students)}
    png = plots.images_per_student(counts, {"few": 3, "fewer": None}, 4)
    assert has_colour(png, STRANGER)
    assert_legible(drawn[0])
    said = " ".join(text for text, _ in words(drawn[0]))
    assert "fewer than 4 photos" in said and "few" in said and "< 4" in said


def test_ids_of_any_script_and_length_are_drawn_without_warnings(drawn: list[Canvas]) -> None:
    plots.images_per_student(dict.fromkeys(ODD_IDS, 3), {}, 2)
    assert_legible(drawn[0])
    assert any("a$b_{$x" in text for text, _ in words(drawn[0]))


def test_long_ids_keep_both_ends_and_their_length() -> None:
    assert shortened("S1", 12) == "S1"
    short = shortened("2026-informatics-00017", 12)
    assert len(short) == 12 and short.startswith("2026-") and short.endswith("00017")


def test_what_no_font_can_draw_is_replaced_and_nothing_else() -> None:
    assert drawable("Zoë, Łukasz\nСаша") == "Zoë, Łukasz\nСаша"
    assert drawable("a\U0010fffdb") == "a\N{REPLACEMENT CHARACTER}b"
