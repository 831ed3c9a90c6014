"""The parts of a `Network`, declared from the sections of a recipe; errors name the recipe's keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..declare.learning import Learning
from ..declare.populations.connector import RULES, Connector, Undrawn
from ..declare.populations.network import Network
from ..declare.populations.population import Population
from ..declare.populations.projection import Projection
from ..declare.populations.readout import Readout
from ..errors import InvalidValueError, TensionError, message
from ..recipes.array_values import loaded, names_file
from ..recipes.declared_keys import Option, keys_of, options_of
from ..recipes.settings import Key, not_negative, section

if TYPE_CHECKING:
    from ..recipes.protocol import Where
    from ..recipes.recipe import Recipe

__all__ = ["FLAT", "NESTED", "TIMES", "declare", "learning_keys", "written_in"]

#: Tables of parts, by the fields of a network that hold them.
NESTED: dict[str, type[Any]] = {
    name: option.table for name, option in options_of(Network).items() if option.nested and option.table
}

#: Options whose keys may stand in the part's own table, and what they are called where none is given.
FLAT: dict[type[Any], tuple[str, type[Any] | None, str]] = {
    Projection: ("weights", Connector, "weight"),
    Readout: ("learning", Learning, "alpha_P"),
}

#: What counts in time steps in Python is a time in a file.
TIMES = ("start", "stop")

Part = TypeVar("Part")

_PARTS = re.compile(r"Network\.(populations|readouts)\['(\w+)'\](?:\([^)]*\))?(?:\.|: )?(.*)", re.DOTALL)
_PROJECTIONS = re.compile(r"Network\.projections\[(\d+)\](?:\.|: )?(.*)", re.DOTALL)
_NETWORK = re.compile(r"Network\.(.*)", re.DOTALL)
_OF_FILE = re.compile(r"Network\((\w+)\): parameters(?:\.(\w+))?(.*)", re.DOTALL)
_KEY = re.compile(r"(\w+)(?:\['?([^'\]]*)'?\]|\.(\w+))?(.*)", re.DOTALL)


def learning_keys(**defaults: Any) -> dict[str, Key]:
    """Return the keys of what learns: those of `Learning`, with times."""
    start, stop = section(("start", "second", 0.0, not_negative), ("stop", "second", None, not_negative)).values()
    return keys_of(Learning, **defaults) | {"start": start, "stop": stop}


def written_in(recipe: Recipe, part: str, option: Option | str) -> bool:
    """Say whether a recipe gives an option of a part, as a key or a table."""
    name = option if isinstance(option, str) else option.name
    return name in recipe.settings.get(part, {}) or f"{part}.{name}" in recipe.settings


def declare(recipe: Recipe, where: Where, *, synapses: bool = True) -> Network:
    """Declare the network of a recipe, and draw it from the seed; without drawn synapses for checks alone."""
    declaring = _Declaring(recipe, where)
    populations = {name: declaring.part(Population, part) for name, part in _parts(recipe, "populations")}
    sizes = {name: each.n for name, each in populations.items()}
    readouts = {name: declaring.readout(part, sizes) for name, part in _parts(recipe, "readouts")}
    projections = []
    for name, part in _parts(recipe, "projections"):
        projections.append(declaring.projection(name, part, Connector if synapses else Undrawn))
    given = declaring.options(Network, "network")
    for name, option in options_of(Network).items():
        if option.table is dict and recipe.values.get(name):
            given[name] = dict(recipe.values[name])
    parts: dict[str, Any] = {"populations": populations, "projections": projections, "readouts": readouts}
    with declaring.placed():
        return Network(**parts, **given, seed=recipe.seed)


def _parts(recipe: Recipe, kind: str) -> Iterator[tuple[str, str]]:
    """Yield names and sections of the populations, projections or readouts of a recipe."""
    for each in recipe.values:
        first, _, name = each.partition(".")
        if first == kind and "." not in name:
            yield name, each


class _Declaring:
    """Makes parts from sections."""

    def __init__(self, recipe: Recipe, where: Where) -> None:
        self._recipe, self._where = recipe, where

    def part(self, cls: type[Part], section: str, **more: Any) -> Part:
        """Return a part; what its section does not give has the default of the class."""
        given = self.options(cls, section) | more
        with self.placed(cls, section):
            return cls(**given)

    def options(self, cls: type[Any], section: str) -> dict[str, Any]:
        """Return the options that a section, and the tables below it, give for a class."""
        values, found = self._recipe.values, {}
        for name, option in options_of(cls).items():
            below = f"{section}.{name}"
            if option.table is None and name in self._recipe.settings.get(section, {}):
                found[name] = loaded(self._where(section, name), values[section][name])
            elif option.nested or below not in self._recipe.settings:
                continue
            elif option.item is not None:
                found[name] = {key: loaded(self._where(below, key), value) for key, value in values[below].items()}
            elif option.table is Learning:
                found[name] = self.learning(below)
            elif option.table is not None:
                found[name] = self.part(option.table, below)
        return found

    def learning(self, section: str) -> Learning:
        """Return what learns by a table; its times become time steps."""
        recipe, values = self._recipe, self._recipe.values[section]
        start = recipe.steps(values["start"])
        run = recipe.values["run"]["duration"]
        stop = recipe.steps(run if values["stop"] is None else values["stop"])
        given = {key: value for key, value in self.options(Learning, section).items() if key not in TIMES}
        with self.placed(Learning, section):
            return Learning(**given, start=start, stop=max(start, stop))

    def readout(self, section: str, sizes: dict[str, int]) -> Readout:
        """Return a readout; without weights these are 0."""
        values = self._recipe.values[section]
        more: dict[str, Any] = {}
        both = "learning" in _written(self._recipe, section)
        if values["alpha_P"] is not None and both:
            fix = f"leave out alpha_P, or the table [{section}.learning]."
            raise InvalidValueError(message(self._where(section, "alpha_P"), "learning stated once", "twice", fix))
        if values["alpha_P"] is not None:
            more["learning"] = self.learning(section)
        if not written_in(self._recipe, section, "weights"):
            rows = sum(sizes.get(each, 0) for each in values["sources"])
            neurons = self._recipe.values.get(f"{section}.traces", {}).get("neuron")
            traces = loaded(self._where(f"{section}.traces", "neuron"), neurons)
            rows = rows if traces is None else np.size(traces)
            more["weights"] = np.zeros((max(rows, 1), values["outputs"]))
        elif "outputs" in self._recipe.settings[section] and (
            isinstance(values["weights"], list) or names_file(values["weights"])
        ):
            fix = "leave outputs out."
            raise InvalidValueError(
                message(self._where(section, "outputs"), "nothing beside an array of weights", values["outputs"], fix)
            )
        return self.part(Readout, section, **more)

    def projection(self, name: str, section: str, rule: type[Connector]) -> Projection:
        """Return a projection, whose synapses a rule of this class draws unless they are given."""
        keys = {key for key in keys_of(Connector) if written_in(self._recipe, section, key)}
        if written_in(self._recipe, section, "weights"):
            if keys:
                place, fix = self._where(section, min(keys)), "leave out one of the two."
                raise InvalidValueError(message(place, "weights, or a rule that draws them", "both", fix))
            return self.part(Projection, section, name=name)
        if "weight" not in keys:
            fix = 'add the key "weight" of a rule, or "weights" with a file or a list.'
            raise InvalidValueError(message(self._where(section, "weight"), "a value, it has no default", None, fix))
        given: dict[str, Any] = {"rule": RULES[0]} | {key: self._recipe.values[section][key] for key in keys}
        with self.placed(Connector, section):
            weights = rule(**given)
        return self.part(Projection, section, name=name, weights=weights)

    # ---- places ----

    @contextmanager
    def placed(self, cls: type[Any] | None = None, section: str = "") -> Iterator[None]:
        """Let errors of a declaration class name the recipe's section and key."""
        try:
            yield
        except TensionError as error:
            text = str(error)
            if cls is not None and text.startswith(f"{cls.__name__}."):
                raise type(error)(self._place(cls, section, text.partition(".")[2])) from None
            raise type(error)(self._of_network(text)) from None

    def _of_network(self, text: str) -> str:
        """Return an error of the whole network with the place in the recipe."""
        if found := _PARTS.match(text):
            kind, name, rest = found.groups()
            return self._place(NESTED[kind], f"{kind}.{name}", rest)
        if found := _PROJECTIONS.match(text):
            section = [part for _, part in _parts(self._recipe, "projections")][int(found[1])]
            return self._place(Projection, section, found[2])
        if found := _OF_FILE.match(text):
            file, key, rest = found.groups()
            sections = [name for name, table in self._recipe.values.items() if table.get("synapse") == file]
            own = [name for name in sections if not key or key in self._recipe.settings.get(f"{name}.parameters", {})]
            return f"{self._where(f'{own[0]}.parameters', key or '')}{rest}" if own else text
        if found := _NETWORK.match(text):
            return self._place(Network, "network", found[1])
        return text

    def _place(self, cls: type[Any], section: str, rest: str) -> str:
        """Return the end of an error after a class, with the place in the recipe."""
        found = _KEY.match(rest)
        if found is None:
            return f"{self._where(section, '')}: {rest}"
        name, in_brackets, after_dot, rest = found.groups()
        inner = in_brackets or after_dot or ""
        option = options_of(cls).get(name)
        flat, _, key = FLAT.get(cls, ("", None, ""))
        if name == flat and not written_in(self._recipe, section, name):
            return f"{self._where(section, inner or key)}{rest}"
        if option is not None and option.table is not None:
            below = name if cls is Network else f"{section}.{name}"
            return f"{self._where(below, inner)}{rest}"
        return f"{self._where(section, name)}{f'[{inner}]' if inner else ''}{rest}"


def _written(recipe: Recipe, part: str) -> set[str]:
    """Return the names of the tables below a part."""
    return {name.removeprefix(f"{part}.") for name in recipe.settings if name.startswith(f"{part}.")}
