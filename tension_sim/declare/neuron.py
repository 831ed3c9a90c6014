"""Neuron and SynapticFilter: the content of an equation file."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from .language import REFRACTORINESS, Equation, Meaning, parse, read_equations, render, replaced
from .language.unit_table import unit_text
from .units import Dimension, dimension_of, evaluate

__all__ = ["Input", "Neuron", "SynapticFilter", "base_unit", "current_scale", "dimensions", "rate_time", "unit_of"]


@dataclass(frozen=True)
class Input:
    """A named input of a neuron.

    Attributes
    ----------
    unit : str
        Unit in which plain weights into it count.
    meaning : str
        What it is, in words.
    """

    unit: str
    meaning: str


@dataclass(frozen=True)
class SynapticFilter:
    """How a spike becomes a current or conductance: linear differential equations of ``x``.

    Attributes
    ----------
    name : str
        The file's name without its ending.
    equations : str
        Brian2 equations; ``unit`` stands for the unit of what is filtered.
    output : str
        The variable that is the filtered signal, or a sum of variables, such as ``"slow + fast"``.
    spike : dict of str to str
        What a spike of weight 1 adds to which variable: of a filter in 1/time, so that weights count by
        the rate of spikes; of a synapse in the unit of the weight.
    parameters : dict of str to str
        Default parameters, as expressions with units.
    integration : str
        ``"exact"`` decay, or by the neuron's own method (``"euler"``).
    kind : str
        ``"filter"``, or ``"synapse"`` where each spike adds its weight.
    reset : str
        Of a synapse with presynaptic state, in place of `spike`: statements at each spike of the
        presynaptic neuron, which has the variables. What is brought is each weight times the output.
    ranges : dict of str to str
        Conditions on parameters, by the parameter that each is about, such as ``"U <= 1"``.
    """

    name: str
    summary: str
    source: str
    equations: str
    output: str
    spike: Mapping[str, str]
    parameters: Mapping[str, str]
    integration: str = "exact"
    kind: str = "filter"
    reset: str = ""
    ranges: Mapping[str, str] = field(default_factory=dict)

    @property
    def presynaptic(self) -> bool:
        """Whether its variables are states of the presynaptic neuron."""
        return bool(self.reset)

    @property
    def exact(self) -> bool:
        """Whether its variables decay exactly, whatever the neuron's method."""
        return self.integration == "exact"

    @property
    def is_sum(self) -> bool:
        """Whether its output is a sum of its variables, and none of them."""
        return not self.output.isidentifier()

    def renamed(self, suffix: str) -> SynapticFilter:
        """Return the filter with other names for its parameters, for use beside another filter.

        Examples
        --------
        >>> from tension_sim import load_synapse
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
            output=new(self.output) if self.is_sum else self.output,
            spike={name: new(text) for name, text in self.spike.items()},
            parameters={names[name]: new(text) for name, text in self.parameters.items()},
            reset=_renamed(self.reset, names),
            ranges={names[name]: new(text) for name, text in self.ranges.items()},
        )

    def at_spike(self, output: str, suffix: str) -> str:
        """Return the statements at a spike of one use of a synapse with presynaptic state."""
        names = self.named(output, suffix)
        between = set(re.findall(r"^(\w+) = ", self.reset, re.MULTILINE)) - {*names}
        return _renamed(self.reset, names | {name: f"{name}_{suffix}" for name in between})

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

    def sum_of(self, values: Mapping[str, str]) -> str:
        """Return its output as an expression, with texts in place of its variables.

        Examples
        --------
        >>> from dataclasses import replace
        >>> from tension_sim import load_synapse
        >>> replace(load_synapse("double_exponential"), output="x + h").sum_of({"x": "r", "h": "3*s"})
        'r + 3*s'
        """
        trees = {name: parse(f"{self.name}.toml: output", text) for name, text in values.items()}
        return render(replaced(parse(f"{self.name}.toml: output", self.output), trees))

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
        >>> from tension_sim import load_synapse
        >>> equations, spike = load_synapse("double_exponential").instance("r", "r", "1")
        >>> print(equations)
        dr/dt = -r/tau_rise + h_r : 1
        dh_r/dt = -h_r/tau_decay : 1/second
        >>> spike
        {'h_r': '1/(tau_rise*tau_decay)'}
        """
        names = self.named(output, suffix)
        return _instance(self.read(), tuple(names.items()), unit), {names[v]: text for v, text in self.spike.items()}


@lru_cache(maxsize=1024)  # each run of a network asks several times for the same ones
def _instance(equations: tuple[Equation, ...], names: tuple[tuple[str, str], ...], unit: str) -> str:
    """Return equations with other names, and `unit` in place of the placeholder."""
    return "\n".join(str(each.renamed(dict(names), unit)) for each in equations)


def _renamed(statements: str, names: Mapping[str, str]) -> str:
    """Return statements, which hold known tokens alone, with other names."""
    return re.sub(r"[A-Za-z_]\w*", lambda word: names.get(word[0], word[0]), statements)


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
        Units in which plain weights into these, and the filtered rate r, count.
    parameters, initial : dict of str to str
        Default parameters and initial values, as expressions with units.
    refractory : str
        A time after each spike, or a condition, as Brian2's clause; empty: there is none. The
        neuron then has the state variables ``lastspike`` and ``not_refractory``.
    more_inputs : dict of str to Input
        Other inputs by the names of their variables, such as conductances, with units of their own.
    rate, activation : str
        Of a rate unit: its rate r, an expression of its variables and of ``activation(...)``,
        and the default activation: tanh, relu, sigmoid, linear, gelu, or an expression of x.
    ranges : dict of str to str
        Conditions on parameters, by the parameter that each is about, such as ``"v_reset < v_peak"``.
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
    more_inputs: Mapping[str, Input] = field(default_factory=dict)
    ranges: Mapping[str, str] = field(default_factory=dict)

    @property
    def spiking(self) -> bool:
        """Whether it has spikes."""
        return bool(self.threshold)

    @property
    def input_units(self) -> dict[str, str]:
        """The inputs by the names of their variables, with the units in which plain numbers count."""
        currents = dict.fromkeys(self.inputs.values(), self.current_unit)
        return currents | {name: each.unit for name, each in self.more_inputs.items()}

    @property
    def without_more_inputs(self) -> list[str]:
        """Equations that set the inputs of `more_inputs` to 0, where nothing comes into them."""
        return [f"{name} : {base_unit(each.unit, self.name)} (shared)" for name, each in self.more_inputs.items()]

    @property
    def variables(self) -> list[str]:
        """Names of all state variables and subexpressions of the equations."""
        return [each.name for each in self.read()]

    @property
    def state_variables(self) -> list[str]:
        """Names of the variables that hold a state: all but the subexpressions."""
        return [*(each.name for each in self.read() if each.holds_state), *self._refractoriness]

    @property
    def changing(self) -> list[str]:
        """Names of the numbers among its states that may change during a run."""
        states = (each for each in self.read() if each.holds_state and "constant" not in each.flags)
        return [each.name for each in states if each.meaning.kind == "float"]

    @property
    def code(self) -> tuple[str, ...]:
        """All texts that become code: equations, threshold, reset, refractory clause, rate."""
        return self.equations, self.threshold, self.reset, self.refractory, self.rate

    @property
    def meanings(self) -> dict[str, Meaning]:
        """Dimension and kind (number, whole number or condition) of each variable and subexpression."""
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
    >>> from tension_sim import load_neuron
    >>> unit_of(load_neuron("theta"))
    '1'
    """
    return base_unit(neuron.current_unit, f"{neuron.name}.toml: units.current")


def base_unit(unit: str, where: str) -> str:
    """Return a unit as equations may declare it, without scale.

    Examples
    --------
    >>> base_unit("nS", "demo")
    'metre**-2*kilogram**-1*second**3*amp**2'
    """
    return unit_text(dimension_of(unit, where))


def rate_time(neuron: Neuron) -> float:
    """Return one over the rate unit, in seconds: 1 for 1/second, 0.001 for 1/ms."""
    return 1.0 / evaluate(neuron.rate_unit, f"{neuron.name}: units.rate").value


def current_scale(neuron: Neuron) -> float:
    """Return the SI value of the unit in which plain currents and weights count."""
    return evaluate(neuron.current_unit, f"{neuron.name}: units.current").value
