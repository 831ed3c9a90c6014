"""The CUDA kernels, run on the CPU by fake_cuda.h, against plain numpy; no CUDA is needed for it."""

from __future__ import annotations

import ctypes
import shutil
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from cuda_emulation import compile_kernels

from tension_sim.circuit.blocks import Blocks
from tension_sim.circuit.triangles import pack, unpack
from tension_sim.declare.kernels import SparseKernel
from tension_sim.declare.noise import chance

MAPS = 2


class Schedule(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_void_p)
        for name in ("learning", "start_step", "stop_step", "update_every", "probability", "seed")
    ]


class Problem(ctypes.Structure):
    """tsim::rls::Problem<double, double, 2>, field by field."""

    _fields_ = [
        ("n_blocks", ctypes.c_int64),
        ("n_rows", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("partner", "block_start", "P_start", "pending_start", "max_pending")),
        *((name, ctypes.c_void_p) for name in ("x", "P", "pending_k", "pending_c", "P_scale", "pending")),
        *((name, ctypes.c_void_p) for name in ("alpha_P", "forgetting", "relaxation", "divided", "fresh")),
        *((name, ctypes.c_void_p) for name in ("n_updates", "diverged_step")),
        ("schedule", Schedule),
        ("error", ctypes.c_void_p * MAPS),
        ("rows", ctypes.c_void_p * MAPS),
        ("block_rows", ctypes.c_void_p * MAPS),
        ("n_entries", ctypes.c_int64 * MAPS),
        ("w", ctypes.c_void_p * MAPS),
        ("row_start", ctypes.c_void_p * MAPS),
        *((name, ctypes.c_void_p) for name in ("k", "c", "found", "first_bad")),
        *((name, ctypes.c_int64) for name in ("room_rows", "room_blocks")),
        ("small", ctypes.c_bool),
        ("by_synapse", ctypes.c_bool),
    ]


@pytest.fixture(scope="module", params=[8, 2**14], ids=["rows of P", "small blocks"])
def kernels(request, tmp_path_factory):
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    library = tmp_path_factory.mktemp("kernels") / "kernels.so"
    compile_kernels(library, threads=16, small=request.param)
    loaded = ctypes.CDLL(str(library))
    loaded.rls_update.restype = ctypes.c_bool
    loaded.rls_update.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_bool, ctypes.c_void_p]
    loaded.spike_list.restype = ctypes.c_int64
    return loaded


@pytest.fixture(params=["forwards", "backwards"])
def order(request, monkeypatch):
    """Both orders of threads and blocks: a GPU knows none."""
    monkeypatch.setenv("FAKE_CUDA_ORDER", request.param)


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    assert array.flags.c_contiguous
    return ctypes.c_void_p(array.ctypes.data)


@dataclass
class Learner:
    """One problem: two masked maps of one source, as the arrays the generated code holds."""

    masks: list[np.ndarray]
    arrays: dict[str, np.ndarray]
    weights: list[np.ndarray]
    errors: list[np.ndarray]
    blocks: Blocks
    struct: Problem = field(default_factory=Problem)
    keep: list[np.ndarray] = field(default_factory=list)
    settled: ctypes.c_bool = field(default_factory=ctypes.c_bool)

    @classmethod
    def of(cls, masks: list[np.ndarray], seed: int = 0, **values: Any) -> Learner:
        rng = np.random.default_rng(seed)
        blocks = Blocks.of([[np.flatnonzero(row) for row in mask] for mask in masks])
        waiting = int(blocks.max_pending.sum())
        arrays = {
            "x": rng.standard_normal(masks[0].shape[1]),
            "partner": blocks.partner,
            "block_start": blocks.start,
            "P_start": blocks.P_start,
            "pending_start": blocks.pending_start,
            "max_pending": blocks.max_pending,
            # what must not be read before P(0) is made
            "P": np.full(int(blocks.P_start[-1]), np.nan),
            "pending_k": np.full(int(blocks.pending_start[-1]), np.nan),
            "pending_c": np.full(waiting, np.nan),
            "P_scale": np.ones(len(blocks)),
            "pending": np.zeros(len(blocks), np.int32),
            "alpha_P": np.array([0.7]),
            "forgetting": np.array([1.0]),
            "relaxation": np.array([0.0]),
            "divided": np.array([1], np.int32),
            "fresh": np.array([1], np.int32),
            "n_updates": np.array([0]),
            "diverged_step": np.array([-1]),
            "learning": np.array([1], np.int32),
            "start_step": np.array([0]),
            "stop_step": np.array([2**62]),
            "update_every": np.array([1]),
            "probability": np.array([1.0]),
            "seed": np.array([3]),
        }
        for name, value in values.items():
            arrays[name][:] = value
        learner = cls(
            masks=masks,
            arrays=arrays,
            weights=[rng.standard_normal(mask.shape) * mask for mask in masks],
            errors=[rng.standard_normal(len(mask)) for mask in masks],
            blocks=blocks,
        )
        learner._point()
        return learner

    def _point(self) -> None:
        struct, blocks = self.struct, self.blocks
        struct.n_blocks, struct.n_rows = len(blocks), int(blocks.start[-1])
        for name, array in self.arrays.items():
            owner = struct.schedule if name in dict(Schedule._fields_) else struct
            setattr(owner, name, pointer(array))
        self.flat = []
        for m, mask in enumerate(self.masks):
            flat = self.weights[m][mask]
            row_start = np.concatenate([[0], np.cumsum(mask.sum(axis=1))]).astype(np.int64)
            rows = blocks.rows[m] if len(blocks.rows[m]) else np.zeros(1, np.int32)
            self.flat.append(flat)
            self.keep += [row_start, rows]
            for name, array in {
                "error": self.errors[m], "rows": rows, "block_rows": blocks.row_start[m], "w": flat,
                "row_start": row_start,
            }.items():  # fmt: skip
                getattr(struct, name)[m] = pointer(array)
            struct.n_entries[m] = len(rows)

    def update(self, kernels: Any, step: int, is_due: bool = False) -> bool:
        """Let the kernels ask whether an update is due, or tell them."""
        return kernels.rls_update(ctypes.byref(self.struct), step, is_due, ctypes.byref(self.settled))

    def found(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the dense weights and the P of each block."""
        dense = []
        for mask, flat in zip(self.masks, self.flat, strict=True):
            weights = np.zeros(mask.shape)
            weights[mask] = flat
            dense.append(weights)
        start = self.blocks.P_start
        return dense, [unpack(self.arrays["P"][start[b] : start[b + 1]], n) for b, n in enumerate(self.blocks.sizes)]


def truth(learner: Learner, P: list[np.ndarray], weights: list[np.ndarray], stop_before: int | None = None) -> None:
    """Apply one update to P and weights, in place, with dense numpy."""
    a = learner.arrays
    for b in range(len(learner.blocks) if stop_before is None else stop_before):
        index = learner.blocks.partner[learner.blocks.start[b] : learner.blocks.start[b + 1]]
        r = a["x"][index]
        k = P[b] @ r
        c = 1 / (a["forgetting"][0] + r @ k)
        for m, mask in enumerate(learner.masks):
            for row in range(len(mask)):
                if np.array_equal(np.flatnonzero(mask[row]), index):
                    weights[m][row, index] -= (c if a["divided"][0] else 1) * learner.errors[m][row] * k
        P[b] = (P[b] - c * np.outer(k, k)) / a["forgetting"][0]
        P[b] = (1 - a["relaxation"][0]) * P[b] + a["relaxation"][0] * a["alpha_P"][0] * np.eye(len(r))


def dense(n: int) -> list[np.ndarray]:
    return [np.ones((2, n), bool), np.ones((1, n), bool)]


def masked() -> list[np.ndarray]:
    """Two maps in which rows share partners within and across maps, and some rows are full or empty."""
    rng = np.random.default_rng(1)
    first, second = rng.random((7, 40)) < 0.5, rng.random((4, 40)) < 0.3
    first[2], first[5], first[6] = True, False, first[0]
    second[1], second[3] = first[0], False
    return [first, second]


CASES = {
    "one number": dense(1),
    "dense": dense(37),
    "masked": masked(),
    "only one map": [*dense(20)[:1], masked()[0][5:6, :20]],
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("options", [{}, {"divided": 0}, {"forgetting": 0.9}, {"relaxation": 0.2}], ids=str)
@pytest.mark.parametrize("is_due", [False, True], ids=["asks", "is told"])
def test_updates_from_the_start_are_those_of_numpy(kernels, order, name, options, is_due):
    learner = Learner.of(CASES[name], **options)
    wanted_P = [0.7 * np.eye(n) for n in learner.blocks.sizes]
    wanted_w = [w.copy() for w in learner.weights]
    rng = np.random.default_rng(2)
    for step in range(6):
        learner.arrays["x"][:] = rng.standard_normal(len(learner.arrays["x"]))
        for error in learner.errors:
            error[:] = rng.standard_normal(len(error))
        assert learner.update(kernels, step, is_due)
        truth(learner, wanted_P, wanted_w)
    found_w, found_P = learner.found()
    for found, wanted in zip([*found_w, *found_P], [*wanted_w, *wanted_P], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max(initial=1))
    assert learner.arrays["n_updates"][0] == 6
    assert learner.arrays["diverged_step"][0] == -1


def test_the_order_of_threads_and_blocks_changes_no_bit(kernels, monkeypatch):
    bits = []
    for order in ("forwards", "backwards"):
        monkeypatch.setenv("FAKE_CUDA_ORDER", order)
        learner = Learner.of(masked(), forgetting=0.95)
        for step in range(3):
            learner.update(kernels, step)
        bits.append([*learner.flat, learner.arrays["P"]])
    for one, other in zip(*bits, strict=True):
        assert one.tobytes() == other.tobytes()


def test_waiting_terms_of_the_state_are_applied_first(kernels, order):
    """A state that C++ left: some terms still wait, and a scale from forgetting."""
    learner = Learner.of(masked(), forgetting=0.9, fresh=0)
    rng = np.random.default_rng(4)
    a, blocks, wanted_P, c_start = learner.arrays, learner.blocks, [], 0
    for b, n in enumerate(blocks.sizes):
        root = rng.standard_normal((n, n)) / np.sqrt(n)
        P, count = root @ root.T + np.eye(n), b % (int(blocks.max_pending[b]) + 1)
        K, c, scale = 0.1 * rng.standard_normal((count, n)), rng.random(count), 1.0 if b == 1 else 1.2 + b
        a["P"][blocks.P_start[b] : blocks.P_start[b + 1]] = pack(P)
        a["pending_k"][blocks.pending_start[b] :][: count * n] = K.ravel()
        a["pending_c"][c_start:][:count] = c
        a["pending"][b], a["P_scale"][b] = count, scale
        c_start += int(blocks.max_pending[b])
        wanted_P.append(scale * (P - (K.T * c) @ K))
    assert a["pending"].any() and not a["pending"].all()
    wanted_w = [w.copy() for w in learner.weights]
    assert learner.update(kernels, 0)
    truth(learner, wanted_P, wanted_w)
    found_w, found_P = learner.found()
    for found, wanted in zip([*found_w, *found_P], [*wanted_w, *wanted_P], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max(initial=1))
    assert not a["pending"].any()
    assert np.all(a["P_scale"] == 1)


def test_a_scale_without_waiting_terms_is_applied_too(kernels):
    learner = Learner.of(dense(5), fresh=0, P_scale=1.7)
    learner.arrays["P"][:] = pack(np.eye(5))
    wanted_P, wanted_w = [1.7 * np.eye(5)], [w.copy() for w in learner.weights]
    assert learner.update(kernels, 0)
    truth(learner, wanted_P, wanted_w)
    np.testing.assert_allclose(learner.found()[1][0], wanted_P[0], rtol=0, atol=1e-12)
    assert learner.arrays["P_scale"][0] == 1


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_an_error_that_is_not_finite_changes_nothing_from_its_block_on(kernels, order, wrong):
    learner = Learner.of(masked())
    learner.errors[1][2] = wrong
    index = np.flatnonzero(learner.masks[1][2])
    blocks = range(len(learner.blocks))
    of_block = [learner.blocks.partner[slice(*learner.blocks.start[b : b + 2])] for b in blocks]
    bad = next(b for b in blocks if np.array_equal(of_block[b], index))
    wanted_P, wanted_w = [0.7 * np.eye(n) for n in learner.blocks.sizes], [w.copy() for w in learner.weights]
    assert not learner.update(kernels, 11)
    assert learner.arrays["diverged_step"][0] == 11
    assert learner.arrays["n_updates"][0] == 0
    assert learner.arrays["fresh"][0] == 0
    truth(learner, wanted_P, wanted_w, stop_before=bad)
    found_w, found_P = learner.found()
    for found, wanted in zip([*found_w, *found_P], [*wanted_w, *wanted_P], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


def test_the_error_of_a_row_that_learns_nothing_may_be_anything(kernels, order):
    learner = Learner.of(masked())
    learner.errors[0][5] = np.nan  # the row has no partners
    wanted_P, wanted_w = [0.7 * np.eye(n) for n in learner.blocks.sizes], [w.copy() for w in learner.weights]
    assert learner.update(kernels, 3)
    truth(learner, wanted_P, wanted_w)
    for found, wanted in zip(learner.found()[0], wanted_w, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


def test_the_size_of_an_update_is_that_of_its_block(kernels, order):
    """k of one block times the error of another would overflow, and is no update."""
    learner = Learner.of(masked(), divided=0, fresh=0)
    wanted_P = [np.eye(n) for n in learner.blocks.sizes]
    wanted_P[1] *= 1e200
    learner.arrays["x"][:] *= 1e-60
    for b, P in enumerate(wanted_P):
        learner.arrays["P"][learner.blocks.P_start[b] : learner.blocks.P_start[b + 1]] = pack(P)
    for errors in learner.errors:
        errors[:] = 1e-140
    row = int(learner.blocks.rows[0][learner.blocks.row_start[0][0]])  # of block 0
    learner.errors[0][row] = 1e190
    assert learner.update(kernels, 4)


def test_an_update_that_would_overflow_is_not_begun(kernels, order):
    learner = Learner.of(dense(6), divided=0, alpha_P=1e200)
    learner.arrays["x"][:] *= 1e-100
    learner.errors[0][1] = 1e210
    before = [w.copy() for w in learner.flat]
    assert not learner.update(kernels, 7)
    assert learner.arrays["diverged_step"][0] == 7
    for flat, old in zip(learner.flat, before, strict=True):
        assert np.array_equal(flat, old)
    assert np.array_equal(learner.found()[1][0], 1e200 * np.eye(6))
    learner.errors[0][1] = 1e100
    assert learner.update(kernels, 8)
    assert all(np.all(np.isfinite(flat)) for flat in learner.flat)


def test_blocks_before_the_one_that_diverges_have_learned(kernels, order):
    """As in C++: blocks are taken in their order, and the first bad one ends the update."""
    learner = Learner.of(masked(), fresh=0)
    wanted_P = [np.eye(n) for n in learner.blocks.sizes]
    wanted_P[2] *= -50
    wanted_P[4] *= -50
    for b, P in enumerate(wanted_P):
        learner.arrays["P"][learner.blocks.P_start[b] : learner.blocks.P_start[b + 1]] = pack(P)
    wanted_w = [w.copy() for w in learner.weights]
    assert not learner.update(kernels, 5)
    truth(learner, wanted_P, wanted_w, stop_before=2)
    found_w, found_P = learner.found()
    for found, wanted in zip([*found_w, *found_P], [*wanted_w, *wanted_P], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max(initial=1))
    assert learner.arrays["diverged_step"][0] == 5
    assert learner.arrays["n_updates"][0] == 0


@pytest.mark.parametrize(
    "schedule",
    [
        {"learning": 0},
        {"start_step": 4, "stop_step": 9},
        {"update_every": 3, "start_step": 1},
        {"probability": 0.4, "seed": 8},
    ],
    ids=lambda schedule: " ".join(schedule),
)
def test_updates_fall_where_the_schedule_says(kernels, schedule):
    learner = Learner.of(dense(3), **schedule)
    a = learner.arrays
    for step in range(12):
        before = a["n_updates"][0]
        assert learner.update(kernels, step)
        due = (
            a["learning"][0]
            and a["start_step"][0] <= step < a["stop_step"][0]
            and step % a["update_every"][0] == 0
            and (a["probability"][0] == 1 or chance(int(a["seed"][0]), step) < a["probability"][0])
        )
        assert a["n_updates"][0] - before == due
    assert a["n_updates"][0] < 12


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (3, 70), (33, 2), (40, 40)])
def test_linear_map_dense_and_masked(kernels, order, shape):
    rng = np.random.default_rng(6)
    weights, x = rng.standard_normal(shape), rng.standard_normal(shape[1])
    y = np.full(shape[0] + 2, -7.0)
    sizes = [ctypes.c_int64(v) for v in (*shape, weights.size)]
    kernels.linear_map(*sizes, None, None, pointer(weights), pointer(x), pointer(y))
    np.testing.assert_allclose(y, [*(weights @ x), -7, -7], rtol=0, atol=1e-13 * np.sqrt(shape[1]) * 10)

    mask = rng.random(shape) < 0.4
    mask[0] = False
    start = np.concatenate([[0], np.cumsum(mask.sum(axis=1))])
    partner, flat = np.nonzero(mask)[1].astype(np.int32), weights[mask]
    y[:] = -7
    kernels.linear_map(
        *sizes[:2], ctypes.c_int64(len(flat)), pointer(start), pointer(partner), pointer(flat), pointer(x), pointer(y)
    )
    np.testing.assert_allclose(y, [*((weights * mask) @ x), -7, -7], rtol=0, atol=1e-13 * np.sqrt(shape[1]) * 10)


@pytest.mark.parametrize("count", [0, 1, 2, 37, 50])
def test_spikes_of_a_step_are_put_in_order(kernels, order, count):
    n = 50
    spiking = np.random.default_rng(count).permutation(n)[:count]
    events = np.full(n + 1, -1, np.int32)
    events[:count], events[n] = spiking, count
    kernels.spike_order(ctypes.c_int64(n), pointer(events))
    assert np.array_equal(events[:count], np.sort(spiking))
    assert np.all(events[count:n] == -1)
    assert events[n] == count


@pytest.mark.parametrize(("start", "stop"), [(0, 50), (0, 20), (13, 40), (49, 50)])
def test_spikes_are_listed_step_by_step(kernels, order, start, stop):
    rng, n, steps = np.random.default_rng(start), 50, 7
    listed, count = np.zeros(2, np.int64), np.zeros(stop - start, np.int32)
    neuron, t = np.full(n * steps, -1, np.int32), np.full(n * steps, np.nan)
    wanted = []
    for step in range(3, 3 + steps):
        spiking = np.flatnonzero(rng.random(n) < rng.choice([0, 0.1, 1]))
        events = np.full(n + 1, -1, np.int32)
        events[: len(spiking)], events[n] = spiking, len(spiking)
        wanted += [(step, one - start) for one in spiking if start <= one < stop]
        taken = kernels.spike_list(
            *(ctypes.c_int64(v) if isinstance(v, int) else pointer(v) for v in (n, events, start, stop, step)),
            ctypes.c_double(step / 4), *(pointer(v) for v in (listed, neuron, t, count)),
        )  # fmt: skip
        assert taken == len(wanted)
    found_t, found = np.array(wanted).T
    assert np.array_equal(neuron[: len(wanted)], found)
    assert np.array_equal(t[: len(wanted)], found_t / 4)
    assert np.all(neuron[len(wanted) :] == -1)
    assert np.array_equal(count, np.bincount(found, minlength=stop - start))


def spikes_delivered(
    kernels: Any, spiking: np.ndarray, kernel: SparseKernel, n: int, part: tuple[int, int, int]
) -> Any:
    """Return what spikes add to each target, where part says which neurons, and which number they have."""
    events = np.full(n + 1, -1, np.int32)
    events[: len(spiking)], events[n] = spiking, len(spiking)
    (start, post, by_source), (*_, by_row), slots, found = kernel.outgoing(), kernel.incoming(), kernel.slots(), []
    for w, slot in ((by_source, None), (by_row, pointer(slots))):
        y = np.full(kernel.n_post + 2, -7.0)
        kernels.spike_map(
            ctypes.c_int64(kernel.n_post), pointer(events), *(ctypes.c_int64(v) for v in (n, *part)),
            pointer(start), pointer(post), pointer(w), slot, ctypes.c_double(2.5), None, ctypes.c_int64(0),
            ctypes.c_int64(1), pointer(y),
        )  # fmt: skip
        assert np.all(y[-2:] == -7)
        found.append(y[:-2] + 7)
    assert found[0].tobytes() == found[1].tobytes()
    return found[0]


@pytest.mark.parametrize("rows", [1, 16, 53])
@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 90])
def test_spikes_add_the_weights_of_their_neurons(kernels, order, rows, count):
    rng, n, part = np.random.default_rng(count), 90, (20, 70, -15)
    spiking = rng.permutation(n)[:count].astype(np.int32)
    matrix = rng.standard_normal((60, rows)) * (rng.random((60, rows)) < 0.5)
    matrix[30] = 0
    found = spikes_delivered(kernels, spiking, SparseKernel.from_dense(matrix), n, part)
    numbers = spiking[(spiking >= 20) & (spiking < 70)] - 15
    np.testing.assert_allclose(found, 2.5 * matrix[numbers].sum(axis=0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("rows", [1, 16, 53])
def test_spikes_with_delays_go_round_the_ring(kernels, order, rows):
    """Each weight lies in the row of the step at which it arrives, and leaves it where its target may be written to."""
    rng, n, length, now = np.random.default_rng(rows), 40, 7, 5
    kernel = SparseKernel.from_dense(rng.standard_normal((n, rows)) * (rng.random((n, rows)) < 0.5))
    (start, post, w), delay = kernel.outgoing(), rng.integers(0, length, len(kernel)).astype(np.int32)
    events, spiking = np.full(n + 1, -1, np.int32), np.flatnonzero(rng.random(n) < 0.6).astype(np.int32)
    events[: len(spiking)], events[n] = spiking, len(spiking)
    ring, wanted = np.zeros((length, rows)), np.zeros((length, rows))
    kernels.spike_map(
        ctypes.c_int64(rows), pointer(events), *(ctypes.c_int64(v) for v in (n, 0, n, 0)), pointer(start),
        pointer(post), pointer(w), None, ctypes.c_double(2.5), pointer(delay), ctypes.c_int64(now),
        ctypes.c_int64(length), pointer(ring),
    )  # fmt: skip
    for neuron in spiking:
        for j in range(start[neuron], start[neuron + 1]):
            wanted[(now + delay[j]) % length, post[j]] += 2.5 * w[j]
    np.testing.assert_allclose(ring, wanted, rtol=0, atol=1e-12)
    for allowed in (None, (np.arange(rows) % 2).astype(np.int8)):
        y, row = np.ones(rows), ring[now].copy()
        kernels.arrive(ctypes.c_int64(rows), allowed if allowed is None else pointer(allowed), pointer(row), pointer(y))
        assert not row.any()
        assert np.array_equal(y, 1 + ring[now] * (1 if allowed is None else allowed))


def test_the_order_of_threads_and_blocks_changes_no_sum_of_spikes(kernels, monkeypatch):
    rng, bits = np.random.default_rng(0), []
    kernel = SparseKernel.from_dense(rng.standard_normal((90, 53)))
    for order in ("forwards", "backwards"):
        monkeypatch.setenv("FAKE_CUDA_ORDER", order)
        bits.append(spikes_delivered(kernels, np.arange(80), kernel, 90, (0, 90, 0)))
    assert bits[0].tobytes() == bits[1].tobytes()


def test_recorder_takes_the_chosen_elements(kernels):
    x, indices, to = np.arange(30.0), np.array([29, 0, 7], np.int32), np.full(4, -1.0)
    kernels.recorder(ctypes.c_int64(3), pointer(indices), pointer(x), pointer(to))
    assert np.array_equal(to, [29, 0, 7, -1])
