"""The table of a sweep: one row for each point, as a DataFrame, a parquet file, or an xarray Dataset."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..declare.described import Described
from ..errors import InvalidValueError, message, unknown_name
from ..system.files import check_path, write_whole
from .extra import load
from .folder import TABLE, Description, read_description
from .journal import read_rows
from .work import Row, counted

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["OTHERS", "TABLE", "Sweep", "distinct", "labels_of", "load_sweep"]

#: Columns beside settings and numbers, with what they are; no number has such a name.
OTHERS = {
    "status": "done, diverged, pruned, refused or failed",
    "reason": "why a point is not done",
    "seconds": "wall-clock time of the point, seconds",
    "build": "of it, compiling or finding the program, seconds",
    "run": "of it, running, seconds",
    "machine": "where it ran",
    "version": "of tension-sim",
    "key": "of the point",
}


def labels_of(swept: Sequence[str], numbers: Sequence[str] = ()) -> dict[str, str]:
    """Return the column of each setting: the last part of its name, or all of it where another column has that.

    Examples
    --------
    >>> labels_of(["network.G", "parameters.tau", "network.tau", "run.seed"])
    {'network.G': 'G', 'parameters.tau': 'parameters.tau', 'network.tau': 'network.tau', 'run.seed': 'seed'}
    """
    last = [name.rpartition(".")[2] for name in swept]
    taken = {*numbers, *OTHERS}
    return {
        name: short if last.count(short) == 1 and short not in taken else name
        for name, short in zip(swept, last, strict=True)
    }


def distinct(frame: pd.DataFrame, settings: Sequence[str]) -> pd.DataFrame:
    """Return one row of those with the same settings and seed, one that is done if there is any: they are one point.

    A search may try settings twice.
    """
    done_first = frame.assign(_order=frame["status"] != "done").sort_values("_order", kind="stable")
    return done_first.drop_duplicates(list(settings)).sort_index().drop(columns="_order")


class Sweep(Described):
    """The points of a sweep that have a row.

    Parameters
    ----------
    folder : Path
        Of the sweep.
    description : Description
        What was run.
    rows : list of Row
        The last row of each point.
    """

    def __init__(self, folder: Path, description: Description, rows: Sequence[Row]) -> None:
        self.folder: Path = folder
        self.description: Description = description
        self.rows: list[Row] = list(rows)

    def _describe(self) -> dict[str, object]:
        shown: dict[str, object] = {"recipe": self.description.recipe, "folder": str(self.folder)}
        shown["points"] = len(self.rows)
        return shown | {status: n for status, n in counted(self.rows).items() if n or status == "done"}

    @property
    def settings(self) -> list[str]:
        """Names of the columns of settings, the seed last."""
        return list(self.columns().values())

    @property
    def numbers(self) -> list[str]:
        """Names of the columns of numbers: those that the protocol promises, then others that were measured."""
        known = list(self.description.numbers)
        return list(dict.fromkeys([*known, *(name for row in self.rows for name in row.numbers)]))

    def columns(self) -> dict[str, str]:
        """Return the column of each setting by its dotted name."""
        return labels_of(self.description.swept, self.numbers)

    def check_number(self, where: str, name: str | None) -> str:
        """Return the name of a number; without one, that by which points are ranked."""
        if name is None:
            return ranked_by(self.description)
        if name not in self.numbers:
            raise unknown_name(where, "number", name, self.numbers)
        return name

    def _column(self, name: str) -> list[Any]:
        """Return a setting of each point: its values, or the texts of all where some of them are no numbers."""
        values = [row.values[name] for row in self.rows]
        return [row.point[name] for row in self.rows] if any(isinstance(value, str) for value in values) else values

    def table(self) -> pd.DataFrame:
        """Return one row for each point: its settings in SI units, what was measured, and how it ended.

        A setting of which some values are no numbers, or name another setting that is swept, has all values as texts.

        ``attrs["units"]`` and ``attrs["labels"]`` describe the numbers. What was not measured is NaN.
        """
        pandas = load("pandas", "Sweep.table")
        labels, numbers = self.columns(), self.numbers
        columns: dict[str, list[Any]] = {label: self._column(name) for name, label in labels.items()}
        columns |= {name: [row.numbers.get(name, math.nan) for row in self.rows] for name in numbers}
        columns |= {name: [getattr(row, name) for row in self.rows] for name in OTHERS}
        frame = pandas.DataFrame(columns)
        promised = self.description.numbers
        frame.attrs = {
            "recipe": self.description.recipe,
            "units": {name: promised[name][1] for name in numbers if name in promised},
            "labels": {name: promised[name][0] for name in numbers if name in promised} | OTHERS,
        }
        return frame

    def to_xarray(self) -> xr.Dataset:
        """Return the numbers as arrays: one dimension for each setting of a grid and for the seed.

        What has no row yet is NaN. Points that were drawn, which fill less than a tenth of such arrays, get the
        dimensions ``point`` and ``seed`` instead.
        """
        xarray = load("xarray", "Sweep.to_xarray")
        settings = self.settings
        frame = distinct(self.table(), settings)
        sizes = [frame[name].nunique() for name in settings]
        numbers = [*self.numbers, "seconds"]
        if frame.empty:
            raise InvalidValueError(message("Sweep.to_xarray", "at least one finished point", 0))
        if len(frame) * 10 >= math.prod(sizes):
            data = xarray.Dataset.from_dataframe(frame.set_index(settings)[numbers])
        else:
            *own, seed = settings
            points = frame.groupby(own, sort=False).ngroup()
            data = xarray.Dataset.from_dataframe(frame.assign(point=points).set_index(["point", seed])[numbers])
            first = frame.groupby(points).first()
            data = data.assign_coords({name: ("point", first[name].to_numpy()) for name in own})
        for name in numbers:
            label, unit = self.description.numbers.get(name, (OTHERS.get(name, name), "1"))
            data[name].attrs.update(long_name=label, units="second" if name == "seconds" else unit)
        result: xr.Dataset = data.assign_attrs(recipe=self.description.recipe, version=self.description.version)
        return result

    def best(self, value: str | None = None, n: int = 5, largest: bool = False) -> pd.DataFrame:
        """Return the points with the smallest mean of a number over their seeds, the best first.

        Parameters
        ----------
        value : str, optional
            The number; by default the protocol's error after learning.
        n : int, optional
            How many points.
        largest : bool, optional
            Whether the largest are the best.
        """
        value = self.check_number("Sweep.best.value", value)
        frame, own = distinct(self.table(), self.settings), self.settings[:-1]
        frame = frame[frame[value].notna()]
        if not own:
            return frame[[*self.settings, value]].sort_values(value, ascending=not largest).head(n)
        grouped = frame.groupby(own, sort=False)[value].agg(["mean", "std", "count"]).reset_index()
        grouped = grouped.sort_values("mean", ascending=not largest, kind="stable").head(n)
        return grouped.rename(columns={"mean": value, "std": "spread", "count": "seeds"})

    def save_table(self) -> Path:
        """Write the table into the sweep's folder, as ``table.parquet`` with units in the columns' metadata.

        Raises
        ------
        OutputError
            If it cannot be written; an earlier one stays whole.
        """
        arrow, parquet = load("pyarrow", "sweep"), load("pyarrow.parquet", "sweep")
        frame = self.table()
        table = arrow.Table.from_pandas(frame, preserve_index=False)
        units, labels = frame.attrs["units"], frame.attrs["labels"]
        fields = [
            field.with_metadata({"unit": units.get(field.name, ""), "label": labels.get(field.name, "")})
            for field in table.schema
        ]
        table = table.cast(arrow.schema(fields, metadata=table.schema.metadata))
        buffer = io.BytesIO()
        parquet.write_table(table, buffer)
        return write_whole("sweep.out", self.folder / TABLE, buffer.getvalue())


def ranked_by(description: Description) -> str:
    """Return the number by which points are ranked: the first error that says it is of the test or after learning."""
    names = description.numbers
    errors = [name for name, (label, _) in names.items() if "error" in label]
    after = [name for name in errors if "test" in names[name][0] or "after" in names[name][0]]
    return (after or errors or list(names) or ["seconds"])[0]


def load_sweep(folder: str | Path) -> Sweep:
    """Load the sweep in a folder, finished or not; it may be going on.

    Parameters
    ----------
    folder : str or pathlib.Path
        What `sweep` was told as ``out``.

    Raises
    ------
    InvalidValueError
        If there is no sweep.
    """
    path = check_path("load_sweep.folder", folder)
    description = read_description("load_sweep.folder", path)
    return Sweep(path, description, read_rows(path, description.swept))
