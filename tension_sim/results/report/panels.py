"""The figures of a page: each one small enough for a phone, with what it shows in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..couplings import coupling_size, eigenvalues, learned_weights
from ..measures import cell_correlations, mean_rate
from ..phases import LEARNING
from ..plots.distributions import draw_correlations, draw_eigenvalues, draw_rates, draw_weights
from ..plots.panels import draw_error, draw_learning_curve, draw_output, draw_raster
from ..plots.run_figure import shade_learning
from ..plots.style import label, make_figure, plain
from ..plots.windows import Window, learning_curve_of, windows_of
from ..run_data import RunData, spiking

__all__ = ["MOST_EIGENVALUES", "Panel", "panels_of", "single_panel"]

#: Neurons up to which eigenvalues are computed without being asked for: less than 0.1 s.
MOST_EIGENVALUES = 200
#: Kernels whose weights are shown.
_MOST_KERNELS = 4

_WIDTH = 3.8  # inches: on a phone, 8 points are 11 pixels
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.66, 0.16, 0.44, 0.08
_GAP = 0.1


@dataclass(frozen=True, eq=False)
class Panel:
    """A figure, its heading, and what it shows."""

    heading: str
    caption: str
    figure: Figure


def _panel_figure(*heights: float) -> Figure:
    """Return a figure with pairs of axes one above the other, heights in inches."""
    height = sum(heights) + _BOTTOM + _TOP + _GAP * (len(heights) - 1)
    figure = make_figure(_WIDTH, height, layout=None)
    top = height - _TOP
    for own in heights:
        box = (_LEFT / _WIDTH, (top - own) / height, 1 - (_LEFT + _RIGHT) / _WIDTH, own / height)
        plain(figure.add_axes(box))
        top -= own + _GAP
    return figure


def _share_time(figure: Figure, start: float, stop: float) -> None:
    for axes in figure.axes:
        axes.set_xlim(start, stop)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.tick_params(labelbottom=axes is figure.axes[-1])
    label(figure.axes[-1], x="time (s)")


def panels_of(results: RunData, with_eigenvalues: bool | None = None) -> Iterator[Panel]:
    """Yield the figures of a run, those that it has data for.

    Parameters
    ----------
    results : Results
        The run.
    with_eigenvalues : bool, optional
        Whether eigenvalues are computed; by default of up to 200 neurons.
    """
    for window in windows_of(results) if results.n_outputs or results.n_recorded_neurons else []:
        yield _window(results, window)
    yield from _course(results)
    r = cell_correlations(results)
    if r is not None:
        yield single_panel("Correlation of each cell", "r of output and target, cells counted.", 1.6,
                      lambda axes: draw_correlations(axes, r))  # fmt: skip
    for learned in learned_weights(results)[:_MOST_KERNELS]:
        sides = "Before and after" if learned.before is not None else "After"
        heading = f"Weights: {learned.name.replace('_', ' ')}"
        yield single_panel(heading, f"{sides} learning.", 1.6, partial(draw_weights, learned=learned))
    size = coupling_size(results)
    if with_eigenvalues if with_eigenvalues is not None else size <= MOST_EIGENVALUES:
        if size:
            yield _eigenvalues(results)
    if results.n_recorded_neurons and results.phases:
        means = ", ".join(f"{name} {mean_rate(results, name):.3g} Hz" for name in results.rates)
        caption = f"Of {np.count_nonzero(spiking(results))} neurons. Mean: {means}."
        yield single_panel("Firing rates", caption, 1.6, lambda axes: draw_rates(axes, results))


def single_panel(heading: str, caption: str, height: float, draw: Callable[[Axes], None], x: str = "") -> Panel:
    """Return a panel with one pair of axes; `x` labels the horizontal one where `draw` does not."""
    figure = _panel_figure(height)
    draw(figure.axes[0])
    if x:
        label(figure.axes[0], x=x)
    return Panel(heading, caption, figure)


def _window(results: RunData, window: Window) -> Panel:
    parts = [(1.35 if results.n_outputs < 4 else 2.4, draw_output)] if results.n_outputs else []
    parts += [(1.35, draw_raster)] if results.n_recorded_neurons else []
    figure = _panel_figure(*(height for height, _ in parts))
    for axes, (_, draw) in zip(figure.axes, parts, strict=True):
        draw(axes, results, window, True)
        if draw is draw_raster:
            for line in axes.lines:
                line.set(rasterized=True, linewidth=0.9)  # as lines, many spikes would be megabytes
    _share_time(figure, window.start, window.stop)
    names = [name for name, there in (("output", results.n_outputs), ("spikes", results.n_recorded_neurons)) if there]
    return Panel(_sentence(window.title), f"{' and '.join(names).capitalize()}.", figure)


def _course(results: RunData) -> Iterator[Panel]:
    """Yield the error over the run, and the learning curve below it, or beside it where learning took several runs."""
    curve = learning_curve_of(results)
    beyond = curve is not None and float(curve[1].max()) > results.t_stop
    draws: list[Callable[[Axes, RunData], None]] = []
    if results.target is not None and results.target.size:
        draws.append(draw_error)
    if curve is not None and not beyond:
        draws.append(draw_learning_curve)
    if draws and results.t_stop > results.t_start:
        figure = _panel_figure(*[1.35] * len(draws))
        for axes, draw in zip(figure.axes, draws, strict=True):
            draw(axes, results)
            shade_learning(axes, results, named=axes is figure.axes[0])
        _share_time(figure, results.t_start, results.t_stop)
        shaded = any(phase.name == LEARNING for phase in results.phases)
        learns = "; weights learn where it is shaded" if shaded else ""
        yield Panel("The whole run", f"Root mean square error, in bins{learns}.", figure)
    if curve is not None and beyond:
        figure = _panel_figure(1.6)
        draw_learning_curve(figure.axes[0], results)
        _share_time(figure, 0.0, float(curve[1].max()))
        yield Panel("The course of learning", "Over all runs.", figure)


def _eigenvalues(results: RunData) -> Panel:
    before, after = eigenvalues(results)
    caption = "Of what neurons send to each other, readout and feedback included; before and after learning."
    return single_panel("Eigenvalues", caption, 2.6, lambda axes: draw_eigenvalues(axes, before, after))


def _sentence(title: str) -> str:
    return title[:1].upper() + title[1:]
