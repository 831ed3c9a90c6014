"""Short reprs of objects: one line at a prompt, a small table in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["Described", "html_table"]


def html_table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Return a table for a notebook; the first column names the rows.

    Examples
    --------
    >>> html_table(["", "a<b"], [["n", 5]])
    '<table><tr><th></th><th>a&lt;b</th></tr><tr><th>n</th><td>5</td></tr></table>'
    """
    lines = ["".join(f"<th>{escape(str(text))}</th>" for text in head)] if head else []
    for first, *others in rows:
        cells = "".join(f"<td>{escape(str(text))}</td>" for text in others)
        lines.append(f"<th>{escape(str(first))}</th>{cells}")
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


class Described:
    """Mixin: `_describe` names what matters of an object, ``repr`` and notebooks show that and nothing more.

    Examples
    --------
    >>> class Net(Described):
    ...     def _describe(self):
    ...         return {"neurons": 5, "dt": "1 ms"}
    >>> Net()
    Net(neurons=5, dt='1 ms')
    >>> Net()._repr_html_()
    '<table><caption>Net</caption><tr><th>neurons</th><td>5</td></tr><tr><th>dt</th><td>1 ms</td></tr></table>'
    """

    def _describe(self) -> dict[str, object]:
        """Return what is shown, by its name, in order."""
        raise NotImplementedError

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._describe().items())
        return f"{type(self).__name__}({shown})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in self._describe().items()
        )
        return f"<table><caption>{type(self).__name__}</caption>{rows}</table>"
