"""Generated bad input: each case is refused by a sentence of ours, or runs to finite numbers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import bad_input
import module_calls
import numpy as np
import public_calls
import pytest

import tension_sim
from tension_sim import (
    ForceNetwork,
    InvalidTypeError,
    InvalidValueError,
    Learning,
    OutOfMemoryError,
    Phase,
    Record,
    RunFailedError,
    Simulation,
    UnknownNameError,
    errors,
    load_recipe,
    make_task,
    run_recipe,
)
from tension_sim.protocols import list_protocols
from tension_sim.recipes import run as runs

SCRIPT = Path(bad_input.__file__)


def judged(seed: int, first: int, count: int, *options: str) -> list[dict]:
    """Run cases in a process of their own, and return those that went wrong."""
    package = Path(tension_sim.__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": f"{package}:{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, str(SCRIPT), str(seed), str(first), str(count), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, env=environment)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines and lines[-1] == {"done": count}, done.stderr[-2000:]
    return lines[:-1]


def test_every_public_name_has_cases():
    """A new class or function cannot stay out of them."""
    listed = {name.partition(".")[0].partition(" ")[0] for name in {*public_calls.BASES, *public_calls.LEFT_OUT}}
    public = {name for name in tension_sim.__all__ if not name.endswith("Error") and not name.startswith("_")}
    assert public == listed
    listed = {name.partition(" ")[0] for name in {*module_calls.BASES, *module_calls.LEFT_OUT}}
    public = set()
    for module in iter_modules(tension_sim.__path__):
        if not module.name.startswith("_") and module.name not in module_calls.OF_KERAS:
            names = getattr(import_module(f"tension_sim.{module.name}"), "__all__", [])
            public |= {f"{module.name}.{name}" for name in names if name not in tension_sim.__all__}
    assert public == {".".join(name.split(".")[:2]) for name in listed}
    assert set(public_calls.SMALL) <= set(public_calls.RECIPES) == set(list_protocols())


def test_150_bad_inputs():
    assert judged(seed=1, first=0, count=150) == []


ARRAY = np.ones((3, 3))
NET = ForceNetwork.random("lif", n=5)


def simulate(**options):
    return Simulation(NET, target="numpy").run(np.zeros(3), **options)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: simulate(phases=1.5),
            InvalidTypeError,
            "Simulation.run.phases: expected a tuple of Phase, or None.\nRe",
        ),
        (
            lambda: simulate(progress="x"),
            InvalidTypeError,
            "Simulation.run.progress: expected True, or a function, called as prog",
        ),
        (lambda: simulate(learning=np.nan), InvalidTypeError, "Simulation.run.learning: expected True or False."),
        (lambda: simulate(every=3), InvalidTypeError, 'Simulation.run.every: expected a mapping such as {"y": 10}.'),
        (
            lambda: simulate(steps=ARRAY),
            InvalidTypeError,
            "Simulation.run.steps: expected a whole number of time steps",
        ),
        (lambda: simulate(state=3), InvalidTypeError, "Simulation.state: expected the state of a run (results.state)."),
        (lambda: Simulation(NET, name={}), InvalidTypeError, "Simulation.name: expected a text.\nReceived: {}"),
        (lambda: Simulation(NET, target=ARRAY), InvalidTypeError, "Simulation.target: expected a text."),
        (lambda: Simulation(NET, threads=10**6), InvalidValueError, "Simulation.threads: expected at most "),
        (
            lambda: Simulation(NET, record=Record(off=3)),
            InvalidTypeError,
            "Record.off: expected names of recorded variab",
        ),
        (
            lambda: ForceNetwork.random(n=5, dt=True),
            InvalidTypeError,
            "ForceNetwork.dt: expected a time in seconds.\nReceived: T",
        ),
        (
            lambda: ForceNetwork.random(row_balanced="x"),
            InvalidTypeError,
            "ForceNetwork.row_balanced: expected True or Fal",
        ),
        (lambda: ForceNetwork.random(nonsense=1), UnknownNameError, "ForceNetwork.random: expected a known argument"),
        (
            lambda: ForceNetwork.random(n=10**9),
            OutOfMemoryError,
            "SparseKernel.n: expected what fits into the memory of",
        ),
        (
            lambda: ForceNetwork.random(n=5, dtype=ARRAY),
            InvalidValueError,
            "ForceNetwork.dtype: expected one of 'float64', 'fl",
        ),
        (
            lambda: ForceNetwork.random(n=5, activation=ARRAY),
            InvalidTypeError,
            "ForceNetwork.activation: expected a text.",
        ),
        (
            lambda: Learning(alpha_P=[[1], [2, 3]]),
            InvalidTypeError,
            "Learning.alpha_P: expected a finite number above 0.",
        ),
        (lambda: Phase("a", "x", 2), InvalidTypeError, "Phase.start: expected a whole number of time steps"),
        (lambda: make_task(ARRAY, 3, 1e-3), UnknownNameError, "Task.name: expected a known supervisor"),
        (
            lambda: make_task("sine", 10**15, 1e-3, frequency=5),
            InvalidValueError,
            "Task.n_steps: expected fewer than 1099511627776 steps",
        ),
        (
            lambda: make_task("van_der_pol", 9, 1e-3, mu=1e9),
            InvalidValueError,
            "Task: expected a system that can be integra",
        ),
        (lambda: load_recipe(3), InvalidTypeError, "load_recipe.name: expected a path.\nReceived: 3"),
        (lambda: load_recipe("lif_sine", 3), InvalidTypeError, "load_recipe.settings: expected names with values."),
        (
            lambda: load_recipe("lif_sine", {"duration": "1e300*second"}),
            InvalidValueError,
            "run.duration: expected a time of ",
        ),
        (lambda: run_recipe(load_recipe("lif_sine"), target=3), InvalidTypeError, "run.target: expected a text."),
    ],
)
def test_raw_failures_of_old(call, error, text):
    """What once ended in a traceback of another package, hung, or was accepted."""
    with pytest.raises(error, match=re.escape(text)):
        call()


def test_a_run_of_years_is_refused_before_anything_is_drawn():
    recipe = load_recipe("sussillo_abbott_2009/four_sines", {"duration": "1e8*second", "every": "1e9"})
    for act in (runs.check_run, runs.run_outcome):
        with pytest.raises(RunFailedError, match=r"The run would take about .* years.\nFix: |GB of memory"):
            act(recipe)


def test_every_error_is_exported():
    for name in errors.__all__:
        if name.endswith("Error"):
            assert getattr(tension_sim, name) is getattr(errors, name) and name in tension_sim.__all__


@pytest.mark.slow
def test_1000_bad_inputs_refused_or_run_to_finite_numbers():
    """What is not refused is run, on numpy; a rehearsal must have refused the same, with the same words."""
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(lambda first: judged(2, first, 500, "run"), (0, 500)))
    assert parts == [[], []]
