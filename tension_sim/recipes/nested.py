"""Tables of tables in a recipe file, such as [populations.exc], as sections of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import InvalidTypeError, InvalidValueError, message

__all__ = ["flattened"]


def flattened(path: str, data: Mapping[str, Any], nested: Iterable[str]) -> dict[str, Any]:
    """Return the content of a recipe file with a section for each table in the tables that `nested` names.

    Parameters
    ----------
    path : str
        The file, for messages.
    data : mapping
        What it holds.
    nested : iterable of str
        Names of tables of tables, or of lists of tables: these have a key ``name``, or ``pre`` and ``post``.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If they hold something else, or a name twice.

    Examples
    --------
    >>> flattened("mine.toml", {"populations": {"exc": {"n": 2, "parameters": {"tau": 3}}}}, ["populations"])
    {'populations.exc': {'n': 2}, 'populations.exc.parameters': {'tau': 3}}
    """
    nested, found = set(nested), {}
    for key, value in data.items():
        if key not in nested:
            found[key] = value
            continue
        for name, table in _tables(f"{path}: {key}", value):
            section = f"{key}.{name}"
            if section in found:
                raise InvalidValueError(message(f"{path}: {key}", "names used once", name, "give it a name."))
            found[section] = {inner: item for inner, item in table.items() if not isinstance(item, dict)}
            found |= {f"{section}.{inner}": item for inner, item in table.items() if isinstance(item, dict)}
    return found


def _tables(where: str, value: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the tables of a table, or of a list, with their names."""
    if isinstance(value, dict):
        named = list(value.items())
    elif isinstance(value, list):
        named = [(_name_of(item), item) for item in value]
    else:
        named = [("", value)]
    for name, table in named:
        if not isinstance(table, dict):
            fix = f"write [{where.rpartition(' ')[2]}.NAME], and its keys below."
            raise InvalidTypeError(message(f"{where}.{name}".rstrip("."), "a table", table, fix))
    return [(name, {key: item for key, item in table.items() if key != "name"}) for name, table in named]


def _name_of(item: Any) -> str:
    """Return the name of a table in a list."""
    if not isinstance(item, dict):
        return ""
    pre = item.get("pre", "unnamed")
    source = "_".join(map(str, pre)) if isinstance(pre, list) else pre
    return str(item.get("name") or f"{source}_to_{item.get('post', 'unnamed')}")
