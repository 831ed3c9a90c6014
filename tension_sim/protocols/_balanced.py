"""Balanced networks fitted to rates: their times, synapses, feed-forward rates, and the cells they stand for."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..declare.arrays_in import numbers
from ..declare.kernels import SparseKernel
from ..errors import InvalidValueError, message
from ..system.data_files import load_arrays

if TYPE_CHECKING:
    from ..recipes.recipe import Recipe

__all__ = [
    "Times",
    "draw_plastic",
    "draw_static",
    "feedforward_rates",
    "made_up_rates",
    "nearest_neurons",
    "read_rates",
    "smoothed",
    "ornstein_uhlenbeck",
]


@dataclass(frozen=True)
class Times:
    """Time steps of a trial: row j of the targets is learned at step ``j * update``."""

    start: int
    stop: int
    end: int
    update: int
    sample: int

    @classmethod
    def of(cls, recipe: Recipe) -> Times:
        trial, dt = recipe.values["trial"], recipe.dt
        start, stop, end = (round(trial[key] / dt) for key in ("stimulus_start", "stimulus_stop", "duration"))
        update = round(recipe.values["learning"]["update_every"] / dt)
        # stimuli and rates change every millisecond, or faster
        small = (d for d in range(1, math.isqrt(max(update, 1)) + 1) if update % d == 0)
        fine = max(d for pair in small for d in (pair, update // pair) if d == 1 or d * dt < 1.0001e-3)
        return cls(start, stop, end, update, fine)

    @property
    def rows(self) -> int:
        """Rows of the targets, with those before learning; the last is learned as the duration ends."""
        return self.end // self.update + 1

    @property
    def learned(self) -> np.ndarray:
        """The rows that are learned."""
        return np.arange(self.stop // self.update + 1, self.rows)

    def times(self, every: int) -> np.ndarray:
        """Time steps of samples that are held for `every` steps."""
        return np.arange(0, self.rows * self.update, every)


def draw_static(network: dict[str, Any], rng: np.random.Generator) -> SparseKernel:
    """Draw the static synapses: 2 K targets of each neuron; the first half of the neurons is excitatory."""
    n, half = network["n"], network["n"] // 2
    kernel = SparseKernel.fixed_outdegree(np.arange(n), n, 2 * network["K"], rng)
    to_excitatory = np.where(
        kernel.pre < half, network["excitatory_to_excitatory"], network["inhibitory_to_excitatory"]
    )
    to_inhibitory = np.where(
        kernel.pre < half, network["excitatory_to_inhibitory"], network["inhibitory_to_inhibitory"]
    )
    weight = np.where(kernel.post < half, to_excitatory, to_inhibitory) / np.sqrt(network["K"])
    return replace(kernel, weight=weight)


def draw_plastic(
    network: dict[str, Any], plastic: dict[str, Any], cells: int, rng: np.random.Generator
) -> SparseKernel:
    """Draw the plastic inputs of the first `cells` neurons, the excitatory ones from others of these."""
    n, half, extra = network["n"], network["n"] // 2, plastic["feedforward"]
    sources = min(cells, half)
    columns = [np.empty((cells, plastic["excitatory"]), int), np.empty((cells, plastic["inhibitory"]), int)]
    for cell in range(cells):
        # only excitatory neurons belong to the pool
        others = sources - (cell < sources)
        drawn = rng.choice(others, plastic["excitatory"], replace=False, shuffle=False)
        columns[0][cell] = drawn + (drawn >= cell)
        columns[1][cell] = half + rng.choice(n - half, plastic["inhibitory"], replace=False, shuffle=False)
    columns.append(np.tile(n + np.arange(extra), (cells, 1)))
    weights = [plastic["weight_excitatory"], plastic["weight_inhibitory"], 0.0]
    weight = np.repeat(weights, [c.shape[1] for c in columns])
    pre = np.concatenate(columns, axis=1)
    post = np.repeat(np.arange(cells), pre.shape[1])
    return SparseKernel(n + extra, pre.ravel(), post, np.tile(weight, cells), n)


def ornstein_uhlenbeck(
    rng: np.random.Generator, steps: int, channels: int, dt: float, tau: float, deviation: float, start: float
) -> np.ndarray:
    """Return an Ornstein-Uhlenbeck process around its start, shape (steps, channels)."""
    x, kick = np.empty((steps, channels)), deviation * np.sqrt(2 * dt / tau)
    x[:1] = start
    for k in range(steps - 1):
        x[k + 1] = x[k] + (start - x[k]) * dt / tau + kick * rng.standard_normal(channels)
    return x


def smoothed(x: np.ndarray, half: int) -> np.ndarray:
    """Return the moving mean over `half` samples to both sides, cut at the ends."""
    rows = np.arange(len(x))
    low, high = np.maximum(rows - half, 0), np.minimum(rows + half + 1, len(x))
    sums = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(x, axis=0)])
    return (sums[high] - sums[low]) / (high - low)[:, None]


def feedforward_rates(recipe: Recipe, times: Times, rng: np.random.Generator) -> np.ndarray | None:
    """Draw the rates of the feed-forward units, 0 until learning begins; one path for a condition."""
    plastic, dt = recipe.values["plastic"], times.sample * recipe.dt
    if not plastic["feedforward"]:
        return None
    steps, first = len(times.times(times.sample)), times.stop // times.sample
    rates = np.zeros((steps, plastic["feedforward"]))
    path = ornstein_uhlenbeck(
        rng, steps - first, plastic["feedforward"], dt, plastic["feedforward_tau"], plastic["feedforward_deviation"],
        plastic["feedforward_rate"],
    )  # fmt: skip
    rates[first:] = np.maximum(smoothed(path, round(plastic["feedforward_window"] / 2 / dt)), 0)
    return rates


def read_rates(path: str, gaps: str, bins: int) -> dict[str, np.ndarray]:
    """Read recorded rates in Hz by condition, shape (bins, cells) each; the first bins if there are more.

    Raises
    ------
    InvalidValueError
        If the file does not hold them, or they have gaps that are not to be skipped.
    """
    where = f"target.data: {path}"
    arrays = load_arrays(where, path, lambda name: name.startswith("rate_"))
    rates = {key[5:]: numbers(where, array, "rates in Hz") for key, array in arrays.items() if key != "data"}
    shapes = {key: value.shape for key, value in rates.items()}
    if not rates or len({*shapes.values()}) > 1 or len(next(iter(shapes.values()))) != 2:
        what = "arrays rate_CONDITION of one shape (bins, cells)"
        raise InvalidValueError(message(where, what, shapes or "none"))
    if len(next(iter(rates.values()))) < bins:
        raise InvalidValueError(message(where, f"at least {bins} bins, one per update", next(iter(shapes.values()))))
    rates = {key: value[:bins] for key, value in rates.items()}
    gappy = np.any([~np.isfinite(value).all(axis=0) for value in rates.values()], axis=0)
    if gappy.any():
        if gaps == "refuse":
            fix = 'correct them, or leave these cells out by --set gaps="skip".'
            raise InvalidValueError(message(where, "rates without gaps", f"NaN in {gappy.sum()} cells", fix))
        rates = {key: value[:, ~gappy] for key, value in rates.items()}
    if min(value.min(initial=0.0) for value in rates.values()) < 0 or gappy.all():
        raise InvalidValueError(message(where, "rates of at least 0 Hz, of one cell or more", "others"))
    return rates


def made_up_rates(cells: int, bins: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Make rates in Hz like those of cortical cells in two conditions: of very different means, changing slowly."""
    mean = np.clip(rng.lognormal(1.2, 0.9, cells), 0.2, 40)
    found = {}
    for condition in ("right", "left"):
        path = smoothed(ornstein_uhlenbeck(rng, bins, cells, 1.0, 25.0, 0.6, 0.0), 5)
        found[condition] = mean * np.exp(path)
    return found


def nearest_neurons(wanted: np.ndarray, available: np.ndarray) -> np.ndarray:
    """Give each cell, in falling order of its rate, the free neuron of the nearest rate.

    Examples
    --------
    >>> nearest_neurons(np.array([1.0, 9.0]), np.array([8.0, 2.0, 30.0]))
    array([1, 0])
    """
    free, found = available.astype(float).copy(), np.empty(len(wanted), int)
    for cell in np.argsort(-wanted, kind="stable"):
        found[cell] = np.argmin(np.abs(wanted[cell] - free))
        free[found[cell]] = np.inf
    return found
