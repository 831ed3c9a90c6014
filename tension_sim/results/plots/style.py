"""Style of all figures: colours, sizes, and a Figure that a notebook shows.

Figures are made without pyplot and without touching matplotlib's global settings, so they
work in a script, a notebook, a thread and on a machine without a screen alike.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..run_data import RunData

__all__ = [
    "CYCLE",
    "FAINT",
    "LINES",
    "LEARNING_NAME",
    "LEARNING_SHADE",
    "NORMAL",
    "OUTPUT",
    "SMALL",
    "SPIKES",
    "TARGET",
    "TEXT",
    "WEIGHTS",
    "NotebookFigure",
    "label",
    "literal",
    "make_figure",
    "plain",
    "run_title",
]

# Okabe and Ito's colours, told apart by colour-blind readers too
OUTPUT, TARGET, SPIKES, WEIGHTS = "#0072B2", "#B5B5B5", "#222222", "#D55E00"
LEARNING_SHADE, LEARNING_NAME = "#E69F00", "#8A5F00"
#: For several runs in one figure.
CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
TEXT, LINES, FAINT = "#333333", "#999999", "#888888"
SMALL, NORMAL = 8, 9

_DPI = 150
_SCREEN = 80  # pixels an inch that a notebook shows: of these, a screen of high resolution has the double


class NotebookFigure(Figure):
    """A Figure that a notebook shows as a picture, once, whether pyplot is loaded or not.

    Jupyter learns to show a Figure from pyplot alone. Where it has, it shows this one in its own way.

    Examples
    --------
    >>> figure = make_figure(2.0, 1.0)
    >>> picture, size = figure._repr_png_()
    >>> picture[1:4], size
    (b'PNG', {'width': 160, 'height': 80})
    """

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        width, height = (round(inches * _SCREEN) for inches in self.get_size_inches())
        return buffer.getvalue(), {"width": width, "height": height}


def make_figure(
    width: float, height: float, layout: Literal["constrained", "tight"] | None = "constrained"
) -> NotebookFigure:
    """Return an empty figure of a size in inches."""
    return NotebookFigure(figsize=(width, height), dpi=_DPI, facecolor="white", layout=layout)


def plain(axes: Axes) -> None:
    """Remove the frame, and make ticks small."""
    axes.set_facecolor("white")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LINES)
    axes.tick_params(which="both", labelsize=SMALL, colors=TEXT, color=LINES)
    axes.tick_params(length=3)


def label(axes: Axes, **texts: str) -> None:
    """Set texts in the usual size and colour: ``x``, ``y`` for the axes, ``title``.

    Examples
    --------
    >>> axes = make_figure(2.0, 1.0).subplots()
    >>> label(axes, x="time (s)")
    >>> axes.get_xlabel()
    'time (s)'
    """
    how: dict[str, Any] = {"fontsize": SMALL, "color": TEXT}
    setters: dict[str, Callable[..., Any]] = {"x": axes.set_xlabel, "y": axes.set_ylabel, "title": axes.set_title}
    for name, text in texts.items():
        setters[name](text, **how)


def literal(text: str) -> str:
    """Return a text as matplotlib shows it as it is, and not as mathematics.

    Examples
    --------
    >>> literal("$x")
    '\\\\$x'
    """
    return text.replace("$", r"\$")


def run_title(results: RunData, members: str = "neurons") -> str:
    """Return what a figure says about its run: name, size, seed.

    Examples
    --------
    >>> import numpy as np
    >>> of = {"dt": 1e-3, "first_step": 0, "n_steps": 4, "n_neurons": 3, "n_recorded_neurons": 0, "record_every": 1}
    >>> none = {"spike_step": [], "spike_neuron": [], "output": np.zeros((4, 1)), "target": None, "phases": ()}
    >>> run_title(RunData("demo", **of, **none, provenance={"seed": 2}))
    'demo   ·   3 neurons   ·   seed 2'
    """
    text = f"{literal(results.name)}   ·   {results.n_neurons} {members}"
    seed = results.provenance.get("seed")
    return text if seed is None else f"{text}   ·   seed {seed}"
