"""A run's page: facts and figures put into the template, in which everything is escaped."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ..._version import __version__
from ...declare.validation import check_flag
from ...system.files import check_free, check_path, write_whole
from ..run_data import RunData
from .facts import facts_of
from .panels import MOST_EIGENVALUES, Panel, panels_of
from .svg import inline_svg

__all__ = ["render", "report_html", "write_report"]

_HERE = Path(__file__).parent


@cache
def _templates() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        autoescape=True,  # texts come from recipes and files of strangers
        loader=FileSystemLoader(_HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    return environment


def _breakable(text: str) -> Any:
    """Return a name, escaped, that may go on in the next line after a slash or underscore."""
    from markupsafe import Markup, escape

    parts = re.split(r"(?<=[/_])", text)
    return Markup("<wbr>").join(escape(part) for part in parts)


def render(template: str, panels: list[Panel], **values: Any) -> str:
    """Return a page from a template of this folder; panels become SVG in its colours."""
    from markupsafe import Markup

    # matplotlib wrote these: no text of a user is in them but as outlines of letters
    drawn = [
        {"heading": panel.heading, "caption": panel.caption, "svg": Markup(inline_svg(panel.figure, f"f{number}"))}
        for number, panel in enumerate(panels)
    ]
    style = Markup((_HERE / "page.css").read_text(encoding="utf-8"))
    page: str = _templates().get_template(template).render(style=style, panels=drawn, version=__version__, **values)
    return page


def report_html(results: RunData, *, eigenvalues: bool | None = None, figure: Figure | None = None) -> str:
    """Return the page of a run: one HTML file without a script, which needs nothing from outside.

    Parameters
    ----------
    results : Results
        The run.
    eigenvalues : bool, optional
        Whether eigenvalues are computed; by default of up to 200 neurons. It takes seconds for 1000, minutes for 5000.
    figure : matplotlib.figure.Figure, optional
        One more figure, such as that of the recipe's protocol.

    Examples
    --------
    >>> import numpy as np
    >>> from tension_sim import Phase, Results
    >>> z = np.sin(np.arange(300) / 10)[:, None]
    >>> run = Results("a <b>", 1e-2, 0, 300, 5, [], [], 0, 1, 0.9 * z, z, (Phase("learning", 0, 300),))
    >>> "<title>a &lt;b&gt;</title>" in report_html(run)
    True
    """
    panels = list(panels_of(results, eigenvalues))
    more = []
    if figure is not None:
        more = [Panel("The figure of the protocol", "As in figure.png.", figure)]
    facts = facts_of(results)
    return render(
        "page.html", panels + more, facts=facts, own=len(panels), most=MOST_EIGENVALUES,
        left_out=eigenvalues is None and results.n_neurons > MOST_EIGENVALUES and results.net is not None,
    )  # fmt: skip


def write_report(
    results: RunData,
    path: str | Path,
    *,
    overwrite: bool = True,
    eigenvalues: bool | None = None,
    figure: Figure | None = None,
    where: str = "Results.report",
) -> Path:
    """Write the page of a run, see `report_html`; `where` begins the messages.

    Raises
    ------
    OutputError
        If the file exists and may not be replaced, or cannot be written.
    """
    path = check_path(f"{where}.path", path)
    check_flag(f"{where}.overwrite", overwrite)
    if eigenvalues is not None:
        check_flag(f"{where}.eigenvalues", eigenvalues)
    check_free(f"{where}.path", path, overwrite)
    page = report_html(results, eigenvalues=eigenvalues, figure=figure)
    return write_whole(f"{where}.path", path, page.encode(), overwrite=overwrite)
