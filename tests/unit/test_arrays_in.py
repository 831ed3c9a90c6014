"""The door for arrays: nothing loses its mask or its unit on the way in."""

import re
from decimal import Decimal
from fractions import Fraction

import brian2
import neo
import numpy as np
import pytest
import quantities as pq
import scipy.sparse

from tension_sim import DataConstrainedNetwork, ForceNetwork, Learning, Simulation, SparseKernel, Traces
from tension_sim.brian import LinearMap, Signal
from tension_sim.declare.arrays_in import numbers, numbers_and_dimension, whole_numbers
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError
from tension_sim.tasks.surrogate import check_recording

MASKED = np.ma.masked_equal([[1.0, -999.0], [3.0, 4.0]], -999.0)


def read(value, **options):
    return numbers("A.b", value, "numbers", **options)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (np.float16([1.5]), [1.5]),
        (np.array([1.5, 2.0], ">f8"), [1.5, 2.0]),
        (np.array([1, 2], ">i2"), [1, 2]),
        (np.arange(6.0)[::2], [0, 2, 4]),
        (np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]), [[1, 2], [3, 4]]),
        (np.longdouble(2), 2),
        (np.array(3), 3),
        ([True, False], [1, 0]),
        ([2**53, -(2**53)], [2.0**53, -(2.0**53)]),
        (np.array([2**63], np.uint64), [2.0**63]),
        ([Fraction(1, 4), Decimal("0.5")], [0.25, 0.5]),
        (range(3), [0, 1, 2]),
        ([np.arange(2), (2, 3)], [[0, 1], [2, 3]]),
        (np.ma.array([1, 2], mask=False), [1, 2]),
        ([], []),
    ],
)
def test_numbers_are_taken_exactly(value, wanted):
    found = read(value)
    assert found.dtype == np.float64 and found.dtype.isnative
    assert found.tolist() == wanted


def test_what_is_returned_is_a_copy():
    given = np.zeros(3)
    read(given)[:] = 1
    assert not given.any()


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        ([[1, 2], [3]], InvalidTypeError, "A.b: expected numbers.\nReceived: [[1, 2], [3]]\nFix: give all rows"),
        ([1, None], InvalidValueError, "1 masked or missing value(s), the first at index (1,)"),
        ([None], InvalidTypeError, "Fix: pass numbers."),
        (["1", "2"], InvalidTypeError, "Fix: pass numbers."),
        ([1, "2"], InvalidTypeError, "Fix: pass numbers."),
        ([1j], InvalidTypeError, "Fix: pass numbers."),
        (np.array([1, 2], "m8[s]"), InvalidTypeError, "Fix: pass numbers."),
        (np.array(["2020"], "M8[D]"), InvalidTypeError, "Fix: pass numbers."),
        (np.zeros(2, [("a", float)]), InvalidTypeError, "Fix: pass numbers."),
        ({1: 2}, InvalidTypeError, "Received: {1: 2}"),
        (object, InvalidTypeError, "Fix: pass numbers."),
        ([10**400], InvalidValueError, "numbers that float64 holds, below 1e308, whole ones exactly"),
        ([2**53 + 1], InvalidValueError, "numbers that float64 holds, below 1e308, whole ones exactly"),
        ([10**5000], InvalidValueError, "Received: a value of type list"),
        (np.longdouble("1e400"), InvalidValueError, "numbers that float64 holds"),
        (MASKED, InvalidValueError, "Received: '1 masked or missing value(s), the first at index (0, 1)'\nFix: fill"),
        ([MASKED[0], MASKED[1]], InvalidValueError, "the first at index (0, 1)"),
        ([1.0, np.ma.masked], InvalidValueError, "the first at index (1,)"),
        (10 * brian2.mV, UnitsError, "A.b: expected plain numbers.\nReceived: 'a quantity in volt'\nFix: divide it by"),
        ([1 * brian2.mV, 2 * brian2.mV], UnitsError, "a quantity in volt"),
        ([[1 * brian2.mV, 2]], InvalidTypeError, "Fix: give all items the same unit."),
        ([1, 2] * pq.mV, UnitsError, "a quantity in volt"),
        ([1] * pq.bit, InvalidTypeError, "Fix: its unit bit is not known here: pass plain numbers."),
        ([[1, 2], [3]], InvalidTypeError, "Fix: give all rows the same length."),
        ([MASKED[0], [1]], InvalidTypeError, "Fix: give all rows the same length."),
        (scipy.sparse.csr_array(np.eye(2)), InvalidTypeError, "Fix: pass it dense: its toarray()."),
    ],
)
def test_what_are_no_plain_numbers_is_refused(value, error, text):
    """Also what cannot be shown: Python writes no number of 5000 digits."""
    with pytest.raises(error, match=re.escape(text)):
        read(value)


def test_quantities_nested_too_deep_are_refused():
    value = 1 * brian2.mV
    for _ in range(40):
        value = [1 * brian2.mV, value]
    with pytest.raises(InvalidTypeError, match="Fix: it is nested too deep"):
        read(value)


def test_a_list_within_itself_is_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(InvalidTypeError, match="A.b: expected numbers"):
        read(endless)


def test_an_object_that_fails_to_become_an_array_is_refused():
    class Broken:
        def __array__(self, *_, **__):
            raise RuntimeError("no gradient here")

        def __repr__(self):
            raise ValueError

    with pytest.raises(InvalidTypeError, match="Received: a value of type Broken\nFix: it cannot be an array: no grad"):
        read(Broken())


def test_units_of_other_packages_are_not_dropped():
    class Quantity(np.ndarray):
        unit = "mV"

    with pytest.raises(InvalidTypeError, match="Fix: Quantity has a unit of another package: pass its plain numbers"):
        read(np.zeros(2).view(Quantity))


@pytest.mark.parametrize(
    "value",
    [
        [0.01, 0.02] * brian2.volt,
        [10 * brian2.mV, 20 * brian2.mV],
        [10_000, 20_000] * pq.uV,
        neo.AnalogSignal([0.01, 0.02], units="V", sampling_rate=1 * pq.Hz),
    ],
)
def test_quantities_are_converted(value):
    assert read(value, unit="mV").ravel() == pytest.approx([10, 20])
    with pytest.raises(UnitsError, match="A.b: expected plain numbers, or a quantity in pA"):
        read(value, unit="pA")


def test_variables_of_brian2_groups_keep_their_unit():
    group = brian2.NeuronGroup(2, "v : volt")
    group.v = [1, 2] * brian2.mV
    assert read(group.v, unit="mV").tolist() == [1, 2]
    values, dimension = numbers_and_dimension("A.b", group.v, "numbers")
    assert values.tolist() == [0.001, 0.002] and dimension[:4] == (2, 1, -3, -1)


def test_missing_values_become_gaps_where_these_are_known():
    assert np.isnan(read(MASKED, gaps=True)).tolist() == [[False, True], [False, False]]
    assert np.isnan(check_recording("A.data", MASKED, "skip")).tolist() == [[False, True], [False, False]]
    with pytest.raises(InvalidValueError, match="A.data: expected data without gaps"):
        check_recording("A.data", MASKED)


class TestWholeNumbers:
    @pytest.mark.parametrize(
        ("value", "error", "text"),
        [
            ([0, 2], InvalidValueError, "A.b: expected neurons from 0 to 1.\nReceived: [0, 2]"),
            ([-1], InvalidValueError, "A.b: expected neurons from 0 to 1."),
            (np.array([2**63], np.uint64), InvalidValueError, "A.b: expected neurons from 0 to 1."),
            ([1.0], InvalidTypeError, "A.b: expected a list of neurons.\nReceived: [1.0]\nFix: pass whole numbers"),
            ([[1], [2, 3]], InvalidTypeError, "A.b: expected a list of neurons."),
            ([True], InvalidTypeError, "A.b: expected a list of neurons."),
            (1, InvalidTypeError, "A.b: expected a list of neurons."),
            ([1] * pq.s, InvalidTypeError, "A.b: expected a list of neurons."),
            (np.ma.masked_equal([0, 1], 1), InvalidValueError, "1 masked or missing value(s)"),
        ],
    )
    def test_what_are_no_whole_numbers_is_refused(self, value, error, text):
        with pytest.raises(error, match=re.escape(text)):
            whole_numbers("A.b", value, "a list of neurons", below=2)

    def test_accepted(self):
        assert whole_numbers("A.b", (1, 0), "a list of neurons", below=2).tolist() == [1, 0]
        assert whole_numbers("A.b", [], "a list of neurons").dtype == np.int64


class TestPublicArguments:
    """What the issue names: a masked sample learned as -999, and 10 mV of feedback taken as 0.01 mV."""

    def test_kernels_count_in_the_neurons_unit(self):
        def net(kernel):
            return ForceNetwork("lif", "double_exponential", 3, 5e-5, None, kernel, np.zeros((3, 1)))

        wanted = net(np.full((1, 3), 10.0)).feedback_kernel
        for kernel in (np.full((1, 3), 10) * brian2.mV, np.full((1, 3), 0.01) * pq.V):
            assert net(kernel).feedback_kernel == pytest.approx(wanted)
        with pytest.raises(UnitsError, match="feedback_kernel: expected plain numbers, or a quantity in mV"):
            net(np.ones((1, 3)) * brian2.pA)
        drawn = [ForceNetwork.random("lif", n=5, Q=Q).feedback_kernel for Q in (10, 10 * brian2.mV)]
        assert drawn[0] == pytest.approx(drawn[1])

    def test_weights_without_a_neuron_have_no_unit(self):
        with pytest.raises(UnitsError, match="SparseKernel.weight: expected plain numbers"):
            SparseKernel(2, [0], [1], [1] * brian2.mV)

    def test_masked_samples_are_not_learned(self):
        net = ForceNetwork.random("lif", n=5, learning=Learning(alpha_P=1.0))
        y = np.ma.masked_equal(np.where(np.arange(10) == 3, -999.0, 0.0), -999.0)
        with pytest.raises(InvalidValueError, match=r"Simulation.run.y: expected no missing values[\s\S]*index \(3,\)"):
            Simulation(net, target="numpy").run(y)

    def test_masked_recordings_have_gaps(self):
        data = np.sin(np.arange(20)[:, None] / 3 + np.arange(4))
        data[5, 2] = -999.0
        masked = np.ma.masked_equal(data, -999.0)
        model = DataConstrainedNetwork(masked, "10*ms", nan="skip", target="numpy")
        assert np.isnan(model.data[5, 2]) and np.abs(model.data[np.isfinite(model.data)]).max() < 1

    def test_times_and_signals_of_brian2_objects(self):
        assert Traces([0, 1], [20, 5] * pq.ms).tau == pytest.approx([0.02, 0.005])
        assert Signal([1, 2] * pq.mV).value.dim == brian2.volt.dim
        with pytest.raises(InvalidValueError, match="Signal.samples: expected no missing values"):
            Signal(MASKED)
        group = brian2.NeuronGroup(2, "r : 1")
        readout = LinearMap(group, "r", weights=np.ones((1, 2)) * pq.mV)
        assert readout.W.dim == brian2.volt.dim
