"""Any declared network as a plain loop of numpy, read from the declaration and its equation files alone.

Equations are evaluated as Python, in SI numbers, and integrated by Euler's rule; filters decay as the page on equation
files says. A synapse is an entry of a matrix, with a trace of its own where it has a delay, learns, or has presynaptic
state. Slow, and short.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tension_sim import Learning, Network, Population, Projection, Readout
from tension_sim.declare.noise import uniform

_PREFIXES = {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12}
_NAMES: dict[str, Any] = {
    prefix + unit: size
    for prefix, size in _PREFIXES.items()
    for unit in ("second", "s", "volt", "V", "amp", "A", "siemens", "S", "farad", "F", "hertz", "Hz")
}
_NAMES |= {"exp": np.exp, "tanh": np.tanh, "sin": np.sin, "int": lambda x: np.asarray(x).astype(int)}
_NAMES |= {"__builtins__": {}}


class Names(dict[str, Any]):
    """Values by names; those of subexpressions are worked out when they are read."""

    def __init__(self, values: dict[str, Any], formulas: dict[str, str]) -> None:
        super().__init__(_NAMES | values)
        self.formulas = formulas

    def __missing__(self, name: str) -> Any:
        return evaluated(self.formulas[name], self)


def evaluated(text: str, names: dict[str, Any] | None = None) -> Any:
    """Return what an expression of a file or declaration is worth."""
    return eval(text, {"__builtins__": {}}, dict(_NAMES) if names is None else names)  # noqa: S307 - the tests' own


def statements(text: str, names: Names) -> None:
    """Do the statements of a reset, one after the other."""
    for name, sign, value in re.findall(r"^\s*(\w+) ([+-]?)= (.+)$", text, re.MULTILINE):
        found = evaluated(value, names)
        names[name] = found if not sign else names[name] + (found if sign == "+" else -found)


class Equations:
    """Equations of a file: formulas of derivatives and of subexpressions, names of all states."""

    def __init__(self, text: str) -> None:
        lines = re.findall(r"^\s*(?:d(\w+)/dt|(\w+))\s*(?:= (.*?))? : (.*)$", text, re.MULTILINE)
        self.slopes = {derived: formula for derived, _, formula, _ in lines if derived}
        self.formulas = {name: formula for _, name, formula, _ in lines if name and formula}
        self.states = [*self.slopes, *(name for _, name, formula, _ in lines if name and not formula)]
        self.units = {derived: unit for derived, *_, unit in lines if derived}
        self.resting = {derived for derived, *_, unit in lines if "unless refractory" in unit}


def numbers_of(texts: dict[str, Any], dt: float) -> dict[str, Any]:
    """Return parameters, which may name each other, in SI units."""
    texts = {name: text if isinstance(text, str) else repr(float(text)) for name, text in texts.items()}
    names = Names({"dt": dt}, texts)
    return {name: names[name] for name in texts}


def rate_time(net: Network, name: str) -> float:
    """Return one over the unit in which rates count, in seconds; Poisson units count as the first neurons do."""
    files = [each.neuron for each in net.populations.values() if each.neuron.spiking and each.neuron.name != "poisson"]
    own = net.populations[name].neuron
    return float(1 / evaluated((files[0] if own.name == "poisson" and files else own).rate_unit))


class Cells:
    """A population: its states, and the inputs of its next step."""

    def __init__(self, net: Network, name: str, population: Population) -> None:
        self.file, self.n, self.dt = population.neuron, population.n, float(net.dt)
        self.equations = Equations(self.file.equations)
        self.parameters = numbers_of({**self.file.parameters, **population.parameters}, self.dt)
        drawn = net.initial_values[name]
        self.states = {state: np.array(drawn.get(state, np.zeros(self.n)), float) for state in self.equations.states}
        self.last, self.rests = np.full(self.n, -np.inf), np.zeros(self.n, bool)
        self.inputs = {into: np.zeros(self.n) for into in self.file.input_units}
        self.r, self.rate, self.fired = np.zeros(self.n), np.zeros(self.n), np.zeros(self.n, bool)
        if not self.file.spiking:
            self.r = self.rates()

    def names(self, step: int = 0) -> Names:
        values = self.parameters | self.inputs | self.states | {"dt": self.dt, "t": step * self.dt}
        return Names(values | {"activation": np.tanh}, self.equations.formulas)

    def rates(self) -> np.ndarray:
        return np.asarray(evaluated(self.file.rate, self.names()))

    def advance(self, step: int) -> None:
        names = self.names(step)
        if self.file.refractory:
            rest = np.floor(evaluated(self.file.refractory, names) / self.dt + 1e-3)
            self.rests = step - self.last < rest
        new = {
            name: self.states[name] + self.dt * evaluated(slope, names) for name, slope in self.equations.slopes.items()
        }
        for name, value in new.items():
            self.states[name] = np.where(self.rests & (name in self.equations.resting), self.states[name], value)
        if not self.file.spiking:
            self.r = self.rates()

    def fire(self, step: int, seed: int) -> None:
        if self.file.name == "poisson":
            self.fired = uniform(seed, step, np.arange(self.n)) < self.rate * self.dt
        elif self.file.spiking:
            self.fired = np.asarray(evaluated(self.file.threshold, self.names(step))) & ~self.rests
            self.last = np.where(self.fired, step, self.last)

    def add(self, variable: str, amount: np.ndarray) -> None:
        """Take what delta synapses add: nothing while a neuron rests, or has just spiked, and the variable with it."""
        deaf = variable in self.equations.resting and (self.rests | self.fired)
        self.states[variable] = self.states[variable] + np.where(deaf, 0, amount)

    def reset(self, step: int) -> None:
        names = self.names(step)
        statements(self.file.reset, names)
        self.states = {name: np.where(self.fired, names[name], value) for name, value in self.states.items()}


class Filters:
    """A synapse file in use, for an array of any shape."""

    def __init__(self, part: Projection | Readout, shape: Any, dt: float, rate_time: float) -> None:
        self.file, self.dt = part.synapse, dt
        self.equations = Equations(self.file.equations)
        self.parameters = numbers_of({**self.file.parameters, **part.parameters}, dt)
        self.states = {name: np.zeros(shape) for name in self.equations.slopes}
        self.scale = rate_time if self.file.kind == "filter" else 1.0

    def advance(self) -> None:
        old = Names(self.parameters | self.states, {})
        for name, slope in self.equations.slopes.items():
            value = self.states[name]
            rest = evaluated(slope, Names({**old, name: 0.0}, {}))
            decay = evaluated(slope, Names({**old, name: 1.0}, {})) - rest
            euler = self.file.integration == "euler"
            self.states[name] = (
                value + self.dt * evaluated(slope, old) if euler else value * np.exp(decay * self.dt) + self.dt * rest
            )

    def spike(self, arrived: np.ndarray) -> None:
        """Take so many spikes, or the sum of their weights; of presynaptic state, one or none."""
        if self.file.presynaptic:
            names = Names(self.parameters | self.states, {})
            statements(self.file.reset, names)
            self.states = {name: np.where(arrived, names[name], value) for name, value in self.states.items()}
        for name, amount in self.file.spike.items():
            jump = evaluated(amount, Names(self.parameters, {})) * self.scale
            self.states[name] = self.states[name] + jump * arrived

    @property
    def output(self) -> np.ndarray:
        return self.states[self.file.output]


class LeastSquares:
    """Recursive least squares of rows, each with a P of its own; those with the same partners would have the same."""

    def __init__(self, learning: Learning, mask: np.ndarray, alpha: np.ndarray) -> None:
        self.learning, self.mask = learning, mask
        self.P = [np.diag(alpha[row]) for row in mask]
        self.first = [P.copy() for P in self.P]

    def falls_on(self, step: int) -> bool:
        rule = self.learning
        return rule.start <= step and (rule.stop is None or step < rule.stop) and step % rule.update_every == 0

    def learn(self, W: np.ndarray, r: np.ndarray, error: np.ndarray, factor: Any = 1.0, sign: Any = None) -> None:
        """Change W, shape (rows, sources), by the rates that each row sees, of the same shape."""
        rule, factor = self.learning, np.broadcast_to(factor, W.shape)
        for row, of in enumerate(self.mask):
            k = self.P[row] @ r[row, of]
            c = 1 / (rule.forgetting + r[row, of] @ k)
            P = (self.P[row] - c * np.outer(k, k)) / rule.forgetting
            self.P[row] = (1 - rule.relaxation) * P + rule.relaxation * self.first[row]
            W[row, of] -= factor[row, of] * error[row] * (c if rule.gain == "divided" else 1.0) * k
            if sign is not None:
                W[row, of] = np.where(W[row, of] * sign[of] < 0, 0, W[row, of])


class Synapses:
    """A projection: weights W of shape (post, pre) in SI units, and what they give."""

    def __init__(self, net: Network, k: int, cells: dict[str, Cells]) -> None:
        self.projection = part = net.projections[k]
        self.post, self.pre = cells[part.post], cells.get(str(part.pre))
        self.into = part.into or (
            self.post.file.membrane if part.synapse.name == "delta" else self.post.file.inputs["recurrent"]
        )
        if self.into in self.post.inputs:
            self.unit = evaluated(self.post.file.input_units[self.into])
        else:  # voltages count in mV
            self.unit = 1e-3 if "volt" in self.post.equations.units[self.into] else 1.0
        given = np.asarray(part.weights)
        self.W, self.mask = given.T * self.unit, (np.ones(given.T.shape, bool) if part.learning else given.T != 0)
        self.spikes = self.pre is not None and self.pre.file.spiking
        self.each_step = not self.spikes or part.learning is not None or part.synapse.presynaptic
        time = rate_time(net, str(part.pre)) if self.spikes else 1.0
        shape = self.W.shape if self.each_step else len(self.W)
        self.filters = Filters(part, shape, float(net.dt), time) if self.spikes else None
        self.delays = np.zeros(self.W.shape, int)
        if part.delay is not None:
            self.delays = np.rint(np.broadcast_to(part.delay, given.shape).T / float(net.dt)).astype(int)
        self.past: list[np.ndarray] = []
        self.r, self.given = np.zeros(self.W.shape), np.zeros(len(self.W))
        alpha = np.full(self.W.shape[1], part.learning.alpha_P if part.learning else 1.0)
        alpha = alpha if part.alpha_P is None else part.alpha_P
        self.rule = LeastSquares(part.learning, self.mask, alpha) if part.learning else None

    def read(self, source: np.ndarray) -> None:
        """Take the rates or inputs that a step begins or ends with."""
        self.r = np.broadcast_to(source, self.W.shape)

    def give(self) -> np.ndarray:
        return np.asarray(np.sum(np.where(self.mask, self.W * self.r, 0), axis=1))

    def arrive(self) -> None:
        """Take the spikes of this step, and bring those that arrive in it."""
        assert self.pre is not None and self.filters is not None
        self.past.append(self.pre.fired)
        arrived = np.zeros(self.W.shape, bool)
        for row, source in np.argwhere(self.mask):
            at = len(self.past) - 1 - self.delays[row, source]
            arrived[row, source] = at >= 0 and self.past[at][source]
        if self.each_step:
            self.filters.spike(arrived)
            self.r = self.filters.output
        elif self.projection.synapse.name == "delta":
            self.post.add(self.into, np.sum(self.W * arrived, axis=1))
        else:
            self.filters.spike(np.sum(self.W * arrived, axis=1))

    def learn(self, step: int, outputs: dict[str, float], y: Any) -> None:
        part, rule = self.projection, self.rule
        if rule is None or not rule.falls_on(step):
            return
        values = {"z": self.given, "z_now": self.give(), "unit": self.unit, "y": y, **outputs}
        error = np.broadcast_to(evaluated(part.error, _NAMES | values), len(self.W))
        factor = 1.0 if part.factor is None else part.factor.T
        rule.learn(self.W, self.r, error, factor, part.signs)


class Output:
    """A readout, and what it feeds back."""

    def __init__(self, net: Network, readout: Readout, cells: dict[str, Cells]) -> None:
        self.readout, self.cells, self.all = readout, [cells[name] for name in readout.sources], cells
        spiking = [net.populations[name].neuron.spiking for name in readout.sources]
        times = [rate_time(net, name) if spikes else 1.0 for name, spikes in zip(readout.sources, spiking, strict=True)]
        self.filters = [
            Filters(readout, each.n, float(net.dt), time) for each, time in zip(self.cells, times, strict=True)
        ]
        self.W = np.array(readout.weights, float).T
        mask, rule = np.ones(self.W.shape, bool), readout.learning
        self.rule = LeastSquares(rule, mask, np.full(len(self.W.T), rule.alpha_P)) if rule else None
        self.z = np.zeros(len(self.W)) if any(each.file.spiking for each in self.cells) else self.W @ self.rates()

    def rates(self) -> np.ndarray:
        found = zip(self.cells, self.filters, strict=True)
        return np.concatenate([each.output if cells.file.spiking else cells.r for cells, each in found])

    def feed_back(self) -> None:
        for name, kernel in self.readout.feedback.items():
            cells = self.all[name]
            into = cells.file.inputs["feedback"]
            cells.inputs[into] = cells.inputs[into] + self.z @ np.asarray(kernel) * evaluated(
                cells.file.input_units[into]
            )

    def read(self) -> None:
        for cells, each in zip(self.cells, self.filters, strict=True):
            each.spike(cells.fired.astype(float))
        self.z = self.W @ self.rates()

    def learn(self, step: int, y: np.ndarray) -> None:
        if self.rule is not None and self.rule.falls_on(step):
            self.rule.learn(self.W, np.broadcast_to(self.rates(), self.W.shape), self.z - y)


class Loop:
    """A network with one external input at most, step by step.

    Parameters
    ----------
    net : Network
        Weights are arrays, delays shapes that go with them; populations are named in the order of their noise.
    seeds : dict of str to int
        Of the spikes of Poisson units.
    """

    def __init__(self, net: Network, seeds: dict[str, int]) -> None:
        self.net, self.seeds = net, seeds
        self.cells = {name: Cells(net, name, each) for name, each in net.populations.items()}
        self.synapses = [Synapses(net, k, self.cells) for k in range(len(net.projections))]
        self.outputs = {name: Output(net, each, self.cells) for name, each in net.readouts.items()}

    def begin(self, x: Any, rates: Any) -> None:
        """Take inputs of a step, and gather what the membranes integrate."""
        units = [cells for cells in self.cells.values() if cells.file.name == "poisson"]
        for cells, rate in (
            zip(units, np.split(rates, np.cumsum([each.n for each in units])[:-1]), strict=True) if units else ()
        ):
            cells.rate = rate
        for each in self.synapses:
            if not each.spikes:
                each.read(x if each.pre is None else each.pre.r)
                each.given = each.give()

    def currents(self) -> None:
        for cells in self.cells.values():
            cells.inputs = {into: np.zeros(cells.n) for into in cells.inputs}
        for each in self.synapses:
            if each.projection.synapse.name != "delta":
                current = each.given if each.each_step or each.filters is None else each.filters.output
                each.post.inputs[each.into] = each.post.inputs[each.into] + current
        for output in self.outputs.values():
            output.feed_back()

    def learn(self, step: int, x: Any, y: Any, when: str) -> None:
        """Let all rules of that part of a step learn, from errors that none of them has changed."""
        z = {name: each.z[0] for name, each in self.outputs.items()}
        for each in self.synapses:
            if each.projection.when == when:
                if when == "end" and not each.spikes:
                    each.read(x if each.pre is None else each.pre.r)
                each.learn(step, z, y[:1])
        first = 0
        for output in self.outputs.values() if when == "end" else ():
            output.learn(step, y[first : first + len(output.z)])
            first += len(output.z)

    def step(self, step: int, x: Any, y: Any, rates: Any) -> np.ndarray:
        """Make a step; return all outputs."""
        self.begin(x, rates)
        self.learn(step, x, y, "start")
        self.currents()
        for cells in self.cells.values():
            cells.advance(step)
        used = [each.filters for each in self.synapses if each.filters is not None]
        for filters in (*used, *(each for output in self.outputs.values() for each in output.filters)):
            filters.advance()
        for name, cells in self.cells.items():
            cells.fire(step, self.seeds.get(name, 0))
        for each in self.synapses:
            if each.spikes:
                each.arrive()
        for cells in self.cells.values():
            cells.reset(step)
        for output in self.outputs.values():
            output.read()
        for each in self.synapses:
            if each.spikes and each.each_step:
                each.given = each.give()
        z = [each.z for each in self.outputs.values()]
        self.learn(step, x, y, "end")
        return np.concatenate(z) if z else np.zeros(0)
