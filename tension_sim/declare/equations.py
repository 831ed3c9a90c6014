"""Equation files: a neuron or a synaptic filter, read and checked, without an engine.

Adding a neuron is adding one file to ``equations/``, or to any folder of one's own.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidTypeError, InvalidValueError, message, unknown_name
from ..system.data_folder import data_folder
from ..system.files import parse_toml, read_regular
from .activation import ACTIVATIONS as ACTIVATIONS
from .activation import activation_of as activation_of
from .activation import rate_expression as rate_expression
from .equation_checks import check_neuron, check_synapse
from .language import REFRACTORINESS as REFRACTORINESS
from .language import SEED as SEED
from .language import Equation, Meaning, check_name, parse, read_equations, render, replaced
from .language.syntax import names_in
from .language.unit_table import unit_text
from .units import Dimension, Quantity, describe, dimension_of, evaluate, wrong_unit

__all__ = [
    "Neuron",
    "SynapticFilter",
    "activation_of",
    "list_neurons",
    "list_rate_units",
    "list_synapses",
    "load_neuron",
    "load_synapse",
    "read_neuron",
    "read_synapse",
    "resolve_parameters",
]

_TEXT = ("summary", "source", "notes")
_NEURON_KEYS = {
    *_TEXT, "kind", "equations", "threshold", "reset", "refractory", "method", "membrane",
    "inputs", "units", "parameters", "initial",
}  # fmt: skip
_RATE_KEYS = {
    *_TEXT, "kind", "equations", "rate", "activation", "method", "membrane", "inputs", "parameters", "initial",
}  # fmt: skip
_FILTER_KEYS = {*_TEXT, "kind", "equations", "output", "spike", "parameters", "integration"}

#: What neurons with a refractory clause start from: no spike so far, as in Brian2.
_RESTED = {"lastspike": "-10000*second", "not_refractory": "1"}

_MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class SynapticFilter:
    """How a spike becomes a current: linear differential equations of ``x``.

    Attributes
    ----------
    name : str
        The file's name without its ending.
    equations : str
        Brian2 equations; ``unit`` stands for the unit of what is filtered.
    output : str
        The variable that is the filtered signal.
    spike : dict of str to str
        What a spike of weight 1 adds to which variable, in 1/time.
    parameters : dict of str to str
        Default parameters, as expressions with units.
    integration : str
        ``"exact"`` decay, or by the neuron's own method (``"euler"``).
    """

    name: str
    summary: str
    source: str
    equations: str
    output: str
    spike: Mapping[str, str]
    parameters: Mapping[str, str]
    integration: str = "exact"

    @property
    def exact(self) -> bool:
        """Whether its variables decay exactly, whatever the neuron's method."""
        return self.integration == "exact"

    def renamed(self, suffix: str) -> SynapticFilter:
        """Return the filter with other names for its parameters, for use beside another filter.

        Examples
        --------
        >>> load_synapse("single_exponential").renamed("_plastic").parameters
        {'tau_decay_plastic': '20*ms'}
        """
        names = {name: name + suffix for name in self.parameters}

        def new(text: str) -> str:
            tree = parse(f"{self.name}.toml: parameters", text)
            return render(replaced(tree, {old: ast.Name(name) for old, name in names.items()}))

        return replace(
            self,
            equations="\n".join(str(each.renamed(names)) for each in self.read()),
            spike={name: new(text) for name, text in self.spike.items()},
            parameters={names[name]: new(text) for name, text in self.parameters.items()},
        )

    def read(self) -> tuple[Equation, ...]:
        """Return its equations, one by one."""
        return read_equations(f"{self.name}.toml: equations", self.equations, placeholder=True)

    @property
    def variables(self) -> list[str]:
        """Names of the state variables, as in the file."""
        return [each.name for each in self.read()]

    def named(self, output: str, suffix: str) -> dict[str, str]:
        """Map the file's variable names to those of one use of the filter."""
        return {v: output if v == self.output else f"{v}_{suffix}" for v in self.variables}

    def instance(self, output: str, suffix: str, unit: str) -> tuple[str, dict[str, str]]:
        """Return equations and spike increments of one use of the filter.

        Parameters
        ----------
        output : str
            Name that the output variable gets.
        suffix : str
            Ending of the names of the other variables.
        unit : str
            Unit of the filtered signal.

        Examples
        --------
        >>> equations, spike = load_synapse("double_exponential").instance("r", "r", "1")
        >>> print(equations)
        dr/dt = -r/tau_rise + h_r : 1
        dh_r/dt = -h_r/tau_decay : 1/second
        >>> spike
        {'h_r': '1/(tau_rise*tau_decay)'}
        """
        names = self.named(output, suffix)
        lines = [str(each.renamed(names, unit)) for each in self.read()]
        return "\n".join(lines), {names[v]: text for v, text in self.spike.items()}


@dataclass(frozen=True)
class Neuron:
    """A neuron type, spiking or of rates, as its equation file declares it.

    Attributes
    ----------
    name : str
        The file's name without its ending.
    equations, threshold, reset : str
        Brian2 equations, condition and statements, in physical units; a rate unit has no
        threshold.
    method : str
        Integration method of these equations (filters decay exactly, whatever it is).
    membrane : str
        The variable recorded as voltage.
    inputs : dict
        Variable names that take the ``recurrent``, ``feedback`` and ``external`` current.
    current_unit, rate_unit : str
        Units in which plain weights, and the filtered rate r, count.
    parameters, initial : dict of str to str
        Default parameters and initial values, as expressions with units.
    refractory : str
        A time after each spike, or a condition, as Brian2's clause; empty: there is none. The
        neuron then has the state variables ``lastspike`` and ``not_refractory``.
    rate, activation : str
        Of a rate unit: its rate r, an expression of its variables and of ``activation(...)``,
        and the default activation: tanh, relu, sigmoid, linear, gelu, or an expression of x.
    """

    name: str
    summary: str
    source: str
    equations: str
    threshold: str
    reset: str
    method: str
    membrane: str
    inputs: Mapping[str, str]
    current_unit: str
    rate_unit: str
    parameters: Mapping[str, str]
    initial: Mapping[str, str] = field(default_factory=dict)
    refractory: str = ""
    rate: str = ""
    activation: str = ""

    @property
    def spiking(self) -> bool:
        """Whether it has spikes."""
        return bool(self.threshold)

    @property
    def variables(self) -> list[str]:
        """Names of all state variables and subexpressions of the equations."""
        return [each.name for each in self.read()]

    @property
    def state_variables(self) -> list[str]:
        """Names of the variables that hold a state: all but the subexpressions."""
        return [*(each.name for each in self.read() if each.holds_state), *self._refractoriness]

    @property
    def code(self) -> tuple[str, ...]:
        """All texts that become code: equations, threshold, reset, refractory clause, rate."""
        return self.equations, self.threshold, self.reset, self.refractory, self.rate

    @property
    def meanings(self) -> dict[str, Meaning]:
        """What each variable and subexpression is: its dimension, and whether it is a condition or a whole number."""
        return {each.name: each.meaning for each in self.read()} | self._refractoriness

    @property
    def _refractoriness(self) -> dict[str, Meaning]:
        return REFRACTORINESS if self.refractory else {}

    def read(self) -> tuple[Equation, ...]:
        """Return its equations, one by one."""
        return read_equations(f"{self.name}.toml: equations", self.equations, ours=True)


def dimensions(equations: str, where: str) -> dict[str, Dimension]:
    """Return the dimension of each variable that equations declare.

    Examples
    --------
    >>> dimensions("dx/dt = -x/tau : volt\\nn : integer (constant)", "demo")["x"]
    (2, 1, -3, -1, 0, 0, 0)
    """
    read = read_equations(f"{where}.toml: equations", equations, ours=True)
    return {each.name: each.meaning.dimension for each in read}


def unit_of(neuron: Neuron) -> str:
    """Return the unit of a neuron's currents as equations may declare it (no scale).

    Examples
    --------
    >>> unit_of(load_neuron("theta"))
    '1'
    """
    return unit_text(dimension_of(neuron.current_unit, f"{neuron.name}.toml: units.current"))


def _content(path: Path) -> bytes:
    return read_regular(path.name, path, _MAX_BYTES)


def _own(found: Any) -> Any:
    """Return a neuron or filter whose tables are its holder's own."""
    tables = {each.name: getattr(found, each.name) for each in fields(found)}
    return replace(found, **{name: dict(table) for name, table in tables.items() if isinstance(table, dict)})


def _checked(path: Path, data: dict[str, Any], kind: str, keys: set[str], required: tuple[str, ...]) -> None:
    if data.get("kind") != kind:
        raise InvalidValueError(message(f"{path.name}: kind", f"{kind!r}", data.get("kind"), f'write kind = "{kind}".'))
    for key in data:
        if key not in keys:
            raise unknown_name(path.name, f"key of a {kind} file", key, keys)
    for key in required:
        if key not in data:
            raise InvalidValueError(message(f"{path.name}: {key}", f"the key {key!r}", sorted(data), "add it."))
    for key, value in data.items():
        table = key in ("inputs", "units", "parameters", "initial", "spike")
        if isinstance(value, dict) != table or not (table or isinstance(value, str)):
            raise InvalidValueError(
                message(f"{path.name}: {key}", "a table" if table else "text", value, "see the files in equations/.")
            )
        if table:
            for name, item in value.items():
                if not isinstance(item, str | int | float) or isinstance(item, bool):
                    raise InvalidValueError(
                        message(f"{path.name}: {key}.{name}", 'a number, or an expression such as "10*ms"', item)
                    )


def _parameters(path: Path, data: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of a file; their names become names of variables in generated code."""
    return {check_name(f"{path.name}: parameters", name): item for name, item in _strings(data).items()}


def _strings(table: Mapping[str, Any]) -> dict[str, str]:
    return {name: item if isinstance(item, str) else repr(item) for name, item in table.items()}


@lru_cache(maxsize=64)
def _neuron(path: Path, content: bytes) -> Neuron:
    """Read and check an equation file; its content is part of the key, for a file may change."""
    data = parse_toml(path.name, content)
    if data.get("kind") == "rate":
        _checked(path, data, "rate", _RATE_KEYS, ("equations", "rate", "activation", "membrane", "inputs"))
    else:
        _checked(path, data, "neuron", _NEURON_KEYS, ("equations", "threshold", "reset", "membrane", "inputs", "units"))
    inputs, units = _strings(data["inputs"]), _strings(data.get("units", {"current": "1", "rate": "hertz"}))
    for table, wanted, found in (
        ("inputs", {"recurrent", "feedback", "external"}, inputs),
        ("units", {"current", "rate"}, units),
    ):
        for key in found:
            if key not in wanted:
                raise unknown_name(f"{path.name}: {table}", "entry", key, wanted)
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
    _checked(path, data, "filter", _FILTER_KEYS, ("equations", "output", "spike"))
    synapse = SynapticFilter(
        name=path.stem,
        summary=data.get("summary", ""),
        source=data.get("source", ""),
        equations=data["equations"].strip(),
        output=data["output"],
        spike=_strings(data["spike"]),
        parameters=_parameters(path, data.get("parameters", {})),
        integration=data.get("integration", "exact"),
    )
    if synapse.integration not in ("exact", "euler"):
        raise InvalidValueError(message(f"{path.name}: integration", '"exact" or "euler"', synapse.integration))
    return check_synapse(path.name, synapse, resolve_parameters(path.name, synapse.parameters, dt=1e-4))


@cache
def _kinds() -> dict[Path, str]:
    """Return what each equation file of the package is for."""
    found = sorted(data_folder("equations").glob("*.toml"))
    return {path: parse_toml(path.name, _content(path)).get("kind", "") for path in found}


def _files(*kinds: str) -> dict[str, Path]:
    return {path.stem: path for wanted in kinds for path, kind in _kinds().items() if kind == wanted}


def _locate(where: str, kind: str, name: str | Path, *more: str) -> Path:
    if not isinstance(name, str | Path):
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
        raise unknown_name(where, kind, name, files)
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


def list_synapses() -> list[str]:
    """Return the names of the synaptic filter files of the package.

    Examples
    --------
    >>> "double_exponential" in list_synapses()
    True
    """
    return sorted(_files("filter"))


def load_neuron(name: str | Path) -> Neuron:
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
    path = _locate("load_neuron.name", "neuron", name, "rate")
    return read_neuron(path, _content(path))


def load_synapse(name: str | Path) -> SynapticFilter:
    """Load a synaptic filter by name, or from an equation file of one's own.

    Examples
    --------
    >>> load_synapse("single_exponential").spike
    {'x': '1/tau_decay'}
    """
    path = _locate("load_synapse.name", "filter", name)
    return read_synapse(path, _content(path))


def read_neuron(path: Path, content: bytes) -> Neuron:
    """Return the neuron of an equation file's content; the path gives its name."""
    return _own(_neuron(path, content))


def read_synapse(path: Path, content: bytes) -> SynapticFilter:
    """Return the synaptic filter of an equation file's content; the path gives its name."""
    return _own(_synapse(path, content))


def resolve_parameters(
    where: str,
    defaults: Mapping[str, str],
    overrides: Mapping[str, str | float] | None = None,
    *,
    dt: float,
) -> dict[str, Quantity]:
    """Evaluate parameters that may refer to each other, in any order.

    Parameters
    ----------
    where : str
        File or class, for messages.
    defaults : mapping
        Expressions of the equation file.
    overrides : mapping, optional
        Other expressions for some of them, of the same units.
    dt : float
        Time step in seconds, known to expressions as ``dt``.

    Returns
    -------
    dict of str to Quantity
        SI values with dimensions.

    Examples
    --------
    >>> resolve_parameters("demo", {"a": "2*b", "b": "3*mV"}, dt=1e-4)["a"].value
    0.006
    """
    overrides = overrides or {}
    for name in overrides:
        if name not in defaults:
            raise unknown_name(f"{where}: parameters", "parameter", name, defaults)
    known: dict[str, Quantity] = {"dt": Quantity(dt, dimension_of("second", where))}
    texts = {**defaults, **overrides}
    original = resolve_parameters(where, defaults, dt=dt) if overrides else {}

    def value(name: str, trail: tuple[str, ...]) -> Quantity:
        if name in known:
            return known[name]
        if name in trail:
            raise InvalidValueError(
                message(f"{where}: parameters.{name}", "no circle of definitions", " -> ".join((*trail, name)))
            )
        text = texts[name]
        needed = names_in(parse(f"{where}: parameters.{name}", text)) & set(texts) if isinstance(text, str) else ()
        names = {other: value(other, (*trail, name)) for other in needed} | {"dt": known["dt"]}
        found = known[name] = evaluate(text, f"{where}: parameters.{name}", names)
        wanted = original.get(name, found).dimension
        if found.dimension != wanted:
            fix = f"the default is {defaults[name]!r}."
            raise wrong_unit(f"{where}: parameters.{name}", wanted, text, found.dimension, fix)
        return found

    for name in texts:
        value(name, ())
    for name, quantity in known.items():
        if not np.all(np.isfinite(quantity.value)):
            raise InvalidValueError(message(f"{where}: parameters.{name}", "a finite value", texts.get(name)))
    known.pop("dt")
    return known


def rate_time(neuron: Neuron) -> float:
    """Return one over the rate unit, in seconds: 1 for 1/second, 0.001 for 1/ms."""
    return 1.0 / evaluate(neuron.rate_unit, f"{neuron.name}: units.rate").value


def current_scale(neuron: Neuron) -> float:
    """Return the SI value of the unit in which plain currents and weights count."""
    return evaluate(neuron.current_unit, f"{neuron.name}: units.current").value
