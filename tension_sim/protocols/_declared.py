"""Refuse a recipe's equations, parameters and records when it is loaded, if a run would refuse them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import TensionError, unknown_name

if TYPE_CHECKING:
    from ..recipes.recipe import Recipe

__all__ = ["check_declared"]


def check_declared(
    recipe: Recipe,
    where: Callable[[str, str], str],
    neuron: str | Path,
    synapse: str | Path | None = None,
    *,
    n_outputs: int = 1,
    n_inputs: int = 0,
    variables: Collection[str] = (),
    **declaration: Any,
) -> None:
    """Declare the recipe's network with two neurons, and make its circuit: nothing is drawn or compiled.

    Parameters
    ----------
    recipe, where
        As `Protocol.check` has them.
    neuron, synapse : str or Path or None
        As in `ForceNetwork`.
    n_outputs, n_inputs : int
        Of the task.
    variables : collection of str
        What is recorded.
    **declaration
        Further arguments of `ForceNetwork`, of any number of neurons.

    Raises
    ------
    TensionError
        What the whole network would raise.
    """
    from ..circuit.wiring import ForceWiring
    from ..declare.network import ForceNetwork
    from ..declare.record import Record

    inputs = np.zeros((n_inputs, 2)) if n_inputs else None
    try:
        net = ForceNetwork(
            neuron, synapse, 2, recipe.dt, None, np.zeros((n_outputs, 2)), np.zeros((2, n_outputs)), inputs,
            seed=recipe.seed, **declaration,
        )  # fmt: skip
    except TensionError as error:
        raise _placed(error, where) from None
    for name in variables:
        if name not in net.state_variables:
            raise unknown_name(where("record", "variables"), "state variable", name, net.state_variables)
    ForceWiring(net, Record(variables={name: (0,) for name in variables}))


def _placed(error: TensionError, where: Callable[[str, str], str]) -> TensionError:
    """Return an error of a declaration, with the place in the recipe."""
    first, line, rest = str(error).partition(": expected ")
    for section in ("initial", "activation"):
        begin = f"ForceNetwork.{section}"
        if first.startswith(begin):
            key = first.removeprefix(begin).strip("[]'\"")
            place = where(*((section, key) if section == "initial" else ("network", section)))
            return type(error)(f"{place}{line}{rest}")
    return error
