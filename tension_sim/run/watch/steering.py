"""Orders to a run, each at its time step, and the script that holds them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ...declare.validation import check_text, check_whole
from ...errors import InvalidTypeError, InvalidValueError, message, unknown_name
from ...system.files import check_path, read_toml, write_whole

__all__ = ["Order", "Steering", "check_steering"]

_KEYS = ("run", "step", "change", "target", "stop")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Order:
    """What is done between two time steps.

    Attributes
    ----------
    step : int
        The step before which it is done, counted as the network counts them.
    change : mapping
        Settings and their new values, see `settings_of`.
    target : mapping
        ``task`` and its settings: the supervisor from this step on; empty: it stays.
    stop : bool
        Whether the run ends.
    run : int
        Which run of the protocol, from 1.
    """

    step: int
    change: Mapping[str, Any] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)
    stop: bool = False
    run: int = 1

    @classmethod
    def read(cls, where: str, table: Any) -> Order:
        """Read an order of a script."""
        if not isinstance(table, Mapping):
            raise InvalidTypeError(message(where, "a table such as {step = 100, stop = true}", table))
        for key in table:
            if key not in _KEYS:
                raise unknown_name(where, "key of an order", key, _KEYS)
        step = check_whole(f"{where}.step", table.get("step"), 0)
        run = check_whole(f"{where}.run", table.get("run", 1), 1)
        stop = table.get("stop", False)
        if not isinstance(stop, bool):
            raise InvalidTypeError(message(f"{where}.stop", "true or false", stop))
        change, target = (_values(f"{where}.{key}", table.get(key, {})) for key in ("change", "target"))
        if target:
            check_text(f"{where}.target.task", target.get("task"))
        if not (change or target or stop):
            raise InvalidValueError(message(where, "change, target or stop", dict(table), "say what is done."))
        return cls(step, change, target, stop, run)

    def described(self) -> dict[str, Any]:
        """Return plain values, as `read` takes them."""
        found: dict[str, Any] = {"run": self.run, "step": self.step}
        for key in ("change", "target"):
            if getattr(self, key):
                found[key] = dict(getattr(self, key))
        return found | ({"stop": True} if self.stop else {})


def _values(where: str, table: Any) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        raise InvalidTypeError(message(where, 'a table such as {tau_mem = "20*ms"}', table))
    for name, value in table.items():
        if not isinstance(name, str) or not isinstance(value, bool | int | float | str):
            raise InvalidTypeError(message(f"{where}.{name}", "a number, a text, or true or false", value))
    return dict(table)


class Steering:
    """A script of orders that were given to a run; a run with it has the same bits.

    Parameters
    ----------
    orders : list of Order or mapping, optional
        In any sequence; those of one step are obeyed as they stand.

    Attributes
    ----------
    orders : list of Order
        By run and step.

    Examples
    --------
    >>> print(Steering([{"step": 100, "change": {"tau_mem": "20*ms"}}, {"step": 300, "stop": True}]).text)
    # Orders to a run, each before a time step. Repeat them by: tension-sim run NAME --steering FILE
    <BLANKLINE>
    [[order]]
    run = 1
    step = 100
    change = {tau_mem = "20*ms"}
    <BLANKLINE>
    [[order]]
    run = 1
    step = 300
    stop = true
    <BLANKLINE>
    """

    def __init__(self, orders: Sequence[Order | Mapping[str, Any]] = (), where: str = "Steering.orders") -> None:
        where = check_text("Steering.where", where)
        if not isinstance(orders, list | tuple):
            raise InvalidTypeError(message(where, "a list of orders", orders, 'as in [{"step": 100, "stop": True}].'))
        read = [one if isinstance(one, Order) else Order.read(f"{where}[{k}]", one) for k, one in enumerate(orders)]
        self.orders: list[Order] = sorted(read, key=lambda one: (one.run, one.step))

    @classmethod
    def load(cls, path: str | Path, where: str = "Steering.load") -> Steering:
        """Read a script.

        Raises
        ------
        InvalidValueError, InvalidTypeError, UnknownNameError
            If it cannot be read, or is no script.
        """
        place = check_path(check_text("Steering.where", where), path)
        table = read_toml(where, place)
        for key in table:
            if key != "order":
                raise unknown_name(f"{where}: {place}", "key", key, ["order"])
        return cls(table.get("order", []), f"{place}: order")

    @property
    def text(self) -> str:
        """The script, as a TOML file."""
        lines = ["# Orders to a run, each before a time step. Repeat them by: tension-sim run NAME --steering FILE", ""]
        for order in self.orders:
            lines.append("[[order]]")
            lines += [f"{key} = {_toml(value)}" for key, value in order.described().items()]
            lines.append("")
        return "\n".join(lines)

    def save(self, path: str | Path) -> Path:
        """Write the script."""
        return write_whole("Steering.save", check_path("Steering.save", path), self.text.encode())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Steering) and self.orders == other.orders

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Steering({[order.described() for order in self.orders]!r})"


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{key if _BARE.fullmatch(key) else json.dumps(key)} = {_toml(one)}" for key, one in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return "nan" if value != value else "inf" if value > 0 else "-inf"
    return repr(value) if isinstance(value, int | float) else json.dumps(value).replace("\x7f", "\\u007f")


def check_steering(where: str, given: Any) -> Steering:
    """Return a script, from a path too; None is one without orders."""
    if given is None:
        return Steering()
    if isinstance(given, Steering):
        return given
    if isinstance(given, str | Path):
        return Steering.load(given, where)
    raise InvalidTypeError(message(where, "a Steering or the path of a script", given, "Steering.load(path)."))
