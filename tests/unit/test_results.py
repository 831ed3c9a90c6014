"""The numbers of a Results object against plain loops over its spikes and steps."""

import numpy as np
import pytest
from synthetic import SILENT, synthetic_results

from tension_sim import ForceNetwork, Simulation, load_recipe
from tension_sim.errors import InvalidValueError, UnknownNameError
from tension_sim.results.results import Phase, Recording, Results, first_multiple, rows_between


def test_times_are_the_starts_of_the_recorded_steps():
    run = synthetic_results(first_step=7, record_every=5)
    steps = [k for k in range(7, run.stop_step) if k % 5 == 0]
    np.testing.assert_allclose(run.times, [run.dt * k for k in steps], rtol=1e-15)
    assert run.first_row_step == 10
    assert (run.t_start, run.t_stop) == (run.dt * 7, run.dt * (7 + run.n_steps))


def test_rates_count_the_spikes_of_each_phase():
    run = synthetic_results()
    for phase in run.phases:
        counts = [0] * run.n_neurons
        for step, neuron in zip(run.spike_step, run.spike_neuron, strict=True):
            counts[neuron] += phase.start <= step < phase.stop
        np.testing.assert_allclose(run.rates[phase.name], np.array(counts) / 2.0)
    assert all(run.rates["test"][neuron] == 0 for neuron in SILENT)


def test_rate_of_an_empty_phase_is_not_a_number():
    run = synthetic_results(phases=(Phase("none", 5, 5),))
    assert np.isnan(run.rates["none"]).all()


def test_spikes_of_a_phase_lie_in_it_and_the_phases_share_all():
    run = synthetic_results()
    total = 0
    for phase in run.phases:
        times, neurons = run.spikes(phase.name)
        assert (times >= phase.start * run.dt).all()
        assert (times < phase.stop * run.dt).all()
        total += len(neurons)
    assert total == len(run.spikes()[0]) == len(run.spike_step)


def test_rows_of_a_phase_by_brute_force():
    for start, stop, first, every, n in [
        (0, 10, 0, 3, 9),
        (4, 9, 3, 3, 9),
        (5, 5, 0, 1, 9),
        (0, 99, 10, 4, 5),
    ]:
        steps = [first + j * every for j in range(n)]
        rows = [j for j, k in enumerate(steps) if start <= k < stop]
        part = rows_between(start, stop, first, every, n)
        assert list(range(n))[part] == rows


def test_one_dimensional_output_becomes_a_column():
    run = synthetic_results()
    flat = synthetic_results(output=run.output[:, 0], target=run.target[:, 0])
    assert flat.output.shape == flat.target.shape == run.output.shape
    assert flat.n_outputs == 1


def test_first_multiple_by_brute_force():
    for step in range(20):
        for every in range(1, 7):
            assert first_multiple(step, every) == next(k for k in range(step, 99) if k % every == 0)


def test_unknown_phase_is_refused_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match=r"Results.phase: expected a known phase[\s\S]*'learning'"):
        synthetic_results().phase("learnin")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"dt": 0.0}, r"Results.dt: expected a finite number above 0.\nReceived: 0.0"),
        ({"record_every": 0}, r"Results.record_every: expected a whole number of time steps, at least 1.\nReceived: 0"),
        ({"spike_neuron": np.zeros(3)}, r"Results.spike_neuron: expected one neuron per spike"),
        (
            {"spike_step": np.array([5, 4]), "spike_neuron": np.zeros(2)},  # of the second, no phase would know
            r"Results.spike_step: expected steps in ascending order.\nReceived: .*\nFix: order = np.argsort\(steps",
        ),
        ({"output": np.zeros((3, 1))}, r"Results.output: expected shape \(3000 recorded steps, outputs\)"),
        ({"target": np.zeros((3000, 2))}, r"Results.target: expected the output's shape \(3000, 1\)"),
        ({"phases": (Phase("a", 0, 1), Phase("a", 1, 2))}, r"Results.phases: expected names that differ"),
    ],
)
def test_bad_values_are_refused(changes, text):
    good = vars(synthetic_results())
    with pytest.raises(InvalidValueError, match=text):
        Results(**{**good, **changes})


def test_bad_phase_and_recording_are_refused():
    with pytest.raises(InvalidValueError, match=r"Phase.stop: expected 0 <= start <= stop for 'x'"):
        Phase("x", 3, 2)
    with pytest.raises(InvalidValueError, match=r"Recording.every: expected a whole number of time steps, at least 1"):
        Recording(np.zeros((2, 1)), "mV", np.array([0]), 0)
    with pytest.raises(InvalidValueError, match=r"Recording.values: expected shape \(time, 2 neurons\)"):
        Recording(np.zeros((2, 1)), "mV", np.array([0, 1]), 1)


def test_results_networks_simulations_and_recipes_show_themselves_in_short():
    net = ForceNetwork.random("lif", n=20, seed=1)
    simulation, run = Simulation(net, target="numpy", name="<demo>"), synthetic_results()
    for thing in (net, simulation, run, load_recipe("lif_sine"), load_recipe("oscillation")):
        assert repr(thing).startswith(f"{type(thing).__name__}(")
        assert len(repr(thing)) < 300
        assert len(thing._repr_html_()) < 1500
    assert "&lt;demo&gt;" in simulation._repr_html_()
    assert "phases='before, learning, test'" in repr(run)
    assert "changed='network.n'" in repr(load_recipe("lif_sine", {"n": "10"}))
