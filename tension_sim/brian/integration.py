"""The published integration: linear filters decay exactly or by Euler's rule, all else as its file says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brian2.equations.equations import DIFFERENTIAL_EQUATION, Equations
from brian2.parsing.sympytools import str_to_sympy, sympy_to_str
from brian2.stateupdaters.exponential_euler import get_conditionally_linear_system
from sympy import Symbol, exp

from .bases import StateUpdateMethod

__all__ = ["ExactDecay"]


class ExactDecay(StateUpdateMethod):
    """Integrate filters as x <- x exp(-dt/tau) + dt input, with the old input.

    This is the integration of the programs of Nicola & Clopath (2017,
    doi:10.1038/s41467-017-01827-3), which no method of Brian2 gives. The filters'
    equations must be linear in their own variable; a neuron's own variables are left to
    `method`, and see the filters as they were before the step.

    Parameters
    ----------
    filters : sequence of str
        Names of the filters' variables.
    method : str
        Name of a Brian2 method for all other differential equations.
    stepwise : sequence of str
        Names of the variables of filters that follow Euler's rule, whatever the method.
    """

    def __init__(self, filters: Sequence[str], method: str, stepwise: Sequence[str] = ()) -> None:
        self.filters: tuple[str, ...] = tuple(filters)
        self.stepwise: tuple[str, ...] = tuple(stepwise)
        self.method = method

    def __call__(self, equations: Equations, variables: Any = None, method_options: Any = None) -> str:
        own = {*self.filters, *self.stepwise}
        others = [eq for eq in equations.values() if eq.varname not in own]
        lines = []
        if any(eq.type == DIFFERENTIAL_EQUATION for eq in others):
            lines.append(StateUpdateMethod.apply_stateupdater(Equations(others), variables, self.method))
        linear = get_conditionally_linear_system(
            Equations([eq for eq in equations.values() if eq.varname in self.filters]), variables
        )
        dt = Symbol("dt", real=True, positive=True)
        for name in self.filters:
            rate, drive = linear[name]
            if drive is None:
                drive = 0
            state = str_to_sympy(name, variables)
            lines.append(f"_{name} = {sympy_to_str(state * exp(rate * dt) + dt * drive)}")
        formulas = dict(equations.get_substituted_expressions(variables))
        lines.extend(f"_{name} = {name} + dt*({formulas[name]})" for name in self.stepwise)
        lines.extend(f"{name} = _{name}" for name in (*self.filters, *self.stepwise))
        return "\n".join(lines)
