"""What of a network is compiled in, and what a run brings along: names, arrays, no engine.

A program is built from the `Structure` alone. Weights, parameters, states, data, the
schedule and the duration are values, given to each run under the names used here:
``"neurons.v"`` is variable ``v`` of the object ``neurons``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .equations import Neuron, SynapticFilter, rate_time
from .errors import InvalidTypeError, InvalidValueError, message, unknown_name
from .network import ForceNetwork
from .validation import check_steps, check_whole

__all__ = ["Record", "Structure", "initial_state", "run_values"]


def max_pending(n: int) -> int:
    """Return how many rank-one terms may wait before they are applied to P of n partners.

    Many spare the write traffic of P, but cost a pass over themselves, which counts
    when n is small.
    """
    return 1 if n < 24 else 2 if n < 48 else 4 if n < 128 else 8


@dataclass(frozen=True)
class Record:
    """What a run records.

    Attributes
    ----------
    every : int
        Output and variables are recorded at steps that are multiples of this.
    spikes_of : int or None
        Spikes of the first so many neurons; all by default.
    variables : mapping of str to tuple of int
        State variables of some neurons, e.g. ``{"v": (0, 1, 2)}``.
    """

    every: int = 1
    spikes_of: int | None = None
    variables: Mapping[str, tuple[int, ...]] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        check_steps("Record.every", self.every, 1)
        if self.spikes_of is not None:
            check_whole("Record.spikes_of", self.spikes_of, 0)
        given = {} if self.variables is None else self.variables
        if not isinstance(given, Mapping):
            raise InvalidTypeError(
                message("Record.variables", "names with neurons", given, 'write it as in {"v": [0, 1]}.')
            )
        variables = {}
        for name, indices in given.items():
            array = np.asarray(indices)
            if array.dtype.kind not in "iu" and array.size or array.ndim != 1:
                raise InvalidTypeError(message(f"Record.variables[{name!r}]", "a list of neurons", indices))
            variables[name] = tuple(array.tolist())
        object.__setattr__(self, "variables", variables)


@dataclass(frozen=True)
class Structure:
    """Everything that decides which code is generated."""

    neuron: Neuron
    synapse: SynapticFilter
    n: int
    dt: float
    n_outputs: int
    n_inputs: int
    recurrent: bool
    learning: bool
    dtype: str
    spikes_of: int
    recorded: tuple[tuple[str, tuple[int, ...]], ...]
    threads: int = 1

    @classmethod
    def of(cls, net: ForceNetwork, record: Record, threads: int = 1) -> Structure:
        """Extract the structure of a declaration."""
        spikes_of = net.n if record.spikes_of is None else min(record.spikes_of, net.n)
        for name, indices in record.variables.items():
            if name not in net.state_variables:
                raise unknown_name("Record.variables", "state variable", name, net.state_variables)
            if not indices or min(indices) < 0 or max(indices) >= net.n:
                raise InvalidValueError(
                    message(f"Record.variables[{name!r}]", f"neurons from 0 to {net.n - 1}", indices)
                )
        return cls(
            neuron=net.neuron,
            synapse=net.synapse,
            n=net.n,
            dt=net.dt,
            n_outputs=net.n_outputs,
            n_inputs=net.n_inputs,
            recurrent=net.recurrent is not None,
            learning=net.learning is not None,
            dtype=net.dtype,
            spikes_of=spikes_of,
            recorded=tuple(sorted(record.variables.items())),
            threads=threads,
        )

    def describe(self) -> dict[str, Any]:
        """Return a plain dictionary, the same for the same code; texts that only explain are left out."""
        plain = asdict(self)
        for part in ("neuron", "synapse"):
            for key in ("name", "summary", "source", "initial"):
                plain[part].pop(key, None)
            plain[part]["parameters"] = sorted(plain[part]["parameters"])
        return plain

    @property
    def filter_variables(self) -> list[str]:
        """Variables of the two filters: the neuron's rate r, and the recurrent current."""
        rate = self.synapse.named("r", "r")
        current = self.synapse.named(self.neuron.inputs["recurrent"], "rec")
        return [*rate.values(), *current.values()]

    @property
    def state_sizes(self) -> dict[str, int]:
        """How many values each array has that a run starts from and leaves behind."""
        neurons = (*self.neuron.state_variables, *self.filter_variables, self.neuron.inputs["feedback"])
        sizes = {f"neurons.{name}": self.n for name in neurons}
        sizes |= {"readout.w": self.n * self.n_outputs, "readout.z": self.n_outputs}
        if self.learning:
            waiting = max_pending(self.n)
            sizes |= {"rls.P_packed": self.n * (self.n + 1) // 2, "rls.pending_k": self.n * waiting}
            sizes |= {"rls.pending_c": waiting, "rls.P_scale": 1, "rls.pending": 1, "rls.fresh": 1, "rls.n_updates": 1}
        return sizes


def run_values(net: ForceNetwork, record: Record) -> dict[str, Any]:
    """Return parameters, fixed weights and schedule of a declaration, in SI units."""
    scale = net.current_scale
    values: dict[str, Any] = {f"neurons.{name}": float(q.value) for name, q in net.parameter_values.items()}
    values["neurons.rate_time"] = rate_time(net.neuron)
    values["feedback.w"] = (net.feedback_kernel.T * scale).ravel()
    if net.input_kernel is not None:
        values["input.w"] = (net.input_kernel.T * scale).ravel()
    if net.recurrent is not None:
        values["recurrent.pre"] = net.recurrent.pre
        values["recurrent.post"] = net.recurrent.post
        values["recurrent.w"] = net.recurrent.weight * scale
    values["output.every"] = record.every
    for name in record.variables:
        values[f"recorded_{name}.every"] = record.every
    if net.learning is not None:
        rule = net.learning
        values |= {
            "rls.alpha_P": rule.alpha_P,
            "rls.divided": int(rule.gain == "divided"),
            "rls.update_every": rule.update_every,
            "rls.start_step": rule.start,
            "rls.stop_step": 2**62 if rule.stop is None else rule.stop,
            "rls.forgetting": rule.forgetting,
            "rls.probability": rule.probability,
            "rls.seed": net.seed,
            "rls.learning": 1,
        }
    return values


def initial_state(net: ForceNetwork, structure: Structure, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the arrays a run starts from; `given` (a previous run's state) goes before the declaration's.

    Raises
    ------
    UnknownNameError, InvalidValueError
        If `given` has unknown names or shapes.
    """
    state: dict[str, Any] = {"step": 0}
    for name, values in net.initial_values.items():
        state[f"neurons.{name}"] = values
    state["readout.w"] = net.output_kernel.T.ravel()
    if given is None:
        return state
    if not isinstance(given, Mapping):
        raise InvalidTypeError(message("Simulation.state", "the state of a run (results.state)", type(given).__name__))
    sizes = {**structure.state_sizes, "step": 1}
    for name, values in given.items():
        if name not in sizes:
            raise unknown_name("Simulation.state", "state variable", name, sizes)
        array = np.asarray(values)
        if array.dtype.kind not in "iuf" or not np.all(np.isfinite(array)):
            raise InvalidValueError(message(f"Simulation.state[{name!r}]", "finite numbers", values))
        if array.size != sizes[name]:
            raise InvalidValueError(
                message(
                    f"Simulation.state[{name!r}]", f"{sizes[name]} values", array.shape, "use a state of this network."
                )
            )
        state[name] = array
    state["step"] = check_steps("Simulation.state['step']", np.ravel(state["step"])[0], 0)
    if "rls.P_packed" in given:
        state = {"rls.P_scale": np.ones(1), "rls.fresh": np.zeros(1, np.int32), **state}
    if not 0 <= np.ravel(state.get("rls.pending", 0))[0] <= sizes.get("rls.pending_c", 0):
        raise InvalidValueError(
            message("Simulation.state['rls.pending']", f"0 to {sizes['rls.pending_c']}", state["rls.pending"])
        )
    z = state.get("readout.z")
    feedback = f"neurons.{structure.neuron.inputs['feedback']}"
    if z is not None and feedback not in given:
        state[feedback] = np.ravel(z) @ net.feedback_kernel * net.current_scale
    return state
