"""RLS: factors, signs, P(0) with groups, the second division, spike maps, blocks given late; against dense numpy."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import brian2 as b2
import numpy as np
import pytest
from brian.everything import sines
from targets import assert_close

from tension_sim import SparseKernel
from tension_sim.brian import RLS, LinearMap, Recorder, Signal
from tension_sim.brian.linear_map import Blank
from tension_sim.brian.spike_map import SpikeMap
from tension_sim.circuit.blocks import Blocks, BlockSizes
from tension_sim.errors import InvalidTypeError, InvalidValueError

DT = 0.1 * b2.ms
STEPS = 80


@dataclass
class Dense:
    """The rule with one full matrix P for each row and nothing shared, packed or put off."""

    weights: np.ndarray
    mask: np.ndarray
    alpha: Any = 1.0
    groups: Any = None
    row_sum: Any = 0.0
    factor: Any = 1.0
    signs: Any = None
    divided: bool = True
    divide_by_source: bool = False
    forgetting: float = 1.0
    relaxation: float = 0.0
    P: list[np.ndarray] = field(default_factory=list)
    first_P: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        n = self.mask.shape[1]
        self.weights = self.weights.copy()
        self.alpha = np.broadcast_to(self.alpha, n)
        self.groups = np.full(n, -1) if self.groups is None else np.asarray(self.groups)
        row_sum = np.broadcast_to(self.row_sum, self.groups.max(initial=0) + 1)
        for row in self.mask:
            inverse = np.diag(1 / self.alpha[row])
            for g, penalty in enumerate(row_sum):
                member = (self.groups[row] == g).astype(float)
                inverse += penalty * np.outer(member, member)
            self.P.append(np.linalg.inv(inverse))
            self.first_P.append(self.P[-1])

    def update(self, r: np.ndarray, error: np.ndarray) -> None:
        k = [P @ r[row] for P, row in zip(self.P, self.mask, strict=True)]
        c = np.array([1 / (self.forgetting + r[row] @ k_i) for row, k_i in zip(self.mask, k, strict=True)])
        for i, row in enumerate(self.mask):
            gain = k[i] * (c[i] if self.divided else 1)
            if self.divide_by_source:
                gain = gain * np.where(self.mask.any(axis=1), c, 1)[row]
            self.weights[i, row] -= (np.broadcast_to(self.factor, self.mask.shape)[i, row] * gain) * error[i]
            if self.signs is not None:
                self.weights[i, row] *= self.weights[i, row] * self.signs[row] >= 0
            P = (self.P[i] - c[i] * np.outer(k[i], k[i])) / self.forgetting
            self.P[i] = P + self.relaxation * (self.first_P[i] - P)


def random_mask(rng: np.random.Generator, rows: int, sources: int) -> np.ndarray:
    """Some rows share their partners, one has none, one has all."""
    mask = rng.random((rows, sources)) < 0.5
    mask[1], mask[2], mask[3] = mask[0], False, True
    return mask


def distinct(P: list[np.ndarray], mask: np.ndarray) -> list[np.ndarray]:
    """The P of each set of partners, in the order in which they first appear."""
    first = {}
    for matrix, row in zip(P, mask, strict=True):
        if row.any():
            first.setdefault(row.tobytes(), matrix)
    return list(first.values())


class Readout:
    """Recorded rates and a map from them, dense or masked."""

    rows, sources = 5, 9

    def __init__(self, masked: bool = True, square: bool = False, steps: int = STEPS, **options: Any) -> None:
        rng = np.random.default_rng(7)
        rows = self.sources if square else self.rows
        self.mask = random_mask(rng, rows, self.sources) if masked else np.ones((rows, self.sources), bool)
        self.W0 = rng.standard_normal((rows, self.sources)) * self.mask
        self.r, self.y = sines(steps, self.sources) - 0.4, sines(steps, rows)[:, ::-1]
        self.rates, self.goal = Signal(self.r, name="rates"), Signal(self.y, name="goal")
        mask = self.mask if masked else None
        self.map = LinearMap(self.rates, "value", weights=self.W0, mask=mask, name="readout")
        self.rule = RLS(self.map, self.goal, **({"alpha_P": 0.7, "name": "rule"} | options))
        self.network = b2.Network(self.rates, self.goal, self.map, self.rule)

    def run(self, steps: int = STEPS) -> Readout:
        self.network.run(steps * DT, namespace={})
        return self

    def check(self, steps: int = STEPS, **options: Any) -> Dense:
        dense = Dense(self.W0, self.mask, **({"alpha": 0.7} | options))
        for r, y in zip(self.r[:steps], self.y[:steps], strict=True):
            dense.update(r, dense.weights @ r - y)
        assert_close(self.map.W, dense.weights)
        found = self.rule.P if isinstance(self.rule.P, list) else [self.rule.P]
        for P, wanted in zip(found, distinct(dense.P, self.mask), strict=True):
            assert_close(P, wanted)
        return dense


SIGNS = np.array([1, 1, -1, 1, -1, -1, 1, 1, -1])
GROUPS = np.array([0, 0, 1, -1, 1, 1, 0, -1, 2])
ALPHA = 0.2 + 0.1 * np.arange(9)


@pytest.mark.parametrize("masked", [True, False])
class TestOptions:
    def test_factor(self, numpy_target, masked):
        factor = np.random.default_rng(3).random((5, 9))
        factor[0, :4] = 0
        run = Readout(masked, factor=factor).run()
        run.check(factor=factor)
        held = run.mask[0, :4]
        assert np.array_equal(run.map.W[0, :4][held], run.W0[0, :4][held])
        stored = Readout(masked, factor=factor[run.mask] if masked else factor.ravel()).run()
        assert np.array_equal(stored.map.W, run.map.W)

    def test_signs(self, numpy_target, masked):
        W = Readout(masked, signs=SIGNS).run().check(signs=SIGNS).weights
        assert np.all(W * SIGNS >= 0)
        assert np.any(Readout(masked).run().map.W * SIGNS < 0)

    def test_one_alpha_a_source(self, numpy_target, masked):
        run = Readout(masked, alpha_P=ALPHA)
        first = run.rule.P if masked else [run.rule.P]
        assert np.array_equal(first[-1 if not masked else 1], np.diag(ALPHA))
        run.run().check(alpha=ALPHA)

    @pytest.mark.parametrize("alpha", [0.3, ALPHA])
    @pytest.mark.parametrize("row_sum", [8.0, [8.0, 0.0, 0.5]])
    def test_penalty_on_the_sums_of_groups(self, numpy_target, masked, alpha, row_sum):
        run = Readout(masked, alpha_P=alpha, row_sum=row_sum, groups=GROUPS)
        before = run.rule.P
        wanted = distinct(Dense(run.W0, run.mask, alpha, GROUPS, row_sum).P, run.mask)
        for P, matrix in zip(before if masked else [before], wanted, strict=True):
            assert_close(P, matrix)
        run.run().check(alpha=alpha, groups=GROUPS, row_sum=row_sum)

    def test_relaxation_leads_back_to_the_penalty(self, numpy_target, masked):
        options = {"row_sum": [8.0, 0.0, 0.5], "groups": GROUPS, "relaxation": 0.05}
        dense = Readout(masked, alpha_P=ALPHA, **options).run().check(alpha=ALPHA, **options)
        for P, first in zip(dense.P, dense.first_P, strict=True):
            assert np.linalg.eigvalsh(first - P).min(initial=0) > -1e-12

    def test_second_division(self, numpy_target, masked):
        once = Readout(masked, square=True).run()
        twice = Readout(masked, square=True, divide_by_source=True).run()
        twice.check(divide_by_source=True)
        assert np.abs(once.map.W - twice.map.W).max() > 0.01
        Readout(masked, square=True, divide_by_source=True, gain="undivided", alpha_P=0.01).run().check(
            divide_by_source=True, divided=False, alpha=0.01
        )


ALL = {
    "factor": np.random.default_rng(5).random((9, 9)),
    "signs": SIGNS,
    "alpha_P": ALPHA,
    "row_sum": [8.0, 0.0, 0.5],
    "groups": GROUPS,
    "divide_by_source": True,
    "forgetting": 0.98,
}


def check_all(run: Readout, steps: int = STEPS) -> None:
    options = {{"alpha_P": "alpha"}.get(key, key): value for key, value in ALL.items()}
    run.check(steps, **options)


def test_divergence_with_the_second_division_changes_nothing(numpy_target):
    """One row's P is no longer positive: no other row has learned in that step."""
    run = Readout(square=True, divide_by_source=True).run(10)
    P = run.rule.P
    P[2] = P[2] - 10 * np.ones_like(P[2]) + 10 * np.eye(len(P[2]))
    run.rule.P = P
    W = run.map.W
    with pytest.raises(ArithmeticError, match="learning diverged at time step 10 "):
        run.run(1)
    assert np.array_equal(run.map.W, W)


class Spiking:
    """Two groups that spike, one of them taught, and the plastic weights between them."""

    mask = random_mask(np.random.default_rng(11), 6, 4 + 6)
    W0 = 0.1 * np.random.default_rng(12).standard_normal(mask.shape) * mask

    def __init__(self, kernel: Any = None, **options: Any) -> None:
        equations = "dv/dt = (bias + h - v)/(2*ms) : 1\ndr/dt = -r/(4*ms) : 1\ndh/dt = -h/ms : 1\nbias : 1"
        code = {"threshold": "v > 1", "reset": "v = 0; r += 0.4", "method": "euler"}
        self.cells = b2.NeuronGroup(6, equations, name="cells", **code)
        self.extra = b2.NeuronGroup(7, equations, name="extra", **code)
        self.cells.bias, self.extra.bias = 1.2 + 0.3 * np.arange(6), 1.1 + 0.4 * np.arange(7)
        self.y = 2 + sines(STEPS, 6)
        self.goal = Signal(self.y, name="taught")
        self.map = SpikeMap(
            [self.cells[2:], self.extra[1:]], weights=SparseKernel.from_dense(self.W0.T) if kernel is None else kernel,
            target=self.cells, target_variable="h", trace="r", scale=0.4, name="plastic",
        )  # fmt: skip
        defaults = {"alpha_P": 0.5, "update_every": 2, "start": 10, "name": "rule"}
        self.rule = RLS(
            self.map, self.goal, error="z + bias - y", variables={"bias": (self.cells, "bias")}, **(defaults | options)
        )
        self.recorders = [Recorder(self.cells, "r", name="rec_cells"), Recorder(self.extra, "r", name="rec_extra")]
        self.network = b2.Network(self.cells, self.extra, self.goal, self.map, self.rule, *self.recorders)

    def check(self, **options: Any) -> None:
        dense = Dense(self.W0, self.mask, **({"alpha": 0.5} | options))
        cells, extra = (np.asarray(recorder.recorded) for recorder in self.recorders)
        assert np.count_nonzero(np.diff(cells, axis=0) > 0.1) > 20
        for k in range(10, STEPS, 2):
            r = np.concatenate([cells[k, 2:], extra[k, 1:]])
            dense.update(r, dense.weights @ r + 1.2 + 0.3 * np.arange(6) - self.y[k])
        assert np.abs(dense.weights - self.W0).max() > 0.1
        assert_close(self.map.W, dense.weights)
        for P, wanted in zip(self.rule.P, distinct(dense.P, self.mask), strict=True):
            assert_close(P, wanted)


SPIKING = {
    "signs": np.resize([1, -1, 1], 10),
    "groups": np.resize([0, 1, -1], 10),
    "row_sum": 2.0,
    "relaxation": 0.02,
}


def test_spike_map_learns(numpy_target):
    run = Spiking()
    numpy_target.run(run.network, STEPS * DT)
    run.check()


def test_a_factor_of_the_second_map_alone(numpy_target):
    """The first of two maps learns in full, the second by its factors."""
    rng = np.random.default_rng(9)
    r, W = sines(STEPS, 6) - 0.4, rng.standard_normal((5, 6))
    factor = np.vstack([np.ones((2, 6)), rng.random((3, 6))])
    rates = Signal(r)
    maps = [LinearMap(rates, "value", weights=rows) for rows in (W[:2], W[2:])]
    rule = RLS(maps, alpha_P=0.7, error="z", factor=[None, factor[2:]])
    b2.Network(rates, *maps, rule).run(STEPS * DT, namespace={})
    dense = Dense(W, np.ones(W.shape, bool), alpha=0.7, factor=factor)
    for row in r:
        dense.update(row, dense.weights @ row)
    assert_close(np.vstack([each.W for each in maps]), dense.weights)


@pytest.mark.parametrize("network", [Readout, Spiking])
def test_all_of_a_rule_comes_after_its_map(network):
    """Sums of the weights of a spike map, then the errors, then the update: each in an order of its own."""
    made = network()
    parts = [part.order for part in made.rule.contained_objects]
    orders = [made.map.order, *sorted(parts), made.rule.order]
    assert len(set(orders)) == len(orders) >= 3
    assert orders == sorted(orders)


def test_a_settled_P_is_the_same_and_waits_for_nothing(numpy_target):
    """A factor of P that waits, as compiled code leaves it, is applied; numpy's learning goes on with the same P."""
    settled, plain = Readout(False, name="settled"), Readout(False, name="plain")
    for run in (settled, plain):
        run.run(20)
        run.rule.variables["P_scale"].set_value(np.array([0.5]))
    before = settled.rule.P
    settled.rule.settle()
    assert settled.rule.variables["P_scale"].get_value() == 1
    assert_close(settled.rule.P, before)
    for run in (settled, plain):
        run.run(20)
    assert_close(settled.map.W, plain.map.W)


def test_a_rule_that_settles_before_its_first_update_has_its_first_P(numpy_target):
    run = Readout(False)
    run.rule.settle()
    assert run.rule.variables["fresh"].get_value() == 0
    assert_close(run.rule.P, 0.7 * np.eye(9))
    run.run().check()


def test_spike_map_with_a_factor(numpy_target):
    factor = np.random.default_rng(2).random((6, 10))
    run = Spiking(factor=factor)
    numpy_target.run(run.network, STEPS * DT)
    run.check(factor=factor)


def test_all_options_on_every_target(target):
    readout, spiking = Readout(square=True, **ALL), Spiking(name="spike_rule", **SPIKING)
    target.run(b2.Network(*readout.network.objects, *spiking.network.objects), STEPS * DT)
    check_all(readout)
    spiking.check(**SPIKING)


class Late:
    """The networks above, with only sizes where they have masks and weights; what they are comes with the run."""

    def __init__(self) -> None:
        self.readout = readout = Readout(square=True)
        self.values = {}
        kernel = SparseKernel.from_dense(readout.W0.T)
        order = np.lexsort((kernel.pre, kernel.post))
        blocks = Blocks.of([[np.flatnonzero(row) for row in readout.mask]])
        readout.map = LinearMap(readout.rates, "value", weights=Blank(9, 9, len(kernel)), name="late_readout")
        readout.rule = RLS(
            readout.map, readout.goal, name="late_rule", blocks=blocks.totals, alpha_P=np.ones(9), groups=True,
            signs=True, factor=True, divide_by_source=True,
        )  # fmt: skip
        values = {"w": kernel.weight[order], "partner": kernel.pre[order]}
        values["row_start"] = np.append(0, np.cumsum(readout.mask.sum(axis=1)))
        self.values |= {(readout.map, name): value for name, value in values.items()}
        values = blocks.arrays() | {"alpha_P": ALPHA, "group_of": GROUPS, "sign": SIGNS, "block_of": blocks.block_of[0]}
        values["row_sum"] = np.array([*ALL["row_sum"], 0])[GROUPS]
        values |= {"factor_0": ALL["factor"][readout.mask], "forgetting": 0.98}
        self.values |= {(readout.rule, name): value for name, value in values.items()}

        kernel = SparseKernel.from_dense(Spiking.W0.T)
        (out_start, post, _), (row_start, partner, w) = kernel.outgoing(), kernel.incoming()
        blocks = Blocks.of([np.split(partner, row_start[1:-1])])
        blank = {"blocks": blocks.totals, "groups": True, "signs": True}
        self.spiking = late = Spiking(Blank(6, 10, len(w)), name="spike_rule", **blank)
        values = {"out_start": out_start, "post": post, "slot": kernel.slots(), "row_start": row_start, "w": w}
        self.values |= {(late.map, name): value for name, value in values.items()}
        groups = SPIKING["groups"]
        values = blocks.arrays() | {"sign": SPIKING["signs"]}
        values |= {"group_of": groups, "row_sum": np.where(groups < 0, 0, 2.0), "relaxation": 0.02}
        self.values |= {(late.rule, name): value for name, value in values.items()}
        members = [readout.rates, readout.goal, readout.map, readout.rule]
        self.network = b2.Network(*members, *late.network.objects)

    def check(self) -> None:
        check_all(self.readout)
        self.spiking.check(**SPIKING)


def test_blocks_masks_and_options_may_come_with_the_run(target):
    if target.name == "cuda_standalone":
        pytest.skip("brian2cuda 1.0b1 looks for the files of run arguments under names in lower case")
    late = Late()
    if not target.standalone:
        for (owner, name), value in late.values.items():
            owner.variables[name].set_value(value)
        target.run(late.network, STEPS * DT)
    else:
        late.network.run(STEPS * DT, namespace={})
        b2.device.build(directory=str(target.folder), compile=True, run=False, with_output=False)
        b2.device.run(run_args={getattr(owner, name): value for (owner, name), value in late.values.items()})
    late.check()


class TestRefused:
    @pytest.mark.parametrize(
        ("options", "error", "text"),
        [
            ({"alpha_P": np.ones(8)}, InvalidValueError, "RLS.alpha_P: expected an array of shape (9,) (sources)."),
            (
                {"alpha_P": np.zeros(9)},
                InvalidValueError,
                "RLS.alpha_P: expected finite numbers above 0.\nReceived: 0.0\nFix: P(0) = alpha_P I must be positive.",
            ),
            ({"alpha_P": np.full(9, np.inf)}, InvalidValueError, "RLS.alpha_P: expected finite values."),
            (
                {"row_sum": -1.0, "groups": GROUPS},
                InvalidValueError,
                "RLS.row_sum: expected numbers that are not negative.\nReceived: -1.0\nFix: P(0) would not be",
            ),
            (
                {"row_sum": [1.0, 2.0], "groups": GROUPS},
                InvalidValueError,
                "RLS.row_sum: expected an array of shape (3,) (groups).\nReceived: (2,)",
            ),
            ({"row_sum": np.nan, "groups": GROUPS}, InvalidValueError, "RLS.row_sum: expected finite values."),
            ({"row_sum": 1.0}, InvalidValueError, "RLS.row_sum: a penalty needs groups.\nReceived: 1.0"),
            ({"groups": GROUPS}, InvalidValueError, "RLS.row_sum: groups need a penalty.\nReceived: None"),
            (
                {"row_sum": 1.0, "groups": GROUPS[1:]},
                InvalidValueError,
                "RLS.groups: expected an array of shape (9,) (sources).\nReceived: (8,)",
            ),
            (
                {"row_sum": 1.0, "groups": GROUPS - 1},
                InvalidValueError,
                "RLS.groups: expected whole numbers from 0 on, and -1 for no group.",
            ),
            (
                {"row_sum": 1.0, "groups": GROUPS + 0.5},
                InvalidValueError,
                "RLS.groups: expected whole numbers from 0 on, and -1 for no group.",
            ),
            (
                {"signs": [1, 1, -1, 0, -1, -1, 1, 1, -1]},
                InvalidValueError,
                "RLS.signs: expected +1 or -1 for each source.\nReceived: 0\n"
                "Fix: sign clamp on a neuron without sign: source 3 has none; give it one.",
            ),
            ({"signs": 2 * SIGNS}, InvalidValueError, "RLS.signs: expected +1 or -1 for each source."),
            ({"signs": SIGNS[1:]}, InvalidValueError, "RLS.signs: expected an array of shape (9,) (sources)."),
            ({"signs": "EI"}, InvalidTypeError, "RLS.signs: expected an array of shape (9,) (sources)."),
            (
                {"factor": np.ones((9, 5))},
                InvalidValueError,
                "RLS.factor: expected an array of shape (5, 9) (targets, sources).\nReceived: (9, 5)",
            ),
            (
                {"factor": np.ones(7)},
                InvalidValueError,
                "RLS.factor: expected an array of shape (19,) (stored weights).\nReceived: (7,)",
            ),
            ({"factor": np.full((5, 9), np.nan)}, InvalidValueError, "RLS.factor: expected finite values."),
            (
                {"divide_by_source": True},
                InvalidValueError,
                "RLS.divide_by_source: expected one map, from neurons to themselves.\nReceived: [(5, 9)]",
            ),
            ({"blocks": 3}, InvalidValueError, "RLS.blocks: expected Blocks or BlockSizes of 1 map(s).\nReceived: 3"),
            (
                {"blocks": BlockSizes(1, 2, 3, 4, 5, (6, 7))},
                InvalidValueError,
                "RLS.blocks: expected Blocks or BlockSizes of 1 map(s).\nReceived: BlockSizes(blocks=1, partners=2,",
            ),
        ],
    )
    def test_arguments(self, numpy_target, options, error, text):
        with pytest.raises(error, match=re.escape(text)):
            Readout(**options)

    def test_factors_of_several_maps(self, numpy_target):
        rates = Signal(np.zeros((1, 3)))
        maps = [LinearMap(rates, "value", weights=np.zeros((1, 3))) for _ in range(2)]
        with pytest.raises(InvalidValueError, match=re.escape("RLS.factor: expected a list of 2 arrays, one per map.")):
            RLS(maps, alpha_P=1.0, error="z", factor=[np.ones((1, 3))])
        rule = RLS(maps, alpha_P=1.0, error="z", factor=[None, [1.0, 2.0, 3.0]])
        assert "factor_0" not in rule.variables
        assert np.array_equal(rule.factor_1, [1.0, 2.0, 3.0])

    def test_a_spike_map_without_a_trace(self, numpy_target):
        group = b2.NeuronGroup(2, "h : 1", threshold="h > 1")
        silent = SpikeMap(group, weights=SparseKernel(2, [0], [1], [1.0]), target=group, target_variable="h")
        text = f"RLS.maps: expected a SpikeMap with a trace.\nReceived: '{silent.name}'\nFix: name the presynaptic rate"
        with pytest.raises(InvalidValueError, match=re.escape(text)):
            RLS(silent, alpha_P=1.0, error="z")
