"""Figures of a run, under their published name: see `tension_sim.results.plots`."""

from .results.plots import figure_run, plot_prediction, plot_raster, plot_training, save_figure

__all__ = ["figure_run", "plot_prediction", "plot_raster", "plot_training", "save_figure"]
