"""Equations as the statements that Brian2 makes of them, executed on tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..declare.equations import resolve_parameters
from ..declare.units import Dimension, dimension_of_brian2
from ..errors import InvalidValueError, message
from .expressions import CONSTANTS, FUNCTIONS, chosen, evaluate_text

__all__ = [
    "STEPS_SINCE_SPIKE",
    "Program",
    "Statement",
    "carry_out",
    "depending",
    "depends_on_sum",
    "program_of",
    "program_of_group",
]

#: Name of the number of time steps since a neuron's last spike, and how Brian2's refractory clause computes it.
STEPS_SINCE_SPIKE = "steps_since_spike"
_BRIAN2_COUNTS = "timestep(t - lastspike, dt)"


@dataclass(frozen=True)
class Statement:
    """``variable operation text``, as in ``u += d``; only where the condition `guard` holds, if there is one."""

    variable: str
    operation: str
    text: str
    guard: str = ""

    @property
    def value(self) -> str:
        """The new value of the variable, as an expression."""
        if self.operation in ("=", ":="):
            return self.text
        return f"{self.variable} {self.operation[:-1]} ({self.text})"


@dataclass(frozen=True)
class Program:
    """The statements of one time step.

    Attributes
    ----------
    parts : dict of str to tuple of Statement
        ``held`` (what keeps the value that it has when the step begins: ``(constant over dt)``), ``before``
        (what follows from the inputs, the same all through the step), ``update``, and where there are such
        ``threshold``, ``reset``, ``rate``.
    constants : dict of str to (float, dimension)
        The units that the statements name: SI value and dimension.
    """

    parts: Mapping[str, tuple[Statement, ...]]
    constants: Mapping[str, tuple[float, Dimension]]

    def reads(self, name: str) -> bool:
        """Whether a statement uses a name.

        Examples
        --------
        >>> program_of("demo", "dv/dt = -v/tau : 1", {"tau": "10*ms"}).reads("tau")
        True
        """
        return name in self.names(*self.parts)

    def names(self, *parts: str) -> set[str]:
        """Return the names that the statements of some parts use."""
        from brian2.utils.stringtools import get_identifiers

        return {name for part in parts for statement in self.parts[part] for name in get_identifiers(statement.text)}


def carry_out(statements: Sequence[Statement], names: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return `names` with the values that statements give to their variables.

    Examples
    --------
    >>> carry_out([Statement("u", "+=", "2*d")], {"u": 1.0, "d": 3.0}, "demo")["u"]
    7.0
    """
    values = dict(names)
    for statement in statements:
        value = evaluate_text(statement.value, values, where)
        if statement.guard:
            value = chosen(values[statement.guard], value, values[statement.variable])
        values[statement.variable] = value
    return values


def depending(program: Program, names: set[str]) -> set[str]:
    """Return some variables and those that are computed from them before the step."""
    from brian2.utils.stringtools import get_identifiers

    found = set(names)
    for statement in program.parts["before"]:
        if get_identifiers(statement.text) & found:
            found.add(statement.variable)
    return found


def depends_on_sum(program: Program, names: Sequence[str]) -> bool:
    """Whether the update of a program depends on variables by their sum alone.

    Examples
    --------
    >>> once, twice = (program_of("demo", f"dv/dt = (a + {k}*b - v)/second : 1\\na : 1\\nb : 1", {}) for k in (1, 2))
    >>> depends_on_sum(once, "ab"), depends_on_sum(twice, "ab")
    (True, False)
    """
    from brian2.parsing.sympytools import str_to_sympy
    from brian2.utils.stringtools import get_identifiers

    # write the first name as the sum minus the others: then the others must cancel
    first, *others = names
    known = {first: str_to_sympy(" - ".join(["_sum", *others]))}
    for part in ("held", "before", "update"):
        for statement in program.parts[part]:
            if statement.variable == "not_refractory":
                if get_identifiers(statement.text) & {*names}:
                    return False
                continue
            value = str_to_sympy(statement.value)
            value = value.subs({symbol: known[symbol.name] for symbol in value.free_symbols if symbol.name in known})
            known[statement.variable] = value.expand()
    del known[first]
    return not any(symbol.name in others for value in known.values() for symbol in value.free_symbols)


def program_of(
    name: str,
    equations: str,
    parameters: Mapping[str, str],
    inputs: Iterable[str] = (),
    method: Any = "euler",
    rate: str = "",
    **spiking: str,
) -> Program:
    """Let Brian2 check and integrate equations.

    Parameters
    ----------
    name : str
        Of the equation file.
    equations : str
        With the declarations of its inputs.
    parameters : mapping
        As the file gives them.
    inputs : iterable of str
        Variables that do not change within a step, whatever the method.
    method : str or StateUpdateMethod
    rate : str, optional
        Expression of the rate, which may call ``activation``.
    **spiking
        ``threshold``, ``reset`` and, if there is one, the clause ``refractory``.

    Raises
    ------
    InvalidValueError
        If the equations are wrong, or need what TensorFlow does not have.
    """
    from ..brian.assemble import EQUATION_FUNCTIONS, blaming_the_files, declared_parameters
    from ..brian.isolation import isolated
    from ..circuit.units import with_seed

    # isort: split
    import brian2  # after ours, which loads it in its way
    from brian2.core.functions import Function
    from brian2.equations.equations import Equations

    values = resolve_parameters(name, parameters, dt=1e-4)
    declared = declared_parameters((key, value.dimension) for key, value in values.items() if key != "dt")
    # the activation is only a name here
    activation = Function(lambda x: x, arg_units=[1], arg_names=["x"], return_unit=1, stateless=True)
    namespace = {**EQUATION_FUNCTIONS, "activation": activation}
    with isolated("runtime", {}), blaming_the_files((name,), (Exception,)):
        lines = "\n".join(with_seed([equations, *(["r : 1"] if rate else [])], rate, *spiking.values()))
        rest, held = _held(name, Equations(lines), {*inputs})
        rest, before = _split(rest, {*values, *inputs, *(each.variable for each in held), "dt"})
        group = brian2.NeuronGroup(
            1, rest + declared, method=method, namespace=namespace, dt=1e-4 * brian2.second, **spiking
        )
        group.add_to_magic_network = False
        object.__setattr__(group, "_network", "none: only its code is wanted")  # or Brian2 warns of it
        runners = {"update": group.state_updater}
        if spiking:
            runners |= {"threshold": group.thresholder["spike"], "reset": group.resetter["spike"]}
        if rate:
            runners["rate"] = group.run_regularly(f"r = {rate}")
        program = program_of_group(group, runners)
    return Program({"held": tuple(held), "before": tuple(before), **program.parts}, program.constants)


def program_of_group(group: Any, runners: Mapping[str, Any], *, optimise: bool = False) -> Program:
    """Return the statements of some code of a Brian2 group.

    Parameters
    ----------
    group : NeuronGroup
    runners : mapping of str to CodeRunner
        What belongs to the group, by the names of the program's parts.
    optimise : bool, optional
        With Brian2's own rearrangements, so that numbers are rounded as on its targets.
    """
    constants: dict[str, tuple[float, Dimension]] = {}
    parts = {part: _statements(runner, group, constants, optimise) for part, runner in runners.items()}
    return Program(parts, constants)


def _held(name: str, equations: Any, inputs: set[str]) -> tuple[Any, list[Statement]]:
    """Take out the subexpressions ``(constant over dt)``; return their statements, each after those that it uses."""
    from brian2.equations.equations import SUBEXPRESSION, Equations

    formulas = {eq.varname: eq for eq in equations.values() if eq.type == SUBEXPRESSION}
    statements: dict[str, Statement] = {}

    def add(variable: str) -> None:
        formula = formulas[variable]
        if formula.identifiers & inputs:
            fix = "leave the flag out, or use a Brian2 target for this equation file."
            what = "no input in what is (constant over dt), for TensorFlow keeps no inputs from step to step"
            raise InvalidValueError(message(f"{name}.toml: {variable}", what, formula.expr.code, fix))
        for used in sorted(formula.identifiers & (formulas.keys() - statements.keys())):
            add(used)
        statements[variable] = Statement(variable, "=", formula.expr.code)

    kept = dict(equations)
    for variable, formula in formulas.items():
        if "constant over dt" in formula.flags:
            add(variable)
            kept[variable] = _as_parameter(formula)
    return Equations(list(kept.values())), list(statements.values())


def _as_parameter(formula: Any) -> Any:
    """Declare a subexpression as a variable whose value is given."""
    from brian2.equations.equations import PARAMETER, SingleEquation

    flags = [flag for flag in formula.flags if flag == "shared"]
    return SingleEquation(PARAMETER, formula.varname, formula.dim, var_type=formula.var_type, flags=flags)


def _split(equations: Any, known: set[str]) -> tuple[Any, list[Statement]]:
    """Take out the subexpressions of what is the same all through a step.

    They are added up in the order in which the file writes them; Brian2 would sort the terms.
    """
    from brian2.equations.equations import SUBEXPRESSION, Equations

    known = known | {*CONSTANTS, *FUNCTIONS}
    left, before = dict(equations), []
    while True:
        ready = [eq for eq in left.values() if eq.type == SUBEXPRESSION and eq.identifiers <= known]
        if not ready:
            break
        for eq in ready:
            before.append(Statement(eq.varname, "=", eq.expr.code))
            left[eq.varname] = _as_parameter(eq)
            known = known | {eq.varname}
    return Equations(list(left.values())), before


def _statements(
    runner: Any, group: Any, constants: dict[str, tuple[float, Dimension]], optimise: bool
) -> tuple[Statement, ...]:
    from brian2.codegen.translation import analyse_identifiers, make_statements
    from brian2.core.variables import Constant

    runner.update_abstract_code({})
    code = runner.abstract_code
    _, known, unknown = analyse_identifiers(code, group.variables, recursive=True)
    variables = group.resolve_all(known | unknown | {"dt"}, {}, user_identifiers=set())
    scalar, vector = make_statements(code, {**group.variables, **variables}, np.float64, optimise=optimise)
    for name, variable in variables.items():
        if isinstance(variable, Constant) and name not in group.variables and name not in CONSTANTS:
            constants[name] = (float(variable.get_value()), dimension_of_brian2(variable))

    writes_always = runner.override_conditional_write or ()

    def statement_of(found: Any) -> Statement:
        guard = getattr(variables.get(found.var), "conditional_write", None)
        only_where = "" if guard is None or guard.name in writes_always else guard.name
        text = found.expr
        if found.var == "not_refractory":  # whole numbers count exactly in float32 too
            text = text.replace(_BRIAN2_COUNTS, STEPS_SINCE_SPIKE)
        return Statement(found.var, found.op, text, only_where)

    return tuple(map(statement_of, [*scalar, *vector]))
