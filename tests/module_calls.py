"""As public_calls.py, for the public names of the modules beside `tension_sim` itself."""

from __future__ import annotations

import inspect
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import brian2
import numpy as np

import tension_sim as ts
from tension_sim import neo, plotting, protocols, tasks
from tension_sim.brian import RLS, Blank, LinearMap, Recorder, Signal, SpikeMap, SpikeOrder, Trainer
from tension_sim.brian import continue_run as continue_a_run

_EQUATIONS = "dv/dt = (1.5 - v)/(10*ms) : 1\ndr/dt = -r/(10*ms) : 1\nI : 1"


def _cells() -> Any:
    return brian2.NeuronGroup(3, _EQUATIONS, threshold="v > 1", reset="v = 0; r += 1", method="euler")


def _readout() -> LinearMap:
    return LinearMap(_cells(), "r", weights=np.zeros((1, 3)))


def _synapses() -> dict[str, Any]:
    cells = _cells()
    synapses = brian2.Synapses(cells, cells, "w : 1", on_pre="I_post += w")
    synapses.connect()
    target = Signal([[1.0, 2.0, 3.0]])
    learned = {"weight": "w", "trace": 5 * brian2.ms, "error": "I_post - y", "alpha_P": 0.1}
    return {"maps": synapses, "target": target} | learned


def _into_cells(**options: Any) -> dict[str, Any]:
    cells = _cells()
    return {name: cells if given is None else given for name, given in options.items()} | {"target": cells}


def _parts(given: Any) -> Iterator[Any]:
    """Yield the objects of Brian2 among arguments, and those that they depend on."""
    if isinstance(given, list | tuple):
        for one in given:
            yield from _parts(one)
    elif isinstance(given, brian2.BrianObject):
        yield given
        for one in (*getattr(given, "_kept", ()), getattr(given, "source", None)):
            yield from _parts(getattr(one, "source", one))


def _signed(function: Callable[..., Any], as_of: Callable[..., Any], *left_out: str) -> Callable[..., Any]:
    """Give a function the arguments of another, without some of them."""
    parameters = [p for p in inspect.signature(as_of).parameters.values() if p.name not in ("self", *left_out)]
    function.__signature__ = inspect.Signature(parameters)
    return function


def _without(function: Callable[..., Any], *left_out: str) -> Callable[..., Any]:
    return _signed(lambda **options: function(**options), function, *left_out)


def _run(*given: Any) -> None:
    objects = {part.name: part for one in given for part in _parts(one)}
    brian2.Network(*objects.values()).run(3 * brian2.defaultclock.dt)


def _running(cls: Callable[..., Any]) -> Callable[..., Any]:
    """Return what makes an object of its arguments, and runs it for some steps."""

    def called(**options: Any) -> None:
        _run(cls(**options), *options.values())

    # a network may have slots of its own, which Brian2 looks up by `when`
    return _signed(called, cls, "when")


def _trainer() -> dict[str, Any]:
    cells, target = _cells(), Signal(np.zeros((5, 1)))
    readout = LinearMap(cells, "r", weights=np.zeros((1, 3)))
    network = brian2.Network(cells, target, readout, RLS(readout, target, alpha_P=1.0))
    return {"network": network, "target": target, "output": readout}


def _method(name: str) -> Callable[..., Any]:
    """Return a method of a Trainer that is made for each call."""

    def called(**options: Any) -> Any:
        return getattr(Trainer(**_trainer()), name)(**options)

    return _signed(called, getattr(Trainer, name), *_LONG)


@cache
def _results() -> ts.Results:
    net = ts.ForceNetwork.random("lif", n=20, learning=ts.Learning(alpha_P=1.0))
    return ts.Simulation(net, target="numpy").run(np.zeros(20))


def _monitored() -> Any:
    cells = _cells()
    network = brian2.Network(cells, brian2.SpikeMonitor(cells))
    network.run(1 * brian2.ms)
    return network


def _new(name: str) -> str:
    return f"{tempfile.mkdtemp(dir=os.getcwd())}/{name}"


#: Arguments by which a run may take for ever, or call what is given.
_LONG = ("steps", "duration", "epochs", "progress", "report")
_ON = {"duration": 1 * brian2.ms}
_KERNEL = ts.SparseKernel(3, [0, 1], [1, 2], [0.1, 0.1])

BASES = {
    "brian.Blank": (Blank, lambda: {"n_targets": 3, "n_sources": 3}),
    "brian.LinearMap": (_running(LinearMap), lambda: {"source": _cells(), "variable": "r", "weights": np.ones((1, 3))}),
    "brian.LinearMap into a group": (
        _running(LinearMap),
        lambda: _into_cells(source=None, variable="r", weights=np.ones((3, 3)), target_variable="I"),
    ),
    "brian.Recorder": (_running(Recorder), lambda: {"source": _cells(), "variable": "r"}),
    "brian.RLS": (
        _running(RLS),
        lambda: {"maps": _readout(), "target": Signal(np.zeros((5, 1))), "alpha_P": 1.0},
    ),
    "brian.RLS of synapses": (_running(RLS), _synapses),
    "brian.Signal": (_running(Signal), lambda: {"samples": np.zeros((3, 1))}),
    "brian.SpikeMap": (
        _running(SpikeMap),
        lambda: _into_cells(sources=None, weights=_KERNEL, target_variable="I"),
    ),
    "brian.SpikeOrder": (_running(SpikeOrder), lambda: {"group": _cells()}),
    "brian.Trainer": (Trainer, _trainer),
    "brian.Trainer.evaluate": (_method("evaluate"), lambda: {"y": np.zeros((5, 1))}),
    "brian.Trainer.fit": (_method("fit"), lambda: {"y": np.zeros((5, 1)), "verbose": 0}),
    "brian.Trainer.predict": (_method("predict"), lambda: {"steps": 5}),
    "brian.continue_run": (_without(continue_a_run, *_LONG), lambda: _ON | {"network": _monitored()}),
    "neo.save": (neo.save, lambda: {"source": _monitored(), "path": _new("a.nix")}),
    "neo.to_neo": (neo.to_neo, lambda: {"source": _monitored()}),
    "neo.to_neo of results": (neo.to_neo, lambda: {"source": _results()}),
    "plotting.save_figure": (
        plotting.save_figure,
        lambda: {"figure": plotting.plot_raster(_results()), "path": _new("a.png")},
    ),
    "protocols.Forecast": (protocols.Forecast, lambda: {"memory": 1, "seconds": 1.0, "steps": 3}),
    "protocols.Further": (protocols.Further, lambda: {"steps": 3}),
    "protocols.Number": (protocols.Number, lambda: {"label": "a"}),
    "protocols.Outcome": (protocols.Outcome, lambda: {"results": _results()}),
    "protocols.Protocol": (
        protocols.Protocol,
        lambda: {"sections": {}, "expected": {}, "forecast": print, "run": print},
    ),
    "protocols.cost_of": (protocols.cost_of, lambda: {"target": "numpy"}),
    "protocols.list_protocols": (protocols.list_protocols, dict),
    "protocols.load_protocol": (_without(protocols.load_protocol, "where"), lambda: {"name": "force"}),
    "tasks.Task": (tasks.Task, lambda: {"name": "own", "n_steps": 4, "target": np.zeros((4, 1))}),
    "tasks.load_tasks": (tasks.load_tasks, lambda: {"folder": tempfile.mkdtemp(dir=os.getcwd())}),
    "tasks.task_settings": (tasks.task_settings, lambda: {"name": "sine"}),
    "tasks.task_shape": (
        tasks.task_shape,
        lambda: {"name": "sine", "n_steps": 10, "dt": 1e-3, "settings": {"frequency": 5}},
    ),
    "tasks.task_summary": (tasks.task_summary, lambda: {"name": "sine"}),
} | {
    f"plotting.{name}": (getattr(plotting, name), lambda: {"results": _results()})
    for name in plotting.__all__
    if name not in ("plot_correlations", "save_figure")
}

#: Without arguments, of other arguments than these, or with tests of their own.
LEFT_OUT = {
    "brian.PythonRule": "any function; tests/brian/test_python_rule.py",
    "brian.set_cuda_device": "needs brian2cuda",
    "plotting.plot_correlations": "as the others",
    "protocols.Cost": "four numbers, given back by cost_of",
    "tasks.list_trial_tasks": "no arguments",
    "cuda.build_preferences": "no arguments of users",
    "cli.main": "commands; bad_input.py",
    "errors.closest": "for messages",
    "errors.diverged": "for messages",
    "errors.message": "for messages",
    "errors.problem": "for messages",
    "errors.tensorflow_missing": "for messages",
}

#: Modules that need TensorFlow: tests/keras/test_bad_input.py.
OF_KERAS = {"base", "callbacks", "constrained", "esn", "keras_style", "models", "spiking", "tensorflow"}
