"""Keyword arguments in groups: each group is a TypedDict, which holds names, types and defaults once.

A type checker reads the names and types from ``**options: Unpack[...]``; `grouped` fills in the defaults, and lets
``help()`` and `inspect.signature` show every argument.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar, get_type_hints

__all__ = ["Default", "chosen", "defaults_of", "grouped"]

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Default:
    """The default of an option, as in ``update_every: Annotated[int, Default(1)]``."""

    value: Any


def defaults_of(options: type) -> dict[str, Any]:
    """Return the defaults of a group by name.

    Examples
    --------
    >>> from typing import Annotated, TypedDict
    >>> defaults_of(TypedDict("Schedule", {"every": Annotated[int, Default(1)]}))
    {'every': 1}
    """
    return {name: hint.__metadata__[0].value for name, hint in get_type_hints(options, include_extras=True).items()}


def grouped(options: type) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function that takes ``**options`` receive all of them, defaults filled in.

    Parameters
    ----------
    options : type
        A TypedDict whose items are annotated with their `Default`.

    Raises
    ------
    TypeError
        From the function, if it is called with another keyword.

    Examples
    --------
    >>> from typing import Annotated, TypedDict, Unpack
    >>> items = {"every": Annotated[int, Default(1)], "start": Annotated[int, Default(0)]}
    >>> Schedule = TypedDict("Schedule", items, total=False)
    >>> @grouped(Schedule)
    ... def learn(rate: float, **schedule: Unpack[Schedule]) -> None:
    ...     print(rate, schedule)
    >>> learn(0.5, start=3)
    0.5 {'every': 1, 'start': 3}
    >>> list(inspect.signature(learn).parameters)
    ['rate', 'every', 'start']
    """
    defaults = defaults_of(options)
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=kind)
        for name, kind in get_type_hints(options).items()
    ]

    def of_function(function: Callable[P, R]) -> Callable[P, R]:
        own = inspect.signature(function)
        signature = own.replace(parameters=[*list(own.parameters.values())[:-1], *parameters])

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for name in kwargs:
                if name not in signature.parameters:
                    raise TypeError(f"{function.__qualname__}() got an unexpected keyword argument {name!r}")
            for each in parameters:
                kwargs[each.name] = kwargs.pop(each.name, each.default)  # in the order of the group
            return function(*args, **kwargs)

        call.__signature__ = signature  # type: ignore[attr-defined]
        return call

    return of_function


def chosen(group: type, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that belong to one of the groups."""
    return {name: options[name] for name in group.__annotations__}
