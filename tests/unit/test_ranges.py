"""What equation files say of their parameters' ranges, wherever these get values."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim import (
    FittedNetwork,
    ForceNetwork,
    InvalidTypeError,
    InvalidValueError,
    Network,
    Population,
    Projection,
    SparseKernel,
    TensionError,
    UnitsError,
    load_neuron,
    load_synapse,
)
from tension_sim.declare.equation_text import from_text, to_text

ONES = np.ones((3, 3))


def of(neuron: str, **parameters) -> Network:
    return Network({"cells": Population(neuron, 3, parameters=parameters)}, dt="0.1*ms")


def short_term(**parameters) -> Network:
    return Network(
        {"cells": Population("lif", 3)},
        [Projection("cells", "cells", weights=ONES, synapse="tsodyks_markram", parameters=parameters)],
        dt="0.1*ms",
    )


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: short_term(U=2),
         "Network(tsodyks_markram): parameters.U: expected U >= 0 and U <= 1.\nReceived: 2"),
        (lambda: short_term(U="-0.1"), "parameters.U: expected U >= 0 and U <= 1.\nReceived: '-0.1'"),
        (lambda: short_term(tau_rec="-1*ms"),
         "Network(tsodyks_markram): parameters.tau_rec: expected a time constant above 0.\nReceived: '-1*ms'"),
        (lambda: of("adex", C="-281*pF"),
         "Network.populations['cells'](adex): parameters.C: expected C > 0*pF.\nReceived: '-281*pF'"),
        (lambda: of("adex", C="0*pF"), "parameters.C: expected a number other than 0, for equations divide by it.\n"),
        (lambda: of("adex", slope=np.array([2e-3, 0, 2e-3])), "parameters.slope: expected a number other than 0"),
        (lambda: of("eif", slope="-1*mV"), "(eif): parameters.slope: expected slope > 0*mV.\nReceived: '-1*mV'"),
        (lambda: of("lif_conductance", g_leak="0*nS"), "parameters.g_leak: expected g_leak > 0*nS."),
        (lambda: of("lif", v_reset=np.array([-0.065, -0.04, -0.065])), "v_reset: expected v_reset < v_peak."),
        (lambda: of("lif", v_peak="-70*mV"),
         "Network.populations['cells'](lif): parameters.v_reset: expected v_reset < v_peak.\nReceived: '-65*mV'\n"
         "Fix: with v_peak = -70*mV."),
        (lambda: of("lif_nmda", Mg="-1*mM"), "parameters.Mg: expected Mg >= 0*mM."),
        (lambda: of("hodgkin_huxley", g_Na="-20*uS"), "parameters.g_Na: expected g_Na >= 0*uS."),
        (lambda: of("izhikevich", a="-0.01/ms"), "parameters.a: expected a >= 0/ms."),
        (lambda: of("lif_rate", E_peak=-70), "parameters.E_reset: expected E_reset < E_peak."),
        (lambda: ForceNetwork.random("theta", n=3, parameters={"v_reset": 4}),
         "ForceNetwork(theta): parameters.v_reset: expected v_reset < v_peak.\nReceived: 4\nFix: with v_peak = pi."),
        (lambda: FittedNetwork(
            "lif_normalized", "single_exponential", "single_exponential", 3, 1e-4, None, SparseKernel.from_dense(ONES),
            parameters={"v_peak": 0}),
         "FittedNetwork(lif_normalized): parameters.v_reset: expected v_reset < v_peak."),
    ],
)  # fmt: skip
def test_parameters_outside_of_their_range_are_refused_where_they_are_declared(build, text):
    with pytest.raises(InvalidValueError) as caught:
        build()
    assert text in str(caught.value)


def test_the_ends_of_a_range_belong_to_it():
    short_term(U=1)
    short_term(U=0)
    of("hodgkin_huxley", g_Na="0*uS")


FILE = """
kind = "neuron"
equations = "dv/dt = (I_rec + I_fb + I_in - v)/tau : volt"
threshold = "v > top"
reset = "v = 0*mV"
membrane = "v"
[inputs]
recurrent = "I_rec"
feedback = "I_fb"
external = "I_in"
[units]
current = "mV"
rate = "1/second"
[parameters]
tau = "10*ms"
top = "20*mV"
[ranges]
top = "RANGE"
"""


def test_a_file_of_ones_own_keeps_its_ranges(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(FILE.replace("RANGE", "top>0*mV and top<1*volt"))
    mine = load_neuron(path)
    assert mine.ranges == {"top": "top > 0*mV and top < 1*volt"}
    assert from_text("mine", to_text(mine)) == mine
    with pytest.raises(InvalidValueError, match=r"parameters\.top: expected top > 0\*mV and top < 1\*volt\."):
        of(str(path), top="2*volt")
    short = load_synapse("tsodyks_markram")
    assert short.renamed("_s").ranges == {"U_s": "U_s >= 0 and U_s <= 1"}


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("top > 30*mV", InvalidValueError, "mine.toml: parameters.top: expected top > 30*mV.\nReceived: '20*mV'"),
        ("top", InvalidValueError, "mine.toml: ranges.top: expected a condition"),
        ("top > 0", UnitsError, "mine.toml: ranges.top: expected"),
        (
            "tau > 0*ms",
            InvalidValueError,
            "mine.toml: ranges.top: expected a condition on top.\nReceived: 'tau > 0*ms'",
        ),
        ("top > 0*mV*t/ms", InvalidValueError, "mine.toml: ranges.top: expected a known parameter or unit"),
        ("top > rand()*mV", InvalidValueError, "mine.toml: ranges.top: expected"),
        ("0*mV < top < 1*volt", InvalidValueError, "mine.toml: ranges.top: expected comparisons of two numbers"),
        ('x"\nother = "other > 0', TensionError, "mine.toml: "),
    ],
)
def test_ranges_that_cannot_be_are_refused_with_the_file(tmp_path, text, kind, words):
    path = tmp_path / "mine.toml"
    path.write_text(FILE.replace("RANGE", text))
    with pytest.raises(kind) as caught:
        load_neuron(path)
    assert words in str(caught.value)


def test_a_range_of_no_parameter(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(FILE.replace('top = "RANGE"', 'topp = "topp > 0*mV"'))
    with pytest.raises(InvalidValueError) as caught:
        load_neuron(path)
    assert "mine.toml: ranges: expected a known parameter (tau, top).\nReceived: 'topp'" in str(caught.value)


@pytest.mark.parametrize("delay", [True, np.True_])
def test_a_flag_is_no_delay(delay):
    with pytest.raises(InvalidTypeError) as caught:
        Projection("a", "b", weights=ONES, delay=delay)
    assert str(caught.value).startswith("Projection.delay: expected a time, or an array of times.\nReceived: ")
