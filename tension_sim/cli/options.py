"""Options that several commands share, or that come beside a command's own: they are read where they matter."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["json_wanted", "short_wanted", "stored_run", "with_from", "with_json", "with_short"]

_json: ContextVar[bool] = ContextVar("json", default=False)
_from: ContextVar[Path | None] = ContextVar("from", default=None)
_short: ContextVar[bool] = ContextVar("short", default=False)

Command = Callable[..., None]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value, errors too (see the documentation).")]
From = Annotated[
    Path | None,
    typer.Option("--from", metavar="FILE", help="Go on with a stored run, from its file of results alone."),
]
Short = Annotated[
    bool, typer.Option("--short", help="The shorter run that a recipe of more than ten minutes states, in [short].")
]


def json_wanted() -> bool:
    """Say whether the command that runs is to print JSON, as documented in docs/howto/programs.md."""
    return _json.get()


def stored_run() -> Path | None:
    """Return the file that ``--from`` names."""
    return _from.get()


def short_wanted() -> bool:
    """Say whether the shorter run of a recipe is meant."""
    return _short.get()


def with_json(command: Command) -> Command:
    """Give a command the option ``--json``, of which `json_wanted` knows while it runs."""
    return _with(command, "as_json", Json, False, _json)


def with_from(command: Command) -> Command:
    """Give a command the option ``--from``, of which `stored_run` knows while it runs."""
    return _with(command, "from_", From, None, _from)


def with_short(command: Command) -> Command:
    """Give a command the option ``--short``, of which `short_wanted` knows while it runs."""
    return _with(command, "short", Short, False, _short)


def _with(command: Command, name: str, annotation: Any, default: Any, variable: ContextVar[Any]) -> Command:
    @wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> None:
        token = variable.set(options.pop(name, variable.get()))  # what calls a command may have set it
        try:
            command(*arguments, **options)
        finally:
            variable.reset(token)

    signature = inspect.signature(command, eval_str=True)
    added = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
    parameters = [*signature.parameters.values(), added]
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {one.name: one.annotation for one in parameters}
    return wrapped
