"""``--stop-when``, ``--steering`` and ``--watch`` of ``tension-sim run``: as one types them, also the wrong way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from killed import assert_equal_bits, killed_at, pausing_after

from tension_sim import Results, Steering
from tension_sim.cli.commands import app
from tension_sim.cli.text_plot import View
from tension_sim.errors import InvalidValueError, UnknownNameError
from tension_sim.run.watch.server import PageServer

SMALL = ["lif_sine", "--target", "numpy"]
for _pair in ("n=20", "dt=1*ms", "duration=0.3*second", "learning.start=20*ms", "learning.stop=0.3*second"):
    SMALL += ["--set", _pair]
SCRIPT = Steering([{"step": 50, "change": {"tau_decay": "25*ms"}}, {"step": 120, "stop": True}])


def command(*words: object) -> None:
    app([str(word) for word in words], standalone_mode=False)


def stored(folder: Path) -> Results:
    return Results.load(folder / "results.h5")


def test_a_run_that_ends_early_says_why(tmp_path, capsys):
    command("run", *SMALL, "--stop-when", "rmse < 100 for 0.2*second", "--json", "--out", tmp_path / "early")
    told = json.loads(capsys.readouterr().out)
    why = {"step": 200, "time": 0.2, "why": "rmse < 100 for 0.2*second"}
    assert told["stopped"] == why and told["steps"] == 200 and not told["interrupted"]
    assert told["verdict"]["text"] == "not compared: the run ended early (rmse < 100 for 0.2*second)"
    found = stored(tmp_path / "early")
    assert found.provenance["stopped"] == why
    assert found.provenance["repeat"].endswith("--stop-when 'rmse < 100 for 0.2*second'")
    page = (tmp_path / "early" / "report.html").read_text()
    assert "The run ended early, at 0.2 s: rmse &lt; 100 for 0.2*second." in page


def test_a_condition_that_is_never_true_is_said(tmp_path, capsys):
    told = "never true, so that the run went on to its end: rmse < 1e-9"
    for condition, never in (("rmse < 1e-9", True), ("rmse < 100", False)):
        command("run", *SMALL, "--stop-when", condition, "--overwrite", "--out", tmp_path / "out")
        assert (told in capsys.readouterr().err) == never


@pytest.mark.slow
def test_it_is_as_one_of_that_length(tmp_path, capsys):
    command("run", *SMALL, "--stop-when", "rmse < 100", "--out", tmp_path / "early")
    assert "ended early, at 0.1 s (step 100 of 300): rmse < 100" in capsys.readouterr().out
    command("run", *SMALL, "--set", "duration=0.1*second", "--out", tmp_path / "short")
    found, short = stored(tmp_path / "early"), stored(tmp_path / "short")
    assert_equal_bits(found, short)
    assert found.phases == short.phases


@pytest.mark.slow
def test_a_script_is_obeyed_kept_and_repeated(tmp_path, capsys):
    script = SCRIPT.save(tmp_path / "script.toml")
    command("run", *SMALL, "--steering", script, "--out", tmp_path / "one")
    assert "summary.json, steering.toml" in capsys.readouterr().out.replace("\n", " ")
    kept = tmp_path / "one" / "steering.toml"
    assert Steering.load(kept) == SCRIPT
    assert stored(tmp_path / "one").provenance["repeat"].endswith("--steering steering.toml")
    command("run", *SMALL, "--steering", kept, "--out", tmp_path / "two")
    assert_equal_bits(stored(tmp_path / "one"), stored(tmp_path / "two"))
    command("run", *SMALL, "--set", "duration=60*ms", "--overwrite", "--out", tmp_path / "one")
    assert not kept.exists()  # it belongs to the results that were replaced


@pytest.mark.slow
def test_a_watched_run_prints_its_address_and_has_the_same_bits(tmp_path, capsys, monkeypatch):
    closed = []
    monkeypatch.setattr(PageServer, "close", lambda self, close=PageServer.close: (closed.append(1), close(self)))
    command("run", *SMALL, "--set", "duration=60*ms", "--watch", "--out", tmp_path / "watched")
    assert "watch and steer it at http://127.0.0.1:" in capsys.readouterr().err
    assert closed == [1]
    command("run", *SMALL, "--set", "duration=60*ms", "--out", tmp_path / "plain")
    assert_equal_bits(stored(tmp_path / "watched"), stored(tmp_path / "plain"))


def test_words_that_cannot_work_are_refused_before_there_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a dry run looks for results of earlier runs
    out = tmp_path / "out"
    missing = tmp_path / "absent.toml"
    for words, error, text in (
        ([*SMALL, "--stop-when", "rmse <"], InvalidValueError, "run --stop-when, character 6: expected a condition"),
        ([*SMALL, "--stop-when", "rsme < 1"], UnknownNameError, "run --stop-when, character 1: expected a known quant"),
        ([*SMALL, "--steering", missing], InvalidValueError, "run --steering"),
        (
            ["oscillation", "--stop-when", "rmse < 1"],
            InvalidValueError,
            "those of the protocol full_force make sev",
        ),
        (["--from", missing, "--stop-when", "rmse < 1"], InvalidValueError, "run --from: expected no --stop-when"),
        (["--from", missing, "--watch"], InvalidValueError, "run --from: expected no --watch"),
    ):
        with pytest.raises(error) as caught:
            command("run", *words, "--out", out)
        assert text in str(caught.value)
    assert not out.exists()
    SCRIPT.save(tmp_path / "late.toml")
    with pytest.raises(InvalidValueError, match="steering, step 50: expected a step of run 1, from 0 to 39"):
        command("run", *SMALL, "--set", "duration=40*ms", "--steering", tmp_path / "late.toml", "--dry-run")


@pytest.mark.slow
def test_resume_knows_the_condition_and_the_script(tmp_path, monkeypatch):
    script = SCRIPT.save(tmp_path / "script.toml")
    words = ["run", *SMALL, "--steering", script, "--stop-when", "rmse < 100"]
    command(*words, "--out", tmp_path / "whole")
    pausing_after(monkeypatch, 30)
    with killed_at(monkeypatch):
        command(*words, "--checkpoint", 5, "--out", tmp_path / "out")
    command("resume", tmp_path / "out")
    found = stored(tmp_path / "out")
    assert found.n_steps == 100 and len(found.provenance["steering"]) == 1
    assert_equal_bits(found, stored(tmp_path / "whole"))


def test_the_terminal_shows_the_output_as_dots_and_the_quantities_as_numbers():
    frame = {"t": 1.5, "rmse": 0.25, "rate": np.nan, "weight_norm": 2.0, "P_trace": 3.0}
    samples = {"output": np.linspace(-1, 1, 400)[:, None], "target": np.zeros((400, 1))}
    view, plain = View("utf-8"), View("ascii")
    assert view.text() == ""
    for each in (view, plain):
        each.add(frame | samples)
    *lines, sparks, last = view.text().splitlines()
    assert last == plain.text() == "1.500 s  error 0.25  weights 2  trace of P 3"
    assert len(lines) == 8 and lines[0].startswith("        1 ") and lines[-1].startswith("       -1 ")
    heights = [next(k for k, line in enumerate(lines) if line[10 + at] not in " ⠀") for at in range(64)]
    assert heights == sorted(heights, reverse=True) and {0, 7} <= set(heights)  # it rises
    assert sparks.strip() == "error █"
