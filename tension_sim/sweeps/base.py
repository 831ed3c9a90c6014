"""What all points of a sweep have in common, and how a setting of it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ..declare.units import Quantity
from ..errors import TensionError
from ..recipes.named_files import files_named
from ..recipes.protocol import Forecast, Number, Outcome
from ..recipes.recipe import Recipe, list_recipes, load_recipe
from ..recipes.run import check_run, run_outcome
from ..recipes.values import find_setting, place_of
from ..run.simulation import Target
from .numbers import number_of
from .swept import SEED, Value

__all__ = ["SEED", "Base", "Value", "base_of"]


@dataclass(frozen=True)
class Base:
    """A recipe with settings that all points share.

    Attributes
    ----------
    name : str
        The recipe's name, or the absolute path of its file, so that a worker finds it wherever it runs.
    settings : dict of str to str
        Settings other than the file's, by their dotted names.
    protocols, tasks : str or None
        As for `load_recipe`.
    """

    name: str
    settings: Mapping[str, Any]
    protocols: str | None = None
    tasks: str | None = None

    def load(self, settings: Mapping[str, Any] | None = None) -> Recipe:
        """Load the recipe with the settings of a point."""
        return load_recipe(self.name, {**self.settings, **(settings or {})}, protocols=self.protocols, tasks=self.tasks)

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe without the settings of a point."""
        return self.load()

    @property
    def seed(self) -> int:
        """The recipe's."""
        return self.recipe.seed

    @property
    def numbers(self) -> Mapping[str, Number]:
        """Those that the recipe's protocol promises."""
        return self.recipe.protocol.expected

    def full_name(self, key: str) -> str:
        """Return the dotted name of a setting, such as ``"network.G"`` for ``"G"``."""
        recipe = self.recipe
        section, last = find_setting(key, recipe.protocol.keys(recipe.settings), recipe.name, recipe.settings)
        return f"{section}.{last}"

    def value(self, name: str, text: Any) -> Value:
        """Return the value that a setting gets from a text; refuse what cannot work.

        Raises
        ------
        TensionError
            That of `load_recipe`.
        """
        recipe = self.load({name: text})
        section, key = place_of(name, recipe.values)
        value = recipe.values.get(section, {}).get(key)
        if isinstance(value, Quantity):
            value = value.value
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, str):
            return number_of(value)
        return value if isinstance(value, bool | int | float) else str(text)

    def describe(self) -> dict[str, Any]:
        """Return what decides the numbers of a point, beside its own settings."""
        recipe = self.recipe
        digests = {str(recipe.path): sha256(recipe.path.read_bytes()).hexdigest()}
        for _, _, path in files_named(recipe.settings, recipe.protocol.files):
            if Path(path).is_file():
                digests[path] = sha256(Path(path).read_bytes()).hexdigest()
        return {
            "recipe": recipe.name,
            "settings": {name: str(value) for name, value in sorted(self.settings.items())},
            "files": sorted(digests.values()),
        }

    def check(self, point: Mapping[str, str], target: Target | None, force: bool) -> Forecast:
        """Check what a run of a point would check before it builds; return its forecast."""
        return check_run(self.load(point), target=target, force=force)

    def runner(self, folder: Path) -> Base:
        """Return itself: workers find the recipe by its name."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}  # without the recipe

    def outcome(self, point: Mapping[str, str], target: Target | None, study: tuple[str, int] | None) -> Outcome:
        """Run a point; of a study, its run may be given up."""
        from .pruning import watched_outcome

        recipe = self.load(point)
        return run_outcome(recipe, target=target) if study is None else watched_outcome(recipe, target, *study)

    def expected(self) -> Mapping[str, Any]:
        """Return what the recipe expects."""
        return self.recipe.expected


def base_of(
    where: str,
    recipe: str | Path | Recipe,
    settings: Mapping[str, Any] | None = None,
    protocols: str | Path | None = None,
    tasks: str | Path | None = None,
) -> Base:
    """Return a recipe, and settings of it, as the base of a sweep; errors name `where`."""
    if isinstance(recipe, Recipe):
        own = (place_of(name, recipe.settings) for name in recipe.changed)
        settings = {f"{s}.{k}": recipe.settings[s][k] for s, k in own} | dict(settings or {})
        recipe = recipe.name
    try:
        loaded = load_recipe(recipe, settings, protocols=protocols, tasks=tasks)
    except TensionError as error:
        raise type(error)(str(error).replace("load_recipe.name", f"{where}.recipe")) from None
    name = loaded.name if loaded.name in list_recipes() else str(loaded.path.resolve())
    base = Base(name, {}, *(None if folder is None else str(Path(folder).resolve()) for folder in (protocols, tasks)))
    known = replace(base, settings=dict(settings or {}))
    return replace(base, settings={known.full_name(str(key)): value for key, value in (settings or {}).items()})
