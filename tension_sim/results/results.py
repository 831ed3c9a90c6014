"""Results of a run: its data, and the export to Neo and to files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidValueError, message
from .declaration import learned
from .drawn import Drawn
from .phases import Phase
from .run_data import Recording, first_multiple, rows_between

if TYPE_CHECKING:
    import neo

    from ..declare.fitted import FittedNetwork
    from ..declare.network import ForceNetwork
    from ..declare.populations.network import Network

__all__ = ["Phase", "Recording", "Results", "first_multiple", "rows_between"]


@dataclass(frozen=True, eq=False, repr=False)
class Results(Drawn):
    """Output, spikes, recorded states, weights and provenance of one run.

    Step k (0-based) covers the time from ``k * dt`` to ``(k + 1) * dt``; a spike of step k and a
    row of `output` of step k have the time ``k * dt``, as in Brian2. The run is the steps
    ``first_step <= k < first_step + n_steps``.

    Parameters
    ----------
    name : str
        Name of the network or recipe.
    dt : float
        Time step in seconds.
    first_step, n_steps : int
        First step of the run (not 0 when it goes on from an earlier one), and number of steps.
    n_neurons : int
        Neurons in the network.
    spike_step : ndarray of int64, shape (spikes,)
        Step of each spike, ascending.
    spike_neuron : ndarray of int32, shape (spikes,)
        Neuron of each spike.
    n_recorded_neurons : int
        Spikes were recorded of the neurons ``0 ... n_recorded_neurons - 1``.
    record_every : int
        Rows of `output` and `target` belong to the steps that are multiples of it.
    output : ndarray, shape (rows, outputs)
        The readout z.
    target : ndarray, shape (rows, outputs), or None
        The supervisor at the same steps.
    phases : tuple of Phase
        Before learning, learning and test; empty ones may be left out.
    recorded : dict of str to Recording
        Recorded variables by name.
    weights : dict of str to ndarray
        ``"output_kernel"`` of shape (neurons, outputs), ...
    learning_curve : dict of str to ndarray
        ``"time"`` in seconds, shape (points,), and quantities at these times, shape (points,)
        or (points, outputs), such as ``"output_kernel_norm"``.
    state : dict of str to ndarray
        All that a further run needs to go on from the end of this one.
    provenance : dict
        Versions, seed, parameters, ...
    timings : dict of str to float
        Seconds spent on building, running, ...
    net : ForceNetwork, FittedNetwork or Network, optional
        The declaration that was run, see `network`.
    populations : dict of str to int, optional
        Sizes of the populations of a `Network`, whose neurons are numbered one population after the other.

    Examples
    --------
    >>> import numpy as np
    >>> run = Results(
    ...     "demo", 1e-3, 0, 4, 3, [0, 2], [1, 1], 2, 1, np.zeros((4, 1)), None, (Phase("all", 0, 4),)
    ... )
    >>> run.times
    array([0.   , 0.001, 0.002, 0.003])
    >>> run.rates["all"]
    array([  0., 500.])
    """

    def to_neo(self) -> neo.Block:
        """Return the run as a `neo.Block`, see `tension_sim.results.neo_block.to_neo`."""
        from .neo_block import to_neo

        return to_neo(self)

    def network(self) -> ForceNetwork | FittedNetwork | Network:
        """Return the network that was run, with the weights that it learned.

        It runs again by ``Simulation(results.network())``, and goes on where this run ended by
        ``.run(y, state=results.state)``.

        Raises
        ------
        InvalidValueError
            If the results do not hold their network: those of the Keras-style classes, and files of
            earlier versions.

        Examples
        --------
        >>> import numpy as np
        >>> from tension_sim import ForceNetwork, Simulation
        >>> run = Simulation(ForceNetwork.random("lif", n=20), target="numpy").run(np.zeros(10))
        >>> run.network().n
        20
        """
        if self.net is None:
            fix = "run it by Simulation, or as a recipe."
            raise InvalidValueError(message("Results.network", "results that hold their network", None, fix))
        return learned(self.net, self.weights)

    def save(self, path: str | Path, *, overwrite: bool = True, state: bool = True) -> Path:
        """Write the run to a file, in the format that its suffix means.

        ``.h5`` is read fastest; ``.npz`` is numpy's; ``.nwb`` and ``.nix`` open in other programs. An
        installed package may add formats, see `tension_sim.results.format`.

        Parameters
        ----------
        path : str or Path
            File to write, in a folder that exists. It appears whole or not at all, and an earlier
            one stays until then.
        overwrite : bool
            Whether an existing file is replaced.
        state : bool
            Whether the state is kept that a further run needs; P of a large network is large.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        UnknownNameError
            If no format has that suffix.
        UnsupportedError
            If the format needs a package that is not installed.
        OutputError
            If the file exists and may not be replaced, the disk is full, or the folder is missing
            or read-only.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> run = Results("demo", 1e-3, 0, 4, 3, [0, 2], [1, 1], 2, 1, np.zeros((4, 1)), None, ())
        >>> path = run.save(tempfile.mkdtemp() + "/run.h5")
        >>> Results.load(path).spike_step
        array([0, 2])
        """
        from .storage import save

        return save(self, path, overwrite=overwrite, state=state)

    @classmethod
    def load(cls, path: str | Path) -> Results:
        """Read a run from a file written by `save`.

        Raises
        ------
        InvalidValueError
            If there is no such file, or it was not written by this package.
        """
        from .storage import load

        return cls(**load(path))
