"""What a user may call, with arguments that work, and values that an argument may get instead: for bad_input.py."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import brian2
import numpy as np
import quantities as pq

import tension_sim as ts
from tension_sim.recipes.protocol import list_protocols


def _masked():
    return np.ma.masked_equal([1.0, -999.0, 2.0], -999.0)


def nested(depth):
    value = 0
    for _ in range(depth):
        value = [value]
    return value


class Broken:
    """Fails whatever is asked."""

    def __array__(self, *_, **__):
        raise RuntimeError("broken")

    def __repr__(self):
        raise ValueError("broken")

    def __float__(self):
        raise ZeroDivisionError


#: Values that some argument cannot take; functions, so that each case has its own.
POOL = [
    lambda: None,
    lambda: True,
    lambda: False,
    lambda: 0,
    lambda: -1,
    lambda: 1,
    lambda: 2,
    lambda: 0.5,
    lambda: 1.5,
    lambda: -0.0,
    lambda: 2**31,
    lambda: 2**53 + 1,
    lambda: 2**63,
    lambda: 10**160,
    lambda: 10**5000,
    lambda: 1e9,
    lambda: 1e30,
    lambda: 1e300,
    lambda: 5e-324,
    lambda: float("nan"),
    lambda: float("inf"),
    lambda: -float("inf"),
    lambda: 1j,
    lambda: "",
    lambda: "x",
    lambda: "\0",
    lambda: "\ud800",
    lambda: "nan",
    lambda: "1e160",
    lambda: "9" * 5000,
    lambda: "10*ms",
    lambda: "-10*ms",
    lambda: "60*ms",
    lambda: "10*mV",
    lambda: "1/0",
    lambda: "__import__('os').system('id')",
    lambda: "[bold]:smile:[/]",
    lambda: "x" * 100_000,
    lambda: "(" * 10_000,
    lambda: "1+" * 10_000 + "1",
    lambda: "~nosuchuser/x",
    lambda: "/dev/zero",
    lambda: "/",
    lambda: b"x",
    lambda: [],
    lambda: [1],
    lambda: [1, 2, 3],
    lambda: [[1], [2, 3]],
    lambda: [None],
    lambda: ["a"],
    lambda: [float("nan")],
    lambda: [True],
    lambda: nested(400),
    lambda: (),
    lambda: {},
    lambda: {"a": 1},
    lambda: {1: 2},
    lambda: {"v": [0]},
    lambda: {"v": "1*mV"},
    lambda: {"x": nested(300)},
    lambda: set(),
    lambda: object(),
    lambda: Broken(),
    lambda: print,
    lambda: int,
    lambda: iter(()),
    lambda: range(3),
    lambda: np.zeros(0),
    lambda: np.zeros(3),
    lambda: np.zeros((3, 1)),
    lambda: np.zeros((1, 3)),
    lambda: np.zeros((3, 3)),
    lambda: np.ones((3, 3, 3)),
    lambda: np.full((3, 3), np.nan),
    lambda: np.array(["a"]),
    lambda: np.array([1j]),
    lambda: np.array(1.0),
    lambda: np.array([object()]),
    lambda: np.array([2**63], np.uint64),
    lambda: np.zeros(3, [("a", float)]),
    lambda: np.array([1, 2], "m8[s]"),
    lambda: np.float32(1),
    lambda: np.bool_(True),
    lambda: np.int8(-3),
    _masked,
    lambda: np.ma.masked,
    lambda: 10 * brian2.mV,
    lambda: [1, 2, 3] * brian2.ms,
    lambda: [1 * brian2.mV],
    lambda: 3 * pq.mV,
    lambda: np.ones((3, 1)) * pq.s,
    lambda: Path("/dev/null"),
    lambda: Path("absent"),
    lambda: Ellipsis,
]

_LEARNING = {"alpha_P": 1.0}


def _kernel():
    return ts.SparseKernel(3, [0, 1, 2], [1, 2, 0], [0.1, 0.2, 0.3])


def _net(**parts):
    return ts.ForceNetwork(
        "lif",
        "double_exponential",
        3,
        5e-5,
        None,
        np.ones((1, 3)),
        np.zeros((3, 1)),
        **parts,
    )


def _fitted(**parts):
    filters = ("euler_exponential", "euler_exponential")
    return ts.FittedNetwork("lif_normalized", *filters, 3, "0.1*ms", None, _kernel(), **parts)


def _network():
    return {
        "populations": {"a": ts.Population("lif", 3), "b": ts.Population("lif_conductance", 2)},
        "projections": [ts.Projection("a", "b", weights=np.ones((3, 2)), into="g_exc", synapse="ampa")],
        "readouts": {"z": ts.Readout(["a", "b"], np.zeros((5, 1)), learning=ts.Learning(**_LEARNING))},
        "dt": "0.1*ms",
    }


def _balanced():
    up, down = ts.Connector("all_to_all", "1*mV"), ts.Connector("all_to_all", "-3*mV")
    projections = [ts.Projection("a", "a", weights=up, sign=1), ts.Projection("b", "a", weights=down, sign=-1)]
    populations = {"a": ts.Population("lif", 3), "b": ts.Population("lif", 2)}
    return {"populations": populations, "projections": projections, "balanced": [["a_to_a", "b_to_a"]]}


def _results():
    return {
        "name": "demo",
        "dt": 1e-3,
        "first_step": 0,
        "n_steps": 4,
        "n_neurons": 3,
        "spike_step": [0, 2],
        "spike_neuron": [1, 1],
        "n_recorded_neurons": 2,
        "record_every": 1,
        "output": np.zeros((4, 1)),
        "target": None,
        "phases": (ts.Phase("all", 0, 4),),
    }


#: By public name: what is called, and arguments that work. Every public name must be here or in `LEFT_OUT`.
BASES = {
    "Checkpoint": (ts.Checkpoint, lambda: {"folder": tempfile.mkdtemp(dir=os.getcwd())}),
    "Comparison": (ts.Comparison, lambda: {"runs": [ts.Results(**_results())] * 2}),
    "Connector": (ts.Connector, lambda: {"rule": "all_to_all", "weight": "1*mV"}),
    "Condition": (ts.Condition, lambda: {"name": "one"}),
    "DataConstrainedNetwork": (
        ts.DataConstrainedNetwork,
        lambda: {"data": np.sin(np.arange(20)[:, None] / 3 + np.arange(3)), "dt_data": "10*ms", "target": "numpy"},
    ),
    "FittedNetwork": (
        ts.FittedNetwork,
        lambda: {
            "neuron": "lif_normalized",
            "synapse": "euler_exponential",
            "plastic_synapse": "euler_exponential",
            "n": 3,
            "dt": "0.1*ms",
            "recurrent": None,
            "plastic": _kernel(),
            "learning": ts.Learning(**_LEARNING),
        },
    ),
    "ForceNetwork": (
        ts.ForceNetwork,
        lambda: {
            "neuron": "lif",
            "synapse": "double_exponential",
            "n": 3,
            "dt": 5e-5,
            "recurrent": _kernel(),
            "feedback_kernel": np.ones((1, 3)),
            "output_kernel": np.zeros((3, 1)),
            "learning": ts.Learning(**_LEARNING),
        },
    ),
    "ForceNetwork.random": (ts.ForceNetwork.random, lambda: {"n": 3, "learning": ts.Learning(**_LEARNING)}),
    "Learning": (ts.Learning, lambda: dict(_LEARNING)),
    "Network": (ts.Network, _network),
    "Network balanced": (ts.Network, _balanced),
    "Phase": (ts.Phase, lambda: {"name": "a", "start": 0, "stop": 1}),
    "Plastic": (ts.Plastic, lambda: {"kernel": _kernel(), "learning": ts.Learning(**_LEARNING)}),
    "Population": (ts.Population, lambda: {"neuron": "lif", "n": 3}),
    "Projection": (ts.Projection, lambda: {"pre": "a", "post": "b", "weights": np.ones((3, 2))}),
    "Readout": (ts.Readout, lambda: {"sources": ["a"], "weights": np.zeros((3, 1))}),
    "Readout drawn": (ts.Readout, lambda: {"sources": ["a"], "weights": "randn()", "outputs": 2}),
    "Record": (ts.Record, dict),
    "Recording": (
        ts.Recording,
        lambda: {"values": np.zeros((4, 2)), "unit": "mV", "indices": np.arange(2), "every": 1},
    ),
    "Results": (ts.Results, _results),
    "Results.load": (ts.Results.load, lambda: {"path": "absent.nix"}),
    "Results.save": (ts.Results(**_results()).save, lambda: {"path": tempfile.mkdtemp(dir=os.getcwd()) + "/a.nix"}),
    "Simulation": (ts.Simulation, lambda: {"net": _net(), "target": "numpy"}),
    "Simulation.run": (
        ts.Simulation(_net(learning=ts.Learning(**_LEARNING)), target="numpy").run,
        lambda: {"y": np.zeros(3)},
    ),
    "Simulation.run fitted": (
        ts.Simulation(_fitted(learning=ts.Learning(**_LEARNING)), target="numpy").run,
        lambda: {"y": np.zeros((3, 3))},
    ),
    "Simulation.run network": (
        ts.Simulation(ts.Network(**_network()), target="numpy").run,
        lambda: {"y": np.zeros(3)},
    ),
    "SparseKernel": (ts.SparseKernel, lambda: {"n": 3, "pre": [0], "post": [1], "weight": [1.0]}),
    "SparseKernel.from_dense": (ts.SparseKernel.from_dense, lambda: {"matrix": np.ones((3, 3))}),
    "SparseKernel.random": (
        ts.SparseKernel.random,
        lambda: {"n": 3, "p": 0.5, "std": 1.0, "rng": np.random.default_rng(0)},
    ),
    "SparseKernel.with_weights": (_kernel().with_weights, lambda: {"weight": [1.0, 2.0, 3.0]}),
    "Steering": (ts.Steering, lambda: {"orders": [{"step": 1, "stop": True}]}),
    "Steering.load": (ts.Steering.load, lambda: {"path": "absent.toml"}),
    "StopWhen": (ts.StopWhen, lambda: {"text": "rmse < 0.1 for 2*second"}),
    "TargetNetwork": (
        ts.TargetNetwork,
        lambda: {"neuron": "echo_state", "recurrent_kernel": np.ones((3, 3)), "target_kernel": np.ones((1, 3))},
    ),
    "Traces": (ts.Traces, lambda: {"neuron": [0, 1], "tau": [0.1, 0.2]}),
    "Trials": (
        ts.Trials,
        lambda: {"simulation": ts.Simulation(_net(), target="numpy"), "conditions": [ts.Condition("a")]},
    ),
    "Watch": (ts.Watch, lambda: {"page": False, "stop_when": "rmse < 0.1"}),
    "firing_rate": (ts.firing_rate, lambda: {"mean": 1.0, "sigma": 1.0}),
    "list_recipes": (ts.list_recipes, dict),
    "load_neuron": (ts.load_neuron, lambda: {"name": "lif"}),
    "load_recipe": (ts.load_recipe, lambda: {"name": "lif_sine"}),
    "load_results": (ts.load_results, lambda: {"path": "absent.nix"}),
    "load_sweep": (ts.load_sweep, lambda: {"folder": "absent"}),
    "load_synapse": (ts.load_synapse, lambda: {"name": "double_exponential"}),
    "make_task": (ts.make_task, lambda: {"name": "sine", "n_steps": 10, "dt": 1e-3, "frequency": 5}),
    "mean_input": (ts.mean_input, lambda: {"rate": [5.0], "sigma": 1.0}),
}

#: Without arguments, types alone, or covered by the recipes below.
LEFT_OUT = {
    "Sweep",
    "list_neurons",
    "list_rate_units",
    "list_synapses",
    "list_tasks",
    "run_outcome",
    "run_recipe",
    # they start workers: tests/sweeps
    "plot_sweep",
    "sweep",
    "tune",
}

#: By protocol: a recipe, and settings that make it small. A protocol that is not here is tried with its first recipe.
SMALL = {
    "force": ("lif_sine", {"n": "10", "duration": "2*ms", "start": "0*second", "stop": "1*ms"}),
    "rate_force": ("four_sines", {"n": "10", "duration": "5*ms", "test_duration": "2*ms", "frequency": "200*Hz"}),
    "full_force": (
        "oscillation",
        {
            "n": "6",
            "half": "5*ms",
            "pulse": "1*ms",
            "trials": "2",
            "test_trials": "1",
            "settle_trials": "0",
            "restart_trials": "1",
            "restart_settle_trials": "0",
        },
    ),
    "classification": (
        "classification",
        {
            "n": "10",
            "dt": "0.5*ms",
            "slot": "2*ms",
            "duration": "8*ms",
            "learning.start": "0*ms",
            "learning.stop": "4*ms",
            "every": "1",
        },
    ),
    "innate": (
        "laje_buonomano_2013/timing",
        {
            "n": "20",
            "offset": "2*ms",
            "pulse": "2*ms",
            "delay": "10*ms",
            "after": "10*ms",
            "perturbation.start": "5*ms",
            "trials": "1",
            "readout_trials": "1",
            "test_trials": "1",
        },
    ),
    "spiking_full_force": (
        "lif_factors",
        {
            "n": "8",
            "duration": "20*ms",
            "pulse": "2*ms",
            "trials": "2",
            "test_trials": "1",
            "settle_trials": "1",
            "test_settle_trials": "0",
            "component_trials": "1",
            "components": "2",
        },
    ),
    "bioforce": ("calcium", {"cells": "6", "samples": "20", "epochs": "1"}),
    "curbd": (
        "three_regions",
        {"region_n": "11", "duration": "3.01*second", "lead": "0.1*second", "dt_factor": "1", "runs": "1"},
    ),
    "fitted": (
        "arthur_2023/tutorial",
        {
            "n": "80",
            "K": "36",
            "dt": "0.5*ms",
            "excitatory": "6",
            "inhibitory": "6",
            "duration": "150*ms",
            "stimulus_start": "20*ms",
            "stimulus_stop": "50*ms",
            "update_every": "10*ms",
            "loops": "1",
            "test_every": "1",
            "window": "20*ms",
        },
    ),
    "network": (
        "ei_adex_force",
        {
            "populations.exc.n": "8",
            "populations.inh.n": "2",
            "duration": "6*ms",
            "readouts.output.start": "1*ms",
            "readouts.output.stop": "4*ms",
        },
    ),
    "fitted_currents": (
        "kim_chow_2018/sines",
        {
            "n": "10",
            "stimulus_start": "10*ms",
            "stimulus_stop": "20*ms",
            "duration": "60*ms",
            "loops": "1",
            "tests": "1",
        },
    ),
}


def _recipes():
    found = dict(SMALL)
    for name in ts.list_recipes() if set(list_protocols()) - SMALL.keys() else ():
        found.setdefault(ts.load_recipe(name).protocol.name, (name, {}))
    return found


RECIPES = _recipes()
