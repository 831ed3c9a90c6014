"""What a sweep of a network is given that a sweep of a recipe is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypedDict

from ..declare.options import Default, defaults_of
from ..declare.record import Record
from ..errors import InvalidValueError, problem
from ..results.results import Results

__all__ = ["Measure", "NetworkOptions", "check_options"]

#: Returns the numbers of a run by their names.
Measure = Callable[[Results], Mapping[str, float]]


class NetworkOptions(TypedDict, total=False):
    """What each run is given, as for `Simulation.run`, what is recorded, and what is measured."""

    y: Annotated[Any, Default(None)]
    x: Annotated[Any, Default(None)]
    rates: Annotated[Any, Default(None)]
    steps: Annotated[int | None, Default(None)]
    every: Annotated[Mapping[str, int] | None, Default(None)]
    trial: Annotated[int, Default(0)]
    learning: Annotated[bool, Default(True)]
    record: Annotated[Record | None, Default(None)]
    measure: Annotated[Measure | None, Default(None)]


_DEFAULTS = defaults_of(NetworkOptions)


def check_options(where: str, options: Mapping[str, Any], why: str) -> None:
    """Refuse options that do not belong to what is swept; `why` says why not."""
    for name, value in options.items():
        if value is not _DEFAULTS.get(name):
            raise InvalidValueError(problem(f"{where}.{name}", why, value, f"leave {name} out."))
