"""The functions and constants that expressions may use."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["CONSTANTS", "FUNCTIONS", "RANDOM", "Function"]


@dataclass(frozen=True)
class Function:
    """A function of expressions.

    Attributes
    ----------
    compute : callable
        Its value, of numbers or arrays; None for random numbers and those of a time step.
    arguments : int
        How many it takes.
    units : str
        ``"plain"`` numbers in and out; ``"same"``: one unit in and out; ``"root"``; ``"sign"``: any
        unit in, a plain number out; ``"time"``: times in, a plain number out.
    takes, gives : str
        ``"float"``, ``"integer"``, ``"boolean"``, or ``"any"``: of its arguments.
    """

    compute: Callable[..., Any] | None
    arguments: int = 1
    units: str = "plain"
    takes: str = "any"
    gives: str = "float"


def _exprel(x: Any) -> Any:
    x = np.asarray(x, dtype=float)
    return np.where(x == 0, 1.0, np.expm1(x) / np.where(x == 0, 1.0, x))[()]


#: Random numbers; they keep a state, unlike ``standard_normal(noise_seed, t_in_timesteps, i)``.
RANDOM = ("rand", "randn", "poisson")
#: Constants of equations.
CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf}
_PLAIN = (
    "exp", "expm1", "log", "log10", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan",
)  # fmt: skip
#: All functions, by name: those of Brian2, the error function, and noise without a state.
FUNCTIONS: dict[str, Function] = {
    **{name: Function(getattr(np, name)) for name in _PLAIN},
    "erf": Function(np.vectorize(math.erf, otypes=[float])),
    "exprel": Function(_exprel),
    "sqrt": Function(np.sqrt, units="root"),
    "abs": Function(np.abs, units="same", gives="any"),
    "floor": Function(np.floor, units="same"),
    "ceil": Function(np.ceil, units="same"),
    "sign": Function(np.sign, units="sign", gives="any"),
    "clip": Function(np.clip, 3, "same", gives="any"),
    "int": Function(np.trunc, gives="integer"),
    "timestep": Function(None, 2, "time", gives="integer"),
    "rand": Function(None, 0),
    "randn": Function(None, 0),
    "poisson": Function(None, gives="integer"),
    "standard_normal": Function(None, 3, takes="integer"),
    "standard_uniform": Function(None, 3, takes="integer"),
}
