"""Several runs side by side: their numbers, and the settings in which they differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..declare.described import html_table
from ..errors import InvalidValueError, message
from .measures import jsonable, summary
from .results import Results
from .rows import Row
from .run_data import check_results

if TYPE_CHECKING:
    from .plots.style import NotebookFigure

__all__ = ["Comparison"]

#: Runs that one figure can show.
MOST_RUNS = 12


class Comparison:
    """Runs side by side.

    Parameters
    ----------
    runs : sequence of Results, or mapping of str to Results
        At least two. Names of a mapping are those of the columns; without them the runs' own names are, with what
        tells them apart.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If there are fewer than two, or something else than Results.

    Examples
    --------
    >>> import numpy as np
    >>> from tension_sim import ForceNetwork, Simulation
    >>> runs = [Simulation(ForceNetwork.random("lif", n=n), target="numpy").run(np.zeros(10)) for n in (10, 20)]
    >>> compared = Comparison(runs)
    >>> compared.names
    ['network 1', 'network 2']
    >>> next(row.values for row in compared.rows if row.label == "neurons")
    (10, 20)
    """

    def __init__(self, runs: Mapping[str, Results] | Sequence[Results]) -> None:
        named = dict(runs) if isinstance(runs, Mapping) else None
        found = list(named.values()) if named is not None else _listed(runs)
        for run in found:
            check_results("Comparison.runs", run)
        if not 2 <= len(found) <= MOST_RUNS:
            raise InvalidValueError(message("Comparison.runs", f"2 to {MOST_RUNS} runs", len(found)))
        names = _names([run.name for run in found]) if named is None else [str(name) for name in named]
        self.named: dict[str, Results] = dict(zip(names, found, strict=True))
        self.rows: list[Row] = [*_differing(found), *_numbers(found)]

    @property
    def names(self) -> list[str]:
        """The names of the runs, in order."""
        return list(self.named)

    def to_dict(self) -> dict[str, Any]:
        """Return names and rows as plain values, ready for JSON."""
        rows = [
            {"kind": row.kind, "label": row.label, "unit": row.unit, "values": list(row.values)} for row in self.rows
        ]
        found: dict[str, Any] = jsonable({"runs": self.names, "rows": rows})
        return found

    def plot(self) -> NotebookFigure:
        """Return a figure of all runs: their outputs in the test, errors over time, and firing rates."""
        from .plots.compared import figure_compared

        return figure_compared(self.named)

    def report(self, path: str | Path, *, overwrite: bool = True) -> Path:
        """Write the table and the figures as one HTML file that needs nothing else, and return its path.

        Raises
        ------
        OutputError
            If the file exists and may not be replaced, or cannot be written.
        """
        from .report.compared import write_compared

        return write_compared(self.named, self.rows, path, overwrite=overwrite)

    def __repr__(self) -> str:
        return f"Comparison({', '.join(self.names)})"

    def _repr_html_(self) -> str:
        return html_table(["", *self.names], [[row.label, *row.shown()] for row in self.rows])


def _listed(runs: Any) -> list[Any]:
    if isinstance(runs, str | bytes) or not isinstance(runs, Iterable) or getattr(runs, "ndim", 1) == 0:
        return [runs]
    return list(runs)


def _names(names: list[str]) -> list[str]:
    """Return names that differ, numbered where they do not.

    Examples
    --------
    >>> _names(["a", "b", "a"])
    ['a 1', 'b', 'a 2']
    """
    counted: dict[str, int] = {}
    found = []
    for name in names:
        counted[name] = counted.get(name, 0) + 1
        found.append(f"{name} {counted[name]}" if names.count(name) > 1 else name)
    return found


def _differing(runs: list[Results]) -> list[Row]:
    """Return what was run: always sizes and seeds, and of all settings those that differ."""
    rows = [
        Row("run", "neurons", "", tuple(run.n_neurons for run in runs)),
        Row("run", "outputs", "", tuple(run.n_outputs for run in runs)),
        Row("run", "simulated time", "s", tuple(float(run.n_steps * run.dt) for run in runs)),
        Row("run", "seed", "", tuple(run.provenance.get("seed") for run in runs)),
    ]
    for name in ("recipe", "target", "dtype", "neuron", "synapse"):
        values = tuple(run.provenance.get(name) for run in runs)
        if _differ(values):
            rows.append(Row("run", name, "", values))
    settings = [_settings(run) for run in runs]
    for name in dict.fromkeys(key for table in settings for key in table):
        values = tuple(table.get(name) for table in settings)
        if _differ(values):
            rows.append(Row("setting", name, "", values))
    return rows


def _differ(values: tuple[Any, ...]) -> bool:
    return len({str(value) for value in values}) > 1


def _settings(run: Results) -> dict[str, str]:
    """Return the settings of a recipe, or the parameters of a network, by their dotted names, as texts."""
    tables = run.provenance.get("settings")
    if not isinstance(tables, Mapping):
        tables = {"parameters": run.provenance.get("parameters")}
    return {
        f"{section}.{key}": str(value)
        for section, keys in tables.items()
        if isinstance(keys, Mapping)
        for key, value in keys.items()
        if (section, key) != ("run", "seed")
    }


def _numbers(runs: list[Results]) -> list[Row]:
    """Return the numbers that the recipes report, those that any run has, and the time spent."""
    found = [_of_recipe(run) or _of_any(run) for run in runs]
    if any("measured" not in run.provenance for run in runs):
        found = [_of_any(run) for run in runs]
    rows = []
    for label in dict.fromkeys(key for table in found for key in table):
        unit = next(table[label][1] for table in found if label in table)
        rows.append(Row("number", label, unit, tuple(table.get(label, (None, ""))[0] for table in found)))
    verdicts = tuple(_verdict(run) for run in runs)
    if any(verdicts):
        rows.append(Row("number", "verdict", "", verdicts))
    for name in dict.fromkeys(key for run in runs for key in run.timings):
        rows.append(Row("time", f"time to {name}", "s", tuple(run.timings.get(name) for run in runs)))
    return rows


def _verdict(run: Results) -> str | None:
    verdict = run.provenance.get("verdict")
    if not isinstance(verdict, Mapping):
        return None
    known: dict[Any, str] = {True: "as expected", False: "not as expected"}
    return known.get(verdict.get("as_expected"), "not compared")


def _of_recipe(run: Results) -> dict[str, tuple[Any, str]]:
    rows = run.provenance.get("measured") or []
    return {str(row["label"]): (row["value"], str(row["unit"])) for row in rows}


def _of_any(run: Results) -> dict[str, tuple[Any, str]]:
    found = summary(run)
    table = {f"error (RMSE), {name.replace('_', ' ')}": (value, "") for name, value in found["rmse"].items()}
    windows = found["lag_aligned_rmse"].get("windows")
    if windows is not None:
        table["error (RMSE) of the test, windows of 1 s at their best lag"] = (windows, "")
    table |= {
        f"firing rate, {name}": (value, "Hz") for name, value in found["firing_rate"].items() if value is not None
    }
    return table
