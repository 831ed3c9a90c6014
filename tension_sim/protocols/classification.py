"""FORCE learning of a class: points in a plane drive a spiking network, whose output tells on which side they lie.

As the classification of Nicola & Clopath (2017, doi:10.1038/s41467-017-01827-3): slots of silence and slots with a
point take turns; the output learns a pulse with the sign of the point's class. The network is that of ``force``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..declare.validation import check_positive
from ..errors import InvalidValueError, message
from ..recipes.protocol import Further, Number, Outcome, Protocol
from ..recipes.settings import choice, not_negative, section
from ..results import phases
from . import force

if TYPE_CHECKING:
    from ..declare.network import ForceNetwork
    from ..results.results import Results
    from ..run.simulation import Target

__all__ = ["PROTOCOL", "ClassificationRecipe"]

#: r^2 of the circle that halves the square from -1 to 1.
_HALF = 2 / np.pi

SECTIONS = {
    **force.SECTIONS,
    "task": section(
        # points are drawn from the square from -1 to 1; a line through its middle, or a circle, parts the classes
        ("boundary", "text", "line", choice("line", "circle")),
        ("margin", "1", 0.05, not_negative),
        ("slot", "second", 0.25, check_positive),
        ("height", "1", 0.5, check_positive),
    ),
}

EXPECTED = {
    "accuracy": Number("share of points after learning whose mean output has the sign of their class"),
    "learning_accuracy": Number("the same, points while learning"),
    "test_rmse": Number("error (RMSE) of the test"),
    "firing_rate": force.EXPECTED["firing_rate"],
}


@dataclass(frozen=True, eq=False, repr=False)
class ClassificationRecipe(force.ForceRecipe):
    """A spiking network that is shown points of two classes."""

    @property
    def slot(self) -> int:
        """Steps of a slot; slot 2 k is silent, slot 2 k + 1 has point k."""
        return self.steps(self.values["task"]["slot"])

    @property
    def n_points(self) -> int:
        """Number of points of a run."""
        return self.n_steps // (2 * self.slot)

    @property
    def task_shape(self) -> tuple[int, int, int]:
        """Rows, outputs and inputs."""
        return self.n_steps, 1, 2

    def draw(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return points, shape (count, 2), and their classes, -1 or 1; more of them begin with the same."""
        task, rng = self.values["task"], np.random.default_rng([self.seed, 2])
        angle = rng.uniform(0, 2 * np.pi)
        normal = np.array([np.cos(angle), np.sin(angle)])
        points: list[np.ndarray] = []
        classes: list[float] = []
        while len(points) < count:
            point = rng.uniform(-1, 1, 2)
            score = point @ normal if task["boundary"] == "line" else point @ point - _HALF
            if abs(score) > task["margin"]:
                points.append(point)
                classes.append(float(np.sign(score)))
        return np.array(points).reshape(-1, 2), np.array(classes)

    @cached_property
    def classes(self) -> np.ndarray:
        """Class of each point of a run, -1 or 1."""
        return self.draw(self.n_points)[1]

    def samples(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the target, (steps, 1), and the input of each slot, (slots, 2), of so many points."""
        points, classes = self.draw(count)
        x = np.zeros((2 * count, 2))
        x[1::2] = points
        signs = np.zeros(2 * count)
        signs[1::2] = self.values["task"]["height"] * classes
        pulse = np.sin(np.pi * np.arange(1, self.slot + 1) / self.slot)
        return np.outer(signs, pulse).reshape(-1, 1), x

    def network(self) -> ForceNetwork:
        """Draw the network from the recipe's seed; each neuron prefers a direction in the plane."""
        net = super().network()
        psi = np.random.default_rng([self.seed, 3]).uniform(0, 2 * np.pi, net.n)
        return replace(net, input_kernel=self.values["network"]["input_scale"] * np.array([np.cos(psi), np.sin(psi)]))


def run(
    recipe: ClassificationRecipe, target: Target | None = None, progress: Callable[[int, int], None] | None = None
) -> Outcome:
    """Run a recipe from its first step to its last."""
    y, x = recipe.samples(recipe.n_points)
    simulation = recipe.simulation(target)
    results = simulation.run(y, x, every={"x": recipe.slot}, phases=recipe.phases(), progress=progress)
    return Outcome(results, _numbers(recipe, results))


def _numbers(recipe: ClassificationRecipe, results: Results) -> dict[str, float]:
    measured = force.measured_numbers(results)
    numbers = {name: measured[name] for name in ("firing_rate",) if name in measured}
    right = _right(recipe, results)
    for phase in results.phases:
        shown = _points_in(recipe, phase.start, min(phase.stop, results.stop_step))
        name = {phases.TEST: "accuracy", phases.LEARNING: "learning_accuracy"}.get(phase.name)
        if name and shown.stop > shown.start:
            numbers[name] = float(right[shown].mean())
        if phase.name == phases.TEST and results.target is not None:
            rows = results.rows(phases.TEST)
            numbers["test_rmse"] = float(np.sqrt(((results.output - results.target)[rows] ** 2).mean()))
    return numbers


def _points_in(recipe: ClassificationRecipe, start: int, stop: int) -> slice:
    """Return the points whose slots of silence and input lie between two steps."""
    both = 2 * recipe.slot
    return slice(-(-start // both), stop // both)


def _right(recipe: ClassificationRecipe, results: Results) -> np.ndarray:
    """Return of each point that was shown whether the mean output in its slot has the sign of its class."""
    steps = results.first_row_step + results.record_every * np.arange(len(results.output))
    slots = steps // recipe.slot
    count = results.stop_step // (2 * recipe.slot)
    odd = (slots % 2 == 1) & (slots // 2 < count)
    sums = np.bincount(slots[odd] // 2, results.output[odd, 0], minlength=count)
    return sums * recipe.classes[:count] > 0


def _schema(raw: Mapping[str, Any]) -> dict[str, Any]:
    return force.schema_of_network(raw) | {"task": SECTIONS["task"]}


def _check(recipe: ClassificationRecipe, where: Callable[[str, str], str]) -> None:
    both = 2 * recipe.slot
    if not recipe.slot:
        slot = recipe.values["task"]["slot"]
        raise InvalidValueError(message(where("task", "slot"), f"at least one time step ({recipe.dt:g} s)", slot))
    if recipe.record["every"] > recipe.slot:
        what = f"at most the {recipe.slot} steps of a slot"
        raise InvalidValueError(message(where("record", "every"), what, recipe.record["every"]))
    if not recipe.n_steps or recipe.n_steps % both:
        what = f"a multiple of the {both * recipe.dt:g} s of a point and its silence"
        raise InvalidValueError(message(where("run", "duration"), what, recipe.duration))
    if recipe.values["task"]["margin"] > 0.5:
        what = "at most 0.5, so that points are left"
        raise InvalidValueError(message(where("task", "margin"), what, recipe.values["task"]["margin"]))
    force.check(recipe, where)


def _further(recipe: ClassificationRecipe, results: Results, steps: int) -> Iterator[Further]:
    start = results.stop_step
    y, x = recipe.samples(-(-(start + steps) // (2 * recipe.slot)))
    yield Further(steps, y[start : start + steps], np.repeat(x, recipe.slot, axis=0)[start : start + steps])


PROTOCOL = Protocol(
    sections=SECTIONS,
    expected=EXPECTED,
    forecast=force.forecast,
    run=run,
    recipe=ClassificationRecipe,
    optional=("learning",),
    files={("network", "neuron"): ".toml", ("network", "synapse"): ".toml"},
    schema=_schema,
    kinds=(("network", "neuron"), ("network", "synapse")),
    adapt=force.adapt,
    check=_check,
    plan=lambda recipe: recipe.phases(),
    further=_further,
)
