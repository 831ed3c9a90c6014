"""The command ``tension-sim resume``: go on with a run that was killed or interrupted."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InvalidValueError, message
from .checkpoint import noted_words

__all__ = ["resume_by"]

Folder = Annotated[Path, typer.Argument(help="Folder of the results of the run (its --out).")]
Protocols = Annotated[Path | None, typer.Option("--protocols", help="As given to the run: its Python code is run.")]
Tasks = Annotated[Path | None, typer.Option("--tasks", help="As given to the run: its Python code is run.")]


def resume_by(run: Callable[..., None]) -> Callable[..., None]:
    """Return the command, which goes on by the command `run`."""

    def resume(folder: Folder, protocols: Protocols = None, tasks: Tasks = None) -> None:
        """Go on with a run that was killed or interrupted, with the same bits as one that never was."""
        folder = folder.absolute()
        note = noted_words(folder)
        for name, given in (("protocols", protocols), ("tasks", tasks)):
            # a checkpoint may come from a stranger, and must not name code to run
            if note.get(name) is not None and given is None:
                fix = f"add --{name} {note[name]} if you trust that folder: its Python code is run."
                raise InvalidValueError(message(f"resume --{name}", "the folder that the run was given", None, fix))
        own = {"protocols": protocols and protocols.absolute(), "tasks": tasks and tasks.absolute()}
        with suppress(OSError):  # names of files are relative to where the run began
            os.chdir(str(note["cwd"]))
        run(
            str(note["name"]),
            set_=[str(pair) for pair in note["set"]],
            target=note["target"],
            seed=note["seed"],
            out=folder,
            format_=[str(name) for name in note["formats"]],
            force=True,
            watch=bool(note.get("watch", False)),
            stop_when=note.get("stop_when"),
            steering=None if note.get("steering") is None else Path(str(note["steering"])),
            checkpoint=float(note["every"]),
            resume=True,
            short=bool(note.get("short")),
            **own,
        )

    return resume
