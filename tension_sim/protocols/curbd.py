"""Data-constrained rate network: fitted to recorded activity, then its currents by source region.

As CURBD (Perich et al. 2020, doi:10.1101/2020.12.18.423348) in closed loop, or by regression, as CORNN (Dinc et al.
2023, doi:10.48550/arXiv.2311.10200). The recording is a file (see `_recording`), or, without one, three simulated
regions or a rate network of known weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..declare.validation import check_fraction, check_positive
from ..errors import InvalidValueError, message
from ..recipes.cost import cost_of
from ..recipes.protocol import Forecast, Number, Outcome, Protocol
from ..recipes.settings import choice, count, not_negative, section
from ..regression.cross_entropy import ConvexOptions
from ..regression.dynamics import DYNAMICS
from ..regression.weights import METHODS
from ._recordings import read_recording

if TYPE_CHECKING:
    from ..recipes.recipe import Recipe
    from ..run.data_constrained import DataConstrainedNetwork
    from ..run.simulation import Target

__all__ = ["PROTOCOL", "model"]


def _regions(number: int) -> Callable[[str, Any], Any]:
    def check(where: str, value: Any) -> tuple[float, ...]:
        if len(value) != number:
            raise InvalidValueError(message(where, f"{number} numbers", tuple(value)))
        return tuple(value)

    return check


SECTIONS = {
    "recording": section(
        ("data", "text", "", None),
        ("dt_data", "second", 0.01, check_positive),
        ("nan", "text", "refuse", choice("refuse", "skip")),
        # of the three simulated regions
        ("data_seed", "1", 0, count("the seed", 0)),
        ("region_n", "1", 100, count("units", 11)),
        ("region_g", "1,many", (1.8, 1.5, 1.5), _regions(3)),
        ("region_tau", "second", 0.1, check_positive),
        ("p_inter", "1", 0.05, check_fraction),
        ("w_inter", "1", 0.02, None),
        ("p_external", "1", 0.5, check_fraction),
        ("external", "1,many", (1.0, -1.0), _regions(2)),
        ("duration", "second", 10.0, check_positive),
        ("lead", "second", 2.0, check_positive),
        # or of a simulated rate network; its time step is dt_data, its time constant network.tau
        ("kind", "text", "three_regions", choice("three_regions", "rate_network")),
        ("units", "1", 200, count("units", 2)),
        ("samples", "1", 3000, count("samples", 2)),
        ("units_g", "1", 3.0, check_positive),
        ("input_noise", "1", 0.01, not_negative),
        ("rate_noise", "1", 1e-4, not_negative),
    ),
    "network": section(
        ("dynamics", "text", "current", choice(*DYNAMICS)),
        ("dt_factor", "1", 1, count("integration steps a sample", 1)),
        ("g", "1", 1.5, check_positive),
        ("tau", "second", 0.01, check_positive),
        ("tau_noise", "second", 0.1, check_positive),
        ("noise_amplitude", "1", 0.01, None),
        ("dtype", "text", "float64", choice("float64", "float32")),
    ),
    "learning": section(("alpha_P", "1", 1.0, check_positive)),
    # the options of a method are of no effect with the others
    "fit": section(
        ("method", "text", "closed_loop", choice("closed_loop", *METHODS)),
        ("part", "1", 1.0, check_fraction),
        ("ridge", "1", ConvexOptions.ridge, not_negative),
        ("saturation", "1", ConvexOptions.saturation, check_positive),
        ("tolerance", "1", ConvexOptions.tolerance, check_positive),
        ("iterations", "1", ConvexOptions.iterations, count("iterations", 1)),
    ),
    "run": section(
        ("runs", "1", 500, count("runs", 1)),
        ("free_runs", "1", 0, count("runs", 0)),
        ("seed", "1", 0, count("the seed", 0)),
    ),
}


_SIMULATED = ("units", "samples", "units_g", "input_noise", "rate_noise")


def _recording(recipe: Recipe) -> dict[str, Any]:
    """Return data, regions and reset points; of a simulated rate network also its weights, from row to column.

    A file holds ``data`` of shape (samples, neurons), and, if it is a ``.npz`` file, ``regions``, the name
    or number of each neuron's region, and ``reset_points``, the samples at which a trial begins.
    """
    values = recipe.values["recording"]
    if values["data"]:
        where = f"{recipe.name}: recording.data"
        found: dict[str, Any] = read_recording(where, values["data"], ("regions", "reset_points"))
        if "regions" in found:
            labels, n = found["regions"], found["data"].shape[-1]
            if labels.shape != (n,):
                raise InvalidValueError(message(f"{where}: regions", f"one name for each neuron ({n})", labels.shape))
            found["regions"] = {str(name): np.flatnonzero(labels == name) for name in np.unique(labels)}
        return found
    rng = np.random.default_rng(values["data_seed"])
    if values["kind"] == "rate_network":
        from ..tasks.rate_network import rate_network

        noise = {key: values[key] for key in ("input_noise", "rate_noise")}
        step = values["dt_data"] / recipe.values["network"]["tau"]
        data, weights = rate_network(rng, values["units"], values["samples"], g=values["units_g"], step=step, **noise)
        return {"data": data, "weights": weights}
    from ..tasks.surrogate import three_regions

    names = {"region_n": "n", "region_g": "g", "region_tau": "tau", "dt_data": "dt"}
    others = ("data", "nan", "data_seed", "kind", *_SIMULATED)
    options = {names.get(key, key): value for key, value in values.items() if key not in others}
    data, regions = three_regions(rng, **options)
    return {"data": data, "regions": regions}


def model(recipe: Recipe, target: Target | None = None) -> DataConstrainedNetwork:
    """Draw the network from the recipe's seed."""
    return _model(recipe, _recording(recipe), target)


def _model(recipe: Recipe, recording: dict[str, Any], target: Target | None) -> DataConstrainedNetwork:
    from ..run.data_constrained import DataConstrainedNetwork

    values, network = recipe.values["recording"], recipe.values["network"]
    options = {key: value for key, value in network.items() if key != "dt"}
    read = {key: value for key, value in recording.items() if key not in ("data", "weights")}
    return DataConstrainedNetwork(
        recording["data"], values["dt_data"], **read, **options, **recipe.values["learning"],
        nan=values["nan"], normalize="weights" not in recording, seed=recipe.seed, target=target, name=recipe.name,
    )  # fmt: skip


def _size(recipe: Recipe) -> tuple[int, int]:
    """Return the integration steps per run, and the units."""
    values = recipe.values["recording"]
    samples, n = round((values["duration"] + values["lead"]) / values["dt_data"]), 3 * values["region_n"]
    if values["kind"] == "rate_network":
        samples, n = values["samples"], values["units"]
    if values["data"]:
        samples, n = np.shape(_recording(recipe)["data"])
    return (samples - 1) * recipe.values["network"]["dt_factor"] + 1, n


def forecast(recipe: Recipe, target: str) -> Forecast:
    """Forecast memory and time."""
    overhead, unit, weight, element = cost_of(target)
    (steps, n), run = _size(recipe), recipe.values["run"]
    runs = run["runs"] if recipe.values["fit"]["method"] == "closed_loop" else 0
    updates = runs * (steps - 1) / recipe.values["network"]["dt_factor"]
    total = (runs + run["free_runs"]) * steps
    # weights are dense here, so a weight's step costs about what a number of P does
    nanoseconds = total * (overhead + unit * n + element * n * n) + updates * element * n * (2 * n + 1)
    # rates and samples of all steps, the currents of all pairs of regions among them
    memory = 8 * (4 * steps * n + 3 * n * n + n * (n + 1) // 2)
    return Forecast(memory, nanoseconds * 1e-9, total)


def run(recipe: Recipe, target: Target | None = None, progress: Callable[[int, int], None] | None = None) -> Outcome:
    """Fit, run freely, decompose."""
    recording = _recording(recipe)
    fitted = _model(recipe, recording, target)
    values, method = recipe.values["run"], recipe.values["fit"]["method"]
    history = fitted.fit(
        1 if method == "convex" else values["runs"], values["free_runs"], progress=progress, **_options(recipe)
    )
    found: dict[str, float] = {}
    if fitted.regression is not None:
        found |= {"seconds": fitted.regression.seconds, "iterations": float(fitted.regression.iterations)}
    if "weights" in recording:
        off = ~np.eye(fitted.net.n, dtype=bool)
        found["correlation"] = float(np.corrcoef(fitted.weights[off], recording["weights"][off])[0, 1])
    for name, runs in (("p_var", history.p_var[history.learned]), ("p_var_free", history.p_var[~history.learned])):
        if len(runs):
            found[name] = float(runs[-1])
    if history.learned.any():
        found |= {"p_var_first": float(history.p_var[0]), "chi2": float(history.chi2[-1])}

    def figure() -> Any:
        from ._figure_recorded import figure_decomposition

        return figure_decomposition(fitted, recording.get("weights"))

    results = fitted.predict() if fitted.results is None else fitted.results
    return Outcome(results, found, figure)


def _options(recipe: Recipe) -> dict[str, Any]:
    """Return the options that the method takes."""
    values = recipe.values["fit"]
    taken = {"closed_loop": ("method",), "teacher_forced": ("method", "part")}
    return {key: values[key] for key in taken.get(values["method"], values)}


def _check(recipe: Recipe, where: Callable[[str, str], str]) -> None:
    values = recipe.values["recording"]
    recipe.values["network"]["dt"] = values["dt_data"] / recipe.values["network"]["dt_factor"]
    if values["kind"] == "rate_network" and not values["data"]:
        step = values["dt_data"] / recipe.values["network"]["tau"]
        if step > 1:
            expected = f"at most network.tau = {recipe.values['network']['tau']:g} s"
            raise InvalidValueError(message(where("recording", "dt_data"), expected, values["dt_data"]))
    elif not values["data"] and round(values["duration"] / values["dt_data"]) < 301:
        raise InvalidValueError(
            message(where("recording", "duration"), f"at least {301 * values['dt_data']:g} s", values["duration"])
        )


PROTOCOL = Protocol(
    sections=SECTIONS,
    expected={
        "p_var_first": Number("explained variance, first run"),
        "p_var": Number("explained variance, last run with learning"),
        "p_var_free": Number("explained variance, last run without learning"),
        "chi2": Number("error that the rule sees, last run"),
        "correlation": Number("Pearson r of all fitted weights with those of the simulated rate network"),
        "iterations": Number("passes or iterations of the fit by regression"),
        "seconds": Number("time of the fit by regression", "second"),
    },
    forecast=forecast,
    run=run,
    files={("recording", "data"): ""},
    check=_check,
)
