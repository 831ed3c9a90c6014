"""Nested settings as a table of text, which any program can show, and back without a loss.

One row for each value: the setting, its value, and its kind. Names are joined by ``/``, as in JSON
pointers (RFC 6901): ``~1`` stands for a slash in a name, ``~0`` for ``~``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

__all__ = ["COLUMNS", "joined_name", "nested", "rows"]

COLUMNS = ("setting", "value", "kind")

_KINDS = {"flag": bool, "whole": int, "number": float, "text": str, "none": type(None), "list": list, "table": dict}
_READ: dict[str, Callable[[str], Any]] = {
    "flag": lambda text: text == "true",
    "whole": int,
    "number": float,
    "text": str,
    "none": lambda text: None,
    "list": lambda text: [],
    "table": lambda text: {},
}


def joined_name(*names: str) -> str:
    """Join names to one, which `nested` takes apart again.

    Examples
    --------
    >>> joined_name("units", "m/s")
    'units/m~1s'
    """
    return "/".join(name.replace("~", "~0").replace("/", "~1") for name in names)


def rows(table: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield name, value and kind of each value of nested tables and lists of JSON's types.

    Examples
    --------
    >>> list(rows({"network": {"n": 200, "p": 0.5}}))
    [('network', '', 'table'), ('network/n', '200', 'whole'), ('network/p', '0.5', 'number')]
    """
    yield from _rows((), table)


def _rows(place: tuple[str, ...], value: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, Mapping | list):
        if place:
            yield joined_name(*place), "", "list" if isinstance(value, list) else "table"
        pairs = enumerate(value) if isinstance(value, list) else value.items()
        for name, item in pairs:
            yield from _rows((*place, str(name)), item)
        return
    kind = next(kind for kind, known in _KINDS.items() if isinstance(value, known))
    shown = {"flag": str(value).lower(), "none": ""}.get(kind, str(value))
    yield joined_name(*place), shown, kind


def nested(table: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    """Return the nested tables and lists from the rows of `rows`, in their order.

    Examples
    --------
    >>> nested(rows({"network": {"n": 200, "p": 0.5}, "of": ["v"], "none": None}))
    {'network': {'n': 200, 'p': 0.5}, 'of': ['v'], 'none': None}
    """
    found: dict[str, Any] = {}
    holders: dict[str, Any] = {"": found}
    for place, text, kind in table:
        parent, _, name = place.rpartition("/")
        value = _READ[kind](text)
        holder = holders[parent]
        if isinstance(holder, list):
            holder.append(value)
        else:
            holder[name.replace("~1", "/").replace("~0", "~")] = value
        if isinstance(value, list | dict):
            holders[place] = value
    return found
