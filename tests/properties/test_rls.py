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


@st.composite
def penalties(draw):
    """A problem whose P(0) has an alpha of each source, and penalties on sums of groups."""
    problem = draw(problems())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sources, n_groups = problem["r"].shape[1], draw(st.integers(1, 3))
    problem["groups"] = rng.integers(-1, n_groups, sources)
    problem["groups"][0] = n_groups - 1
    problem["row_sum"] = rng.random(n_groups) * draw(st.sampled_from([0.0, 1.0, 50.0]))
    return problem | {"alpha_P": rng.random(sources) + 0.05}


def inverse_of_first_P(problem, partners) -> np.ndarray:
    """The ridge that an update never forgets, but for the forgetting."""
    inverse = np.diag(1 / np.broadcast_to(problem["alpha_P"], problem["r"].shape[1])[partners])
    for g, penalty in enumerate(problem.get("row_sum", [])):
        member = problem["groups"][partners] == g
        inverse += penalty * np.outer(member, member)
    return inverse


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
        known = ("alpha_P", "forgetting", "update_every", "groups", "row_sum")
        options = {key: problem[key] for key in known if key in problem} | options
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
@given(problems() | penalties())
def test_inverse_of_P_is_the_ridge_and_the_weighted_correlations(problem):
    _, _, P, _ = learn(problem)
    steps, counts = weighted(problem)
    for matrix, partners in zip(P, partners_of(problem), strict=True):
        r = problem["r"][steps][:, partners]
        past = problem["forgetting"] ** len(steps) * inverse_of_first_P(problem, partners)
        wanted = past + (r.T * counts) @ r
        scale = np.linalg.cond(wanted)
        assert matrix @ wanted == pytest.approx(np.eye(len(partners)), abs=1e-13 * scale + 1e-11)


@few
@given(problems(), st.floats(1e-9, 0.999))
def test_relaxation_keeps_the_eigenvalues_below_alpha(problem, relaxation):
    problem["forgetting"] = 1.0
    _, _, P, _ = learn(problem, relaxation=relaxation)
    for matrix in P:
        values = np.linalg.eigvalsh(matrix)
        assert 0 < values[0] <= values[-1] <= problem["alpha_P"] * (1 + 1e-12)


@few
@given(problems())
def test_P_is_symmetric_and_positive(problem):
    _, _, P, _ = learn(problem)
    for matrix in P:
        assert np.array_equal(matrix, matrix.T)
        assert np.all(np.linalg.eigvalsh(matrix) > 0)


@few
@given(problems() | penalties())
def test_weights_are_those_of_batch_ridge_regression(problem):
    """The sum of squared errors, weighted by age, and the ridge towards the first weights."""
    _, W, _, _ = learn(problem)
    steps, counts = weighted(problem)
    mask = problem["mask"]
    for i, row in enumerate(mask):
        r, y = problem["r"][steps][:, row], problem["y"][steps, i]
        past = problem["forgetting"] ** len(steps) * inverse_of_first_P(problem, np.flatnonzero(row))
        correlations = past + (r.T * counts) @ r
        wanted = np.linalg.solve(correlations, past @ problem["weights"][i, row] + (r.T * counts) @ y)
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
@given(problems() | penalties())
def test_a_row_learns_the_same_alone(problem):
    """Whoever else is learned, and whether others share its partners."""
    _, W, _, _ = learn(problem)
    for i, row in enumerate(problem["mask"]):
        if row.any():
            part = {key: problem[key][:, [i]] if key == "y" else problem[key][[i]] for key in ("y", "weights", "mask")}
            _, alone, _, _ = learn(problem | part)
            assert alone[0] == pytest.approx(W[i], rel=1e-9, abs=1e-9)


@few
@given(problems(), st.data())
def test_signs_hold_and_weights_of_the_right_sign_learn_on(problem, data):
    sources = problem["r"].shape[1]
    signs = np.array(data.draw(st.lists(st.sampled_from([-1, 1]), min_size=sources, max_size=sources)))
    _, W, _, _ = learn(problem, signs=signs)
    assert np.all(W * signs >= 0)
    start = problem | {"weights": 1e6 * signs * np.ones_like(problem["weights"]), "alpha_P": 1e-6}
    start["r"] = start["r"] * 1e-3
    _, clamped, P, _ = learn(start, signs=signs)
    _, free, P_free, _ = learn(start)
    assert np.array_equal(clamped, free)
    assert all(np.array_equal(one, other) for one, other in zip(P, P_free, strict=True))


@few
@given(problems(), st.floats(0, 2))
def test_a_factor_scales_the_change_of_each_weight(problem, scale):
    """In one update; and 0 holds a weight for good, while P goes its way."""
    one = problem | {"r": problem["r"][:1], "y": problem["y"][:1]}
    factor = np.ones_like(problem["weights"])
    factor[:, ::2] = scale
    _, W, P, _ = learn(one)
    _, scaled, P_scaled, _ = learn(one, factor=factor)
    start = problem["weights"] * problem["mask"]
    assert scaled - start == pytest.approx(factor * (W - start), rel=1e-9, abs=1e-9)
    assert all(np.array_equal(a, b) for a, b in zip(P, P_scaled, strict=True))
    _, held, _, _ = learn(problem, factor=0 * factor)
    assert np.array_equal(held, start)


@few
@given(problems())
def test_nothing_to_learn_changes_nothing(problem):
    """Where z is y already, W stays."""
    mask = problem["mask"]
    y = problem["r"] @ (problem["weights"] * mask).T
    _, W, _, _ = learn(problem | {"y": y})
    assert (W * mask) == pytest.approx(problem["weights"] * mask, rel=1e-9, abs=1e-9)
