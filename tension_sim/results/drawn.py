"""The figures of a run, as methods: each returns a Figure, which a notebook shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .run_data import RunData

if TYPE_CHECKING:
    from .plots.style import NotebookFigure

__all__ = ["Drawn"]


class Drawn(RunData):
    """Mixin of `tension_sim.Results`: its figures. Matplotlib is imported by the first one."""

    def plot(self) -> NotebookFigure:
        """Return the figure of the run: output and spikes in each phase, the error, and the course of learning.

        Examples
        --------
        >>> import numpy as np
        >>> from tension_sim import ForceNetwork, Simulation
        >>> run = Simulation(ForceNetwork.random("lif", n=20), target="numpy").run(np.zeros(10))
        >>> [axes.get_ylabel() for axes in run.plot().axes]
        ['output', 'neuron', 'RMS error']
        """
        from .plots import figure_run

        return figure_run(self)

    def plot_output(self) -> NotebookFigure:
        """Return the output of the whole run, on its target where there is one; see `plot_prediction`."""
        from .plots import plot_prediction

        return plot_prediction(self)

    def plot_raster(self) -> NotebookFigure:
        """Return the spikes of up to 100 neurons over the whole run."""
        from .plots import plot_raster

        return plot_raster(self)

    def plot_training(self) -> NotebookFigure:
        """Return how the run learned: its error over time, and its learning curve."""
        from .plots import plot_training

        return plot_training(self)

    def plot_weights(self) -> NotebookFigure:
        """Return the learned weights before and after the run, as histograms."""
        from .plots import plot_weights

        return plot_weights(self)

    def plot_eigenvalues(self) -> NotebookFigure:
        """Return the eigenvalues of the network before and after learning, in the complex plane.

        The time grows with the cube of the neurons: seconds for 1000 of them, minutes for 5000.
        """
        from .plots import plot_eigenvalues

        return plot_eigenvalues(self)

    def plot_rates(self) -> NotebookFigure:
        """Return how many neurons fire at which rate, in each phase."""
        from .plots import plot_rates

        return plot_rates(self)

    def plot_correlations(self) -> NotebookFigure:
        """Return how many cells follow their targets with which correlation."""
        from .plots import plot_correlations

        return plot_correlations(self)

    def report(self, path: str | Path, *, overwrite: bool = True, eigenvalues: bool | None = None) -> Path:
        """Write the page of the run: what was run, numbers and figures, in one HTML file that needs nothing else.

        Parameters
        ----------
        path : str or Path
            File to write, such as ``"report.html"``, in a folder that exists.
        overwrite : bool, optional
            Whether an existing file is replaced.
        eigenvalues : bool, optional
            Whether eigenvalues are computed; by default of up to 200 neurons.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        OutputError
            If the file exists and may not be replaced, or cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> from tension_sim import ForceNetwork, Simulation
        >>> run = Simulation(ForceNetwork.random("lif", n=20), target="numpy").run(np.zeros(10))
        >>> run.report(tempfile.mkdtemp() + "/report.html").name
        'report.html'
        """
        from .report import write_report

        return write_report(self, path, overwrite=overwrite, eigenvalues=eigenvalues)
