"""The pictures of a training report, each as the bytes of a PNG of 1200 x 800 pixels.

Equal data gives equal bytes (with the same matplotlib and fonts). None shows a face.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from recognizer.types import FloatArray
from training.calibration import Thresholds
from training.canvas import DASHES, INK, LINE, PAPER, QUIET, REVIEW, STRANGER, STUDENT, Canvas
from training.evaluation import OpenSetScores, Rate
from training.lettering import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NAMED_BARS = 60  # students; more names than this cannot be read on one picture
_BAR = "#73b1d5"  # the students' blue, light enough for a dark line upon it
_MOST_LISTED = 7  # students in a note
_BARS = 12, 56  # of a histogram, fewest and most
# The ends of the DET curve's axes, on which there is no place for 0, and where a line is drawn between them.
_SMALLEST_SHARE, _LARGEST_SHARE = 0.0005, 0.5
_SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95)


def score_histogram(
    scores: OpenSetScores, thresholds: Thresholds, delivered: Thresholds, strangers_are_real: bool
) -> bytes:
    """How held-out photos of students and of strangers score, with the thresholds of the model that scored them.

    thresholds: of the measured model. delivered: of the model trained on everything, named below the picture.
    """
    genuine = scores.genuine[np.isfinite(scores.genuine)]
    strangers = scores.strangers[np.isfinite(scores.strangers)]
    canvas = Canvas(
        "How strongly the model recognises students and strangers",
        "Photos it had never seen. Right of the blue line a face is named; in the yellow band a person decides; "
        "left of it, “Unknown”.",
    )
    axes = canvas.axes
    low, high = _score_range(np.concatenate([genuine, strangers]), thresholds)
    # with few photos wide bars, or every photo would be a bar of its own
    bars = int(np.clip(4 * np.sqrt(max(len(genuine), len(strangers))), *_BARS))
    bins = np.linspace(low, high, bars + 1)
    whose = "strangers" if strangers_are_real else "students taken out of the model in turn, as strangers"
    tallest = 0.0
    for values, colour, total, name in (
        (strangers, STRANGER, len(scores.strangers), whose),
        (genuine, STUDENT, len(scores.genuine), "students"),
    ):
        # shares, because there may be a hundred times as many strangers
        share = 100 * np.histogram(values, bins)[0] / max(total, 1)
        tallest = max(tallest, float(share.max(initial=0.0)))
        style: dict[str, Any] = {"facecolor": f"{colour}59", "edgecolor": colour, "linewidth": 1.6}
        axes.stairs(share, bins, fill=True, label=f"{name}: {_photos(total)}", **style)
    axes.set_xlim(low, high)
    axes.set_ylim(0, 1.22 * (tallest or 1.0))
    axes.axvspan(thresholds.review, thresholds.accept, color=REVIEW, alpha=0.22, linewidth=0)
    axes.axvline(thresholds.accept, color=STUDENT, linewidth=2)
    axes.axvline(thresholds.review, color=QUIET, linewidth=2, linestyle=DASHES)
    # the two lines may be 0.02 apart: one is labelled to its right, the other to its left
    label: dict[str, Any] = {"y": 0.98, "va": "top", "fontsize": 12, "transform": axes.get_xaxis_transform()}
    axes.text(thresholds.accept, s=f"  named from {thresholds.accept:.3f}", color=STUDENT, weight="bold", **label)
    axes.text(thresholds.review, s=f"a person decides from {thresholds.review:.3f}  ", color=INK, ha="right", **label)
    canvas.axis_titles("score (cosine to the nearest student, adjusted)", "share of the photos (%)")
    canvas.legend()
    hidden = len(scores.genuine) - len(genuine), len(scores.strangers) - len(strangers)
    note = (
        f"The model in use was trained on these photos as well; it names from {delivered.accept:.3f}, and from "
        f"{delivered.review:.3f} a person decides."
    )
    if any(hidden):
        note += (
            f"\nNot shown, because no student was clearly the nearest and nobody is named then: {_photos(hidden[0])} "
            f"of students, {hidden[1]:,} of strangers."
        )
    canvas.note(note)
    return canvas.png()


def det_curve(scores: OpenSetScores, threshold: float, max_fpir: float, strangers_are_real: bool) -> bytes:
    """FNIR over FPIR (detection error trade-off) on normal-deviate axes, with the point at ``threshold``.

    max_fpir: the share of strangers that was allowed, drawn as a line."""
    fpir, fnir = scores.det_curve()
    named, found = scores.fpir(threshold), scores.tpir(threshold)
    missed = Rate(found.total - found.count, found.total)
    canvas = Canvas(
        "Students missed for each share of strangers named",
        "Every point of the curve is another threshold. Further down and further left is better.",
    )
    axes = canvas.axes
    left = min(_SMALLEST_SHARE, max_fpir / 2)
    bottom = float(np.clip(0.5 / max(found.total, 1), _SMALLEST_SHARE, 0.02))
    top = max(_LARGEST_SHARE, min(0.97, 1.1 * missed.interval[1] if missed.interval else 0.0))
    right = max(_LARGEST_SHARE, min(0.97, 1.5 * (named.value or 0.0)))

    def x(share: Any) -> Any:
        return ndtri(np.clip(share, left, 0.999))

    def y(share: Any) -> Any:
        return ndtri(np.clip(share, bottom, 0.999))

    # above the highest stranger's score nobody is named, and students are missed up to the last one
    across, up = x(np.r_[0.0, fpir]), y(np.r_[1.0, fnir])
    axes.step(across, up, where="post", color=STUDENT, linewidth=2.2, label="this model on held-out photos")
    smallest = min(1 / max(named.total, 1), right)
    if smallest > left:
        axes.axvspan(float(x(left)), float(x(smallest)), color=LINE, alpha=0.45, linewidth=0)
    allowed = float(x(max_fpir))
    axes.axvline(allowed, color=STRANGER, linewidth=1.6, linestyle=DASHES)
    above: dict[str, Any] = {"y": 1.01, "ha": "center", "fontsize": 12, "transform": axes.get_xaxis_transform()}
    axes.text(allowed, s=f"allowed: {100 * max_fpir:g} %", color=STRANGER, **above)
    if named.interval and missed.interval:
        point = float(x(named.value)), float(y(missed.value))
        bar: dict[str, Any] = {"color": INK, "linewidth": 1.6, "clip_on": False, "zorder": 4}
        ends = x(np.minimum(named.interval, right)), y(np.minimum(missed.interval, top))
        axes.plot(ends[0], [point[1]] * 2, label="95 % intervals of its two rates", **bar)
        axes.plot([point[0]] * 2, ends[1], **bar)
        words = f"the threshold it was given, {threshold:.3f}"
        axes.plot(*point, "o", color=INK, markersize=10, clip_on=False, zorder=5, linestyle="none", label=words)
    for set_ticks, place, low, high in ((axes.set_xticks, x, left, right), (axes.set_yticks, y, bottom, top)):
        shares = [share for share in _SHARES if 1.5 * low < share <= high]
        set_ticks([float(place(s)) for s in (low, *shares)], ["none", *(f"{100 * s:g} %" for s in shares)])
    axes.set_xlim(float(x(left)), float(x(right)))
    axes.set_ylim(float(y(bottom)), float(y(top)))
    axes.grid(color=LINE, linewidth=0.8)
    canvas.axis_titles("strangers named as a student (FPIR)", "students not found, or named as somebody else (FNIR)")
    canvas.legend()
    source = "people who are not students" if strangers_are_real else "students, each taken out of the model in turn"
    canvas.note(
        f"Strangers named: {_in_words(named)}. Students missed: {_in_words(missed)}.\n"
        f"Strangers: {source}. Grey: rates too small to be seen with {_photos(named.total)}."
    )
    return canvas.png()


def look_alikes(students: Sequence[str], closest: FloatArray, thresholds: Thresholds) -> bytes:
    """The students of the worst pairs against one another.

    closest: (s, s) float32, symmetric: the highest score of any held-out photo of one against the other, NaN where
    there was no photo; the diagonal is not drawn. Raises ValueError for fewer than two students."""
    count = len(students)
    if count < 2 or closest.shape != (count, count):
        raise ValueError(f"expected scores (s, s) of s >= 2 students, got {closest.shape} of {count}")
    names = [shortened(name, 20) for name in students]
    longest = max(len(name) for name in names)
    canvas = Canvas(
        "Students who look alike to the model",
        "Each number is the score of the closest photo of one student, held against the other.",
        left=0.05 + 0.0085 * longest,
        bottom=0.14 + 0.0075 * longest,
        top=0.86,
    )
    axes = canvas.axes
    shown = np.where(np.tri(count, k=-1, dtype=bool), closest, np.nan)[1:, :-1]
    ceiling = max(thresholds.accept, float(np.nanmax(shown, initial=0.0)), 0.1)
    axes.imshow(shown, cmap="Blues", vmin=0.0, vmax=1.35 * ceiling, aspect="auto")
    size = min(14.0, 150 / count)
    for (row, column), score in np.ndenumerate(shown):
        if np.isfinite(score):
            _score_cell(axes, row, column, float(score), thresholds, size, on_dark=score > 0.75 * ceiling)
    size = min(12.0, 160 / count)
    canvas.student_ticks("y", names[1:], size)
    canvas.student_ticks("x", names[:-1], size, rotation=40, ha="right", rotation_mode="anchor")
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)
    canvas.note(
        f"✕ framed: as close as a photo that is named (from {thresholds.accept:.3f}).   "
        f"?: close enough for a person to decide (from {thresholds.review:.3f}).   No sign: told apart.\n"
        "Close pairs can be mixed up: add photos of both, in different light and from different sides."
    )
    return canvas.png()


def images_per_student(counts: Mapping[str, int], left_out: Mapping[str, int | None], min_images: int) -> bytes:
    """How many photos each student has. counts: students in the model, at least one. left_out: those with fewer than
    ``min_images`` photos, None where their number is not known. With more than ``MOST_NAMED_BARS`` students only the
    names of those with the fewest are given."""
    known = {**counts, **{name: count or 0 for name, count in left_out.items()}}
    rows = sorted(known.items(), key=lambda row: (-row[1], row[0]))
    values = np.array([count for _, count in rows])
    marked = np.array([name in left_out for name, _ in rows], dtype=bool)
    words = [f"< {min_images}" if left_out.get(name, count) is None else str(count) for name, count in rows]
    subtitle = f"{len(counts)} students in the model, {_photos(sum(counts.values()))}"
    if left_out:
        subtitle += f"; left out with fewer than {_photos(min_images)} (orange, hatched): {len(left_out)}"
    named = len(rows) <= MOST_NAMED_BARS
    canvas = Canvas("Photos per student", subtitle + ".", left=0.2 if named else 0.08, bottom=0.14, top=0.86)
    axes = canvas.axes
    _bars(axes, values, marked, horizontal=named)
    used = np.array(sorted(counts.values()))
    note = (
        f"Dashed line: the fewest a student needs, {min_images} (--min-images). In the model: median "
        f"{np.median(used):g}, fewest {used[0]}, most {used[-1]}."
    )
    longest = max(values.max(), min_images)
    dashed: dict[str, Any] = {"color": INK, "linewidth": 1.4, "linestyle": DASHES}
    if named:
        size = min(12.0, 400 / len(rows))
        canvas.student_ticks("y", [shortened(name, 20) for name, _ in rows], size)
        for place, (value, word) in enumerate(zip(values, words, strict=True)):
            axes.annotate(word, (value, place), (5, 0), textcoords="offset points", va="center", fontsize=size)
        axes.axvline(min_images, **dashed)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(0, 1.06 * longest)
        axes.tick_params(axis="y", length=0)
        canvas.axis_titles("photos")
    else:
        axes.axhline(min_images, **dashed)
        axes.set_xlim(-0.5, len(rows) - 0.5)
        axes.set_ylim(0, 1.08 * longest)
        axes.set_xticks([])
        canvas.axis_titles("students, sorted by their number of photos", "photos")
        fewest = [f"{shortened(name, 16)} ({word})" for (name, _), word in zip(rows, words, strict=True)]
        note += "\nFewest photos: " + ", ".join(fewest[: -_MOST_LISTED - 1 : -1]) + "."
    canvas.note(note)
    return canvas.png()


def _score_cell(
    axes: Axes, row: int, column: int, score: float, thresholds: Thresholds, size: float, on_dark: bool
) -> None:
    from matplotlib.patches import Rectangle

    accepted = score >= thresholds.accept
    text = f"{score:z.2f}" + (" ✕" if accepted else " ?" if score >= thresholds.review else "")
    colour, weight = PAPER if on_dark else INK, "bold" if accepted else "normal"
    axes.text(column, row, text, ha="center", va="center", fontsize=size, weight=weight, color=colour)
    if accepted:
        corner = column - 0.47, row - 0.47
        axes.add_patch(Rectangle(corner, 0.94, 0.94, fill=False, edgecolor=STRANGER, linewidth=3))


def _bars(axes: Axes, values: NDArray[np.integer[Any]], marked: NDArray[np.bool_], *, horizontal: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    plain: dict[str, Any] = {"color": _BAR}
    hatched: dict[str, Any] = {"facecolor": PAPER, "edgecolor": STRANGER, "hatch": "///", "linewidth": 1.2}
    for chosen, style in ((np.flatnonzero(~marked), plain), (np.flatnonzero(marked), hatched)):
        if len(chosen) and horizontal:
            axes.barh(chosen, values[chosen], 0.78, **style)
        elif len(chosen):
            axes.bar(chosen, values[chosen], 1.0, **style)
    axis = axes.xaxis if horizontal else axes.yaxis
    axis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)


def _score_range(scores: FloatArray, thresholds: Thresholds) -> tuple[float, float]:
    """Wide enough for every score and for the words on either side of the thresholds."""
    ends = [thresholds.review - 0.1, thresholds.accept + 0.1]
    if len(scores):
        ends += [float(scores.min()), float(scores.max())]
    low, high = min(ends), max(ends)
    # words take about a fifth of the width
    high = max(high, thresholds.accept + (thresholds.accept - low) / 4)
    low = min(low, thresholds.review - (high - thresholds.review) / 3)
    return low - 0.01, high + 0.01


def _photos(count: int) -> str:
    return "1 photo" if count == 1 else f"{count:,} photos"


def _in_words(rate: Rate) -> str:
    if rate.value is None or rate.interval is None:
        return "not measured"
    value, low, high = (f"{100 * round(share, 4):.3g}" for share in (rate.value, *rate.interval))
    return f"{value} % ({rate.count:,} of {rate.total:,}; 95 % interval {low} to {high} %)"
