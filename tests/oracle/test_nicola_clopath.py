"""The published programs, spike for spike: whole stored runs, and starts from stored states."""

from __future__ import annotations

import numpy as np
import pytest
from oracle.cases import MAX_OUTPUT, MAX_WEIGHTS, NAMES, Case, load
from targets import RUNTIME_TARGETS, skip_unless_here

from tension_sim.results.results import Results
from tension_sim.run.simulation import Simulation

STARTS = ("imin", "mid", "icrit")
slow = pytest.mark.slow


def compare(case: Case, results: Results) -> None:
    """Compare a run with all that the trace holds of its steps."""
    trace, first = case.trace, results.first_step
    end = first + results.n_steps
    rows = trace["win_step"] - 1
    inside = (rows >= first) & (rows < end)
    assert inside.any()
    assert np.abs(results.target[rows[inside] - first] - trace["win_zx"][inside]).max() < 1e-13
    assert np.abs(results.output[rows[inside] - first] - trace["win_z"][inside]).max() <= MAX_OUTPUT
    coarse = trace["z_sub_step"] - 1
    covered = (coarse >= first) & (coarse < end)
    np.testing.assert_allclose(results.output[coarse[covered] - first], trace["z_sub"][covered], rtol=0, atol=2e-7)

    step, neuron = results.spike_step, results.spike_neuron
    if case.name == "izhikevich_ode_to_joy":  # its spikes are stored in the windows only
        in_window = np.zeros(case.n_steps, bool)
        for a, b in trace["windows"]:
            in_window[a - 1 : b] = True
        step, neuron = step[in_window[step]], neuron[in_window[step]]
    wanted = (trace["spike_step"] > first) & (trace["spike_step"] <= end)
    found = sorted(zip(step.tolist(), neuron.tolist(), strict=True))
    stored = zip((trace["spike_step"][wanted] - 1).tolist(), trace["spike_neuron"][wanted].tolist(), strict=True)
    assert found == sorted(stored)
    assert len(found) > 0
    if end == case.n_steps:
        weights = results.weights["output_kernel"]
        assert np.abs(weights - trace["final_BPhi"]).max() <= MAX_WEIGHTS * np.abs(trace["final_BPhi"]).max()
        if first <= case.marks["mid"] and first != case.marks["imin"]:
            compare_P(case, results)


def compare_P(case: Case, results: Results) -> None:
    """Compare P at the end with its stored trace and Frobenius norm."""
    state, n = results.state, case.net.n
    P = np.zeros((n, n))
    P[np.tril_indices(n)] = state["rls.P_packed"]
    P = P + np.tril(P, -1).T
    waiting = int(state["rls.pending"][0])
    terms = state["rls.pending_k"].reshape(-1, n)[:waiting]
    P = state["rls.P_scale"][0] * (P - (terms.T * state["rls.pending_c"][:waiting]) @ terms)
    np.testing.assert_allclose(np.trace(P), case.trace["final_Pinv_trace"], rtol=MAX_WEIGHTS)
    np.testing.assert_allclose(np.linalg.norm(P), case.trace["final_Pinv_fro"], rtol=MAX_WEIGHTS)


def counts(case: Case, results: Results) -> np.ndarray:
    """Count each neuron's spikes before, during and after learning."""
    bounds = [0, case.marks["imin"], case.marks["icrit"], case.n_steps]
    return np.array(
        [
            np.bincount(
                results.spike_neuron[(results.spike_step >= a) & (results.spike_step < b)],
                minlength=case.net.n,
            )
            for a, b in zip(bounds, bounds[1:], strict=False)
        ]
    )


def run(case: Case, target: str, start: str | None = None, steps: int | None = None) -> Results:
    """Run a case from its beginning or from a stored state."""
    skip_unless_here(target)
    state = None if start is None else case.state(start)
    first = 0 if start is None else case.marks[start]
    stop = case.n_steps if steps is None else first + steps
    return Simulation(case.net, target=target).run(case.y[first:stop], state=state)


@pytest.mark.parametrize("name", NAMES)
def test_whole_run_compiled(name):
    case = load(name)
    results = run(case, "cpp_standalone")
    compare(case, results)
    assert np.array_equal(counts(case, results), case.trace["spike_count"])


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", NAMES)
def test_compiled_run_goes_on_from_a_stored_state(name, start):
    case = load(name)
    compare(case, run(case, "cpp_standalone", start))


# every neuron type compiles for half a minute on cython, so one serves by default
WINDOWS = [
    pytest.param(target, name, marks=slow if target == "cython" and name != "lif_sine" else ())
    for target in RUNTIME_TARGETS
    for name in NAMES
]


@pytest.mark.parametrize("start", [None, *STARTS])
@pytest.mark.parametrize(("target", "name"), WINDOWS)
def test_window_on_runtime_targets(target, name, start):
    case = load(name)
    compare(case, run(case, target, start, steps=1500))


# The windows begin in each phase, and have each neuron's code on the runtime targets. What a whole run adds is the same
# for all neurons: thousands of updates, and P at their end.
@slow
def test_whole_run_on_cython():
    case = load("lif_sine")
    results = run(case, "cython")
    compare(case, results)
    assert np.array_equal(counts(case, results), case.trace["spike_count"])
