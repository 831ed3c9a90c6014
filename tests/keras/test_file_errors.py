"""Which files and parameters a layer takes, and what it says of others."""

from __future__ import annotations

import importlib
import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="the Keras-style classes need TensorFlow")

from tension_sim import models, spiking  # noqa: E402
from tension_sim.constrained import ConstrainedNoFeedbackESN  # noqa: E402
from tests.keras import own_files as own  # noqa: E402
from tests.keras.networks import constrained, esn, lif_arguments  # noqa: E402

ESN = dict(dtdivtau=0.1, units=5, output_size=1, activation="tanh")
FILE = dict(dt=0.5, tau_decay=20, tau_rise=2, tau_syn=20, G=1, Q=1, units=5, output_size=1)


def derived(base: type, file: Any = None, parameters: Any = None, **more: Any) -> type:
    attributes = {"__module__": __name__} | more
    attributes |= {} if file is None else {"equation_file": file}
    attributes |= {} if parameters is None else {"parameters": parameters}
    return type("Mine", (base,), attributes)


def test_a_path_is_relative_to_the_module_of_the_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/mine.toml").write_text(own.RATE)
    module = types.ModuleType("users_module")
    module.__file__ = str(tmp_path / "users_module.py")
    monkeypatch.setitem(sys.modules, "users_module", module)
    base = type(
        "Base",
        (models.EchoStateNetwork,),
        {"__module__": "users_module", "equation_file": "files/mine.toml", "parameters": {"gain": 2}},
    )
    layer = derived(base, parameters={"tau_w": "1*second"})(**ESN)
    assert layer.neuron.name == "mine"
    values = {name: quantity.value for name, quantity in layer.parameter_values().items()}
    assert values == {"tau": 0.02, "tau_w": 1.0, "gain": 2.0}  # those of the base class hold, and of the file
    assert layer.dt_seconds == pytest.approx(0.002)
    # of a file that is not the base's own, the base's parameters are not meant
    other = derived(base, "echo_state")(**ESN)
    assert set(other.parameter_values()) == {"tau"} and other.dt_seconds == pytest.approx(0.001)
    # a notebook's folder is the working folder
    module.__file__ = None
    monkeypatch.chdir(tmp_path)
    assert base(**ESN).neuron.name == "mine"


def test_an_instance_may_have_its_own_parameters(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(own.RATE)

    class Mine(models.EchoStateNetwork):
        equation_file = tmp_path / "mine.toml"
        parameters = {"gain": 2}

        def __init__(self, slow: float, **kwargs: Any) -> None:
            self.parameters = {"tau_w": f"{slow}*ms"}
            super().__init__(**kwargs)

    values = Mine(slow=70, **ESN).parameter_values()
    assert values["tau_w"].value == pytest.approx(0.07) and values["gain"].value == 2


REFUSED = {
    "no name": (
        lambda: spiking.FileSpikingNN(**FILE),
        r"FileSpikingNN\.equation_file: expected the path or the name of an equation file\.\nReceived: ''\n"
        r'Fix: derive a class with equation_file = "mine\.toml"\.',
    ),
    "a negative time constant": (
        lambda: derived(spiking.FileSpikingNN, "adex", {"tau_w": "-1*ms"})(**FILE),
        r"Mine\(adex\): parameters\.tau_w: expected a time constant above 0\.\nReceived: '-1\*ms'",
    ),
    "out of the file's range": (
        lambda: derived(spiking.FileSpikingNN, "adex", {"C": "-1*pF"})(**FILE),
        r"Mine\(adex\): parameters\.C: expected C > 0\*pF\.\nReceived: '-1\*pF'",
    ),
    "no file": (
        lambda: derived(models.EchoStateNetwork, "mine.toml")(**ESN),
        r"Mine\.equation_file: expected an existing equation file\.\nReceived: '.*tests/keras/mine\.toml'\n"
        r"Fix: a path is relative to the folder of the module that defines the class\.",
    ),
    "unknown name": (
        lambda: derived(models.EchoStateNetwork, "echo_stat")(**ESN),
        r"Mine\.equation_file: expected a known rate file \(.*\)\.\nReceived: 'echo_stat'\n"
        r"Fix: did you mean 'echo_state'\?",
    ),
    "neurons for rates": (
        lambda: derived(models.EchoStateNetwork, "lif")(**ESN),
        r"Mine\.equation_file: expected a file of kind 'rate'\.\nReceived: 'neuron'",
    ),
    "rates for neurons": (
        lambda: derived(spiking.LIF, "echo_state")(**lif_arguments()),
        r"Mine\.equation_file: expected a file of kind 'neuron'\.\nReceived: 'rate'",
    ),
    "unknown parameter": (
        lambda: derived(models.EchoStateNetwork, parameters={"tua": "10*ms"})(**ESN),
        r"Mine\.parameters: expected a known parameter of echo_state\.toml \(tau\)\.\nReceived: 'tua'\n"
        r"Fix: did you mean 'tau'\?",
    ),
    "no mapping": (
        lambda: derived(models.EchoStateNetwork, parameters=["tau"])(**ESN),
        r"Mine\.parameters: expected a dictionary of names and values\.\nReceived: \['tau'\]",
    ),
    "no number": (
        lambda: derived(models.EchoStateNetwork, parameters={"tau": True})(**ESN),
        r"Mine\.parameters\.tau: expected a number, or an expression such as \"10\*ms\"\.\nReceived: True",
    ),
    "wrong unit": (
        lambda: derived(models.EchoStateNetwork, parameters={"tau": "10*mV"})(**ESN),
        r"parameters\.tau: expected a quantity in second\.\nReceived: '10\*mV'",
    ),
    "an argument": (
        lambda: derived(spiking.LIF, parameters={"tau_mem": "10*ms"})(**lif_arguments()),
        r"Mine\.parameters: tau_mem is an argument of Mine\.\nReceived: '10\*ms'\n"
        r"Fix: take tau_mem out of parameters, and pass it to the layer\.",
    ),
    "an argument that the file lacks": (
        lambda: derived(ConstrainedNoFeedbackESN, "echo_state")(**constrained().get_config()),
        r"Mine\.equation_file: expected a file with the parameter 'g', which takes an argument of the layer\.\n"
        r"Received: 'echo_state\.toml with tau'",
    ),
    "other units": (
        lambda: derived(spiking.LIF, "lif_normalized")(**lif_arguments()),
        r"Mine\.equation_file: expected a file with units\.rate = '1/second' and units\.current = 'mV', as its "
        r"arguments count\.\nReceived: \"lif_normalized\.toml with units\.rate = '1/ms'",
    ),
    "text for an argument": (
        lambda: spiking.LIF(**lif_arguments(tau_mem=0.01, I_bias="high")),
        r"LIF: parameter bias of lif\.toml: expected a finite number\.\nReceived: 'high'",
    ),
    "an argument is missing": (
        lambda: spiking.LIF(**{k: v for k, v in lif_arguments().items() if k != "v_peak"}),
        r"LIF\.v_peak: expected a number\.\nReceived: None",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_when_the_layer_is_made(case: str) -> None:
    make, text = REFUSED[case]
    with pytest.raises((ValueError, TypeError)) as caught:
        make()
    assert type(caught.value).__module__ == "tension_sim.errors"
    assert re.search(text, str(caught.value)), str(caught.value)


def test_a_rate_file_needs_a_time_constant(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(re.sub(r"\btau\b", "tau_a", own.RATE))
    with pytest.raises(ValueError, match=r"Mine\.equation_file: expected a file with the parameter 'tau', of which"):
        derived(models.EchoStateNetwork, tmp_path / "mine.toml")(**ESN)


def test_equations_that_are_no_equations_are_refused_with_the_name_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(own.RATE.replace("2*tanh(I_fb)", "2*tanh(I_foo)"))
    with pytest.raises(ValueError, match="(?s)mine.*I_foo"):
        layer = derived(models.EchoStateNetwork, tmp_path / "mine.toml")(**ESN)
        layer.get_initial_state(batch_size=1)


WHOLE = {
    "compute_current": lambda self, inputs, states: states[5],
    "update_voltage": lambda self, I, states: (states[1] + I, states[2], states[1] * 0),  # noqa: E741
}


@pytest.mark.parametrize("hook", WHOLE)
def test_a_whole_current_needs_a_file_that_adds_its_inputs(hook: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(own.SPIKING)
    what = r"the method takes the sum of a neuron's currents, and mine\.toml does not just add its inputs"
    text = rf"Mine\.{hook}: {what}\.\nReceived: 'mine\.toml"
    with pytest.raises(ValueError, match=text):
        derived(spiking.FileSpikingNN, tmp_path / "mine.toml", **{hook: WHOLE[hook]})(**FILE)
    # the same neurons without the factors
    added = re.sub(r"0\.8\*I_rec \+ 2\*I_fb \+ I_in\*\(.*\) \+ bias", "I_rec + I_fb + I_in + bias", own.SPIKING)
    (tmp_path / "mine.toml").write_text(added.replace("v - 0.05*I_rec >", "v >"))
    derived(spiking.FileSpikingNN, tmp_path / "mine.toml", **{hook: WHOLE[hook]})(**FILE)


def test_a_method_of_the_whole_current_gives_the_numbers_of_the_file() -> None:
    class Hooked(spiking.LIF):
        def compute_current(self, inputs: Any, states: Any) -> Any:
            return super().compute_current(inputs, states)

        def update_voltage(self, I: Any, states: Any) -> Any:  # noqa: E741
            return super().update_voltage(I, states)

    found = []
    for cls in (spiking.LIF, Hooked):
        layer = cls(**lif_arguments(dtype="float64"))
        layer.build((1, 2))
        states = [tf.convert_to_tensor(state) for state in layer.get_initial_state(batch_size=1)]
        for _ in range(30):
            _, states = layer.call(tf.constant([[3.0, 1.0]], tf.float64), states)
        found.append(states)
    assert np.abs(found[0][3]).max() > 0
    for state, wanted in zip(*found, strict=True):
        np.testing.assert_allclose(state, wanted, rtol=1e-12)


def test_an_activation_is_that_of_the_layer() -> None:
    layer = esn(activation=lambda a: a**3, dtype="float64", initial_a=np.linspace(-1, 1, 20)[None])
    layer.build((1, 1))
    a, h, _ = layer.get_initial_state(batch_size=1)
    np.testing.assert_allclose(h, np.asarray(a) ** 3)


def test_the_classes_of_the_documentation_work_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).resolve().parents[2]
    page = (root / "docs/EXTENDING.md").read_text(encoding="utf-8")
    (code,) = [
        block for block in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE) if "Steep" in block
    ]
    (tmp_path / "layers_of_the_page.py").write_text(code)
    (tmp_path / "steep.toml").write_text(own.RATE)
    (tmp_path / "adapting.toml").write_text(own.SPIKING.replace("tau_u", "tau_w"))
    (tmp_path / "saturating_lif.toml").write_text((root / "equations/lif.toml").read_text())
    monkeypatch.syspath_prepend(tmp_path)
    layers = importlib.import_module("layers_of_the_page")
    monkeypatch.delitem(sys.modules, "layers_of_the_page")
    monkeypatch.setitem(sys.modules, "layers_of_the_page", layers)
    made = layers.Adapting(**FILE), layers.Steep(**ESN), layers.Saturating(**lif_arguments())
    assert [layer.neuron.name for layer in made] == ["adapting", "steep", "saturating_lif"]
    assert made[0].parameter_values()["tau_w"].value == pytest.approx(0.1)
    assert made[1].parameter_values()["gain"].value == 2


def test_a_current_may_differ_between_neurons() -> None:
    bias = np.linspace(-60, -20, 20)
    layer = spiking.LIF(**lif_arguments(I_bias=bias, dtype="float64", initial_voltage=np.full((1, 20), -60.0)))
    layer.build((1, 1))
    states = [tf.convert_to_tensor(state) for state in layer.get_initial_state(batch_size=1)]
    for _ in range(4):  # not before the refractory time is over
        _, states = layer.call(tf.zeros((1, 1), tf.float64), states)
    np.testing.assert_allclose(states[1][0], -60 + 0.1 * (bias + 60), rtol=1e-12)
    assert layer.refusal_of_brian2() == "bias differs between neurons"
