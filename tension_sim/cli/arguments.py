"""What several commands take: a recipe, its settings, where it runs, and code of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InvalidValueError, message
from ..recipes.recipe import list_recipes

__all__ = ["RECIPE", "Name", "Protocols", "Set", "Target", "Tasks", "recipe_settings"]


def _complete(incomplete: str) -> list[str]:
    """Return the recipes whose full or short names begin like this."""
    names = list_recipes()
    return [name for full in names for name in (full, full.rpartition("/")[2]) if name.startswith(incomplete)]


RECIPE = typer.Argument(help="Recipe, e.g. lif_sine, or the path of a recipe file.", autocompletion=_complete)
Name = Annotated[str, RECIPE]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help='Change a setting, e.g. --set "tau_decay=50*ms"; the last of one counts.'
    ),
]
Protocols = Annotated[
    Path | None, typer.Option("--protocols", help="Folder of your own protocols: its Python code is run.")
]
Tasks = Annotated[Path | None, typer.Option("--tasks", help="Folder of your own tasks: its Python code is run.")]
Target = Annotated[
    str | None,
    typer.Option(help="numpy, cython, cpp_standalone, cuda_standalone or tensorflow (default: C++ where it can)."),
]


def recipe_settings(pairs: list[str] | None, seed: int | None = None) -> dict[str, str]:
    """Return the settings that ``--set`` and ``--seed`` give; the seed of the command counts."""
    settings = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip() or not value.strip():
            fix = 'e.g. --set G=0.05 or --set "duration=2*second".'
            raise InvalidValueError(message("run --set", "KEY=VALUE", pair, fix))
        settings[key.strip()] = value.strip()
    if seed is not None:
        settings["run.seed"] = str(seed)
    return settings
