"""BioFORCE: every unit of a rate network learns to follow the recorded trace of one cell.

As Hadjiabadi et al. (2021, doi:10.1016/j.neuron.2021.06.007). Each epoch of learning continues from the last one,
until a run without learning, from the state reached, is close enough to the record.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..declare.validation import check_fraction, check_matrix, check_positive
from ..recipes.cost import cost_of
from ..recipes.protocol import Forecast, Further, Number, Outcome, Protocol
from ..recipes.settings import choice, count, section
from ._recordings import read_recording

if TYPE_CHECKING:
    from ..declare.network import ForceNetwork
    from ..recipes.recipe import Recipe
    from ..results.results import Results
    from ..run.simulation import Target

__all__ = ["PROTOCOL", "network", "recording"]

SECTIONS = {
    "recording": section(
        ("data", "text", "", None),
        ("dt_data", "second", 0.25, check_positive),
        ("nan", "text", "refuse", choice("refuse", "skip")),
        # of the simulated traces
        ("data_seed", "1", 0, count("the seed", 0)),
        ("cells", "1", 120, count("cells", 2)),
        ("samples", "1", 240, count("samples", 2)),
    ),
    "network": section(
        ("tau", "second", 1.5, check_positive),
        ("g", "1", 1.5, None),
        ("p", "1", 0.5, check_fraction),
        # arrays of shape (cells, cells), from row to column: a factor on what each weight
        # learns, and which weights exist and learn
        ("structural_connectivity", "text", "", None),
        ("trainable_mask", "text", "", None),
        ("noise_mean", "1", 0.0, None),
        ("noise_std", "1", 0.001, None),
        ("dtype", "text", "float64", choice("float64", "float32")),
    ),
    "learning": section(
        ("alpha_P", "1", 1.0, check_positive),
        # divide again by 1 + r'P r of the presynaptic unit, as the published program does
        ("divide_by_source", "bool", True, None),
    ),
    "run": section(
        ("epochs", "1", 40, count("epochs", 1)),
        ("stop_at", "1", 0.25, check_positive),
        ("seed", "1", 0, count("the seed", 0)),
    ),
}


def recording(recipe: Recipe) -> np.ndarray:
    """Return the traces, shape (samples, cells), NaN where there is a gap."""
    from ..tasks.surrogate import calcium_like, check_recording

    values = recipe.values["recording"]
    where = f"{recipe.name}: recording.data"
    if values["data"]:
        return check_recording(where, read_recording(where, values["data"], ())["data"], values["nan"])
    rng = np.random.default_rng(values["data_seed"])
    return calcium_like(rng, values["cells"], values["samples"], dt=values["dt_data"])


def _matrix(recipe: Recipe, key: str, n: int) -> np.ndarray | None:
    file = recipe.values["network"][key]
    if not file:
        return None
    where = f"{recipe.name}: network.{key}"
    return check_matrix(where, read_recording(where, file, ())["data"], (n, n), "pre, post")


def network(recipe: Recipe, n: int) -> ForceNetwork:
    """Draw the network of n units from the recipe's seed.

    Without a mask, each unit gets p (n - 1) partners, among those that the structural connectivity allows.
    """
    from ..declare.kernels import SparseKernel
    from ..declare.learning import Learning
    from ..declare.masks import check_trainable
    from ..declare.network import ForceNetwork
    from ..declare.plasticity import Plastic
    from ..tasks.surrogate import skipping

    values = recipe.values["network"]
    structure, mask = _matrix(recipe, "structural_connectivity", n), _matrix(recipe, "trainable_mask", n)
    rng = np.random.default_rng([recipe.seed, 0])
    exists = np.ones((n, n)) if structure is None else structure
    if mask is None:
        mask = np.zeros((n, n), bool)
        for unit in range(n):
            others = np.flatnonzero(exists[:, unit])
            others = others[others != unit]
            mask[rng.choice(others, min(round(values["p"] * (n - 1)), len(others)), replace=False), unit] = True
    check_trainable(f"{recipe.name}: network.trainable_mask", mask, exists, recipe.name)
    pre, post = np.nonzero(mask)
    weight = (rng.standard_normal((n, n)) / math.sqrt(n * values["p"]))[pre, post]
    kernel = SparseKernel(n, pre, post, weight)
    learning = recipe.values["learning"]
    return ForceNetwork(
        "constrained", None, n, recipe.dt, None, None, None,
        parameters={"tau": f"{values['tau']!r}*second"}
        | {name: values[name] for name in ("g", "noise_mean", "noise_std")},
        initial={"a": 0.0}, dtype=values["dtype"], seed=recipe.seed,
        plastic=Plastic(
            kernel, Learning(alpha_P=learning["alpha_P"]), error=skipping("z - unit*y"), factor=structure,
            divide_by_source=learning["divide_by_source"],
        ),
    )  # fmt: skip


def _size(recipe: Recipe) -> tuple[int, int]:
    values = recipe.values["recording"]
    return recording(recipe).shape if values["data"] else (values["samples"], values["cells"])


def forecast(recipe: Recipe, target: str) -> Forecast:
    """Forecast memory and time of all epochs."""
    overhead, unit, weight, element = cost_of(target)
    (samples, n), values = _size(recipe), recipe.values["network"]
    partners = n - 1 if values["trainable_mask"] else values["p"] * (n - 1)
    packed, epochs = n * partners * (partners + 1) / 2, recipe.values["run"]["epochs"]
    steps = 2 * epochs * samples
    nanoseconds = steps * (overhead + unit * n + weight * n * partners) + steps * element * packed
    memory = packed * (8 if values["dtype"] == "float64" else 4) + n * partners * 20 + samples * n * 24
    return Forecast(round(memory), nanoseconds * 1e-9, steps)


def run(recipe: Recipe, target: Target | None = None, progress: Callable[[int, int], None] | None = None) -> Outcome:
    """Learn until the run without learning is close enough, and return that run."""
    from ..results.measures import mean_correlation
    from ..results.run_data import added
    from ..run.journal import Values, looping
    from ..run.simulation import Simulation
    from ..tasks.surrogate import gaps_marked

    traces, values = recording(recipe), recipe.values["run"]
    known, y = np.isfinite(traces), gaps_marked(traces)
    simulation = Simulation(network(recipe, traces.shape[1]), target=target, name=recipe.name)
    course = Values(state=None, timings={}, training_mae=[], free_mae=[])
    interrupted = False

    def once(learning: bool, done: int) -> Any:
        def report(at: int, _: int) -> None:
            if progress is not None:
                progress(done * len(y) + at, 2 * values["epochs"] * len(y))

        results = simulation.run(y, learning=learning, state=course["state"], progress=report)
        course["timings"] = added(course["timings"], results.timings)
        found = float(np.abs(results.output - traces[: len(results.output)])[known[: len(results.output)]].mean())
        return results, found

    with looping("epochs", course) as loop:
        while (epoch := len(course["free_mae"])) < values["epochs"]:
            loop.point()
            results, training = once(True, 2 * epoch)
            interrupted = results.provenance["interrupted"]
            if interrupted:
                break
            course["state"] = results.state
            results, free = once(False, 2 * epoch + 1)
            interrupted = results.provenance["interrupted"]
            if interrupted:
                break
            course["training_mae"] += [training]
            course["free_mae"] += [free]
            if free < values["stop_at"]:
                break
    curves = {name: course[name] for name in ("training_mae", "free_mae")}
    timings = course["timings"]
    found = {name: np.array(curve) for name, curve in curves.items()}
    ends = recipe.dt * len(y) * np.arange(1, len(curves["free_mae"]) + 1)
    results = replace(
        results, target=traces[: len(results.output)], learning_curve={"time": ends} | found, timings=timings
    )
    numbers = {name: curve[-1] for name, curve in curves.items() if curve} | {"epochs": len(ends)}
    if not interrupted:
        r = mean_correlation(results.output, traces)
        numbers |= {} if math.isnan(r) else {"correlation": r}

    def figure() -> Any:
        from ._figure_recorded import figure_traces

        names = {"training_mae": "learning", "free_mae": "free run"}
        return figure_traces(results, {names[name]: curve for name, curve in found.items()}, values["stop_at"])

    return Outcome(results, numbers, figure)


def _further(recipe: Recipe, results: Results, steps: int) -> Iterator[Further]:
    """Yield the record again and again: epochs go on from each other, too."""
    traces = recording(recipe)
    done = results.stop_step % len(traces)
    while True:
        yield Further(len(traces) - done, traces[done:])
        done = 0


def _check(recipe: Recipe, where: Callable[[str, str], str]) -> None:
    recipe.values["network"]["dt"] = recipe.values["recording"]["dt_data"]


PROTOCOL = Protocol(
    sections=SECTIONS,
    expected={
        "epochs": Number("epochs of learning"),
        "training_mae": Number("mean absolute error, last epoch"),
        "free_mae": Number("mean absolute error, without learning"),
        "correlation": Number("correlation of trace and free run, mean over cells"),
    },
    forecast=forecast,
    run=run,
    files={("recording", "data"): "", ("network", "structural_connectivity"): "", ("network", "trainable_mask"): ""},
    check=_check,
    further=_further,
)
