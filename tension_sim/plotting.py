"""Figures of a run, under their published name: see `tension_sim.results.plots`."""

from .results.plots import (
    figure_run,
    plot_correlations,
    plot_eigenvalues,
    plot_prediction,
    plot_raster,
    plot_rates,
    plot_training,
    plot_weights,
    save_figure,
)

__all__ = [
    "figure_run",
    "plot_correlations",
    "plot_eigenvalues",
    "plot_prediction",
    "plot_raster",
    "plot_rates",
    "plot_training",
    "plot_weights",
    "save_figure",
]
