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
from .validation import check_steps

__all__ = ["Record", "Structure", "initial_state", "run_values"]

#: What a learning rule carries from one run to the next.
RLS_STATE = ("P_packed", "pending_k", "pending_c", "P_scale", "pending", "fresh", "n_updates")


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
            check_steps("Record.spikes_of", self.spikes_of, 0)
        variables = {name: tuple(int(i) for i in indices) for name, indices in (self.variables or {}).items()}
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
    def state_names(self) -> list[str]:
        """Names of all arrays that a run starts from and leaves behind."""
        inputs = [self.neuron.inputs["feedback"]]
        names = [f"neurons.{v}" for v in (*self.neuron.state_variables, *self.filter_variables, *inputs)]
        names += ["readout.w", "readout.z"]
        if self.learning:
            names += [f"rls.{v}" for v in RLS_STATE]
        return names


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
    known = {*structure.state_names, "step"}
    for name, values in given.items():
        if name not in known:
            raise unknown_name("Simulation.state", "state variable", name, known)
        array = np.asarray(values)
        if array.dtype.kind not in "iuf" or not np.all(np.isfinite(array)):
            raise InvalidValueError(message(f"Simulation.state[{name!r}]", "finite numbers", values))
        state[name] = array
    state["step"] = check_steps("Simulation.state['step']", state["step"], 0)
    z = state.get("readout.z")
    feedback = f"neurons.{structure.neuron.inputs['feedback']}"
    if z is not None and feedback not in given:
        state[feedback] = np.asarray(z) @ net.feedback_kernel * net.current_scale
    return state
