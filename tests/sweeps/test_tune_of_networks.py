"""A search for the settings of a network that was declared in Python: each trial is the run of one declared so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tension_sim import ForceNetwork, Learning, Simulation, load_sweep, sweep, tune
from tension_sim.errors import InvalidTypeError, InvalidValueError, OutputError, UnknownNameError

pytest.importorskip("optuna", reason="tune needs the extra sweep")
pytest.importorskip("pandas", reason="tune needs the extra sweep")
pytest.importorskip("pyarrow", reason="tune needs the extra sweep")

Y = np.sin(np.arange(60) / 5)
RULE = Learning(alpha_P=1e-3, update_every=2, start=10, stop=40)
NET = ForceNetwork.random("lif", n=12, seed=3, learning=RULE)
RANGES = {"alpha_P": "1e-4:1:log", "tau_decay": ("20*ms", "40*ms")}


def away(results):
    """How far the output ends from a number."""
    return {"away": abs(results.output[-1, 0] - 0.1)}


def how(out, **changed):
    return {"out": out, "client": 0, "target": "numpy", "y": Y, "measure": away, "value": "away"} | changed


def test_each_trial_is_the_run_of_a_network_declared_with_its_values(tmp_path):
    found = tune(NET, RANGES, 4, **how(tmp_path / "out"))
    assert [row.status for row in found.rows] == ["done"] * 4
    for row in found.table().itertuples():
        rule, decay = replace(RULE, alpha_P=row.alpha_P), f"{row.tau_decay * 1e3:.12g}*ms"
        net = ForceNetwork.random("lif", n=12, seed=3, learning=rule, parameters={"tau_decay": decay})
        assert away(Simulation(net, target="numpy").run(Y)) == {"away": row.away}
    again = tune(NET, RANGES, 5, **how(tmp_path / "out"))
    assert [row.key for row in again.rows] == [f"trial-{k}" for k in range(5)]
    with pytest.raises(OutputError, match="a new folder, or one of a sweep of the same kind"):
        tune(replace(NET, seed=4), RANGES, 5, **how(tmp_path / "out"))


def test_without_a_function_the_error_of_the_test_is_made_small(tmp_path):
    found = tune(NET, {"alpha_P": (1e-3, 1e-1)}, 2, **how(tmp_path / "out", measure=None, value=None))
    assert found.best().columns[1] == "aligned_rmse"


def test_what_cannot_be_measured_is_told_with_the_name_of_the_function(tmp_path):
    found = tune(NET, RANGES, 1, **how(tmp_path / "out", measure=lambda results: {"away": "far"}))
    assert found.rows[0].reason.startswith("tune.measure: away: expected a number.\nReceived: 'far'")
    with pytest.raises(InvalidValueError) as caught:
        tune(NET, RANGES, 1, **how(tmp_path / "out", settings={"seed": 3}))
    assert str(caught.value).startswith("tune.settings: expected settings other than the seed.")
    assert str(caught.value).endswith("Fix: declare the network with it.")


@pytest.mark.parametrize("name", ["seconds", "status", "run", "key"])
def test_a_number_with_the_name_of_a_column_is_refused(tmp_path, name):
    found = sweep(
        NET, {"alpha_P": [1e-3]}, y=Y, measure=lambda results: {name: 1.0}, out=tmp_path, client=0, target="numpy"
    )
    assert found.rows[0].reason.startswith("sweep.measure: expected other names than the table's own columns (status, ")
    assert f"Received: '{name}'\nFix: give the number another name." in found.rows[0].reason


def test_a_search_for_a_number_that_no_run_has_ends_at_once(tmp_path):
    """Without a test after learning there is no aligned_rmse; each trial would count as the worst."""
    net = replace(NET, learning=replace(RULE, stop=None))
    with pytest.raises(InvalidValueError) as caught:
        tune(net, RANGES, 50, **how(tmp_path / "out", measure=None, value=None))
    assert str(caught.value) == (
        "tune.value: expected a number that runs of the trials have.\nReceived: 'aligned_rmse, which trial-0 has not'\n"
        "Fix: choose another number, or a run with a test after learning."
    )
    assert len(load_sweep(tmp_path / "out").rows) == 1


def test_workers_read_the_network_from_the_folder(tmp_path):
    pytest.importorskip("distributed", reason="workers need the extra")
    options = {"client": 1, "measure": None, "value": None}
    found = tune(NET, {"alpha_P": (1e-3, 1e-1)}, 1, **how(tmp_path / "out", **options))
    rows = load_sweep(tmp_path / "out").rows
    at = {"alpha_P": [rows[0].point["learning.alpha_P"]]}
    same = sweep(NET, at, y=Y, out=tmp_path / "same", client=0, target="numpy").rows
    assert rows[0].numbers == found.rows[0].numbers
    np.testing.assert_equal(dict(rows[0].numbers), dict(same[0].numbers))


@pytest.mark.parametrize(
    ("ranges", "changed", "kind", "text"),
    [
        (None, {}, InvalidValueError, r"tune\.ranges: expected at least one range\."),
        ({"alpha": (0, 1)}, {}, UnknownNameError, r"ForceNetwork: settings: expected a known setting"),
        ({"seed": (0, 1)}, {}, InvalidValueError, r"tune\.ranges seed: expected a setting other than the seed\."),
        (RANGES, {"value": None}, InvalidValueError, r"tune\.value: expected the name of a number that measure"),
        (RANGES, {"measure": None}, UnknownNameError, r"tune\.value: .*number"),
        (RANGES, {"protocols": "here"}, InvalidValueError, r"tune\.protocols: a network has no protocol"),
        (RANGES, {"y": np.ones((5, 2))}, InvalidValueError, r"Simulation\.run\.y: expected"),
        (RANGES, {"measure": 3}, InvalidTypeError, r"tune\.measure: expected"),
    ],
)
def test_what_cannot_be_tuned_is_refused_before_a_run(tmp_path, ranges, changed, kind, text):
    with pytest.raises(kind, match=text):
        tune(NET, ranges, 2, **how(tmp_path / "out", **changed))
    assert not (tmp_path / "out").exists()


def test_what_is_neither_recipe_nor_network_is_refused(tmp_path):
    with pytest.raises(InvalidTypeError, match=r"tune\.recipe: expected a recipe's name or file, or a network"):
        tune(3, RANGES, out=tmp_path / "out")
    with pytest.raises(InvalidValueError, match=r"tune\.y: a recipe says what its runs are given"):
        tune("lif_sine", RANGES, out=tmp_path / "out", y=Y)


def test_a_number_that_the_function_does_not_return_ends_the_search(tmp_path):
    with pytest.raises(
        UnknownNameError,
        match=r"tune\.value: .*number that measure returns",
    ):
        tune(NET, RANGES, 2, **how(tmp_path / "out", value="awy"))
    assert len(load_sweep(tmp_path / "out").rows) == 1
