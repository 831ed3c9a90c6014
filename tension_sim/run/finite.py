"""Check after a run that its states are finite, and plausible for a neuron."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ..declare.units import Dimension, describe, dimension_of, evaluate
from ..errors import DivergenceError
from ..results.results import Results, first_multiple
from ..system.memory_maps import in_parts

__all__ = ["check_states"]

#: In SI units, far above what any neuron has: a million volts or amperes.
_LARGEST = {dimension_of(unit, unit): 1e6 for unit in ("volt", "amp")}
#: Of plain numbers and all other units; float32 ends at 3e38, where values are infinite.
_LARGEST_PLAIN = 1e100


def check_states(results: Results, dimensions: Mapping[str, Dimension]) -> None:
    """Refuse a run whose states or recordings left the range of numbers, or of neurons.

    States at the end, output and recorded variables must be finite; voltages and currents below
    1e6 V and 1e6 A, state variables of other units below 1e100.

    Parameters
    ----------
    results : Results
        Of the run.
    dimensions : mapping of str to dimension
        Of the neurons' state variables.

    Raises
    ------
    DivergenceError
        It names the variable, and the first step where that was recorded; its ``results`` are
        those of the run.
    """
    for name, step, value, limit in _bad(results, dimensions):
        at = "at the end" if step is None else f"from time step {step} on"
        what = f"{name} is not finite {at}"
        if np.isfinite(value):
            what = f"{name} is {value:.3g} {at}, beyond {limit}"
        fix = "choose smaller weights or feedback, a smaller time step, or other parameters"
        error = DivergenceError(f"Simulation: {what}.\nFix: {fix}. What was reached is in error.results.")
        error.step, error.results = step, results
        raise error


def _bad(results: Results, dimensions: Mapping[str, Dimension]) -> Iterator[tuple[str, int | None, float, str]]:
    """Yield name, first step, value and limit of what is out of range, recordings first: they know the step."""
    found = _first(results.output, np.inf)
    if found is not None:
        row, value = found
        yield "the output", results.first_row_step + row * results.record_every, value, ""
    for name, recording in results.recorded.items():
        limit, unit = _limit(dimensions.get(name))
        scale = float(evaluate(recording.unit, name).value)
        found = _first(recording.values, limit / scale)
        if found is not None:
            row, value = found
            first = first_multiple(results.first_step, recording.every)
            yield name, first + row * recording.every, value * scale, f"{limit:g} {unit}".strip()
    for entry, values in results.state.items():
        owner, _, name = entry.partition(".")
        limit, unit = _limit(dimensions.get(name)) if owner == "neurons" else (np.inf, "")
        found = _first(np.asanyarray(values), limit)
        if found is not None:
            yield entry, None, found[1], f"{limit:g} {unit}".strip()


def _limit(dimension: Dimension | None) -> tuple[float, str]:
    if dimension is None:
        return np.inf, ""
    limit = _LARGEST.get(tuple(dimension), _LARGEST_PLAIN)
    return limit, "" if limit == _LARGEST_PLAIN else describe(dimension)


def _first(values: np.ndarray, limit: float) -> tuple[int, float] | None:
    """Return row and value of the first number that is not finite or beyond the limit; None if there is none."""
    if not values.size or values.dtype.kind != "f":
        return None
    limit = min(limit, float(np.finfo(values.dtype).max))
    width, before = max(values.size // max(len(np.atleast_1d(values)), 1), 1), 0
    for part in in_parts(values):
        if not _all_within(part, limit):
            with np.errstate(invalid="ignore"):
                place = int(np.argmin(np.abs(part) <= limit))  # NaN and infinity are not
            return (before + place) // width, float(part[place])
        before += part.size
    return None


def _all_within(numbers: np.ndarray, limit: float) -> bool:
    """Say whether numbers are finite and within a limit; no copy of them is made, for P is large."""
    with np.errstate(over="ignore", invalid="ignore"):
        if limit == np.finfo(numbers.dtype).max and np.isfinite(numbers.sum()):
            return True
        return bool(-limit <= numbers.min() and numbers.max() <= limit)  # comparisons with NaN are false
