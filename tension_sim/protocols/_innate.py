"""Innate training: the network, its trials one after the other, and what they show."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..circuit.names import NEURONS, STEP, entry, split
from ..circuit.parts import Rule
from ..declare.kernels import SparseKernel
from ..declare.learning import Learning
from ..declare.network import ForceNetwork
from ..declare.plasticity import Plastic
from ..declare.record import Record
from ..recipes.protocol import Recipe
from ..recipes.settings import LEARNING
from ..results.phases import Phase
from ..run.simulation import Simulation, Target
from ..tasks.trials import Trial, find

if TYPE_CHECKING:
    from ..results.results import Results

__all__ = ["InnateRecipe", "Session"]


@dataclass(frozen=True, eq=False, repr=False)
class InnateRecipe(Recipe):
    """A chaotic rate network that learns to repeat trajectories of its own, and then a readout of them."""

    @cached_property
    def conditions(self) -> tuple[Trial, ...]:
        """Input and target of a trial of each condition; each has two inputs, the second for perturbations.

        The inputs that begin the trials come first, then those for perturbations.
        """
        task, count = self.values["task"], self.values["run"]["conditions"]
        settings = {key: value for key, value in task.items() if key != "name"}
        found, rng = find(task["name"]), np.random.default_rng([self.seed, 2])
        if "condition" not in settings:
            return (found.draw(self.dt, rng, settings),)
        return tuple(found.draw(self.dt, rng, settings | {"condition": k}) for k in range(count))

    @property
    def n_trials(self) -> int:
        """Number of trials of a run and condition, tests and the innate one included."""
        run = self.values["run"]
        return 1 + run["trials"] + run["readout_trials"] + run["test_trials"] * (1 + self.perturbed)

    @property
    def steps_of_each(self) -> int:
        """Steps of a trial of each condition, together."""
        return sum(len(trial) for trial in self.conditions)

    @property
    def perturbed(self) -> bool:
        """Whether there are tests with a perturbation."""
        return bool(self.values["perturbation"]["amplitude"])

    @property
    def start_of_learning(self) -> int:
        """Step of a trial, after the input that begins it, from which on it learns and counts."""
        last = [np.flatnonzero(trial.inputs.any(axis=1)) for trial in self.conditions]
        return max((int(steps[-1]) + 1 for steps in last if len(steps)), default=0)

    def perturbing(self, k: int) -> np.ndarray:
        """Return the input of a perturbed trial of a condition, shape (steps, inputs)."""
        given = self.values["perturbation"]
        x = self.conditions[k].inputs.copy()
        start = self.start_of_learning + self.steps(given["start"])
        x[start : start + self.steps(given["duration"]), len(self.conditions) + k] += given["amplitude"]
        return x

    def phases(self) -> tuple[Phase, ...]:
        """Return the parts of the run that is stored: tests, then tests with a perturbation."""
        steps = self.values["run"]["test_trials"] * self.steps_of_each
        tests = (Phase("test", 0, steps),)
        return (*tests, Phase("perturbed test", steps, 2 * steps)) if self.perturbed else tests

    @property
    def n_trained(self) -> int:
        """Number of units whose incoming weights learn."""
        network = self.values["network"]
        return max(round(network["trained"] * network["n"]), 1)

    def learning(self, of: str) -> Learning:
        """Return rule and schedule of a section; the keys are those of `LEARNING`."""
        keys = {key for key, *_ in LEARNING}
        values = {key: value for key, value in self.values[of].items() if key in keys}
        return Learning(**values, start=self.start_of_learning)

    def network(self) -> tuple[ForceNetwork, SparseKernel, np.ndarray]:
        """Draw the network that learns, all its recurrent weights, and the initial readout."""
        values, rng = self.values["network"], np.random.default_rng([self.seed, 0])
        n, partners = values["n"], self.partners
        pre = np.concatenate([_others(n, i, partners, rng) for i in range(n)])
        post = np.repeat(np.arange(n), partners)
        weight = values["g"] / math.sqrt(max(partners, 1)) * rng.standard_normal(len(pre))
        trained = post < self.n_trained
        outputs = self.conditions[0].target.shape[1]
        static = SparseKernel(n, pre[~trained], post[~trained], weight[~trained])
        net = ForceNetwork(
            "noisy_rate", None, n, self.dt, static if len(static) else None, None, None,
            values["input_scale"] * rng.standard_normal((self.conditions[0].inputs.shape[1], n)),
            parameters={"tau": f"{values['tau']!r}*second", "noise_amplitude": repr(values["noise"])},
            plastic=Plastic(
                SparseKernel(n, pre[trained], post[trained], weight[trained]), self.learning("learning"), error="rate"
            ),
            dtype=values["dtype"], seed=self.seed,
        )  # fmt: skip
        readout = rng.standard_normal((n, outputs)) / math.sqrt(n)
        return net, SparseKernel(n, pre, post, weight), readout

    @property
    def partners(self) -> int:
        """Number of presynaptic units of each."""
        network = self.values["network"]
        return max(round(network["p"] * network["n"]), 1)

    def start(self, number: int) -> dict[str, np.ndarray]:
        """Return the state in which a trial starts, drawn anew for each."""
        a = np.random.default_rng([self.seed, 3, number]).uniform(-1, 1, self.values["network"]["n"])
        return {entry(NEURONS, "a"): a, entry(NEURONS, "r"): np.tanh(a)}


def _others(n: int, unit: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw presynaptic units of a unit, which is none of them."""
    drawn = np.sort(rng.choice(n - 1, count, replace=False))
    return drawn + (drawn >= unit)


class Session:
    """Trials of one network after the other, of which P and weights go on.

    Parameters
    ----------
    recipe : InnateRecipe
    net : ForceNetwork
    target : str, optional
    recorded : int
        Units whose rates are recorded.
    said : callable
        Called as ``said(steps)`` with the steps that are done.
    """

    def __init__(
        self, recipe: InnateRecipe, net: ForceNetwork, target: Target | None, recorded: int, said: Callable[[int], None]
    ) -> None:
        self.recipe = recipe
        record = Record(variables={"r": range(recorded)} if recorded else {})
        self.simulation = Simulation(net, target=target, record=record, name=recipe.name)
        self.done, self._said = 0, said
        circuit = self.simulation.wiring.circuit
        rules = circuit.of(Rule)
        self._carried = [name for name in circuit.state_sizes if split(name)[0] in rules or split(name)[1] == "w"]
        self._state: dict[str, Any] = {}
        self.interrupted = False
        self.timings: dict[str, float] = {}

    def run(
        self, number: int, y: np.ndarray | None, x: np.ndarray, at: int | None = None,
        phases: tuple[Phase, ...] | None = None,
    ) -> Results:  # fmt: skip
        """Run a trial from a state of its own.

        Parameters
        ----------
        number : int
            Of the trial, among all: decides its start and its noise.
        y, x : array, shape (steps, channels)
        at : int, optional
            A test, without learning, which begins at this step of a run of which it is a part.
        """
        before = self.done
        state: Mapping[str, Any] = self._state | self.recipe.start(number) | {STEP: at or 0}
        results = self.simulation.run(
            y, x, steps=len(x), state=state, trial=number, learning=y is not None and at is None, phases=phases,
            progress=lambda done, _: self._said(before + done),
        )  # fmt: skip
        self.done += results.n_steps
        self._state = {name: results.state[name] for name in self._carried}
        self.interrupted = self.interrupted or bool(results.provenance["interrupted"])
        for name, seconds in results.timings.items():
            self.timings[name] = self.timings.get(name, 0.0) + seconds
        return results


def noiseless(net: ForceNetwork) -> ForceNetwork:
    """Return a network without noise."""
    return replace(net, parameters={**net.parameters, "noise_amplitude": "0"})
