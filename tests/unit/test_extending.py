"""The files shown in docs/EXTENDING.md work as they stand."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tension_sim import ForceNetwork, Simulation, load_neuron, load_synapse

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "EXTENDING.md").read_text()


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The TOML blocks of the page as files, by kind."""
    folder = tmp_path_factory.mktemp("shown")
    paths = {}
    for text in re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE):
        kind = tomllib.loads(text).get("kind")
        if kind is None:  # a part of a recipe
            continue
        paths[kind] = folder / f"my_{kind}.toml"
        paths[kind].write_text(text)
    return paths


def test_the_shown_neuron_and_filter_load(shown):
    assert load_neuron(shown["neuron"]).name == "my_neuron"
    mine, built_in = load_synapse(shown["filter"]), load_synapse("single_exponential")
    assert mine.instance("r", "r", "1") == built_in.instance("r", "r", "1")


def test_the_shown_synapse_is_that_of_the_package(shown):
    mine, built_in = load_synapse(shown["synapse"]), load_synapse("ampa")
    assert mine.kind == built_in.kind == "synapse"
    assert mine.instance("g", "g", "siemens") == built_in.instance("g", "g", "siemens")


def test_the_shown_neuron_spikes_where_its_equation_says(shown):
    """Without input the membrane relaxes to v_rest + bias = -45 mV, past its peak of -50 mV."""
    net = ForceNetwork.random(shown["neuron"], shown["filter"], n=5, dt="0.1*ms", G=0, Q=0, seed=1)
    run = Simulation(net, target="numpy").run(np.zeros(2000), learning=False)
    # from -65 mV to -50 mV towards -45 mV: 10 ms * ln(20/5), in forward Euler steps
    expected = np.ceil(np.log(5 / 20) / np.log(1 - 0.1 / 10))
    for neuron in range(5):
        intervals = np.diff(run.spike_step[run.spike_neuron == neuron])
        assert len(intervals) > 10
        assert set(intervals) == {expected}


def test_the_shown_rate_unit_is_integrated_as_it_says(shown):
    """Alone, two linear equations by rk2: the matrix of a step is 1 + M + M^2/2."""
    net = ForceNetwork(
        shown["rate"], None, 3, 1e-3, None, None, None, initial={"a": np.array([1.0, -2.0, 0.5])}, activation="linear"
    )
    run = Simulation(net, target="numpy").run(steps=50)
    M = 1e-3 * np.array([[-1 / 0.01, -0.5 / 0.01], [1 / 0.1, -1 / 0.1]])
    states, expected = np.array([[1.0, -2.0, 0.5], np.zeros(3)]), []
    for _ in range(50):
        states = (np.eye(2) + M + M @ M / 2) @ states
        expected.append(states[0])
    np.testing.assert_allclose(run.output, expected, rtol=0, atol=1e-12)


def test_links_of_the_page_lead_somewhere():
    for link in re.findall(r"\]\((\.\./[^)]+)\)", PAGE):
        assert (Path(__file__).resolve().parents[2] / "docs" / link).exists(), link
