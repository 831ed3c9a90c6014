"""Fields of a declaration that accept more than they keep, such as the name of a neuron for the neuron."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, dataclass, field
from os import PathLike
from typing import Any, ClassVar, Generic, TypeVar, dataclass_transform

import numpy as np

__all__ = ["Converted", "Declared", "File", "Number", "declared"]

#: A number, text with its unit such as ``"0.1*ms"``, or a quantity, which is an array to a type checker.
Number = float | str | np.ndarray | np.generic

#: The name of an equation file of the package, or the path of one.
File = str | PathLike[str]

Kept = TypeVar("Kept")
Given = TypeVar("Given")
Class = TypeVar("Class")


class Converted(Generic[Kept, Given]):
    """A field of a class that is `declared`: given as either type, and read as the first.

    ``__post_init__`` converts it. A required field has the annotation alone, for type checkers; one with a
    default has an object of this class as its value, which may name the unit in which plain numbers count: a
    recipe file then asks for it.

    Examples
    --------
    >>> @declared()
    ... class Timing(Declared):
    ...     dt: Converted[float, str]
    ...     stop: Converted[float | None, str] = Converted(None)
    >>> Timing(0.1).stop is None
    True
    """

    def __init__(self, default: Kept | Given, unit: str = "") -> None:
        self._default: Any = default
        self.unit: str = unit

    def __set_name__(self, owner: type, name: str) -> None:
        self._name: str = name

    def __get__(self, instance: object | None, owner: type) -> Kept:
        # dataclasses reads the default of a field from its class
        found: Kept = self._default if instance is None else instance.__dict__[self._name]
        return found

    def __set__(self, instance: object, value: Kept | Given) -> None:
        instance.__dict__[self._name] = value


class Declared:
    """Base of classes that are `declared`: a type checker knows by it that `dataclasses.replace` takes them."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
def declared(*, eq: bool = False, repr: bool = True) -> Callable[[type[Class]], type[Class]]:
    """Make a class a frozen dataclass whose fields may be `Converted`.

    mypy takes a field without a default for a descriptor here, and in no class of `dataclasses.dataclass`.
    """
    return dataclass(frozen=True, eq=eq, repr=repr)
