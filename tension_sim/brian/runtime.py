"""Run a network in this process: numpy or cython."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from brian2.core.variables import ArrayVariable
from brian2.units.allunits import second

from ..errors import DivergenceError
from ..structure import Structure
from .assemble import assemble, blaming_the_file
from .isolation import isolated

__all__ = ["run"]

#: Arrays that have the length of the data.
_DATA = ("target.samples", "inputs.samples")


def run(
    structure: Structure,
    target: str,
    values: Mapping[str, Any],
    start: int,
    steps: int,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Run some steps and return every array of the network by its name.

    Parameters
    ----------
    structure : Structure
        The network.
    target : str
        ``"numpy"`` or ``"cython"``.
    values : mapping of str to number or array
        What the run starts from, by names such as ``"neurons.v"``.
    start, steps : int
        First time step, and how many.
    progress : callable, optional
        Called now and then with the number of steps done.

    Returns
    -------
    dict
        Arrays by name; ``"steps"`` is how many steps were run (fewer after Ctrl-C).
    """
    preferences = {
        "codegen.target": target,
        "core.default_float_dtype": np.dtype(structure.dtype).type,
    }
    with isolated("runtime", preferences):
        objects = assemble(structure)
        _set(objects, values)
        network = objects["network"]
        network.t_ = start * structure.dt

        def report(elapsed: Any, completed: float, begin: Any, duration: Any) -> None:
            if progress is not None:
                progress(int(round(completed * steps)))

        diverged_step = -1
        try:
            # Brian2 looks for states beyond 1e50, which overflows in float32
            with blaming_the_file(structure), np.errstate(over="ignore"):
                network.run(steps * structure.dt * second, report=report, report_period=0.3 * second, namespace={})
        except DivergenceError as error:
            diverged_step = error.step
        done = int(round(network.t_ / structure.dt)) - start
        return _get(objects) | {
            "steps": done,
            # Brian2 ends a run early, and quietly, after Ctrl-C
            "interrupted": done < steps and diverged_step < 0,
            "rls.diverged_step": np.array([diverged_step]),
        }


def _set(objects: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    if "recurrent" in objects:
        synapses = objects["recurrent"]
        if len(values["recurrent.pre"]):
            synapses.connect(i=values["recurrent.pre"], j=values["recurrent.post"])
        else:
            synapses.active = False
    for name, value in values.items():
        owner, _, variable = name.partition(".")
        if name in ("recurrent.pre", "recurrent.post") or (owner == "recurrent" and not len(value)):
            continue
        variable = objects[owner].variables[variable]
        if name in _DATA:
            variable.resize(np.size(value))
        variable.set_value(value)


def _get(objects: Mapping[str, Any]) -> dict[str, Any]:
    arrays = {}
    for owner in objects.values():
        for name, variable in getattr(owner, "variables", {}).items():
            if isinstance(variable, ArrayVariable) and variable.owner is not None:
                if variable.owner.name == owner.name:
                    arrays[f"{owner.name}.{name}"] = np.array(variable.get_value())
    return arrays
