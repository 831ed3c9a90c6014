"""Data of fit, evaluate and predict, epoch by epoch, from arrays and from whatever yields pairs.

A dataset may shuffle, and a generator may draw its trials: each is read in a single pass, in which
input and target stay together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..errors import InvalidTypeError, InvalidValueError, message, problem
from .checks import check_count
from .data import check_equal_length, rows_of, series, without_weights

__all__ = ["Reader", "Samples", "is_source"]

#: elements after which a source of unknown length counts as endless
_ENDLESS = 2**17


@dataclass(frozen=True)
class Samples:
    """Data of one pass.

    Attributes
    ----------
    x, y : array, shape (timesteps, dimensions)
        `y` is None where no target was asked for.
    form : tuple of int
        Leading axes of `x` as it was given: (timesteps,) or (trials, timesteps).
    """

    x: np.ndarray
    y: np.ndarray | None
    form: tuple[int, ...]


class Reader:
    """Provide the data of each epoch: arrays stay the same, and a source is read again.

    Parameters
    ----------
    where : str
        Class and method, for messages.
    x : array, tensor, tf.data.Dataset, keras.utils.PyDataset or iterator
        Input, or a source of pairs (input, target).
    y : array or tensor, optional
        Target; None where `x` holds it.
    steps : int, optional
        Elements of a source in one epoch; the next epoch continues after them. By default
        an epoch is the whole source, and an iterator, which can be read only once, is kept.
    steps_name : str, optional
        Name of that argument.
    targets : bool, optional
        Whether there are targets.

    Examples
    --------
    >>> pairs = ((np.full((2, 1), i), np.full((2, 1), -i)) for i in range(6))
    >>> reader = Reader("Model.fit", pairs, None, steps=3)
    >>> [int(reader.epoch().y.sum()) for _ in range(2)]
    [-6, -24]
    """

    def __init__(
        self,
        where: str,
        x: Any,
        y: Any = None,
        steps: Any = None,
        steps_name: str = "steps_per_epoch",
        targets: bool = True,
    ) -> None:
        self.where: str = where
        self.targets: bool = targets
        self._steps, self._steps_name = steps, steps_name
        self._source = x if is_source(x) else None
        self._iterator: Iterator[Any] | None = None
        self._kept: Samples | None = None
        self._check_steps()
        if self._source is None or (targets and y is not None):
            self._kept = self._of_arrays(x, y)
            self._source = None

    @property
    def same_each_epoch(self) -> bool:
        """Whether each epoch has the same data."""
        return self._kept is not None

    def epoch(self) -> Samples:
        """Return the data of the next epoch."""
        if self._kept is not None:
            return self._kept
        samples = self._joined(self._elements())
        if self._steps is None and isinstance(self._source, Iterator):
            self._kept = samples
        return samples

    def _check_steps(self) -> None:
        where, steps = f"{self.where}.{self._steps_name}", self._steps
        if steps is None:
            if _endless(self._source):
                raise InvalidValueError(
                    message(
                        where, "a number of elements, for the source does not end", None, f"pass {self._steps_name}."
                    )
                )
            return
        if self._source is None:
            raise InvalidValueError(problem(where, "all of an array is used", steps, "leave it out."))
        check_count(where, steps)

    def _of_arrays(self, x: Any, y: Any) -> Samples:
        xs, form = series(f"{self.where}.x", x if self._source is None else self._joined_inputs())
        if not self.targets:
            return Samples(xs, None, form)
        ys, _ = series(f"{self.where}.y", y)
        check_equal_length(f"{self.where}.y", xs, ys)
        return Samples(xs, ys, form)

    def _joined_inputs(self) -> np.ndarray:
        return np.concatenate([rows_of(f"{self.where}.x", element)[0] for element in self._elements()])

    def _elements(self) -> list[Any]:
        iterator = self._iterator if self._steps is not None else None
        elements: list[Any] = []
        for attempt in range(2):
            if iterator is None:
                iterator = _iterate(self._source)
            elements = self._take(iterator)
            if elements or attempt or isinstance(self._source, Iterator):
                break
            iterator = None  # the last epoch ended where the source does: from its start again
        self._iterator = iterator
        wanted = self._steps or 1
        if len(elements) < wanted:
            expected = "a dataset with at least one element" if self._steps is None else f"{wanted} elements per epoch"
            raise InvalidValueError(
                message(
                    f"{self.where}.x", expected, len(elements), f"pass a smaller {self._steps_name}." * (wanted > 1)
                )
            )
        return elements

    def _take(self, iterator: Iterator[Any]) -> list[Any]:
        elements: list[Any] = []
        known = _length(self._source) is not None
        for element in iterator:
            elements.append(element)
            if len(elements) == self._steps:
                break
            if self._steps is None and not known and len(elements) > _ENDLESS:
                raise InvalidValueError(
                    message(
                        f"{self.where}.{self._steps_name}",
                        f"a number of elements, for the source has not ended after {_ENDLESS}",
                        None,
                        f"pass {self._steps_name}.",
                    )
                )
        return elements

    def _joined(self, elements: list[Any]) -> Samples:
        xs, ys, forms = [], [], []
        for element in elements:
            x, y = self._pair(element)
            rows, form = rows_of(f"{self.where}.x", x)
            xs.append(rows)
            forms.append(form)
            if self.targets:
                target, _ = rows_of(f"{self.where}.y", y)
                check_equal_length(f"{self.where}.y", rows, target)
                ys.append(target)
        x, _ = series(f"{self.where}.x", _stacked(f"{self.where}.x", xs))
        y = series(f"{self.where}.y", _stacked(f"{self.where}.y", ys))[0] if ys else None
        trials = all(len(form) == 2 and form[1] == forms[0][1] for form in forms)
        return Samples(x, y, (len(x) // forms[0][1], forms[0][1]) if trials else (len(x),))

    def _pair(self, element: Any) -> tuple[Any, Any]:
        if not self.targets:
            return (element[0] if isinstance(element, tuple) else element), None
        element = without_weights(self.where, element)
        if not isinstance(element, tuple | list) or len(element) != 2:
            received = f"{len(element)} items" if isinstance(element, tuple | list) else type(element).__name__
            raise InvalidValueError(
                message(f"{self.where}.x", "a source of pairs (input, target)", received, "zip both datasets.")
            )
        return element[0], element[1]


def is_source(value: Any) -> bool:
    """Return whether a value yields data, element by element, instead of being an array."""
    return isinstance(value, tf.data.Dataset | keras.utils.PyDataset | Iterator)


def _length(source: Any) -> int | None:
    """Return the number of elements, or None: not known, or without end."""
    if isinstance(source, tf.data.Dataset):
        length = int(source.cardinality())
        return length if length >= 0 else None
    return source.num_batches if isinstance(source, keras.utils.PyDataset) else None


def _endless(source: Any) -> bool:
    if isinstance(source, tf.data.Dataset):
        return int(source.cardinality()) == tf.data.INFINITE_CARDINALITY
    return isinstance(source, keras.utils.PyDataset) and source.num_batches is None


def _iterate(source: Any) -> Iterator[Any]:
    if isinstance(source, Iterator):
        return source
    if isinstance(source, tf.data.Dataset):
        return iter(source.as_numpy_iterator())
    return _batches(source)


def _batches(source: Any) -> Iterator[Any]:
    """Yield the batches of a PyDataset in their order, for time steps are learned in order."""
    count, i = source.num_batches, 0
    source.on_epoch_begin()
    while count is None or i < count:
        yield source[i]
        i += 1
    source.on_epoch_end()


def _stacked(where: str, parts: list[np.ndarray]) -> np.ndarray:
    widths = sorted({part.shape[-1] for part in parts})
    if len(widths) > 1:
        raise InvalidTypeError(
            message(where, "as many dimensions in each element", f"{' and '.join(map(str, widths))} dimensions")
        )
    return np.concatenate(parts)
