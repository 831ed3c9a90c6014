"""Figures of runs."""

from .files import save_figure as save_figure
from .of_network import plot_correlations as plot_correlations
from .of_network import plot_eigenvalues as plot_eigenvalues
from .of_network import plot_rates as plot_rates
from .of_network import plot_weights as plot_weights
from .run_figure import figure_run as figure_run
from .run_figure import plot_prediction as plot_prediction
from .run_figure import plot_raster as plot_raster
from .run_figure import plot_training as plot_training

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
