"""The declaration of a network: drawn as published, every wrong value refused at once."""

from __future__ import annotations

import re

import brian2
import numpy as np
import pytest

from tension_sim.declare.network import ForceNetwork, Learning, SparseKernel, seconds
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError, UnknownNameError

N = 10


def declare(**changes):
    """A small network of given arrays, with some of them exchanged."""
    kernel = SparseKernel.random(N, 0.3, 1.0, np.random.default_rng(0))
    base = {
        "neuron": "lif",
        "synapse": "double_exponential",
        "n": N,
        "dt": 1e-4,
        "recurrent": kernel,
        "feedback_kernel": np.ones((2, N)),
        "output_kernel": np.zeros((N, 2)),
    }
    return ForceNetwork(**(base | changes))


class TestSparseKernel:
    def test_dense_and_back(self):
        matrix = np.where(np.random.default_rng(1).random((6, 6)) < 0.4, 2.5, 0)
        kernel = SparseKernel.from_dense(matrix)
        assert np.array_equal(kernel.to_dense(), matrix)
        assert len(kernel) == np.count_nonzero(matrix)

    @pytest.mark.parametrize("shape", [(3, 8), (8, 3), (1, 5), (5, 1)])
    def test_rectangular(self, shape):
        matrix = np.where(np.random.default_rng(1).random(shape) < 0.6, 1.5, 0)
        kernel = SparseKernel.from_dense(matrix)
        assert (kernel.n, kernel.n_post) == shape
        assert np.array_equal(kernel.to_dense(), matrix)
        assert kernel.row_balanced().to_dense().sum(axis=0) == pytest.approx(np.zeros(shape[1]), abs=1e-12)

    def test_lists_by_either_side(self):
        rng = np.random.default_rng(3)
        kernel = SparseKernel(5, rng.integers(0, 5, 60), rng.integers(0, 9, 60), rng.standard_normal(60), 9)
        dense = kernel.to_dense()
        for matrix, (start, partner, weight) in ((dense, kernel.outgoing()), (dense.T, kernel.incoming())):
            assert start[0] == 0
            assert start[-1] == len(partner) == len(weight) == np.count_nonzero(dense)
            for row, begin, end in zip(matrix, start[:-1], start[1:], strict=True):
                assert np.array_equal(partner[begin:end], np.flatnonzero(row))
                assert weight[begin:end] == pytest.approx(row[row != 0], abs=1e-14)
        (start, _, weight), (_, pre, by_row) = kernel.outgoing(), kernel.incoming()
        assert np.array_equal(by_row[kernel.slots()], weight)
        assert np.array_equal(pre[kernel.slots()], np.repeat(np.arange(5), np.diff(start)))

    def test_two_synapses_between_a_pair_add_up(self):
        assert SparseKernel(2, [0, 0], [1, 1], [2.0, 3.0]).to_dense()[0, 1] == 5

    def test_random_weights(self):
        kernel = SparseKernel.random(400, 0.1, 2.0, np.random.default_rng(0))
        assert len(kernel) == pytest.approx(16000, rel=0.05)
        assert kernel.weight.std() == pytest.approx(2.0, rel=0.05)
        assert len(np.unique(kernel.pre.astype(np.int64) * 400 + kernel.post)) == len(kernel)

    def test_row_balance(self):
        kernel = SparseKernel.random(50, 0.3, 1.0, np.random.default_rng(2), row_balanced=True)
        assert kernel.to_dense().sum(axis=0) == pytest.approx(np.zeros(50), abs=1e-12)

    def test_no_synapses(self):
        assert len(SparseKernel(3, [], [], [])) == 0
        assert len(SparseKernel.from_dense(np.zeros((3, 3)))) == 0

    @pytest.mark.parametrize(
        ("arguments", "error", "text"),
        [
            (
                (3, [0], [1, 2], [1.0]),
                InvalidValueError,
                "SparseKernel.post: expected three arrays of one length.",
            ),
            (
                (3, [[0]], [[1]], [[1.0]]),
                InvalidTypeError,
                "SparseKernel.pre: expected whole numbers.\nReceived: [[0]]\nFix: pass whole numbers in one list.",
            ),
            ((3, [0], [3], [1.0]), InvalidValueError, "SparseKernel.post: expected indices from 0 to 2."),
            ((3, [-1], [0], [1.0]), InvalidValueError, "SparseKernel.pre: expected indices from 0 to 2."),
            (
                (3, [0.0], [1], [1.0]),
                InvalidTypeError,
                "SparseKernel.pre: expected whole numbers.\nReceived: [0.0]",
            ),
            ((3, [0], [1], [np.nan]), InvalidValueError, "SparseKernel.weight: expected finite values."),
            ((3, [0], [1], ["x"]), InvalidTypeError, "SparseKernel.weight: expected an array of shape (1,)"),
            ((0, [], [], []), InvalidValueError, "SparseKernel.n: expected a whole number, at least 1."),
            ((2.5, [], [], []), InvalidValueError, "SparseKernel.n: expected a whole number, at least 1."),
            ((3, [], [], [], 0), InvalidValueError, "SparseKernel.n_post: expected a whole number, at least 1."),
            ((5, [4], [3], [1.0], 3), InvalidValueError, "SparseKernel.post: expected indices from 0 to 2."),
            ((3, [4], [3], [1.0], 5), InvalidValueError, "SparseKernel.pre: expected indices from 0 to 2."),
        ],
    )
    def test_indices_and_weights_that_make_no_kernel_are_refused(self, arguments, error, text):
        with pytest.raises(error, match=re.escape(text)):
            SparseKernel(*arguments)

    def test_more_synapses_that_learn_than_int32_counts_are_refused(self, monkeypatch):
        monkeypatch.setattr("tension_sim.declare.kernels._MOST_SLOTS", 2)
        assert SparseKernel(3, [0, 1], [1, 0], [1.0, 2.0]).slots().tolist() == [1, 0]
        text = "SparseKernel: expected at most 2 synapses that learn.\nReceived: 3"
        with pytest.raises(InvalidValueError, match=re.escape(text)):
            SparseKernel(3, [0, 1, 2], [1, 0, 0], [1.0, 2.0, 3.0]).slots()

    @pytest.mark.parametrize("matrix", [np.zeros((2, 3, 1)), np.zeros(4), np.zeros((0, 3)), np.zeros((2, 0)), 3.0])
    def test_from_dense_refuses_shapes(self, matrix):
        with pytest.raises(
            InvalidValueError, match=r"SparseKernel\.from_dense: expected an array of shape .*pre, post"
        ):
            SparseKernel.from_dense(matrix)

    def test_from_dense_refuses_rows_of_different_lengths(self):
        with pytest.raises(InvalidTypeError, match=r"SparseKernel\.from_dense: expected an array of shape .*pre, post"):
            SparseKernel.from_dense([[1.0], [1.0, 2.0]])

    def test_random_refuses_probabilities(self):
        with pytest.raises(InvalidValueError, match=r"SparseKernel\.p: expected a number in \(0, 1\]"):
            SparseKernel.random(3, 0, 1.0, np.random.default_rng(0))

    def test_fixed_outdegree_reaches_all_others_but_not_itself(self):
        """With as many targets as there are others, nothing is left to chance."""
        kernel = SparseKernel.fixed_outdegree(np.arange(5), 5, 4, np.random.default_rng(0))
        found = np.zeros((5, 5), int)
        np.add.at(found, (kernel.pre, kernel.post), 1)
        assert np.array_equal(found, 1 - np.eye(5, dtype=int))


class TestLearning:
    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (
                {"alpha_P": 0},
                "Learning.alpha_P: expected a finite number above 0.\nReceived: 0\nFix: P(0) = alpha_P I must be",
            ),
            ({"alpha_P": -1}, "Learning.alpha_P: expected a finite number above 0.\nReceived: -1"),
            ({"alpha_P": np.inf}, "Learning.alpha_P: expected a finite number above 0."),
            ({"gain": "half"}, "Learning.gain: expected one of 'divided', 'undivided'.\nReceived: 'half'"),
            (
                {"update_every": 0},
                "Learning.update_every: expected a whole number of time steps, at least 1.\nReceived: 0",
            ),
            ({"update_every": 0}, "Fix: to switch learning off, leave learning out or set stop=0."),
            (
                {"update_every": -5},
                "Learning.update_every: expected a whole number of time steps, at least 1.",
            ),
            ({"start": -1}, "Learning.start: expected a whole number of time steps, at least 0."),
            ({"stop": -1}, "Learning.stop: expected a whole number of time steps, at least 0."),
            (
                {"start": 5, "stop": 4},
                "Learning.stop: expected stop at or after start.\nReceived: 'start=5, stop=4 (steps)'",
            ),
            (
                {"forgetting": 0},
                "Learning.forgetting: expected a number in (0, 1].\nReceived: 0\nFix: 1 keeps all of the",
            ),
            ({"forgetting": 1.01}, "Learning.forgetting: expected a number in (0, 1]."),
            (
                {"relaxation": 1},
                "Learning.relaxation: expected a number in [0, 1).\nReceived: 1\nFix: 0 keeps all of the past.",
            ),
            ({"relaxation": 0.1, "forgetting": 0.9}, "Learning.relaxation: expected 0 beside forgetting=0.9, which"),
            ({"probability": 0}, "Learning.probability: expected a number in (0, 1]."),
            ({"probability": 1.5}, "Learning.probability: expected a number in (0, 1]."),
        ],
    )
    def test_numbers_outside_their_range_are_refused(self, arguments, text):
        with pytest.raises(InvalidValueError, match=re.escape(text)):
            Learning(**({"alpha_P": 1.0} | arguments))

    def test_is_textbook_least_squares_where_nothing_else_is_asked_for(self):
        """Every step from the first to the last counts, and all count alike."""
        rule = Learning(alpha_P=0.1)
        assert (rule.start, rule.stop, rule.update_every, rule.probability) == (0, None, 1, 1.0)
        assert (rule.gain, rule.forgetting) == ("divided", 1.0)

    def test_types(self):
        with pytest.raises(InvalidTypeError, match=r"Learning\.alpha_P: .*\nReceived: '0\.1'\nFix: pass one number"):
            Learning(alpha_P="0.1")


class TestForceNetwork:
    def test_drawn_as_published(self):
        net = ForceNetwork.random("lif", n=400, n_outputs=3, n_inputs=2, p=0.1, G=0.04, Q=10.0, E2=3.0, seed=4)
        assert net.recurrent.weight.std() == pytest.approx(0.04 / (0.1 * 20), rel=0.05)
        assert net.recurrent.to_dense().sum(axis=0) == pytest.approx(np.zeros(400), abs=1e-12)
        assert net.feedback_kernel.shape == (3, 400)
        assert net.input_kernel.shape == (2, 400)
        for kernel, scale in ((net.feedback_kernel, 10.0), (net.input_kernel, 3.0)):
            assert 0.95 * scale < np.abs(kernel).max() <= scale
        assert not net.output_kernel.any()

    def test_the_seed_decides(self):
        one, same, other = (ForceNetwork.random(n=50, seed=s) for s in (1, 1, 2))
        for get in (
            lambda n: n.recurrent.weight,
            lambda n: n.feedback_kernel,
            lambda n: n.initial_values["v"],
        ):
            assert np.array_equal(get(one), get(same))
            assert not np.array_equal(get(one), get(other))

    def test_initial_values_are_not_drawn_from_the_numbers_of_the_weights(self):
        net = ForceNetwork.random(n=500, G=0, Q=1, seed=3)
        of_weights = (net.feedback_kernel[0] + 1) / 2  # the first numbers that the weights draw
        reset, largest = -0.065, 0.030
        of_voltages = (net.initial_values["v"] - reset) / (largest - reset)
        assert abs(np.corrcoef(of_weights, of_voltages)[0, 1]) < 0.2

    def test_initial_values(self):
        net = declare(initial={"v": "v_reset + 5*mV", "r": np.arange(N), "I_rec": 2 * brian2.mV})
        assert net.initial_values["v"] == pytest.approx(np.full(N, -0.06))
        assert net.initial_values["r"].tolist() == list(range(N))
        assert net.initial_values["I_rec"] == pytest.approx(np.full(N, 0.002))
        published = declare().initial_values
        assert np.all((published["v"] >= -0.065) & (published["v"] <= 0.030))
        assert published["last"] == pytest.approx(np.full(N, -1e-4))

    def test_state_variables_have_dimensions(self):
        found = declare(neuron="izhikevich").state_variables
        assert list(found) == ["v", "u", "r", "h_r", "I_rec", "h_rec"]
        assert found["u"] == found["I_rec"] == (0, 0, 0, 1, 0, 0, 0)
        assert found["h_rec"] == (0, 0, -1, 1, 0, 0, 0)

    @pytest.mark.parametrize(
        ("neuron", "name", "unit", "value"),
        [
            ("lif", "v", "mV", 1e-3),
            ("lif", "I_rec", "mV", 1e-3),
            ("lif", "last", "ms", 1e-3),
            ("lif", "h_r", "Hz", 1.0),
            ("izhikevich", "u", "pA", 1e-12),
            ("izhikevich", "h_rec", "pA/ms", 1e-9),
            ("theta", "v", "1", 1.0),
        ],
    )
    def test_units_of_recordings(self, neuron, name, unit, value):
        shown, scale = declare(neuron=neuron).display_unit(name)
        assert (shown, scale) == (unit, pytest.approx(value))

    @pytest.mark.parametrize("dt", ["0.1*ms", 1e-4, 0.1 * brian2.ms, np.float32(1e-4)])
    def test_time_step(self, dt):
        assert declare(dt=dt).dt == pytest.approx(1e-4)

    @pytest.mark.parametrize(
        ("changes", "error", "text"),
        [
            (
                {"n": 0},
                InvalidValueError,
                "ForceNetwork.n: expected a whole number, at least 1.\nReceived: 0",
            ),
            ({"n": 2.5}, InvalidValueError, "ForceNetwork.n: expected a whole number, at least 1."),
            ({"dt": 0}, InvalidValueError, "ForceNetwork.dt: expected a finite number above 0."),
            (
                {"dt": "1*mV"},
                UnitsError,
                "ForceNetwork.dt: expected a time.\nReceived: '1*mV'\nFix: write it as in",
            ),
            ({"dt": 1 * brian2.mV}, UnitsError, "ForceNetwork.dt: expected a time."),
            ({"dt": [1]}, InvalidTypeError, "ForceNetwork.dt: expected a time in seconds."),
            (
                {"dtype": "float16"},
                InvalidValueError,
                "ForceNetwork.dtype: expected one of 'float64', 'float32'.",
            ),
            ({"seed": -1}, InvalidValueError, "ForceNetwork.seed: expected a whole number, at least 0."),
            ({"seed": 2**63}, InvalidValueError, "ForceNetwork.seed: expected a whole number below 2**63."),
            ({"neuron": "lyf"}, UnknownNameError, "Received: 'lyf'\nFix: did you mean 'lif'?"),
            ({"synapse": "exp"}, UnknownNameError, "ForceNetwork.synapse: expected a known filter"),
            (
                {"recurrent": np.zeros((N, N))},
                InvalidTypeError,
                "ForceNetwork.recurrent: expected a SparseKernel or None.",
            ),
            (
                {"recurrent": SparseKernel(3, [], [], [])},
                InvalidValueError,
                "ForceNetwork.recurrent: expected a kernel of 10 neurons.\nReceived: 'one of 3'",
            ),
            (
                {"feedback_kernel": np.ones((N, 2))},
                InvalidValueError,
                "ForceNetwork.feedback_kernel: expected an array of shape (2, 10) (n_outputs, n).\nReceived: (10, 2)\n"
                "Fix: check the order of the axes.",
            ),
            (
                {"output_kernel": np.zeros((2, N))},
                InvalidValueError,
                "ForceNetwork.output_kernel: expected an array of shape (10, n_outputs).\nReceived: (2, 10)",
            ),
            (
                {"output_kernel": np.zeros((N, 0))},
                InvalidValueError,
                "ForceNetwork.output_kernel: expected an array of",
            ),
            (
                {"output_kernel": np.full((N, 2), np.nan)},
                InvalidValueError,
                "ForceNetwork.output_kernel: expected finite",
            ),
            (
                {"input_kernel": np.zeros((1, 3))},
                InvalidValueError,
                "ForceNetwork.input_kernel: expected an array of shape (n_inputs, 10).",
            ),
            (
                {"input_kernel": np.zeros((0, N))},
                InvalidValueError,
                "ForceNetwork.input_kernel: expected an array of",
            ),
            ({"learning": 0.1}, InvalidTypeError, "ForceNetwork.learning: expected a Learning or None."),
            (
                {"parameters": ["tau_decay"]},
                InvalidTypeError,
                "ForceNetwork.parameters: expected a dictionary",
            ),
            ({"parameters": {"tau": "1*ms"}}, UnknownNameError, "Received: 'tau'\nFix: did you mean 'tau_"),
            (
                {"parameters": {"tau_decay": "20*mV"}},
                UnitsError,
                "ForceNetwork(lif): parameters.tau_decay: expected a quantity in second.\nReceived: '20*mV'\n"
                "Fix: its unit is volt; the default is '20*ms'.",
            ),
            (
                {"parameters": {"tau_rise": "0*ms"}},
                InvalidValueError,
                "parameters.tau_rise: expected a time constant above 0.",
            ),
            (
                {"parameters": {"tau_decay": "-2*ms"}},
                InvalidValueError,
                "expected a time constant above 0.\nReceived: '-2*ms'",
            ),
            ({"initial": "v"}, InvalidTypeError, "ForceNetwork.initial: expected a dictionary"),
            (
                {"initial": {"w": 1}},
                UnknownNameError,
                "ForceNetwork.initial: expected a known state variable",
            ),
            (
                {"initial": {"v": "20*ms"}},
                UnitsError,
                "ForceNetwork.initial['v']: expected a quantity in volt.\nReceived: '20*ms'\nFix: its unit is second",
            ),
            (
                {"initial": {"r": "20*mV"}},
                UnitsError,
                "ForceNetwork.initial['r']: expected a quantity in 1 (no unit).",
            ),
            (
                {"initial": {"v": 1 * brian2.second}},
                UnitsError,
                "ForceNetwork.initial['v']: expected a quantity in volt.",
            ),
            (
                {"initial": {"v": np.zeros(3)}},
                InvalidValueError,
                "ForceNetwork.initial['v']: expected an array of shape (10,)",
            ),
            (
                {"initial": {"v": np.nan}},
                InvalidValueError,
                "ForceNetwork.initial['v']: expected finite values.",
            ),
            ({"initial": {"v": ["a"] * N}}, InvalidTypeError, "ForceNetwork.initial['v']: expected an array"),
        ],
    )
    def test_parts_that_do_not_fit_are_refused(self, changes, error, text):
        with pytest.raises(error, match=re.escape(text)):
            declare(**changes)

    @pytest.mark.parametrize(
        ("changes", "error", "text"),
        [
            ({"p": 0}, InvalidValueError, "ForceNetwork.p: expected a number in (0, 1]."),
            ({"G": np.inf}, InvalidValueError, "ForceNetwork.G: expected finite values."),
            ({"Q": "a"}, InvalidTypeError, "ForceNetwork.Q: expected an array of shape () (one number)."),
            ({"E2": [1]}, InvalidValueError, "ForceNetwork.E2: expected an array of shape () (one number)."),
            (
                {"n_outputs": 0},
                InvalidValueError,
                "ForceNetwork.n_outputs: expected a whole number, at least 1.",
            ),
            (
                {"n_inputs": -1},
                InvalidValueError,
                "ForceNetwork.n_inputs: expected a whole number, at least 0.",
            ),
        ],
    )
    def test_random_refuses(self, changes, error, text):
        with pytest.raises(error, match=re.escape(text)):
            ForceNetwork.random(n=N, **changes)

    def test_neuron_and_filter_share_no_parameter(self, tmp_path):
        from tension_sim.declare.equations import data_folder

        text = (data_folder("equations") / "lif.toml").read_text().replace("tau_mem", "tau_decay")
        (tmp_path / "mine.toml").write_text(text)
        with pytest.raises(
            InvalidValueError, match=r"ForceNetwork\.neuron: expected other parameter names than the filter's"
        ):
            declare(neuron=tmp_path / "mine.toml")


def test_seconds():
    assert seconds("A.b", "20*ms") == 0.02
    assert seconds("A.b", "3") == 3.0
    assert seconds("A.b", 2 * brian2.second) == 2.0
