"""Where a search looks for a neuron's G, Q, alpha_P and bias; five neurons of a user's own learn a sine."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from sweeps.small import SMALL, how, pretended

import tension_sim.sweeps.neuron_ranges as neuron_ranges
import tension_sim.sweeps.work as work
from tension_sim import load_recipe, tune
from tension_sim.cli import main
from tension_sim.errors import InvalidValueError
from tension_sim.sweeps.base import base_of
from tension_sim.sweeps.neuron_ranges import Curve, curve_of, has_curve
from tension_sim.sweeps.tune import ranges_to_tune

for _package in ("optuna", "pandas", "pyarrow"):
    pytest.importorskip(_package, reason="tune needs the extra sweep")

LIF = "nicola_clopath_2017/lif_sine"
UNSHIPPED = sorted((Path(__file__).parents[1] / "neurons" / "unshipped").glob("*.toml"))
CURVE = Curve(rheobase=-1.0, high=9.0, rate=50.0)


@pytest.fixture
def known_curve(monkeypatch):
    monkeypatch.setattr(neuron_ranges, "curve_of", lambda base: CURVE)


def test_the_curve_of_lif_neurons_is_that_of_the_closed_form():
    """From v_reset to v_peak with constant input: tau log((I - v_reset)/(I - v_peak)), and the refractory time."""
    found = curve_of(base_of("tune", LIF, {"dt": "0.5*ms"}))
    tau, reset, peak, rest = 10e-3, -65.0, -40.0, 2e-3
    ratio = math.exp((1 / 50 - rest) / tau)
    at_50_hz = (ratio * peak - reset) / (ratio - 1) - peak  # beside the bias, which is v_peak
    assert found.rate == pytest.approx(50, abs=2)  # one spike of those counted
    assert found.high == pytest.approx(at_50_hz, rel=0.1)
    assert 0 < found.rheobase < 0.05 * at_50_hz


def test_ranges_follow_from_the_span_of_the_curve(known_curve):
    """S = 10 mV, p = 0.1, N = 2000, r = 25 Hz, and the bias of -40 mV."""
    found = ranges_to_tune(base_of("tune", LIF))
    assert found == {
        "network.G": "0.00379:0.19:log",
        "network.Q": "5:100:log",
        "learning.alpha_P": "8e-08:0.0008:log",
        "parameters.bias": "-41*mV:-33.5*mV",
    }


@pytest.mark.parametrize("recipe", ["lif_sine", "theta_sine", "izhikevich_sine"])
def test_published_values_lie_within(recipe, monkeypatch):
    curves = {"lif_sine": (0.11, 4.8), "theta_sine": (50, 2360), "izhikevich_sine": (32, 1308)}
    monkeypatch.setattr(neuron_ranges, "curve_of", lambda base: Curve(*curves[recipe], 50.0))
    base = base_of("tune", f"nicola_clopath_2017/{recipe}")
    for name, text in ranges_to_tune(base).items():
        if name != "parameters.bias":
            section, key = name.split(".")
            low, high = map(float, text.split(":")[:2])
            assert low < base.recipe.values[section][key] < high, name


def test_what_is_set_stays(known_curve):
    assert set(ranges_to_tune(base_of("tune", LIF, {"Q": "10", "bias": "-39*mV"}))) == {"network.G", "learning.alpha_P"}


def test_a_neuron_without_a_bias_in_its_current_has_no_range_for_it(known_curve, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text((UNSHIPPED[0]).read_text().replace("bias", "offset"))
    assert "parameters.bias" not in ranges_to_tune(base_of("tune", LIF, {"neuron": file}))


@pytest.mark.parametrize(
    ("rates", "found"),
    [
        ([0, 0, 0, 0, 0, 10, 49, 60, 90], (5, 7)),
        ([0, 0, 0, 20, 30, 40, 49, 60, 90], (3, 7)),  # it fires without an input
        ([900, 0, 0, 0, 0, 10, 49, 60, 90], (5, 7)),  # far below, a time step too long makes it fire
        ([0, 0, 0, 0, 0, 58, 70, 110, 200], (5, 8)),  # a resonator begins at once: twice as fast
        ([0, 0, 0, 0, 0, 10, 20, 19, 0], (5, 6)),  # it never fires fast, and falls silent
        ([0, 0, 0, 0, 0, 10, 10, 10, 10], (5, 6)),
        ([20, 20, 20, 20, 20, 20, 49, 60, 90], (0, 7)),
    ],
)
def test_where_a_curve_rises(rates, found):
    assert neuron_ranges._rise(None, np.arange(-4.0, 5.0), np.asarray(rates, float)) == found


def test_a_neuron_that_never_fires():
    text = "tune.ranges: expected a neuron that goes on firing at a constant input of up to 4."
    with pytest.raises(InvalidValueError, match=re.escape(text)):
        neuron_ranges._rise(base_of("tune", LIF), np.arange(-4.0, 5.0), np.zeros(9))


def test_a_recipe_without_such_a_neuron_needs_ranges(tmp_path):
    assert not has_curve(base_of("tune", "four_sines"))
    with pytest.raises(InvalidValueError, match=r"tune\.ranges: expected at least one range\."):
        tune("four_sines", trials=1, **how(tmp_path / "out", settings={}))


def test_a_new_neuron_records_its_own_membrane():
    """The recipe records v, which the new one does not have; what has the same name stays."""
    resonator = next(file for file in UNSHIPPED if file.stem == "resonate_and_fire")
    assert load_recipe(LIF, {"neuron": resonator}).record["variables"] == ("y",)
    assert load_recipe(LIF, {"neuron": "theta", "dt": "0.01*ms"}).record["variables"] == ("v",)
    assert load_recipe(LIF, {"neuron": resonator, "variables": "x"}).record["variables"] == ("x",)


def test_the_command_says_which_ranges_it_chose(known_curve, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(work, "_measure", pretended)
    settings = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    words = ["tune", LIF, "--trials", "3", "--workers", "0", "--target", "numpy", "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["tension-sim", *words, *settings, "--set", "bias=-39*mV"])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()
    assert ended.value.code == 0, shown.err
    options = '--range "network.G=0.00379:0.19:log" --range "network.Q=5:100:log" --range "learning.alpha_P='
    assert shown.out.startswith(f"ranges of the neuron's f-I curve: {options}") and "\n3 done\n" in shown.out


#: Of the sine's recipe, so short that a trial takes some seconds.
SHORT = {"run.duration": "6*second", "learning.start": "0.5*second", "learning.stop": "3.5*second"}
SHORT |= {"network.n": "500", "record.spikes_of": "0"}


#: One is enough for each day.
MARKED = [
    pytest.param(file, marks=pytest.mark.slow if file.stem == "lif_tiring" else pytest.mark.published, id=file.stem)
    for file in UNSHIPPED
]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("neuron", MARKED)
def test_neurons_that_are_not_shipped_learn_the_sine(neuron, tmp_path):
    """Which G, Q, alpha_P for my neuron? An answer within 30 minutes; two to six trials of half a second gave it."""
    settings = SHORT | {"network.neuron": str(neuron)}
    found = tune(LIF, trials=200, out=tmp_path / "out", settings=settings, below=0.2, minutes=30, client=0)
    best = found.best("aligned_rmse", n=1)
    print(neuron.stem, len(found.rows), "trials", found.table()["seconds"].sum(), "s", best.to_dict("records"))
    assert best["aligned_rmse"].item() < 0.2
