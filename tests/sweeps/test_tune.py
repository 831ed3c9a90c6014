"""A search for the smallest error: its parts have the bits of a whole run, it gives up early, and it goes on."""

from __future__ import annotations

import json
import math
import re
import shlex
import statistics
import sys

import numpy as np
import pytest
from sweeps.small import SMALL, how

import tension_sim.sweeps.parts as parts
import tension_sim.sweeps.work as work
from tension_sim import load_recipe, load_sweep, run_outcome, sweep, tune
from tension_sim.cli import main
from tension_sim.errors import DivergenceError, InvalidTypeError, InvalidValueError, OutputError, UnknownNameError
from tension_sim.sweeps.parts import run_in_parts
from tension_sim.sweeps.pruning import STUDY, open_study

optuna = pytest.importorskip("optuna", reason="tune needs the extra sweep")
pytest.importorskip("pandas", reason="tune needs the extra sweep")
pytest.importorskip("pyarrow", reason="tune needs the extra sweep")

RANGES = {"G": (0.0, 1.0), "Q": (0.0, 1.0)}


@pytest.fixture
def bowl(monkeypatch):
    """A landscape with one smallest value, 0 at (0.3, 0.8), in place of runs."""

    def measure(given):
        g, q = given.values["network.G"], given.values["network.Q"]
        return {"numbers": {"aligned_rmse": math.hypot(g - 0.3, q - 0.8)}}

    monkeypatch.setattr(work, "_measure", measure)


def errors(found):
    return [row.numbers["aligned_rmse"] for row in found.rows]


def test_parts_have_the_bits_of_a_whole_run(monkeypatch):
    monkeypatch.setattr(parts, "PART", 3e-3)
    recipe, told = load_recipe("lif_sine", SMALL), []
    whole = run_outcome(recipe, target="numpy")
    found = run_in_parts(recipe, "numpy", lambda second, error: told.append((second, error)))
    np.testing.assert_array_equal(found.results.output, whole.results.output)
    np.testing.assert_array_equal(found.results.spike_step, whole.results.spike_step)
    assert dict(found.numbers) == dict(whole.numbers) and found.results.phases == whole.results.phases
    assert [second for second, _ in told] == [2, 3] and all(math.isfinite(error) for _, error in told)


def test_a_recipe_of_another_protocol_runs_as_a_whole(monkeypatch):
    recipe = load_recipe("four_sines", {"n": "10", "duration": "5*ms", "test_duration": "5*ms"})
    found = run_in_parts(recipe, "numpy", lambda second, error: pytest.fail("it cannot be watched"))
    assert dict(found.numbers) == dict(run_outcome(recipe, target="numpy").numbers)


def test_the_search_finds_the_smallest_error(bowl, tmp_path):
    found = tune("lif_sine", RANGES, 40, **how(tmp_path / "out"))
    g, q = np.random.default_rng(0).random((2, 1000, 40))
    chance = np.hypot(g - 0.3, q - 0.8).min(axis=1)  # the best of as many random points, a thousand times
    assert len(found.rows) == 40 and min(errors(found)) < np.median(chance)
    assert np.mean(errors(found)[20:]) < 0.8 * np.mean(errors(found)[:10])


def test_it_goes_on_where_it_was_killed(bowl, tmp_path, monkeypatch):
    measure, calls = work._measure, []

    def interrupted(given):
        calls.append(given)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return measure(given)

    monkeypatch.setattr(work, "_measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tune("lif_sine", RANGES, 8, **how(tmp_path / "out"))
    assert len(load_sweep(tmp_path / "out").rows) == 3
    found = tune("lif_sine", RANGES, 8, **how(tmp_path / "out"))
    assert [row.key for row in found.rows] == [f"trial-{k}" for k in (0, 1, 2, 4, 5, 6, 7)]
    states = [trial.state.name for trial in open_study(str(tmp_path / "out" / STUDY)).trials]
    assert states == ["COMPLETE"] * 3 + ["FAIL"] + ["COMPLETE"] * 4
    again = len(calls)
    tune("lif_sine", RANGES, 8, **how(tmp_path / "out"))
    assert len(calls) == again


def test_it_ends_below_a_bound_and_after_a_time(bowl, tmp_path):
    found = tune("lif_sine", RANGES, 500, **how(tmp_path / "out", below=0.2))
    assert errors(found)[-1] < 0.2 and all(error >= 0.2 for error in errors(found)[:-1])
    assert len(tune("lif_sine", RANGES, 500, **how(tmp_path / "late", minutes=1e-9)).rows) <= 1


def test_diverged_trials_are_as_bad_as_can_be(tmp_path, monkeypatch):
    def measure(given):
        if given.values["network.G"] > 0.5:
            raise DivergenceError("too strong")
        return {"numbers": {"aligned_rmse": abs(given.values["network.G"] - 0.2)}}

    monkeypatch.setattr(work, "_measure", measure)
    found = tune("lif_sine", {"G": (0.0, 1.0)}, 30, **how(tmp_path / "out"))
    diverged = [row.status == "diverged" for row in found.rows]
    assert sum(diverged[15:]) < sum(diverged[:15]) / 2
    assert found.best().iloc[0]["G"] <= 0.5


def test_a_run_worse_than_the_median_is_given_up_on_its_way(tmp_path, monkeypatch):
    """Trials that follow their own curve: the reported errors alone decide."""
    seconds = []

    def watched(recipe, target, watch):
        q = recipe.values["network"]["Q"]
        for second in range(1, 5):
            seconds.append((q, second))
            watch(second, q)
        return type("Outcome", (), {"numbers": {"aligned_rmse": q}, "results": _Results()})

    class _Results:
        provenance, timings = {}, {}

    monkeypatch.setattr("tension_sim.sweeps.pruning.run_in_parts", watched)
    found = tune("lif_sine", {"Q": (0.0, 1.0)}, 30, **how(tmp_path / "out"))
    finished = []
    for row in found.rows:
        q = row.values["network.Q"]
        hopeless = len(finished) >= 5 and q > statistics.median(finished)
        assert row.status == ("pruned" if hopeless else "done")
        if hopeless:
            assert re.fullmatch(r"Given up after 1 s: its error then, [\d.e-]+, was above the median\.", row.reason)
            assert (q, 2) not in seconds
        else:
            finished.append(q)
    assert {row.status for row in found.rows} == {"done", "pruned"}


@pytest.mark.parametrize(
    ("changed", "error", "text"),
    [
        ({"ranges": [1]}, InvalidTypeError, "tune.ranges: expected names of settings with ranges."),
        ({"ranges": {"G": (1, 0)}}, InvalidValueError, "tune.ranges G: expected a lower end below the upper one."),
        ({"trials": 0}, InvalidValueError, "tune.trials: expected a number of trials, at least 1."),
        ({"minutes": -1.0}, InvalidValueError, "tune.minutes"),
        ({"minutes": math.nan}, InvalidValueError, "tune.minutes: expected a finite number above 0"),
        ({"below": math.nan}, InvalidValueError, "tune.below: expected a finite number"),
        ({"ranges": {"seed": (1, 3)}}, InvalidValueError,
         "tune.ranges seed: expected a setting other than the seed.\nReceived: 'seed'\nFix: all trials have the seed "),
        ({"ranges": {"G": (1, 1)}}, InvalidValueError, "Fix: leave the range out, and give the setting this value."),
        ({"ranges": {"n": (1, 9)}}, InvalidValueError, "Fix: leave network.n out here, or out of the settings."),
        ({"out": "/proc/nowhere"}, OutputError, "tune.out: expected a folder that can be "),
        ({"value": "rmse"}, UnknownNameError, "tune.value: expected a known number"),
    ],
)  # fmt: skip
def test_what_cannot_work(bowl, tmp_path, changed, error, text):
    with pytest.raises(error, match=re.escape(text)):
        tune(**{"recipe": "lif_sine", "ranges": RANGES, "trials": 3} | how(tmp_path / "out") | changed)
    assert not (tmp_path / "out" / STUDY).exists()


def test_other_ranges_are_another_search(bowl, tmp_path):
    tune("lif_sine", RANGES, 2, **how(tmp_path / "out"))
    with pytest.raises(OutputError, match="with axes"):
        tune("lif_sine", {"G": (0.0, 1.0)}, 2, **how(tmp_path / "out"))


def test_a_folder_goes_on_as_the_search_that_it_is(bowl, tmp_path):
    out = tmp_path / "out"
    tune("lif_sine", RANGES, 2, **how(out))
    with pytest.raises(
        OutputError, match=re.escape("with a search for a small aligned_rmse, not a search for a small ")
    ):
        tune("lif_sine", RANGES, 3, **how(out, value="learning_rmse"))
    with pytest.raises(
        OutputError, match=r"sweep\.out: .*\nReceived: .*with a search for a small aligned_rmse, not a sw"
    ):
        sweep("lif_sine", {"G": [0.1], "Q": [0.2]}, **how(out))
    sweep("lif_sine", {"G": [0.1], "Q": [0.2]}, **how(tmp_path / "swept"))
    with pytest.raises(OutputError, match=r"tune\.out: .*\nReceived: .*with a sweep, not a search for a small aligned"):
        tune("lif_sine", RANGES, 3, **how(tmp_path / "swept"))
    rows = load_sweep(out).rows
    (out / STUDY).unlink()
    with pytest.raises(OutputError) as caught:
        tune("lif_sine", RANGES, 3, **how(out))
    assert str(caught.value) == (
        f"tune.out: expected the study.journal of the trials in the table.\nReceived: '{out} without it'\n"
        "Fix: put the file back, or choose another folder."
    )
    assert load_sweep(out).rows == rows and not (out / STUDY).exists()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "the study.journal of the trials in the table.\nReceived: '{out} with one of 0 trials, not 2'"),
        ("torn\n", "the study of a search.\nReceived: '{out}/study.journal'"),
    ],
)
def test_a_study_that_a_hand_has_changed_is_refused(bowl, tmp_path, content, text):
    out = tmp_path / "out"
    tune("lif_sine", RANGES, 2, **how(out))
    rows = load_sweep(out).rows
    (out / STUDY).write_text(content)
    with pytest.raises(OutputError) as caught:
        tune("lif_sine", RANGES, 3, **how(out))
    assert str(caught.value).startswith(f"tune.out: expected {text.format(out=out)}")
    assert load_sweep(out).rows == rows


def test_a_folder_of_before_searches_were_named_goes_on(bowl, tmp_path):
    tune("lif_sine", RANGES, 2, **how(tmp_path / "out"))
    path = tmp_path / "out" / "sweep.json"
    told = json.loads(path.read_text())
    assert told.pop("made_small") == "aligned_rmse"
    path.write_text(json.dumps(told))
    assert len(tune("lif_sine", RANGES, 3, **how(tmp_path / "out")).rows) == 3


def test_settings_that_are_tried_twice_count_once(tmp_path, monkeypatch):
    """Six trials of two choices: each has one seed, however often it was tried, and arrays have one number for it."""
    found = {"G": "0.1,0.2"}
    monkeypatch.setattr(work, "_measure", lambda given: {"numbers": {"aligned_rmse": given.values["network.G"]}})
    done = tune("lif_sine", found, 6, **how(tmp_path / "out"))
    assert len(done.rows) == 6
    assert done.best()["seeds"].tolist() == [1, 1] and done.best()["spread"].isna().all()
    pytest.importorskip("xarray", reason="arrays need xarray")
    np.testing.assert_array_equal(done.to_xarray()["aligned_rmse"].squeeze(), [0.1, 0.2])


def test_command(bowl, tmp_path, monkeypatch, capsys):
    def run(*arguments, status=0):
        settings = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
        words = ["tune", "lif_sine", "--range", "G=0:1", "--range", "Q=0:1", "--out", str(tmp_path / "out"), *arguments]
        monkeypatch.setattr(sys, "argv", ["tension-sim", *words, "--workers", "0", "--target", "numpy", *settings])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        assert ended.value.code == status, shown.err
        return shown.out

    shown = run("--trials", "6")
    (best,) = (line for line in shown.splitlines() if line.startswith("best: "))
    assert "6 done" in shown and best.startswith("best: tension-sim run nicola_clopath_2017/lif_sine --set ")
    words = dict(word.split("=", 1) for word in shlex.split(best) if "=" in word)
    row = load_sweep(tmp_path / "out").best(n=1).iloc[0]
    assert words == SMALL | {"run.seed": "0", "network.G": f"{row['G']:.12g}", "network.Q": f"{row['Q']:.12g}"}
    assert "\n6 done" in run("--trials", "6", "--below", "1e-9", status=3)
    told = json.loads(run("--trials", "7", "--json"))
    assert told["trials"] == told["done"] == 7 and told["ranked_by"] == "aligned_rmse" and "G" in told["best"]
