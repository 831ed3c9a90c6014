"""Warnings of a run: shown as ever, and noted for its page."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

__all__ = ["noted_warnings"]


@contextmanager
def noted_warnings() -> Iterator[list[str]]:
    """Yield a list to which the text of each warning of the block is added, once; it is shown all the same.

    For a process of its own: where warnings are shown belongs to all threads.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True, action="always"), noted_warnings() as noted:
    ...     for _ in range(2):
    ...         warnings.warn("slower than it could be")
    >>> noted
    ['slower than it could be']
    """
    noted: list[str] = []
    show = warnings.showwarning

    def note(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if str(message) not in noted:
            noted.append(str(message))
        show(message, category, filename, lineno, file, line)

    with warnings.catch_warnings():
        warnings.showwarning = note
        yield noted
