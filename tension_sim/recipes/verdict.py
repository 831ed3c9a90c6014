"""Compare a run with what its recipe expects, and name what its settings keep it from showing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..results.phases import LEARNING, TEST
from .protocol import Recipe, Verdict

__all__ = ["Verdict", "judge", "remarks"]

#: How far a number may be from an expected one that is no range.
TOLERANCE = 0.05

_MOST_NAMES = 4


def judge(
    recipe: Recipe, numbers: Mapping[str, float], interrupted: bool = False, stopped: Mapping[str, Any] | None = None
) -> Verdict:
    """Compare a run's numbers with those that its recipe expects.

    A number is as expected if it lies in the range, ends included; where one value is expected instead of
    a range, within 5 % of it.

    Parameters
    ----------
    recipe : Recipe
        What was run.
    numbers : mapping of str to float
        What was measured; `Outcome.numbers`.
    interrupted : bool, optional
        Whether the run ended early.
    stopped : mapping, optional
        ``why`` it ended early by a condition or an order.

    Examples
    --------
    >>> from tension_sim import load_recipe
    >>> judge(load_recipe("calcium"), {"epochs": 20, "free_mae": 0.2, "correlation": 0.95}).text
    'as expected'
    >>> judge(load_recipe("lif_sine", {"n": "200"}), {"peak_frequency": 7.0}).text
    'not as expected: the expected numbers belong to the settings of the recipe, and network.n was changed'
    """
    expected = {name: value for name, value in recipe.expected.items() if name != "reference"}
    if not expected:
        return Verdict(None, "nothing to compare with: the recipe expects no numbers")
    if interrupted:
        return Verdict(None, "not compared: the run was interrupted")
    if stopped is not None:
        return Verdict(None, f"not compared: the run ended early ({stopped['why']})")
    found = {name: _place(numbers.get(name), wanted) for name, wanted in expected.items()}
    changed = _listed(tuple(name for name in recipe.changed if name not in recipe.expected_at))
    if set(found.values()) == {_GOOD}:
        return Verdict(True, _GOOD + (f", although {changed} changed" if changed else ""), found)
    if changed:
        reason = f"the expected numbers belong to the settings of the recipe, and {changed} changed"
    else:
        reason = ", ".join(f"{name} is {place}" for name, place in found.items() if place != _GOOD)
    return Verdict(False, f"not as expected: {reason}", found)


_GOOD = "as expected"


def _place(value: float | None, wanted: tuple[float, ...]) -> str:
    if value is None:
        return "not measured"
    low, high = wanted if len(wanted) == 2 else sorted(wanted[0] * (1 + side * TOLERANCE) for side in (-1, 1))
    return "too low" if value < low else "too high" if value > high else _GOOD


def _listed(changed: tuple[str, ...]) -> str:
    """Return the settings that were changed, with their verb; those that only say what is recorded do not count."""
    names = [name for name in changed if not name.startswith("record.") and name != "run.threads"]
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[:_MOST_NAMES])} and {len(names) - _MOST_NAMES} more settings were"
    joined = " and ".join([part for part in (", ".join(names[:-1]), *names[-1:]) if part])
    return f"{joined} {'was' if len(names) == 1 else 'were'}" if names else ""


def remarks(recipe: Recipe) -> list[str]:
    """Say what a run will not show because of its settings: it learns nothing, or it has no test.

    Examples
    --------
    >>> from tension_sim import load_recipe
    >>> print(*remarks(load_recipe("lif_sine", {"duration": "2*second"})))
    This run learns nothing: it ends at 2 s, learning begins at 5 s.
    Fix: choose a longer duration, or an earlier learning.start.
    >>> remarks(load_recipe("lif_sine"))
    []
    """
    if recipe.protocol.plan is None:
        return []
    phases = recipe.protocol.plan(recipe)
    names, end = [phase.name for phase in phases], recipe.dt * max((phase.stop for phase in phases), default=0)
    if LEARNING not in names:
        return [_no_learning(recipe.values.get("learning"), end)]
    if TEST not in names:
        text = f"This run has no test: weights learn to its end, at {end:g} s."
        return [f"{text}\nFix: choose a longer test, or an earlier end of learning."]
    return []


def _no_learning(learning: Mapping[str, Any] | None, end: float) -> str:
    if learning is None:
        return f"This run learns nothing: no learning begins before its end, at {end:g} s."
    start = learning.get("start")
    if start is not None and start >= end:
        fix = "choose a longer duration, or an earlier learning.start."
        return f"This run learns nothing: it ends at {end:g} s, learning begins at {start:g} s.\nFix: {fix}"
    return "This run learns nothing: its learning takes no time.\nFix: choose a later end of learning, or more trials."
