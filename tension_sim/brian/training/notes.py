"""What a fit has done so far, noted in a checkpoint, from which the same fit goes on."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...declare.checkpoint import Checkpoint, check_identity
from ...errors import OutputError
from ...system.checkpoint_folder import CheckpointFolder, Reference
from ...system.nested import decoded, encoded
from .engine import Engine
from .history import History
from .records import Records
from .results import Run, TrainerResults

__all__ = ["Notes", "Place", "noting"]

#: Part of an interval that a run lasts at least before it pauses, however long writing takes.
_LEAST = 0.25


def _by_number(arrays: Mapping[str, Any]) -> Callable[[int], Any]:
    """Return what finds an array of a file by its number."""
    return lambda number: arrays[str(number)]


@dataclass
class Place:
    """Where a fit is.

    Attributes
    ----------
    epoch, trial : int
        Which is next, or under way.
    start : int
        The time step at which that trial began; -1 where it has not.
    records : list of Records
        What was recorded of it, pause by pause.
    complete : bool
        Whether all epochs are done.
    """

    epoch: int
    trial: int = 0
    start: int = -1
    records: list[Records] = field(default_factory=list)
    complete: bool = False


def _run_of(folder: CheckpointFolder, told: Mapping[str, Any]) -> Run:
    """Read a run that a manifest tells of."""
    return Run(**decoded(told["run"], _by_number(folder.arrays(told["arrays"]))))


class Notes:
    """A fit's state, results, weights over epochs and history; without a folder nothing is noted.

    Attributes
    ----------
    place : Place
        Where the fit is; what the checkpoint says, after `take_back`.
    """

    def __init__(
        self, engine: Engine, folder: CheckpointFolder | None = None, every: float = 0.0, identity: Any = None
    ) -> None:
        self.place: Place = Place(0)
        self._engine, self._folder, self._every, self._identity = engine, folder, every, identity
        self._results: TrainerResults | None = None
        self._weights: dict[str, list[np.ndarray]] = {}
        self._history = History()
        self._begin: dict[str, Any] | None = None  # of each trial, where a Trainer is not stateful
        self._stored: list[tuple[Run, Reference]] = []
        self._last, self._cost = time.monotonic(), 0.0

    def attach(
        self, results: TrainerResults, weights: dict[str, list[np.ndarray]], history: History, begin: Any
    ) -> dict[str, Any] | None:
        """Note these from now on; if the checkpoint has a fit, fill them from it, and return that fit's `begin`."""
        self._results, self._weights, self._history = results, weights, history
        self._begin = begin
        if self._folder is None or self._folder.manifest is None:
            return None
        held = self._folder.manifest
        arrays = self._folder.arrays(held["arrays"])
        fit = decoded(held["fit"], _by_number(arrays))
        for name, kept in fit["weights"].items():
            weights[name] = kept
        history.epoch, history.history = fit["epoch"], fit["history"]
        results.runs += [_run_of(self._folder, told) for told in held["runs"]]
        self._stored = [(run, told["arrays"]) for run, told in zip(results.runs, held["runs"], strict=True)]
        self.place = Place(**fit["place"])
        begin = fit["begin"]
        if begin is not None:
            self._engine.restore(begin)
            self._begin = begin = self._engine.state()
        self._engine.restore(fit["engine"])
        self._engine.finish()
        return begin

    @property
    def pause_after(self) -> float | None:
        """Seconds after which a run pauses, so that its checkpoint is written within the interval."""
        if self._folder is None:
            return None
        return max(self._every - self._cost - (time.monotonic() - self._last), _LEAST * self._every)

    def write_if_due(self) -> None:
        """Write a checkpoint between two runs, if it is time."""
        if self._folder is not None and time.monotonic() - self._last >= self._every - self._cost:
            self.write()

    def write(self) -> None:
        """Write a checkpoint; if that fails, the one before stays as it is."""
        if self._folder is None or self._results is None:
            return
        begin = time.monotonic()
        fit = {
            "place": dict(vars(self.place)),
            "weights": self._weights,
            "epoch": list(self._history.epoch),
            "history": {name: list(values) for name, values in self._history.history.items()},
            "begin": None if self._begin is None else self._engine.packed(self._begin),
            "engine": self._engine.packed(),
        }
        arrays: list[np.ndarray] = []
        held = encoded(fit, arrays)
        runs = [self._told(number, run) for number, run in enumerate(self._results.runs)]
        content = {"identity": self._identity, "runs": runs, "fit": held, "arrays": self._write(arrays)}
        self._folder.commit(content)
        self._last = time.monotonic()
        self._cost = self._last - begin

    def write_last(self) -> None:
        """Write a checkpoint after an interrupt; what was reached counts all the same if that fails."""
        try:
            self.write()
        except OutputError as error:
            warnings.warn(f"The last checkpoint was not written: {error}", stacklevel=2)

    def _told(self, number: int, run: Run) -> dict[str, Any]:
        """Return how a manifest names a run; its arrays are written once."""
        arrays: list[np.ndarray] = []
        held = encoded(dict(vars(run)), arrays)
        if number >= len(self._stored) or self._stored[number][0].output is not run.output:
            self._stored[number:] = [(run, self._write(arrays))]
        return {"run": held, "arrays": self._stored[number][1]}

    def _write(self, arrays: list[np.ndarray]) -> Reference:
        if self._folder is None:
            return {}
        return self._folder.write({str(number): array for number, array in enumerate(arrays)})

    def has_written(self) -> bool:
        """Say whether there is a checkpoint."""
        return self._folder is not None and self._folder.manifest is not None


@contextmanager
def noting(engine: Engine, checkpoint: Checkpoint | None, identity: Callable[[], Mapping[str, str]]) -> Iterator[Notes]:
    """Yield the notes of a fit; one in the checkpoint that is of another fit is refused by name."""
    if checkpoint is None:
        yield Notes(engine)
        return
    folder = CheckpointFolder("Trainer.fit.checkpoint", checkpoint.folder)
    try:
        own = dict(identity())
        if not checkpoint.resume:
            folder.manifest = None
        elif folder.manifest is not None:
            check_identity(folder.where, own, folder.manifest["identity"], folder.path)
        yield Notes(engine, folder, checkpoint.every, own)
    finally:
        folder.close()
