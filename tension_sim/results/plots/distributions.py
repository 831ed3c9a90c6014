"""What learning did to weights and eigenvalues, and how rates and correlations are spread over the cells."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ..couplings import Learned
from ..run_data import RunData
from .style import CYCLE, FAINT, LINES, OUTPUT, SMALL, TARGET, TEXT, WEIGHTS, label, literal

__all__ = ["draw_correlations", "draw_eigenvalues", "draw_rates", "draw_weights"]

_BINS = 40


def _edges(*parts: np.ndarray) -> np.ndarray:
    """Return the borders of bins over the bulk of all values."""
    values = np.concatenate([part[np.isfinite(part)] for part in parts])
    low, high = (float(values.min()), float(values.max())) if values.size else (-1.0, 1.0)
    if not high > low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, _BINS + 1)


def draw_weights(axes: Axes, learned: Learned) -> None:
    """Draw how many weights have which value, before and after learning."""
    parts = [part for part in (learned.before, learned.after) if part is not None]
    edges = _edges(*parts)
    if learned.before is not None:
        axes.hist(learned.before, bins=edges.tolist(), color=TARGET, label="before")
    axes.hist(learned.after, bins=edges.tolist(), histtype="step", color=WEIGHTS, linewidth=1.3, label="after")
    axes.set_yscale("symlog", linthresh=10)
    label(axes, x=f"weight ({literal(learned.name.replace('_', ' '))})", y="weights")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))


def draw_eigenvalues(axes: Axes, before: np.ndarray, after: np.ndarray) -> None:
    """Draw eigenvalues in the complex plane, before and after learning."""
    axes.axhline(0, color=LINES, linewidth=0.5)
    axes.axvline(0, color=LINES, linewidth=0.5)
    axes.plot(np.real(before), np.imag(before), ".", color=TARGET, markersize=5, label="before")
    axes.plot(np.real(after), np.imag(after), ".", color=WEIGHTS, markersize=2.5, label="after")
    axes.set_aspect("equal", adjustable="datalim")
    label(axes, x="real part", y="imaginary part")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))


def draw_rates(axes: Axes, results: RunData) -> None:
    """Draw how many neurons fire at which rate, in each phase."""
    rates = {name: values[np.isfinite(values)] for name, values in results.rates.items()}
    if not rates:
        return
    edges = _edges(*rates.values(), np.zeros(1))
    for (name, values), color in zip(rates.items(), CYCLE, strict=False):
        axes.hist(values, bins=edges.tolist(), histtype="step", color=color, linewidth=1.2, label=literal(name))
    label(axes, x="firing rate (Hz)", y="neurons")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.legend(frameon=False, fontsize=SMALL, labelcolor=TEXT)


def draw_correlations(axes: Axes, r: np.ndarray) -> None:
    """Draw how many cells follow their targets with which correlation."""
    known = r[np.isfinite(r)]
    axes.hist(known, bins=np.linspace(-1, 1, _BINS + 1).tolist(), color=OUTPUT)
    if known.size:
        axes.axvline(known.mean(), color=FAINT, linewidth=1, linestyle="--")
    label(axes, x=f"r of {len(r)} cells", y="cells")
    if known.size:
        axes.set_title(f"mean {known.mean():.3f}", fontsize=SMALL, color=TEXT)
    axes.set_xlim(min(0.0, float(known.min(initial=0.0))) - 0.02, 1.02)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
