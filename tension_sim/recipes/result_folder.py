"""The result folder of a recipe: figure, numbers and results of one run, replaced together."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from ..errors import OutputError, message
from ..results.format import list_formats, load_format
from ..run.watch.steering import Steering
from ..system.files import check_path, read_regular
from ..system.folder_exchange import replaced_as_one, settle
from ..system.interrupts import interrupts_wait
from .protocol import Outcome
from .recipe import Recipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..results.results import Results
    from .continuation import Continuation

__all__ = ["DEFAULT_FORMAT", "check_folder", "check_formats", "result_files", "save_outcome", "usable_folder"]

#: The fastest format, and it needs no further package: 0.1 s where NIX takes 6 s (docs/USAGE.md).
DEFAULT_FORMAT = "h5"

#: The script of a run that was steered.
SCRIPT = "steering.toml"

_SUMMARY = 2**26  # bytes, more than any summary has


def result_files(formats: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the files of a run in these formats; without them, all that any run may have left.

    Examples
    --------
    >>> result_files(["nwb"])
    ('figure.png', 'report.html', 'results.nwb', 'summary.json')
    """
    found = ("figure.png", "report.html")
    if formats is None:
        return (*found, *(f"results.{name}" for name in list_formats()), SCRIPT, "summary.json")
    return (*found, *(f"results.{name}" for name in formats), "summary.json")


def check_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """Return formats by their names, each once; refuse unknown ones, and those whose module is missing.

    Raises
    ------
    UnknownNameError, UnsupportedError
        Before anything is built or run.
    """
    names = tuple(dict.fromkeys(name.lower().removeprefix(".") for name in formats)) or (DEFAULT_FORMAT,)
    for name in names:
        load_format(name, "run --format").require("run --format")
    return names


def check_folder(
    path: str | Path,
    recipe: Recipe | None = None,
    *,
    continued: Continuation | None = None,
    overwrite: bool = True,
    where: str = "run.out",
) -> Path:
    """Refuse a folder that results cannot be written into, or that holds those of other settings.

    Nothing is created or written.

    Parameters
    ----------
    path : str or Path
        The folder; it need not exist.
    recipe : Recipe, optional
        What is to be run.
    continued : Continuation, optional
        What is to be gone on with, in its place.
    overwrite : bool
        Whether results of other settings may be replaced; those of the same ones always are.
    where : str
        Begins the messages.

    Raises
    ------
    OutputError
        If something is in the way.
    """
    folder = check_path(where, path)
    place = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    created = "a folder that can be created"
    if not os.path.isdir(place):
        raise OutputError(message(where, created, str(path), f"{place} is no folder: choose another."))
    if not os.access(place, os.W_OK | os.X_OK):
        what = "a folder that can be written" if place == folder else created
        raise OutputError(message(where, what, str(path), f"you may not write into {place}: choose another."))
    if overwrite:
        return folder
    if recipe is not None:
        _check_results(folder, recipe.name, _settings(recipe), None)
    elif continued is not None:
        told = continued.results.provenance
        _check_results(folder, told.get("recipe"), told.get("settings"), continued.changes)
    return folder


def _check_results(folder: Path, *wanted: Any) -> None:
    there = [name for name in result_files() if os.path.lexists(folder / name)]
    if there and _described(folder) != wanted:
        what = "a folder without results of other settings"
        fix = "choose another one by --out, or replace these by --overwrite."
        raise OutputError(message("run.out", what, f"{folder} with {', '.join(there)}", fix))


def _described(folder: Path) -> tuple[Any, Any, Any]:
    """Return recipe and settings of the results in a folder, and what they go on with; None where they do not say."""
    try:
        told = json.loads(read_regular("run.out", folder / "summary.json", _SUMMARY))["provenance"]
        settings = told.get("settings")
        settings = json.loads(settings) if isinstance(settings, str) else settings
        return told.get("recipe"), settings, told.get("continued")
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None, None, "nothing known"


def _settings(recipe: Recipe) -> Any:
    return json.loads(json.dumps(recipe.settings, default=str))


def usable_folder(path: str | Path, where: str = "run.out") -> Path:
    """Create a folder for results and make sure that files can be written into it.

    What a killed run left beside it is removed. `where` begins the messages.

    Raises
    ------
    OutputError
        Before anything is built or run.
    """
    folder = check_path(where, path)
    try:
        settle(folder, result_files())
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fix = f"{error.strerror}: choose another."
        raise OutputError(message(where, "a folder that can be created", str(path), fix)) from error
    try:
        # a new name each time: nothing that is there is followed, and two runs do not meet
        with tempfile.NamedTemporaryFile(prefix=".tension_sim.", dir=folder) as probe:
            probe.write(b"\0" * 4096)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        fix = f"{error.strerror}: choose another."
        raise OutputError(message(where, "a folder that can be written", str(path), fix)) from error
    return folder


@np.errstate(over="ignore")  # squares of a run that diverged are infinite, which its error has said
def save_outcome(
    outcome: Outcome, folder: Path, expected: Any = None, formats: Sequence[str] = (DEFAULT_FORMAT,)
) -> dict[str, Any]:
    """Write results, ``summary.json``, ``figure.png`` and ``report.html``; they replace those of an earlier run as one.

    All carry the number of the run: ``run`` in the summary and in the provenance of the results,
    ``Run`` in the figure's metadata, ``run`` in a meta element of the page. Ctrl-C and
    requests to end wait until all is written.

    Parameters
    ----------
    outcome : Outcome
        Of the run.
    folder : Path
        An existing folder; files of these names are replaced, others stay.
    expected : mapping, optional
        What the recipe expects; goes into the summary.
    formats : sequence of str
        Suffixes: ``"nwb"`` writes ``results.nwb``.

    Returns
    -------
    dict
        The summary.

    Raises
    ------
    OutputError
        If a file cannot be written; those of an earlier run are whole then.
    """
    from ..results.measures import jsonable, summary
    from ..results.plots import figure_run, save_figure
    from ..results.storage import save
    from ..system.files import write_whole

    folder = Path(folder)
    run = str(outcome.results.provenance.get("run") or uuid4().hex)
    results = replace(outcome.results, provenance=outcome.results.provenance | {"run": run})
    compared = {"numbers": dict(outcome.numbers), "expected": dict(expected or {})}
    if outcome.verdict is not None:
        compared["verdict"] = asdict(outcome.verdict)
    with interrupts_wait():
        found = {"run": run} | summary(outcome.results) | jsonable(compared)
        part = folder
        try:
            with replaced_as_one(folder, result_files()) as part:
                for name in formats:
                    save(results, part / f"results.{name}", where="run.out")
                own = None if outcome.figure is None else outcome.figure()
                save_figure(figure_run(results) if own is None else own, part / "figure.png", metadata={"Run": run})
                _write_page(results, part / "report.html", own)
                orders = results.provenance.get("steering")
                if orders:
                    write_whole("run.out", part / SCRIPT, Steering(orders).text.encode())
                write_whole("run.out", part / "summary.json", json.dumps(found, indent=2).encode())
        except OutputError as error:  # it names the file where the user will look for it
            refusal = OutputError(str(error).replace(str(part), str(folder)))
            refusal.errno = error.errno
            raise refusal from error
        except OSError as error:
            what = f"a folder whose results can be replaced ({error.strerror})"
            raise OutputError(message("run.out", what, str(folder), "choose another.")) from error
    return found


def _write_page(results: Results, path: Path, figure: Figure | None) -> None:
    """Write the page of a run; a fault of the page does not cost the results, which make it again."""
    from ..results.report import write_report

    try:
        write_report(results, path, figure=figure, where="run.out")
    except OSError:
        raise
    except Exception as error:
        told = f"The page of the run could not be made ({type(error).__name__}: {error}); its results are saved."
        warnings.warn(f"{told}\nFix: report this; tension-sim report RESULTS tries again.", stacklevel=2)
