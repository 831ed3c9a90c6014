"""A matplotlib figure as a part of a page: SVG in the page's own colours, light and dark."""

from __future__ import annotations

import io
import re

from matplotlib.figure import Figure

from ..plots import style

__all__ = ["inline_svg"]

#: What matplotlib wrote as a colour, and the variable of the page's style that stands for it.
_COLOURS = {
    style.TEXT: "ink",
    style.SPIKES: "ink",
    style.LINES: "line",
    style.FAINT: "faint",
    style.TARGET: "target",
    style.OUTPUT: "output",
    style.WEIGHTS: "weights",
    style.LEARNING_NAME: "learning",
    "#ffffff": "paper",
    "#000000": "ink",
}
_FOUND = re.compile("|".join(map(re.escape, _COLOURS)), re.IGNORECASE)
_VARIABLES = {colour.lower(): f"var(--{name})" for colour, name in _COLOURS.items()}
#: Prolog, comments (texts stand in them) and metadata have no use in a page.
_SUPERFLUOUS = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", re.DOTALL)
_USED = re.compile(r"(url\(#|href=\"#)([^)\"]+)")
_ID = re.compile(r" id=\"([^\"]+)\"")


def inline_svg(figure: Figure, prefix: str) -> str:
    """Return a figure as an SVG element that fills the width of its place.

    Parameters
    ----------
    figure : Figure
        Its layers that are rasterized become pictures inside.
    prefix : str
        Begins the ids, which are those of the page: each figure has its own.

    Examples
    --------
    >>> svg = inline_svg(style.make_figure(1.0, 1.0), "a")
    >>> svg.startswith("<svg "), "width=" in svg.partition(">")[0]
    (True, False)
    """
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", facecolor="none", dpi=150, metadata=nothing)
    text = _SUPERFLUOUS.sub("", buffer.getvalue()).strip()
    head, end, rest = text.partition(">")
    head = re.sub(r"\s(?:width|height)=\"[^\"]*\"", "", head)
    rest = _FOUND.sub(lambda found: _VARIABLES[found[0].lower()], rest)
    return _numbered(head + end + re.sub(r"\n\s*", "\n", rest), prefix)


def _numbered(svg: str, prefix: str) -> str:
    """Return the element with ids of its own, the same for each drawing; those that nothing refers to are left out."""
    used = {name: f"{prefix}-{number}" for number, name in enumerate(dict.fromkeys(n for _, n in _USED.findall(svg)))}
    svg = _ID.sub(lambda found: f' id="{used[found[1]]}"' if found[1] in used else "", svg)
    return _USED.sub(lambda found: found[1] + used[found[2]], svg)
