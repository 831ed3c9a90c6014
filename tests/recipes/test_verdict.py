"""Whether a run is judged as its numbers say, and whether what it cannot show is said beforehand."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tension_sim import list_recipes, load_recipe, run_outcome
from tension_sim.recipes.result_folder import save_outcome
from tension_sim.recipes.verdict import judge, remarks
from tension_sim.results.measures import lag_aligned_rmse, windowed_rmse

GOOD = {"learning_rmse": 0.02, "aligned_rmse": 0.06, "peak_frequency": 5.0, "firing_rate": 22.5}
SMALL = {"n": "20", "duration": "30*ms", "learning.start": "10*ms", "learning.stop": "20*ms"}


def within(low, high):
    """Return a recipe that expects one number."""
    return replace(load_recipe("lif_sine"), expected={"firing_rate": (low, high) if high else (low,)}, changed=())


@pytest.mark.parametrize(
    ("low", "high", "value", "found"),
    [
        (2.0, 3.0, 2.0, "as expected"),
        (2.0, 3.0, 3.0, "as expected"),
        (2.0, 3.0, 1.99, "too low"),
        (2.0, 3.0, 3.01, "too high"),
        (2.0, None, 2.09, "as expected"),
        (2.0, None, 2.11, "too high"),
        (-2.0, None, -2.09, "as expected"),
        (-2.0, None, -1.89, "too high"),
    ],
)
def test_ranges_and_single_values(low, high, value, found):
    verdict = judge(within(low, high), {"firing_rate": value})
    assert verdict.numbers == {"firing_rate": found}
    assert verdict.as_expected is (found == "as expected")


def test_the_reason_is_named():
    recipe, changed = load_recipe("lif_sine"), load_recipe("lif_sine", {"n": "1000", "seed": "3", "record.every": "5"})
    assert judge(recipe, GOOD).text == "as expected"
    assert judge(recipe, GOOD | {"aligned_rmse": 0.3}).text == "not as expected: aligned_rmse is too high"
    assert judge(recipe, {**GOOD, "aligned_rmse": 0.3, "firing_rate": 1.0}).text == (
        "not as expected: aligned_rmse is too high, firing_rate is too low"
    )
    assert judge(changed, GOOD).text == "as expected, although network.n and run.seed were changed"
    assert judge(changed, {}).text == (
        "not as expected: the expected numbers belong to the settings of the recipe, "
        "and network.n and run.seed were changed"
    )
    assert judge(recipe, GOOD, interrupted=True).text == "not compared: the run was interrupted"
    unknown = judge(replace(recipe, expected={}), GOOD)
    assert (unknown.as_expected, unknown.text) == (None, "nothing to compare with: the recipe expects no numbers")


def test_only_other_values_are_changes():
    assert load_recipe("lif_sine", {"n": "2e3", "dt": "50*us", "tau_decay": "20*ms", "forgetting": "1"}).changed == ()
    changes = {"neuron": "theta", "duration": "14*second"}
    assert {"network.neuron", "run.duration"} <= set(load_recipe("lif_sine", changes).changed)


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        ("lif_sine", {}, []),
        (
            "lif_sine",
            {"duration": "2*second"},
            [
                "This run learns nothing: it ends at 2 s, learning begins at 5 s.\n"
                "Fix: choose a longer duration, or an earlier learning.start."
            ],
        ),
        (
            "ei_adex_force",
            {"duration": "10*ms"},
            ["This run learns nothing: no learning begins before its end, at 0.01 s."],
        ),
        (
            "izhikevich_sine",
            {"duration": "8*second"},
            [
                "This run has no test: weights learn to its end, at 8 s.\n"
                "Fix: choose a longer test, or an earlier end of learning."
            ],
        ),
        (
            "lif_sine",
            {"learning.start": "10*second"},
            [
                "This run learns nothing: its learning takes no time.\n"
                "Fix: choose a later end of learning, or more trials."
            ],
        ),
        (
            "four_sines",
            {"duration": "1*second", "test_duration": "0*second"},
            [
                "This run has no test: weights learn to its end, at 1 s.\n"
                "Fix: choose a longer test, or an earlier end of learning."
            ],
        ),
        ("kim_chow_2018/sines", {}, []),
    ],
)
def test_what_a_run_cannot_show_is_said(name, change, text):
    assert remarks(load_recipe(name, change)) == text


def test_every_published_recipe_learns_and_is_tested():
    assert not {name: found for name in list_recipes() if (found := remarks(load_recipe(name)))}


def test_the_verdict_is_in_the_outcome_and_in_the_summary(tmp_path):
    outcome = run_outcome(load_recipe("lif_sine", SMALL), target="numpy")
    assert outcome.verdict.as_expected is False
    assert outcome.verdict.text.endswith("learning.start, learning.stop, network.n and run.duration were changed")
    save_outcome(outcome, tmp_path)
    told = json.loads((tmp_path / "summary.json").read_text())["verdict"]
    assert told == {"as_expected": False, "text": outcome.verdict.text, "numbers": dict(outcome.verdict.numbers)}


def test_what_a_diverged_run_reached_is_saved_without_warnings(tmp_path):
    """Its squares are infinite; a warning of numpy would be an error here."""
    outcome = run_outcome(load_recipe("lif_sine", SMALL), target="numpy")
    output = outcome.results.output.copy()
    output[outcome.results.rows("test")] = 1e200
    diverged = replace(outcome.results, output=output)
    save_outcome(replace(outcome, results=diverged, verdict=None), tmp_path)
    told = json.loads((tmp_path / "summary.json").read_text())
    assert told["rmse"]["test"] is None


def test_a_drift_of_phase_counts_in_the_whole_but_not_in_windows():
    t = np.arange(0, 10, 1e-3)
    z, y = np.sin(2 * np.pi * 4.97 * t), np.sin(2 * np.pi * 5 * t)
    assert lag_aligned_rmse(z, y, 1e-3, 2.0) > 0.3
    # in a window of 1 s the phase moves by 0.03 periods, +-0.015 around its middle
    expected = np.sqrt(np.mean((2 * np.pi * 0.03 * np.linspace(-0.5, 0.5, 1000)) ** 2) / 2)
    assert windowed_rmse(z, y, 1e-3) == pytest.approx(expected, rel=0.2)
    assert windowed_rmse(z[:500], y[:500], 1e-3) == pytest.approx(lag_aligned_rmse(z[:500], y[:500], 1e-3, 0.125))
