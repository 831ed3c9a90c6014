"""``--checkpoint``, ``--resume`` and ``tension-sim resume``: as one types them, also the wrong way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from killed import assert_equal_bits, killed_at, pausing_after

from tension_sim import Results
from tension_sim.cli.checkpoint import checkpoint_of
from tension_sim.cli.commands import app
from tension_sim.errors import InvalidValueError, OutputError, RunFailedError
from tension_sim.recipes.protocol import Forecast
from tension_sim.system.checkpoint_folder import MANIFEST, CheckpointFolder

SMALL = ["lif_sine", "--target", "numpy", "--set", "n=20", "--set", "duration=20*ms"]


def command(*words: object) -> None:
    app([str(word) for word in words], standalone_mode=False)


@pytest.fixture
def killed(tmp_path, monkeypatch) -> Path:
    """The folder of a run that was killed after its first checkpoint."""
    pausing_after(monkeypatch, 200)
    with killed_at(monkeypatch):
        command("run", *SMALL, "--checkpoint", 5, "--out", tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def whole(tmp_path) -> Results:
    command("run", *SMALL, "--out", tmp_path / "whole")
    return Results.load(tmp_path / "whole" / "results.h5")


@pytest.mark.parametrize(
    "words", [["resume"], pytest.param(["run", *SMALL, "--resume", "--out"], marks=pytest.mark.slow)]
)
def test_a_killed_run_goes_on_with_the_same_bits(killed, whole, words, capsys):
    command(*words, killed)
    assert_equal_bits(Results.load(killed / "results.h5"), whole)
    assert not (killed / "checkpoint").exists()


@pytest.mark.parametrize("cause", [RunFailedError("The compiled program was killed."), OutputError("No room.")])
@pytest.mark.parametrize("checkpoints", [0, 1])
def test_a_run_that_fails_says_how_it_goes_on(tmp_path, monkeypatch, cause, checkpoints):
    """A program that the system killed is not begun anew, which its checkpoint would refuse."""
    pausing_after(monkeypatch, 200)
    commit, commits = CheckpointFolder.commit, 0

    def failing(self, manifest):
        nonlocal commits
        if commits == checkpoints:
            raise cause
        commit(self, manifest)
        commits += 1

    monkeypatch.setattr(CheckpointFolder, "commit", failing)
    with pytest.raises(type(cause)) as caught:
        command("run", *SMALL, "--set", "duration=40*ms", "--checkpoint", 5, "--out", tmp_path / "out")
    more = f"\nThe checkpoint stays; go on by: tension-sim resume {tmp_path / 'out'}"
    assert str(caught.value) == str(cause) + more * checkpoints


@pytest.mark.slow
def test_a_relative_folder_is_found_from_elsewhere(killed, whole, monkeypatch):
    monkeypatch.chdir(killed.parent)
    command("resume", "out")
    assert_equal_bits(Results.load(killed / "results.h5"), whole)


@pytest.mark.slow
def test_a_checkpoint_is_not_lost_by_typing_the_command_again(killed, whole):
    before = (killed / "checkpoint" / MANIFEST).read_bytes()
    with pytest.raises(OutputError) as caught:
        command("run", *SMALL, "--out", killed)
    assert "run.out: expected a folder without the checkpoint of a killed run." in str(caught.value)
    assert "Fix: go on from it by --resume, or begin anew by --overwrite." in str(caught.value)
    assert (killed / "checkpoint" / MANIFEST).read_bytes() == before
    command("run", *SMALL, "--out", killed, "--overwrite")
    assert_equal_bits(Results.load(killed / "results.h5"), whole)
    assert not (killed / "checkpoint").exists()


def test_other_settings_are_refused_by_name(killed):
    with pytest.raises(
        InvalidValueError, match=r"expected a checkpoint of network\.G = 0\.05\.\nReceived: 'one of netw"
    ):
        command("run", *SMALL, "--set", "G=0.05", "--resume", "--out", killed)


def test_without_a_checkpoint_there_is_nothing_to_resume(tmp_path, capsys):
    with pytest.raises(InvalidValueError, match=r"resume FOLDER: expected a folder with a checkpoint\.(.|\n)*--out"):
        command("resume", tmp_path)
    command("run", *SMALL, "--resume", "--out", tmp_path / "new")
    assert f"no checkpoint in {tmp_path / 'new'}: the run begins" in capsys.readouterr().err


def test_a_checkpoint_names_no_code_to_run(killed):
    """It may come from a stranger."""
    folder = CheckpointFolder("demo", killed / "checkpoint")
    folder.commit(folder.manifest | {"note": folder.manifest["note"] | {"protocols": "/of/a/stranger"}})
    folder.close()
    with pytest.raises(InvalidValueError, match=r"resume --protocols: expected the folder(.|\n)*add --protocols /of/a"):
        command("resume", killed)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--checkpoint", "-1"], "run --checkpoint: expected a number of seconds, 0 for no checkpoints."),
        (["--checkpoint", "-1", "--dry-run"], "run --checkpoint: expected a number of seconds, 0 for no checkpoints."),
        (["--checkpoint", "nan"], "run --checkpoint: expected a number of seconds, 0 for no checkpoints."),
        (["--checkpoint", "0", "--resume"], "run --checkpoint: expected seconds above 0 together with --resume."),
    ],
)
def test_words_that_cannot_work(tmp_path, words, text):
    with pytest.raises(InvalidValueError) as caught:
        command("run", *SMALL, *words, "--out", tmp_path / "out")
    assert text in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("seconds", "every"), [(119.0, None), (121.0, 60.0)])
def test_long_runs_write_checkpoints_unasked(tmp_path, seconds, every):
    found = checkpoint_of(tmp_path, Forecast(0, seconds, 1), {})
    assert (found and found.every) == every
    assert found is None or found.folder == tmp_path / "checkpoint"


def test_the_note_tells_the_words(killed):
    note = json.loads(json.loads((killed / "checkpoint" / MANIFEST).read_text())["manifest"])["note"]
    assert note["name"] == "lif_sine" and note["target"] == "numpy" and note["every"] == 5
    assert note["set"] == ["n=20", "duration=20*ms"] and note["formats"] == ["h5"]
