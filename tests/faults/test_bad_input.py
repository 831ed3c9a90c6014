"""Generated bad input: each case is refused by a sentence of ours, or runs to finite numbers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bad_input
import pytest

import tension_sim
from tension_sim.protocols import list_protocols

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
    listed = {name.partition(".")[0].partition(" ")[0] for name in {*bad_input.BASES, *bad_input.LEFT_OUT}}
    public = {name for name in tension_sim.__all__ if not name.endswith("Error") and not name.startswith("_")}
    assert public == listed
    assert set(bad_input.RECIPES) == set(list_protocols())


def test_150_bad_inputs():
    assert judged(seed=1, first=0, count=150) == []


@pytest.mark.slow
def test_1000_bad_inputs_refused_or_run_to_finite_numbers():
    """What is not refused is run, on numpy; a rehearsal must have refused the same, with the same words."""
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(lambda first: judged(2, first, 500, "run"), (0, 500)))
    assert parts == [[], []]
