"""How a command ends that did not do its work: a message for people or one line of JSON for programs, and a status."""

from __future__ import annotations

import json
import re
from typing import Any

from .terminal import ERR, say

__all__ = ["described", "told_error", "told_interrupt"]

#: Exit status of whatever was refused or failed; an interrupt's is 128 and the number of its signal.
FAILED = 2

_KEYS = ("where", "problem", "expected", "received", "fix")
_END = r"\.?\nReceived: (?P<received>.*?)(?:\nFix: (?P<fix>.*))?"
#: Messages of `tension_sim.errors.message`, and of `tension_sim.errors.problem`.
_FORMS = (
    re.compile(r"(?P<where>.+?): expected (?P<expected>.*?)" + _END, re.DOTALL),
    re.compile(r"(?P<where>.+?): (?P<problem>.*?)" + _END, re.DOTALL),
)


def described(error: BaseException) -> dict[str, Any]:
    """Return an error as plain values: its type and message, and the parts of a message of our format.

    Examples
    --------
    >>> from tension_sim.errors import InvalidValueError, message
    >>> described(InvalidValueError(message("run --set", "KEY=VALUE", "G", "write G=1.")))["received"]
    "'G'"
    >>> from tension_sim.errors import problem
    >>> described(InvalidValueError(problem("Demo.y", "nothing was run yet", None)))["problem"]
    'nothing was run yet'
    """
    # typer's errors have a message of their own
    own = getattr(error, "format_message", None)
    text = str(error) if own is None else own()
    parts = next((found for found in (form.fullmatch(text) for form in _FORMS) if found is not None), None)
    given = {} if parts is None else parts.groupdict()
    found = {key: value and value.strip() for key, value in given.items()}
    return {"type": type(error).__name__, "message": text} | dict.fromkeys(_KEYS) | found


def told_error(error: BaseException, as_json: bool) -> int:
    """Say what is wrong on standard error, and return the exit status."""
    if as_json:
        _say_line({"error": described(error), "status": FAILED})
    else:
        say(f"{type(error).__name__}: {error}", ERR, "red")
    return FAILED


def told_interrupt(status: int, as_json: bool) -> int:
    """Say on standard error that nothing was kept, and return the exit status."""
    if as_json:
        error = dict.fromkeys(_KEYS)
        _say_line({"error": {"type": "Interrupt", "message": "interrupted"} | error, "status": status})
    else:
        say("interrupted", ERR)
    return status


def _say_line(value: Any) -> None:
    say(json.dumps(value), ERR)
