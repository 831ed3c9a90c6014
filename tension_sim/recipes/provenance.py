"""What the results of a recipe say about it: settings, numbers beside those expected, and how to repeat the run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from ..results.measures import jsonable
from ..run.watch.plan import Plan
from ..system.files import read_toml
from .nested import flattened
from .protocol import Number, Recipe, Verdict
from .values import place_of
from .verdict import remarks

__all__ = ["measured", "provenance_of", "repeat_command", "words_of"]


def provenance_of(recipe: Recipe, numbers: Mapping[str, float], verdict: Verdict) -> dict[str, Any]:
    """Return what goes into ``results.provenance`` of a recipe's run, as plain values.

    Examples
    --------
    >>> from tension_sim import load_recipe
    >>> about = provenance_of(load_recipe("lif_sine", {"n": "200"}), {}, Verdict(None, "not compared"))
    >>> about["changed"], about["repeat"]
    ({'network.n': ['2000', '200']}, 'tension-sim run nicola_clopath_2017/lif_sine --set network.n=200')
    """
    found: dict[str, Any] = jsonable(
        {
            "recipe": recipe.name,
            "summary": recipe.summary,
            "protocol": recipe.protocol.name,
            "publication": recipe.source,
            "script": recipe.script,
            "recipe_digest": sha256(recipe.path.read_bytes()).hexdigest(),
            "settings": recipe.settings,
            "changed": _changed(recipe),
            "measured": measured(recipe.protocol.expected, recipe.expected, numbers, verdict),
            "verdict": {"as_expected": verdict.as_expected, "text": verdict.text},
            "expected_from": recipe.expected.get("reference", ""),
            "remarks": remarks(recipe),
            "repeat": repeat_command(recipe),
        }
    )
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(jsonable(value))


def _changed(recipe: Recipe) -> dict[str, list[str]]:
    """Return the settings that differ from those of the file: the file's value, and this run's."""
    data = read_toml(str(recipe.path), recipe.path) if recipe.changed else {}
    written = flattened(str(recipe.path), data, recipe.protocol.nested)
    keys = recipe.protocol.keys(recipe.settings)
    found = {}
    for name in recipe.changed:
        section, key = place_of(name, keys)
        default = keys[section][key].setting.default if key in keys.get(section, {}) else None
        shown = [_text(table[section][key]) if key in table.get(section, {}) else _default(default)
                 for table in (written, recipe.settings)]  # fmt: skip
        found[name] = shown
    return found


def _default(value: Any) -> str:
    plain = isinstance(value, int | float | str) and value != ""
    return f"{value} (default)" if plain else "not set"


def measured(
    known: Mapping[str, Number],
    expected: Mapping[str, Any],
    numbers: Mapping[str, float],
    verdict: Verdict | None = None,
) -> list[dict[str, Any]]:
    """Return a row for each number: name, label, unit, value, what is expected, and how both compare.

    Parameters
    ----------
    known : mapping of str to Number
        What can be measured, in order.
    expected : mapping of str to tuple
        One value, or a range.
    numbers : mapping of str to float
        What was measured.
    verdict : Verdict, optional
        How both compare.

    Examples
    --------
    >>> known = {"peak_frequency": Number("peak frequency of the test", "hertz")}
    >>> row = measured(known, {"peak_frequency": (5.0,)}, {"peak_frequency": 5.1})[0]
    >>> row["label"], row["value"], row["expected"], row["unit"]
    ('peak frequency of the test', 5.1, [5.0], 'Hz')
    """
    judged = {} if verdict is None else verdict.numbers
    rows = []
    for name in [*known, *(name for name in numbers if name not in known)]:
        if name not in numbers and name not in expected:
            continue
        number = known.get(name, Number(name.replace("_", " ")))
        row: dict[str, Any] = {"name": name, "label": number.label, "unit": UNITS.get(number.unit, number.unit)}
        row |= {"value": numbers.get(name), "expected": list(expected.get(name, ()))}
        rows.append(row | {"judged": judged.get(name, "")})
    return rows


#: Symbols of units, as they stand behind a number.
UNITS = {"1": "", "hertz": "Hz", "second": "s"}


def words_of(told: Mapping[str, Any], plan: Plan | None) -> str:
    """Return the words by which a command gives a run the course that its provenance tells of."""
    words = []
    if plan is not None and plan.stop_when is not None:
        words += ["--stop-when", plan.stop_when.text]
    if told.get("steering"):
        words += ["--steering", "steering.toml"]
    return f" {shlex.join(words)}" if words else ""


def repeat_command(recipe: Recipe) -> str:
    """Return the command that runs a recipe with these settings again.

    Examples
    --------
    >>> from tension_sim import load_recipe
    >>> repeat_command(load_recipe("lif_sine", {"run.seed": "3", "tau_decay": "30*ms"}))
    "tension-sim run nicola_clopath_2017/lif_sine --set 'parameters.tau_decay=30*ms' --seed 3"
    """
    words, seed = ["tension-sim", "run", recipe.name], []
    for name in recipe.changed:
        section, key = place_of(name, recipe.settings)
        if key not in recipe.settings.get(section, {}):
            continue
        value = _text(recipe.settings[section][key])
        if name == "run.seed" and value.isdecimal():
            seed = ["--seed", value]
        else:
            words += ["--set", f"{name}={value}"]
    return shlex.join([*words, *seed])
