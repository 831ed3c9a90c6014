"""Whether equations hold together: names, dimensions, kinds, flags, and what the integration can do."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ...errors import InvalidValueError, UnitsError, message, unknown_name
from .definitions import once_each
from .equations import Equation
from .limits import check_numbers, random_calls
from .meaning import Meaning, Reader, combined
from .syntax import names_in, render
from .unit_table import describe

__all__ = [
    "CLOCK",
    "METHODS",
    "REFRACTORINESS",
    "REFUSED_METHODS",
    "check_equations",
    "check_linear",
    "check_method",
    "check_no_random",
    "check_meaning",
]

_SECOND = (0, 0, 1, 0, 0, 0, 0)
#: What every group of units has.
CLOCK = {
    "t": Meaning(_SECOND),
    "dt": Meaning(_SECOND),
    "t_in_timesteps": Meaning(kind="integer"),
    "i": Meaning(kind="integer"),
    "N": Meaning(kind="integer"),
}
#: What a group of neurons with a refractory clause has beside.
REFRACTORINESS = {"lastspike": Meaning(_SECOND), "not_refractory": Meaning(kind="boolean")}
#: Integration methods that work with inputs which change from step to step.
METHODS = ("euler", "exponential_euler", "heun", "milstein", "rk2", "rk4")
_EXACT = "it needs inputs that do not change; the filters decay exactly with every method"
_GSL = "it needs the GNU Scientific Library"
#: Methods of Brian2 that do not, and why.
REFUSED_METHODS = dict.fromkeys(("linear", "exact", "independent"), _EXACT) | dict.fromkeys(
    ("gsl", "gsl_rk2", "gsl_rk4", "gsl_rkf45", "gsl_rkck", "gsl_rk8pd"), _GSL
)
_STOPS = "unless refractory"
_FLAGS = {"differential": (), "subexpression": ("constant over dt", "shared"), "parameter": ("constant", "shared")}
_NUMBERS = "(noise_seed, t_in_timesteps, i)"
#: Noise of seed, trial, step and neuron in place of random numbers with a state.
_COUNTED = {
    "xi": f"standard_normal{_NUMBERS}/sqrt(dt)",
    "randn": f"standard_normal{_NUMBERS}",
    "rand": f"standard_uniform{_NUMBERS}",
    "poisson": f"a condition such as int(standard_uniform{_NUMBERS} < rate*dt)",
}
#: Nodes of a formula with all subexpressions put in, and terms of it multiplied out.
_MAX_NODES, _MAX_TERMS, _MAX_NESTED = 5000, 2000, 120


def check_method(where: str, method: object) -> str:
    """Return an integration method, or refuse it.

    Examples
    --------
    >>> check_method("mine.toml: method", "rk4")
    'rk4'
    """
    if isinstance(method, str) and method in REFUSED_METHODS:
        fix = f"{REFUSED_METHODS[method]}."
        raise InvalidValueError(message(where, "one of " + ", ".join(map(repr, METHODS)), method, fix))
    if method not in METHODS:
        raise unknown_name(where, "method", method, METHODS)
    return str(method)


def check_meaning(where: str, tree: ast.expr, names: Mapping[str, Meaning], wanted: Meaning, what: str) -> None:
    """Refuse an expression that is not of a dimension and kind; `what` says in words what it is."""
    reader = Reader(where, names)
    found = reader.read(tree)
    check_numbers(reader, tree)
    if wanted.kind == "boolean" != found.kind:
        raise reader.fail(what if what == "a condition" else f"{what}: a condition", "as in v > 1.")
    if found.kind == "boolean" != wanted.kind:
        raise reader.fail(f"{what}: a number", "write int(...) around a condition.")
    if wanted.kind == "integer" and found.kind != "integer":
        raise reader.fail(f"{what}: a whole number", "write int(...).")
    if found.dimension != wanted.dimension:
        expected = f"{what} in {describe(wanted.dimension)}"
        raise reader.fail(expected, f"its unit is {describe(found.dimension)}.", UnitsError)


def check_equations(
    where: str,
    equations: Sequence[Equation],
    names: Mapping[str, Meaning],
    *,
    method: str = "euler",
    exact: Collection[str] = (),
    stepwise: Collection[str] = (),
    shared: Collection[str] = (),
    refractory: bool = False,
) -> dict[str, Meaning]:
    """Refuse equations that Brian2 could not use; return what all names mean.

    Parameters
    ----------
    where : str
        File and key, for messages.
    equations : sequence of Equation
        From `read_equations`.
    names : mapping of str to Meaning
        Other names that they may use.
    method : str
        Integration method of all variables that are not in `exact` or `stepwise`.
    exact : collection of str
        Variables that decay exactly.
    stepwise : collection of str
        Variables that follow Euler's rule.
    shared : collection of str
        Names with one value for all units.
    refractory : bool
        Whether the neurons have a refractory clause.

    Raises
    ------
    InvalidValueError, UnitsError, UnknownNameError
        With the variable.
    """
    for equation in equations:
        if equation.name in names:
            raise InvalidValueError(message(where, "names that are used once", equation.name, "choose another name."))
    more = REFRACTORINESS if refractory else {}
    known = {**CLOCK, **more, **names, **{each.name: each.meaning for each in equations}}
    for equation in equations:
        _check_flags(f"{where}: {equation.name}", equation, refractory)
        if equation.kind == "differential" and equation.meaning.kind != "float":
            raise InvalidValueError(message(f"{where}: {equation.name}", "a unit, for it changes", equation.unit))
        if equation.formula is not None:
            _check_formula(f"{where}: {equation.name}", equation, equation.formula, known)
    formulas = {
        each.name: each.formula for each in equations if each.kind == "subexpression" and each.formula is not None
    }
    _check_size(where, equations, formulas)
    _check_shared(where, equations, {*shared, "t", "dt", "t_in_timesteps", "N"})
    for equation in equations:
        if equation.name not in exact and (method != "exponential_euler" or equation.name in stepwise):
            continue
        if equation.kind == "differential" and equation.formula is not None:
            check_linear(f"{where}: {equation.name}", equation.formula, {equation.name}, formulas)
    return known


def _check_flags(where: str, equation: Equation, refractory: bool) -> None:
    for flag in equation.flags:
        flags = _FLAGS[equation.kind]
        if equation.kind == "differential":
            if flag == _STOPS and not refractory:
                fix = 'say for how long, with the key refractory = "2*ms" of a neuron file.'
                raise InvalidValueError(message(where, f"no flag {_STOPS!r} without a refractory clause", flag, fix))
            flags = (_STOPS,) if refractory else ()
        if flag not in flags:
            listed = ", ".join(map(repr, flags)) or "none"
            raise InvalidValueError(message(where, f"a flag of a {equation.kind} equation ({listed})", flag))


def _check_formula(place: str, equation: Equation, formula: ast.expr, known: Mapping[str, Meaning]) -> None:
    check_no_random(place, formula)
    if equation.kind == "differential":
        wanted = Meaning(combined(equation.meaning.dimension, _SECOND, -1))
        check_meaning(place, formula, known, wanted, f"d{equation.name}/dt")
    else:
        check_meaning(place, formula, known, equation.meaning, equation.name)


def _folded(
    where: str, formulas: Mapping[str, ast.expr], measure: Callable[[ast.expr, Callable[[str], Any]], Any]
) -> Callable[[str], Any]:
    """Return a function from the name of a subexpression to a measure of it, others put in; a circle is refused."""
    return once_each({}, lambda name: f"{where}: {name}", lambda name, of: measure(formulas[name], of))


def _check_size(where: str, equations: Sequence[Equation], formulas: Mapping[str, ast.expr]) -> None:
    """Refuse formulas that grow too large when subexpressions are put in and products multiplied out."""

    def measure(tree: ast.expr, of: Callable[[str], Any]) -> tuple[int, int, float]:
        nodes, depth, terms = 1, 0, 1.0
        match tree:
            case ast.Name(id=name) if name in formulas:
                return of(name)
            case ast.Constant() | ast.Name():
                return nodes, depth, terms
        parts = [measure(each, of) for each in _parts(tree)] or [(1, 0, 1.0)]
        nodes, depth = 1 + sum(part[0] for part in parts), 1 + max(part[1] for part in parts)
        if isinstance(tree, ast.BinOp):
            left, right = parts[0][2], parts[1][2]
            power = tree.right.value if isinstance(tree.right, ast.Constant) else 1
            match tree.op:
                case ast.Add() | ast.Sub():
                    terms = left + right
                case ast.Mult():
                    terms = left * right
                case ast.Div():
                    terms = left
                case ast.Pow() if isinstance(power, int):
                    terms = left ** min(power, 50)
        elif isinstance(tree, ast.UnaryOp):
            terms = parts[0][2]
        if nodes > _MAX_NODES or depth > _MAX_NESTED or terms > _MAX_TERMS:
            expected = f"formulas of at most {_MAX_NODES} parts, nested at most {_MAX_NESTED} deep"
            raise InvalidValueError(
                message(where, expected, render(tree), "with all variables put in and products multiplied out.")
            )
        return nodes, depth, terms

    of = _folded(where, formulas, measure)
    for name in formulas:
        of(name)
    for equation in equations:
        if equation.kind == "differential" and equation.formula is not None:
            measure(equation.formula, of)


def _parts(tree: ast.expr) -> list[ast.expr]:
    match tree:
        case ast.UnaryOp():
            return [tree.operand]
        case ast.BinOp():
            return [tree.left, tree.right]
        case ast.BoolOp():
            return tree.values
        case ast.Compare():
            return [tree.left, *tree.comparators]
        case ast.Call():
            return tree.args
    return []


def _check_shared(where: str, equations: Sequence[Equation], shared: set[str]) -> None:
    shared |= {each.name for each in equations if "shared" in each.flags}
    varies = {"i", *(each.name for each in equations)} - shared
    for equation in equations:
        if "shared" in equation.flags and equation.formula is not None:
            other = sorted(names_in(equation.formula) & varies)
            if other or random_calls(equation.formula):
                raise InvalidValueError(
                    message(f"{where}: {equation.name}", "a shared variable of shared ones", other or "random numbers")
                )


def check_no_random(where: str, tree: ast.expr) -> None:
    """Refuse random numbers that keep a state, and with it depend on the target and on the runs before.

    Noise of a run belongs to seed, trial, step and neuron.

    Examples
    --------
    >>> from tension_sim.declare.language import parse
    >>> check_no_random("demo", parse("demo", "standard_normal(noise_seed, t_in_timesteps, i)"))
    """
    found = [name for name in sorted(names_in(tree)) if name == "xi" or name.startswith("xi_")]
    for name in [*found, *random_calls(tree)]:
        fix = f"write {_COUNTED.get(name, _COUNTED['xi'])} in place of {name if name in found else f'{name}()'}."
        raise InvalidValueError(message(where, "noise that is the same on every target", name, fix))


def check_linear(
    where: str,
    tree: ast.expr,
    variables: Collection[str],
    formulas: Mapping[str, ast.expr] | None = None,
    fix: str = "this integration needs it.",
) -> None:
    """Refuse a formula that is not linear in some variables, as it is written.

    Examples
    --------
    >>> from tension_sim.declare.language import parse
    >>> check_linear("demo", parse("demo", "(I - v)/tau"), {"v"})
    """
    formulas = formulas or {}

    def degree(node: ast.expr, of: Callable[[str], int]) -> int:
        match node:
            case ast.Name(id=name):
                return 1 if name in variables else of(name) if name in formulas else 0
            case ast.UnaryOp(op=ast.USub()):
                return degree(node.operand, of)
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return max(degree(node.left, of), degree(node.right, of))
            case ast.BinOp(op=ast.Mult()):
                return degree(node.left, of) + degree(node.right, of)
            case ast.BinOp(op=ast.Div()):
                return degree(node.left, of) + 2 * degree(node.right, of)
        return 2 * max((degree(part, of) for part in _parts(node)), default=0)

    if degree(tree, _folded(where, formulas, degree)) > 1:
        shown = ", ".join(sorted(variables))
        raise InvalidValueError(message(where, f"a formula that is linear in {shown}", render(tree), fix))
