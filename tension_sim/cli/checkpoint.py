"""The words ``--checkpoint`` and ``--resume`` of ``tension-sim run``: whether a run writes checkpoints, and where."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from ..declare.checkpoint import Checkpoint
from ..errors import InvalidValueError, OutputError, message
from ..recipes.protocol import Forecast
from ..system.checkpoint_folder import MANIFEST, read_manifest
from .terminal import ERR, say

__all__ = ["check_words", "checkpoint_of", "noted_words", "with_checkpoints"]

#: Within the folder of results.
_FOLDER = "checkpoint"
#: Seconds of a forecast above which a run writes checkpoints unasked, and from one to the next.
_LONG, _EVERY = 120.0, 60.0


@dataclass(frozen=True)
class Words:
    """What the command line says.

    Attributes
    ----------
    every : float or None
        Seconds from one checkpoint to the next; 0 for none, None where nothing is said.
    resume : bool
        Whether to go on from the last one.
    """

    every: float | None = None
    resume: bool = False


#: Of the command that is being run.
_words: ContextVar[Words | None] = ContextVar("words", default=None)


def _said() -> Words:
    return _words.get() or Words()


Every = Annotated[
    float | None,
    typer.Option(
        "--checkpoint",
        metavar="SECONDS",
        help="Write a checkpoint so often; 0: none (default: 60 for runs of more than 2 minutes).",
    ),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on from the checkpoint of a killed or interrupted run, with the same bits."),
]


def with_checkpoints(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options; `checkpoint_of` knows what they say while it runs."""

    @wraps(command)
    def wrapped(*arguments: Any, checkpoint: float | None = None, resume: bool = False, **options: Any) -> None:
        token = _words.set(Words(checkpoint, resume))
        try:
            command(*arguments, **options)
        finally:
            _words.reset(token)

    signature, named = inspect.signature(command, eval_str=True), inspect.Parameter.KEYWORD_ONLY
    every = inspect.Parameter("checkpoint", named, default=None, annotation=Every)
    resume = inspect.Parameter("resume", named, default=False, annotation=Resume)
    parameters = [*signature.parameters.values(), every, resume]
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {one.name: one.annotation for one in parameters}
    return wrapped


def check_words() -> None:
    """Refuse words that cannot work, or do not go together.

    Raises
    ------
    InvalidValueError
        Names the option.
    """
    every, resume = _said().every, _said().resume
    if every is not None and not 0 <= every < float("inf"):
        raise InvalidValueError(message("run --checkpoint", "a number of seconds, 0 for no checkpoints", every))
    if every == 0 and resume:
        fix = "leave --checkpoint out, or choose another number."
        raise InvalidValueError(message("run --checkpoint", "seconds above 0 together with --resume", every, fix))


def checkpoint_of(
    folder: Path, forecast: Forecast, note: Mapping[str, object], *, overwrite: bool = False
) -> Checkpoint | None:
    """Return where a run writes its checkpoints; None if it writes none.

    Parameters
    ----------
    folder : Path
        Of the results.
    forecast : Forecast
        Of the run: a long one writes checkpoints unasked.
    note : mapping
        By which ``tension-sim resume`` knows the words of the command.
    overwrite : bool
        Whether a checkpoint that is there may be replaced.

    Raises
    ------
    OutputError
        If a checkpoint would be lost.
    """
    every, resume = _said().every, _said().resume
    place = folder / _FOLDER
    there = (place / MANIFEST).exists()
    if there and not (resume or overwrite):
        fix = "go on from it by --resume, or begin anew by --overwrite."
        raise OutputError(message("run.out", "a folder without the checkpoint of a killed run", str(folder), fix))
    if there and every == 0:
        Checkpoint(place).remove()
    if resume and not there:
        say(f"no checkpoint in {folder}: the run begins", ERR)
    if every is None:
        every = _EVERY if resume or there or forecast.seconds > _LONG else 0
    noted = {name: str(value.absolute()) if isinstance(value, Path) else value for name, value in note.items()}
    return Checkpoint(place, every, resume, noted | {"every": every, "cwd": os.getcwd()}) if every else None


def noted_words(folder: Path) -> dict[str, Any]:
    """Return what the command that began a run noted in the checkpoint of its folder.

    Raises
    ------
    InvalidValueError
        If there is no checkpoint of a command.
    """
    manifest = read_manifest("resume FOLDER", folder / _FOLDER)
    note = (manifest or {}).get("note")
    if not isinstance(note, dict) or "name" not in note:
        fix = "name the folder of results (--out) of a run that was killed or interrupted."
        raise InvalidValueError(message("resume FOLDER", "a folder with a checkpoint", str(folder), fix))
    return note
