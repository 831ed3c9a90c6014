"""What recursive least squares must be, for any masks, rates and options."""

from __future__ import annotations

from pathlib import Path

import brian2 as b2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from targets import activated

from tension_sim.brian import RLS, LinearMap, Recorder, Signal

DT = 0.1 * b2.ms
few = settings(max_examples=8, deadline=None, derandomize=True)


@st.composite
def problems(draw, masked: bool = True):
    """Rates, targets, a mask and options."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sources, rows, steps = draw(st.integers(1, 9)), draw(st.integers(1, 4)), draw(st.integers(1, 30))
    mask = rng.random((rows, sources)) < draw(st.sampled_from([0.3, 0.7, 1.0])) if masked else None
    if mask is not None and not mask.any():
        mask[0, 0] = True
    return {
        "r": rng.standard_normal((steps, sources)) * draw(st.sampled_from([0.1, 1.0, 10.0])),
        "y": rng.standard_normal((steps, rows)),
        "weights": rng.standard_normal((rows, sources)),
        "mask": mask,
        "alpha_P": draw(st.sampled_from([0.01, 1.0, 20.0])),
        "forgetting": draw(st.sampled_from([1.0, 1.0, 0.97, 0.8])),
        "update_every": draw(st.integers(1, 4)),
    }


def learn(problem, *, rows_apart: bool = False, **options):
    """Run RLS on recorded rates; give the rule and its maps."""
    with activated("numpy", Path("unused")):
        rates = Signal(problem["r"], name="rates")
        target = Signal(problem["y"], name="target")
        mask, weights = problem["mask"], problem["weights"]
        if rows_apart:
            maps = [
                LinearMap(rates, "value", weights=weights[[i]], mask=None if mask is None else mask[[i]])
                for i in range(len(weights))
            ]
            goals = [Signal(problem["y"][:, [i]]) for i in range(len(weights))]
            options |= {
                "error": [f"z - y{i}" for i in range(len(maps))],
                "variables": {f"y{i}": (goal, "value") for i, goal in enumerate(goals)},
            }
        else:
            maps, goals = [LinearMap(rates, "value", weights=weights, mask=mask)], [target]
        options = {key: problem[key] for key in ("alpha_P", "forgetting", "update_every")} | options
        rls = RLS(maps, None if rows_apart else target, **options)
        recorders = [Recorder(m, "z") for m in maps]
        b2.Network(rates, *goals, *maps, rls, *recorders).run(len(problem["r"]) * DT, namespace={})
        P = rls.P if isinstance(rls.P, list) else [rls.P]
        return rls, np.concatenate([m.W for m in maps]), P, np.hstack([r.recorded for r in recorders])


def partners_of(problem) -> list[np.ndarray]:
    """Sets of partners, in the order in which they first appear."""
    mask = problem["mask"] if problem["mask"] is not None else np.ones(problem["weights"].shape, bool)
    return [np.array(key) for key in dict.fromkeys(tuple(np.flatnonzero(row)) for row in mask) if key]


def weighted(problem) -> tuple[list[int], np.ndarray]:
    """Steps of the updates, and how much each counts at the end."""
    steps = list(range(0, len(problem["r"]), problem["update_every"]))
    return steps, problem["forgetting"] ** np.arange(len(steps) - 1, -1, -1.0)


@few
@given(problems())
def test_inverse_of_P_is_the_ridge_and_the_weighted_correlations(problem):
    _, _, P, _ = learn(problem)
    steps, counts = weighted(problem)
    for matrix, partners in zip(P, partners_of(problem), strict=True):
        r = problem["r"][steps][:, partners]
        past = problem["forgetting"] ** len(steps) / problem["alpha_P"]
        wanted = past * np.eye(len(partners)) + (r.T * counts) @ r
        scale = np.linalg.cond(wanted)
        assert matrix @ wanted == pytest.approx(np.eye(len(partners)), abs=1e-13 * scale + 1e-11)


@few
@given(problems())
def test_P_is_symmetric_and_positive(problem):
    _, _, P, _ = learn(problem)
    for matrix in P:
        assert np.array_equal(matrix, matrix.T)
        assert np.all(np.linalg.eigvalsh(matrix) > 0)


@few
@given(problems())
def test_weights_are_those_of_batch_ridge_regression(problem):
    """The sum of squared errors, weighted by age, and the ridge towards the first weights."""
    _, W, _, _ = learn(problem)
    steps, counts = weighted(problem)
    mask = problem["mask"]
    for i, row in enumerate(mask):
        r, y = problem["r"][steps][:, row], problem["y"][steps, i]
        past = problem["forgetting"] ** len(steps) / problem["alpha_P"]
        correlations = past * np.eye(row.sum()) + (r.T * counts) @ r
        wanted = np.linalg.solve(correlations, past * problem["weights"][i, row] + (r.T * counts) @ y)
        tolerance = 1e-12 * np.linalg.cond(correlations) + 1e-10 if row.any() else 0
        assert W[i, row] == pytest.approx(wanted, abs=tolerance * max(1, np.abs(wanted).max(initial=0)))


@few
@given(problems(), st.sampled_from(["divided", "undivided"]))
def test_frozen_weights_stay_absent(problem, gain):
    rls, W, _, _ = learn(problem, gain=gain)
    assert np.all(W[~problem["mask"]] == 0)
    assert rls.maps[0].variables["w"].size == problem["mask"].sum()


@few
@given(problems(masked=False), st.sampled_from(["divided", "undivided"]))
def test_dense_and_fully_masked_are_the_same(problem, gain):
    _, dense, (P_dense,), z_dense = learn(problem, gain=gain)
    _, masked, (P_masked,), z_masked = learn(problem | {"mask": np.ones(dense.shape)}, gain=gain)
    scale = max(1, np.abs(z_dense).max())
    assert masked == pytest.approx(dense, rel=1e-9, abs=1e-9 * scale)
    assert P_masked == pytest.approx(P_dense, rel=1e-9, abs=1e-12)
    assert z_masked == pytest.approx(z_dense, rel=1e-9, abs=1e-9 * scale)


@few
@given(problems())
def test_one_map_and_a_map_for_each_row_are_the_same(problem):
    problem["mask"][~problem["mask"].any(axis=1), 0] = True
    one, W, P, z = learn(problem)
    apart, W_apart, P_apart, z_apart = learn(problem, rows_apart=True)
    assert one.blocks.sizes == apart.blocks.sizes
    assert W_apart == pytest.approx(W, rel=1e-9, abs=1e-9)
    assert z_apart == pytest.approx(z, rel=1e-9, abs=1e-9)
    for found, wanted in zip(P_apart, P, strict=True):
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@few
@given(problems())
def test_nothing_to_learn_changes_nothing(problem):
    """Where z is y already, W stays."""
    mask = problem["mask"]
    y = problem["r"] @ (problem["weights"] * mask).T
    _, W, _, _ = learn(problem | {"y": y})
    assert (W * mask) == pytest.approx(problem["weights"] * mask, rel=1e-9, abs=1e-9)
