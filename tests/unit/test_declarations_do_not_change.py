"""What is declared does not change afterwards: programs, caches and results speak of it."""

import importlib
import pkgutil
from dataclasses import FrozenInstanceError, fields, is_dataclass

import pytest

from tension_sim import circuit, declare

DECLARED = sorted(
    {
        value
        for package in (circuit, declare)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        for value in vars(importlib.import_module(module.name)).values()
        if isinstance(value, type) and is_dataclass(value) and value.__module__ == module.name
    },
    key=lambda cls: (cls.__module__, cls.__qualname__),
)


def test_there_are_some():
    assert len(DECLARED) > 20


@pytest.mark.parametrize("cls", DECLARED, ids=lambda cls: cls.__name__)
def test_an_attribute_cannot_be_set(cls):
    with pytest.raises(FrozenInstanceError, match="cannot assign to field"):
        setattr(object.__new__(cls), fields(cls)[0].name, None)
