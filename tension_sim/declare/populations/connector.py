"""Synapses drawn by a rule: which neurons they join, and how strong they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...errors import InvalidValueError, UnitsError, message, problem
from ...system.memory import check_memory
from ..arrays_in import numbers
from ..kernels import DRAWING, SparseKernel
from ..row_starts import RowStarts
from ..units import DIMENSIONLESS, Quantity, describe, dimension_of, evaluate
from ..validation import check_choice, check_finite, check_flag, check_fraction, check_whole
from .dale import balanced, with_signs
from .drawn_rows import DrawnRows

__all__ = ["RULES", "Connector", "Undrawn", "drawn_numbers", "is_one_for_all"]

#: Rules by their names in NEST.
RULES = ("pairwise_bernoulli", "fixed_indegree", "all_to_all", "one_to_one")
#: Bytes more of a synapse whose weight comes of several random numbers, which are drawn for all synapses at once.
_AT_ONCE = 24


@dataclass(frozen=True)
class Connector:
    """A rule by which a `Network` draws the synapses of a projection, from its seed.

    Attributes
    ----------
    rule : str
        ``"pairwise_bernoulli"``: each pair with probability `p`; ``"fixed_indegree"``: each
        postsynaptic neuron has `indegree` different presynaptic ones; ``"all_to_all"``; ``"one_to_one"``: the
        neurons of two populations of one size in their order.
    weight : number, quantity or str
        Of each synapse, in the unit of the input or with one. A text is an expression that may draw,
        a number for each synapse: ``"0.5*nS*(0.5 + rand())"``, ``"0.5*nS + 0.1*nS*randn()"``.
    p : float, optional
        Connection probability, in (0, 1].
    indegree : int, optional
        Number of presynaptic neurons.
    self_connections : bool
        Whether a neuron may be its own partner, where the population is connected to itself.
    inhibitory : float, optional
        Part of the presynaptic neurons that is inhibitory (Dale's law): the last ones. All their weights are
        negative, and stronger than those of the others by as much as these are more. Learned weights keep the
        signs.
    inhibitory_indegree : int, optional
        How many of `indegree` presynaptic neurons are inhibitory; by default any.
    balanced : bool
        Scale the inhibitory weights of each postsynaptic neuron so that all its weights sum to zero: the matrix
        then has no eigenvalue outside of its circle (Rajan & Abbott 2006, doi:10.1103/PhysRevLett.97.188104).

    Raises
    ------
    InvalidValueError, InvalidTypeError
        If the rule is not known, or lacks its number.

    Examples
    --------
    >>> Connector("fixed_indegree", "0.5*nS", indegree=80).rule
    'fixed_indegree'
    >>> rule = Connector("fixed_indegree", 0.5, indegree=5, inhibitory=0.2, inhibitory_indegree=1, balanced=True)
    >>> kernel = rule.draw("demo", (10, 10), "1", True, np.random.default_rng(0))
    >>> kernel.to_dense().sum(axis=0).max(), np.unique(kernel.weight)
    (np.float64(0.0), array([-2. ,  0.5]))
    """

    rule: str
    weight: Any
    p: float | None = None
    indegree: int | None = None
    self_connections: bool = False
    inhibitory: float | None = None
    inhibitory_indegree: int | None = None
    balanced: bool = False

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
        self._check_signs()

    def _check_signs(self) -> None:
        """Check what is said of excitatory and inhibitory neurons."""
        check_flag("Connector.balanced", self.balanced)
        if self.inhibitory is not None and check_fraction("Connector.inhibitory", self.inhibitory) == 1:
            fix = "give all weights a negative number instead."
            raise InvalidValueError(message("Connector.inhibitory", "a part below 1", self.inhibitory, fix))
        if self.inhibitory_indegree is not None:
            least = check_whole("Connector.inhibitory_indegree", self.inhibitory_indegree, 1)
            if self.indegree is None or least >= self.indegree:
                what = f"fewer than all presynaptic neurons (indegree={self.indegree})"
                raise InvalidValueError(message("Connector.inhibitory_indegree", what, least))
        given = {"inhibitory_indegree": self.inhibitory_indegree, "balanced": self.balanced or None}
        for key, value in given.items():
            if value is not None and self.inhibitory is None:
                fix = "say which part of the neurons is, by inhibitory."
                raise InvalidValueError(problem(f"Connector.{key}", "no neuron is inhibitory", value, fix))

    def signs(self, n_pre: int) -> np.ndarray | None:
        """Return the sign of each of so many presynaptic neurons, +1 or -1; None where they have none."""
        if self.inhibitory is None:
            return None
        return np.where(np.arange(n_pre) < n_pre - self._count_inhibitory(n_pre), 1, -1)

    def _count_inhibitory(self, n_pre: int) -> int:
        return round((self.inhibitory or 0.0) * n_pre)

    def count(self, shape: tuple[int, int]) -> float:
        """Return how many synapses it draws between so many neurons; with a probability, the mean number."""
        n_pre, n_post = shape
        if self.rule == "one_to_one":
            return n_post
        return n_post * (n_pre * (1.0 if self.p is None else self.p) if self.indegree is None else self.indegree)

    def _check_ends(self, where: str, shape: tuple[int, int], itself: bool) -> None:
        """Refuse numbers of neurons between which the rule cannot draw."""
        (n_pre, n_post), no_self = shape, itself and not self.self_connections
        if self.rule == "one_to_one" and n_pre != n_post:
            what = "as many presynaptic as postsynaptic neurons, for the rule 'one_to_one'"
            raise InvalidValueError(message(f"{where}.rule", what, f"{n_pre} and {n_post}"))
        if self.rule == "one_to_one" and no_self:
            what = "two populations, for the rule 'one_to_one' would join each neuron to itself alone"
            raise InvalidValueError(message(f"{where}.rule", what, "one", "self_connections=True, if that is meant."))
        candidates = n_pre - no_self
        if self.indegree is not None and self.indegree > candidates:
            raise InvalidValueError(
                message(f"{where}.indegree", f"an in-degree of at most {candidates}", self.indegree)
            )
        if self.indegree is None or self.inhibitory_indegree is None:
            return
        for name, (_, size, count) in zip(("n excitatory", "n inhibitory"), self._both(n_pre), strict=True):
            if count > size - no_self:
                what = f"a{name} in-degree of at most {size - no_self}"
                raise InvalidValueError(message(f"{where}.inhibitory_indegree", what, count))

    def _both(self, n_pre: int) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """Return first neuron, size and in-degree of the excitatory and the inhibitory presynaptic neurons."""
        inhibitory, weak = self._count_inhibitory(n_pre), int(self.inhibitory_indegree or 0)
        excitatory = n_pre - inhibitory
        return (0, excitatory, int(self.indegree or 0) - weak), (excitatory, inhibitory, weak)

    def draw(
        self,
        where: str,
        shape: tuple[int, int],
        unit: str,
        itself: bool,
        rng: np.random.Generator,
        *,
        outgoing: bool = False,
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
        outgoing : bool, optional
            Whether the synapses are to be in the order of presynaptic neurons; they are the same.
        """
        n_pre, n_post = shape
        bytes_of_each = DRAWING + (_AT_ONCE if _draws_more_than_once(self.weight) else 0)
        check_memory(where, int(bytes_of_each * self.count(shape)), "fewer neurons or synapses")
        self._check_ends(where, shape, itself)
        counts, partners = self._rows(n_pre, n_post, itself and not self.self_connections, rng)
        drawn = DrawnRows(n_pre, counts, partners, self._weights(where, n_pre, counts, unit, rng))
        return drawn.by_pre(rng) if outgoing else drawn.by_post(rng)

    def _rows(
        self, n_pre: int, n_post: int, no_self: bool, rng: np.random.Generator
    ) -> tuple[np.ndarray, Callable[[np.random.Generator], Iterator[np.ndarray]]]:
        """Return how many presynaptic neurons each postsynaptic one has, and what draws them."""
        if self.rule == "one_to_one":
            return np.ones(n_post, np.int64), lambda rng: iter(np.arange(n_post)[:, None])
        if self.inhibitory_indegree is not None:
            counts = np.full(n_post, self.indegree)
            return counts, partial(_partners_of_both, self._both(n_pre), n_post, no_self)
        candidates = n_pre - no_self
        if self.p is None:
            counts = np.full(n_post, self.indegree or candidates)
        else:
            counts = rng.binomial(candidates, self.p, size=n_post)
        return counts, partial(_partners, n_pre, counts, no_self)

    def _weights(
        self, where: str, n_pre: int, counts: np.ndarray, unit: str, rng: np.random.Generator
    ) -> Callable[[np.ndarray, RowStarts, int], np.ndarray]:
        """Return what draws the weights of `DrawnRows`."""

        @cache
        def at_once() -> np.ndarray:
            return drawn_numbers(where, self.weight, (int(counts.sum()),), unit, rng)

        def weights(pre: np.ndarray, rows: RowStarts, first: int) -> np.ndarray:
            if _draws_more_than_once(self.weight):
                begin = int(counts[:first].sum())
                drawn = at_once()[begin : begin + len(pre)]
            else:
                drawn = drawn_numbers(where, self.weight, (len(pre),), unit, rng)
            check_finite(where, drawn)
            if self.inhibitory is None:
                return drawn
            return self._signed(where, SparseKernel.made(n_pre, pre, rows, drawn, len(rows.start) - 1), first)

        return weights

    def _signed(self, where: str, kernel: SparseKernel, first: int) -> np.ndarray:
        """Return weights of which those of inhibitory neurons have their sign and strength, balanced or not.

        Numbers of postsynaptic neurons begin with `first`.
        """
        of_all, weak = kernel.n, self._count_inhibitory(kernel.n)
        if self.inhibitory_indegree is not None:
            of_all, weak = int(self.indegree or 0), self.inhibitory_indegree
        signed = with_signs(where, kernel, self.signs(kernel.n), (of_all - weak) / max(weak, 1))
        return (balanced(where, signed, first) if self.balanced else signed).weight


class Undrawn(Connector):
    """A rule that draws no synapse, for checks of all the rest of a network."""

    def draw(
        self, where: str, shape: tuple[int, int], unit: str, itself: bool, rng: np.random.Generator, **order: bool
    ) -> SparseKernel:
        """Return a kernel without synapses; what the rule cannot draw is refused."""
        self._check_ends(where, shape, itself)
        n_pre, n_post = shape
        return SparseKernel(n_pre, [], [], [], n_post)


def _partners(n_pre: int, counts: np.ndarray, no_self: bool, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Draw the presynaptic neurons of each postsynaptic one."""
    for post, count in enumerate(counts):
        one = rng.choice(n_pre - no_self, size=count, replace=False, shuffle=False)
        # of the others, those from the neuron itself on come one later
        yield one + (one >= post) if no_self else one


def _partners_of_both(
    sides: tuple[tuple[int, int, int], ...], n_post: int, no_self: bool, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Draw as many excitatory and as many inhibitory presynaptic neurons of each postsynaptic one as wanted."""
    for post in range(n_post):
        chosen = []
        for first, size, count in sides:
            itself = no_self and first <= post < first + size
            one = first + rng.choice(size - itself, size=count, replace=False, shuffle=False)
            chosen.append(one + (one >= post) if itself else one)
        yield np.concatenate(chosen)


def _draws_more_than_once(value: Any) -> bool:
    """Say whether an expression draws more than one number for each synapse: parts of them would get others."""
    return isinstance(value, str) and len(re.findall(r"\brandn?\s*\(", value)) > 1


def is_one_for_all(value: Any) -> bool:
    """Say whether a value is an expression, or one number or quantity, for all elements of an array.

    Examples
    --------
    >>> [is_one_for_all(value) for value in ("randn()", 0.5, np.float32(1), [1, 2], True, None)]
    [True, True, True, False, False, False]
    """
    if isinstance(value, str | int | float):
        return not isinstance(value, bool)
    return getattr(value, "ndim", None) == 0 and np.asarray(value).dtype.kind in "iuf"


def drawn_numbers(
    where: str,
    value: Any,
    shape: tuple[int, ...],
    unit: str,
    rng: np.random.Generator,
    names: Mapping[str, ArrayLike] | None = None,
) -> np.ndarray:
    """Return a number, or what an expression gives or draws, for each element of an array; in `unit`.

    Parameters
    ----------
    where : str
        Begins the messages.
    value : number, quantity or str
        One number, or an expression.
    shape : tuple of int
        Of the array.
    unit : str
        In which plain numbers count.
    rng : numpy.random.Generator
        Source of randomness.
    names : mapping of str to array-like, optional
        Plain numbers that the expression may name, which broadcast to the array.

    Examples
    --------
    >>> drawn_numbers("demo", "2*pA", (2,), "nA", np.random.default_rng(0))
    array([0.002, 0.002])
    >>> drawn_numbers("demo", "pA*i", (2,), "pA", np.random.default_rng(0), {"i": [0, 1]})
    array([0., 1.])
    """
    if not isinstance(value, str):
        return np.broadcast_to(numbers(where, value, "one number", unit=unit), shape).copy()
    arrays = {name: np.asarray(each, float) for name, each in (names or {}).items()}
    known = {
        name: Quantity(np.broadcast_to(each, shape).ravel() if each.ndim else each) for name, each in arrays.items()
    }
    found, scale = evaluate(value, where, known, int(np.prod(shape)), rng), evaluate(unit, where)
    plain = found.dimension == DIMENSIONLESS
    if not plain and found.dimension != dimension_of(unit, where):
        fix = f"give it in {unit}."
        raise UnitsError(message(where, f"a quantity in {unit}", f"{value}, in {describe(found.dimension)}", fix))
    array = np.asarray(found.value) if plain else np.asarray(found.value) / float(scale.value)
    if array.ndim and not plain:
        return array.reshape(shape)  # it is no array that a name holds
    return np.broadcast_to(array.reshape(shape) if array.ndim else array, shape).copy()
