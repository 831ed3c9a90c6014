"""Title and legend at the top of a figure: side by side, however long the title is."""

from __future__ import annotations

import re
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from .style import NORMAL, SMALL, TEXT

__all__ = ["heading", "width_of", "wrapped"]

_SIZE = NORMAL + 1
_POINTS = 72  # an inch
_GAP = 10  # points at the margins, and between title and legend
_SEPARATOR = "   ·   "
# a line may end behind any of these, which keep what separates them: "\$" is one character
_PARTS = re.compile(rf"{_SEPARATOR}|(?:\\\$|(?!{_SEPARATOR})[^/_]){{1,30}}[/_]?|[/_]")


def heading(figure: Figure, title: str, labelled: Axes | None = None) -> None:
    """Write a title above a figure, and in the corner beside it the legend of what `labelled` shows.

    The title stands in the middle where it has room there, else at the left, on several lines if need be.

    Examples
    --------
    >>> from tension_sim.results.plots.style import make_figure
    >>> figure = make_figure(3.0, 2.0)
    >>> heading(figure, "nicola_clopath_2017/theta_sine   ·   2000 neurons   ·   seed 0")
    >>> print(figure.get_suptitle())
    nicola_clopath_2017/theta_sine
    2000 neurons   ·   seed 0
    """
    beside = _legend(figure, labelled) + _GAP if labelled is not None else 0.0
    whole = _POINTS * figure.get_figwidth() - 2 * _GAP
    left = width_of(title) > whole - 2 * beside and beside > 0
    text = wrapped(title, whole - beside)
    place = {"x": _GAP / (whole + 2 * _GAP), "horizontalalignment": "left"} if left else {}
    figure.suptitle(text, fontsize=_SIZE, color=TEXT, **place)


def _legend(figure: Figure, labelled: Axes) -> float:
    """Draw the legend, and return its width in points."""
    how = {"handlelength": 1.6, "columnspacing": 1.2, "borderpad": 0.2}
    handles, labels = labelled.get_legend_handles_labels()
    legend = figure.legend(
        handles, labels, loc="upper right", ncols=2, frameon=False, fontsize=SMALL, labelcolor=TEXT, **how
    )
    canvas: Any = FigureCanvasAgg(figure)  # its methods have no types
    pixels = legend.get_window_extent(canvas.get_renderer()).width if labels else 0.0
    return _POINTS * pixels / figure.dpi


def width_of(text: str, size: float = _SIZE) -> float:
    """Return how wide a line of text is, in points."""
    formula = is_math_text(text)
    shown = text if formula else text.replace(r"\$", "$")
    return float(text_to_path.get_text_width_height_descent(shown, FontProperties(size=size), formula)[0])


def wrapped(text: str, room: float, size: float = _SIZE) -> str:
    """Return a text in lines of at most so many points, as far as its parts allow."""
    lines = [""]
    for part in _PARTS.findall(text):
        if lines[-1] and width_of(lines[-1] + part, size) > room:
            lines.append("")
        lines[-1] += part
    return "\n".join(filter(None, (line.removeprefix(_SEPARATOR).removesuffix(_SEPARATOR) for line in lines)))
