"""What the names in the error of a learned projection stand for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from ...errors import InvalidValueError, message, unknown_name
from ..language.code import check_error_code, check_error_unit
from ..units import DIMENSIONLESS, Dimension, Quantity, dimension_of, evaluate
from .naming import PLACE, words
from .network_parts import NetworkParts

__all__ = ["Reference", "check_error", "constants_of", "error_names", "supervisor_of"]

#: Kinds of references: a variable of a population, of a projection, of a readout; the unit of an input; a number.
POPULATION, PROJECTION, READOUT, UNIT, CONSTANT = "population", "projection", "readout", "unit", "constant"


class Reference(NamedTuple):
    """What a name stands for.

    Attributes
    ----------
    kind, owner : str
        Of which part of the network.
    variable : str
        Its variable, or the input whose unit it is.
    """

    kind: str
    owner: str
    variable: str


def error_names(net: NetworkParts, k: int) -> dict[str, Reference]:
    """Return what each name stands for that the error of a projection may use, beside ``z`` and ``y``.

    Raises
    ------
    UnknownNameError, InvalidValueError, UnitsError
        If one of `Projection.variables` stands for nothing.
    """
    projection, name = net.projections[k], net.projection_names[k]
    post = projection.post
    variables = {*net.equations[post].state_variables, *net.inputs_of(post)}
    known = {variable: Reference(POPULATION, post, variable) for variable in sorted(variables)}
    known |= {readout: Reference(READOUT, readout, "z") for readout in net.readouts}
    known["unit"] = Reference(UNIT, post, net.inputs[k])
    if net.acts_each_step(k):
        known["z_now"] = Reference(PROJECTION, name, "z_now")
    for key, value in projection.variables.items():
        where = f"Network.projections[{k}].variables[{key!r}]"
        if key in {*known, "z", "y"}:
            raise InvalidValueError(message(where, "a name that the error does not know already", key))
        known[key] = _reference(net, k, where, key, value)
    return known


def _reference(net: NetworkParts, k: int, where: str, key: str, value: Any) -> Reference:
    place = PLACE.fullmatch(value) if isinstance(value, str) else None
    if place is None:
        evaluate(value, where)
        return Reference(CONSTANT, net.projection_names[k], key)
    owner, variable = place.groups()
    post = net.projections[k].post
    if owner in net.populations:
        at, kind = owner, POPULATION
        equations = net.equations[owner]
        known: Collection[str] = {*equations.state_variables, *equations.variables}
    elif owner in net.projection_names:
        other = net.projection_names.index(owner)
        at, kind, known = net.projections[other].post, PROJECTION, ("z", "z_now")
        if not net.acts_each_step(other):
            what = "a projection whose weights act in each step: of rates, inputs or presynaptic state, or learned"
            raise InvalidValueError(message(where, what, owner))
    else:
        raise unknown_name(where, "population or projection", owner, [*net.populations, *net.projection_names])
    if variable not in known:
        raise unknown_name(where, f"variable of {owner!r}", variable, known)
    if net.sizes[at] != net.sizes[post]:
        what = f"{net.sizes[post]} values, one for each postsynaptic neuron"
        raise InvalidValueError(message(where, what, f"{value}, with {net.sizes[at]}"))
    return Reference(kind, owner, variable)


def constants_of(net: NetworkParts, k: int) -> dict[str, Quantity]:
    """Return the numbers among the names that the error of a projection may use."""
    given = net.projections[k].variables
    names = [key for key, value in given.items() if not (isinstance(value, str) and PLACE.fullmatch(value))]
    return {key: evaluate(given[key], f"Network.projections[{k}].variables[{key!r}]") for key in names}


def _dimensions(net: NetworkParts, k: int) -> dict[str, Dimension]:
    """Return the dimension of each name that the error of a projection may use; plain numbers supervise."""
    found = {"y": DIMENSIONLESS, "z": _dimension_of_input(net, k)}
    constants = constants_of(net, k)
    for name, reference in error_names(net, k).items():
        owner = reference.owner
        if reference.kind == POPULATION:
            equations = net.equations[owner]
            states, variable = equations.state_variables, reference.variable
            found[name] = states[variable] if variable in states else dimension_of(equations.variables[variable], name)
        elif reference.kind == PROJECTION:
            found[name] = _dimension_of_input(net, net.projection_names.index(owner))
        elif reference.kind == READOUT:
            found[name] = DIMENSIONLESS
        else:
            found[name] = found["z"] if reference.kind == UNIT else constants[name].dimension
    return found


def _dimension_of_input(net: NetworkParts, k: int) -> Dimension:
    into = net.inputs[k]
    return dimension_of(net.populations[net.projections[k].post].neuron.input_units[into], into)


def supervisor_of(net: NetworkParts, k: int) -> str:
    """Return the readout or output whose supervisor is ``y`` in the error of a projection; empty if none decides it."""
    projection = net.projections[k]
    used = words(projection.error)
    named = [name for name in net.supervised if name in used] or [*net.supervised]
    return projection.supervisor or (named[0] if len(named) == 1 else "")


def _check_no_two_meanings(net: NetworkParts, k: int, where: str, used: Collection[str]) -> None:
    """Refuse a name in an error that is a readout's or the rule's own and means something else there, too."""
    post, of_rule = net.projections[k].post, ("z", "y", "error")
    of_neurons = {*net.equations[post].state_variables, *net.inputs_of(post)}
    for name in of_rule:
        if name in used and name in of_neurons:
            fix = f"give the variable {name!r} of {net.populations[post].neuron.name!r} another name."
            raise InvalidValueError(message(where, "names with one meaning", name, fix))
    others = {*of_rule, "z_now", "unit", *of_neurons}
    for name in net.readouts:
        if name in used and name in others:
            fix = f"give the readout {name!r} another name."
            raise InvalidValueError(message(where, "names with one meaning", name, fix))


def check_error(net: NetworkParts, k: int) -> None:
    """Refuse an error that names what a learned projection does not have."""
    projection, where = net.projections[k], f"Network.projections[{k}].error"
    used, known = words(projection.error), error_names(net, k)
    check_error_code(where, projection.error, sorted({*known, "z", *(["y"] if net.supervised else [])}))
    _check_no_two_meanings(net, k, where, used)
    check_error_unit(where, projection.error, _dimensions(net, k))
    for name in (name for name in net.readouts if name in used):
        outputs = net.output_kernels[name].shape[1]
        if outputs != 1:
            what = "a readout with one output, which every neuron learns from"
            raise InvalidValueError(message(where, what, f"{name}, with {outputs}"))
    if projection.supervisor and projection.supervisor not in net.supervised:
        place = f"Network.projections[{k}].supervisor"
        raise unknown_name(place, "readout or output", projection.supervisor, net.supervised)
    if "y" not in used:
        return
    supervisor, n = supervisor_of(net, k), net.sizes[projection.post]
    if not supervisor:
        what = "one readout beside y, which is its supervisor"
        raise InvalidValueError(message(where, what, projection.error, 'as in "unit*(output - y)".'))
    if net.supervised[supervisor] not in (1, n):
        what = f"a supervisor of one value, or of {n}, one for each postsynaptic neuron"
        raise InvalidValueError(message(where, what, f"that of {supervisor}, with {net.supervised[supervisor]}"))
