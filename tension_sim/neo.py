"""Export a simulation as a `neo.Block`: our results, or the monitors of any Brian2 network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InvalidValueError, problem
from .results.results import Results

if TYPE_CHECKING:
    import neo

__all__ = ["save", "to_neo"]


def to_neo(
    source: Any,
    *,
    runs: Mapping[str, tuple[Any, Any]] | None = None,
    t_start: Any = None,
    t_stop: Any = None,
    name: str | None = None,
) -> neo.Block:
    """Return results, or what the monitors of a Brian2 network recorded, as a `neo.Block`.

    A step k of the clock covers the time from ``k*dt`` to ``(k + 1)*dt``. Its spikes and samples
    have the time ``k*dt``, as Brian2 gives them, and a Segment holds those with
    ``t_start <= t < t_stop``: bins that are closed on the left count every spike once, and trains
    and signals of a Segment fit together.

    Parameters
    ----------
    source : Results, TrainerResults, Network, monitor, or list of these monitors
        Of a Network all monitors are taken: SpikeMonitor, EventMonitor, StateMonitor,
        PopulationRateMonitor and `tension_sim.brian.Recorder`. Those that store no times
        (``record=False``) are left out. After ``run()`` without a Network of your own, pass the
        monitors, or ``brian2.magic_network``. On standalone devices, call it after the run.
    runs : mapping of str to (start, stop), optional
        One Segment for each, from a name to its borders, as times in seconds or with a Brian2
        unit. Brian2 does not keep when earlier calls of ``run`` ended; by default there is one
        Segment from `t_start` to `t_stop`.
    t_start, t_stop : float or time, optional
        Borders of the only Segment: by default 0 and the end of the simulation.
    name : str, optional
        Name of the Block; by default that of the network or results.

    Returns
    -------
    neo.Block
        Segments with SpikeTrains (one per neuron of a monitored population, silent ones
        included), AnalogSignals (an IrregularlySampledSignal where samples are not evenly spaced)
        and Events (of an EventMonitor), in SI units. ``source_population``, ``source_index`` and
        ``channel_id`` are annotations, ``neuron_id`` an array annotation; objects of a subgroup
        also name ``parent_population``, and their first index in it, ``parent_start``.
        One Group for each population holds its objects of all Segments.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If there is nothing to export, borders are not times in order, or results have their own.

    Examples
    --------
    >>> from brian2 import Network, NeuronGroup, SpikeMonitor, ms
    >>> group = NeuronGroup(2, "dv/dt = (i + 1)/(5*ms) : 1", threshold="v > 1", reset="v = 0",
    ...                     method="euler", name="cells")
    >>> network = Network(group, SpikeMonitor(group))
    >>> network.run(11*ms)
    >>> block = to_neo(network)
    >>> [(train.name, len(train)) for train in block.segments[0].spiketrains]
    [('cells_0', 2), ('cells_1', 4)]
    """
    if isinstance(source, Results) or type(source).__name__ == "TrainerResults":
        _check_alone("Results have", runs, t_start, t_stop, name)
        block: neo.Block = source.to_neo()
        return block
    from .brian.monitors import block_of

    return block_of(source, runs, t_start, t_stop, name)


def save(
    source: Any,
    path: str | Path,
    *,
    overwrite: bool = True,
    runs: Mapping[str, tuple[Any, Any]] | None = None,
    t_start: Any = None,
    t_stop: Any = None,
    name: str | None = None,
) -> Path:
    """Write what was simulated to a file, in the format that its suffix means.

    Parameters
    ----------
    source : Results, TrainerResults, neo.Block, Network, monitor, or list of monitors
        Results are written whole, see `Results.save`; of all else the Block of `to_neo`.
    path : str or Path
        ``".nwb"`` or ``".nix"``; of Results any format. The file appears whole or not at all.
    overwrite : bool
        Whether an existing file is replaced.
    runs, t_start, t_stop, name
        As in `to_neo`.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    UnknownNameError, UnsupportedError
        If no format has that suffix, or it cannot hold a Block.
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from brian2 import NeuronGroup, Network, SpikeMonitor, ms
    >>> group = NeuronGroup(2, "dv/dt = (i + 1)/(5*ms) : 1", threshold="v > 1", reset="v = 0", method="euler")
    >>> network = Network(group, SpikeMonitor(group))
    >>> network.run(11*ms)
    >>> save(network, tempfile.mkdtemp() + "/cells.nix").name
    'cells.nix'
    """
    import neo

    from .results.storage import save_block

    if isinstance(source, Results):
        _check_alone("Results have", runs, t_start, t_stop, name)
        return source.save(path, overwrite=overwrite)
    if isinstance(source, neo.Block):
        _check_alone("a Block has", runs, t_start, t_stop, name)
        block = source
    else:
        block = to_neo(source, runs=runs, t_start=t_start, t_stop=t_stop, name=name)
    return save_block(block, path, overwrite=overwrite, where="neo.save")


def _check_alone(has: str, runs: Any, t_start: Any, t_stop: Any, name: Any) -> None:
    """Refuse segments and a name beside what has its own."""
    given = {"runs": runs, "t_start": t_start, "t_stop": t_stop, "name": name}
    beside = [option for option, value in given.items() if value is not None]
    if beside:
        what = f"{has} segments and a name already"
        raise InvalidValueError(problem(f"to_neo.{beside[0]}", what, given[beside[0]], "leave it out."))
