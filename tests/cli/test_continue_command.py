"""`run --from FILE`: a stored run goes on."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tension_sim import Results
from tension_sim.cli.commands import app
from tension_sim.errors import InvalidValueError, OutputError, UnknownNameError

SHORT = ["n=20", "duration=10*ms", "learning.start=2*ms", "learning.stop=5*ms"]


def run(*words):
    app(["run", *map(str, words), "--target", "numpy"], standalone_mode=False)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    run("lif_sine", *(word for pair in SHORT for word in ("--set", pair)), "--out", folder, "--format", "nwb")
    return folder / "results.nwb"


def test_it_goes_on_and_leaves_its_own_folder(stored, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run("--from", stored, "--set", "duration=2*ms")
    shown = capsys.readouterr().out
    assert "goes on from 0.01 s to 0.012 s, without learning" in shown
    assert "written: results/lif_sine_continued/figure.png, report.html, results.h5, summary.json" in shown
    more = Results.load(tmp_path / "results" / "lif_sine_continued" / "results.h5")
    before = Results.load(stored)
    assert (more.first_step, more.n_steps) == (before.stop_step, 40)
    np.testing.assert_array_equal(more.weights["output_kernel"], before.weights["output_kernel"])
    told = json.loads((tmp_path / "results" / "lif_sine_continued" / "summary.json").read_text())["provenance"]
    assert told["continued"]["from"] == str(stored)


def test_the_file_is_not_overwritten_unless_that_is_asked_for(stored, tmp_path):
    with pytest.raises(OutputError, match="run.out: expected a folder without results of other settings"):
        run("--from", stored, "--set", "duration=2*ms", "--out", stored.parent)
    run("--from", stored, "--set", "duration=2*ms", "--out", tmp_path)
    run("--from", stored, "--set", "duration=2*ms", "--out", tmp_path)  # the same once more
    with pytest.raises(OutputError, match="--overwrite"):
        run("--from", stored, "--set", "duration=3*ms", "--out", tmp_path)
    run("--from", stored, "--set", "duration=3*ms", "--out", tmp_path, "--overwrite")
    assert Results.load(tmp_path / "results.h5").n_steps == 60


def test_a_dry_run_of_a_runs_folder_writes_nothing(stored, tmp_path, capsys):
    run("--from", stored.parent, "--dry-run", "--out", tmp_path / "none")
    assert "dry run: 100 steps of nicola_clopath_2017/lif_sine" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("words", "error", "text"),
    [
        (["lif_sine"], InvalidValueError, "run: expected NAME, or --from FILE"),
        (["--seed", "3"], InvalidValueError, "run --from: expected no --seed"),
        (["--set", "G=1"], UnknownNameError, r"run --from --set: expected a known setting \(duration\)"),
        (["--target", "numpi"], UnknownNameError, "run --target: expected a known target"),
    ],
)
def test_what_cannot_be_gone_on_with(stored, words, error, text):
    with pytest.raises(error, match=text):
        app(["run", "--from", str(stored), *words], standalone_mode=False)
