"""The settings of a recipe as a user may write them: those of its file, and the defaults of all others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..recipes.recipe import Recipe
from ..recipes.settings import OMITTED
from .job import shown_range

__all__ = ["expected_shown", "recipe_shown", "settings_shown"]

_UNITS = {"second": "*second", "hertz": "*Hz"}


def recipe_shown(recipe: Recipe) -> dict[str, Any]:
    """Return what ``show`` prints, as plain values; settings are texts that ``--set`` takes."""
    rows = [
        {"name": name, "value": None if note == "unset" else value, "note": note}
        for name, value, note in settings_shown(recipe)
    ]
    stated = recipe.short and {"settings": dict(recipe.short.settings)} | _expected(recipe, recipe.short.expected)
    return {
        "recipe": recipe.name,
        "summary": recipe.summary,
        "protocol": {"name": recipe.protocol.name, "summary": recipe.protocol.summary},
        "source": recipe.source,
        "script": recipe.script,
        "notes": recipe.notes,
        "settings": rows,
        **_expected(recipe, recipe.expected),
        "short": stated,
    }


def _expected(recipe: Recipe, table: Mapping[str, Any]) -> dict[str, Any]:
    expected = {key: list(value) for key, value in table.items() if key != "reference"}
    units = {key: recipe.protocol.expected[key].unit for key in expected}
    return {"expected": expected, "units": units, "reference": table.get("reference")}


def expected_shown(recipe: Recipe) -> list[tuple[str, str]]:
    """Return name and text of what a recipe expects, then of the shorter run that it states.

    Examples
    --------
    >>> from tension_sim import load_recipe
    >>> expected_shown(load_recipe("lif_sine"))[2]
    ('expected.peak_frequency', '4.9 to 5.1 Hz')
    >>> expected_shown(load_recipe("ode_to_joy"))[1]
    ('short.duration', '100*second')
    """
    rows = _expected_rows(recipe, "expected", recipe.expected)
    if recipe.short is not None and not recipe.expected_at:
        rows += [(f"short.{key}", shown(value)) for key, value in recipe.short.settings.items()]
        rows += _expected_rows(recipe, "short.expected", recipe.short.expected)
    return rows


def _expected_rows(recipe: Recipe, prefix: str, table: Mapping[str, Any]) -> list[tuple[str, str]]:
    known = recipe.protocol.expected
    return [
        (f"{prefix}.{key}", value if key == "reference" else shown_range(value, known[key]))
        for key, value in table.items()
    ]


def settings_shown(recipe: Recipe) -> list[tuple[str, str, str]]:
    """Return name, value and a note for each setting that ``--set`` takes.

    Examples
    --------
    >>> from tension_sim import load_recipe
    >>> rows = {name: (value, note) for name, value, note in settings_shown(load_recipe("lif_sine"))}
    >>> rows["network.n"], rows["network.dtype"], rows["learning.forgetting"]
    (('2000', ''), ('float64', 'default'), ('1', 'default'))
    """
    rows = []
    for section, keys in recipe.protocol.keys(recipe.settings).items():
        if section not in recipe.settings and recipe.protocol.may_lack(section):
            continue
        written = recipe.settings.get(section, {})
        for key, entry in keys.items():
            name = f"{section}.{key}"
            if key in written:
                rows.append((name, shown(written[key]), "changed" if name in recipe.changed else ""))
            elif entry.setting.default is OMITTED:
                value = recipe.values.get(section, {}).get(key)
                rows.append((name, "" if value is None else shown(value), "default" if value is not None else "unset"))
            else:
                unit = _UNITS.get(entry.setting.unit, "")
                rows.append((name, shown(entry.setting.default, unit), "default"))
    return rows


def shown(value: Any, unit: str = "") -> str:
    """Return a value as it is written in a recipe: lists in brackets.

    Examples
    --------
    >>> shown([1, 2.5, 3]), shown(True), shown(None), shown(0.01, "*second")
    ('[1, 2.5, 3]', 'true', 'none', '0.01*second')
    """
    if isinstance(value, list | tuple):
        return f"[{', '.join(shown(item, unit) for item in value)}]"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | int):
        return f"{value:g}{unit}" if isinstance(value, float) else f"{value}{unit}"
    return str(value) if value != "" else '""'
