"""Neurons of one type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from ...errors import InvalidValueError, message, problem
from ..converted import Converted, Declared, File, declared
from ..described import Described
from ..equations import Neuron, SynapticFilter, activation_of, synapse_of
from ..poisson import poisson_or_file
from ..validation import check_text, check_whole
from ..values import check_mappings

__all__ = ["Population"]


@declared(repr=False)
class Population(Described, Declared):
    """Neurons or rate units of one type, which a `Network` names.

    Attributes
    ----------
    neuron : Neuron or str or Path
        Neuron type, its name, or an equation file; spiking or a rate unit. ``"poisson"``: units that
        spike at the rates in Hz which each run is given as `rates`, with the columns of all of them;
        filtered, they count in the rate unit of the network's first neurons.
    n : int
        Number of neurons.
    parameters : mapping, optional
        Other parameter values, with the same units as in the equation file: expressions, or arrays of shape
        (n,), plain ones in SI units. Expressions may name other parameters, dt, the number i of each neuron and
        how many there are, N; ``rand()`` and ``randn()`` draw for each neuron, from the network's seed.
    initial : mapping, optional
        Other initial values: expressions of the same kind, or arrays of shape (n,) in SI units. Expressions may
        name other state variables, as in ``{"u": "b*(v - v_r)"}``; those mean their initial values.
    activation : str, optional
        Of rate units: tanh, relu, sigmoid, linear, gelu, or an expression of x.
    filters : SynapticFilter or str or Path, or a sequence of them, optional
        Filters of the spikes whose outputs can be recorded, ``r``, ``r_2`` and so on, also where no
        readout and no learned projection reads them. Those that some read come after these, unless
        they are among them.

    Raises
    ------
    UnknownNameError, InvalidTypeError, InvalidValueError
        If there is no such neuron or filter, or they do not fit.

    Examples
    --------
    >>> Population("lif", 80, parameters={"tau_mem": "20*ms"})
    Population(neuron='lif', n=80)
    """

    neuron: Converted[Neuron, File]
    n: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    initial: Mapping[str, Any] = field(default_factory=dict)
    activation: str = ""
    filters: Converted[tuple[SynapticFilter, ...], File | SynapticFilter | Sequence[File | SynapticFilter]] = Converted(
        ()
    )

    def __post_init__(self) -> None:
        neuron = poisson_or_file(self.neuron, "Population.neuron")
        object.__setattr__(self, "neuron", neuron)
        object.__setattr__(self, "n", check_whole("Population.n", self.n, 1))
        check_mappings(self)
        check_text("Population.activation", self.activation)
        if self.activation:
            if neuron.spiking:
                what = f"{neuron.name!r} spikes, and spiking neurons have no activation"
                raise InvalidValueError(
                    problem("Population.activation", what, self.activation, "leave activation out.")
                )
            activation_of("Population.activation", self.activation)
        self._check_filters()

    def _check_filters(self) -> None:
        given: Any = self.filters
        listed = given if isinstance(given, tuple | list) else (given,)
        filters = tuple(synapse_of(each, "Population.filters") for each in listed)
        if filters and not self.neuron.spiking:
            what = f"{self.neuron.name!r} has no spikes to filter"
            raise InvalidValueError(problem("Population.filters", what, given, "leave filters out."))
        for each in filters:
            if each.presynaptic:
                what = "filters of spikes, without presynaptic state"
                raise InvalidValueError(message("Population.filters", what, each.name))
        object.__setattr__(self, "filters", filters)

    def _describe(self) -> dict[str, object]:
        return {"neuron": self.neuron.name, "n": self.n}
