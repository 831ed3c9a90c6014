"""FORCE learning of a rate network: readout with external feedback, or the recurrent weights themselves.

As Sussillo & Abbott (2009, doi:10.1016/j.neuron.2009.07.018): one run, first with learning, then without.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..circuit.names import READOUT_OUTPUT
from ..declare.validation import check_fraction, check_positive, check_steps
from ..recipes.cost import cost_of
from ..recipes.protocol import Forecast, Number, Outcome, Protocol
from ..recipes.settings import LEARNING, REQUIRED, choice, count, not_negative, section
from ..results import phases
from ..results.run_data import target_of
from ._declared import check_declared
from ._kernels import normal_kernel
from ._tasks import adapt_task, draw_task, further_task, shape, task_section

if TYPE_CHECKING:
    from ..declare.network import ForceNetwork
    from ..recipes.recipe import Recipe
    from ..results.results import Results
    from ..run.simulation import Target

__all__ = ["PROTOCOL", "network"]

#: Bytes of a weight while it is drawn and sorted, and once it stands in the declaration, the program's values and the
#: results; P is there twice when it is saved. Measured with 40 million weights and a P of 0.8 GB.
_WEIGHT_DRAWN, _WEIGHT = 54, 36

SECTIONS = {
    "network": section(
        ("n", "1", REQUIRED, count("units", 1)),
        ("dt", "second", REQUIRED, check_positive),
        ("tau", "second", REQUIRED, check_positive),
        ("activation", "text", "tanh", None),
        ("p", "1", 1.0, check_fraction),
        ("g", "1", 1.5, None),
        # internal: no feedback, the recurrent weights learn from the output's error
        ("feedback", "text", "external", choice("external", "internal")),
        ("feedback_scale", "1", 1.0, None),
        ("input_scale", "1", 1.0, None),
        ("initial_std", "1", 0.5, None),
        ("dtype", "text", "float64", choice("float64", "float32")),
    ),
    "learning": section(*LEARNING),
    "run": section(
        ("duration", "second", REQUIRED, check_positive),
        ("test_duration", "second", REQUIRED, not_negative),
        ("seed", "1", 0, count("the seed", 0)),
    ),
    "record": section(
        ("every", "1", 1, lambda where, value: check_steps(where, value, 1)),
        ("rates_of", "1", 5, count("units", 0)),
    ),
    "task": section(("name", "text", REQUIRED, None)),
}


def _steps(recipe: Recipe) -> tuple[int, int]:
    """Return the steps of learning, and of all."""
    times = recipe.values["run"]
    learning = max(recipe.steps(times["duration"]), 1)
    return learning, learning + recipe.steps(times["test_duration"])


def _phases(recipe: Recipe) -> tuple[phases.Phase, ...]:
    learning, steps = _steps(recipe)
    return phases.phases_of((0, learning), 0, steps)


def network(recipe: Recipe, n_outputs: int, n_inputs: int) -> ForceNetwork:
    """Draw the network from the recipe's seed."""
    from ..declare.learning import Learning
    from ..declare.network import ForceNetwork
    from ..declare.plasticity import Plastic

    values = recipe.values["network"]
    n, rng = values["n"], np.random.default_rng([recipe.seed, 0])
    recurrent = normal_kernel(n, values["p"], values["g"] / math.sqrt(values["p"] * n), rng)
    uniform = 2 * rng.random((n_outputs + n_inputs, n)) - 1
    learning = Learning(**recipe.values["learning"], stop=_steps(recipe)[0])
    internal = values["feedback"] == "internal"
    return ForceNetwork(
        "echo_state",
        None,
        n,
        recipe.dt,
        recurrent=None if internal else recurrent,
        feedback_kernel=None if internal else values["feedback_scale"] * uniform[:n_outputs],
        output_kernel=np.zeros((n, n_outputs)),
        input_kernel=values["input_scale"] * uniform[n_outputs:] if n_inputs else None,
        parameters={"tau": f"{values['tau']!r}*second"},
        initial={"a": values["initial_std"] * rng.standard_normal(n)},
        learning=learning,
        plastic=Plastic(recurrent, learning, error="output", shares_P=True) if internal else None,
        activation=values["activation"],
        dtype=values["dtype"],
        seed=recipe.seed,
    )


def forecast(recipe: Recipe, target: str) -> Forecast:
    """Forecast memory and time."""
    overhead, unit, weight, element = cost_of(target)
    values, (learning, steps) = recipe.values["network"], _steps(recipe)
    n, number = values["n"], 8 if values["dtype"] == "float64" else 4
    weights, packed, learned = values["p"] * n * n, n * (n + 1) / 2, n
    if values["feedback"] == "internal":
        learned += weights
        if values["p"] < 1:  # then each unit has a P of its own, over its own inputs
            packed += n * (values["p"] * n) ** 2 / 2
    if values["p"] == 1:  # a dense product reads weights in order
        weight /= 4
    rows, n_outputs, n_inputs = shape(recipe, steps)
    recorded = steps / recipe.values["record"]["every"] * (2 * n_outputs + recipe.values["record"]["rates_of"])
    rule = recipe.values["learning"]
    updates = learning / rule["update_every"] * rule["probability"]
    nanoseconds = steps * (overhead + unit * n + weight * weights) + updates * element * (2 * packed + learned)
    signals = (recorded + rows * (n_outputs + n_inputs)) * 8
    memory = signals + max(weights * _WEIGHT_DRAWN, weights * _WEIGHT + 2 * packed * number)
    return Forecast(round(memory), nanoseconds * 1e-9, steps)


def run(recipe: Recipe, target: Target | None = None, progress: Callable[[int, int], None] | None = None) -> Outcome:
    """Learn, then test."""
    from ..declare.record import Record
    from ..run.simulation import Simulation

    task = draw_task(recipe, _steps(recipe)[1])
    net = network(recipe, task.n_outputs, task.n_inputs)
    watched = tuple(range(min(recipe.values["record"]["rates_of"], net.n)))
    record = Record(every=recipe.values["record"]["every"], variables={"r": watched} if watched else {})
    simulation = Simulation(net, target=target, record=record, name=recipe.name)
    rng = np.random.default_rng([recipe.seed, 1])
    state = {READOUT_OUTPUT: recipe.values["network"]["initial_std"] * rng.standard_normal(task.n_outputs)}
    results = simulation.run(task, state=state, phases=_phases(recipe), progress=progress)
    return Outcome(results, _numbers(results))


def _numbers(results: Results) -> dict[str, float]:
    found = {"weight_norm": float(np.linalg.norm(results.weights["output_kernel"]))}
    for phase, name in ((phases.LEARNING, "training_mae"), (phases.TEST, "test_mae")):
        if phase in [known.name for known in results.phases]:
            rows = results.rows(phase)
            if rows.start < rows.stop:
                found[name] = float(np.abs(results.output[rows] - target_of(results)[rows]).mean())
    return found


def _adapt(raw: dict[str, Any], kind: str, old: str | None) -> None:
    adapt_task(raw, old)


def _schema(raw: Mapping[str, Any]) -> dict[str, Any]:
    return SECTIONS | {"task": task_section(raw)}


def _check(recipe: Recipe, where: Callable[[str, str], str]) -> None:
    from ..declare.equations import activation_of
    from ..errors import InvalidValueError, message

    activation = recipe.values["network"]["activation"]
    activation_of(where("network", "activation"), activation)
    _, n_outputs, n_inputs = shape(recipe, _steps(recipe)[1])
    check_declared(recipe, where, "echo_state", n_outputs=n_outputs, n_inputs=n_inputs, activation=activation)
    if n_outputs != 1 and recipe.values["network"]["feedback"] == "internal":
        fix = 'choose another, or feedback = "external".'
        raise InvalidValueError(message(where("task", "name"), "a supervisor with one output", n_outputs, fix))


PROTOCOL = Protocol(
    sections=SECTIONS,
    expected={
        "training_mae": Number("mean absolute error while learning"),
        "test_mae": Number("mean absolute error after learning"),
        "weight_norm": Number("norm of the readout weights"),
    },
    forecast=forecast,
    run=run,
    files={("task", "file"): ""},
    schema=_schema,
    kinds=(("task", "name"),),
    adapt=_adapt,
    check=_check,
    plan=_phases,
    further=further_task,
)
