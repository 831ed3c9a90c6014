"""Runs that end early by a condition: at the step that a plain loop finds, and as a run of that length."""

from __future__ import annotations

import numpy as np
import pytest
from killed import assert_equal_bits, pausing_after, until_done
from watched_network import WINDOW, Y, network, rmse_of_windows, simulation

from tension_sim import ForceNetwork, Record, Simulation
from tension_sim.brian.assemble import assemble
from tension_sim.declare.stopping import StopWhen
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError, UnknownNameError, UnsupportedError


@pytest.fixture(scope="module")
def whole():
    return simulation().run(Y)


def first_hold(held: np.ndarray, windows: int) -> int:
    """Return the step at which so many windows, one after the other, have held: a plain loop."""
    count = 0
    for number, holds in enumerate(held):
        count = count + 1 if holds else 0
        if count == windows:
            return (number + 1) * WINDOW
    raise AssertionError("never")


def test_it_ends_when_the_error_was_small_for_long_enough_as_a_run_of_that_length(whole):
    errors = rmse_of_windows(whole)
    bound = float(np.sort(errors)[3])  # held by three windows of six
    step = first_hold(errors < bound, 1)
    assert 0 < step < len(Y)
    found = simulation().run(Y, stop_when=f"rmse < {bound!r}")
    assert found.n_steps == step
    assert found.provenance["stopped"] == {"step": step, "time": step * 1e-3, "why": f"rmse < {bound!r}"}
    assert not found.provenance["interrupted"]
    assert_equal_bits(found, simulation().run(Y[:step]))


def test_each_quantity_is_what_the_results_say(whole):
    """The run ends at the first window for bounds around the true value, and not for those beyond it."""
    part = simulation().run(Y[:WINDOW])
    rate = len(part.spike_step) / (20 * WINDOW * 1e-3)
    norm = float(np.linalg.norm(part.weights["output_kernel"]))
    error = float(rmse_of_windows(whole)[0])
    for name, value, unit in (("rate", rate, "*Hz"), ("weight_norm", norm, ""), ("rmse", error, "")):
        narrow = f"{name} > {value * (1 - 1e-9)!r}{unit} and {name} < {value * (1 + 1e-9)!r}{unit}"
        assert simulation().run(Y[: 2 * WINDOW], stop_when=narrow).n_steps == WINDOW, name


def rule_like(run=None, **changes):
    """Return Brian2's object of the rule with the values of a declaration, and of the end of a run."""
    net = simulation(**changes)
    rule = assemble(net.wiring.circuit)["rls"]
    for name, value in {**net.wiring.values(), **({} if run is None else run.state)}.items():
        if name.startswith("rls."):
            rule.variables[name.removeprefix("rls.")].set_value(value)
    return rule


def test_the_trace_of_P_counts_terms_that_wait():
    """Against the matrix itself."""
    assert rule_like().trace_of_P() == pytest.approx(20 * 1e-2)  # before the first update
    rule, rng = rule_like(n=60), np.random.default_rng(1)
    for name in ("P_packed", "pending_k", "pending_c", "P_scale"):
        rule.variables[name].set_value(rng.random(rule.variables[name].size))
    rule.variables["fresh"].set_value(0)
    rule.variables["pending"].set_value(3)
    assert rule.trace_of_P() == pytest.approx(float(np.trace(rule.P[:])), rel=1e-12)


def test_the_trace_of_a_run_is_that_of_its_P():
    trace = float(np.trace(rule_like(simulation().run(Y[:WINDOW])).P[:]))
    assert trace < 20 * 1e-2
    narrow = f"P_trace > {trace * (1 - 1e-9)!r} and P_trace < {trace * (1 + 1e-9)!r}"
    assert simulation().run(Y[: 2 * WINDOW], stop_when=narrow).n_steps == WINDOW


def test_it_must_hold_for_the_time_in_one_piece(whole):
    errors = rmse_of_windows(whole)
    bound = float(np.sort(errors)[4])
    step = first_hold(errors < bound, 2)
    assert simulation().run(Y, stop_when=f"rmse < {bound!r} for 0.2*second").n_steps == step
    assert "stopped" not in simulation().run(Y, stop_when=f"rmse < {bound!r} for 9*second").provenance


def test_windows_belong_to_the_steps_of_the_network_wherever_a_run_begins():
    first = simulation().run(Y[:50])
    found = simulation().run(Y[50:], state=first.state, stop_when="t > 0*second and rmse < 100")
    assert (found.first_step, found.stop_step) == (50, WINDOW)


def test_a_run_killed_between_windows_ends_at_the_same_step(tmp_path, monkeypatch, whole):
    bound = float(np.sort(rmse_of_windows(whole))[4])
    condition = f"rmse < {bound!r} for 0.2*second"
    expected = simulation().run(Y, stop_when=condition)
    pausing_after(monkeypatch, 30)
    found, kills = until_done(
        monkeypatch, lambda: simulation().run(Y, stop_when=condition, checkpoint=tmp_path), most=40
    )
    assert kills > 1
    assert found.provenance["stopped"] == expected.provenance["stopped"]
    assert_equal_bits(found, expected)
    with pytest.raises(InvalidValueError, match="a checkpoint of stop_when = rmse < 5"):
        simulation().run(Y, stop_when="rmse < 5", checkpoint=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["cython", "cpp_standalone"])
def test_every_target_ends_at_the_same_step(target, whole):
    bound = float(np.sort(rmse_of_windows(whole))[3])
    condition = f"rmse < {bound * 1.0000001!r} and rate > 1*Hz and P_trace > 0 and weight_norm > 0"
    run = simulation(target)
    found = run.run(Y, stop_when=condition)
    assert found.provenance["stopped"] == simulation().run(Y, stop_when=condition).provenance["stopped"]
    assert_equal_bits(found, run.run(Y[: found.n_steps]))
    trace = float(np.trace(rule_like(run.run(Y[:WINDOW])).P[:]))
    narrow = f"P_trace > {trace * (1 - 1e-9)!r} and P_trace < {trace * (1 + 1e-9)!r}"
    assert run.run(Y[: 2 * WINDOW], stop_when=narrow).n_steps == WINDOW


BAD = {
    3: (InvalidTypeError, 'StopWhen.text: expected a condition such as "rmse < 0.02 for 2*second".'),
    "": (InvalidValueError, "of at most 1000 characters"),
    "rmse < 1 " + "+ 1" * 400: (InvalidValueError, "of at most 1000 characters"),
    "for 2*second": (InvalidValueError, 'character 1: expected a condition before "for"'),
    "rmse <": (InvalidValueError, "character 6: expected a condition such as"),
    "rmse < 1 for": (InvalidValueError, 'character 13: expected a time after "for"'),
    "rmse < 1 for 1*second for 2*second": (InvalidValueError, 'character 23: expected one "for", at the end'),
    "rmse < 1 for 2": (UnitsError, "character 14: expected a quantity in second"),
    "rmse < 1 for -2*ms": (InvalidValueError, 'character 14: expected a time above 0 after "for"'),
    "rmse < 1 and rats > 2*Hz": (UnknownNameError, "character 14: expected a known quantity"),
    "rmse < 1*mV": (UnitsError, "expected terms of one unit, not 1 (no unit) and volt"),
    "rate < 10": (UnitsError, "expected terms of one unit, not hertz and 1 (no unit)"),
    "rmse": (InvalidValueError, "expected a condition"),
    "rmse = 1": (InvalidValueError, "character 6: expected"),
    "t > 1*second": (InvalidValueError, "expected a condition on what the run does"),
    "rand() < rmse": (InvalidValueError, "expected no random numbers here"),
    "__import__('os').system('ls') < rmse": (InvalidValueError, "character 12: expected numbers, names, operators"),
    "rmse.real < 1": (InvalidValueError, "remove the attribute"),
    "rmse < 1 < 2": (InvalidValueError, 'join them by "and"'),
    "rmse if rate else t": (UnknownNameError, "character 6"),
    "[rmse] < 1": (InvalidValueError, "character 1: expected numbers, names, operators"),
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_condition_is_refused_where_it_goes_wrong(text):
    error, words = BAD[text]
    with pytest.raises(error) as caught:
        StopWhen(text)
    assert words in str(caught.value)


def test_a_condition_is_tried_with_values_that_quantities_may_have():
    """None of them is below zero."""
    assert StopWhen("sqrt(rmse) < 0.1 and log(weight_norm) > 2").names == {"rmse", "weight_norm"}


def test_nothing_is_run_where_a_run_lacks_the_quantity():
    silent = Simulation(network(learning=None), target="numpy", record=Record(spikes_of=0))
    with pytest.raises(InvalidValueError, match="character 1: expected a quantity of this run: nothing in it learns"):
        silent.run(Y, stop_when="P_trace < 1")
    with pytest.raises(InvalidValueError, match="character 17: .*it has no target to compare an output with"):
        silent.run(steps=10, stop_when="t > 0*second or rmse < 1")
    rates = ForceNetwork.random("echo_state", None, n=5, dt="1*ms", G=1.5, Q=1.0)
    with pytest.raises(InvalidValueError, match="it has no neurons that spike"):
        Simulation(rates, target="numpy").run(Y, learning=False, stop_when="rate < 1*Hz")


def test_a_target_that_tells_nothing_is_refused(monkeypatch):
    run = simulation()
    run.target = "cuda_standalone"
    with pytest.raises(UnsupportedError, match="Simulation.target: expected numpy, cython or cpp_standalone"):
        run.run(Y, stop_when="rmse < 1")
