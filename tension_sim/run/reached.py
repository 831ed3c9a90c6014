"""How far a run has come: its state, what it recorded, and which of that a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..system.checkpoint_folder import CheckpointFolder, Reference

__all__ = ["Piece", "Reached"]


@dataclass(frozen=True)
class Piece:
    """Some steps of a run.

    Attributes
    ----------
    steps : int
        How many.
    state : dict of str to ndarray
        At their end, by which the next piece goes on.
    recordings : dict of str to ndarray
        Rows of these steps.
    paused, interrupted : bool
        Whether it ended early to be gone on with, or by Ctrl-C and its like.
    """

    steps: int
    state: dict[str, np.ndarray]
    recordings: dict[str, np.ndarray]
    paused: bool = False
    interrupted: bool = False


@dataclass
class Reached:
    """A run up to some step.

    Attributes
    ----------
    identity : dict of str to str
        Which run it is.
    steps : int
        How many are done.
    state : dict of str to ndarray
        After these steps; empty before the first.
    seconds : float
        That it took, over all processes.
    complete, interrupted : bool
        Whether it came to its end, or Ctrl-C ended it.
    """

    identity: dict[str, str]
    steps: int = 0
    state: dict[str, np.ndarray] = field(default_factory=dict)
    seconds: float = 0.0
    complete: bool = False
    interrupted: bool = False
    _waiting: dict[str, list[np.ndarray]] = field(default_factory=dict)  # rows that no file has yet
    _stored: dict[str, Reference] = field(default_factory=dict)
    _state_stored: Reference | None = None

    def add(self, piece: Piece, seconds: float) -> None:
        """Take in the steps that were run after those before."""
        self.steps += piece.steps
        self.seconds += seconds
        self.interrupted = piece.interrupted
        self.complete = not (piece.paused or piece.interrupted)
        if piece.steps or not self.state:
            self.state, self._state_stored = piece.state, None
            for name, rows in piece.recordings.items():
                self._waiting.setdefault(name, []).append(rows)

    def recordings(self, folder: CheckpointFolder | None = None) -> dict[str, np.ndarray]:
        """Return all rows by name; those of which a file has a part are in that file."""
        if self._stored and folder is not None:
            self._append(folder)
            return {name: folder.rows(reference, check=False) for name, reference in self._stored.items()}
        return {name: rows[0] if len(rows) == 1 else np.concatenate(rows) for name, rows in self._waiting.items()}

    def _append(self, folder: CheckpointFolder) -> None:
        for name, waiting in self._waiting.items():
            for rows in waiting or [np.empty(0)] * (name not in self._stored):
                self._stored[name] = folder.append(self._stored.get(name), rows)
            waiting.clear()

    def store(self, folder: CheckpointFolder) -> dict[str, Any]:
        """Write what no file has yet, and return how a manifest names the run."""
        self._append(folder)
        if self._state_stored is None:
            self._state_stored = folder.write(self.state)
        return {
            "identity": self.identity,
            "steps": self.steps,
            "seconds": self.seconds,
            "complete": self.complete,
            "recordings": self._stored,
            "state": self._state_stored,
        }

    @classmethod
    def restored(cls, folder: CheckpointFolder, held: Mapping[str, Any]) -> Reached:
        """Return what `store` wrote; files that are not whole are refused."""
        for reference in held["recordings"].values():
            folder.rows(reference)
        return cls(
            dict(held["identity"]),
            int(held["steps"]),
            folder.arrays(held["state"]),
            float(held["seconds"]),
            bool(held["complete"]),
            _waiting={name: [] for name in held["recordings"]},
            _stored=dict(held["recordings"]),
            _state_stored=held["state"],
        )
