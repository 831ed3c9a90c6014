"""Sweeps that recipe files hold: all of them can be planned, and what cannot work is named."""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest
from sweeps.small import pretended

import tension_sim.sweeps.work as work
from tension_sim import ForceNetwork, Simulation, list_recipes, load_recipe, run_outcome
from tension_sim.cli import main
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnknownNameError
from tension_sim.sweeps.base import base_of
from tension_sim.sweeps.folder import opened, read_description
from tension_sim.sweeps.plans import stored_sweep
from tension_sim.sweeps.sweep import plan_sweep

STORED = [(name, sweep) for name in list_recipes() for sweep in load_recipe(name).sweeps]
RATE = "newton_nicola_2025/rate_oscillator"


@pytest.mark.parametrize(("name", "sweep"), STORED)
def test_every_stored_sweep_can_be_planned(name, sweep):
    base, stored = stored_sweep(base_of("sweep", name), sweep)
    plan = plan_sweep("sweep", base, stored.grid, stored.seeds)
    assert plan.points and base.load(dict(plan.points[-1].settings)).values["run"]["seed"] == plan.points[-1].values[-1]


def test_some_recipes_have_sweeps():
    assert len(STORED) >= 8


def own(tmp_path, text):
    recipe = tmp_path / "mine.toml"
    recipe.write_text(load_recipe("lif_sine").path.read_text() + text)
    return base_of("sweep", recipe)


@pytest.mark.parametrize(
    ("text", "error", "wrong"),
    [
        ("", InvalidValueError, "mine.toml: sweep: expected a sweep in the recipe's file."),
        ("", InvalidValueError, "Fix: give --grid, e.g. --grid G=0.02:0.2:10, or --seeds 20 for seeds alone."),
        ("[sweep]\na = 1\n", InvalidTypeError, "mine.toml: sweep.a: expected a table, [sweep.a]."),
        ("[sweep.a]\ngird = {Q = [1]}\n", UnknownNameError, "mine.toml: sweep.a: expected a known key"),
        ("[sweep.a]\nseeds = 1\n", InvalidValueError, "mine.toml: sweep.a.grid: expected at least one setting"),
        ("[sweep.a]\ngrid = [1]\n", InvalidTypeError, "mine.toml: sweep.a.grid: expected names of settings"),
        ("[sweep.a]\ngrid = {q = [1]}\n", UnknownNameError, "did you mean 'Q'?"),
        ("[sweep.a]\ngrid = {n = [0]}\n", InvalidValueError, "network.n"),
        (
            "[sweep.a]\ngrid = {n = [9]}\nplot = 'n'\n",
            InvalidTypeError,
            "mine.toml: sweep.a.plot: expected what is drawn",
        ),
        (
            "[sweep.a]\ngrid = {n = [9]}\nplot = {z = 'n'}\n",
            UnknownNameError,
            "sweep.a.plot: expected a known part of a",
        ),
        (
            "[sweep.a]\ngrid = {n = [9]}\nplot = {x = 'Q'}\n",
            UnknownNameError,
            "sweep.a.plot.x: expected a known setting",
        ),
        (
            "[sweep.a]\ngrid = {n = [9]}\nplot = {value = 'n'}\n",
            UnknownNameError,
            "a.plot.value: expected a known number",
        ),
        (
            "[sweep.a]\ngrid = {n = [9]}\nplot = {highest = 'n'}\n",
            InvalidTypeError,
            "a.plot.highest: expected a finite",
        ),
    ],
)
def test_what_cannot_work(tmp_path, text, error, wrong):
    with pytest.raises(error) as raised:
        stored_sweep(own(tmp_path, text))
    assert wrong in str(raised.value)


def test_how_a_sweep_is_drawn_is_kept_with_it(tmp_path):
    text = "[sweep.a]\ngrid = {Q = [1, 2]}\nplot = {x = 'Q', value = 'firing_rate', highest = 50}\n"
    base, stored = stored_sweep(own(tmp_path, text))
    plan = plan_sweep("sweep", base, stored.grid, plot=stored.plot)
    with opened("test", tmp_path, plan.description, there=False):
        pass
    found = read_description("test", tmp_path)
    assert found.plot == {"x": "network.Q", "value": "firing_rate", "highest": 50}
    # folders of the versions before have no such word
    data = json.loads((tmp_path / "sweep.json").read_text())
    del data["plot"]
    (tmp_path / "sweep.json").write_text(json.dumps(data))
    assert read_description("test", tmp_path).plot == {}


def test_names_and_settings_of_the_user_come_first(tmp_path):
    base = own(tmp_path, "[sweep.a]\ngrid = {Q = [1]}\n[sweep.b]\ngrid = {Q = [2], G = [3]}\nsettings = {n = 50}\n")
    assert stored_sweep(base)[1].name == "a"
    with pytest.raises(UnknownNameError, match=re.escape("expected a known sweep of this recipe (a, b)")):
        stored_sweep(base, "c")
    found, stored = stored_sweep(base_of("sweep", base.recipe.path, {"n": "30", "G": "0.5"}), "b")
    assert found.settings == {"network.n": "30", "network.G": "0.5"} and stored.grid == {"Q": [2]}


@pytest.mark.parametrize(
    ("words", "done"),
    [(["lif_oscillator", "--plan", "size_reduced", "--set", "alpha_P=1e-5", "--seeds", "2"], 8),
     (["lif_sine", "--seeds", "3"], 3)],
    ids=["a sweep of the file", "seeds alone"],
)  # fmt: skip
def test_command(words, done, tmp_path, monkeypatch, capsys):
    pytest.importorskip("pyarrow", reason="sweeps need the extra")
    monkeypatch.setattr(work, "_measure", pretended)
    where = ["--workers", "0", "--out", str(tmp_path / "out"), "--json"]
    monkeypatch.setattr(sys, "argv", ["tension-sim", "sweep", *words, *where])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0 and json.loads(capsys.readouterr().out)["done"] == done


def test_the_matched_rate_is_the_f_i_curve_of_the_neuron():
    """At a constant current, filtered rates come to f(I), and the spiking neuron fires as often."""
    current = np.array([-41.0, -39.9, -38.0, -20.0, 100.0])
    f = np.zeros(5)
    above = current > -40
    f[above] = 1 / (2e-3 + 10e-3 * np.log((current[above] + 65) / (current[above] + 40)))
    kernel = (current + 40)[None]
    rest = {"n": 5, "dt": "0.1*ms", "output_kernel": np.eye(5), "input_kernel": kernel}
    rest |= {"recurrent": None, "feedback_kernel": None}
    rates = Simulation(ForceNetwork("lif_rate", None, **rest), target="numpy").run(x=np.ones((2500, 1)))
    np.testing.assert_allclose(rates.output[-1], f, rtol=2e-3, atol=1e-3)
    spikes = Simulation(ForceNetwork("lif", "double_exponential", **rest), target="numpy").run(x=np.ones((5000, 1)))
    counts = np.bincount(spikes.spike_neuron[spikes.spike_step >= 1000], minlength=5) / 0.4
    np.testing.assert_allclose(counts, f, atol=2.6, rtol=0.03)


def test_a_rate_unit_takes_no_filter():
    with pytest.raises(InvalidValueError, match="network.synapse: expected no filter, for 'lif_rate' has no spikes."):
        load_recipe(RATE, {"synapse": "double_exponential"})
    recipe = load_recipe("nicola_clopath_2017/lif_sine", {"neuron": "lif_rate", "record.variables": "x", "n": "20"})
    assert recipe.values["network"]["synapse"] is None and float(recipe.values["parameters"]["tau_decay"].value) == 0.02


def test_the_matched_network_learns():
    small = {"n": "60", "dt": "0.2*ms", "duration": "400*ms", "learning.start": "50*ms", "learning.stop": "350*ms"}
    found = run_outcome(load_recipe(RATE, small | {"update_every": "5", "alpha_P": "1e-4"}), target="numpy")
    assert found.numbers["learning_rmse"] < 0.3 and "firing_rate" not in found.numbers
