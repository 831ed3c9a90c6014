"""Check the state of an earlier run that a run is given to start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..declare.arrays_in import numbers
from ..declare.validation import all_finite, check_steps
from ..errors import InvalidTypeError, InvalidValueError, message, unknown_name
from .names import STEP, entries, entry
from .parts import Circuit, Rule

__all__ = ["check_state"]


def check_state(given: Mapping[str, Any], circuit: Circuit) -> dict[str, Any]:
    """Return a state given to a run, with its step.

    Raises
    ------
    InvalidTypeError, UnknownNameError, InvalidValueError
        If it is no state of this circuit.
    """
    if not isinstance(given, Mapping):
        raise InvalidTypeError(message("Simulation.state", "the state of a run (results.state)", type(given).__name__))
    sizes = {**circuit.state_sizes, STEP: 1}
    state: dict[str, Any] = {}
    for name, values in given.items():
        if name not in sizes:
            raise unknown_name("Simulation.state", "state variable", name, sizes)
        array = values if type(values) in (np.ndarray, np.memmap) else None
        if array is None or array.dtype.kind not in "iuf":
            array = numbers(f"Simulation.state[{name!r}]", values, "finite numbers")
        if not all_finite(array):
            raise InvalidValueError(message(f"Simulation.state[{name!r}]", "finite numbers", values))
        if array.size != sizes[name]:
            raise InvalidValueError(
                message(
                    f"Simulation.state[{name!r}]", f"{sizes[name]} values", array.shape, "use a state of this network."
                )
            )
        state[name] = array
    if STEP in state:
        state[STEP] = check_steps("Simulation.state['step']", np.ravel(state[STEP])[0], 0)
    for rule, part in circuit.of(Rule).items():
        if entry(rule, "P_packed") in given:
            blocks = part.blocks.blocks
            plain = {"P_scale": np.ones(blocks), "fresh": np.zeros(1, np.int32)}
            state = entries(rule, plain) | state
        pending = np.ravel(state.get(entry(rule, "pending"), 0))
        most = part.blocks.pending_c
        if not np.all((pending >= 0) & (pending <= most)):
            raise InvalidValueError(message(f"Simulation.state['{rule}.pending']", f"0 to {most}", pending))
    return state
