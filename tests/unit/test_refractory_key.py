"""The key `refractory` of neuron files: what it may hold, and what is refused when the file is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tension_sim.declare.equations import load_neuron
from tension_sim.declare.network import ForceNetwork
from tension_sim.errors import InvalidValueError, TensionError

FILE = Path(__file__).parents[1] / "neurons" / "refractory.toml"


def written(folder: Path, old: str, new: str) -> Path:
    text = FILE.read_text()
    assert old in text
    path = folder / "mine.toml"
    path.write_text(text.replace(old, new))
    return path


@pytest.mark.parametrize(
    ("clause", "rewritten"),
    [
        ("2*ms", "2*ms"),
        ("(tau_ref+ 1*ms) # comment", "tau_ref + 1*ms"),
        ("tau_ref*(1 + w/mV)", "tau_ref*(1 + w/mV)"),
        ("not v<v_rest", "not v < v_rest"),
        ("t < lastspike + 2*ms and w > 1*mV", "t < lastspike + 2*ms and w > 1*mV"),
        (
            "1*ms*standard_uniform(noise_seed, t_in_timesteps, i)",
            "1*ms*standard_uniform(noise_seed, t_in_timesteps, i)",
        ),
        ("0*ms", "0*ms"),
        ("True", "True"),
    ],
)
def test_times_and_conditions(clause, rewritten, tmp_path):
    neuron = load_neuron(written(tmp_path, '"tau_ref" ', f'"{clause}" '))
    assert neuron.refractory == rewritten
    assert neuron.state_variables == ["v", "w", "lastspike", "not_refractory"]
    assert ForceNetwork.random(neuron, n=4, seed=1).state_variables["lastspike"] == (0, 0, 1, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('"tau_ref" ', '"tau_reff" ', "refractory: expected a known variable, parameter or unit.\nReceived: 'tau_reff'\nFix: did you mean 'tau_ref'"),  # noqa: E501
        ('"tau_ref" ', '"v_rest" ', "refractory: expected a time such as 2*ms, or a condition such as v > v_rest.\nReceived: 'v_rest'\nFix: its unit is volt."),  # noqa: E501
        ('"tau_ref" ', '"2" ', "refractory: expected a time such as 2*ms, or a condition such as v > v_rest.\nReceived: '2'\nFix: its unit is 1 (no unit)."),  # noqa: E501
        ('"tau_ref" ', '"-2*ms" ', "refractory: expected a time of at least 0.\nReceived: '-2*ms = -0.002*second'"),
        ('tau_ref = "2*ms"', 'tau_ref = "-2*ms"', "refractory: expected a time of at least 0.\nReceived: 'tau_ref = -0.002*second'"),  # noqa: E501
        ('"tau_ref" ', '"" ', "refractory: expected a time or a condition.\nReceived: ''\nFix: as in refractory = \"2*ms\", or leave it out."),  # noqa: E501
        ('"tau_ref" ', "2 ", "refractory: expected text.\nReceived: 2"),
        ('"tau_ref" ', '"inf*ms" ', "refractory: expected inf as a bound of clip() alone."),
        ('"tau_ref" ', '"2*ms; v = 0*mV" ', "refractory: expected "),
        ('"tau_ref" ', '"2*ms*rand()" ', "refractory: expected noise that is the same on every target.\nReceived: 'rand'\nFix: write standard_uniform(noise_seed, t_in_timesteps, i) in place of rand()."),  # noqa: E501
        ("volt (unless refractory)", "volt (unles refractory)", "equations: v: expected a flag of a differential equation ('unless refractory').\nReceived: 'unles refractory'"),  # noqa: E501
        ("I_rec : volt", "I_rec : volt (unless refractory)", "equations: I: expected a flag of a subexpression"),
        ('refractory = "tau_ref" ', "", "equations: v: expected no flag 'unless refractory' without a refractory clause.\nReceived: 'unless refractory'\nFix: say for how long, with the key refractory = \"2*ms\" of a neuron file."),  # noqa: E501
        ('refractory = "tau_ref" ', 'refractorines = "tau_ref" ', "expected a known key of a neuron file ("),
        ("w += jump", "lastspike = t", "reset: expected a variable that may change (v, w).\nReceived: 'lastspike'"),
        ('membrane = "v"', 'membrane = "lastspike"', "membrane: expected a known variable of the equations"),
        ("bias + I_fb", "bias*lastspike/second + I_fb", ""),
        ("dw/dt = -w/tau_w", "lastspike : second\ndw/dt = -w/tau_w", "equations: expected a name that is free.\nReceived: 'lastspike'"),  # noqa: E501
        ('threshold = "v > v_peak"', 'threshold = "rand() < 0.1"', "threshold: expected noise that is the same on every target.\nReceived: 'rand'"),  # noqa: E501
        ("w += jump", "w += jump*randn()", "reset: w: expected noise that is the same on every target.\nReceived: 'randn'\nFix: write standard_normal(noise_seed, t_in_timesteps, i) in place of randn()."),  # noqa: E501
        ("-w/tau_w", "-w/tau_w + jump*xi/tau_w**0.5", "equations: w: expected noise that is the same on every target.\nReceived: 'xi'\nFix: write standard_normal(noise_seed, t_in_timesteps, i)/sqrt(dt) in place of xi."),  # noqa: E501
    ],
)  # fmt: skip
def test_what_is_refused(old, new, text, tmp_path):
    path = written(tmp_path, old, new)
    if not text:
        assert load_neuron(path)
        return
    with pytest.raises(TensionError) as caught:
        load_neuron(path)
    assert str(caught.value).startswith(f"mine.toml: {text}")


def test_without_the_clause_there_are_no_such_variables(tmp_path):
    text = FILE.read_text().replace('refractory = "tau_ref" ', "").replace(" (unless refractory)", "")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("-w/tau_w", "-w/tau_w*int(not_refractory)"))
    with pytest.raises(InvalidValueError, match="known variable, parameter or unit.\nReceived: 'not_refractory'"):
        load_neuron(path)


def test_rate_units_and_filters_have_no_clause(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('kind = "rate"\nrefractory = "2*ms"\n')
    with pytest.raises(TensionError, match="mine.toml: expected a known key of a rate file") as caught:
        load_neuron(path)
    assert "Received: 'refractory'" in str(caught.value)


def test_a_value_of_a_network_that_makes_the_time_negative(tmp_path):
    path = written(tmp_path, '"tau_ref" ', '"tau_ref - 1*ms" ')
    with pytest.raises(InvalidValueError) as caught:
        ForceNetwork.random(path, n=4, seed=1, parameters={"tau_ref": "0.5*ms"})
    text = "mine): refractory: expected a time of at least 0.\nReceived: 'tau_ref - 1*ms = -0.0005*second'"
    assert text in str(caught.value)


@pytest.mark.parametrize("key", ["threshold", "reset", "refractory"])
def test_noise_outside_of_the_equations_has_its_seed_too(key, tmp_path):
    """What the loader takes, a network takes."""
    noise = "standard_uniform(noise_seed, t_in_timesteps, i)"
    old, new = {
        "threshold": ('"v > v_peak"', f'"v > v_peak + {noise}*mV"'),
        "reset": ("w += jump", f"w += jump*{noise}"),
        "refractory": ('"tau_ref" ', f'"tau_ref + {noise}*ms" '),
    }[key]
    from tension_sim.circuit.wiring import ForceWiring
    from tension_sim.declare.record import Record

    wiring = ForceWiring(ForceNetwork.random(written(tmp_path, old, new), n=4, seed=7), Record())
    assert wiring.noise(0) == {"neurons.noise_seed": 7}
    assert wiring.noise(1) != wiring.noise(2)
