"""Checks of an equation file when it is loaded, so that Brian2 has nothing left to refuse."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import InvalidValueError, TensionError, UnitsError, message, unknown_name
from .activation import rate_expression
from .language import (
    REFRACTORINESS,
    SEED,
    Equation,
    Meaning,
    check_equations,
    check_linear,
    check_meaning,
    check_method,
    check_name,
    declared_unit,
    names_in,
    parse,
    read_condition,
    read_equations,
    read_refractory,
    read_statements,
    render,
)
from .language.equations import PLACEHOLDER
from .language.limits import random_calls
from .language.meaning import combined
from .language.unit_table import unit_text
from .neuron import Neuron, SynapticFilter
from .parameter_checks import check_refractory, check_synapse_parameters
from .ranges import check_ranges, read_ranges
from .units import Quantity, dimension_of, evaluate, wrong_unit

__all__ = ["check_neuron", "check_synapse"]

_DT = 1e-4
_SECOND = (0, 0, 1, 0, 0, 0, 0)


def check_neuron(where: str, neuron: Neuron, parameters: Mapping[str, Quantity]) -> Neuron:
    """Return a neuron with its code written anew, or refuse it.

    Parameters
    ----------
    where : str
        The file, for messages.
    neuron : Neuron
        As the file declares it.
    parameters : mapping of str to Quantity
        Values of its parameters.

    Raises
    ------
    InvalidValueError, UnitsError, UnknownNameError
        With the file and the key.
    """
    equations = read_equations(f"{where}: equations", neuron.equations)
    check_method(f"{where}: method", neuron.method)
    shared = _parameters(where, equations, parameters)
    names = shared | _inputs(where, neuron, {*shared, *(each.name for each in equations)})
    names[SEED] = Meaning(kind="integer")
    for each in equations:
        if each.kind == "parameter" and "shared" in each.flags:
            fix = "put it into [parameters]."
            raise InvalidValueError(
                message(f"{where}: equations: {each.name}", "a value for each unit", each.flags, fix)
            )
    known = check_equations(
        f"{where}: equations", equations, names, method=neuron.method, shared={*shared, SEED},
        refractory=bool(neuron.refractory),
    )  # fmt: skip
    states = {each.name: each for each in equations if each.holds_state}
    meanings = {name: each.meaning for name, each in states.items()} | (REFRACTORINESS if neuron.refractory else {})
    for key, listed, of in (("membrane", [neuron.membrane], states), ("initial", neuron.initial, meanings)):
        for name in listed:
            if name not in of:
                raise unknown_name(f"{where}: {key}", "variable of the equations", name, of)
    if states[neuron.membrane].meaning.kind != "float":
        raise InvalidValueError(message(f"{where}: membrane", "a variable with a unit", neuron.membrane))
    _check_initial(where, neuron, parameters, meanings)
    changes: dict[str, Any] = {
        "ranges": read_ranges(where, neuron.ranges, shared),
        "equations": "\n".join(map(str, equations)),
        "threshold": read_condition(f"{where}: threshold", neuron.threshold, known) if neuron.spiking else "",
        "reset": "",
        "refractory": "",
    }
    if neuron.spiking:
        changing = {name for name, each in states.items() if "constant" not in each.flags}
        changes["reset"] = read_statements(f"{where}: reset", neuron.reset, known, changing)
        if neuron.refractory:
            changes["refractory"] = read_refractory(f"{where}: refractory", neuron.refractory, known)
            check_refractory(where, replace(neuron, **changes), parameters)
    else:
        _check_rate(where, neuron, {name: each.meaning for name, each in states.items()} | shared)
        changes["rate"] = render(parse(f"{where}: rate", neuron.rate))
    neuron = replace(neuron, **changes)
    check_ranges(where, neuron, parameters)
    return neuron


def check_synapse(where: str, synapse: SynapticFilter, parameters: Mapping[str, Quantity]) -> SynapticFilter:
    """Return a filter with its code written anew, or refuse it; as `check_neuron`."""
    equations = read_equations(f"{where}: equations", synapse.equations, placeholder=True)
    shared = _parameters(where, equations, parameters)
    synapse = replace(synapse, ranges=read_ranges(where, synapse.ranges, shared))
    check_synapse_parameters(where, synapse, parameters, {})
    formulas = {each.name: each.formula for each in equations if each.formula is not None}
    for each in equations:
        if each.kind != "differential":
            raise InvalidValueError(
                message(
                    f"{where}: equations: {each.name}", "differential equations alone, as in dx/dt = ...", str(each)
                )
            )
    variables = {each.name: each for each in equations}
    for key, listed in (("output", [synapse.output]), ("spike", synapse.spike)):
        for name in listed if not synapse.is_sum or key == "spike" else ():
            if name not in variables:
                raise unknown_name(f"{where}: {key}", "variable of the equations", name, variables)
    exact = variables if synapse.exact else ()
    known = check_equations(f"{where}: equations", equations, shared, exact=exact, shared=shared)
    for variable, formula in formulas.items():
        free = sorted(names_in(formula) & {"t", "i", "N", "t_in_timesteps"})
        if free:
            raise InvalidValueError(
                message(f"{where}: equations: {variable}", "a filter that is the same at all times", free)
            )
        if synapse.exact or not synapse.presynaptic:  # the variables of a neuron that sums must be linear
            fix = 'write integration = "euler".' if synapse.presynaptic else "this integration needs it."
            check_linear(f"{where}: equations: {variable}", formula, {*variables}, fix=fix)
    first = synapse.output
    if synapse.is_sum:
        synapse, first = _check_sum(where, synapse, variables, shared)
    output = variables[first]
    if synapse.presynaptic:
        return _check_presynaptic(where, synapse, equations, known)
    if output.unit != PLACEHOLDER:
        place = f"{where}: equations: {output.name}"
        raise InvalidValueError(message(place, "the unit 'unit', for it is the output", output.unit))
    if not synapse.spike:
        raise InvalidValueError(message(f"{where}: spike", "what a spike adds to a variable", {}))
    spike = {}
    for name, text in synapse.spike.items():
        # a spike adds this, times a weight in the filter's unit; of a filter also times one unit of time
        unit = combined(variables[name].meaning.dimension, output.meaning.dimension, -1)
        of_filter = synapse.kind == "filter"
        wanted = Meaning(combined(unit, _SECOND, -1) if of_filter else unit)
        what = f"what a spike of weight 1 adds{' in 1 second' if of_filter else ''}"
        place, tree = f"{where}: spike.{name}", parse(f"{where}: spike.{name}", text)
        _check_names(place, tree, shared)
        evaluate(text, place, parameters)
        check_meaning(place, tree, shared, wanted, what)
        if random_calls(tree):
            raise InvalidValueError(message(place, "an amount that is the same for each spike", text))
        spike[name] = render(tree)
    return replace(synapse, equations="\n".join(map(str, equations)), spike=spike)


def _check_sum(
    where: str, synapse: SynapticFilter, variables: Mapping[str, Equation], shared: Mapping[str, Meaning]
) -> tuple[SynapticFilter, str]:
    """Return a filter whose output is a sum, written anew, and the first of its variables there."""
    place, text = f"{where}: output", synapse.output
    if synapse.presynaptic:
        what = "one variable, where the synapse has presynaptic state"
        raise InvalidValueError(message(place, what, text))
    tree = parse(place, text)
    _check_names(place, tree, {**variables, **shared})
    named = [name for name in variables if name in names_in(tree)]
    for name in named:
        if variables[name].unit != PLACEHOLDER:
            place = f"{where}: equations: {name}"
            raise InvalidValueError(
                message(place, "the unit 'unit', for it is part of the output", variables[name].unit)
            )
    check_linear(place, tree, named)
    if not all(names_in(term) & {*named} for term in _terms(tree)):
        raise InvalidValueError(message(place, "a sum of variables of the equations", text))
    meanings = {name: each.meaning for name, each in variables.items()} | dict(shared)
    check_meaning(place, tree, meanings, variables[named[0]].meaning, "the output")
    return replace(synapse, output=render(tree)), named[0]


def _terms(tree: ast.expr) -> list[ast.expr]:
    """Return the terms of a sum."""
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub):
        return [*_terms(tree.left), *_terms(tree.right)]
    return [tree]


def _check_presynaptic(
    where: str, synapse: SynapticFilter, equations: tuple[Equation, ...], known: Mapping[str, Meaning]
) -> SynapticFilter:
    """Return a synapse with presynaptic state with its code written anew."""
    for each in equations:
        if each.meaning != Meaning():
            what = "variables without unit: weights bring the unit of the input"
            raise InvalidValueError(message(f"{where}: equations: {each.name}", what, each.unit, "write : 1."))
    reset = read_statements(f"{where}: reset", synapse.reset, known, {each.name for each in equations})
    return replace(synapse, equations="\n".join(map(str, equations)), reset=reset)


def _check_names(where: str, tree: ast.expr, known: Mapping[str, object]) -> None:
    other = sorted(names_in(tree) & {"t", "dt", "i", "N", "t_in_timesteps"} - {*known})
    if other:
        raise unknown_name(where, "parameter or unit", other[0], known)


def _parameters(where: str, equations: tuple[Equation, ...], parameters: Mapping[str, Quantity]) -> dict[str, Meaning]:
    """Return what the parameters mean; `parameters` has their values."""
    if not equations:
        raise InvalidValueError(message(f"{where}: equations", "at least one equation", ""))
    declared = {each.name for each in equations}
    for name in parameters:
        if name in declared:
            raise InvalidValueError(
                message(f"{where}: parameters.{name}", "another name than the variables of the equations", name)
            )
    return {name: Meaning(quantity.dimension) for name, quantity in parameters.items()}


def _inputs(where: str, neuron: Neuron, taken: set[str]) -> dict[str, Meaning]:
    """Return what the inputs mean: variables that the equations use and do not declare."""
    dimension, seen = dimension_of(neuron.current_unit, f"{where}: units.current"), set(taken)
    declared_unit(f"{where}: units.current", unit_text(dimension))
    for key, name in neuron.inputs.items():
        check_name(f"{where}: inputs.{key}", name)
        if name in seen:
            fix = "equations use inputs without declaring them; each has a name of its own."
            raise InvalidValueError(message(f"{where}: inputs.{key}", "a name that is used once", name, fix))
        seen.add(name)
    found = dict.fromkeys(neuron.inputs.values(), Meaning(dimension))
    for name, each in neuron.more_inputs.items():
        place = f"{where}: inputs.{name}"
        check_name(place, name)
        if name in seen:
            fix = "equations use inputs without declaring them; each has a name of its own."
            raise InvalidValueError(message(place, "a name that is used once", name, fix))
        unit = evaluate(each.unit, f"{place}.unit")
        if not 0 < unit.value < np.inf:
            raise InvalidValueError(message(f"{place}.unit", "a unit above 0", each.unit))
        declared_unit(f"{place}.unit", unit_text(unit.dimension))
        found[name] = Meaning(unit.dimension)
        seen.add(name)
    return found


def _check_initial(
    where: str, neuron: Neuron, parameters: Mapping[str, Quantity], states: Mapping[str, Meaning]
) -> None:
    names = {**parameters, "dt": Quantity(_DT, _SECOND)}
    for name, text in neuron.initial.items():
        place = f"{where}: initial.{name}"
        found = evaluate(text, place, names, 2, np.random.default_rng(0))
        wanted = states[name]
        if found.dimension != wanted.dimension:
            raise wrong_unit(place, wanted.dimension, text, found.dimension, "give it that unit.")
        if not np.all(np.isfinite(found.value)):
            raise InvalidValueError(message(place, "a finite value", text))
        whole = {"integer": np.round(found.value), "boolean": np.asarray(found.value) != 0}
        if wanted.kind != "float" and not np.all(found.value == whole[wanted.kind]):
            raise InvalidValueError(message(place, f"a value of the {wanted.kind} {name}", text))


def _check_rate(where: str, neuron: Neuron, names: Mapping[str, Meaning]) -> None:
    try:
        text = rate_expression(replace(neuron, name=where.removesuffix(".toml")))
    except TensionError as error:
        raise type(error)(str(error).replace(f"{where.removesuffix('.toml')}: ", f"{where}: ", 1)) from None
    place = f"{where}: rate"
    tree = parse(place, text)
    _check_names(place, tree, names)
    try:
        check_meaning(place, tree, names, Meaning(), "a plain number")
    except UnitsError as error:
        raise UnitsError(f"{error}\nThe rate is {neuron.rate}.") from None
    if random_calls(tree):
        raise InvalidValueError(message(place, "a rate without random numbers", neuron.rate))
