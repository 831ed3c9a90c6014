"""What a terminal shows while a sweep goes on: progress with the time left, and the best points so far."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from .terminal import ERR, OUT, plain, say

if TYPE_CHECKING:
    from ..sweeps.folder import Description

__all__ = ["SweepView", "say_best"]

#: Seconds between two looks for the best points: ranking costs more than a short point.
_EVERY = 2.0


def _best_table(best: Any) -> Table:
    """Return the best points, a data frame, as a table for the terminal."""
    table = Table(*(plain(name) for name in best.columns), box=None, pad_edge=False, header_style="bold")
    for row in best.itertuples(index=False):
        table.add_row(*(f"{cell:.4g}" if isinstance(cell, float) else plain(cell) for cell in row))
    return table


def say_best(found: Any, value: str) -> None:
    """Print the best points of a `Sweep` as a table, or that there are none."""
    best = found.best(value)
    if len(best):
        OUT.print(_best_table(best))
    else:
        say(f"no point has the number {value}")


class SweepView:
    """A progress bar and the best points, on stderr; where that is no terminal, the end of the bar alone."""

    def __init__(self, description: Description, total: int, value: str) -> None:
        self.done: int = 0
        self._description, self._value = description, value
        self._rows: list[Any] = []
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        self._bar = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=ERR)
        self._task = self._bar.add_task(description.recipe, total=total)
        self._live = Live(self._bar, console=ERR, refresh_per_second=4)
        self._ranked = 0.0

    def progress(self, done: int, total: int, row: Any) -> None:
        """Take in a new row, or that time passes."""
        self.done = done
        self._bar.update(self._task, completed=done, total=total)
        if row is not None:
            self._rows.append(row)
        if ERR.is_terminal and self._rows and time.monotonic() - self._ranked > _EVERY:
            from ..sweeps.table import Sweep

            found = Sweep(Path(), self._description, self._rows)
            self._live.update(Group(self._bar, _best_table(found.best(self._value))))
            self._ranked = time.monotonic()

    def stop(self) -> None:
        """Leave the terminal to others."""
        self._live.update(self._bar)
        if self._live.is_started:
            self._live.stop()
            if not ERR.is_interactive:  # rich ends the line on terminals alone
                ERR.print()

    def __enter__(self) -> SweepView:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
