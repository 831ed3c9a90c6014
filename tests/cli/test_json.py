"""`--json`: one value on standard output with the documented keys, errors as one line, exit statuses."""

from __future__ import annotations

import json
import re
import signal
import sys
from pathlib import Path

import pytest

from tension_sim.cli import commands, main
from tension_sim.cli.told import described
from tension_sim.errors import DivergenceError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "programs.md"
SMALL = ["--set", "n=10", "--set", "duration=2*ms", "--target", "numpy"]


def called(monkeypatch, capsys, *words):
    """Return exit status, standard output and standard error of a command."""
    monkeypatch.setattr(sys, "argv", ["tension-sim", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    out, err = capsys.readouterr()
    return end.value.code or 0, out, err


@pytest.fixture
def command(monkeypatch, capsys):
    return lambda *words: called(monkeypatch, capsys, *words)


@pytest.fixture
def answer(command):
    """Return the value that a command prints, which prints nothing else."""

    def answered(*words):
        status, out, err = command(*words, "--json")
        assert (status, err) == (0, "")
        return json.loads(out)

    return answered


def documented(heading: str) -> set[str]:
    """Return the keys that the page names below a heading."""
    text = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) or [text.partition(":")[0]]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_list(answer):
    found = answer("list")
    assert set(found) == documented("`list`")
    assert {"name": "lif_sine", "summary": "2000 LIF neurons learn a 5 Hz sine"} in [
        row | {"name": row["name"].rpartition("/")[2]} for row in found["recipes"]
    ]


def test_show(answer):
    found = answer("show", "lif_sine", "--set", "n=100")
    assert set(found) == documented("`show NAME`")
    settings = {row["name"]: (row["value"], row["note"]) for row in found["settings"]}
    assert settings["network.n"] == ("100", "changed")
    assert settings["initial.v"] == (None, "unset")
    assert found["expected"]["peak_frequency"] == [4.9, 5.1]
    assert found["units"]["peak_frequency"] == "hertz"
    assert found["forecast"]["steps"] == 300_000


def test_run_and_go_on(answer, tmp_path):
    keys = documented("`run NAME` and `run --from FILE`")
    found = answer("run", "lif_sine", *SMALL, "--out", tmp_path / "a")
    assert set(found) == keys - {"continued"}
    assert (found["folder"], found["replaced"]) == (str(tmp_path / "a"), [])
    assert sorted(found["files"]) == sorted(path.name for path in (tmp_path / "a").iterdir())
    assert found["verdict"]["as_expected"] is False
    assert found["phases"] == {"before": [0.0, 0.002]}
    more = answer("run", "--from", tmp_path / "a" / "results.h5", "--target", "numpy", "--out", tmp_path / "b")
    assert set(more) == keys
    assert more["continued"]["first_step"] == found["steps"] == 40


def test_a_dry_run(answer, tmp_path):
    found = answer("run", "lif_sine", *SMALL, "--dry-run", "--out", tmp_path / "a")
    assert found["dry_run"] is True
    assert set(found) == {"recipe", "forecast", "remarks", "folder", "dry_run"}
    assert "learns nothing" in found["remarks"][0]


def test_cache(answer, monkeypatch, tmp_path):
    monkeypatch.setenv("TENSION_SIM_CACHE", str(tmp_path))
    assert set(answer("cache")) | set(answer("cache", "clear", "--all")) == documented("`cache` and `cache clear`")


@pytest.mark.parametrize(
    ("words", "kind", "where", "fix"),
    [
        (["run", "lif_sin"], "UnknownNameError", "run NAME", "did you mean 'lif_sine'?"),
        (["show", "lif_sine", "--set", "G"], "InvalidValueError", "run --set", None),
        (["run"], "InvalidValueError", "run", None),
        (["run", "--from", "none.h5"], "InvalidValueError", "run --from", None),
        (["cache", "clear"], "InvalidValueError", "cache clear", None),
        (["list", "--jsn"], "NoSuchOption", None, None),
        (["lst"], "UsageError", None, None),
        (["show"], "MissingParameter", None, None),
        (["run", "lif_sine", "--seed", "x"], "BadParameter", None, None),
    ],
)  # fmt: skip
def test_errors_are_one_line_of_json(command, words, kind, where, fix):
    status, out, err = command(*words, "--json")
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    told = json.loads(err)
    assert told["status"] == 2
    assert set(told["error"]) == documented("Errors")
    assert (told["error"]["type"], told["error"]["where"]) == (kind, where)
    assert fix in (None, told["error"]["fix"])


def test_without_json_typer_speaks_as_before(command):
    status, _, err = command("list", "--jsn")
    assert status == 2
    assert "No such option: --jsn" in err and not err.startswith("{")


def test_a_message_of_another_form_is_kept_whole():
    found = described(DivergenceError("learning diverged\nFix: a smaller alpha_P."))
    assert found["message"] == "learning diverged\nFix: a smaller alpha_P."
    assert found["where"] is None


@pytest.mark.parametrize("as_json", [False, True])
def test_a_fault_of_the_program_has_its_traceback(command, monkeypatch, as_json):
    def broken(name):
        raise RuntimeError("a fault")

    monkeypatch.setattr(commands, "load_recipe", broken)
    monkeypatch.setattr(sys, "argv", ["tension-sim", "list", *(["--json"] if as_json else [])])
    with pytest.raises(RuntimeError, match="a fault"):
        main()


def test_an_interrupt_before_a_run_is_told(command, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "_load", interrupted)
    monkeypatch.setattr("tension_sim.cli.terminal._answers", [])
    # what ended an earlier run of this process does not count
    monkeypatch.setattr("tension_sim.system.interrupts._last", signal.SIGINT)
    status, out, err = command("show", "lif_sine", "--json")
    assert (status, out) == (130, "")
    assert json.loads(err)["error"]["type"] == "Interrupt"
