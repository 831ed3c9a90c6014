"""FORCE learning of spiking and rate networks: Brian2 equations, generated C++ and CUDA, Neo results.

The names below are loaded when they are first used; nothing here imports an engine.
"""

from importlib import import_module
from typing import Any

from . import errors
from ._keras_names import announce as _announce

__version__ = "0.1.0"

_HOME = {
    "DataConstrainedNetwork": "curbd",
    "Condition": "trials",
    "FittedNetwork": "fitted",
    "ForceNetwork": "network",
    "Learning": "learning",
    "Phase": "results",
    "Plastic": "plasticity",
    "Record": "recording",
    "Recording": "results",
    "Results": "results",
    "Simulation": "simulation",
    "SparseKernel": "kernels",
    "TargetNetwork": "plasticity",
    "Traces": "traces",
    "Trials": "trials",
    "firing_rate": "fi_curve",
    "list_neurons": "equations",
    "list_rate_units": "equations",
    "list_recipes": "recipes",
    "list_synapses": "equations",
    "list_tasks": "tasks",
    "load_neuron": "equations",
    "load_recipe": "recipes",
    "load_results": "export",
    "load_synapse": "equations",
    "make_task": "tasks",
    "mean_input": "fi_curve",
    "run_outcome": "runs",
    "run_recipe": "runs",
} | {name: "errors" for name in errors.__all__ if name.endswith("Error")}

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module 'tension_sim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])


_announce()
