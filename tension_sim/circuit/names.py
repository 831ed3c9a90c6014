"""Names of the parts of a circuit, and of the arrays of a run: a part and its variable, as in ``"readout.w"``.

A saved state keeps its arrays under these names, so that a name that changes makes old states unreadable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# units, and where samples are played
NEURONS, TRACES, FEEDFORWARD, DELAYED = "neurons", "traces", "feedforward", "delayed"
TARGET, INPUTS, RATES = "target", "inputs", "rates"

# maps: weights from one part to another
INPUT, RECURRENT, FEEDBACK, READOUT = "input", "recurrent", "feedback", "readout"
PLASTIC, PLASTIC_NOW = "plastic", "plastic_now"
TRACE_SPIKES, FEEDFORWARD_RATE = "trace_spikes", "feedforward_rate"
NOW = "now"

# rules: of the readout, of the recurrence where it learns by itself, of the readout of the target-generating network
RULE, PLASTIC_RULE, TARGET_RULE = "rls", "rls_plastic", "rls_target"

# the target-generating network of full-FORCE
TARGET_NEURONS, TARGET_READOUT, TARGET_FEEDBACK = "target_neurons", "target_readout", "target_feedback"
TARGET_RECURRENT, TARGET_RECURRENT_NOW = "target_recurrent", "target_recurrent_now"
TARGET_HINT, TARGET_INPUT = "target_hint", "target_input"

# records
SPIKES, OUTPUT = "spikes", "output"
_RECORDED = "recorded_"

#: The first time step of a run that starts from a state.
STEP = "step"

#: The samples of `Simulation.run` that each part plays.
SAMPLES = {TARGET: "y", INPUTS: "x", RATES: "rates"}


def constant_name(projection: str, name: str) -> str:
    """Return the variable of the postsynaptic neurons that holds a number of the error of a projection."""
    return f"{name}_{projection}"


def entry(part: str, variable: str) -> str:
    """Return the name of a part's array.

    Examples
    --------
    >>> entry(READOUT, "w")
    'readout.w'
    """
    return f"{part}.{variable}"


def entries(part: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of a part's variables, by the names of its arrays.

    Examples
    --------
    >>> entries(NEURONS, {"v": 0.0, "r": 1.0})
    {'neurons.v': 0.0, 'neurons.r': 1.0}
    """
    return {entry(part, variable): value for variable, value in values.items()}


def split(name: str) -> tuple[str, str]:
    """Return part and variable of an array; the variable of ``"step"`` is empty.

    Examples
    --------
    >>> split("rls.P_packed")
    ('rls', 'P_packed')
    """
    part, _, variable = name.partition(".")
    return part, variable


def recorded(variable: str) -> str:
    """Return the name of the part that records a variable of the neurons, or of a population.

    Examples
    --------
    >>> recorded("v"), recorded("exc.v")
    ('recorded_v', 'recorded_exc__v')
    """
    return _RECORDED + variable.replace(".", "__")


def part_of(kind: str, *names: str) -> str:
    """Return the name of the part of that kind which belongs to a named population, projection or readout.

    Examples
    --------
    >>> part_of(NEURONS, "exc"), part_of(FEEDBACK, "output", "exc", "I_fb")
    ('neurons_exc', 'feedback_output__exc__I_fb')
    """
    return f"{kind}_{'__'.join(names)}"


def numbered(part: str, number: str) -> str:
    """Return the name of a further part that does what another does.

    Examples
    --------
    >>> numbered(RECURRENT, "1")
    'recurrent_1'
    """
    return f"{part}_{number}"


#: Arrays that many ask for: learned weights, and the output.
READOUT_WEIGHTS, READOUT_OUTPUT = entry(READOUT, "w"), entry(READOUT, "z")
PLASTIC_WEIGHTS, TARGET_READOUT_WEIGHTS = entry(PLASTIC, "w"), entry(TARGET_READOUT, "w")
