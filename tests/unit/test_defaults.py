"""What arguments are where a script does not give them: a default that changes, changes the results of old scripts."""

from __future__ import annotations

import dataclasses
import inspect

import numpy as np
import pytest

import tension_sim
from tension_sim.brian import RLS

#: By class or function; ``dict`` stands for an empty table.
DEFAULTS = {
    "ForceNetwork": {
        "input_kernel": None, "parameters": dict, "initial": dict, "learning": None, "dtype": "float64", "seed": 0,
        "plastic": None, "target_network": None, "activation": "", "traces": None,
    },
    "ForceNetwork.random": {
        "neuron": "lif", "synapse": "double_exponential", "n": 2000, "n_outputs": 1, "n_inputs": 0, "dt": 5e-5,
        "p": 0.1, "G": 0.04, "Q": 10.0, "E2": 0.0, "row_balanced": True, "seed": 0,
    },
    "FittedNetwork": {
        "learning": None, "input_kernel": None, "n_feedforward": 0, "error": "total_input", "alpha_P": None,
        "row_sum": None, "groups": None, "signs": None, "parameters": dict, "initial": dict, "dtype": "float64",
        "seed": 0,
    },
    "Learning": {
        "gain": "divided", "update_every": 1, "start": 0, "stop": None, "forgetting": 1.0, "probability": 1.0,
        "relaxation": 0.0,
    },
    "Plastic": {"error": "output", "factor": None, "divide_by_source": False, "when": "end", "shares_P": None},
    "TargetNetwork": {
        "input_kernel": None, "hint_kernel": None, "parameters": dict, "initial": dict, "activation": "", "scale": 1.0,
        "output_kernel": None, "learning": None,
    },
    "SparseKernel": {"n_post": None},
    "SparseKernel.random": {"row_balanced": False},
    "SparseKernel.fixed_outdegree": {"themselves": False},
    "Traces": {},
    "Record": {"every": 1, "spikes_of": None, "variables": None, "off": (), "dtype": None},
    "Checkpoint": {"every": 60.0, "resume": True, "note": dict},
    "Network": {
        "projections": (), "readouts": dict, "dt": 1e-4, "dtype": "float64", "seed": 0, "external_inputs": dict,
        "outputs": dict, "shared_P": (),
    },
    "Population": {"parameters": dict, "initial": dict, "activation": "", "filters": ()},
    "Projection": {
        "into": None, "synapse": "double_exponential", "parameters": dict, "delay": None, "sign": None,
        "learning": None, "error": "", "name": "", "supervisor": "", "variables": dict, "factor": None,
        "divide_by_source": False, "when": "end",
    },
    "Readout": {
        "feedback": dict, "learning": None, "synapse": "double_exponential", "parameters": dict, "traces": None,
        "supervisor": "", "outputs": None,
    },
    "Connector": {
        "p": None, "indegree": None, "self_connections": False,
        "inhibitory": None, "inhibitory_indegree": None, "balanced": False,
    },
    "firing_rate": {"tau": 0.01, "threshold": 1.0, "reset": 0.0},
    "mean_input": {"tau": 0.01, "threshold": 1.0, "reset": 0.0, "at_zero": 0.1},
    "list_synapses": {"kind": "filter"},
}  # fmt: skip


def of(called: object) -> dict[str, object]:
    """Return the defaults of a class or function as they stand in its signature; of a factory, what it makes."""
    fields = dataclasses.fields(called) if dataclasses.is_dataclass(called) else ()
    made = {each.name: each.default_factory for each in fields if callable(each.default_factory)}
    shown = inspect.signature(called).parameters.items()
    return {name: made.get(name, each.default) for name, each in shown if each.default is not inspect.Parameter.empty}


@pytest.mark.parametrize("name", DEFAULTS)
def test_of_a_declaration(name):
    owner, _, method = name.partition(".")
    called = getattr(tension_sim, owner)
    known = of(getattr(called, method) if method else called)
    wanted = DEFAULTS[name]
    assert {key: known[key] for key in wanted} == wanted
    assert {key: type(known[key]) for key in wanted} == {key: type(value) for key, value in wanted.items()}


def test_of_a_rule():
    assert of(RLS) == {
        "target": None, "weight": None, "trace": None, "trainable": None, "row_sum": None, "groups": None,
        "error": "z - y", "variables": None, "namespace": None, "gain": "divided", "divide_by_source": False,
        "factor": None, "signs": None, "blocks": None, "update_every": 1, "start": 0, "stop": None, "forgetting": 1.0,
        "relaxation": 0.0, "probability": 1.0, "seed": 0, "when": None, "order": None, "name": "rls*",
    }  # fmt: skip


def test_a_declaration_reads_its_defaults():
    for name in ("ForceNetwork", "FittedNetwork", "Plastic", "TargetNetwork", "SparseKernel", "Record", "Projection"):
        for key, value in DEFAULTS[name].items():
            if value is not dict:
                assert getattr(getattr(tension_sim, name), key) == value


def test_a_network_of_one_call_is_that_of_all_its_arguments():
    short = tension_sim.ForceNetwork.random(n=30)
    full = tension_sim.ForceNetwork.random(
        "lif", "double_exponential", n=30, n_outputs=1, n_inputs=0, dt="0.05*ms", p=0.1, G=0.04, Q=10, E2=0,
        row_balanced=True, seed=0,
    )  # fmt: skip
    assert np.array_equal(short.recurrent.weight, full.recurrent.weight)
    assert np.array_equal(short.feedback_kernel, full.feedback_kernel)
    assert short.input_kernel is full.input_kernel is None
    assert short.output_kernel.tolist() == [[0.0]] * 30
    for name, values in short.initial_values.items():
        assert np.array_equal(values, full.initial_values[name])
