"""Protocols and supervisors of one's own: those of docs/EXTENDING.md, from a folder outside the package."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tension_sim import load_recipe, make_task, run_outcome
from tension_sim.cli.commands import app
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnknownNameError
from tension_sim.recipes.protocol import list_protocols, load_protocol
from tension_sim.tasks import load_tasks, registry

EXTENDING = (Path(__file__).resolve().parents[2] / "docs" / "EXTENDING.md").read_text(encoding="utf-8")


def block(part: str) -> str:
    """Return the Python block of the documentation that holds a text."""
    return next(code for code in re.findall(r"```python\n(.*?)```", EXTENDING, re.DOTALL) if part in code)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "plain_rates.py").write_text(block("PROTOCOL = Protocol("))
    (tmp_path / "mine.toml").write_text('protocol = "plain_rates"\n[network]\nn = 20\n[run]\nduration = "20*ms"\n')
    return tmp_path


@pytest.fixture
def own_names():
    before = dict(registry._REGISTRY)
    yield
    registry._REGISTRY.clear()
    registry._REGISTRY.update(before)


def test_the_documented_protocol_runs_from_a_folder_that_the_user_names(folder):
    recipe = load_recipe(folder / "mine.toml", protocols=folder)
    assert recipe.protocol.summary == "A rate network without learning: how large its rates are."
    outcome = run_outcome(recipe, target="numpy")
    assert outcome.results.n_steps == 20 and 0 < outcome.numbers["rate"] < 1


def test_the_command_takes_the_folder(folder):
    for words in (["show"], ["run", "--dry-run", "--target", "numpy", "--out", str(folder / "out")]):
        done = CliRunner().invoke(app, [*words, str(folder / "mine.toml"), "--protocols", str(folder)])
        assert done.exit_code == 0, done.output
    assert not (folder / "out").exists()


def test_a_module_beside_a_recipe_is_not_run_because_the_recipe_names_it(folder):
    (folder / "evil.py").write_text("raise SystemExit('run')")
    text = (folder / "mine.toml").read_text()
    for name in ("plain_rates", "evil", "../evil", str(folder / "evil")):
        (folder / "mine.toml").write_text(text.replace('"plain_rates"', repr(name)))
        with pytest.raises(UnknownNameError, match="mine.toml: protocol: expected a known protocol"):
            load_recipe(folder / "mine.toml")
    assert "plain_rates" in list_protocols(folder) and "plain_rates" not in list_protocols()


def test_modules_that_cannot_be_protocols_are_refused(tmp_path):
    (tmp_path / "broken.py").write_text("import no_such_module")
    (tmp_path / "empty.py").write_text('"""Nothing."""')
    with pytest.raises(InvalidValueError, match=r"broken.py: expected a module that can be imported .ModuleNotFound"):
        load_protocol("broken", tmp_path)
    with pytest.raises(InvalidTypeError, match=r"expected a Protocol called PROTOCOL.\nReceived: None\nFix: end the"):
        load_protocol("empty", tmp_path)
    with pytest.raises(InvalidValueError, match="protocols: expected a folder of Python modules"):
        load_protocol("empty", tmp_path / "none")
    (tmp_path / "force.py").write_text("")
    with pytest.raises(InvalidValueError, match="protocols: expected names that no other protocol has"):
        load_protocol("empty", tmp_path)


def test_the_documented_supervisor_is_learned_from_a_folder(tmp_path, own_names):
    code = block("@supervisor(").replace("def sine(", "def slow_sine(")
    (tmp_path / "slow.py").write_text(code)
    recipe = load_recipe("lif_sine", {"task.name": "slow_sine", "task.frequency": "2*Hz", "n": "10"}, tasks=tmp_path)
    np.testing.assert_allclose(recipe.task().target[4999, 0], np.sin(2 * np.pi * 2 * 0.25))


def test_the_documented_trial_task_is_learned_from_a_folder(tmp_path, own_names):
    (tmp_path / "delayed.py").write_text(block("@trial_task("))
    settings = {"task.name": "delayed_step", "task.duration": "0.1*second", "n": "10"}
    recipe = load_recipe("oscillation", settings, tasks=tmp_path)
    first, second = (next(recipe.trials()) for _ in range(2))
    assert first.target.shape == (100, 1) and 0 < first.target.mean() < 0.95
    np.testing.assert_array_equal(first.target, second.target)
    assert first.inputs[:50].all() and not first.inputs[50:].any()


def test_a_supervisor_does_not_replace_another(tmp_path, own_names):
    (tmp_path / "again.py").write_text(block("@supervisor("))
    with pytest.raises(
        InvalidValueError, match=r"supervisor: expected a name that no other supervisor has [\s\S]*Received: .sine"
    ):
        load_tasks(tmp_path)


def test_an_installed_package_adds_protocols_and_supervisors(tmp_path, monkeypatch, own_names):
    site = tmp_path / "site"
    (site / "more-1.dist-info").mkdir(parents=True)
    (site / "more_protocol.py").write_text(block("PROTOCOL = Protocol("))
    (site / "more_task.py").write_text(block("@supervisor(").replace("def sine(", "def more_sine("))
    points = "[tension_sim.protocols]\nmore_rates = more_protocol\n[tension_sim.tasks]\nmore_sine = more_task\n"
    (site / "more-1.dist-info" / "METADATA").write_text("Name: more\nVersion: 1\n")
    (site / "more-1.dist-info" / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(site))
    assert load_protocol("more_rates").name == "more_rates"
    assert make_task("more_sine", 10, 1e-3, frequency="5*Hz").n_outputs == 1
    for name in ("more_protocol", "more_task"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("written", "instead", "text"),
    [
        ("    return Forecast(", "    return None\n    return Forecast(", "forecast: expected Forecast(...)"),
        ("memory=40 * n**2", "memory='all'", "Forecast: memory: expected a number.\nReceived: 'all'"),
        ("    return Outcome(", "    return results\n    return Outcome(", "run: expected Outcome(...)"),
        ("return Outcome(results", "return Outcome(None", "Outcome.results: expected Results.\nReceived: None"),
        ("float(np.abs(results.output).mean())", "results.output", "Outcome.numbers: rate: expected a number."),
        ('{"rate": float(np.abs(results.output).mean())}', "[1]", "Outcome.numbers: expected names with numbers.\nRec"),
        ('Number("mean absolute rate")', "1.0", "Protocol.expected: expected names with a Number each."),
        ("    run=run,", "    run=None,", "Protocol.run: expected a function, called as run("),
        ("    forecast=forecast,", "    forecast=1,", "Protocol.forecast: expected a function, called as"),
    ],
)
def test_what_a_protocol_of_ones_own_says_and_returns_is_checked(folder, written, instead, text):
    code = (folder / "plain_rates.py").read_text()
    assert written in code
    (folder / "plain_rates.py").write_text(code.replace(written, instead))
    with pytest.raises(InvalidTypeError, match=re.escape(text)):
        run_outcome(load_recipe(folder / "mine.toml", protocols=folder), target="numpy")
