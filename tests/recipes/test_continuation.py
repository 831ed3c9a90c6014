"""A stored run goes on from its file alone, with the bits of a run that never stopped."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest

from tension_sim import ForceNetwork, Learning, Results, Simulation, load_recipe
from tension_sim.errors import InvalidValueError, UnitsError, UnknownNameError
from tension_sim.protocols import bioforce, fitted, list_protocols
from tension_sim.recipes.continuation import continuation
from tension_sim.recipes.protocol import Further
from tension_sim.recipes.run import run_outcome
from tension_sim.results.results import Recording
from tension_sim.system.data_folder import data_folder

FORCE = {"n": "40", "duration": "20*ms", "learning.start": "5*ms", "learning.stop": "10*ms", "every": "3"}
RATE = {"n": "20", "p": "0.5", "duration": "40*ms", "test_duration": "20*ms", "frequency": "50*Hz"}
CHIRP = {"n": "10", "half": "20*ms", "pulse": "5*ms", "low": "20*Hz", "high": "60*Hz", "settle_trials": "1"}
CHIRP |= {"trials": "2", "test_trials": "2", "restart_trials": "0", "restart_settle_trials": "0"}
GO = {"n": "8", "shortest": "10*ms", "longest": "20*ms", "pulse": "4*ms", "response": "15*ms", "pause": "4*ms"}
GO |= {"mean_pause": "5*ms", "settle_trials": "1", "trials": "3", "test_trials": "1"}
SPIKING = {"n": "14", "duration": "60*ms", "pulse": "6*ms", "trials": "3", "test_settle_trials": "1"}
SPIKING |= {"test_trials": "2", "settle_trials": "1", "every": "1"}
ADEX = {"populations.exc.n": "16", "populations.inh.n": "4", "duration": "20*ms", "readouts.output.start": "5*ms"}
ADEX |= {"readouts.output.stop": "10*ms"}
POINTS = {"n": "20", "dt": "0.5*ms", "slot": "20*ms", "duration": "800*ms", "learning.start": "0*second"}
POINTS |= {"learning.stop": "400*ms", "every": "2"}
INNATE = {"n": "20", "p": "0.3", "offset": "5*ms", "pulse": "4*ms", "delay": "40*ms", "after": "10*ms", "width": "5*ms"}
INNATE |= {"perturbation.start": "10*ms", "trials": "3", "readout_trials": "2", "test_trials": "2"}

#: Recipes with short settings, and the setting by which their own run lasts longer.
LONGER = {
    "lif_sine": (FORCE, {"duration": "25*ms"}),
    "ode_to_joy_long": (FORCE, {"duration": "25*ms"}),
    "theta_product_noise": (FORCE, {"duration": "21*ms"}),
    "four_sines": (RATE, {"test_duration": "30*ms"}),
    "four_sines_internal": (RATE, {"test_duration": "30*ms"}),
    "depasquale_2018/oscillation": (CHIRP, {"test_trials": "4"}),
    "restarted": (CHIRP | {"restart_trials": "1"}, {"restart_trials": "3"}),
    "ready_set_go_small": (GO, {"test_trials": "3"}),
    "lif_weights": (SPIKING, {"test_trials": "4"}),
    "ei_adex_force": (ADEX, {"duration": "60*ms"}),
    "classification": (POINTS, {"duration": "1200*ms"}),
    "lif_factors": (SPIKING | {"components": "4", "component_trials": "2"}, {"test_trials": "4"}),
}


def further(results: Results, folder: Path, form: str, steps: int, **options) -> Results:
    """Save, load and go on."""
    path = results.save(folder / f"run.{form}")
    return continuation(path, {"duration": f"{steps * results.dt!r}*second"}, **options).run("numpy").results


def assert_tail(more: Results, whole: Results) -> None:
    """The new part has the bits of the end of the whole run."""
    assert (more.stop_step, more.phases[-1].name) == (whole.stop_step, "test")
    rows = slice(-len(more.output), None)
    assert len(more.output) >= 9
    np.testing.assert_array_equal(more.output, whole.output[rows], strict=True)
    if whole.target is not None:
        np.testing.assert_array_equal(more.target, whole.target[rows], strict=True)
    late = whole.spike_step >= more.first_step
    np.testing.assert_array_equal(more.spike_step, whole.spike_step[late])
    np.testing.assert_array_equal(more.spike_neuron, whole.spike_neuron[late])
    for name, kept in more.recorded.items():
        np.testing.assert_array_equal(kept.values, whole.recorded[name].values[rows])
    assert set(more.state) == set(whole.state)
    for name, value in more.state.items():
        np.testing.assert_array_equal(value, whole.state[name], err_msg=name)


def some(names, forms, quick):
    """Pair names with formats in turn; those that are not quick are slow tests."""
    marks = {False: [pytest.mark.slow], True: []}
    return [
        pytest.param(name, form, marks=marks[name in quick]) for name, form in zip(names, cycle(forms), strict=False)
    ]


@pytest.mark.parametrize(
    ("name", "form"),
    some(LONGER, ["h5", "nwb", "nix", "npz"], ("lif_sine", "four_sines", "depasquale_2018/oscillation")),
)
def test_it_has_the_bits_of_a_longer_run(name, form, tmp_path):
    settings, change = LONGER[name]
    recipe = "depasquale_2018/oscillation" if name == "restarted" else name
    stored = run_outcome(load_recipe(recipe, settings), target="numpy").results
    whole = run_outcome(load_recipe(recipe, settings | change), target="numpy").results
    more = further(stored, tmp_path, form, whole.stop_step - stored.stop_step)
    assert_tail(more, whole)
    # nothing else is compiled
    assert more.provenance["circuit"] == stored.provenance["circuit"]


def test_epochs_of_bioforce_go_on(tmp_path):
    settings = {"cells": "10", "samples": "30", "epochs": "1"}
    recipe = load_recipe("hadjiabadi_2021/calcium", settings)
    stored = run_outcome(recipe, target="numpy").results
    y, simulation = bioforce.recording(recipe), Simulation(bioforce.network(recipe, 10), target="numpy")
    learned = simulation.run(y)
    whole = simulation.run(np.tile(y, (3, 1)), learning=False, state=learned.state)
    np.testing.assert_array_equal(stored.output, whole.output[:30])
    assert_tail(further(stored, tmp_path, "nwb", 60), whole)


def given_twice(parts, steps: int):
    """Join what a protocol plays to one piece of so many steps, every sample held for a step."""
    held = {"x": [], "rates": []}
    for part in parts:
        for name, rows in held.items():
            if (samples := getattr(part, name)) is not None:
                rows.append(np.repeat(samples, part.every.get(name, 1), axis=0)[: part.steps])
        if sum(map(len, held["x"])) >= steps:
            return {name: np.concatenate(rows)[:steps] for name, rows in held.items() if rows}
    return {}


FITTED = {
    "n": "80", "K": "36", "dt": "0.5*ms", "excitatory": "6", "inhibitory": "6", "duration": "150*ms",
    "stimulus_start": "20*ms", "stimulus_stop": "50*ms", "update_every": "10*ms", "loops": "1", "test_every": "1",
    "window": "20*ms",
}  # fmt: skip
THETA = {"n": "20", "duration": "0.2*second", "stimulus_start": "50*ms", "stimulus_stop": "0.1*second"}
TRIALS = {
    "kim_2023/licking": FITTED | {"cells": "12", "feedforward": "5"},
    "arthur_2023/tutorial": FITTED,
    "kim_chow_2018/sines": THETA | {"loops": "1", "tests": "1"},
    "kim_chow_2018/ou": THETA | {"loops": "1", "tests": "2"},
    "laje_buonomano_2013/timing": INNATE,
}


@pytest.mark.parametrize(("name", "form"), some(TRIALS, ["nwb", "h5"], ("arthur_2023/tutorial",)))
def test_trials_follow_each_other(name, form, tmp_path):
    """Against one run in the process that learned, given the inputs of two further trials as one series."""
    recipe = load_recipe(name, TRIALS[name])
    stored = run_outcome(recipe, target="numpy").results
    more = further(stored, tmp_path, form, 2 * stored.n_steps)
    series = given_twice(recipe.protocol.further(recipe, stored, 2 * stored.n_steps), 2 * stored.n_steps)
    kept = continuation(tmp_path / f"run.{form}")._record()
    whole = Simulation(stored.net, target="numpy", record=kept).run(**series, learning=False, state=stored.state)
    assert (len(whole.spike_step) > 0) == stored.net.neuron.spiking
    assert_tail(replace(more, target=None), whole)
    if more.target is not None:
        np.testing.assert_array_equal(more.target, np.tile(stored.target, (2, 1)))


def test_a_trial_of_a_fitted_network_has_its_stimulus_again():
    recipe = load_recipe("arthur_2023/tutorial", FITTED)
    stored = run_outcome(recipe, target="numpy").results
    (first, second) = islice(recipe.protocol.further(recipe, stored, 1000), 2)
    np.testing.assert_array_equal(first.x, fitted.Fit(recipe, "numpy").inputs(0))
    np.testing.assert_array_equal(first.x, second.x)


@pytest.mark.slow
def test_fitted_regions_go_on_freely(tmp_path):
    settings = {"region_n": "11", "duration": "3.01*second", "lead": "0.1*second", "dt_factor": "2", "runs": "2"}
    outcome = run_outcome(load_recipe("perich_2020/three_regions", settings), target="numpy")
    stored = outcome.results
    more = further(stored, tmp_path, "nwb", 40)
    whole = Simulation(stored.net, target="numpy").run(steps=40, learning=False, state=stored.state)
    np.testing.assert_array_equal(more.output, whole.output[more.first_row_step - more.first_step :: 2])
    assert more.target is None
    kernel = stored.network().plastic.kernel
    np.testing.assert_array_equal(kernel.to_dense(), stored.weights["recurrent_kernel"])


def test_every_protocol_goes_on():
    known = {load_recipe(name).protocol.name for name in ("lif_sine", "four_sines", "oscillation", "lif_weights")}
    known |= {load_recipe(name).protocol.name for name in ("ei_adex_force", "classification")}
    known |= {load_recipe(name).protocol.name for name in (*TRIALS, "calcium", "three_regions")}
    assert known == set(list_protocols())


@pytest.mark.slow
def test_it_goes_on_again_and_says_from_where(tmp_path):
    short = load_recipe("lif_sine", FORCE)
    stored = run_outcome(short, target="numpy").results
    once = further(stored, tmp_path, "h5", 40)
    twice = further(once, tmp_path, "nwb", 40)
    whole = run_outcome(load_recipe("lif_sine", FORCE | {"duration": "24*ms"}), target="numpy").results
    assert_tail(twice, whole)
    assert once.provenance["continued"]["first_step"] == stored.stop_step
    assert once.provenance["continued"]["from"] == str(tmp_path / "run.h5")
    assert once.provenance["settings"] == stored.provenance["settings"]


@pytest.mark.slow
def test_equations_of_ones_own_lie_in_the_file(tmp_path):
    own = tmp_path / "mine.toml"
    own.write_text((data_folder("equations") / "lif.toml").read_text())
    stored = run_outcome(load_recipe("lif_sine", FORCE | {"neuron": str(own)}), target="numpy").results
    own.unlink()
    more = further(stored, tmp_path, "h5", 100)
    same = further(run_outcome(load_recipe("lif_sine", FORCE), target="numpy").results, tmp_path, "h5", 100)
    np.testing.assert_array_equal(more.output, same.output)


@pytest.mark.slow
def test_a_supervisor_that_settles_as_long_as_it_lasts_is_left_out(tmp_path):
    """The published van der Pol oscillators begin where a first run of the whole length ended."""
    stored = run_outcome(load_recipe("lif_tau20_van_der_pol_harmonic", FORCE), target="numpy").results
    assert further(stored, tmp_path, "h5", 100).target is None


# ---- what a file may lack ----


@pytest.fixture(scope="module")
def network():
    rule = Learning(alpha_P=1e-3, update_every=5, start=0, stop=50)
    return ForceNetwork.random("lif", n=20, seed=1, learning=rule)


def test_a_network_of_no_recipe_goes_on_without_inputs(network, tmp_path):
    simulation = Simulation(network, target="numpy")
    stored = simulation.run(np.ones(100))
    assert_tail(
        further(stored, tmp_path, "npz", 40),
        simulation.run(steps=40, learning=False, state=stored.state),
    )
    (remark,) = continuation(tmp_path / "run.npz").remarks
    assert remark == "The output is compared with nothing: nothing says what comes next."


def test_without_a_duration_it_lasts_as_long_as_the_last_phase(network, tmp_path):
    stored = Simulation(network, target="numpy").run(np.ones(80))
    assert continuation(stored.save(tmp_path / "run.h5")).steps == 30


def test_inputs_that_nothing_provides_are_refused(tmp_path):
    net = ForceNetwork.random("lif", n=20, n_inputs=1, E2=1.0)
    path = Simulation(net, target="numpy").run(np.ones(10), np.ones(10)).save(tmp_path / "run.h5")
    with pytest.raises(
        InvalidValueError, match=r"a network without inputs, or of a recipe(.|\n)*Simulation\(...\).run"
    ):
        continuation(path)


def test_a_protocol_that_is_not_there_is_named(network, tmp_path):
    stored = Simulation(network, target="numpy").run(np.ones(10))
    told = stored.provenance | {"protocol": "mine", "settings": {"network": {"n": 3}}, "recipe": "mine.toml"}
    path = replace(stored, provenance=told).save(tmp_path / "run.h5")
    (remark,) = continuation(path).remarks
    assert "protocol: expected a known protocol" in remark


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        (
            {"G": "1"},
            UnknownNameError,
            r"run --from --set: expected a known setting \(duration\)(.|\n)*Fix: all else is",
        ),
        ({"duration": "2"}, UnitsError, "run --from: setting duration: expected a quantity in second"),
        ({"duration": "-1*ms"}, InvalidValueError, "run --from: setting duration: expected a finite number above 0"),
        ({"duration": "1*us"}, InvalidValueError, r"run --from: setting duration: expected at least one time step"),
        ({"duration": "1e30*second"}, InvalidValueError, r"expected at least one time step .* fewer than"),
    ],
)
def test_settings_that_cannot_work(settings, error, text, network, tmp_path):
    path = Simulation(network, target="numpy").run(np.ones(10)).save(tmp_path / "run.h5")
    with pytest.raises(error, match=text):
        continuation(path, settings, where="run --from")


def test_results_without_a_network_are_refused(network, tmp_path):
    stored = Simulation(network, target="numpy").run(np.ones(10))
    path = replace(stored, net=None).save(tmp_path / "run.h5")
    with pytest.raises(InvalidValueError, match="Results.network: expected results that hold their network"):
        continuation(path)


@pytest.mark.slow
def test_the_parts_of_a_protocol_are_joined(network, tmp_path, monkeypatch):
    """Parts of any length give one run, with one phase."""
    short = load_recipe("lif_sine", FORCE)
    stored = run_outcome(short, target="numpy").results
    path = stored.save(tmp_path / "run.h5")
    whole = continuation(path, {"duration": "4*ms"}).run("numpy").results
    monkeypatch.setattr(
        "tension_sim.recipes.continuation.Continuation._parts", lambda self: (Further(k) for k in (7, 20, 500))
    )
    cut = continuation(path, {"duration": "4*ms"}).run("numpy").results
    np.testing.assert_array_equal(cut.output, whole.output)
    assert [phase.name for phase in cut.phases] == ["test"]
    assert isinstance(cut.recorded["v"], Recording)
