"""One line of a table of several runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Row"]


@dataclass(frozen=True)
class Row:
    """One line of the table: what it is, its unit, and its value in each run (None: not known)."""

    kind: str
    label: str
    unit: str
    values: tuple[Any, ...]

    def shown(self) -> list[str]:
        """Return the values as texts."""
        return [_shown(value, self.unit) for value in self.values]


def _shown(value: Any, unit: str) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3g} {unit}".rstrip()
    return f"{value} {unit}".rstrip()
