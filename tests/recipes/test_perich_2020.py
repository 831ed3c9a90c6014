"""CURBD on three regions: the simulated recording, the recipe small, and one's own recording."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim.errors import InvalidTypeError, InvalidValueError, UnknownNameError
from tension_sim.protocols.curbd import model
from tension_sim.recipes.recipe import load_recipe
from tension_sim.recipes.run import forecast, run_outcome
from tension_sim.results.results import Results
from tension_sim.tasks.surrogate import three_regions

SMALL = {"region_n": "11", "duration": "3.01*second", "lead": "0.1*second", "dt_factor": "1", "runs": "2"}


def recipe(**changes):
    return load_recipe("perich_2020/three_regions", SMALL | {"free_runs": "1"} | changes)


class TestThreeRegions:
    def test_units_decay_without_inputs(self):
        """Closed form: without weights, h falls by 1 - dt/tau a step, from a uniform draw."""
        rng = np.random.default_rng(1)
        for _ in range(3):
            rng.standard_normal((20, 20))
        h = rng.uniform(-1, 1, 20)
        options = {"g": (0.0, 0.0, 0.0), "w_inter": 0.0, "external": (0.0, 0.0)}
        rates, regions = three_regions(np.random.default_rng(1), n=20, **options)
        assert rates.shape == (1200, 60)
        assert [members.tolist() for members in regions.values()] == [list(range(k, k + 20)) for k in (0, 20, 40)]
        wanted = np.tanh(h * 0.9 ** np.arange(1200)[:, None])
        np.testing.assert_allclose(rates[:, :20], wanted / wanted.max(), rtol=1e-9, atol=0)
        assert rates[:, 20:40].max() == rates[:, 40:].max() == 1

    def test_weights_within_a_region(self):
        """Closed form of one step: the second sample, from the draws and the first."""
        rng = np.random.default_rng(1)
        J = [rng.standard_normal((20, 20)) / np.sqrt(20) for _ in range(3)][0]
        h = rng.uniform(-1, 1, 20)
        rates, _ = three_regions(np.random.default_rng(1), n=20, g=(2.0, 0.0, 0.0), w_inter=0.0, external=(0.0, 0.0))
        step = np.tanh(0.9 * h + 0.1 * 2.0 * J @ np.tanh(h))
        np.testing.assert_allclose(rates[1, :20] / rates[0, :20], step / np.tanh(h), rtol=1e-9)

    def test_drives_and_coupling_reach_the_regions_they_should(self):
        """The same draws with and without coupling or drive: A feels the drive of B and C only through coupling."""

        def record(**changes):
            return three_regions(np.random.default_rng(2), n=20, **changes)[0]

        apart, driven = record(w_inter=0.0), record(w_inter=0.0, external=(0.0, -1.0))
        assert np.array_equal(apart[:, :20], driven[:, :20])
        assert not np.allclose(apart[:, 20:40], driven[:, 20:40])
        assert np.array_equal(apart[:, 40:], driven[:, 40:])
        assert not np.allclose(record(p_inter=0.2)[:, :20], record(p_inter=0.2, external=(0.0, -1.0))[:, :20])

    def test_a_recording_shorter_than_its_parts_is_refused(self):
        with pytest.raises(InvalidValueError, match="three_regions.duration: expected at least 3.01 s"):
            three_regions(np.random.default_rng(0), duration=2)


def test_recipe(tmp_path):
    outcome = run_outcome(recipe(), target="numpy")
    assert set(outcome.numbers) == {"p_var_first", "p_var", "p_var_free", "chi2"}
    assert 0.5 < outcome.numbers["p_var_free"] < outcome.numbers["p_var_first"] < 1
    results = outcome.results
    assert results.n_steps == 311
    assert results.learning_curve["p_var"].shape == (3,)
    assert [phase.name for phase in results.phases] == ["test"]
    difference = np.mean((results.output - results.target) ** 2) / results.target.var()
    assert outcome.numbers["p_var_free"] == pytest.approx(1 - difference)
    figure = outcome.figure()
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:3] == ["data", "network", "fit"]
    assert sum("→" in title for title in titles) == 9
    figure.savefig(tmp_path / "figure.png")
    loaded = Results.load(results.save(tmp_path / "run.nix"))
    assert np.array_equal(loaded.weights["recurrent_kernel"], results.weights["recurrent_kernel"])


def test_own_recording(tmp_path):
    data = np.cumsum(np.random.default_rng(0).standard_normal((30, 7)), axis=0)
    data[3, 2] = np.nan
    file = tmp_path / "mine.npz"
    np.savez(file, data=data, regions=np.array(["V1", "V1", "M1", "LGN", "M1", "S1", "A1"]), reset_points=[10, 20])
    one = recipe(data=str(file), nan="skip", dt_data="20*ms", dt_factor="3")
    fitted = model(one, "numpy")
    assert {name: members.tolist() for name, members in fitted.regions.items()} == {
        "A1": [6], "LGN": [3], "M1": [2, 4], "S1": [5], "V1": [0, 1],
    }  # fmt: skip
    assert fitted.reset_points == [10, 20]
    assert (fitted.n_steps, fitted.net.dt) == (88, pytest.approx(0.02 / 3))
    assert forecast(one, "numpy").steps == 3 * 88
    outcome = run_outcome(one, target="numpy")
    assert outcome.results.output.shape == (30, 7)
    # more regions than are drawn over time
    assert any(axes.get_title() == "mean |current|" for axes in outcome.figure().axes)


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"duration": "1*second"}, InvalidValueError, "recording.duration: expected at least 3.01 s.\nReceived: 1.0"),
        ({"external": [1]}, InvalidValueError, "recording.external: expected 2 numbers.\nReceived: (1.0,)"),
        ({"region_n": "3"}, InvalidValueError, "recording.region_n: expected a whole number of units, at least 11"),
        ({"nan": "mend"}, InvalidValueError, "recording.nan: expected one of 'refuse', 'skip'"),
        ({"regions": "3"}, UnknownNameError, "Fix: did you mean 'region_"),
        ({"runs": "0"}, InvalidValueError, "run.runs: expected a whole number of runs, at least 1"),
    ],
)
def test_bad_settings(changes, error, text):
    with pytest.raises(error) as caught:
        recipe(**changes)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "error", "text"),
    [
        ({"data": np.full((4, 2), np.nan)}, InvalidValueError, "data: expected data without gaps"),
        (
            {"data": np.eye(4), "region": np.arange(4)},
            UnknownNameError,
            "recording.data: expected a known array (regions, reset_points).\nReceived: 'region'\n"
            "Fix: did you mean 'regions'?",
        ),
        (
            {"traces": np.ones((4, 2))},
            UnknownNameError,
            "recording.data: expected a known array (data, regions, reset_points, tracez)",
        ),
        (
            {"data": np.eye(4), "regions": np.array(["A"])},
            InvalidValueError,
            "regions: expected one name for each neuron",
        ),
        (
            {"data": np.eye(4), "reset_points": np.array([9])},
            InvalidValueError,
            "reset_points: expected samples from 0",
        ),
        ({"data": np.array(["a"])}, InvalidTypeError, "data: expected an array of shape (timesteps, channels)"),
    ],
)
def test_bad_recordings(arrays, error, text, tmp_path):
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(error) as caught:
        model(recipe(data=str(tmp_path / "mine.npz")), "numpy")
    assert text in str(caught.value)


@pytest.mark.slow
def test_published_size_begins_as_published():
    """300 units, 10 of the 100 runs; by then the reference is at .9965, and at .969 after the first."""
    one = load_recipe("perich_2020/three_regions", {"runs": "10", "free_runs": "1"})
    numbers = run_outcome(one, target="cpp_standalone").numbers
    assert numbers["p_var_first"] >= 0.93
    assert numbers["p_var"] >= 0.994
    assert numbers["p_var_free"] == pytest.approx(numbers["p_var"], abs=1e-3)
