"""What a sweep asks of that which it runs: a recipe, or a network declared in Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ..recipes.protocol import Forecast, Number, Outcome
from ..run.simulation import Target

__all__ = ["SEED", "Runner", "Swept", "Value"]

#: The setting that the seeds of a sweep change.
SEED = "run.seed"

#: A setting's value in a table: a number in SI units, or a text.
Value = float | int | bool | str


class Runner(Protocol):
    """Runs points where a worker is; it travels there with each point, so it is light."""

    def outcome(self, point: Mapping[str, str], target: Target | None, study: tuple[str, int] | None) -> Outcome:
        """Run a point; `study` is the file of a study and its trial, by which the run may be given up."""
        ...

    def expected(self) -> Mapping[str, Any]:
        """Return what the numbers of a point are compared with."""
        ...


class Swept(Protocol):
    """What all points of a sweep have in common."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Settings that all points share, by their dotted names."""
        ...

    @property
    def seed(self) -> int:
        """The first seed."""
        ...

    @property
    def numbers(self) -> Mapping[str, Number]:
        """The numbers that each point is promised to have."""
        ...

    def full_name(self, key: str) -> str:
        """Return the dotted name of a setting, such as ``"network.G"`` for ``"G"``."""
        ...

    def value(self, name: str, text: Any) -> Value:
        """Return the value that a setting gets from a text; refuse what cannot work."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return what decides the numbers of a point, beside its own settings."""
        ...

    def check(self, point: Mapping[str, str], target: Target | None, force: bool) -> Forecast | None:
        """Check all that a point's run checks before it builds; return its forecast where there is one."""
        ...

    def runner(self, folder: Path) -> Runner:
        """Return what runs the points; what it needs beside itself is written into the sweep's folder."""
        ...
