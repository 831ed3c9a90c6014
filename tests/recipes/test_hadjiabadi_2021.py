"""BioFORCE on calcium-like traces: the published update, and that the free run comes close."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim.errors import InvalidValueError, UnknownNameError
from tension_sim.protocols.bioforce import network, recording
from tension_sim.recipes.recipe import load_recipe
from tension_sim.recipes.run import forecast, run_outcome
from tension_sim.run.simulation import Simulation
from tension_sim.tasks.surrogate import gaps_marked

SMALL = {"cells": "10", "samples": "30", "epochs": "2", "noise_std": "0"}


def recipe(**changes):
    return load_recipe("hadjiabadi_2021/calcium", SMALL | {key: str(value) for key, value in changes.items()})


def saved(tmp_path, name, **arrays):
    path = tmp_path / name
    np.savez(path, **arrays) if path.suffix == ".npz" else np.save(path, *arrays.values())
    return str(path)


def dense_epoch(kernel, y, a, *, g, k, twice, factor):
    """One epoch of the published equations, J from row to column, one P a unit over its partners."""
    J = kernel.to_dense()
    mask, n = np.zeros(J.shape, bool), len(J)
    mask[kernel.pre, kernel.post] = True
    P = [np.eye(np.count_nonzero(column)) for column in mask.T]
    h, out = np.tanh(a), np.empty(y.shape)
    for i, target in enumerate(y):
        z = out[i] = h @ J
        a = a + k * (g * z - a)
        h = np.tanh(a)
        e = np.where(np.isfinite(target), z - target, 0)
        q, s = [], np.zeros(n)
        for m in range(n):
            r = h[mask[:, m]]
            q.append(P[m] @ r)
            s[m] = r @ q[m]
            P[m] -= np.outer(q[m], q[m]) / (1 + s[m])
        for m in range(n):
            change = e[m] * q[m] / (1 + s[m])
            if twice:
                change = change / (1 + s[mask[:, m]])
            J[mask[:, m], m] -= factor[mask[:, m], m] * change
    return J, out


@pytest.mark.parametrize("twice", [True, False])
def test_is_the_published_update(twice, tmp_path):
    rng = np.random.default_rng(0)
    factor = rng.uniform(0.2, 1, (10, 10)) * (rng.random((10, 10)) < 0.8)
    factor[:, 4] = 0  # no input at all
    traces = recording(recipe())
    traces[3:5, 2] = np.nan
    one = recipe(
        structural_connectivity=saved(tmp_path, "structure.npy", S=factor), divide_by_source=str(twice).lower(),
        data=saved(tmp_path, "traces.npy", y=traces), nan="skip",
    )  # fmt: skip
    net = network(one, 10)
    a = rng.standard_normal(10)  # at rest nothing would happen without noise
    state = {"neurons.a": a, "neurons.r": np.tanh(a)}
    results = Simulation(net, target="numpy").run(gaps_marked(recording(one)), state=state)
    J, out = dense_epoch(net.plastic.kernel, traces, a, g=1.25, k=0.25 / 1.5, twice=twice, factor=factor)
    np.testing.assert_allclose(results.output, out, rtol=0, atol=1e-9)
    np.testing.assert_allclose(results.weights["recurrent_kernel"], J, rtol=0, atol=1e-9)
    learns = (net.plastic.kernel.to_dense() != 0) & (factor > 0)
    assert np.abs(J - net.plastic.kernel.to_dense())[learns].min() > 1e-6


def test_partners_lie_in_the_structural_connectivity(tmp_path, caplog):
    structure = np.ones((10, 10))
    structure[:7, 3] = structure[:, 4] = 0
    net = network(recipe(structural_connectivity=saved(tmp_path, "s.npy", S=structure)), 10)
    partners = np.bincount(net.plastic.kernel.post, minlength=10)
    assert partners.tolist() == [4, 4, 4, 3, 0, 4, 4, 4, 4, 4]
    assert not np.any(net.plastic.kernel.pre == net.plastic.kernel.post)
    assert "1 of 10 neurons have no trainable weight and are not trained" in caplog.text


def test_a_mask_chooses_the_weights(tmp_path):
    mask = np.tri(10, k=-1)
    net = network(recipe(trainable_mask=saved(tmp_path, "m.npy", m=mask)), 10)
    assert np.array_equal(net.plastic.kernel.to_dense() != 0, mask != 0)


def test_reports_and_stops(tmp_path):
    seen = []
    outcome = run_outcome(
        recipe(stop_at=100, noise_std=0.001), target="numpy", progress=lambda *done: seen.append(done)
    )
    assert outcome.numbers["epochs"] == 1
    assert outcome.numbers["free_mae"] == pytest.approx(np.abs(outcome.results.output - outcome.results.target).mean())
    assert set(outcome.numbers) == {"epochs", "training_mae", "free_mae", "correlation"}
    assert outcome.results.learning_curve["free_mae"].shape == (1,)
    assert seen[-1] == (60, 120)
    figure = outcome.figure()
    assert len(figure.axes[0].get_yticks()) == 8
    figure.savefig(tmp_path / "figure.png")


def test_own_traces_of_cells_by_frames(tmp_path):
    traces = np.random.default_rng(1).standard_normal((6, 20))
    one = recipe(data=saved(tmp_path, "mine.npz", tracez=traces, cell_ids=np.arange(6)))
    assert np.array_equal(recording(one), traces.T)
    assert forecast(one, "numpy").steps == 2 * 2 * 20


def test_forecast_grows_with_P():
    few, many = (forecast(load_recipe("hadjiabadi_2021/calcium", {"cells": n})) for n in ("100", "1000"))
    assert many.memory > 0.8 * 1000 * 500 * 501 / 2 * 8
    assert many.seconds > 100 * few.seconds


@pytest.mark.parametrize(
    ("changes", "arrays", "text"),
    [
        ({"data": "none.npy"}, None, "recording.data: expected a .npy or .npz file of numbers"),
        ({"data": "gaps.npy"}, {"y": np.array([[1, np.nan], [0, 1]])}, "recording.data: expected data without gaps"),
        ({"data": "words.npy"}, {"y": np.array(["a"])}, "recording.data: expected an array of shape"),
        (
            {"data": "other.npz"},
            {"traces": np.ones((3, 3))},
            "recording.data: expected a known array (data, tracez)",
        ),
    ],
)
def test_bad_recordings(changes, arrays, text, tmp_path):
    file = str(tmp_path / changes["data"])
    if arrays is not None:
        saved(tmp_path, changes["data"], **arrays)
    with pytest.raises((InvalidValueError, TypeError, UnknownNameError)) as caught:
        recording(recipe(data=file))
    assert text in str(caught.value)


def test_bad_masks(tmp_path):
    structure, mask = np.ones((10, 10)), np.ones((10, 10))
    structure[2, 5] = 0
    files = {"structural_connectivity": saved(tmp_path, "s.npy", S=structure)}
    with pytest.raises(InvalidValueError) as caught:
        network(recipe(**files, trainable_mask=saved(tmp_path, "m.npy", m=mask)), 10)
    assert str(caught.value) == (
        "hadjiabadi_2021/calcium: network.trainable_mask: expected no trainable weight outside the structural "
        "connectivity.\nReceived: '1 of them, the first from neuron 2 to 5'\n"
        "Fix: take them out of the mask, or add the connections."
    )
    with pytest.raises(InvalidValueError, match=r"structural_connectivity: expected an array of shape \(9, 9\)"):
        network(recipe(**files), 9)
