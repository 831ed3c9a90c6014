"""Every recipe against the published table, and what it makes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from traces import published_parameters

from tension_sim.recipes.recipe import list_recipes, load_recipe
from tension_sim.recipes.run import forecast

#: Rows whose supervisor is recorded or drawn data, no formula; test_songbird_and_movie.py has two of them.
NO_FORMULA = {"IZSONGBIRDFORCE", "IZFORCEMOVIE", "IZFORCECLASSIFICATION", "NETWORKSIM"}
PUBLISHED = [
    name
    for name in list_recipes()
    if name.startswith("nicola_clopath_2017/")
    and load_recipe(name).protocol.name == "force"
    and Path(load_recipe(name).script).stem not in NO_FORMULA
]


def program(recipe) -> str:
    return recipe.script.partition(", ")[2]


@pytest.fixture(scope="module")
def table():
    return published_parameters()


def seconds(cell: str, scale: float) -> float:
    number, unit = re.fullmatch(r"([\d.e-]+) (ms|s)", cell).groups()
    return float(number) * (scale if unit == "ms" else 1.0)


# -- what is published ----------------------------------------------------------------------------


def test_every_row_with_a_formula_has_one_recipe(table):
    formulas = {path for path in table if Path(path).stem not in NO_FORMULA}
    assert len(formulas) == len(table) - len(NO_FORMULA)
    assert sorted(program(load_recipe(name)) for name in PUBLISHED) == sorted(formulas)


@pytest.mark.parametrize("name", PUBLISHED)
def test_recipe_holds_the_published_parameters(name, table):
    recipe = load_recipe(name)
    row = table[program(recipe)]
    network, learning = recipe.values["network"], recipe.values["learning"]
    dt = seconds(row["dt"], 1e-3)
    assert recipe.dt == pytest.approx(dt, rel=1e-15)
    assert network["neuron"] == {"LIF": "lif", "Theta": "theta", "Izh.": "izhikevich"}[row["neuron"]]
    assert network["n"] == int(row["N"])
    assert network["p"] == 0.1
    assert network["G"] == float(row["G"])
    # one program multiplies the feedback by Q twice, with which no seed learns: the recipe takes Q as it is written
    assert network["Q"] == float(row["Q"].partition(" (")[0])
    assert network["row_balanced"] == (row["neuron"] != "Izh.")

    factor, _, unit = row["P0"].rpartition("dt")
    alpha_P = float(factor.rstrip("·") or 1) * dt if "dt" in row["P0"] else float(row["P0"])
    assert (unit == "") or alpha_P == float(row["P0"])
    assert learning["alpha_P"] == pytest.approx(alpha_P, rel=1e-12)
    assert learning["gain"] == "undivided"
    start, stop, step = map(float, re.fullmatch(r"([\d.]+)-([\d.]+)/(\d+)", row["RLS/step"]).groups())
    assert (learning["start"], learning["stop"], learning["update_every"]) == (start, stop, step)
    assert recipe.duration == float(row["T"])
    assert recipe.n_steps == round(float(row["T"]) / dt)
    assert recipe.learning_steps == (round(start / dt), round(stop / dt))
    # the published programs leave out their last step, on which they would not update
    assert (recipe.learning_steps[1] - 1) % step

    rise, decay = map(float, row["tr/td"].removesuffix(" ms").split("/"))
    parameters = {key: quantity.value for key, quantity in recipe.values["parameters"].items()}
    assert parameters["tau_rise"] == pytest.approx(rise * 1e-3)
    assert parameters["tau_decay"] == pytest.approx(decay * 1e-3)
    for key, value in NEURONS[row["par"]].items():
        assert parameters[key] == pytest.approx(value, rel=1e-12), key
    assert recipe.task_shape[1] == int(row["out"])


LIF = {"tau_mem": 0.01, "tau_ref": 2e-3, "v_reset": -65e-3, "v_peak": -40e-3, "bias": -40e-3}
IZHIKEVICH = {"C": 250e-12, "k": 2.5e-6, "v_r": -60e-3, "v_peak": 30e-3, "v_reset": -65e-3, "bias": 1e-9}
NEURONS = {
    "L": LIF,
    "T": {"v_peak": np.pi, "v_reset": -np.pi, "bias": 0},
    "Ia": {**IZHIKEVICH, "b": -2e-9, "v_t": -19.2e-3, "a": 10.0, "d": 200e-12},
    "Ib": {**IZHIKEVICH, "b": 0, "v_t": -20e-3, "a": 10.0, "d": 200e-12},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_supervisor_is_the_published_one(name, table):
    recipe = load_recipe(name)
    formula = table[program(recipe)]["supervisor"].partition(" (")[0]
    task = recipe.values["task"]
    noise, kind = task["noise"], task["noise_kind"]
    formula, plus, published_noise = formula.partition(" + ")
    assert (noise, kind) == (
        (0.05, {"0.05 randn": "normal", "0.05 rand": "uniform"}[published_noise]) if plus else (0, kind)
    )
    sines = [float(number) for number in re.findall(r"S(\d)", formula)]
    if formula.startswith("asin"):
        assert (task["name"], task["frequency"]) == ("sawtooth", sines[0])
    elif len(sines) == 1:
        assert (task["name"], task["frequency"]) == ("sine", sines[0])
    elif sines:
        assert (task["name"], list(task["frequencies"])) == ("product", sines)
    elif formula.startswith("V"):
        mu = float(formula[2:-1])
        assert (task["name"], task["mu"], task["amplitude_scale"], task["time_scale"]) == (
            "van_der_pol",
            mu,
            10,
            20,
        )
    elif formula == "X":
        assert task == {
            **task,
            "name": "lorenz",
            "sigma": 10,
            "rho": 28,
            "beta": 8 / 3,
            "amplitude_scale": 70,
            "time_scale": 1,
        }
    else:
        long = formula == "song64"
        assert formula in ("song16", "song64")
        assert (task["melody"], task["clock"]) == ("ode_to_joy_long" if long else "ode_to_joy", long)
        assert (task["name"], task["note_rate"]) == ("song", 4)


@pytest.mark.parametrize(
    ("name", "rate", "rmse"),
    [
        ("lif_sine", 22.5, (0.015, 0.03)),
        ("izhikevich_sine", 36, (0.009, 0.02)),
        ("theta_sine", 26, (0.012, 0.022)),
    ],
)
def test_measured_references(name, rate, rmse):
    expected = load_recipe(name).expected
    low, high = expected["firing_rate"]
    assert low < rate < high < 1.25 * low
    assert expected["learning_rmse"] == rmse
    assert expected["peak_frequency"] == (4.9, 5.1)


# -- every recipe ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list_recipes())
def test_recipe_says_what_it_is_and_what_it_takes(name):
    recipe = load_recipe(name)
    assert recipe.summary and recipe.script
    assert recipe.source.startswith("https://")
    # ranges come from three seeds or more, or from the publication
    told = recipe.expected.get("reference", "three seeds")
    number = r"(three|four|five|six|seven|eight|nine|ten|\d+) (seeds|networks)"
    assert re.search(rf"{number}|publication|published", told), told
    assert "reference" in recipe.expected or not recipe.expected
    needs = forecast(recipe)
    assert needs.steps > 0 and needs.memory > 0 and needs.seconds > 0
    assert needs.seconds < forecast(recipe, "numpy").seconds


@pytest.mark.parametrize("name", PUBLISHED)
def test_recipe_makes_its_network_task_and_phases(name):
    start = load_recipe(name).values["learning"]["start"]
    # two clock ticks of a song, and past the start of learning
    recipe = load_recipe(
        name,
        {
            "n": "40",
            "duration": f"{start + 0.1}*second",
            "dt": "1*ms",
            "learning.stop": f"{start + 0.05}*second",
        },
    )
    assert recipe.summary and recipe.script
    assert recipe.source.startswith("https://doi.org/10.")
    task = recipe.task()
    assert recipe.task_shape == (len(task.target), task.n_outputs, task.n_inputs)
    assert task.n_steps == recipe.n_steps
    network = recipe.network()
    assert (network.n, network.n_outputs, network.dt) == (40, task.n_outputs, 1e-3)
    assert network.learning.alpha_P == recipe.values["learning"]["alpha_P"]
    assert network.parameter_values == recipe.values["parameters"]
    phases = [(phase.name, phase.start, phase.stop) for phase in recipe.phases()]
    first, stop = round(start * 1000), round(start * 1000) + 50
    assert phases == [("before", 0, first), ("learning", first, stop), ("test", stop, recipe.n_steps)]
    assert (network.learning.start, network.learning.stop) == (first, stop)


def test_names_are_discovered_and_short_ones_found():
    assert len({name.rpartition("/")[2] for name in PUBLISHED}) == len(PUBLISHED) == 41
    assert load_recipe("ode_to_joy").name == "nicola_clopath_2017/ode_to_joy"
    assert load_recipe("nicola_clopath_2017/ode_to_joy").path == load_recipe("ode_to_joy").path


def test_the_same_seed_draws_the_same_noise_and_network():
    change = {"duration": "20*ms", "n": "30", "seed": "7"}
    one, two = (load_recipe("lif_tau20_product_noise", change) for _ in range(2))
    other = load_recipe("lif_tau20_product_noise", {**change, "seed": "8"})
    np.testing.assert_array_equal(one.task().target, two.task().target)
    np.testing.assert_array_equal(one.network().feedback_kernel, two.network().feedback_kernel)
    assert np.all(one.task().target != other.task().target)
    assert np.all(one.network().feedback_kernel != other.network().feedback_kernel)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 9), st.integers(0, 60), st.integers(0, 60))
def test_updates_fall_on_the_published_steps(step, first, length):
    """Against the condition of the program: mod(i, step) == 1 and imin < i < icrit, i from 1.

    We learn on the step icrit too: no published one is an update.
    """
    imin, icrit = first, first + length
    recipe = load_recipe(
        "izhikevich_sine",
        {
            "duration": "100*ms",
            "dt": "1*ms",
            "learning.start": f"{imin}*ms",
            "learning.stop": f"{icrit}*ms",
            "update_every": str(step),
        },
    )
    learning = recipe.learning()
    ours = [k for k in range(100) if learning.start <= k < learning.stop and k % learning.update_every == 0]
    assert ours == [i - 1 for i in range(1, 101) if i % step == 1 and imin < i <= icrit]


def test_learning_may_end_with_the_run_or_not_happen():
    def phases(**change):
        recipe = load_recipe("lif_sine", {"duration": "1*second", **change})
        return [(phase.name, phase.start, phase.stop) for phase in recipe.phases()]

    assert phases() == [("before", 0, 20000)]
    assert phases(start="0.5*second") == [("before", 0, 10000), ("learning", 10000, 20000)]
    assert phases(start="0*ms", stop="0*ms") == [("test", 0, 20000)]


def test_forecast_of_memory_against_the_real_arrays():
    recipe = load_recipe("ode_to_joy", {"n": "200", "duration": "20*second", "p": "0.5", "seed": "3"})
    forecast, network, task = recipe.forecast(), recipe.network(), recipe.task()
    assert forecast.P == np.zeros(200)[np.triu_indices(200)[0]].nbytes
    assert forecast.kernels == network.feedback_kernel.nbytes + network.output_kernel.nbytes
    assert forecast.samples == task.n_bytes
    n_synapses = len(network.recurrent.weight)
    # weights and targets, in Python and in the program
    assert forecast.synapses == pytest.approx(n_synapses * 2 * (8 + 4), rel=0.05)
    rows = len(range(0, recipe.n_steps, 125))
    assert forecast.recorded == rows * (5 + 5 + 5) * 8
    assert forecast.spikes == 30 * 200 * 20 * 12
    assert forecast.total == sum(
        getattr(forecast, part) for part in ("P", "synapses", "kernels", "samples", "recorded", "spikes")
    )
    half = load_recipe("ode_to_joy", {"n": "200", "dtype": "float32"}).forecast()
    assert half.P * 2 == forecast.P
    assert load_recipe("lif_sine", {"n": "2000"}).forecast().P == 2000 * 2001 // 2 * 8
