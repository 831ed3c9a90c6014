"""The words ``--checkpoint`` and ``--resume`` of ``tension-sim run``: whether a run writes checkpoints, and where."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.core import TyperCommand, TyperOption

from ..errors import InvalidValueError, OutputError, message
from ..recipes.protocol import Forecast
from ..run.checkpoint import Checkpoint
from ..system.checkpoint_folder import MANIFEST, read_manifest
from .terminal import ERR, say

__all__ = ["CommandWithCheckpoints", "Words", "checkpoint_of", "noted_words", "say_words"]

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


def say_words(words: Words) -> None:
    """Let the command have these words."""
    _words.set(words)


def _said() -> Words:
    return _words.get() or Words()


class CommandWithCheckpoints(TyperCommand):
    """A command with the options; `checkpoint_of` knows what they say."""

    def __init__(self, *arguments: Any, params: list[Any] | None = None, **options: Any) -> None:
        def take_every(context: Any, parameter: Any, value: float | None) -> None:
            say_words(Words(value, _said().resume))

        def take_resume(context: Any, parameter: Any, value: bool) -> None:
            say_words(Words(_said().every, value))

        every = TyperOption(
            param_decls=["--checkpoint"], type=float, metavar="SECONDS", callback=take_every, expose_value=False,
            help="Write a checkpoint so often; 0: none (default: 60 for runs of more than 2 minutes).",
        )  # fmt: skip
        resume = TyperOption(
            param_decls=["--resume"], is_flag=True, default=False, callback=take_resume, expose_value=False,
            help="Go on from the checkpoint of a killed or interrupted run, with the same bits.",
        )  # fmt: skip
        super().__init__(*arguments, params=[*(params or []), every, resume], **options)


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
    InvalidValueError, OutputError
        If the words do not go together, or a checkpoint would be lost.
    """
    every, resume = _said().every, _said().resume
    if every is not None and not 0 <= every < float("inf"):
        raise InvalidValueError(message("run --checkpoint", "a number of seconds, 0 for no checkpoints", every))
    if every == 0 and resume:
        fix = "leave --checkpoint out, or choose another number."
        raise InvalidValueError(message("run --checkpoint", "seconds above 0 together with --resume", every, fix))
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
    return Checkpoint(place, every, resume, dict(note) | {"every": every}) if every else None


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
