"""Declared networks on TensorFlow: the numbers of target numpy, other values without a compilation, what is refused.

Other networks run there in the tests of the targets (test_simulation, test_plastic, test_fitted, test_refractory).
"""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path

import lif_network
import numpy as np
import pytest
from targets import assert_close, skip_unless_here

tf = pytest.importorskip("tensorflow", reason="the target needs TensorFlow")

from tension_sim import ForceNetwork, Learning, Network, Population, Record, Simulation  # noqa: E402
from tension_sim.declare.language.functions import FUNCTIONS  # noqa: E402
from tension_sim.errors import DivergenceError, EngineNotFoundError, InvalidValueError  # noqa: E402
from tension_sim.system.data_folder import data_folder  # noqa: E402
from tension_sim.tensorflow import expressions  # noqa: E402
from tension_sim.tensorflow.target.maps import padded  # noqa: E402

N, STEPS = 40, 300
Y = np.column_stack([np.sin(np.arange(STEPS) / 20), np.cos(np.arange(STEPS) / 30)])
X = np.sin(np.arange(STEPS) / 40)[:, None]
RULE = Learning(alpha_P=1e-3, update_every=2, start=11, stop=250, probability=0.7)
FILE = Path(__file__).parents[1] / "neurons" / "refractory.toml"


def net(**changes: object) -> ForceNetwork:
    """A network that rests after spikes, with an input and two outputs."""
    declared = {"n": N, "n_inputs": 1, "n_outputs": 2, "p": 0.3, "dt": 2e-4, "seed": 3, "learning": RULE}
    return ForceNetwork.random(changes.pop("neuron", FILE), **declared | changes)


def run(network: ForceNetwork, target: str = "tensorflow", **options: object) -> tuple[Simulation, object]:
    record = Record(every=3, spikes_of=N - 5, variables={"v": (4, 2), "lastspike": (0,)}, dtype="float32")
    simulation = Simulation(network, target=target, record=record)
    return simulation, simulation.run(Y, X, **options)


def test_the_numbers_are_those_of_numpy():
    (_, found), (_, wanted) = run(net(), trial=2), run(net(), "numpy", trial=2)
    assert len(wanted.spike_step) > N
    assert 60 < wanted.state["rls.n_updates"][0] < 100
    for name in ("spike_step", "spike_neuron", "target"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name)), name
    np.testing.assert_allclose(found.output, wanted.output, rtol=0, atol=1e-12)
    assert found.state.keys() == wanted.state.keys()
    for name, values in wanted.state.items():
        there, here = np.asarray(found.state[name]), np.asarray(values)
        assert (there.dtype, there.shape) == (here.dtype, here.shape), name
        np.testing.assert_allclose(there, here, rtol=1e-9, atol=1e-12 * max(np.abs(here).max(initial=0), 1e-300))
    for name, recording in wanted.recorded.items():
        assert found.recorded[name].values.dtype == np.float32
        np.testing.assert_allclose(found.recorded[name].values, recording.values, rtol=1e-6)
    assert found.provenance["target"] == "tensorflow"
    assert found.provenance["versions"]["tensorflow"] == tf.__version__


def test_other_values_and_lengths_compile_nothing():
    simulation, whole = run(net())
    (window,) = simulation.build()._windows.values()
    traced = window._function.experimental_get_tracing_count()
    first = simulation.run(Y[:101], X[:101])
    second = simulation.run(Y[101:], X[101:], state=first.state)
    assert np.array_equal(np.append(first.output, second.output, axis=0), whole.output)
    for name, values in whole.state.items():
        assert np.array_equal(second.state[name], values), name
    other = Learning(alpha_P=0.5, update_every=3)
    assert not np.array_equal(run(net(learning=other, parameters={"bias": "19*mV"}))[1].output, whole.output)
    assert window._function.experimental_get_tracing_count() == traced
    still = simulation.run(Y[:50], X[:50], learning=False, state=whole.state)
    for name in ("readout.w", "rls.P_packed", "rls.n_updates", "rls.fresh"):
        assert np.array_equal(still.state[name], whole.state[name]), name


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), [("cpp_standalone", "tensorflow"), ("tensorflow", "cpp_standalone")])
def test_another_target_goes_on_from_its_state(first, second):
    skip_unless_here("cpp_standalone")
    whole = Simulation(lif_network.net(), target="numpy").run(lif_network.Y)
    begun = Simulation(lif_network.net(), target=first).run(lif_network.Y[:97])
    assert (begun.state["rls.pending"][0] > 0) == (first == "cpp_standalone")  # updates of P that wait
    ended = Simulation(lif_network.net(), target=second).run(lif_network.Y[97:], state=begun.state)
    assert np.array_equal(np.append(begun.spike_step, ended.spike_step), whole.spike_step)
    np.testing.assert_allclose(ended.output, whole.output[97:], rtol=0, atol=1e-12)
    assert_close(ended.state["readout.w"], whole.state["readout.w"])


def test_an_interrupt_keeps_what_was_reached():
    seen = []

    def progress(done: int, steps: int) -> None:
        seen.append((done, steps))
        if done < steps:
            signal.raise_signal(signal.SIGINT)

    _, found = run(net(), progress=progress)
    assert seen == [(found.n_steps, STEPS)]
    assert found.provenance["interrupted"]
    assert 0 < found.n_steps < STEPS
    assert len(found.output) == (found.n_steps + 2) // 3


@pytest.mark.slow
def test_divergence_names_the_step_and_keeps_the_last_weights():
    y = np.where(np.arange(STEPS)[:, None] < 100, Y, 1e308)
    rule = Learning(alpha_P=1e6, gain="undivided", start=100)
    with pytest.raises(DivergenceError, match=r"RLS: learning diverged at time step \d+ \(t = ") as caught:
        Simulation(net(learning=rule), target="tensorflow").run(y, X)
    with pytest.raises(DivergenceError) as wanted:
        Simulation(net(learning=rule), target="numpy").run(y, X)
    assert caught.value.step == wanted.value.step == 100
    found = caught.value.results
    assert found.n_steps == caught.value.step + 1
    assert np.isfinite(found.weights["output_kernel"]).all()


def test_a_function_that_tensorflow_lacks_is_named_before_anything_runs(monkeypatch, tmp_path):
    monkeypatch.delitem(expressions.FUNCTIONS, "exp")
    mine = tmp_path / "mine.toml"  # no other test has translated it
    mine.write_text(FILE.read_text().replace("tau_w", "tau_adapting"))
    text = r"mine: expected a function TensorFlow has \(abs, .*\)\.\nReceived: 'exp'\nFix: use a Brian2 target"
    with pytest.raises(InvalidValueError, match=text):
        Simulation(net(neuron=mine), target="tensorflow")


@pytest.mark.parametrize("name", [name for name, function in FUNCTIONS.items() if function.compute is not None])
def test_every_function_of_equation_files_is_there(name):
    function = FUNCTIONS[name]
    x = np.array([[0.3, 0.9, 0.5], [-0.2, 0.4, 0.8], [0.1, 0.2, 0.7]])[: function.arguments]
    x = np.abs(x) if name in ("sqrt", "log", "log10") else x
    if name == "clip":
        x = np.array([[-1.0, 0.4, 2.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    names = dict(zip("abc", map(tf.constant, x), strict=False))
    found = expressions.evaluate_text(f"{name}({', '.join(names)})", names)
    np.testing.assert_allclose(found, function.compute(*x), rtol=1e-14, atol=1e-15)


def test_numbers_in_a_file_keep_all_their_digits(tmp_path):
    """A reset to a plain number: TensorFlow would make float32 of it on its own."""
    text = (data_folder("equations") / "lif_conductance.toml").read_text()
    (tmp_path / "reset.toml").write_text(text.replace('reset = "v = v_reset"', 'reset = "v = -60.1*mV"'))
    cells = Population(tmp_path / "reset.toml", 1, initial={"v": "-49*mV"})
    found = Simulation(Network({"cells": cells}), target="tensorflow").run(steps=1)
    assert found.state["neurons_cells.v"] == -60.1 * 1e-3


def test_without_tensorflow_the_target_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("tension_sim.tensorflow")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    text = (
        r"Simulation.target='tensorflow': expected TensorFlow to be installed\.\nReceived: .*\n.*tension-sim\[keras\]"
    )
    with pytest.raises(EngineNotFoundError, match=text):
        Simulation(net(), target="tensorflow")


def test_relaxation():
    rule = Learning(alpha_P=1e-3, relaxation=0.01)
    (_, found), (_, wanted) = (run(net(learning=rule, n=N - 1), target) for target in ("tensorflow", "numpy"))
    np.testing.assert_allclose(found.output, wanted.output, rtol=0, atol=1e-12)
    _, still = run(net(learning=replace(rule, relaxation=0.0), n=N - 1), "numpy")
    P, wanted_P, still_P = (np.atleast_1d(each.state["rls.P_packed"]) for each in (found, wanted, still))
    np.testing.assert_allclose(P, wanted_P, rtol=0, atol=1e-15)
    assert np.abs(wanted_P - still_P).max() > 1e-5


def test_rows_are_filled_up():
    assert padded(np.array([1, 2, 3]), np.array([0, 2, 2, 3]), 9).tolist() == [[1, 2], [9, 9], [3, 9]]
    assert padded(np.array([]), np.array([0, 0])).tolist() == [[0.0]]
