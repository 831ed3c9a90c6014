"""A sweep from its grid to its table, on small networks in this process."""

from __future__ import annotations

import json
import re

import pytest
from sweeps.small import SMALL, how, numbers, pretended

import tension_sim.sweeps.work as work
from tension_sim import load_recipe, load_sweep, run_outcome, sweep
from tension_sim.errors import (
    DivergenceError,
    EngineNotFoundError,
    InvalidTypeError,
    InvalidValueError,
    OutputError,
    RunFailedError,
    UnknownNameError,
)
from tension_sim.sweeps.base import base_of
from tension_sim.sweeps.journal import JOURNAL, Journal
from tension_sim.sweeps.sweep import plan_sweep
from tension_sim.sweeps.workers import ThisProcess

pytest.importorskip("pandas", reason="sweeps need the extra")
pytest.importorskip("pyarrow", reason="sweeps need the extra")

GRID = {"Q": [1, 10]}


@pytest.fixture
def quick(monkeypatch):
    """Pretend that points ran."""
    monkeypatch.setattr(work, "_measure", pretended)


def ran(monkeypatch):
    """Note which points run."""
    seen, run_point = [], work.run_point

    def noted(given):
        seen.append(tuple(given.values.values()))
        return run_point(given)

    monkeypatch.setattr("tension_sim.sweeps.workers.run_point", noted)
    return seen


def test_each_point_has_the_numbers_of_its_own_run(tmp_path):
    found = sweep("lif_sine", {"alpha_P": [1e-3, 1]}, seeds=[3], **how(tmp_path / "out"))
    for row in found.rows:
        alone = run_outcome(load_recipe("lif_sine", SMALL | dict(row.point)), target="numpy")
        assert row.status == "done" and dict(row.numbers) == dict(alone.numbers)
    assert numbers(found)[1e-3, 3] != numbers(found)[1.0, 3]


def test_table_parquet_and_xarray_agree(quick, tmp_path):
    import pyarrow.parquet

    found = sweep("lif_sine", {"tau_decay": "10*ms:20*ms:2", "Q": "1,10"}, seeds=2, **how(tmp_path / "out"))
    frame = found.table()
    assert list(frame.columns[:3]) == ["tau_decay", "Q", "seed"] and len(frame) == 8
    stored = pyarrow.parquet.read_table(tmp_path / "out" / "table.parquet")
    assert stored.schema.field("firing_rate").metadata[b"unit"] == b"hertz"
    assert stored.to_pandas()["aligned_rmse"].tolist() == frame["aligned_rmse"].tolist()
    data = found.to_xarray()
    assert dict(data.sizes) == {"tau_decay": 2, "Q": 2, "seed": 2}
    for row in found.rows:
        tau, q, seed = row.values.values()
        assert float(data["firing_rate"].sel(tau_decay=tau, Q=q, seed=seed)) == row.numbers["firing_rate"]
    assert data["firing_rate"].attrs == {"long_name": "firing rate", "units": "hertz"}
    best = found.best("firing_rate")
    means = frame.groupby(["tau_decay", "Q"])["firing_rate"].mean()
    assert best["firing_rate"].tolist() == sorted(means) and set(best["seeds"]) == {2}


def test_a_setting_that_is_not_always_a_number_has_texts(quick, tmp_path):
    grid = {"alpha_P": ["0.1*dt/second", "1e-4"], "dt": ["0.05*ms", "0.1*ms"]}
    frame = sweep("lif_sine", grid, **how(tmp_path / "out")).table()
    assert frame["alpha_P"].tolist() == ["0.1*dt/second", "0.1*dt/second", "1e-4", "1e-4"]
    assert frame["dt"].tolist() == pytest.approx([5e-5, 1e-4] * 2)


def test_drawn_points_have_a_dimension_of_their_own(quick, tmp_path):
    found = sweep("lif_sine", {"G": (0.02, 0.2), "Q": (1, 30)}, draw=("random", 12), **how(tmp_path / "out"))
    data = found.to_xarray()
    assert dict(data.sizes) == {"point": 12, "seed": 1}
    assert data["G"].dims == ("point",) and len(set(data["G"].values)) == 12


def test_a_sweep_with_nothing_left_is_at_its_end(quick, tmp_path):
    """As its bar shows, which stood at none of all points."""
    seen = []
    for _ in range(2):
        sweep("lif_sine", {"Q": [1, 10]}, **how(tmp_path / "out", progress=lambda *told: seen.append(told[:2])))
    assert seen[0] == (0, 2) and seen[-1] == (2, 2) and seen.count((2, 2)) == 2


def test_a_forecast_counts_what_a_point_takes_beside_its_steps(tmp_path):
    """A program starts and ends in more than ten milliseconds, however few its steps."""
    plan = plan_sweep("sweep", base_of("sweep", "lif_sine", {"n": "20", "duration": "1*ms"}), {"Q": [1, 10]})
    assert 0.01 < plan.check().seconds < 0.5


def test_what_is_done_is_not_done_again_and_more_may_be_added(quick, tmp_path, monkeypatch):
    seen = ran(monkeypatch)
    first = sweep("lif_sine", GRID, seeds=2, **how(tmp_path / "out"))
    again = sweep("lif_sine", {"network.Q": ["1.0", "10"]}, seeds=2, **how(tmp_path / "out"))
    assert len(seen) == 4 and numbers(again) == numbers(first)
    more = sweep("lif_sine", {"Q": [1, 10, 30]}, seeds=3, **how(tmp_path / "out"))
    assert len(seen) == 9 and len(set(seen)) == 9
    assert {key: more_numbers for key, more_numbers in numbers(more).items() if key in numbers(first)} == numbers(first)
    assert numbers(load_sweep(tmp_path / "out")) == numbers(more)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"settings": SMALL | {"network.G": "0.05"}}, "with settings none of these, not network.G = 0.05"),
        ({"target": "cython"}, "with target numpy, not cython"),
        ({"grid": {"G": [0.1]}}, "with axes ['network.Q', 'run.seed'], not ['network.G', 'run.seed']"),
        ({"recipe": "theta_sine"}, "with recipe nicola_clopath_2017/lif_sine, not nicola_clopath_2017/theta_sine"),
    ],
)
def test_other_sweeps_do_not_mix(quick, tmp_path, monkeypatch, changed, text):
    sweep("lif_sine", GRID, **how(tmp_path / "out"))
    seen = ran(monkeypatch)
    with pytest.raises(OutputError, match=re.escape(text)):
        sweep(**{"recipe": "lif_sine", "grid": GRID} | how(tmp_path / "out", **changed))
    assert not seen


def test_an_edited_recipe_is_another(quick, tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_bytes(load_recipe("lif_sine").path.read_bytes())
    sweep(recipe, GRID, **how(tmp_path / "out"))
    recipe.write_text(recipe.read_text().replace("p = 0.1", "p = 0.2"))
    with pytest.raises(OutputError, match="with other recipe files"):
        sweep(recipe, GRID, **how(tmp_path / "out"))


def test_the_table_has_the_order_of_the_plan_whoever_ends_first(quick, tmp_path, monkeypatch):
    whole = sweep("lif_sine", GRID, seeds=2, **how(tmp_path / "whole"))
    run_all = ThisProcess.rows
    monkeypatch.setattr(
        ThisProcess, "rows", lambda self, works, tick, ahead=True: run_all(self, reversed(list(works)), tick)
    )
    turned = sweep("lif_sine", GRID, seeds=2, **how(tmp_path / "turned"))
    assert [row.key for row in load_sweep(tmp_path / "turned").rows] == [row.key for row in whole.rows[::-1]]
    frames = [found.table()[["Q", "seed", "aligned_rmse", "key"]].values.tolist() for found in (whole, turned)]
    assert frames[0] == frames[1]


def test_a_torn_line_is_cut_off_and_its_point_runs_again(quick, tmp_path, monkeypatch):
    whole = sweep("lif_sine", GRID, seeds=2, **how(tmp_path / "out"))
    journal = tmp_path / "out" / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-7])
    assert len(load_sweep(tmp_path / "out").rows) == 3
    seen = ran(monkeypatch)
    again = sweep("lif_sine", GRID, seeds=2, **how(tmp_path / "out"))
    assert seen == [(10.0, 1)] and numbers(again) == numbers(whole)


@pytest.mark.parametrize("torn", ["table.parquet", "sweep.json", "network.pickle"])
def test_what_a_kill_left_half_written_is_removed_by_the_next_start(quick, tmp_path, torn):
    out = tmp_path / "out"
    sweep("lif_sine", GRID, **how(out))
    whole = {path.name for path in out.iterdir()}
    left, others = out / f".{torn}.1f2e3d4c.part", {".report.html.1f2e3d4c.part", ".mine.part"}
    for name in (left.name, *others):
        (out / name).write_bytes(b"half")
    with Journal(out), pytest.raises(OutputError, match="no other sweep writes to"):
        sweep("lif_sine", GRID, **how(out))
    assert left.exists()  # it may be that of the other
    sweep("lif_sine", GRID, **how(out))
    assert {path.name for path in out.iterdir()} == whole | others


def test_a_line_that_is_no_row_is_named(quick, tmp_path):
    sweep("lif_sine", GRID, **how(tmp_path / "out"))
    journal = tmp_path / "out" / JOURNAL
    journal.write_text("[]\n" + journal.read_text())
    with pytest.raises(OutputError, match="points.jsonl, line 1: expected a row of a sweep."):
        load_sweep(tmp_path / "out")


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row["numbers"].update(aligned_rmse="small"),
        lambda row: row["values"].pop("network.Q"),
        lambda row: row["values"].update({"network.Q": [1]}),
        lambda row: row.update(status="finished"),
        lambda row: row.update(key=3),
        lambda row: row.update(point="Q"),
    ],
)
def test_a_line_that_a_hand_has_changed_is_named(quick, tmp_path, change):
    """By readers and by the next sweep alike, with its number; without it its point runs again."""
    whole = numbers(sweep("lif_sine", GRID, **how(tmp_path / "out")))
    journal = tmp_path / "out" / JOURNAL
    first, second = map(json.loads, journal.read_text().splitlines())
    change(second)
    journal.write_text("".join(json.dumps(row) + "\n" for row in (first, second)))
    for read in (lambda: load_sweep(tmp_path / "out"), lambda: sweep("lif_sine", GRID, **how(tmp_path / "out"))):
        with pytest.raises(OutputError, match=r"points\.jsonl, line 2: expected a row of a sweep\."):
            read()
    journal.write_text(json.dumps(first) + "\n")
    assert numbers(sweep("lif_sine", GRID, **how(tmp_path / "out"))) == whole


@pytest.mark.parametrize(
    "change", [{"swept": "x"}, {"swept": []}, {"settings": 3}, {"numbers": {"rmse": ["error"]}}, {"recipe": None}]
)
def test_a_description_that_a_hand_has_changed_is_refused(quick, tmp_path, change):
    sweep("lif_sine", GRID, **how(tmp_path / "out"))
    path = tmp_path / "out" / "sweep.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InvalidValueError, match=re.escape("load_sweep.folder: expected a folder with the sweep.json")):
        load_sweep(tmp_path / "out")


def test_rows_are_kept_when_the_process_is_interrupted(quick, tmp_path, monkeypatch):
    run_point, calls = work.run_point, []

    def interrupted(given):
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run_point(given)

    monkeypatch.setattr("tension_sim.sweeps.workers.run_point", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep("lif_sine", GRID, seeds=2, **how(tmp_path / "out"))
    assert len(load_sweep(tmp_path / "out").rows) == 2
    assert (tmp_path / "out" / "table.parquet").exists()


def test_diverged_refused_and_failed_points_are_rows_with_their_reason(quick, tmp_path, monkeypatch):
    reasons = {
        1.0: DivergenceError("at step 7"),
        2.0: InvalidValueError("no"),
        3.0: RunFailedError("killed"),
        4.0: KeyError("x"),
    }
    measure = work._measure

    def failing(given):
        error = reasons.get(given.values["network.Q"])
        if error is not None:
            raise error
        return measure(given)

    monkeypatch.setattr(work, "_measure", failing)
    grid = {"Q": [1, 2, 3, 4, 5]}
    frame = sweep("lif_sine", grid, **how(tmp_path / "out")).table()
    assert frame["status"].tolist() == ["diverged", "refused", "failed", "failed", "done"]
    assert frame["reason"].tolist() == ["at step 7", "no", "killed", "KeyError: 'x'", ""]
    assert frame["aligned_rmse"].isna().tolist() == [True] * 4 + [False]
    monkeypatch.setattr(work, "_measure", measure)
    seen = ran(monkeypatch)
    frame = sweep("lif_sine", grid, **how(tmp_path / "out")).table()
    assert seen == [(2.0, 0), (3.0, 0), (4.0, 0)]
    assert frame["status"].tolist() == ["diverged", "done", "done", "done", "done"]


def test_a_point_that_really_diverges(tmp_path):
    """Undivided updates with a large P overshoot ever more."""
    settings = SMALL | {"learning.update_every": "1", "run.duration": "60*ms", "learning.stop": "60*ms"}
    grid = {"alpha_P": ["1e-6", "1e150"]}
    frame = sweep("lif_sine", grid, **how(tmp_path / "out", settings=settings)).table()
    assert frame["status"].tolist() == ["done", "diverged"]
    assert re.match(r"RLS: learning diverged at time step \d+", frame["reason"][1])


def test_full_results_on_request(tmp_path):
    from tension_sim import load_results

    for row in sweep("lif_sine", {"Q": [10]}, **how(tmp_path / "out", full_results=True)).rows:
        folder = tmp_path / "out" / "points" / row.key
        assert (folder / "figure.png").exists() and load_results(folder / "results.h5").n_steps == 200
        assert json.loads((folder / "summary.json").read_text())["numbers"] == dict(row.numbers)


def test_a_recipe_with_changed_settings(tmp_path):
    recipe = load_recipe("lif_sine", SMALL | {"run.seed": "5"})
    found = sweep(recipe, {"Q": [2]}, out=tmp_path / "out", client=0, target="numpy")
    alone = run_outcome(load_recipe("lif_sine", SMALL | {"run.seed": "5", "Q": "2"}), target="numpy")
    assert numbers(found) == {(2.0, 5): dict(alone.numbers)}


def test_two_processes_do_not_write_to_one_folder(quick, tmp_path):
    sweep("lif_sine", GRID, **how(tmp_path / "out"))
    with (
        Journal(tmp_path / "out"),
        pytest.raises(OutputError, match="sweep.out: expected a folder that no other sweep writes to."),
    ):
        sweep("lif_sine", GRID, **how(tmp_path / "out"))


@pytest.mark.parametrize(
    ("changed", "error", "text"),
    [
        ({"grid": [1]}, InvalidTypeError, "sweep.grid: expected names of settings with their values."),
        ({"recipe": "lif_sinus"}, UnknownNameError, "sweep.recipe: expected a known recipe"),
        ({"draw": ("grid", 3)}, UnknownNameError, "sweep.draw: expected a known design (random, sobol)."),
        ({"draw": 3}, InvalidTypeError, "sweep.draw: expected a design and a number."),
        ({"draw": ("sobol", 0)}, InvalidValueError, "sweep.draw: expected a number of points, at least 1."),
        ({"target": "c++"}, UnknownNameError, "run.target: expected a known target"),
        ({"client": -1}, InvalidValueError, "sweep.client: expected a number of workers, at least 0."),
        ({"client": 1.5}, InvalidTypeError, "sweep.client: expected a number of workers, an address"),
        ({"client": "host:8786"}, InvalidValueError, "sweep.client: expected the address of a scheduler"),
        ({"client": "none.toml"}, InvalidValueError, "sweep.client"),
        ({"client": "none.json"}, InvalidValueError, "sweep.client: expected a scheduler's file that exists."),
        (
            {"progress": 1},
            InvalidTypeError,
            "sweep.progress: expected a function, called as progress(done, total, row)",
        ),
        ({"full_results": 1}, InvalidTypeError, "sweep.full_results"),
        ({"settings": {"n": "0"}}, InvalidValueError, "network.n"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_runs(tmp_path, monkeypatch, changed, error, text):
    seen = ran(monkeypatch)
    with pytest.raises(error) as raised:
        sweep(**{"recipe": "lif_sine", "grid": GRID} | how(tmp_path / "out", **changed))
    assert text in str(raised.value) and not seen
    assert not (tmp_path / "out" / JOURNAL).exists() or not (tmp_path / "out" / JOURNAL).read_bytes()


def test_no_sweep_in_a_folder(quick, tmp_path):
    with pytest.raises(InvalidValueError, match=re.escape("load_sweep.folder: expected a folder with the sweep.json")):
        load_sweep(tmp_path)
    (tmp_path / JOURNAL).touch()
    with pytest.raises(OutputError, match="with no sweep.json"):
        sweep("lif_sine", GRID, **how(tmp_path))


def test_a_missing_package_is_named_with_its_extra(quick, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(EngineNotFoundError, match=re.escape('pip install "tension-sim[sweep]"')):
        sweep("lif_sine", GRID, **how(tmp_path / "out"))


def test_numbers_are_checked(quick, tmp_path):
    found = sweep("lif_sine", GRID, **how(tmp_path / "out"))
    with pytest.raises(UnknownNameError, match=re.escape("Sweep.best.value: expected a known number")):
        found.best("rmse")
    assert found.best(n=1).columns.tolist() == ["Q", "aligned_rmse", "spread", "seeds"]
    assert "points: 2" in repr(found) or "points=2" in repr(found)


def test_rows_of_dask_are_those_of_this_process(quick, tmp_path):
    """Over a scheduler within this process: what travels, arrives."""
    distributed = pytest.importorskip("distributed", reason="sweeps need the extra")
    here = sweep("lif_sine", GRID, seeds=2, **how(tmp_path / "here"))
    cluster = {"processes": False, "n_workers": 1, "threads_per_worker": 2, "dashboard_address": None}
    told = []
    with distributed.LocalCluster(**cluster) as cluster, distributed.Client(cluster) as client:
        there = sweep(
            "lif_sine", GRID, 2,
            **how(tmp_path / "there", client=client, progress=lambda done, total, row: told.append((done, total, row))),
        )  # fmt: skip
        assert client.status == "running"  # it is the user's
    assert numbers(there) == numbers(here)
    assert [done for done, total, row in told if row is not None] == [1, 2, 3, 4] and told[0] == (0, 4, None)
