"""Print texts of files and users as they are, without control characters that a terminal would obey."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console

__all__ = ["ERR", "OUT", "answered", "plain", "say", "say_json"]

# no markup, no :emoji:
OUT = Console(highlight=False, markup=False, emoji=False)
ERR = Console(stderr=True, highlight=False, markup=False, emoji=False)

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}


def plain(text: object) -> str:
    r"""Return a text with control characters shown by their numbers.

    Examples
    --------
    >>> plain("a\x1b[31m")
    'a\\x1b[31m'
    """
    return str(text).translate(_CONTROL)


def say(text: object, console: Console = OUT, style: str | None = None) -> None:
    """Print a text as it is; what the stream's encoding lacks is shown by its number."""
    encoding = getattr(console.file, "encoding", None) or "utf-8"
    console.print(plain(text).encode(encoding, "backslashreplace").decode(encoding), style=style, soft_wrap=True)


_answers: list[Any] = []


def say_json(value: Any) -> None:
    """Print a value as JSON, which spells control characters in its own way."""
    OUT.print(json.dumps(value, indent=2).replace("\x7f", "\\u007f"), soft_wrap=True)
    _answers.append(value)


def answered() -> bool:
    """Say whether this process has printed a value as JSON."""
    return bool(_answers)
