"""Equation files: what they hold, and what is said about a bad one."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import brian2
import pytest

from tension_sim import load_recipe
from tension_sim.declare import equations
from tension_sim.declare.equation_text import from_text, to_text
from tension_sim.declare.equations import (
    dimensions,
    list_neurons,
    list_rate_units,
    list_synapses,
    load_neuron,
    load_synapse,
    rate_time,
    resolve_parameters,
)
from tension_sim.declare.units import Quantity
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError, UnknownNameError

NEURON = '''
kind = "neuron"
equations = """
dv/dt = (I - v)/tau : volt
I = I_rec + I_fb + I_in : volt
"""
threshold = "v > 1*mV"
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
[initial]
v = "rand()*mV"
'''
FILTER = """
kind = "filter"
equations = "dx/dt = -x/tau_decay : unit"
output = "x"
[spike]
x = "1/tau_decay"
[parameters]
tau_decay = "20*ms"
"""


def write(folder: Path, text: str, *changes: tuple[str, str]) -> Path:
    """Write a file of one's own, with lines exchanged."""
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_the_packages_files_are_found_by_looking():
    assert {"izhikevich", "lif", "theta"} <= set(list_neurons())
    assert {"constrained", "echo_state"} <= set(list_rate_units())
    assert {"double_exponential", "single_exponential"} <= set(list_synapses())


def test_a_file_of_ones_own(tmp_path):
    neuron = load_neuron(write(tmp_path, NEURON))
    assert (neuron.name, neuron.method, neuron.membrane) == ("mine", "euler", "v")
    assert neuron.variables == ["v", "I"]
    assert neuron.state_variables == ["v"]
    assert load_neuron(str(tmp_path / "mine.toml")) == neuron


def test_published_parameters():
    values = {name: load_neuron(name).parameters for name in list_neurons()}
    lif = resolve_parameters("lif", values["lif"], dt=5e-5)
    assert [lif[name].value for name in ("tau_mem", "tau_ref", "v_reset", "v_peak", "bias")] == pytest.approx(
        [0.01, 0.002, -0.065, -0.04, -0.04]
    )
    izhikevich = resolve_parameters("izhikevich", values["izhikevich"], dt=4e-5)
    assert izhikevich["v_t"].value == pytest.approx(-19.2e-3)  # v_r + 40 mV - b/k
    assert rate_time(load_neuron("izhikevich")) == pytest.approx(1e-3)
    assert rate_time(load_neuron("lif")) == 1.0


def test_a_filter_names_its_variables_by_use():
    text, spike = load_synapse("double_exponential").instance("I_rec", "rec", "volt")
    assert text == "dI_rec/dt = -I_rec/tau_rise + h_rec : volt\ndh_rec/dt = -h_rec/tau_decay : volt/second"
    assert spike == {"h_rec": "1/(tau_rise*tau_decay)"}


def test_dimensions_of_variables():
    found = dimensions("dv/dt = -v/tau : volt\nI = 2*\n  amp : amp\nn : integer (shared)\nx : 1 # a comment", "demo")
    assert list(found) == ["v", "I", "n", "x"]
    assert found["I"] == (0, 0, 0, 1, 0, 0, 0)
    assert found["n"] == found["x"] == (0,) * 7


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (
            ('kind = "neuron"', 'kind = "filter"'),
            InvalidValueError,
            "mine.toml: kind: expected 'neuron' or 'rate'.\nReceived: 'filter'",
        ),
        (('kind = "neuron"', ""), InvalidValueError, "mine.toml: kind: expected 'neuron' or 'rate'.\nReceived: None"),
        (
            ('reset = "v', 'rset = "v'),
            UnknownNameError,
            "mine.toml: expected a known key of a neuron file (",
        ),
        (('reset = "v', 'rset = "v'), UnknownNameError, "Received: 'rset'\nFix: did you mean 'reset'?"),
        (
            ('threshold = "v > 1*mV"', ""),
            InvalidValueError,
            "mine.toml: threshold: expected the key 'threshold'.",
        ),
        (
            ('membrane = "v"', "membrane = 3"),
            InvalidValueError,
            "mine.toml: membrane: expected text.\nReceived: 3",
        ),
        (('membrane = "v"', 'membrane = "u"'), UnknownNameError, "Received: 'u'\nFix: use the name"),
        (
            ('v = "rand', 'w = "rand'),
            UnknownNameError,
            "mine.toml: initial: expected a known variable of the equations (v).",
        ),
        (
            ('recurrent = "I_rec"', ""),
            InvalidValueError,
            "mine.toml: inputs: expected the entry 'recurrent'.",
        ),
        (('recurrent = "I', 'recurent = "I'), UnknownNameError, "mine.toml: inputs: expected a known entry"),
        (
            ('recurrent = "I_rec"', 'g_ampa = "nS"'),
            UnknownNameError,
            'Received: \'g_ampa\'\nFix: an input with a unit of its own is g_ampa = {unit = "nS", meaning = "..."}.',
        ),
        (
            ("[units]", "[initial.x]"),
            InvalidValueError,
            'Fix: add [units] with the units of currents and rates, as in current = "pA" and rate = "1/second".',
        ),
        (
            ('current = "mV"', 'current = "mVolt"'),
            UnknownNameError,
            "mine.toml: units.current: expected a known",
        ),
        (
            ('current = "mV"', 'current = "0*mV"'),
            InvalidValueError,
            "mine.toml: units.current: expected a unit above 0.",
        ),
        (
            ('current = "mV"', 'current = "-mV"'),
            InvalidValueError,
            "mine.toml: units.current: expected a unit above 0.",
        ),
        (
            ('rate = "1/second"', 'rate = "second"'),
            InvalidValueError,
            "units.rate: expected a rate such as 1/second.",
        ),
        (
            ('tau = "10*ms"', "tau = [1]"),
            InvalidValueError,
            "mine.toml: parameters.tau: expected a number, or an",
        ),
        (
            ('tau = "10*ms"', "tau = true"),
            InvalidValueError,
            "mine.toml: parameters.tau: expected a number, or an",
        ),
        (
            ('tau = "10*ms"', 'tau = "10*msec"'),
            UnknownNameError,
            "mine.toml: parameters.tau: expected a known",
        ),
        (
            ('tau = "10*ms"', 'tau = "2*tau"'),
            InvalidValueError,
            "expected no circle of definitions.\nReceived: 'tau -> tau'",
        ),
        (('tau = "10*ms"', 'tau = "inf*ms"'), InvalidValueError, "parameters.tau: expected a finite value."),
        (('tau = "10*ms"', 'tau = "__import__(1)"'), UnknownNameError, "expected a known function"),
        (("/tau : volt\nI", "/tau : boolean\nI"), InvalidValueError, "expected a unit, for it changes"),
        (('"rand()*mV"', '"rand()*ms"'), UnitsError, "mine.toml: initial.v: expected a quantity in volt"),
        (('"rand()*mV"', '"1*mV/(1 - 1.0)"'), InvalidValueError, "mine.toml: initial.v: expected no division by zero"),
        (('"rand()*mV"', '"inf*mV"'), InvalidValueError, "mine.toml: initial.v: expected a finite value"),
        (
            ('tau = "10*ms"', 'tau = "10*ms"\nv = 2'),
            InvalidValueError,
            "mine.toml: parameters.v: expected another name than the variables of the equations",
        ),
        (
            ('feedback = "I_fb"', 'feedback = "I_rec"'),
            InvalidValueError,
            "mine.toml: inputs.feedback: expected a name that is used once.\nReceived: 'I_rec'",
        ),
        (
            ('feedback = "I_fb"', 'feedback = "tau"'),
            InvalidValueError,
            "mine.toml: inputs.feedback: expected a name that is used once.\nReceived: 'tau'",
        ),
        (
            ("dv/dt = (I - v)/tau : volt\nI = I_rec + I_fb + I_in : volt", ""),
            InvalidValueError,
            "mine.toml: equations: expected at least one equation",
        ),
        (
            ("I_in : volt", "I_in : volt\nn : 1 (shared)"),
            InvalidValueError,
            "mine.toml: equations: n: expected a value for each unit",
        ),
        (("[units]", "[units"), InvalidValueError, "mine.toml: expected a file in TOML."),
        (("[units]", "[unit]"), UnknownNameError, "Received: 'unit'\nFix: did you mean 'units'?"),
    ],
)
def test_bad_neuron_file(tmp_path, change, error, text):
    with pytest.raises(error, match=re.escape(text)):
        load_neuron(write(tmp_path, NEURON, change))


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (
            ('output = "x"', 'output = "y"'),
            UnknownNameError,
            "mine.toml: output: expected a known variable of the equations (x).",
        ),
        (('x = "1/tau_decay"', 'h = "1/tau_decay"'), UnknownNameError, "mine.toml: spike: expected a known"),
        (
            ('x = "1/tau_decay"', 'x = "1/tau"'),
            UnknownNameError,
            "mine.toml: spike.x: expected a known parameter or unit",
        ),
        (("[spike]", "[spikes]"), UnknownNameError, "Received: 'spikes'\nFix: did you mean 'spike'?"),
        (('kind = "filter"', 'kind = "neuron"'), InvalidValueError, "mine.toml: kind: expected 'filter' or 'synapse'."),
        (
            (": unit", ": volt"),
            InvalidValueError,
            "mine.toml: equations: x: expected the unit 'unit', for it is the output.\nReceived: 'volt'",
        ),
        (('x = "1/tau_decay"', ""), InvalidValueError, "mine.toml: spike: expected what a spike adds to a variable"),
        (
            ('x = "1/tau_decay"', 'x = "1"'),
            UnitsError,
            "mine.toml: spike.x: expected what a spike of weight 1 adds in 1 second in hertz",
        ),
        (('x = "1/tau_decay"', 'x = "rand()/tau_decay"'), InvalidValueError, "mine.toml: spike.x: expected no random"),
        (('x = "1/tau_decay"', 'x = "dt/tau_decay**2"'), UnknownNameError, "mine.toml: spike.x: expected a known para"),
        (
            ("-x/tau_decay", "-x*sign(x)/tau_decay"),
            InvalidValueError,
            "mine.toml: equations: x: expected a formula that is linear in x",
        ),
        (
            ("-x/tau_decay", "-x*i/tau_decay"),
            InvalidValueError,
            "mine.toml: equations: x: expected a filter that is the same at all times.\nReceived: ['i']",
        ),
        (
            ("-x/tau_decay : unit", "-x/tau_decay : unit\\ny = 2 : 1"),
            InvalidValueError,
            "mine.toml: equations: y: expected differential equations alone, as in dx/dt = ....\nReceived: 'y = 2 : 1'",
        ),
        (
            ('output = "x"', 'output = "x"\nintegration = "rk4"'),
            InvalidValueError,
            'mine.toml: integration: expected "exact" or "euler".\nReceived: \'rk4\'',
        ),
        (("20*ms", "0*ms"), InvalidValueError, "mine.toml: parameters.tau_decay: expected a time constant above 0"),
        (("20*ms", "-1*ms"), InvalidValueError, "mine.toml: parameters.tau_decay: expected a time constant above 0"),
    ],
)
def test_bad_filter_file(tmp_path, change, error, text):
    with pytest.raises(error, match=re.escape(text)):
        load_synapse(write(tmp_path, FILTER, change))


RATE = """
kind = "rate"
equations = "da/dt = (I_rec + I_fb + I_in - a)/tau : 1"
rate = "activation(a)"
activation = "tanh"
membrane = "a"
[inputs]
recurrent = "I_rec"
feedback = "I_fb"
external = "I_in"
[parameters]
tau = "10*ms"
"""


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (('"activation(a)"', '"activation(a, a)"'), InvalidValueError,
         "mine.toml: rate: expected activation() with one argument.\nReceived: 'activation(a, a)'"),
        (('"activation(a)"', '"activation(a)*rand()"'), InvalidValueError,
         "mine.toml: rate: expected a rate without random numbers"),
        (('"activation(a)"', '"activation(a)*second"'), UnitsError, "mine.toml: rate: expected a plain number in 1 "),
        (('"activation(a)"', '"activation(a)*(a > 0)"'), InvalidValueError, "a number, not the condition a > 0"),
        (('"activation(a)"', '"activation(b)"'), UnknownNameError, "mine.toml: rate: expected a known"),
        (('"activation(a)"', '"activation(a) + t/second"'), UnknownNameError, "mine.toml: rate: expected a known"),
        (('"tanh"', '"x + randn()"'), InvalidValueError,
         "mine.toml: activation: expected an expression without random numbers.\nReceived: 'x + randn()'"),
        (('"tanh"', '"tnah"'), UnknownNameError, "Fix: did you mean 'tanh'?"),
        (('"tanh"', '"x > 1"'), InvalidValueError, "mine.toml: activation: expected a plain number: a number"),
        (('"tanh"', '"x*second"'), UnitsError, "mine.toml: activation: expected a plain number in 1 (no unit)"),
    ],
)  # fmt: skip
def test_bad_rate_file(tmp_path, change, error, text):
    load_neuron(write(tmp_path, RATE))
    with pytest.raises(error, match=re.escape(text)):
        load_neuron(write(tmp_path, RATE, change))


@pytest.mark.parametrize("initial", ['n = "1.5"', 'b = "2"', 'n = "rand()"', 'b = "0.5"'])
def test_initial_values_of_the_kind_of_the_variable(tmp_path, initial):
    text = NEURON.replace(" : volt\nI =", " : volt\nn : integer\nb : boolean\nI =")
    good = load_neuron(write(tmp_path, text, ('v = "rand', 'n = -3\nb = "1"\nv = "rand')))
    assert (good.initial["n"], good.initial["b"]) == ("-3", "1")
    kind = "integer" if initial[0] == "n" else "boolean"
    with pytest.raises(InvalidValueError, match=rf"mine.toml: initial.{initial[0]}: expected a value of the {kind} "):
        load_neuron(write(tmp_path, text, ('v = "rand', f'{initial}\nv = "rand')))


def test_a_membrane_has_a_unit(tmp_path):
    text = NEURON.replace(" : volt\nI =", " : volt\nb : boolean\nI =")
    with pytest.raises(InvalidValueError, match="mine.toml: membrane: expected a variable with a unit"):
        load_neuron(write(tmp_path, text, ('membrane = "v"', 'membrane = "b"')))


@pytest.mark.parametrize("name", [*list_neurons(), *list_rate_units(), *list_synapses(), *list_synapses("synapse")])
def test_every_file_is_the_same_after_it_was_kept_as_text(name):
    found = load_neuron(name) if name in {*list_neurons(), *list_rate_units()} else load_synapse(name)
    assert from_text(name, to_text(found)) == found


def test_a_text_of_any_characters_is_kept():
    summary = "ü 🙂 \\ \" ' \x7f \t \n \u2028 \ue000"
    found = replace(load_neuron("lif"), summary=summary)
    assert from_text("lif", to_text(found)).summary == summary


def test_file_that_is_no_text(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidValueError, match=r"mine\.toml: expected a file (in TOML|that can be read, in UTF-8)"):
        load_neuron(path)


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        (
            "izikevich",
            UnknownNameError,
            "load_neuron.name: expected a known neuron (",
        ),
        ("izikevich", UnknownNameError, "Fix: did you mean 'izhikevich'?"),
        (
            "no/such.toml",
            InvalidValueError,
            "load_neuron.name: expected an existing neuron file.\nReceived: 'no/such.toml'",
        ),
        (
            None,
            InvalidTypeError,
            "load_neuron.name: expected the name of a neuron, or a path.\nReceived: None",
        ),
    ],
)
def test_unknown_files(name, error, text):
    with pytest.raises(error, match=re.escape(text)):
        load_neuron(name)


def test_a_neuron_is_no_filter():
    with pytest.raises(UnknownNameError, match="expected a known filter"):
        load_synapse("lif")


class TestParameters:
    def test_refer_to_each_other_and_to_dt(self):
        found = resolve_parameters("demo", {"a": "2*b + dt", "b": "3*ms"}, {"b": "5*ms"}, dt=1e-3)
        assert {name: q.value for name, q in found.items()} == pytest.approx({"a": 0.011, "b": 0.005})

    def test_brian2_quantity(self):
        assert resolve_parameters("demo", {"a": "1*ms"}, {"a": 5 * brian2.ms}, dt=1e-3)["a"].value == 0.005

    @pytest.mark.parametrize("given", ["20*mV", "20", 20.0, 20 * brian2.mV])
    def test_wrong_unit_shows_the_users_own_text(self, given):
        with pytest.raises(UnitsError) as caught:
            resolve_parameters("demo", {"tau": "10*ms", "rate": "1/tau"}, {"tau": given}, dt=1e-3)
        text = str(caught.value)
        assert text.startswith(
            f"demo: parameters.tau: expected a quantity in second.\nReceived: {given!r}\nFix: its unit is "
        )
        assert text.endswith("; the default is '10*ms'.")

    def test_wrong_unit_is_found_before_what_depends_on_it(self):
        defaults = {"v_t": "v_r + b/k", "v_r": "-60*mV", "b": "1*nS", "k": "2*nS/mV"}
        with pytest.raises(UnitsError, match=r"parameters\.k: expected .*\nReceived: '3\*mV'"):
            resolve_parameters("demo", defaults, {"k": "3*mV"}, dt=1e-3)

    def test_unknown_name(self):
        with pytest.raises(UnknownNameError, match=r"demo: parameters: expected a known parameter \(tau\)") as caught:
            resolve_parameters("demo", {"tau": "10*ms"}, {"tua": "1*ms"}, dt=1e-3)
        assert str(caught.value).endswith("Fix: did you mean 'tau'?")

    def test_not_finite(self):
        with pytest.raises(
            InvalidValueError, match=r"demo: parameters\.a: expected a finite value\.\nReceived: '1e300\*1e300'"
        ):
            resolve_parameters("demo", {"a": "1"}, {"a": "1e300*1e300"}, dt=1e-3)

    def test_values_in_si(self):
        assert resolve_parameters("demo", {"a": "2.5*nS/mV"}, dt=1)["a"] == Quantity(
            pytest.approx(2.5e-6), (-4, -2, 6, 3, 0, 0, 0)
        )


def test_folder_of_the_package_has_only_files_of_a_kind():
    folder = equations.data_folder("equations")
    assert len(list(folder.glob("*.toml"))) == len(list_neurons()) + len(list_rate_units()) + sum(
        len(list_synapses(kind)) for kind in ("filter", "synapse")
    )


class TestReadOnce:
    """A file is checked once as long as it says the same."""

    def count(self, monkeypatch, name):
        checked, check = [], getattr(equations, name)
        monkeypatch.setattr(equations, name, lambda where, *rest: checked.append(where) or check(where, *rest))
        return checked

    def test_a_recipe_checks_its_files_once(self, monkeypatch):
        checked = [self.count(monkeypatch, name) for name in ("check_neuron", "check_synapse")]
        equations._neuron.cache_clear()
        equations._synapse.cache_clear()
        load_recipe("lif_sine")
        assert checked == [["lif.toml"], ["double_exponential.toml"]]

    def test_a_file_that_changes_is_read_anew(self, tmp_path):
        path = write(tmp_path, NEURON)
        assert load_neuron(path).threshold == "v > 1*mV"
        path.write_text(path.read_text().replace("v > 1*mV", "v > 2*mV"))
        assert load_neuron(path).threshold == "v > 2*mV"

    def test_what_a_holder_changes_is_its_own(self, tmp_path):
        neuron, synapse = load_neuron("lif"), load_synapse("double_exponential")
        neuron.parameters["tau_mem"] = "1*ms"
        synapse.spike.clear()
        assert load_neuron("lif").parameters["tau_mem"] == "10*ms"
        assert load_synapse("double_exponential").spike
