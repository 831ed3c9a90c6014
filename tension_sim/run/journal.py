"""The journal of a run: what it has done so far, kept in a checkpoint, from which the same code goes on.

A script, a protocol or `Trials` runs simulations in an order that its settings decide. The journal notes each of them
when it is done. The code that goes on after a kill runs from its beginning: simulations that the journal has give
what they gave then, the one that was under way goes on from its state, and all that follow are run. A loop over many
runs says at the start of each turn what it carries from turn to turn (`looping`); the runs before that are not needed
any more, so that a checkpoint does not grow with the number of turns.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import numpy as np

from ..declare.checkpoint import Checkpoint, check_identity
from ..errors import OutputError, RunFailedError
from ..system.checkpoint_folder import CheckpointFolder, Reference
from ..system.interrupts import Interrupts
from ..system.nested import decoded, encoded
from .reached import Piece, Reached

__all__ = ["Journal", "Keeps", "Loop", "Values", "current_journal", "journal", "looping"]

#: Part of an interval that a piece of a run lasts at least, however long writing takes.
_LEAST = 0.25

RunPiece = Callable[[Mapping[str, np.ndarray], int, float | None], Piece]


class Keeps(Protocol):
    """What a loop carries from turn to turn."""

    def kept(self) -> dict[str, Any]:
        """Return it as nested dicts, lists and tuples of arrays, numbers and strings."""
        ...

    def take_back(self, kept: dict[str, Any]) -> None:
        """Be again as when `kept` returned this."""


class Values(dict[str, Any]):
    """Variables of a loop by name.

    Examples
    --------
    >>> total = Values(turn=0, errors=[])
    >>> with looping("sum", total) as loop:
    ...     while total["turn"] < 2:
    ...         loop.point()
    ...         total["errors"] += [0.5]
    ...         total["turn"] += 1
    >>> total["errors"]
    [0.5, 0.5]
    """

    def kept(self) -> dict[str, Any]:
        """Return the variables; lists as they are now."""
        return {name: list(value) if isinstance(value, list) else value for name, value in self.items()}

    def take_back(self, kept: dict[str, Any]) -> None:
        """Give the variables these values."""
        self.update(kept)


class _Kept:
    """What the parts of a loop carried at the start of its last turn."""

    def __init__(self, name: str, values: list[dict[str, Any]], stored: dict[str, Any] | None = None) -> None:
        self.name, self.values, self._stored = name, values, stored

    def store(self, folder: CheckpointFolder) -> dict[str, Any]:
        if self._stored is None:
            arrays: list[np.ndarray] = []
            values = encoded(self.values, arrays)
            reference: Reference = folder.write({str(number): array for number, array in enumerate(arrays)})
            self._stored = {"loop": self.name, "kept": values, "arrays": reference}
        return self._stored

    @classmethod
    def restored(cls, folder: CheckpointFolder, held: dict[str, Any]) -> _Kept:
        arrays = folder.arrays(held["arrays"])
        return cls(held["loop"], decoded(held["kept"], lambda number: arrays[str(number)]), held)


class Journal:
    """What was done so far, and when it was last written; see `journal`."""

    def __init__(self, folder: CheckpointFolder, checkpoint: Checkpoint, identity: Mapping[str, str]) -> None:
        self.folder: CheckpointFolder = folder
        self.every: float = checkpoint.every
        self.identity: dict[str, str] = dict(identity)
        self._note_of_caller = dict(checkpoint.note)
        self._done: list[Reached | _Kept] = []
        self._under_way: Reached | None = None
        self._next = 0  # of what is done, the first that the code has not come to yet
        self._loops: list[Loop] = []
        self._ended = False  # by an interrupt: what follows is not noted
        if checkpoint.resume and folder.manifest is not None:
            self._restore(folder.manifest)
        self._last, self._cost, self._unwritten = time.monotonic(), 0.0, False

    def _restore(self, manifest: Mapping[str, Any]) -> None:
        check_identity(self.folder.where, self.identity, manifest["identity"], self.folder.path)
        for held in manifest["done"]:
            kind = _Kept if "kept" in held else Reached
            self._done.append(kind.restored(self.folder, held))
        if manifest["under_way"] is not None:
            self._under_way = Reached.restored(self.folder, manifest["under_way"])

    @property
    def _replays(self) -> bool:
        return self._next < len(self._done) or self._under_way is not None

    # ---- runs ----

    def run(self, identity: dict[str, str], piece: RunPiece) -> Reached:
        """Run a simulation in pieces, or what of it is not done yet.

        Parameters
        ----------
        identity : dict of str to str
            Which run it is.
        piece : callable
            ``piece(state, steps_done, seconds)`` goes on and pauses after some seconds; None: it runs to its end.
        """
        found = self._replayed(identity)
        if found is None or not found.complete:
            found = found or Reached(identity)
            self._go_on(found, piece)
        return found

    def _replayed(self, identity: dict[str, str]) -> Reached | None:
        if self._ended or not self._replays:
            return None
        found: Reached | _Kept | None
        if self._next < len(self._done):
            found = self._done[self._next]
            self._next += 1
        else:
            found, self._under_way = self._under_way, None
        if not isinstance(found, Reached):
            raise _another_way(self.folder)
        check_identity(self.folder.where, identity, found.identity, self.folder.path)
        return found

    def _go_on(self, found: Reached, piece: RunPiece) -> None:
        """Run piece by piece; the checkpoint of one is written while the next runs."""
        writing: _Writing | None = None
        with Interrupts(at_once=not found.steps) as interrupts:
            while True:
                begin = time.perf_counter()
                try:
                    got = piece(found.state, found.steps, None if self._ended else self._seconds_left())
                except KeyboardInterrupt:  # before its first step
                    if not found.steps:
                        raise
                    got = Piece(0, found.state, {}, interrupted=True)
                finally:
                    if writing is not None:
                        writing.join()
                if writing is not None and writing.error is not None:
                    raise writing.error
                found.add(got, time.perf_counter() - begin)
                interrupts.defer()  # from now on there is something to keep
                found.interrupted = found.interrupted or (interrupts.seen and not found.complete)
                if found.complete or found.interrupted or self._ended:
                    break
                self._under_way = found
                writing = _Writing(self.write)
        if not self._ended:
            self._note(found)

    def _note(self, found: Reached) -> None:
        """Note a run that came to its end, or was interrupted: then the last checkpoint is written."""
        self._unwritten = True
        if found.complete:
            self._under_way = None
            self._done.append(found)
            self._next = len(self._done)
            self._write_if_due()
        else:
            self._under_way = found
            self.end()

    # ---- loops ----

    @contextmanager
    def loop(self, name: str, parts: tuple[Keeps, ...]) -> Iterator[Loop]:
        """Yield the loop that carries these parts: the innermost one, if it has the first of them, or a new one."""
        if self._loops and any(part is parts[0] for part in self._loops[-1].parts):
            yield self._loops[-1]
            return
        loop = Loop(self, name, parts, self._next)
        kept = self._done[self._next] if self._next < len(self._done) else None
        if isinstance(kept, _Kept) and kept.name == name and len(kept.values) == len(parts) and not self._ended:
            self._next += 1
            for part, values in zip(parts, kept.values, strict=True):
                part.take_back(values)
        self._loops.append(loop)
        try:
            yield loop
        finally:
            self._loops.remove(loop)

    def point(self, loop: Loop) -> None:
        """Note what a loop carries in place of all that was done in it."""
        if self._ended or (self._replays and self._next == loop.begin + 1):
            return  # it is the very point from which all goes on
        if self._replays:
            raise _another_way(self.folder)
        self._done[loop.begin :] = [_Kept(loop.name, [part.kept() for part in loop.parts])]
        self._next, self._unwritten = len(self._done), True
        self._write_if_due()

    # ---- writing ----

    def _seconds_left(self) -> float:
        """Return how long a piece may run so that its checkpoint is written within the interval."""
        return max(self.every - self._cost - (time.monotonic() - self._last), _LEAST * self.every)

    def _write_if_due(self) -> None:
        if time.monotonic() - self._last >= self.every - self._cost:
            self.write()

    def write(self) -> None:
        """Write a checkpoint; if that fails, the one before stays as it is."""
        begin = self._last = time.monotonic()  # from here on counts what a kill loses
        done = [one.store(self.folder) for one in self._done]
        under_way = self._under_way and self._under_way.store(self.folder)
        content = {"identity": self.identity, "note": self._note_of_caller, "done": done, "under_way": under_way}
        self.folder.commit(content)
        self._unwritten = False
        self._cost = time.monotonic() - begin

    def end(self) -> None:
        """Write the last checkpoint; what follows is not noted."""
        if self._ended:
            return
        self._ended = True
        if self._unwritten:
            try:
                self.write()
            except OutputError as error:  # what was reached is given back all the same
                warnings.warn(f"The last checkpoint was not written: {error}", stacklevel=2)


class _Writing(threading.Thread):
    """A checkpoint that is written while the run goes on.

    Attributes
    ----------
    error : BaseException or None
        Why it could not be written.
    """

    def __init__(self, write: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._write = write
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Write it."""
        try:
            self._write()
        except BaseException as error:  # raised again where the run pauses next
            self.error = error


class Loop:
    """A loop whose turns are summed up by what its parts carry; see `looping`."""

    def __init__(self, noted_in: Journal | None, name: str, parts: tuple[Keeps, ...], begin: int = 0) -> None:
        self.name: str = name
        self.parts: tuple[Keeps, ...] = parts
        self.begin: int = begin
        self._journal = noted_in

    def point(self) -> None:
        """Say that a turn begins: all that was done before is in the parts."""
        if self._journal is not None:
            self._journal.point(self)


_CURRENT: ContextVar[Journal | None] = ContextVar("journal", default=None)


def current_journal() -> Journal | None:
    """Return the journal in which runs are noted, if there is one."""
    return _CURRENT.get()


@contextmanager
def journal(
    where: str, checkpoint: Checkpoint | None, identity: Callable[[], Mapping[str, str]]
) -> Iterator[Journal | None]:
    """Note all runs within the block in a checkpoint.

    An interrupt, and the end of the block if a checkpoint was written before, write the last one.

    Parameters
    ----------
    where : str
        Begins the messages.
    checkpoint : Checkpoint or None
        None notes runs in the journal around the block, if there is one.
    identity : callable
        Returns what decides the runs: settings, program and data, by name.

    Raises
    ------
    OutputError
        If the folder cannot be written, or another run uses it.
    InvalidValueError
        If it holds the checkpoint of something else.
    """
    if checkpoint is None:
        yield _CURRENT.get()
        return
    folder = CheckpointFolder(where, checkpoint.folder)
    try:
        noted = Journal(folder, checkpoint, identity())
        token = _CURRENT.set(noted)
        try:
            yield noted
            if folder.manifest is not None:
                noted.end()
        except KeyboardInterrupt:
            noted.end()
            raise
        finally:
            _CURRENT.reset(token)
    finally:
        folder.close()


@contextmanager
def looping(name: str, *parts: Keeps) -> Iterator[Loop]:
    """Let a loop over runs go on from its last turn.

    The block begins with the parts as they were at the last `Loop.point`, if the checkpoint has one, and calls
    `Loop.point` at the start of each turn. Without a journal nothing is noted.

    Parameters
    ----------
    name : str
        Of the loop.
    *parts : Keeps
        All that a turn changes and a later one needs, such as `Values`.
    """
    noted_in = _CURRENT.get()
    if noted_in is None:
        yield Loop(None, name, parts)
        return
    with noted_in.loop(name, parts) as loop:
        try:
            yield loop
        except KeyboardInterrupt:  # between two runs; whoever catches it may run what the course does not have
            noted_in.end()
            raise


def _another_way(folder: CheckpointFolder) -> RunFailedError:
    return RunFailedError(
        f"{folder.where}: the runs are not those of the checkpoint in {folder.path}.\n"
        "Fix: go on with the same program, or begin anew in another folder."
    )
