"""Outputs of a network, read from the rates or filtered spikes of some populations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from numpy.typing import ArrayLike

from ...errors import InvalidTypeError, InvalidValueError, message
from ..converted import Converted, Declared, File, declared
from ..described import Described
from ..equations import SynapticFilter, synapse_of
from ..learning import Learning
from ..traces import Traces
from ..validation import check_text, check_whole
from .connector import is_one_for_all
from .naming import check_parameters

__all__ = ["Readout"]


@declared(repr=False)
class Readout(Described, Declared):
    """Outputs z = W r of a `Network`, from the rates or filtered spikes r of some of its populations.

    Attributes
    ----------
    sources : str or sequence of str
        Names of the populations that are read, in the order of the rows of `weights`.
    weights : array-like, shape (neurons of all sources, n_outputs), or number or str
        Initial weights, plain numbers; or one for all, or an expression that may name the number ``i`` of
        the neuron among those of all sources, ``N``, how many these are, and the number ``j`` of the
        output, and may draw, as in ``"0.1*randn()/sqrt(N)"``.
    feedback : mapping of str to array, optional
        What each output gives to a population: from its name, or name and input as in
        ``"exc.I_fb"``, to weights of shape (n_outputs, n) in the unit of that input or as
        quantities, or to an expression such as ``"600*pA*(2*rand() - 1)"``, which may name ``i`` and ``N``
        of the population, and ``j``, the number of the output. A name alone means the neuron's feedback
        input. One number or quantity stands for all weights.
    learning : Learning, optional
        Lets the weights learn the supervisor.
    synapse : SynapticFilter or str or Path
        The filter of the spikes; r counts in the rate unit of the neuron file.
    parameters : mapping, optional
        Other parameter values of the filter.
    traces : Traces, optional
        What is read in place of the filtered spikes of all neurons, numbered through the sources;
        `weights` then has a row for each of them.
    supervisor : str, optional
        Another readout whose supervisor this one learns too. It is then none of the network's outputs.
    outputs : int, optional
        Number of outputs, where `weights` is a number or an expression; by default 1.

    Raises
    ------
    UnknownNameError, InvalidTypeError, InvalidValueError
        If an argument cannot be right. Names of populations, units and shapes are looked at by the `Network`.

    Examples
    --------
    >>> import numpy as np
    >>> Readout(["exc", "inh"], np.zeros((100, 2)), learning=Learning(alpha_P=0.1))
    Readout(sources=('exc', 'inh'), learns=True)
    """

    sources: Converted[tuple[str, ...], str | Sequence[str]]
    weights: ArrayLike
    feedback: Mapping[str, Any] = field(default_factory=dict)
    learning: Learning | None = None
    synapse: Converted[SynapticFilter, File] = Converted("double_exponential")
    parameters: Mapping[str, Any] = field(default_factory=dict)
    traces: Traces | None = None
    supervisor: str = ""
    outputs: int | None = None

    def __post_init__(self) -> None:
        sources = (self.sources,) if isinstance(self.sources, str) else self.sources
        if not isinstance(sources, tuple | list) or not sources or not all(isinstance(each, str) for each in sources):
            raise InvalidTypeError(message("Readout.sources", "names of populations", self.sources, 'as in ["exc"].'))
        if len(set(sources)) != len(sources):
            raise InvalidValueError(message("Readout.sources", "each population once", self.sources))
        object.__setattr__(self, "sources", tuple(sources))
        if not isinstance(self.feedback, Mapping):
            fix = 'as in {"exc": weights}.'
            raise InvalidTypeError(message("Readout.feedback", "a dictionary of populations", self.feedback, fix))
        if self.learning is not None and not isinstance(self.learning, Learning):
            fix = "Learning(alpha_P=...)."
            raise InvalidTypeError(message("Readout.learning", "a Learning or None", self.learning, fix))
        object.__setattr__(self, "synapse", synapse_of(self.synapse))
        check_parameters("Readout.parameters", self.parameters)
        if self.traces is not None and not isinstance(self.traces, Traces):
            fix = "Traces(neuron, tau)."
            raise InvalidTypeError(message("Readout.traces", "a Traces or None", self.traces, fix))
        check_text("Readout.supervisor", self.supervisor)
        if self.outputs is not None:
            object.__setattr__(self, "outputs", check_whole("Readout.outputs", self.outputs, 1))

    @property
    def is_drawn(self) -> bool:
        """Whether the weights are one number or an expression for all."""
        return is_one_for_all(self.weights)

    def _describe(self) -> dict[str, object]:
        return {"sources": self.sources, "learns": self.learning is not None}
