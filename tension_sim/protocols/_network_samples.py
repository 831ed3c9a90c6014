"""What a network is given in each step of a recipe's run: external inputs, and rates of Poisson units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..declare.units import Quantity, describe, dimension_of, evaluate
from ..errors import InvalidValueError, UnitsError, message
from ..recipes.array_values import array_value, loaded, names_file
from ..system.memory import check_memory
from ..tasks import Task, make_task
from ._tasks import draw_task

if TYPE_CHECKING:
    from ..declare.populations.network import Network
    from ..recipes.protocol import Where
    from ..recipes.recipe import Recipe

__all__ = ["UNITS", "given_to", "n_given"]

#: Sections of what is given, with the units in which plain numbers count.
UNITS = {"inputs": "1", "rates": "hertz"}


def given_to(network: Network, recipe: Recipe, n_steps: int, where: Where) -> Task:
    """Return the supervisor of so many steps of a run, with external inputs and rates of Poisson units.

    Raises
    ------
    TensionError
        If one is missing or does not fit; `where` begins the message.
    """
    if recipe.values.get("task"):
        task = draw_task(recipe, n_steps)
    else:
        task = Task("none", n_steps, np.zeros((1, 0)))
    inputs = _columns("inputs", network.external_inputs, recipe, n_steps, where)
    if inputs is not None:
        task = replace(task, inputs=inputs, target=_whole(task), period=None)
    rates = _columns("rates", network.poisson, recipe, n_steps, where)
    return task if rates is None else replace(task, rates=rates, target=_whole(task), period=None)


def n_given(recipe: Recipe, sizes: Mapping[str, int], kind: str) -> int:
    """Return how many columns of a kind a recipe gives that change in time, for a forecast."""
    values = recipe.values.get(kind, {})
    return sum(n for name, n in sizes.items() if isinstance(values.get(name), str))


def _whole(task: Task) -> np.ndarray:
    """Return the target of a task in every step."""
    return task.target if task.period is None else task.target[np.arange(task.n_steps) % task.period]


def _columns(kind: str, sizes: Mapping[str, int], recipe: Recipe, steps: int, where: Where) -> np.ndarray | None:
    """Return the samples of all channels, one row for all steps where none changes; None where there is nothing."""
    given = recipe.values.get(kind, {})
    if kind == "inputs" and recipe.values.get("task", {}).get("input_slots"):
        if given:
            fix = "leave out one of them."
            raise InvalidValueError(message(where(kind, ""), "no inputs beside those of [task]", [*given], fix))
        return None
    for name in sizes:
        if name not in given:
            fix = f'as in {name} = "{"int(t < 50*ms)" if kind == "inputs" else "10*Hz"}", or the name of a file.'
            raise InvalidValueError(message(where(kind, name), "a value, it has no default", None, fix))
    if not sizes:
        return None
    found = [_samples(where(kind, name), given[name], n, steps, recipe.dt, UNITS[kind]) for name, n in sizes.items()]
    rows = max(len(each) for each in found)
    if len(found) == 1:
        return found[0]
    check_memory(where(kind, ""), 8 * rows * sum(sizes.values()), "fewer steps or channels")
    return np.concatenate([np.broadcast_to(each, (rows, each.shape[1])) for each in found], axis=1)


def _samples(where: str, value: Any, n: int, steps: int, dt: float, unit: str) -> np.ndarray:
    """Return the samples of a value: a row for each step, or one for all."""
    check_memory(where, 8 * n, "fewer channels")
    if names_file(value):
        rows = make_task("recorded", steps, dt, file=value).target
    elif isinstance(value, str):
        rows = _evaluated(where, value, n, steps, dt, unit)
    else:
        value = value if unit == "1" else array_value(unit)(where, value)
        rows = np.atleast_1d(np.asarray(loaded(where, value), float))
        rows = np.broadcast_to(rows, (1, n)) if rows.shape in ((1,), (n,)) else rows
    if rows.ndim != 2 or rows.shape[1] != n:
        what = f"one value, one for each of {n} channels, or samples of shape ({steps}, {n})"
        raise InvalidValueError(message(where, what, f"shape {rows.shape}"))
    return rows


def _evaluated(where: str, text: str, n: int, steps: int, dt: float, unit: str) -> np.ndarray:
    """Evaluate an expression of the time t at which a step begins, and the number i of the channel."""
    check_memory(where, 24 * steps * n, "fewer steps or channels")
    times = Quantity(dt * np.arange(steps)[:, None], dimension_of("second", where))
    found = evaluate(text, where, {"t": times, "i": Quantity(np.arange(float(n))[None, :])})
    if found.dimension != dimension_of(unit, where):
        wanted = describe(dimension_of(unit, where))
        fix = "divide it by its unit." if unit == "1" else f'write it as in "10*{unit}".'
        raise UnitsError(message(where, f"a quantity in {wanted}", text, fix))
    rows = np.asarray(found.value, float)
    if not np.isfinite(rows).all():
        raise InvalidValueError(message(where, "finite values", text))
    return np.broadcast_to(rows, np.broadcast_shapes(rows.shape, (1, n))).copy()
