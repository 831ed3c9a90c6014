"""Equation files: found by name or path, read and checked, without an engine.

Adding a neuron is adding one file to ``equations/``, or to any folder of one's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache, lru_cache
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..errors import InvalidTypeError, InvalidValueError, message, unknown_name
from ..system.data_folder import data_folder
from ..system.files import parse_toml, read_regular
from .activation import ACTIVATIONS as ACTIVATIONS
from .activation import activation_of as activation_of
from .activation import rate_expression as rate_expression
from .converted import File
from .equation_checks import check_neuron, check_synapse
from .language import REFRACTORINESS as REFRACTORINESS
from .language import SEED as SEED
from .language import check_name
from .neuron import Input, Neuron, SynapticFilter
from .neuron import current_scale as current_scale
from .neuron import dimensions as dimensions
from .neuron import rate_time as rate_time
from .neuron import unit_of as unit_of
from .parameters import resolve_parameters
from .units import describe, dimension_of, evaluate
from .validation import check_choice

__all__ = [
    "Neuron",
    "SynapticFilter",
    "activation_of",
    "filter_of",
    "list_neurons",
    "list_rate_units",
    "list_synapses",
    "load_neuron",
    "load_synapse",
    "neuron_of",
    "read_neuron",
    "read_synapse",
    "resolve_parameters",
    "synapse_of",
]

_TEXT = ("summary", "source", "notes")
_NEURON_KEYS = {
    *_TEXT, "kind", "equations", "threshold", "reset", "refractory", "method", "membrane",
    "inputs", "units", "parameters", "ranges", "initial",
}  # fmt: skip
_RATE_KEYS = {
    *_TEXT, "kind", "equations", "rate", "activation", "method", "membrane",
    "inputs", "parameters", "ranges", "initial",
}  # fmt: skip
_FILTER_KEYS = {*_TEXT, "kind", "equations", "output", "spike", "parameters", "ranges", "integration"}
_SYNAPSE_KEYS = {*_FILTER_KEYS, "reset"}

#: What neurons with a refractory clause start from: no spike so far, as in Brian2.
_RESTED = {"lastspike": "-10000*second", "not_refractory": "1"}

#: How tables are written that a file lacks.
_TABLES = {
    "units": 'add [units] with the units of currents and rates, as in current = "pA" and rate = "1/second".',
    "inputs": 'add [inputs], as in g_exc = {unit = "nS", meaning = "excitatory conductance"}.',
}

_MAX_BYTES = 1_000_000


def _content(path: Path) -> bytes:
    return read_regular(path.name, path, _MAX_BYTES)


_Part = TypeVar("_Part", Neuron, SynapticFilter)


def _own(found: _Part) -> _Part:
    """Return a copy of a neuron or filter, whose tables its holder may change."""
    tables = {each.name: getattr(found, each.name) for each in fields(found)}
    copies: dict[str, Any] = {name: dict(table) for name, table in tables.items() if isinstance(table, dict)}
    return replace(found, **copies)


def _checked(
    path: Path, data: dict[str, Any], kind: str, keys: set[str], required: tuple[str, ...], *others: str
) -> None:
    """Check kind, keys and tables of a file; `others` are further kinds that would have been right."""
    if data.get("kind") != kind:
        what = " or ".join(map(repr, (kind, *others)))
        raise InvalidValueError(message(f"{path.name}: kind", what, data.get("kind"), f'write kind = "{kind}".'))
    for key in data:
        if key not in keys:
            raise unknown_name(path.name, f"key of a {kind} file", key, keys)
    for key in required:
        if key not in data:
            fix = _TABLES.get(key, "add it.")
            raise InvalidValueError(message(f"{path.name}: {key}", f"the key {key!r}", sorted(data), fix))
    for key, value in data.items():
        table = key in ("inputs", "units", "parameters", "ranges", "initial", "spike")
        if isinstance(value, dict) != table or not (table or isinstance(value, str)):
            raise InvalidValueError(
                message(f"{path.name}: {key}", "a table" if table else "text", value, "see the files in equations/.")
            )
        if isinstance(value, dict):
            for name, item in value.items():
                if key == "inputs" and isinstance(item, dict):
                    continue  # an input with a unit of its own, which _inputs reads
                if not isinstance(item, str | int | float) or isinstance(item, bool):
                    raise InvalidValueError(
                        message(f"{path.name}: {key}.{name}", 'a number, or an expression such as "10*ms"', item)
                    )


def _parameters(path: Path, data: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of a file; their names become names of variables in generated code."""
    return {check_name(f"{path.name}: parameters", name): item for name, item in _strings(data).items()}


def _strings(table: Mapping[str, Any]) -> dict[str, str]:
    return {name: item if isinstance(item, str) else repr(item) for name, item in table.items()}


def _inputs(path: Path, table: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Input]]:
    """Return the variables of the three currents, and the inputs that have a unit of their own."""
    more = {}
    for name, item in table.items():
        if not isinstance(item, dict):
            continue
        place = f"{path.name}: inputs.{name}"
        for key in item:
            if key not in ("unit", "meaning"):
                raise unknown_name(place, "key of an input", key, ("unit", "meaning"))
        for key in ("unit", "meaning"):
            if not isinstance(item.get(key), str) or not item[key].strip():
                fix = 'as in g_exc = {unit = "nS", meaning = "excitatory conductance"}.'
                raise InvalidValueError(message(place, f"its {key} as a text", item.get(key), fix))
        more[name] = Input(item["unit"].strip(), item["meaning"].strip())
    return _strings({name: item for name, item in table.items() if not isinstance(item, dict)}), more


@lru_cache(maxsize=64)
def _neuron(path: Path, content: bytes) -> Neuron:
    """Read and check an equation file; its content is part of the key, for a file may change."""
    data = parse_toml(path.name, content)
    if data.get("kind") == "rate":
        _checked(path, data, "rate", _RATE_KEYS, ("equations", "rate", "activation", "membrane", "inputs"))
    else:
        required = ("equations", "threshold", "reset", "membrane", "inputs", "units")
        _checked(path, data, "neuron", _NEURON_KEYS, required, "rate")
    units = _strings(data.get("units", {"current": "1", "rate": "hertz"}))
    inputs, more_inputs = _inputs(path, data["inputs"])
    wanted_inputs = set() if more_inputs and not inputs else {"recurrent", "feedback", "external"}
    for table, wanted, found in (("inputs", wanted_inputs, inputs), ("units", {"current", "rate"}, units)):
        for key in found:
            if key not in wanted:
                own = f'an input with a unit of its own is {key} = {{unit = "nS", meaning = "..."}}.'
                raise unknown_name(f"{path.name}: {table}", "entry", key, wanted, fix=own if table == "inputs" else "")
        for key in wanted - set(found):
            raise InvalidValueError(message(f"{path.name}: {table}", f"the entry {key!r}", sorted(found), "add it."))
    refractory = data.get("refractory", "").strip()
    if "refractory" in data and not refractory:
        fix = 'as in refractory = "2*ms", or leave it out.'
        raise InvalidValueError(message(f"{path.name}: refractory", "a time or a condition", "", fix))
    neuron = Neuron(
        name=path.stem,
        summary=data.get("summary", ""),
        source=data.get("source", ""),
        equations=data["equations"].strip(),
        threshold=data.get("threshold", "").strip(),
        reset=data.get("reset", "").strip(),
        method=data.get("method", "euler"),
        membrane=data["membrane"],
        inputs=inputs,
        current_unit=units["current"],
        rate_unit=units["rate"],
        parameters=_parameters(path, data.get("parameters", {})),
        initial=(_RESTED if refractory else {}) | _strings(data.get("initial", {})),
        refractory=refractory,
        rate=data.get("rate", "").strip(),
        activation=data.get("activation", "").strip(),
        more_inputs=more_inputs,
        ranges=_strings(data.get("ranges", {})),
    )
    for key, unit in units.items():
        value = evaluate(unit, f"{path.name}: units.{key}").value
        if not 0 < value < np.inf:
            raise InvalidValueError(message(f"{path.name}: units.{key}", "a unit above 0", unit))
    rate = dimension_of(neuron.rate_unit, f"{path.name}: units.rate")
    if rate != dimension_of("hertz", ""):
        raise InvalidValueError(
            message(f"{path.name}: units.rate", "a rate such as 1/second", neuron.rate_unit, f"it is {describe(rate)}.")
        )
    return check_neuron(path.name, neuron, resolve_parameters(path.name, neuron.parameters, dt=1e-4))


@lru_cache(maxsize=64)
def _synapse(path: Path, content: bytes) -> SynapticFilter:
    data = parse_toml(path.name, content)
    kind = "synapse" if data.get("kind") == "synapse" else "filter"
    at_spike = "reset" if kind == "synapse" and "reset" in data else "spike"
    keys = _SYNAPSE_KEYS if kind == "synapse" else _FILTER_KEYS
    keys = keys - {"spike"} if at_spike == "reset" else keys
    _checked(path, data, kind, keys, ("equations", "output", at_spike), "synapse")
    synapse = SynapticFilter(
        name=path.stem,
        summary=data.get("summary", ""),
        source=data.get("source", ""),
        equations=data["equations"].strip(),
        output=data["output"],
        spike=_strings(data.get("spike", {})),
        parameters=_parameters(path, data.get("parameters", {})),
        integration=data.get("integration", "exact"),
        kind=kind,
        reset=data.get("reset", "").strip(),
        ranges=_strings(data.get("ranges", {})),
    )
    if synapse.integration not in ("exact", "euler"):
        raise InvalidValueError(message(f"{path.name}: integration", '"exact" or "euler"', synapse.integration))
    return check_synapse(path.name, synapse, resolve_parameters(path.name, synapse.parameters, dt=1e-4))


@cache
def _kinds() -> dict[Path, str]:
    """Return the kind of each equation file of the package."""
    found = sorted(data_folder("equations").glob("*.toml"))
    return {path: parse_toml(path.name, _content(path)).get("kind", "") for path in found}


def _files(*kinds: str) -> dict[str, Path]:
    return {path.stem: path for wanted in kinds for path, kind in _kinds().items() if kind == wanted}


def _locate(where: str, kind: str, name: File, *more: str, built_in: tuple[str, ...] = ()) -> Path:
    if not isinstance(name, str | PathLike):
        raise InvalidTypeError(message(where, f"the name of a {kind}, or a path", name))
    path = Path(name)
    if path.suffix == ".toml" or len(path.parts) > 1:
        try:
            found = path.is_file()
        except (OSError, ValueError):  # a name that no file can have
            found = False
        if found:
            return path
        raise InvalidValueError(message(where, f"an existing {kind} file", str(name), "check the path."))
    files = _files(kind, *more)
    if str(name) not in files:
        raise unknown_name(where, kind, name, [*files, *built_in])
    return files[str(name)]


def list_neurons() -> list[str]:
    """Return the names of the neuron files of the package.

    Examples
    --------
    >>> "izhikevich" in list_neurons()
    True
    """
    return sorted(_files("neuron"))


def list_rate_units() -> list[str]:
    """Return the names of the package's equation files of rate units.

    Examples
    --------
    >>> list_rate_units()[:2]
    ['constrained', 'echo_state']
    """
    return sorted(_files("rate"))


def list_synapses(kind: str = "filter") -> list[str]:
    """Return the names of the package's files of synaptic filters, or of synapses.

    Parameters
    ----------
    kind : str
        ``"filter"``: a weight counts by the rate of spikes; ``"synapse"``: each spike adds its weight.

    Examples
    --------
    >>> "double_exponential" in list_synapses()
    True
    >>> "ampa" in list_synapses("synapse")
    True
    """
    return sorted(_files(check_choice("list_synapses.kind", kind, ("filter", "synapse"))))


def load_neuron(name: File) -> Neuron:
    """Load a neuron by name, or from an equation file of one's own.

    Parameters
    ----------
    name : str or Path
        ``"lif"``, or a path such as ``"my_neuron.toml"``.

    Raises
    ------
    UnknownNameError, InvalidValueError, UnitsError
        If the name is unknown or the file is wrong; the message names file and key.

    Examples
    --------
    >>> load_neuron("lif").threshold
    'v >= v_peak'
    """
    return neuron_of(name, "load_neuron.name")


def load_synapse(name: File) -> SynapticFilter:
    """Load a synaptic filter or a synapse by name, or from an equation file of one's own.

    Examples
    --------
    >>> load_synapse("single_exponential").spike
    {'x': '1/tau_decay'}
    """
    return synapse_of(name, "load_synapse.name")


def neuron_of(given: Any, where: str, *built_in: str) -> Neuron:
    """Return the neuron that a declaration was given: itself, or by name or path; `where` begins the messages.

    The names in `built_in` are known too, and no files.
    """
    if isinstance(given, Neuron):
        return given
    path = _locate(where, "neuron", given, "rate", built_in=built_in)
    return read_neuron(path, _content(path))


def synapse_of(given: Any, where: str, *built_in: str) -> SynapticFilter:
    """Return the synaptic filter that a declaration was given, likewise."""
    if isinstance(given, SynapticFilter):
        return given
    path = _locate(where, "filter", given, "synapse", built_in=built_in)
    return read_synapse(path, _content(path))


def filter_of(where: str, given: Any) -> SynapticFilter:
    """Return a filter for a declaration that reads the output from one of its variables.

    Raises
    ------
    InvalidValueError
        If the output is a sum.
    """
    found = synapse_of(given, where)
    if found.is_sum:
        fix = "declare a Network, with a population of these neurons."
        raise InvalidValueError(message(where, "a filter whose output is one of its variables", found.output, fix))
    return found


def read_neuron(path: Path, content: bytes) -> Neuron:
    """Return the neuron of an equation file's content; the path gives its name."""
    return _own(_neuron(path, content))


def read_synapse(path: Path, content: bytes) -> SynapticFilter:
    """Return the synaptic filter of an equation file's content; the path gives its name."""
    return _own(_synapse(path, content))
