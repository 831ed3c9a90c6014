"""FORCE learning of spiking and rate networks: Brian2 equations, generated C++ and CUDA, Neo results.

The names below are loaded when they are first used; nothing here imports an engine.
"""

from importlib import import_module
from typing import Any

from . import errors
from ._keras_names import announce as _announce
from ._version import __version__

_HOME = {
    "DataConstrainedNetwork": "run.data_constrained",
    "Condition": "run.trials",
    "FittedNetwork": "declare.fitted",
    "ForceNetwork": "declare.network",
    "Learning": "declare.learning",
    "Phase": "results.results",
    "Plastic": "declare.plasticity",
    "Record": "declare.record",
    "Recording": "results.results",
    "Results": "results.results",
    "Simulation": "run.simulation",
    "SparseKernel": "declare.kernels",
    "TargetNetwork": "declare.plasticity",
    "Traces": "declare.traces",
    "Trials": "run.trials",
    "firing_rate": "declare.fi_curve",
    "list_neurons": "declare.equations",
    "list_rate_units": "declare.equations",
    "list_recipes": "recipes.recipe",
    "list_synapses": "declare.equations",
    "list_tasks": "tasks",
    "load_neuron": "declare.equations",
    "load_recipe": "recipes.recipe",
    "load_results": "results.export",
    "load_synapse": "declare.equations",
    "make_task": "tasks",
    "mean_input": "declare.fi_curve",
    "run_outcome": "recipes.run",
    "run_recipe": "recipes.run",
} | {name: "errors" for name in errors.__all__ if name.endswith("Error")}

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module 'tension_sim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])


_announce()
