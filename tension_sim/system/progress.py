"""How far a run is: a bar in a terminal or a notebook, or a function of the caller's."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import InvalidTypeError, message

__all__ = ["Bar", "Progress", "Report", "check_progress", "is_verbosity", "progress_of", "terminal_bar"]

Report = Callable[[int, int], None]
#: What a `progress` argument may be.
Progress = bool | Report | None

_EVERY = 0.1  # seconds between two pictures of a bar
_WITH_LINES = 5  # pictures a second of one with lines above it


def is_verbosity(value: Any) -> bool:
    """Say whether a value is one that `verbose` may have, as in Keras.

    Examples
    --------
    >>> is_verbosity("auto"), is_verbosity(3), is_verbosity([1])
    (True, False, False)
    """
    return isinstance(value, str | int | np.integer | np.bool_) and value in ("auto", 0, 1, 2)


@contextmanager
def progress_of(where: str, progress: Any, name: str, called: str = "progress(steps_done, steps)") -> Iterator[Any]:
    """Yield the function that is called while a run goes on, or None; True means a bar, which ends with the block.

    Parameters
    ----------
    where : str
        The argument, for messages.
    progress : bool, callable or None
        What the user gave.
    name : str
        What the bar says.
    called : str, optional
        How a function is called, for messages.

    Raises
    ------
    InvalidTypeError
        If it is none of these.

    Examples
    --------
    >>> with progress_of("demo.progress", print, "demo") as report:
    ...     report(1, 2)
    1 2
    """
    check_progress(where, progress, called)
    if progress is True:
        with Bar(name) as bar:
            yield bar
    else:
        yield progress or None


def check_progress(where: str, progress: Any, called: str = "progress(steps_done, steps)") -> None:
    """Refuse what is neither True, False, None nor a function."""
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        what = f"True, or a function, called as {called}, or None"
        raise InvalidTypeError(message(where, what, progress))


def terminal_bar(above: Callable[[], str] | None = None, **options: Any) -> Any:
    """Return a `rich.progress.Progress` with the columns of all bars of this package, not started.

    Parameters
    ----------
    above : callable, optional
        Returns lines that stand above the bar.
    **options
        Of rich.
    """
    from rich.console import Group
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.text import Text

    class Bars(Progress):
        def get_renderables(self) -> Iterator[Any]:
            text = "" if above is None else above()
            if text:
                yield Group(*(Text(line, no_wrap=True, overflow="crop") for line in text.splitlines()))
            yield from super().get_renderables()

    if above is not None:  # lines take longer to draw than the bar
        options.setdefault("refresh_per_second", _WITH_LINES)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    return Bars(*columns, TimeElapsedColumn(), TimeRemainingColumn(), **options)


class Bar:
    """A progress bar: in a notebook one of the page's own, else one on the terminal, on stderr.

    Call it as ``bar(done, total)``, in a ``with`` block; it stays where it was when the block ends.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._shown: _Terminal | _Notebook | None = None

    def __enter__(self) -> Bar:
        self._shown = _Notebook(self.name) if _in_notebook() else _Terminal(self.name)
        return self

    def __call__(self, done: int, total: int) -> None:
        """Move the bar."""
        if self._shown is not None:
            self._shown.move(done, total)

    def stage(self, name: str) -> None:
        """Say what is done before the run itself, such as building; the next call of the bar takes it back."""
        if self._shown is not None:
            self._shown.stage(name)

    def __exit__(self, *_: object) -> None:
        if self._shown is not None:
            self._shown.end()
            self._shown = None


def _in_notebook() -> bool:
    """Say whether this process is the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class _Terminal:
    def __init__(self, name: str) -> None:
        from rich.console import Console

        # a console of its own: bars of other threads do not meet
        self._name = name
        self._bar = terminal_bar(console=Console(stderr=True, highlight=False, markup=False, emoji=False))
        self._task = self._bar.add_task(name, total=None)
        self._bar.start()

    def move(self, done: int, total: int) -> None:
        self._bar.update(self._task, description=self._name, completed=done, total=total)

    def stage(self, name: str) -> None:
        self._bar.update(self._task, description=f"{self._name}: {name}")

    def end(self) -> None:
        self._bar.stop()


class _Notebook:
    """What a notebook shows: its HTML, or a line of text where it cannot."""

    def __init__(self, name: str) -> None:
        from IPython.display import display

        self._name, self._stage, self._done, self._total = name, "", 0, 0
        self._began = self._last = time.monotonic()
        show: Any = display
        self._handle = show(self, display_id=True)

    def stage(self, name: str) -> None:
        self._stage = f": {name}"
        self._show()

    def move(self, done: int, total: int) -> None:
        self._done, self._total, self._stage = done, total, ""
        if time.monotonic() - self._last > _EVERY:
            self._show()

    def end(self) -> None:
        self._show()

    def _show(self) -> None:
        self._last = time.monotonic()
        self._handle.update(self)

    def _times(self) -> str:
        passed = self._last - self._began
        left = passed * (self._total - self._done) / self._done if self._done else 0.0
        return _clock(passed) + (f", {_clock(left)} left" if left else "")

    def __repr__(self) -> str:
        part = self._done / self._total if self._total else 0.0
        return f"{self._name}{self._stage} {100 * part:3.0f} % ({self._times()})"

    def _repr_html_(self) -> str:
        from html import escape

        place = f'value="{self._done}" max="{self._total}"' if self._total else ""
        return f'<progress {place} style="width: 20em; vertical-align: middle"></progress> {escape(repr(self))}'


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
