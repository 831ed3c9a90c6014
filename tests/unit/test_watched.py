"""What can be watched of a circuit, by hand, and conditions on it at both sides of their bounds."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim import (
    FittedNetwork,
    ForceNetwork,
    Learning,
    Network,
    Plastic,
    Population,
    Projection,
    Readout,
    Record,
    SparseKernel,
)
from tension_sim.circuit.fitted_wiring import FittedWiring
from tension_sim.circuit.network_wiring import NetworkWiring
from tension_sim.circuit.watched import MOST_SHOWN, Frame, Watched, watched
from tension_sim.circuit.wiring import ForceWiring
from tension_sim.declare.stopping import QUANTITIES, WINDOW, StopWhen, check_stop_when
from tension_sim.errors import InvalidValueError

RULE = Learning(alpha_P=1.0)
SHOWN = {"rmse": 0.1, "rate": 5.0, "weight_norm": 1.0, "P_trace": 2.0, "t": 1.0}


def test_of_a_force_network():
    plastic = Plastic(np.ones((3, 3)), Learning(alpha_P=2.0))
    net = ForceNetwork.random("lif", n=3, G=0, learning=RULE, plastic=plastic)
    assert watched(ForceWiring(net, Record(variables={"v": (0,)})).circuit) == Watched(
        outputs=(("readout", "z"),), targets=(("target", "value"),), spiking=("neurons",), n_spiking=3,
        weights=(("plastic", "w"), ("readout", "w")), n_weights=(9, 3), rules=("rls", "rls_plastic"),
    )  # fmt: skip
    rates = ForceNetwork.random("echo_state", None, n=3)
    found = watched(ForceWiring(rates, Record()).circuit)
    assert (found.spiking, found.n_spiking, found.rules) == ((), 0, ())


def test_of_a_fitted_network():
    kernel = SparseKernel.from_dense(np.ones((5, 3)))
    files = ("lif", "double_exponential", "single_exponential")
    net = FittedNetwork(*files, 3, 1e-4, SparseKernel.from_dense(np.ones((3, 3))), kernel, RULE, n_feedforward=2)
    assert watched(FittedWiring(net, Record()).circuit) == Watched(
        outputs=(), targets=(), spiking=("neurons",), n_spiking=3, weights=(("plastic", "w"),),
        n_weights=(15,), rules=("rls",),
    )  # fmt: skip


def test_of_populations():
    populations = {"a": Population("lif", 2), "b": Population("theta", 3)}
    one = Network(populations, readouts={"x": Readout("a", np.ones((2, 1)))})
    assert watched(NetworkWiring(one, Record()).circuit) == Watched(
        outputs=(("readout_x", "z"),), targets=(("target", "value"),), spiking=("neurons_a", "neurons_b"), n_spiking=5,
        weights=(("readout_x", "w"),), n_weights=(2,), rules=(),
    )  # fmt: skip
    two = Network(populations, readouts={name: Readout("b", np.ones((3, 2)), learning=RULE) for name in "xy"})
    assert watched(NetworkWiring(two, Record()).circuit) == Watched(
        outputs=(("readout_x", "z"), ("readout_y", "z")), targets=(("target_x", "z"), ("target_y", "z")),
        spiking=("neurons_a", "neurons_b"), n_spiking=5, weights=(("readout_x", "w"), ("readout_y", "w")),
        n_weights=(6, 6), rules=("rls_x", "rls_y"),
    )  # fmt: skip
    assert watched(NetworkWiring(Network(populations), Record()).circuit).targets == ()


def test_a_frame_without_samples():
    frame = Frame(1, 1, 0.0, 0, 0.0, 0.0)
    assert (frame.sampled.shape, frame.sampled.dtype, frame.output.shape) == ((0,), np.int64, (0, 0))
    assert (MOST_SHOWN, WINDOW) == (8, 0.1)


@pytest.mark.parametrize(
    ("text", "condition", "duration", "names"),
    [
        ("rmse < 0.02", "rmse < 0.02", 0.0, {"rmse"}),
        (" rmse<0.02 for 2*second", "rmse<0.02", 2.0, {"rmse"}),
        ("rate > 5*Hz and t > 1*second for 10*ms", "rate > 5*Hz and t > 1*second", 0.01, {"rate", "t"}),
        (
            "not weight_norm > 3 or P_trace < 1e-3",
            "not weight_norm > 3 or P_trace < 1e-3",
            0.0,
            {"weight_norm", "P_trace"},
        ),
    ],
)
def test_a_condition_and_its_time(text, condition, duration, names):
    found = StopWhen(text)
    assert (found.text, found.condition, found.duration, found.names) == (text, condition, duration, names)
    assert repr(found) == f"StopWhen({text!r})"


@pytest.mark.parametrize("name", ["rmse", "rate", "weight_norm", "P_trace"])
def test_holds_below_and_above(name):
    unit = {"1": "", "hertz": "*Hz"}[QUANTITIES[name][0]]
    for sign, holds in (("<", (True, False, False)), ("<=", (True, True, False)), (">=", (False, True, True))):
        stop = StopWhen(f"{name} {sign} 3{unit}")
        assert tuple(stop.holds({**SHOWN, name: value}) for value in (2.5, 3.0, 3.5)) == holds
        assert not stop.holds({**SHOWN, name: np.nan})
    assert StopWhen(f"{name} < 3{unit} or t > 2*second").holds({**SHOWN, name: 4.0, "t": 2.5})
    assert not StopWhen("1/(rmse - 0.1) > 0").holds(SHOWN)


def test_the_longest_text():
    text = "rmse < 1"
    assert StopWhen(text + " " * (1000 - len(text))).condition == text
    with pytest.raises(InvalidValueError, match="expected a condition such as .*, of at most 1000 characters"):
        StopWhen(text + " " * (1001 - len(text)))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("rmse < 1 for 0*second", 14), ("  rmse < $", 10), ("rmse < 1 and ", 12), ("(rmse < 1", 1),
        (" for 1*second", 1), ("rmse < 1 for  ", 15),
    ],
)  # fmt: skip
def test_the_character_of_a_fault(text, place):
    with pytest.raises(InvalidValueError) as caught:
        StopWhen(text, "A.b")
    assert str(caught.value).startswith(f"A.b, character {place}: "), str(caught.value)


def test_a_quantity_that_a_run_lacks_is_named_where_it_stands():
    stop = StopWhen("t > 1*second and rate < 1*Hz", "A.b")
    stop.check(["rate"], lambda name: "")
    with pytest.raises(InvalidValueError) as caught:
        stop.check(["rmse"], lambda name: f"no {name} here")
    assert str(caught.value) == (
        "A.b, character 18: expected a quantity of this run: no rate here.\nReceived: 'rate'\nFix: choose from rmse, t."
    )
    assert check_stop_when("A.b", None) is None
    assert check_stop_when("A.b", stop) is stop


def test_a_delayed_trace_is_no_neuron_that_spikes():
    projection = Projection("a", "a", weights=np.eye(3), synapse="tsodyks_markram", delay="1*ms")
    found = watched(NetworkWiring(Network({"a": Population("lif", 3)}, [projection]), Record()).circuit)
    assert found.spiking == ("neurons_a",)
    assert found.n_spiking == 3
