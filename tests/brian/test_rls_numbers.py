"""Numbers and arrays given to a rule: what becomes of them, and the first beyond each bound, which is refused."""

from __future__ import annotations

from typing import Any

import brian2 as b2
import numpy as np
import pytest

from tension_sim.brian import RLS, LinearMap, Signal
from tension_sim.circuit.blocks import Blocks
from tension_sim.errors import DivergenceError, InvalidValueError

pytestmark = pytest.mark.usefixtures("numpy_target")


def rule(rows: int = 2, n: int = 3, mask: Any = None, **options: Any) -> RLS:
    neurons = b2.NeuronGroup(n, "r : 1", name="neurons")
    learned = LinearMap(neurons, "r", weights=np.zeros((rows, n)), mask=mask, name="learned")
    return RLS(learned, Signal(np.zeros((1, rows))), **({"alpha_P": 1.0} | options))


def values(made: RLS, name: str) -> list[float]:
    return np.ravel(made.variables[name].get_value()).tolist()


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, {"alpha_P": [1], "forgetting": [1], "relaxation": [0], "probability": [1], "seed": [0], "divided": [1],
              "learning": [1], "fresh": [1], "n_updates": [0], "diverged_step": [-1], "x_start": [0]}),
        ({"gain": "undivided", "seed": 7.0}, {"divided": [0], "seed": [7]}),
        ({"alpha_P": [1, 2, 3]}, {"alpha_P": [1, 2, 3]}),
        ({"groups": [0, 1, -1], "row_sum": [2, 3]}, {"group_of": [0, 1, -1], "row_sum": [2, 3, 0]}),
        ({"groups": [1, 1, -1], "row_sum": 2}, {"group_of": [1, 1, -1], "row_sum": [2, 2, 0]}),
        ({"groups": [-1, -1, -1], "row_sum": 2}, {"group_of": [-1, -1, -1], "row_sum": [0, 0, 0]}),
        ({"groups": True}, {"group_of": [-1, -1, -1], "row_sum": [0, 0, 0]}),
        ({"signs": [1, -1, 1]}, {"sign": [1, -1, 1]}),
        ({"signs": True}, {"sign": [1, 1, 1]}),
        ({"factor": [[1, 2, 3], [4, 5, 6]]}, {"factor_0": [1, 2, 3, 4, 5, 6]}),
        ({"factor": [1, 2, 3, 4, 5, 6]}, {"factor_0": [1, 2, 3, 4, 5, 6]}),
        ({"mask": [[1, 0, 1], [0, 1, 1]], "factor": [[1, 2, 3], [4, 5, 6]]}, {"factor_0": [1, 3, 5, 6]}),
        ({"mask": [[1, 0, 1], [0, 1, 1]], "factor": [1, 2, 3, 4]}, {"factor_0": [1, 2, 3, 4]}),
        ({"mask": [[1, 0, 1], [0, 1, 1]]},
         {"block_start": [0, 2, 4], "partner": [0, 2, 1, 2], "P_start": [0, 3, 6], "rows_0": [0, 1]}),
    ],
)  # fmt: skip
def test_become_variables(options, wanted):
    made = rule(**options)
    for name, value in wanted.items():
        assert values(made, name) == value, name


def test_what_is_not_given_makes_no_variable():
    made = rule()
    assert not {"group_of", "row_sum", "sign", "factor_0", "block_of"} & {*made.variables}
    assert {"block_of"} <= {*rule(rows=3, divide_by_source=True).variables}


@pytest.mark.parametrize(
    ("good", "bad", "text"),
    [
        ({"alpha_P": 1e-300}, {"alpha_P": 0.0}, "RLS.alpha_P: expected a finite number above 0"),
        ({"alpha_P": [1e-9, 1, 1]}, {"alpha_P": [0, 1, 1]}, "RLS.alpha_P: expected finite numbers above 0"),
        ({"alpha_P": [1, 1, 1]}, {"alpha_P": [1, 1]}, r"RLS.alpha_P: expected an array of shape \(3,\)"),
        ({"alpha_P": [1, 1, 1]}, {"alpha_P": [1] * 4}, r"RLS.alpha_P: expected an array of shape \(3,\)"),
        ({"signs": [1, 1, -1]}, {"signs": [1, 1]}, r"RLS.signs: expected an array of shape \(3,\)"),
        ({"signs": [1, 1, -1]}, {"signs": [1, 1, 1, 1]}, r"RLS.signs: expected an array of shape \(3,\)"),
        ({"signs": [1, 1, -1]}, {"signs": [1, 0, 1]}, r"RLS.signs: (.|\n)*source 1 has none"),
        ({"signs": [1, 1, -1]}, {"signs": [1, 2, 1]}, r"RLS.signs: expected \+1 or -1 for each source"),
        ({"signs": [1, 1, -1]}, {"signs": [1, 0.5, 1]}, r"RLS.signs: expected \+1 or -1 for each source"),
        ({"groups": [0, 0, 0], "row_sum": 0}, {"groups": [0, 0, 0], "row_sum": -1e-9}, "numbers that are not negative"),
        ({"groups": [0, -1, 0], "row_sum": 1}, {"groups": [0, -2, 0], "row_sum": 1}, "whole numbers from 0 on, and -1"),
        ({"groups": [0, 1, 0], "row_sum": 1}, {"groups": [0, 0.5, 0], "row_sum": 1}, "whole numbers from 0 on, and -1"),
        ({"groups": [0, 1, 0], "row_sum": 1}, {"groups": [2**31, 0, 0], "row_sum": 1}, "whole numbers from 0 on"),
        (
            {"groups": [0, 1, 0], "row_sum": [1, 1]},
            {"groups": [0, 1, 0], "row_sum": [1]},
            "RLS.row_sum: expected an arr",
        ),
        ({"groups": [0, 1, 0], "row_sum": [1, 1]}, {"groups": [0, 1, 0], "row_sum": [1] * 3}, r"of shape \(2,\)"),
        (
            {"groups": [0, 1, 0], "row_sum": 1},
            {"groups": [0, 1], "row_sum": 1},
            r"RLS.groups: expected an array of shape",
        ),
        ({"groups": [0, 1, 0], "row_sum": 1}, {"groups": [0, 1, 0]}, "RLS.row_sum: groups need a penalty"),
        ({"groups": [0, 1, 0], "row_sum": 1}, {"row_sum": 1}, "RLS.row_sum: a penalty needs groups"),
        ({"error": ["z - y"]}, {"error": ["z - y", "z"]}, r"RLS.error: expected one expression, or one for each of 1"),
        ({"error": ["z - y"]}, {"error": []}, r"RLS.error: expected one expression, or one for each of 1"),
        ({"factor": np.ones(6)}, {"factor": np.ones(5)}, r"RLS.factor: expected an array of shape \(6,\)"),
        ({"factor": np.ones(6)}, {"factor": np.ones(7)}, r"RLS.factor: expected an array of shape \(6,\)"),
        ({"factor": np.ones((2, 3))}, {"factor": np.ones((3, 3))}, r"RLS.factor: expected an array of shape \(2, 3\)"),
        ({"factor": np.ones((2, 3))}, {"factor": np.ones((2, 2))}, r"RLS.factor: expected an array of shape \(2, 3\)"),
        ({"seed": 0}, {"seed": -1}, "RLS.seed: expected a whole number, at least 0"),
        ({"forgetting": 1}, {"forgetting": 1.001}, r"RLS.forgetting: expected a number in \(0, 1\]"),
        ({"forgetting": 1e-3}, {"forgetting": 0}, r"RLS.forgetting: expected a number in \(0, 1\]"),
        ({"relaxation": 0.999}, {"relaxation": 1}, r"RLS.relaxation: expected a number in \[0, 1\)"),
        ({"relaxation": 0}, {"relaxation": -1e-9}, r"RLS.relaxation: expected a number in \[0, 1\)"),
        (
            {"relaxation": 0.1},
            {"relaxation": 0.1, "forgetting": 0.9},
            "RLS.relaxation: expected 0 beside forgetting=0.9",
        ),
        ({"probability": 1e-3}, {"probability": 0}, r"RLS.probability: expected a number in \(0, 1\]"),
        (
            {"update_every": 1},
            {"update_every": 0},
            "RLS.update_every: expected a whole number of time steps, at least 1",
        ),
        ({"start": 0}, {"start": -1}, "RLS.start: expected a whole number of time steps, at least 0"),
        ({"start": 4, "stop": 4}, {"start": 4, "stop": 3}, "RLS.stop: expected stop at or after start"),
        (
            {"rows": 3, "divide_by_source": True},
            {"rows": 2, "divide_by_source": True},
            "RLS.divide_by_source: expected",
        ),
        (
            {"rows": 3, "divide_by_source": True},
            {"rows": 4, "divide_by_source": True},
            "RLS.divide_by_source: expected",
        ),
        (
            {"blocks": Blocks.of([[np.arange(3)] * 2])},
            {"blocks": Blocks.of([[np.arange(3)]] * 2)},
            "RLS.blocks: expected",
        ),
        (
            {"blocks": Blocks.of([[np.arange(3)] * 2]).totals},
            {"blocks": Blocks.of([[], []])},
            "RLS.blocks: expected Blo",
        ),
        ({"blocks": Blocks.of([[np.arange(3)] * 2])}, {"blocks": Blocks.of([[[]]])}, "RLS.maps: expected at least one"),
    ],
)
def test_at_both_sides_of_a_bound(good, bad, text):
    assert len(rule(**good)) >= 1
    with pytest.raises(InvalidValueError, match=text):
        rule(**bad)


def test_when_an_update_falls():
    made = rule(update_every=3, start=4, stop=12)
    assert [step for step in range(20) if made.due(step)] == [6, 9]
    made.learning = 0
    assert not any(made.due(step) for step in range(20))
    made = rule(start=2, stop=5)
    assert [step for step in range(9) if made.due(step)] == [2, 3, 4]
    assert [step for step in range(9) if rule().due(step)] == list(range(9))
    assert rule().due(2**61)


@pytest.mark.parametrize("step", [0, 7])
def test_the_step_of_a_divergence(step):
    made = rule()
    made.check_diverged()
    made.variables["diverged_step"].set_value(step)
    with pytest.raises(DivergenceError, match=f"learning diverged at time step {step} "):
        made.check_diverged()
    made.check_diverged()  # which was told once


def test_blocks_of_neurons_for_a_second_division():
    mask = [[1, 0, 1], [1, 1, 0], [1, 0, 1]]
    assert values(rule(rows=3, mask=mask, divide_by_source=True), "block_of") == [0, 1, 0]
    learned = [Blocks.of([[np.arange(3)] * 3]).totals, Blocks.of([[np.array([0, 2]), np.arange(3), np.arange(3)]])]
    assert [values(rule(rows=3, divide_by_source=True, blocks=b), "block_of") for b in learned] == [[-1] * 3, [0, 1, 1]]


def test_place_in_the_step():
    made = rule()
    assert (made.when, made.order, made.maps[0].order) == ("end", 2, 0)
    assert [(part.when, part.order) for part in made.contained_objects] == [("end", 1)]
    made = rule(when="start", order=7)
    assert (made.when, made.order) == ("start", 7)
    assert [(part.when, part.order) for part in made.contained_objects] == [("start", 6)]


@pytest.mark.parametrize(("given", "order"), [(None, 3), (10, 10), (5, 5)])
def test_place_of_all_that_learns_synapses(given, order):
    """r of the synapses, then z, the error, the update, and the weights back into the synapses."""
    neurons = b2.NeuronGroup(2, "r : 1\ng : 1", threshold="r > 1", reset="r = 0", name="neurons")
    synapses = b2.Synapses(neurons, neurons, "w : 1", on_pre="g_post += w", name="learned")
    synapses.connect()
    made = RLS(synapses, Signal(np.zeros((1, 2))), weight="w", trace="r_pre", alpha_P=1.0, order=given, name="rule")
    assert (made.when, made.order) == ("end", order)
    assert {type(part).__name__: (part.when, part.order) for part in made.contained_objects} == {
        "SynapticMap": ("end", order - 3), "RowSums": ("end", order - 2), "RowError": ("end", order - 1),
        "Scatter": ("end", order + 1),
    }  # fmt: skip


def test_a_part_of_a_users_own_may_change_the_schedule():
    made = rule()
    assert made.schedule_is_its_own is True
    assert all(part.schedule_is_its_own is True for part in made.contained_objects)
    made.contained_objects.append(b2.NetworkOperation(lambda: None))
    assert made.schedule_is_its_own is False


def test_a_rule_says_what_it_does():
    assert repr(rule(name="rule_a")) == "RLS(name='rule_a', maps='learned', gain='divided', update_every=1, start=0)"
    assert "stop=9" in repr(rule(stop=9))
