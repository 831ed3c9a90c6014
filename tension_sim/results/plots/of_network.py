"""Figures of what learning did to the network: weights, eigenvalues, firing rates, and r of each cell."""

from __future__ import annotations

from ...errors import InvalidValueError, message
from ..couplings import eigenvalues, learned_weights
from ..measures import cell_correlations, mean_rate
from ..run_data import RunData, check_results
from .distributions import draw_correlations, draw_eigenvalues, draw_rates, draw_weights
from .heading import heading
from .style import SMALL, TEXT, NotebookFigure, label, literal, make_figure, plain, run_title

__all__ = ["plot_correlations", "plot_eigenvalues", "plot_rates", "plot_weights"]

_PANEL = 4.4  # inches


def _figure(results: RunData, columns: int = 1, height: float = 3.0) -> NotebookFigure:
    figure = make_figure(_PANEL * columns, height)
    heading(figure, run_title(results))
    for axes in figure.subplots(1, columns, squeeze=False).flat:
        plain(axes)
    return figure


def plot_weights(results: RunData) -> NotebookFigure:
    """Draw the learned weights before and after the run, one histogram for each kernel.

    Raises
    ------
    InvalidValueError
        If nothing was learned.

    Examples
    --------
    >>> import numpy as np
    >>> from tension_sim import ForceNetwork, Simulation
    >>> run = Simulation(ForceNetwork.random("lif", n=20), target="numpy").run(np.zeros(10))
    >>> [axes.get_xlabel() for axes in plot_weights(run).axes]
    ['weight (output kernel)']
    """
    results = check_results("plot_weights.results", results)
    learned = learned_weights(results)
    if not learned:
        what, fix = "a run with weights that learn", "give the network a Learning."
        raise InvalidValueError(message("plot_weights.results", what, results.name, fix))
    figure = _figure(results, len(learned))
    for axes, one in zip(figure.axes, learned, strict=True):
        draw_weights(axes, one)
    figure.axes[0].legend(frameon=False, fontsize=SMALL, labelcolor=TEXT)
    return figure


def plot_eigenvalues(results: RunData) -> NotebookFigure:
    """Draw the eigenvalues of what neurons send to each other, before and after learning.

    The matrix is that of `tension_sim.results.couplings.coupling`. The time grows with the cube of the
    neurons: seconds for 1000 of them, minutes for 5000.

    Raises
    ------
    InvalidValueError
        If the results do not hold a network whose neurons are coupled.

    Examples
    --------
    >>> import numpy as np
    >>> from tension_sim import ForceNetwork, Simulation
    >>> run = Simulation(ForceNetwork.random("lif", n=20), target="numpy").run(np.zeros(10))
    >>> plot_eigenvalues(run).axes[0].get_xlabel()
    'real part'
    """
    results = check_results("plot_eigenvalues.results", results)
    before, after = eigenvalues(results)
    figure = _figure(results, height=4.2)
    draw_eigenvalues(figure.axes[0], before, after)
    figure.axes[0].legend(frameon=False, fontsize=SMALL, labelcolor=TEXT)
    return figure


def plot_rates(results: RunData) -> NotebookFigure:
    """Draw how many neurons fire at which rate, in each phase.

    Raises
    ------
    InvalidValueError
        If no spikes were recorded.
    """
    results = check_results("plot_rates.results", results)
    if not results.n_recorded_neurons:
        what, fix = "a run with recorded spikes", "use a spiking network."
        raise InvalidValueError(message("plot_rates.results", what, results.name, fix))
    figure = _figure(results)
    draw_rates(figure.axes[0], results)
    means = ", ".join(f"{literal(name)} {mean_rate(results, name):.3g} Hz" for name in results.rates)
    label(figure.axes[0], title=f"mean: {means}")
    return figure


def plot_correlations(results: RunData) -> NotebookFigure:
    """Draw how many cells follow their targets with which correlation.

    Raises
    ------
    InvalidValueError
        If the cells of the run have no targets of their own.
    """
    results = check_results("plot_correlations.results", results)
    r = cell_correlations(results)
    if r is None:
        what, fix = "a run whose cells each have a target", "use a FittedNetwork, or one output for each neuron."
        raise InvalidValueError(message("plot_correlations.results", what, results.name, fix))
    figure = _figure(results)
    draw_correlations(figure.axes[0], r)
    return figure
