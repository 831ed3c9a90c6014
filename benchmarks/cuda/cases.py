"""What the kit holds: networks, and of each a short run to compare with C++, and pairs of runs to be timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from benchmarks.cuda import large
from benchmarks.cuda.calls import Call, call_of
from tension_sim import Record, Simulation, load_recipe
from tension_sim.circuit.parts import Circuit
from tension_sim.protocols import bioforce
from tension_sim.protocols.fitted import Fit

__all__ = ["Case", "Planned", "cases"]

#: As published: TrainSpikingNet.jl on an H100.
_PUBLISHED = {"steps": 40_000, "updates": 150, "seconds": 4.39}


@dataclass(frozen=True)
class Planned:
    """A circuit, its runs, and what else the manifest says of its program.

    Runs are "agreement", which is compared, and "short", "long", "short_learning", "long_learning", which are timed.
    """

    circuit: Circuit
    calls: Mapping[str, Call]
    #: Arrays that are not compared.
    left_out: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A program of the kit; `limit` is for each of its runs, in seconds."""

    name: str
    title: str
    limit: float
    plan: Callable[[], Planned]


def _timed(
    simulation: Simulation, samples: Mapping[str, Any], short: int, long: int, every: Mapping[str, int] | None = None
) -> dict[str, Call]:
    return {
        f"{name}{suffix}": call_of(
            simulation, **_first(samples, steps, every), steps=steps, every=every, learning=learning
        )
        for suffix, learning in (("", False), ("_learning", True))
        for name, steps in (("short", short), ("long", long))
    }


def _first(samples: Mapping[str, Any], steps: int, every: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Return the samples of the first steps."""
    return {name: s[: -(-steps // (every or {}).get(name, 1))] for name, s in samples.items()}


def _lif_sine(changed: Mapping[str, str] | None = None, steps: tuple[int, int, int] = (800, 1000, 20_000)) -> Planned:
    """Learn from the first step on: the schedule is no code."""
    agreement, short, long = steps
    simulations, tasks = {}, {}
    for name, every in (("agreement", "1"), ("timed", str(long))):
        settings = {"start": "0*second", "stop": "1*second", "duration": "1*second", "record.every": every}
        recipe = load_recipe("lif_sine", settings | dict(changed or {}))
        simulations[name], tasks[name] = recipe.simulation("cpp_standalone"), recipe.task()
    calls = {"agreement": call_of(simulations["agreement"], tasks["agreement"], steps=agreement)}
    timed, task = simulations["timed"], tasks["timed"]
    for suffix, learning in (("", False), ("_learning", True)):
        for name, count in (("short", short), ("long", long)):
            calls[f"{name}{suffix}"] = call_of(timed, task, steps=count, learning=learning)
    return Planned(timed.wiring.circuit, calls)


def _full_force(n: int = 300, steps: tuple[int, int, int] = (200, 500, 10_000)) -> Planned:
    agreement, short, long = steps
    settings = {"n": str(n), "settle_trials": "0", "trials": "5", "test_trials": "0"}
    recipe = load_recipe("oscillation", settings | {"restart_trials": "0", "restart_settle_trials": "0"})
    trials = list(recipe.trials())
    samples = {
        "y": np.concatenate([trial.target for trial in trials]),
        "x": np.concatenate([np.concatenate([trial.inputs, trial.hints], axis=1) for trial in trials]),
    }
    simulations = [
        Simulation(recipe.networks()[0], target="cpp_standalone", record=Record(every=every, variables={"r": range(5)}))
        for every in (1, long)
    ]
    calls = {"agreement": call_of(simulations[0], **_first(samples, agreement))} | _timed(
        simulations[1], samples, short, long
    )
    return Planned(simulations[0].wiring.circuit, calls)


def _bioforce() -> Planned:
    recipe = load_recipe("calcium", {"cells": "300"})
    samples = {"y": bioforce.recording(recipe)}
    simulation = Simulation(bioforce.network(recipe, 300), target="cpp_standalone")
    calls = {"agreement": call_of(simulation, **_first(samples, 40))} | _timed(simulation, samples, 20, 240)
    return Planned(simulation.wiring.circuit, calls)


def _fit(update: str, dtype: str) -> tuple[Fit, dict[str, Any]]:
    """Prepare the tutorial, whose learning begins at once, and half a second of samples."""
    settings = {"update_every": update, "dtype": dtype, "trial.duration": "0.5*second"}
    settings |= {"stimulus_start": "0*second", "stimulus_stop": "1*ms"}
    fit = Fit(load_recipe("arthur_2023/tutorial", settings), "cpp_standalone")
    return fit, {"y": fit.targets(fit.before())[0], "x": fit.inputs(0)}


def _tutorial() -> Planned:
    fit, samples = _fit("1*ms", "float32")
    double, _ = _fit("1*ms", "float64")
    most = 400
    runs = [f.simulation.run(**samples, steps=most, every=f.held) for f in (fit, double)]
    steps = _before_they_differ(*({*zip(r.spike_step, r.spike_neuron, strict=True)} for r in runs), most)
    calls = {"agreement": call_of(fit.simulation, **_first(samples, steps, fit.held), steps=steps, every=fit.held)}
    fit, samples = _fit("10*ms", "float32")
    calls |= _timed(fit.simulation, samples, 500, 5000, fit.held)
    return Planned(fit.simulation.wiring.circuit, calls)


def _before_they_differ(one: set[tuple[int, int]], other: set[tuple[int, int]], steps: int) -> int:
    """Return the steps in which rounding to float32 moves no spike, less a tenth: a GPU rounds otherwise again."""
    differ = min((step for step, _ in one ^ other), default=None)
    return steps if differ is None else int(0.9 * differ)


def _large() -> Planned:
    simulation = large.simulation()
    calls = large.calls(simulation)
    more = {"made_by": "benchmarks.cuda.large", "checksum": large.checksum(calls["agreement"])}
    more |= {"published": _PUBLISHED}
    return Planned(simulation.wiring.circuit, calls, ("rls.P_packed",), more)


#: In the order of what they tell about all others; the networks with every primitive come before them.
_PUBLISHED_SIZES = (
    Case("lif_sine", "lif_sine, N = 2000", 30, _lif_sine),
    Case("full_force", "full-FORCE, N = 300", 30, _full_force),
    Case("bioforce", "BioFORCE, N = 300, half masked", 30, _bioforce),
    Case("tutorial", "arthur_2023/tutorial, N = 4096", 40, _tutorial),
    Case("large", "arthur_2023, N = 66,002, K = 0, 128 plastic inputs", 90, _large),
)

#: At sizes that a CPU can play the GPU for.
_SMALL = (
    Case("lif_sine", "lif_sine, N = 100", 300, partial(_lif_sine, {"n": "100", "update_every": "5"}, (120, 50, 100))),
    Case("full_force", "full-FORCE, N = 30", 300, partial(_full_force, 30, (60, 50, 100))),
)


def cases(emulated: bool = False) -> tuple[Case, ...]:
    """Return the declared networks of a kit for GPUs, or of one that the CPU emulates."""
    return _SMALL if emulated else _PUBLISHED_SIZES
