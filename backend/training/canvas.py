"""A picture of a training report while it is drawn: title, axes, legend and note in their places, then a PNG.

Drawn with ``matplotlib.figure.Figure`` and the Agg canvas; pyplot keeps every figure alive in a global list and is
not safe in threads. matplotlib is imported where it is used: it takes most of a second, and recognition never draws.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from training.lettering import drawable, font_families

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT, DPI = 1200, 800, 100  # pixels, pixels, dots per inch

# Okabe and Ito's palette (2008), which people with any colour vision tell apart; grey for what is not data.
STUDENT, STRANGER, REVIEW = "#0072B2", "#D55E00", "#F0E442"
INK, QUIET, LINE, PAPER = "#1c2326", "#5c686d", "#d5dbdd", "#ffffff"
DASHES = (0, (4, 2))


class Canvas:
    """One picture. ``axes``: where the data go; the rest of the picture is laid out here.

    left, bottom, top: edges of the axes as shares of the picture, from its lower left corner."""

    axes: Axes

    def __init__(
        self, title: str, subtitle: str, *, left: float = 0.08, bottom: float = 0.17, top: float = 0.81
    ) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._figure: Figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=PAPER)
        FigureCanvasAgg(self._figure)
        self.axes = self._figure.add_axes((left, bottom, 0.97 - left, top - bottom), facecolor=PAPER)
        self._figure.text(0.03, 0.955, title, fontsize=20, weight="bold", color=INK, va="center")
        self._figure.text(0.03, 0.905, subtitle, fontsize=12, color=QUIET, va="center")
        for side, spine in self.axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(QUIET)
        self.axes.tick_params(labelsize=11, color=QUIET, labelcolor=INK)

    def axis_titles(self, x: str, y: str = "") -> None:
        self.axes.set_xlabel(x, fontsize=12, color=INK)
        self.axes.set_ylabel(y, fontsize=12, color=INK)

    def legend(self) -> None:
        """What the labelled colours mean, in one row between subtitle and axes."""
        handles, labels = self.axes.get_legend_handles_labels()
        self._figure.legend(
            handles,
            labels,
            loc="center left",
            bbox_to_anchor=(0.025, 0.855),
            ncols=3,
            frameon=False,
            fontsize=12,
            handlelength=1.6,
            borderpad=0,
            columnspacing=2.0,
        )

    def note(self, text: str) -> None:
        """Up to two lines below the axes; may hold student ids."""
        style = _name_style()
        self._figure.text(0.03, 0.02, drawable(text), fontsize=11, color=QUIET, va="bottom", **style)

    def student_ticks(self, axis: str, names: Sequence[str], size: float, **style: Any) -> None:
        """Label 0, 1, 2, ... of ``axis`` (``x`` or ``y``) with ``names``. size: points."""
        set_ticks = self.axes.set_xticks if axis == "x" else self.axes.set_yticks
        labels = [drawable(name) for name in names]
        set_ticks(range(len(names)), labels, fontsize=size, **_name_style(), **style)

    def png(self) -> bytes:
        stream = io.BytesIO()
        # matplotlib would write its version, and equal pictures would differ
        self._figure.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
        return stream.getvalue()


def _name_style() -> Mapping[str, Any]:
    # a student id may hold a $, which would start a formula
    return {"fontfamily": font_families(), "parse_math": False}
