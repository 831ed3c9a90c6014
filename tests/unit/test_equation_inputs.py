"""Inputs with units of their own, and synapses, in equation files."""

from __future__ import annotations

import pytest

from tension_sim import ForceNetwork, InvalidValueError, UnitsError, UnknownNameError, load_neuron, load_synapse
from tension_sim.declare.equation_text import from_text, to_text
from tension_sim.declare.neuron import Input

NEURON = """
kind = "neuron"
equations = "dv/dt = (g_exc*(E_exc - v) + I_fb)/C : volt"
threshold = "v > 0*mV"
reset = "v = -60*mV"
membrane = "v"

[inputs]
g_exc = {unit = "nS", meaning = "excitatory conductance"}
I_fb = {unit = "pA", meaning = "feedback"}

[units]
current = "pA"
rate = "1/second"

[parameters]
C = "200*pF"
E_exc = "0*mV"
"""

SYNAPSE = """
kind = "synapse"
equations = "dg/dt = -g/tau : unit"
output = "g"

[spike]
g = "2"

[parameters]
tau = "5*ms"
"""


def written(tmp_path, text, name="mine.toml"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_inputs_have_units_and_meanings(tmp_path):
    neuron = load_neuron(written(tmp_path, NEURON))
    assert neuron.inputs == {}
    assert neuron.input_units == {"g_exc": "nS", "I_fb": "pA"}
    assert neuron.more_inputs["g_exc"] == Input("nS", "excitatory conductance")
    assert from_text("mine", to_text(neuron)) == neuron


def test_a_synapse_adds_its_weight(tmp_path):
    synapse = load_synapse(written(tmp_path, SYNAPSE))
    assert synapse.kind == "synapse"
    assert synapse.instance("g_exc", "x", "siemens")[1] == {"g_exc": "2"}
    assert from_text("mine", to_text(synapse)) == synapse


@pytest.mark.parametrize(
    ("old", "new", "error", "text"),
    [
        ('{unit = "nS", ', '{unit = "mS2", ', UnknownNameError, "mine.toml: inputs.g_exc.unit: expected a known "),
        ('{unit = "nS", ', '{unit = "pA", ', UnitsError, "mine.toml: equations: v: expected "),
        ('{unit = "nS", ', "{", InvalidValueError, "inputs.g_exc: expected its unit as a text.\nReceived: None"),
        (', meaning = "feedback"', "", InvalidValueError, "inputs.I_fb: expected its meaning as a text."),
        ("meaning", "means", UnknownNameError, "expected a known key of an input (meaning, unit).\nReceived: 'means'\n"
         "Fix: did you mean 'meaning'?"),
        ("g_exc = {", "tau-m = {", InvalidValueError, "mine.toml: inputs.tau-m: expected a name of at most"),
        ("I_fb = {", "C = {", InvalidValueError, "mine.toml: inputs.C: expected a name that is used once"),
        ("[inputs]", '[inputs]\nfeedback = "I"', InvalidValueError, "mine.toml: inputs: expected the entry "),
    ],
)  # fmt: skip
def test_wrong_inputs(tmp_path, old, new, error, text):
    with pytest.raises(error) as caught:
        load_neuron(written(tmp_path, NEURON.replace(old, new, 1)))
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "error", "text"),
    [
        ('"2"', '"2/ms"', UnitsError, "mine.toml: spike.g: expected what a spike of weight 1 adds in 1 (no unit)."),
        ('"synapse"', '"filter"', UnitsError, "spike.g: expected what a spike of weight 1 adds in 1 second"),
        ("-g/tau", "-g*g/tau/unit", UnknownNameError, "unit"),
    ],
)  # fmt: skip
def test_wrong_synapses(tmp_path, old, new, error, text):
    with pytest.raises(error) as caught:
        load_synapse(written(tmp_path, SYNAPSE.replace(old, new, 1)))
    assert text in str(caught.value)


def test_short_forms_refuse_what_they_cannot_connect(tmp_path):
    with pytest.raises(InvalidValueError) as caught:
        ForceNetwork.random(written(tmp_path, NEURON), n=10)
    assert str(caught.value) == (
        "ForceNetwork.neuron: expected a neuron with a recurrent, a feedback and an external input.\n"
        "Received: 'mine, with g_exc, I_fb'\nFix: name them in [inputs], or put the neuron into a Population."
    )
    with pytest.raises(InvalidValueError) as caught:
        ForceNetwork.random("lif", "ampa", n=10)
    assert str(caught.value) == (
        "ForceNetwork.synapse: expected a file of kind = \"filter\".\nReceived: 'ampa, a synapse'\n"
        "Fix: a Network has projections with synapses."
    )
