"""Synapses drawn by a rule: which neurons they join, and how strong they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InvalidValueError, UnitsError, message
from ...system.memory import check_memory
from ..arrays_in import numbers
from ..kernels import SparseKernel
from ..units import DIMENSIONLESS, describe, dimension_of, evaluate
from ..validation import check_choice, check_flag, check_fraction, check_whole

__all__ = ["RULES", "Connector", "Undrawn", "drawn_numbers"]

#: Rules by their names in NEST.
RULES = ("pairwise_bernoulli", "fixed_indegree", "all_to_all")
#: Bytes of a synapse while it is drawn.
_DRAWING = 40


@dataclass(frozen=True)
class Connector:
    """A rule by which a `Network` draws the synapses of a projection, from its seed.

    Attributes
    ----------
    rule : str
        ``"pairwise_bernoulli"``: each pair with probability `p`; ``"fixed_indegree"``: each
        postsynaptic neuron has `indegree` different presynaptic ones; ``"all_to_all"``.
    weight : number, quantity or str
        Of each synapse, in the unit of the input or with one. A text is an expression that may draw,
        a number for each synapse: ``"0.5*nS*(0.5 + rand())"``, ``"0.5*nS + 0.1*nS*randn()"``.
    p : float, optional
        Connection probability, in (0, 1].
    indegree : int, optional
        Number of presynaptic neurons.
    self_connections : bool
        Whether a neuron may be its own partner, where the population is connected to itself.

    Raises
    ------
    InvalidValueError, InvalidTypeError
        If the rule is not known, or lacks its number.

    Examples
    --------
    >>> Connector("fixed_indegree", "0.5*nS", indegree=80).rule
    'fixed_indegree'
    """

    rule: str
    weight: Any
    p: float | None = None
    indegree: int | None = None
    self_connections: bool = False

    def __post_init__(self) -> None:
        check_choice("Connector.rule", self.rule, RULES)
        for key, rule in (("p", RULES[0]), ("indegree", RULES[1])):
            value = getattr(self, key)
            if (value is None) == (self.rule == rule):
                what = f"a number for the rule {rule!r}, and for no other"
                raise InvalidValueError(message(f"Connector.{key}", what, value))
        if self.p is not None:
            check_fraction("Connector.p", self.p)
        if self.indegree is not None:
            check_whole("Connector.indegree", self.indegree, 1)
        check_flag("Connector.self_connections", self.self_connections)

    def draw(
        self, where: str, shape: tuple[int, int], unit: str, itself: bool, rng: np.random.Generator
    ) -> SparseKernel:
        """Draw the synapses between so many neurons.

        Parameters
        ----------
        where : str
            Begins the messages.
        shape : tuple of int
            Presynaptic and postsynaptic neurons.
        unit : str
            In which plain weights count.
        itself : bool
            Whether both sides are one population.
        rng : numpy.random.Generator
            Source of randomness.
        """
        n_pre, n_post = shape
        share = 1.0 if self.p is None else self.p
        count = self.indegree * n_post if self.indegree is not None else share * n_pre * n_post
        check_memory(where, int(_DRAWING * count), "fewer neurons or synapses")
        no_self = itself and not self.self_connections
        candidates = n_pre - no_self
        if self.indegree is not None and self.indegree > candidates:
            raise InvalidValueError(message(where, f"an in-degree of at most {candidates}", self.indegree))
        if self.indegree is not None:
            number = np.full(n_post, self.indegree)
        else:
            number = np.full(n_post, candidates) if self.p is None else rng.binomial(candidates, self.p, size=n_post)
        chosen = [np.sort(rng.choice(candidates, size=k, replace=False, shuffle=False)) for k in number]
        # of the others, those from the neuron itself on come one later
        pre = np.concatenate([one + (one >= post) if no_self else one for post, one in enumerate(chosen)])
        post = np.repeat(np.arange(n_post), number)
        weight = drawn_numbers(where, self.weight, (len(pre),), unit, rng)
        return SparseKernel(n_pre, pre, post, weight, n_post)


class Undrawn(Connector):
    """A rule that draws no synapse, for checks of all the rest of a network."""

    def draw(
        self, where: str, shape: tuple[int, int], unit: str, itself: bool, rng: np.random.Generator
    ) -> SparseKernel:
        """Return a kernel without synapses."""
        n_pre, n_post = shape
        return SparseKernel(n_pre, [], [], [], n_post)


def drawn_numbers(where: str, value: Any, shape: tuple[int, ...], unit: str, rng: np.random.Generator) -> np.ndarray:
    """Return a number, or what an expression draws, for each element of an array; in `unit`.

    Examples
    --------
    >>> drawn_numbers("demo", "2*pA", (2,), "nA", np.random.default_rng(0))
    array([0.002, 0.002])
    """
    if not isinstance(value, str):
        return np.broadcast_to(numbers(where, value, "one number", unit=unit), shape).copy()
    found, scale = evaluate(value, where, {}, int(np.prod(shape)), rng), evaluate(unit, where)
    plain = found.dimension == DIMENSIONLESS
    if not plain and found.dimension != dimension_of(unit, where):
        fix = f"give it in {unit}."
        raise UnitsError(message(where, f"a quantity in {unit}", f"{value}, in {describe(found.dimension)}", fix))
    array = np.asarray(found.value) if plain else np.asarray(found.value) / float(scale.value)
    return np.broadcast_to(array.reshape(shape) if array.ndim else array, shape).copy()
