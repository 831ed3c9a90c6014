"""The points of a sweep: grids, random designs and Sobol sequences, each point with all seeds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from ..errors import InvalidValueError, message
from .axes import Axis, Range
from .swept import SEED, Value

__all__ = ["DESIGNS", "Point", "drawn", "grid_points", "with_seeds"]

#: How points are drawn from ranges.
DESIGNS = ("random", "sobol")

_MOST_POINTS = 10_000_000


@dataclass(frozen=True)
class Point:
    """One run: the settings that it has beside those of all points.

    Attributes
    ----------
    settings : tuple of (str, str)
        Dotted names and texts, the seed last.
    values : tuple
        The same as numbers in SI units.
    """

    settings: tuple[tuple[str, str], ...]
    values: tuple[Value, ...]

    @property
    def key(self) -> str:
        """The point's name: the same for the same values, however they are written."""
        # "50*us" and "0.05*ms" differ in the last bit
        named = {
            name: f"{value:.12g}" if isinstance(value, float) else str(value)
            for (name, _), value in zip(self.settings, self.values, strict=True)
        }
        return sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:16]


def grid_points(axes: Sequence[Axis]) -> list[Point]:
    """Return every combination of the axes' values, without a seed."""
    number = int(np.prod([float(len(axis.texts)) for axis in axes]))
    if number > _MOST_POINTS:
        raise InvalidValueError(message("sweep.grid", f"at most {_MOST_POINTS} points", number, "choose fewer values."))
    pairs = [list(zip(axis.texts, axis.values, strict=True)) for axis in axes]
    points = []
    for combination in itertools.product(*pairs):
        settings = tuple((axis.name, text) for axis, (text, _) in zip(axes, combination, strict=True))
        points.append(Point(settings, tuple(value for _, value in combination)))
    return points


def drawn(ranges: Sequence[Range], design: str, number: int, seed: int = 0) -> list[Point]:
    """Return points drawn from ranges, without a seed; the first ones are the same for every number.

    Parameters
    ----------
    ranges : sequence of Range
        One for each setting.
    design : str
        ``"random"``: independent draws; ``"sobol"``: a scrambled Sobol sequence, which fills the space evenly
        (best for powers of two).
    number : int
        How many points.
    seed : int, optional
        Of the draws.
    """
    if number > _MOST_POINTS:
        raise InvalidValueError(message(f"sweep.{design}", f"at most {_MOST_POINTS} points", number))
    if design == "sobol":
        from scipy.stats import qmc

        sequence = qmc.Sobol(len(ranges), rng=np.random.default_rng(seed))
        fractions = sequence.random_base2(max(int(number - 1).bit_length(), 0))[:number]
    else:
        fractions = np.random.default_rng(seed).random((number, len(ranges)))
    points = []
    for row in fractions:
        pairs = [one.draw(float(fraction)) for one, fraction in zip(ranges, row, strict=True)]
        settings = tuple((one.name, text) for one, (text, _) in zip(ranges, pairs, strict=True))
        points.append(Point(settings, tuple(value for _, value in pairs)))
    return points


def with_seeds(points: Sequence[Point], seeds: Sequence[int]) -> Iterator[Point]:
    """Yield all points with the first seed, then all with the second: a map shows before all seeds are done."""
    for seed in seeds:
        for point in points:
            yield Point((*point.settings, (SEED, str(seed))), (*point.values, seed))
