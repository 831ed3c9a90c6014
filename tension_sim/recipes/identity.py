"""Everything that decides the runs of a recipe, by name, so that a checkpoint of something else is refused."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

from ..results.measures import jsonable
from ..run.identity import identity_of_files, versions
from .named_files import files_named
from .recipe import Recipe

__all__ = ["identity_of_recipe"]


def identity_of_recipe(recipe: Recipe, target: str | None = None) -> dict[str, str]:
    """Return the recipe's settings, the content of its files, and the versions of what computes.

    Examples
    --------
    >>> from tension_sim import load_recipe
    >>> identity_of_recipe(load_recipe("lif_sine"))["network.G"]
    '0.04'
    """
    found = {"recipe": recipe.name, "protocol": recipe.protocol.name} | versions(target or "")
    source = inspect.getsourcefile(recipe.protocol.run)
    if source is not None:  # it may be the user's own
        found["program of the protocol"] = identity_of_files([Path(source)])
    for section, table in recipe.settings.items():
        for key, value in table.items():
            found[f"{section}.{key}"] = value if isinstance(value, str) else json.dumps(jsonable(value), default=str)
    named: dict[str, list[Path]] = {}
    for section, key, path in files_named(recipe.settings, recipe.protocol.files):
        if Path(path).is_file():
            named.setdefault(f"file of {section}.{key}", []).append(Path(path))
    found |= {place: identity_of_files(paths) for place, paths in named.items()}
    return found
