"""Continue any network from where it ended, on standalone devices too: 1 s and 1 s more are 2 s."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import brian2
import numpy as np
from brian2.units.allunits import second

from ..errors import InvalidTypeError, InvalidValueError, RunFailedError, UnsupportedError, message, problem
from ..system.scratch import Scratch
from .callers import users_names
from .continuable import check_device
from .continuable_program import PROGRAMS, ContinuableProgram, state_folder
from .standalone import is_standalone

__all__ = ["continue_run"]

_WHERE = "continue_run"
#: The reports of Brian2 that have a name.
_REPORTS = ("text", "stdout", "stderr")


class _Continuation:
    """A program and the folder of its present state."""

    def __init__(self, program: ContinuableProgram) -> None:
        self.program = program
        self.folder: Scratch | None = None

    def go_on(self, duration: float | None) -> Scratch:
        """Run on, and drop the state before; return the folder of the present one."""
        after, before = state_folder(), self.folder
        try:
            self.program.run(after.path, state=None if before is None else before.path, duration=duration)
        except BaseException:
            after.close()
            raise
        self.folder = after
        return after


_of_device: weakref.WeakKeyDictionary[Any, _Continuation] = weakref.WeakKeyDictionary()


def continue_run(duration: Any, network: Any = None, *, report: Any = None, namespace: Any = None) -> None:
    """Run a network for some time from its present state; on the C++ standalone device as often as wanted.

    Brian2's standalone programs start at time 0 with their initial values. This runs the same
    program, compiled once, from the state in which it ended: all variables, spikes that are still
    under way in delays, random number generators and monitors go on, so that parts equal one long
    run bit for bit. On runtime targets it is ``network.run``.

    Parameters
    ----------
    duration : Quantity
        A time.
    network : Network, optional
        By default all that is visible where it is called, as for ``run``.
    report : str, optional
        As for ``run``; on a standalone device that of the first call stays.
    namespace : mapping, optional
        As for ``run``.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If `duration` is no time, or `network` no Network.
    UnsupportedError
        If the device is another standalone device, or values were set by a string after the build.
    RunFailedError
        If the program fails, or if a run of Brian2's own before this one cannot be repeated.

    Notes
    -----
    After a ``run`` of Brian2's own, whose program keeps neither spikes under way nor random
    numbers, the first call runs that part once more and compares all results. Where it draws
    random numbers, call ``seed(...)`` before it, or let the first part be a ``continue_run`` too.

    Examples
    --------
    >>> from brian2 import NeuronGroup, Network, ms
    >>> from tension_sim.brian import continue_run
    >>> group = NeuronGroup(1, "dv/dt = 1/second : 1", method="euler")
    >>> network = Network(group)
    >>> continue_run(1*ms, network)
    >>> continue_run(1*ms, network)
    >>> group.v[:].round(6)
    array([0.002])
    """
    time = isinstance(duration, brian2.Quantity) and duration.dim is second.dim and duration.dtype.kind in "biuf"
    if not time or duration.ndim:
        raise InvalidTypeError(message(f"{_WHERE}.duration", "a time", duration, "such as 100*ms."))
    if not np.isfinite(length := float(np.asarray(duration))) or length < 0:
        raise InvalidValueError(message(f"{_WHERE}.duration", "a finite time, at least 0 s", duration))
    if network is not None and not isinstance(network, brian2.Network):
        raise InvalidTypeError(message(f"{_WHERE}.network", "a Network", network, "put it in Network(...)."))
    if not (report is None or callable(report) or (isinstance(report, str) and report in _REPORTS)):
        what = f"one of {', '.join(map(repr, _REPORTS))}, or a function"
        raise InvalidTypeError(message(f"{_WHERE}.report", what, report))
    if namespace is not None and not isinstance(namespace, Mapping):
        raise InvalidTypeError(message(f"{_WHERE}.namespace", "names with their meanings", namespace))
    chosen = brian2.magic_network if network is None else network
    options = {"report": report, "namespace": users_names() if namespace is None else namespace}
    if not is_standalone():
        chosen.run(duration, **options, level=1)
        return
    device = brian2.get_device()
    check_device(_WHERE, device)
    continuation = _of_device.get(device)
    if continuation is not None and continuation.program.is_current:
        if continuation.program.network is not chosen:
            raise UnsupportedError(
                message(f"{_WHERE}.network", f"{continuation.program.network.name}, which was run before", chosen.name)
            )
        continuation.go_on(length)
        return
    if PROGRAMS.get(device) is not None and PROGRAMS[device].is_current and PROGRAMS[device].where != _WHERE:
        fix = "a Trainer goes on by its own verbs; trainer.predict(steps=...) runs without learning."
        raise UnsupportedError(problem(_WHERE, "a Trainer runs this network", chosen.name, fix))
    if device.has_been_run:
        _of_device[device] = _repeated(device, chosen)
        _of_device[device].go_on(length)
        return
    at_once, device.build_on_run = device.build_on_run, False
    try:
        chosen.run(duration, **options, level=1)
    finally:
        device.build_on_run = at_once
    _of_device[device] = continuation = _Continuation(ContinuableProgram(device, chosen, _WHERE))
    continuation.go_on(None)


def _repeated(device: Any, network: Any) -> _Continuation:
    """Repeat the run of Brian2's own program, which keeps too little to continue from."""
    folder = Path(device.results_dir)
    names = {variable: device.get_array_filename(variable) for variable in device.arrays}
    before = {name: (folder / name).read_bytes() for name in names.values()}
    continuation = _Continuation(ContinuableProgram(device, network, _WHERE))
    reached = continuation.go_on(None)
    for variable, name in names.items():
        if (reached.path / name).read_bytes() != before[name]:
            device.results_dir = f"{folder}/"
            raise RunFailedError(
                f"{_WHERE}: the run before it draws other random numbers each time, and Brian2's own program does not "
                f"keep them: {variable.name} differs.\n"
                "Fix: call seed(...) before it, or write continue_run(...) in place of that run(...) too."
            )
    return continuation
