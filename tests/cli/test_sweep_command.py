"""``tension-sim sweep`` and ``plot``: what they print, leave and say, and their exit statuses."""

from __future__ import annotations

import json
import re
import sys

import pytest
from sweeps.small import SMALL, pretended

import tension_sim.sweeps.work as work
from tension_sim import load_sweep
from tension_sim.cli import main
from tension_sim.errors import InvalidValueError, RunFailedError

pytest.importorskip("pandas", reason="sweeps need the extra")
pytest.importorskip("pyarrow", reason="sweeps need the extra")

SETTINGS = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
HERE = [*SETTINGS, "--target", "numpy", "--workers", "0"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(work, "_measure", pretended)


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*arguments, status=0):
        monkeypatch.setattr(sys, "argv", ["tension-sim", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        assert ended.value.code == status, shown.err
        return shown

    return run


def test_sweep_and_plot(run, tmp_path):
    out = tmp_path / "out"
    shown = run("sweep", "lif_sine", "--grid", "G=0.02:0.2:3", "--grid", "Q=1,10", "--seeds", 2, "--out", out, *HERE)
    found = load_sweep(out)
    best = found.best("aligned_rmse", n=1)
    lines = shown.out.splitlines()
    assert lines[0].startswith("forecast: 12 points of about ")
    assert lines[1].split() == ["G", "Q", "aligned_rmse", "spread", "seeds"]
    assert lines[2].split()[2] == f"{best['aligned_rmse'].item():.4g}"
    assert lines[-2:] == ["12 done", f"written: {out}/table.parquet"]
    assert re.fullmatch(r".* 12/12 [0-9: ]+\n", shown.err.splitlines(keepends=True)[-1])  # in a log, too
    shown = run("plot", out, "--x", "G", "--y", "Q", "--value", "aligned_rmse")
    assert shown.out == f"written: {out}/plot.png\n" and (out / "plot.png").read_bytes()[1:4] == b"PNG"
    run("plot", out, "--x", "G", "--at", "Q=10", "--out", tmp_path / "line.svg")
    assert (tmp_path / "line.svg").exists()
    run("plot", out, "--highest", 0.5, "--out", tmp_path / "map.svg")
    run("plot", out, "--x", "G", "--panels", "Q", "--out", tmp_path / "panels.svg")
    map_, panels = ((tmp_path / name).read_text() for name in ("map.svg", "panels.svg"))
    assert "<!-- G -->" in map_ and "<!-- Q -->" in map_ and "at most 0.5" in map_
    assert "<!-- Q = 1 -->" in panels and "<!-- Q = 10 -->" in panels
    assert json.loads(run("plot", out, "--x", "Q", "--by", "G", "--json").out) == {"file": f"{out}/plot.png"}


def test_points_that_cannot_have_the_number(run, tmp_path, monkeypatch):
    """That a run has no test is said before it begins; the table that would be empty is a sentence."""
    monkeypatch.setattr(work, "_measure", lambda given: {"numbers": {"firing_rate": 3.0}})
    arguments = ("--grid", "Q=1,10", "--out", tmp_path / "out", *HERE, "--set", "stop=9*second")
    shown = run("sweep", "lif_sine", *arguments, "--value", "aligned_rmse")
    assert "This run has no test: weights learn to its end, at" in shown.err
    assert shown.out.splitlines()[1:3] == ["no point has the number aligned_rmse", "2 done"]


def test_json_is_all_that_stdout_gets(run, tmp_path):
    shown = run("sweep", "lif_sine", "--grid", "Q=1,10", "--seeds", "0,5", "--out", tmp_path / "out", "--json", *HERE)
    told = json.loads(shown.out)
    assert told["points"] == told["done"] == 4 and told["diverged"] == told["failed"] == told["refused"] == 0
    assert told["ranked_by"] == "aligned_rmse" and set(told["best"]) == {"Q", "aligned_rmse", "spread", "seeds"}


def test_drawn_points(run, tmp_path):
    ranges = ["--range", "G=0.02:0.2", "--range", "alpha_P=1e-6:1e-3:log"]
    run("sweep", "lif_sine", *ranges, "--sobol", 8, "--out", tmp_path / "out", *HERE)
    assert len(load_sweep(tmp_path / "out").rows) == 8


def test_dry_run_leaves_nothing(run, tmp_path):
    shown = run("sweep", "lif_sine", "--grid", "Q=1,10", "--out", tmp_path / "out", "--dry-run", *HERE)
    assert shown.out.splitlines()[-1] == "dry run: 2 points of nicola_clopath_2017/lif_sine"
    assert json.loads(run("sweep", "lif_sine", "--grid", "Q=1,10", "--dry-run", "--json", *HERE).out)["points"] == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "name"), [(RunFailedError("it was killed"), "failed"), (InvalidValueError("not so"), "refused")]
)
def test_points_without_numbers_end_with_status_3(run, tmp_path, monkeypatch, error, name):
    def failing(given):
        if given.values["network.Q"] == 10:
            raise error
        return pretended(given)

    monkeypatch.setattr(work, "_measure", failing)
    shown = run("sweep", "lif_sine", "--grid", "Q=1,10", "--out", tmp_path / "out", *HERE, status=3)
    assert f"1 done, 1 {name}" in shown.out and f"{name}, for example: {error}" in shown.err
    monkeypatch.setattr(work, "_measure", pretended)
    run("sweep", "lif_sine", "--grid", "Q=1,10", "--out", tmp_path / "out", *HERE)


def test_interrupted(run, tmp_path, monkeypatch):
    def interrupted(given):
        if given.values["network.Q"] == 10:
            raise KeyboardInterrupt
        return pretended(given)

    monkeypatch.setattr(work, "_measure", interrupted)
    shown = run("sweep", "lif_sine", "--grid", "Q=1,10", "--out", tmp_path / "out", *HERE, status=130)
    assert "interrupted with 1 of 2 points done; the same command goes on" in shown.err
    assert len(load_sweep(tmp_path / "out").rows) == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--grid", "G"], "sweep --grid: expected NAME=VALUES.\nReceived: 'G'\nFix: e.g. --grid G=0.02:0.2:10."),
        (["--grid", "g=1,2"], "did you mean 'G'?"),
        (["--range", "G=1:2"], "sweep: expected --grid, or --range with --random or --sobol."),
        (["--range", "G=2:1", "--sobol", "3"], "sweep --range G: expected a lower end below the upper one."),
        (["--grid", "G=0:1:1"], "sweep --grid G: expected a number of values, at least 2."),
        (["--random", "3"], "sweep: expected --grid, or --range with --random or --sobol."),
        (["--grid", "G=1", "--value", "rmse"], "sweep --value: expected a known number"),
        (["--grid", "G=1", "--cluster", "tcp://127.0.0.1:1"], "sweep: expected --workers or --cluster."),
        (["--grid", "G=1", "--target", "c++"], "sweep --target: expected a known target"),
        (["--grid", "G=1", "--seeds", "none"], "sweep.seeds: expected a number of seeds"),
    ],
)
def test_what_cannot_work(run, tmp_path, monkeypatch, arguments, text):
    monkeypatch.chdir(tmp_path)
    assert text in run("sweep", "lif_sine", *HERE, *arguments, status=2).err
    assert not list(tmp_path.iterdir())


def test_plot_of_no_sweep(run, tmp_path):
    assert "load_sweep.folder: expected a folder with the sweep.json" in run("plot", tmp_path, "--x", "G", status=2).err
