"""Run a network in this process: numpy or cython."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from typing import Any

import numpy as np
from brian2.codegen.runtime.cython_rt.extension_manager import get_cython_cache_dir
from brian2.core.variables import DynamicArrayVariable
from brian2.units.allunits import second

from ..circuit.names import entry
from ..circuit.parts import Circuit, Rule, Units
from ..circuit.watched import Listener, watched
from ..errors import DivergenceError
from ..system.interrupts import Interrupts
from ..system.places import place_to_build
from .assemble import assemble, blaming_the_files
from .compilers import compilers_end_with_this_process
from .isolation import isolated, users_preferences
from .observer import Observer

__all__ = ["run"]

#: Seconds between two reports of progress; an interrupt waits as long.
_PERIOD = 0.3


def run(
    circuit: Circuit,
    target: str,
    values: Mapping[str, Any],
    start: int,
    steps: int,
    progress: Callable[[int], None] | None = None,
    pause_after: float | None = None,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Run some steps and return every array of the network by its name.

    Parameters
    ----------
    circuit : Circuit
        The network.
    target : str
        ``"numpy"`` or ``"cython"``.
    values : mapping of str to number or array
        What the run starts from, by names such as ``"neurons.v"``.
    start, steps : int
        First time step, and how many.
    progress : callable, optional
        Called now and then with the number of steps done.
    pause_after : float, optional
        Seconds from now after which it ends early, at a time step.
    listener : Listener, optional
        Whom it tells what it does.

    Returns
    -------
    dict
        Arrays by name; ``"steps"`` is how many steps were run (fewer if ``"paused"`` or ``"interrupted"``).
    """
    deadline = None if pause_after is None else time.monotonic() + pause_after
    preferences = {
        "codegen.target": target,
        "core.default_float_dtype": np.dtype(circuit.dtype).type,
        "core.stop_on_keyboard_interrupt": False,  # Brian2's handler fails in threads and loses results in notebooks
    }
    if target == "cython":
        preferences |= cython_preferences()
    guard = compilers_end_with_this_process() if target == "cython" else nullcontext()
    with isolated("runtime", preferences), guard, Interrupts(at_once=True) as interrupts:
        objects = assemble(circuit)
        _set(objects, values)
        network = objects["network"]
        network.t_ = start * circuit.dt
        paused, observer = False, None
        if listener is not None:
            observer = Observer(watched(circuit), objects, listener, network.stop, start + steps - 1)
            network.add(observer.operation(next(iter(network.objects)).clock))

        def report(elapsed: Any, completed: float, begin: Any, duration: Any) -> None:
            nonlocal paused
            interrupts.defer(network.stop)  # from its first call on there is something to keep
            if progress is not None:
                progress(int(round(completed * steps)))
            if deadline is not None and 0 < completed < 1 and time.monotonic() > deadline:
                paused = True
                network.stop()

        diverged_step = -1
        try:
            # Brian2 looks for states beyond 1e50, which overflows in float32
            with blaming_the_files(files_of(circuit)), np.errstate(over="ignore"):
                period = _PERIOD if pause_after is None else min(_PERIOD, max(pause_after / 4, 1e-3))
                network.run(steps * circuit.dt * second, report=report, report_period=period * second, namespace={})
        except DivergenceError as error:
            diverged_step = -1 if error.step is None else error.step
        done = int(round(network.t_ / circuit.dt)) - start
        arrays = {name: np.array(_variable(objects, name).get_value()) for name in circuit.results}
        for name in circuit.of(Rule):
            arrays[entry(name, "diverged_step")] = np.array([diverged_step])
    # read when none can come any more: an interrupt after the last step counts too
    early = done < steps and diverged_step < 0
    stopped = observer is not None and observer.stopped
    paused = (paused or (observer is not None and observer.paused)) and early and not interrupts.seen
    interrupted = interrupts.seen or (early and not paused and not stopped)
    return arrays | {"steps": done, "paused": paused, "interrupted": interrupted}


def cython_preferences() -> dict[str, Any]:
    """Return the preference for Cython's cache folder, if Brian2's own folder cannot be written."""
    if users_preferences()["codegen.runtime.cython.cache_dir"] is not None or "CYTHON_CACHE_DIR" in os.environ:
        return {}
    usual = os.path.expanduser(get_cython_cache_dir())
    with suppress(OSError):
        if os.path.isabs(usual):
            os.makedirs(usual, exist_ok=True)
            if os.access(usual, os.W_OK):
                return {}
    return {"codegen.runtime.cython.cache_dir": str(place_to_build().path / "cython")}


def files_of(circuit: Circuit) -> tuple[str, ...]:
    """Return the equation files of a circuit, for messages."""
    return next((part.files for part in circuit.of(Units).values()), ())


def _variable(objects: Mapping[str, Any], name: str) -> Any:
    owner, _, variable = name.partition(".")
    return objects[owner].variables[variable]


def _set(objects: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        variable = _variable(objects, name)
        if isinstance(variable, DynamicArrayVariable):
            variable.resize(np.size(value))
        variable.set_value(value)
