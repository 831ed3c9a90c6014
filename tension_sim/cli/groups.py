"""Options of a command in groups: a dataclass holds what belongs together, and each field is an option."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints

__all__ = ["grouped"]

Command = Callable[..., None]


def grouped(command: Command) -> Command:
    """Give a command one option for each field of the dataclasses that it takes.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Size:
    ...     width: int = 1
    ...     height: int = 2
    >>> @grouped
    ... def area(name: str, size: Size) -> None:
    ...     print(name, size.width * size.height)
    >>> inspect.signature(area)
    <Signature (name: str, *, width: int = 1, height: int = 2) -> None>
    >>> area("field", height=5)
    field 5
    """
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, Any] = {
        name: one.annotation for name, one in signature.parameters.items() if is_dataclass(one.annotation)
    }

    @wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> None:
        for name, kind in groups.items():
            taken = {field.name: options.pop(field.name) for field in fields(kind) if field.name in options}
            options[name] = kind(**taken)
        command(*arguments, **options)

    parameters = [one for name, one in signature.parameters.items() if name not in groups]
    for kind in groups.values():
        hints = get_type_hints(kind, include_extras=True)
        for field in fields(kind):
            named = inspect.Parameter.KEYWORD_ONLY
            parameters.append(inspect.Parameter(field.name, named, default=field.default, annotation=hints[field.name]))
    parameters.sort(key=lambda one: one.kind)
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {one.name: one.annotation for one in parameters}
    return wrapped
