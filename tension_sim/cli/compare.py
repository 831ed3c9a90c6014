"""The command ``tension-sim compare``: several runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ..errors import OutputError, message
from .options import json_wanted, with_json
from .terminal import OUT, plain, say, say_json

if TYPE_CHECKING:
    from ..results.comparison import Comparison

__all__ = ["compare"]


@with_json
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN ...", help="Files of results, or folders of runs.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for compare.html and compare.png, or the page itself (FILE.html).")
    ] = None,
) -> None:
    """Compare runs: the settings in which they differ, their numbers and, with --out, their figures."""
    from ..results.comparison import Comparison
    from ..results.found import find_results, load_run

    files = [find_results(path, "compare RUN") for path in runs]
    compared = Comparison(dict(zip(names_of(files), (load_run(file, "compare RUN") for file in files), strict=True)))
    written = [] if out is None else _write(compared, out)
    if json_wanted():
        say_json(compared.to_dict() | {"files": [str(path) for path in files], "written": written})
        return
    table = Table("", *map(plain, compared.names), box=None, pad_edge=False, header_style="bold")
    for row in compared.rows:
        table.add_row(plain(row.label), *map(plain, row.shown()))
    OUT.print(table)
    if written:
        say(f"written: {', '.join(written)}")


def names_of(files: list[Path]) -> list[str]:
    """Return names for runs, short and different: of folder or file, with parents where these are alike.

    Examples
    --------
    >>> names_of([Path("a/one/results.h5"), Path("a/two/results.h5"), Path("b/my.npz")])
    ['one', 'two', 'my']
    >>> names_of([Path("a/one/results.h5"), Path("b/one/results.h5")])
    ['a/one', 'b/one']
    """
    paths = [file.absolute() for file in files]
    parts = [path.parent.parts if path.stem == "results" else (*path.parent.parts, path.stem) for path in paths]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(one[-length:]) for one in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{name} {number}" for number, name in enumerate(names, start=1)]  # one run more than once


def _write(compared: Comparison, out: Path) -> list[str]:
    """Write page and figure, and return their paths."""
    from ..results.plots import save_figure
    from ..results.report.compared import write_compared

    page = out if out.suffix.lower() == ".html" else out / "compare.html"
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"a folder that can be created ({error.strerror})"
        raise OutputError(message("compare --out", what, str(out), "choose another.")) from error
    written = write_compared(compared.named, compared.rows, page, where="compare --out")
    return [str(written), str(save_figure(compared.plot(), page.with_suffix(".png")))]
