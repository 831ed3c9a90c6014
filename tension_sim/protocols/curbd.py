"""Data-constrained rate network: fitted to recorded activity, then its currents by source region.

As CURBD (Perich et al. 2020, doi:10.1101/2020.12.18.423348). The recording is a file (see `_recording`),
or, without one, three simulated regions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..declare.validation import check_fraction, check_positive
from ..errors import InvalidValueError, message
from ..recipes.cost import cost_of
from ..recipes.protocol import Forecast, Number, Outcome, Protocol
from ..recipes.settings import choice, count, section
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
    ),
    "network": section(
        ("dt_factor", "1", 1, count("integration steps a sample", 1)),
        ("g", "1", 1.5, check_positive),
        ("tau", "second", 0.01, check_positive),
        ("tau_noise", "second", 0.1, check_positive),
        ("noise_amplitude", "1", 0.01, None),
        ("dtype", "text", "float64", choice("float64", "float32")),
    ),
    "learning": section(("alpha_P", "1", 1.0, check_positive)),
    "run": section(
        ("runs", "1", 500, count("runs", 1)),
        ("free_runs", "1", 0, count("runs", 0)),
        ("seed", "1", 0, count("the seed", 0)),
    ),
}


def _recording(recipe: Recipe) -> dict[str, Any]:
    """Return data, regions and reset points.

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
    from ..tasks.surrogate import three_regions

    names = {"region_n": "n", "region_g": "g", "region_tau": "tau", "dt_data": "dt"}
    options = {names.get(key, key): value for key, value in values.items() if key not in ("data", "nan", "data_seed")}
    data, regions = three_regions(np.random.default_rng(values["data_seed"]), **options)
    return {"data": data, "regions": regions}


def model(recipe: Recipe, target: Target | None = None) -> DataConstrainedNetwork:
    """Draw the network from the recipe's seed."""
    from ..run.data_constrained import DataConstrainedNetwork

    values, network = recipe.values["recording"], recipe.values["network"]
    options = {key: value for key, value in network.items() if key != "dt"}
    recording = _recording(recipe)
    return DataConstrainedNetwork(
        recording.pop("data"), values["dt_data"], **recording, **options, **recipe.values["learning"],
        nan=values["nan"], seed=recipe.seed, target=target, name=recipe.name,
    )  # fmt: skip


def _size(recipe: Recipe) -> tuple[int, int]:
    """Return the integration steps per run, and the units."""
    values = recipe.values["recording"]
    samples, n = round((values["duration"] + values["lead"]) / values["dt_data"]), 3 * values["region_n"]
    if values["data"]:
        samples, n = np.shape(_recording(recipe)["data"])
    return (samples - 1) * recipe.values["network"]["dt_factor"] + 1, n


def forecast(recipe: Recipe, target: str) -> Forecast:
    """Forecast memory and time."""
    overhead, unit, weight, element = cost_of(target)
    (steps, n), run = _size(recipe), recipe.values["run"]
    updates = run["runs"] * (steps - 1) / recipe.values["network"]["dt_factor"]
    total = (run["runs"] + run["free_runs"]) * steps
    # weights are dense here, so a weight's step costs about what a number of P does
    nanoseconds = total * (overhead + unit * n + element * n * n) + updates * element * n * (2 * n + 1)
    # rates and samples of all steps, the currents of all pairs of regions among them
    memory = 8 * (4 * steps * n + 3 * n * n + n * (n + 1) // 2)
    return Forecast(memory, nanoseconds * 1e-9, total)


def run(recipe: Recipe, target: Target | None = None, progress: Callable[[int, int], None] | None = None) -> Outcome:
    """Fit, run freely, decompose."""
    fitted = model(recipe, target)
    values = recipe.values["run"]
    history = fitted.fit(values["runs"], values["free_runs"], progress=progress)
    found = {}
    for name, runs in (("p_var", history.p_var[history.learned]), ("p_var_free", history.p_var[~history.learned])):
        if len(runs):
            found[name] = float(runs[-1])
    if len(history.p_var):
        found |= {"p_var_first": float(history.p_var[0]), "chi2": float(history.chi2[-1])}

    def figure() -> Any:
        from ._figure_recorded import figure_decomposition

        return figure_decomposition(fitted)

    results = fitted.predict() if fitted.results is None else fitted.results
    return Outcome(results, found, figure)


def _check(recipe: Recipe, where: Callable[[str, str], str]) -> None:
    values = recipe.values["recording"]
    recipe.values["network"]["dt"] = values["dt_data"] / recipe.values["network"]["dt_factor"]
    if not values["data"] and round(values["duration"] / values["dt_data"]) < 301:
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
    },
    forecast=forecast,
    run=run,
    files={("recording", "data"): ""},
    check=_check,
)
