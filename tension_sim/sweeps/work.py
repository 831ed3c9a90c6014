"""One point of a sweep, run where a worker is: a row of numbers, or the reason why there are none."""

from __future__ import annotations

import math
import socket
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from .._version import __version__
from ..errors import DivergenceError, InvalidTypeError, InvalidValueError, TensionError
from ..recipes.run import save_outcome, usable_folder
from ..results.measures import jsonable
from ..run.simulation import Target
from .parts import PrunedError
from .swept import Runner, Value

__all__ = ["SETTLED", "STATUSES", "Row", "Status", "Work", "counted", "lost", "run_point"]

Status = Literal["done", "diverged", "pruned", "refused", "failed"]
STATUSES: tuple[Status, ...] = get_args(Status)

#: Outcomes that are not run again; a refusal is soon repeated, and may be due to the worker.
SETTLED: tuple[Status, ...] = ("done", "diverged", "pruned")


@dataclass(frozen=True)
class Work:
    """What a worker needs for a point: little, so that it travels cheaply.

    ``study`` is the file of a study and the number of its trial, by which the run may be given up.
    """

    key: str
    runner: Runner
    point: Mapping[str, str]
    values: Mapping[str, Value]
    target: Target | None = None
    folder: str | None = None
    study: tuple[str, int] | None = None


@dataclass(frozen=True)
class Row:
    """What a point gave.

    Attributes
    ----------
    key : str
        The point.
    point : dict of str to str
        Its settings, as texts.
    values : dict
        The same as numbers in SI units.
    status : str
        ``"done"``; ``"diverged"``: learning did; ``"pruned"``: given up as
        hopeless; ``"refused"``: its settings cannot work (told before any compiling);
        ``"failed"``: the machine's fault, worth another try.
    reason : str
        Why it is not done.
    numbers : dict of str to float
        What was measured, in SI units.
    seconds, build, run : float
        Wall-clock time of all, of compiling or finding the program, and of its run.
    machine, version, when : str, str, float
        Where, by which version, and when it ended (seconds since 1970).
    """

    key: str
    point: Mapping[str, str]
    values: Mapping[str, Value]
    status: Status
    reason: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    build: float = 0.0
    run: float = 0.0
    machine: str = ""
    version: str = __version__
    when: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return dict(jsonable(asdict(self)))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Row:
        """Rebuild it.

        Raises
        ------
        TypeError, ValueError, KeyError, AttributeError
            If the data are no row.
        """
        numbers = {name: math.nan if value is None else float(value) for name, value in data["numbers"].items()}
        if data["status"] not in STATUSES or not isinstance(data["key"], str):
            raise ValueError(data["status"])
        for value in (*dict(data["point"]).values(), *dict(data["values"]).values()):
            if not isinstance(value, str | int | float):
                raise TypeError(value)
        known: dict[str, Any] = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        known["numbers"] = numbers
        return cls(**known)


def run_point(work: Work) -> Row:
    """Run a point; whatever happens to it becomes its row.

    Parameters
    ----------
    work : Work
        The point. Where `work.folder` is given, figure, results and summary are left there too.

    Raises
    ------
    KeyboardInterrupt
        If the run was interrupted: there is no row then.
    """
    begin = time.perf_counter()
    about: dict[str, Any] = {
        "key": work.key,
        "point": work.point,
        "values": work.values,
        "machine": socket.gethostname(),
    }
    try:
        found: dict[str, Any] = {"status": "done"} | _measure(work)
    except DivergenceError as error:
        found = {"status": "diverged", "reason": str(error)}
    except PrunedError as error:
        found = {"status": "pruned", "reason": str(error)}
    except (InvalidValueError, InvalidTypeError) as error:
        found = {"status": "refused", "reason": str(error)}
    except (TensionError, MemoryError, OSError) as error:
        found = {"status": "failed", "reason": str(error) or type(error).__name__}
    except Exception as error:  # of a protocol of the user's own: one point's fault, not the sweep's
        found = {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
    return Row(**about, **found, seconds=time.perf_counter() - begin, when=time.time())


def _measure(work: Work) -> dict[str, Any]:
    outcome = work.runner.outcome(work.point, work.target, work.study)
    if outcome.results.provenance.get("interrupted"):
        raise KeyboardInterrupt
    if work.folder is not None:
        save_outcome(outcome, usable_folder(Path(work.folder)), work.runner.expected())
    timings = outcome.results.timings
    numbers = {name: float(number) for name, number in outcome.numbers.items()}
    return {"numbers": numbers, "build": timings.get("build", 0.0), "run": timings.get("run", 0.0)}


def counted(rows: Iterable[Row]) -> dict[str, int]:
    """Return how many rows have each status."""
    count = Counter(row.status for row in rows)
    return {status: count[status] for status in STATUSES}


def lost(work: Work, reason: str) -> Row:
    """Return the row of a point whose worker did not survive it."""
    return Row(work.key, work.point, work.values, "failed", reason, when=time.time())
