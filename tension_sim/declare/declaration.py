"""Base class of the declarations of all networks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..errors import InvalidTypeError, InvalidValueError, message
from .converted import Converted, Declared, File, Number
from .described import Described
from .learning import Learning
from .neuron import Neuron, SynapticFilter, current_scale
from .units import Dimension, Quantity
from .validation import check_choice, check_positive, check_whole
from .values import check_mappings, seconds, shown_in

__all__ = ["DTYPES", "Declaration", "check_currents", "check_filter"]

DTYPES = ("float64", "float32")


def check_currents(where: str, neuron: Neuron) -> None:
    """Refuse a neuron that does not say which variables take recurrent, feedback and external currents."""
    if not neuron.inputs:
        what = "a neuron with a recurrent, a feedback and an external input"
        fix = "name them in [inputs], or put the neuron into a Population."
        raise InvalidValueError(message(where, what, f"{neuron.name}, with {', '.join(neuron.more_inputs)}", fix))


def check_filter(where: str, synapse: SynapticFilter | None) -> None:
    """Refuse a synapse whose spikes add their weights, where these count by the rate of spikes."""
    if synapse is not None and synapse.kind != "filter":
        fix = "a Network has projections with synapses."
        raise InvalidValueError(message(where, 'a file of kind = "filter"', f"{synapse.name}, a synapse", fix))


class Declaration(Described, Declared):
    """Base of the frozen dataclasses `ForceNetwork` and `FittedNetwork`: checks and units that both have."""

    if TYPE_CHECKING:
        # what the classes declare themselves
        neuron: Converted[Neuron, File]
        n: int
        dt: Converted[float, Number]
        learning: Learning | None
        parameters: Mapping[str, Any]
        initial: Mapping[str, Any]
        dtype: str
        seed: int

        @property
        def n_outputs(self) -> int: ...
        @cached_property
        def state_variables(self) -> dict[str, Dimension]: ...
        @cached_property
        def parameter_values(self) -> dict[str, Quantity]: ...

    #: Begins messages.
    _where = "Declaration"

    @property
    def _filters(self) -> list[SynapticFilter]:
        """The synaptic filters, that of the static synapses first."""
        raise NotImplementedError

    def _put(self, name: str, value: Any) -> None:
        """Set a field to its checked value, before anything reads it."""
        object.__setattr__(self, name, value)

    def _check_size(self) -> None:
        """Check neurons, time step, type of numbers and seed, and that parameters and initial values are tables."""
        self._put("n", check_whole(f"{self._where}.n", self.n, 1))
        self._put("dt", check_positive(f"{self._where}.dt", seconds(f"{self._where}.dt", self.dt)))
        check_choice(f"{self._where}.dtype", self.dtype, DTYPES)
        check_whole(f"{self._where}.seed", self.seed, 0)
        check_mappings(self)
        check_currents(f"{self._where}.neuron", self.neuron)
        for synapse in self._filters[:1]:
            check_filter(f"{self._where}.synapse", synapse)

    def _check_learning(self) -> None:
        if self.learning is not None and not isinstance(self.learning, Learning):
            where, fix = f"{self._where}.learning", "Learning(alpha_P=...)."
            raise InvalidTypeError(message(where, "a Learning or None", self.learning, fix))
        for rule in self._learnings:
            rule.check_dtype("Learning", self.dtype)

    @property
    def _learnings(self) -> list[Learning]:
        """All that says how something learns."""
        return [self.learning] if self.learning is not None else []

    def _check_values(self) -> None:
        """Evaluate parameters and initial values once, so that every wrong one is refused at once."""
        for name in ("parameter_values", "initial_values"):
            getattr(self, name)

    def _describe(self) -> dict[str, object]:
        shown: dict[str, object] = {
            "neuron": self.neuron.name,
            "synapse": next((each.name for each in self._filters), None),
            "n": self.n,
            "dt": self.dt,
        }
        return shown | {"outputs": self.n_outputs, "dtype": self.dtype, "seed": self.seed}

    @property
    def currents(self) -> tuple[str, ...]:
        """Names of variables that are currents."""
        return tuple(self.neuron.inputs.values())

    def display_unit(self, name: str) -> tuple[str, float]:
        """Return the unit in which a recorded state variable is shown, and its SI value.

        Membrane voltages are shown in mV, currents in the file's current unit.
        """
        if name in self.currents:
            return self.neuron.current_unit, self.current_scale
        return shown_in(self.state_variables[name])

    @property
    def provenance(self) -> dict[str, Any]:
        """Provenance of the network for results: its equation files and parameters."""
        return {
            "neuron": self.neuron.name,
            "synapse": next((each.name for each in self._filters), None),
            "source": self.neuron.source,
            "parameters": {name: float(q.value) for name, q in self.parameter_values.items()},
        }

    @property
    def current_scale(self) -> float:
        """SI value of the unit in which weights count."""
        return current_scale(self.neuron)
