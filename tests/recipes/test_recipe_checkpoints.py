"""The protocols, killed again and again at its checkpoints, ends with the bits of a run that never was."""

from __future__ import annotations

import contextlib

import pytest
from killed import assert_equal_bits, pausing_after, until_done

from tension_sim.errors import InvalidValueError
from tension_sim.protocols import list_protocols
from tension_sim.recipes.recipe import load_recipe
from tension_sim.recipes.run import run_outcome
from tension_sim.run.journal import Journal, Loop

TRIALS = {"n": "14", "duration": "60*ms", "pulse": "6*ms", "trials": "3", "test_settle_trials": "1", "test_trials": "2"}
FITTED = {
    "n": "80", "K": "36", "dt": "0.5*ms", "excitatory": "6", "inhibitory": "6", "duration": "150*ms", "cells": "12",
    "stimulus_start": "20*ms", "stimulus_stop": "50*ms", "update_every": "10*ms", "loops": "2", "test_every": "1",
    "window": "20*ms", "dtype": "float64", "feedforward": "5",
}  # fmt: skip
TIMES = {"stimulus_start": "10*ms", "stimulus_stop": "20*ms", "trial.duration": "50*ms"}
#: Recipe, settings, and after how many steps its runs pause.
CASES = {
    "force": ("lif_sine", {"n": "20", "duration": "30*ms", "start": "10*ms", "stop": "20*ms"}, 150),
    "network": (  # with spikes under way
        "ei_adex_force",
        {"populations.exc.n": "40", "populations.inh.n": "10", "duration": "60*ms"}
        | {"readouts.output.start": "10*ms", "readouts.output.stop": "40*ms", "projections.exc_to_inh.delay": "1*ms"},
        120,
    ),
    "rate_force": ("four_sines", {"n": "12", "p": "0.5", "duration": "40*ms", "test_duration": "20*ms"}, 15),
    "full_force": (
        "depasquale_2018/oscillation",
        {"n": "10", "settle_trials": "1", "trials": "2", "test_trials": "1"}
        | {"restart_settle_trials": "1", "restart_trials": "1"},
        1500,
    ),
    "spiking_full_force": (
        "depasquale_2016/lif_factors",
        TRIALS | {"components": "4", "settle_trials": "1", "component_trials": "2", "probability": "1", "every": "1"},
        170,
    ),
    "fitted": ("kim_2023/licking", FITTED, 10**6),
    "fitted_currents": ("kim_chow_2018/sines", TIMES | {"n": "20", "loops": "3", "tests": "2"}, 10**6),
    "bioforce": ("calcium", {"cells": "10", "samples": "60", "epochs": "2"}, 10**6),
    "curbd": (
        "three_regions",
        {"region_n": "11", "duration": "3.01*second", "lead": "0.1*second", "dt_factor": "1", "runs": "3"},
        10**6,
    ),
    "innate": (
        "laje_buonomano_2013/timing",
        {"n": "20", "p": "0.3", "offset": "5*ms", "pulse": "4*ms", "delay": "40*ms", "after": "10*ms", "width": "5*ms"}
        | {"perturbation.start": "10*ms", "trials": "2", "readout_trials": "2", "test_trials": "1", "noise": "0.3"},
        40,
    ),
    "classification": (
        "nicola_clopath_2017/classification",
        {"n": "20", "dt": "0.5*ms", "slot": "20*ms", "duration": "160*ms", "every": "2"}
        | {"learning.start": "0*second", "learning.stop": "80*ms"},
        90,
    ),
}


def test_each_protocol_has_its_case():
    assert set(CASES) == set(list_protocols())


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_protocol_killed_again_and_again_has_the_same_bits(tmp_path, monkeypatch, name):
    recipe, settings, steps = CASES[name]

    def run(checkpoint=None):
        return run_outcome(load_recipe(recipe, settings), target="numpy", checkpoint=checkpoint)

    whole = run()
    pausing_after(monkeypatch, steps)
    monkeypatch.setattr(Journal, "_write_if_due", Journal.write)
    found, kills = until_done(monkeypatch, lambda: run(tmp_path))
    assert kills > 1
    assert_equal_bits(found.results, whole.results)
    numbers = [{key: n for key, n in one.numbers.items() if key != "seconds_per_loop"} for one in (found, whole)]
    assert numbers[0] == numbers[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fitted_currents", "curbd"])
def test_an_interrupt_between_two_runs_of_a_loop_ends_the_course(tmp_path, monkeypatch, name):
    """A protocol that catches it goes on to its tests, which the checkpoint must not take for the next turn."""
    recipe, settings, _ = CASES[name]

    def run(checkpoint=None):
        return run_outcome(load_recipe(recipe, settings), target="numpy", checkpoint=checkpoint)

    whole, point, turns = run(), Loop.point, []
    monkeypatch.setattr(Journal, "_write_if_due", Journal.write)

    def interrupted(self):
        point(self)
        turns.append(self.name)
        if len(turns) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, contextlib.suppress(KeyboardInterrupt):
        patched.setattr(Loop, "point", interrupted)
        run(tmp_path)
    assert len(turns) == 2
    assert_equal_bits(run(tmp_path).results, whole.results)


def test_a_recipe_of_other_settings_or_data_is_refused_by_name(tmp_path, monkeypatch):
    recipe, settings, steps = CASES["force"]
    pausing_after(monkeypatch, steps)

    def run(**changes):
        loaded = load_recipe(recipe, settings | changes)
        return run_outcome(loaded, target="numpy", checkpoint=tmp_path).results

    run()
    for changes, named in (({"G": "0.05"}, "network.G = 0.05"), ({"seed": "7"}, "run.seed = 7")):
        with pytest.raises(
            InvalidValueError, match=rf"run.checkpoint: expected a checkpoint of {named}\.\nReceived: 'one"
        ):
            run(**changes)
    with pytest.raises(InvalidValueError, match=r"run.checkpoint: expected a checkpoint of target = cython"):
        run_outcome(load_recipe(recipe, settings), target="cython", checkpoint=tmp_path)
