"""What a call sweeps or tunes: a recipe, or a network that was declared in Python."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..declare.fitted import FittedNetwork
from ..declare.network import ForceNetwork
from ..declare.populations.network import Network
from ..errors import InvalidTypeError, message
from ..recipes.recipe import Recipe
from ..results.declaration import AnyNetwork
from .base import base_of
from .network import network_base
from .network_options import NetworkOptions, check_options
from .swept import Swept

__all__ = ["swept_of"]


def swept_of(
    where: str,
    recipe: str | Path | Recipe | AnyNetwork,
    settings: Mapping[str, Any] | None,
    of_recipe: Mapping[str, Any],
    of_network: NetworkOptions,
) -> Swept:
    """Return what all points have in common; errors name `where`.

    Parameters
    ----------
    where : str
        The function that was called.
    recipe : str, Path, Recipe, ForceNetwork, FittedNetwork or Network
        What is swept.
    settings : mapping or None
        Settings of all points.
    of_recipe, of_network : mapping
        Options of the one kind, and of the other.

    Raises
    ------
    TensionError
        If it is neither, or has options of the other kind.
    """
    if isinstance(recipe, ForceNetwork | FittedNetwork | Network):
        check_options(where, of_recipe, "a network has no protocol and no recipe file")
        return network_base(where, recipe, settings, of_network)
    if not isinstance(recipe, str | os.PathLike | Recipe):
        fix = 'e.g. "lif_sine", or ForceNetwork.random(...).'
        raise InvalidTypeError(message(f"{where}.recipe", "a recipe's name or file, or a network", recipe, fix))
    check_options(where, of_network, "a recipe says what its runs are given and what is measured")
    return base_of(where, recipe, settings, **of_recipe)
