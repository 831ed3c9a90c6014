"""Kills of runs that write checkpoints, within one process: what a kill leaves is what lies in the folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from tension_sim.brian import runtime
from tension_sim.results.results import Results
from tension_sim.system.checkpoint_folder import CheckpointFolder


class Killed(BaseException):
    """The end of a process, from which no code recovers."""


def pausing_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let runs on numpy that write checkpoints pause after so many steps, however long these take."""
    run = runtime.run

    def some(
        circuit: Any,
        target: str,
        values: Any,
        start: int,
        steps: int,
        progress: Any,
        pause_after: float | None,
        listener: Any = None,
    ) -> dict[str, Any]:
        if pause_after is None or steps <= count:
            return run(circuit, target, values, start, steps, progress, None, listener)
        found = run(circuit, target, values, start, count, progress, None, listener)
        ended = found["interrupted"] or found["steps"] < count
        return found | {"paused": found["paused"] or not ended}

    monkeypatch.setattr(runtime, "run", some)


@contextmanager
def killed_at(monkeypatch: pytest.MonkeyPatch, checkpoint: int = 1) -> Iterator[None]:
    """Kill what runs within the block when so many checkpoints have been written."""
    commit, commits = CheckpointFolder.commit, 0

    def mortal(self: CheckpointFolder, manifest: Any) -> None:
        nonlocal commits
        commit(self, manifest)
        commits += 1
        if commits == checkpoint:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(CheckpointFolder, "commit", mortal)
        with pytest.raises(Killed):
            yield


def until_done(monkeypatch: pytest.MonkeyPatch, run: Callable[[], Any], *, most: int = 40) -> tuple[Any, int]:
    """Run again and again, killed just before or after the second checkpoint counts; return result and kills."""
    commit, commits = CheckpointFolder.commit, 0

    def mortal(self: CheckpointFolder, manifest: Any) -> None:
        nonlocal commits
        commits += 1
        if commits == 2 and kills % 2:
            raise Killed
        commit(self, manifest)
        if commits == 2:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(CheckpointFolder, "commit", mortal)
        for kills in range(most):
            commits = 0
            try:
                return run(), kills
            except Killed:
                continue
    raise AssertionError(f"not done after {most} kills")


def assert_equal_bits(one: Results, other: Results) -> None:
    """Compare all arrays of two results, and their types."""
    fields = ("output", "target", "spike_step", "spike_neuron")
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in fields}
    for group in ("state", "weights", "learning_curve"):
        assert getattr(one, group).keys() == getattr(other, group).keys()
        pairs |= {
            f"{group} {name}": (value, getattr(other, group)[name]) for name, value in getattr(one, group).items()
        }
    pairs |= {name: (held.values, other.recorded[name].values) for name, held in one.recorded.items()}
    for name, (mine, theirs) in pairs.items():
        assert (mine is None) == (theirs is None), name
        assert np.asarray(mine).dtype == np.asarray(theirs).dtype, name
        equal_nan = np.asarray(mine).dtype.kind == "f"
        assert np.array_equal(mine, theirs, equal_nan=equal_nan), name
