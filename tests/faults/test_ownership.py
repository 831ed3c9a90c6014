"""Large results cross a fork, joblib's and dask's workers whole, and the parent's stay."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from lif_network import STEPS, Y, assert_same, net
from targets import skip_unless_here

from tension_sim.results.results import Results
from tension_sim.run import arrays
from tension_sim.run.simulation import Simulation
from tension_sim.system import spare_files
from tension_sim.system.memory_maps import file_behind


@pytest.fixture(autouse=True)
def large(monkeypatch):
    """All of a run's arrays but the smallest count as large."""
    skip_unless_here("cpp_standalone")
    monkeypatch.setattr(arrays, "_LARGE", 64)


def run(state: dict | None = None) -> Results:
    """Run half of the steps, or go on with the other half; also in a worker, which must be told what is large."""
    arrays._LARGE = 64
    half = STEPS // 2
    return Simulation(net(), target="cpp_standalone").run(Y[:half] if state is None else Y[half:], state=state)


def files(results: Results) -> dict[str, Path]:
    """Return which states stay in which files."""
    kept = {name: file_behind(values) for name, values in results.state.items() if isinstance(values, np.ndarray)}
    return {name: file.path for name, file in kept.items() if file is not None}


@pytest.fixture
def first() -> Results:
    """Results of which large arrays stay in files."""
    results = run()
    assert "rls.P_packed" in files(results)
    return results


@pytest.fixture
def wanted(first) -> Results:
    """How the run goes on in this process."""
    return run(first.state)


def plain(results: Results) -> bool:
    """Say whether results are numbers in memory, in no file of anybody's."""
    everything = [*results.state.values(), *results.weights.values(), results.output, results.spike_step]
    return not any(isinstance(values, np.memmap) or file_behind(values) is not None for values in everything)


def test_a_child_that_is_forked_and_ends(first, wanted):
    before = {name: np.array(values) for name, values in first.state.items()}
    paths = files(first)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            found = run(first.state)  # the child's own run, from the parent's state
            assert_same(found, wanted)
            del found
            first.state.clear()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert all(path.exists() for path in paths.values())
    for name, values in before.items():
        np.testing.assert_array_equal(first.state[name], values)
    assert_same(run(first.state), wanted)


def in_a_pool(method: str, function: Callable[[dict], Results], state: dict) -> Results:
    with get_context(method).Pool(1) as pool:
        return pool.apply(function, (state,))


def with_joblib(backend: str, function: Callable[[dict], Results], state: dict) -> Results:
    joblib = pytest.importorskip("joblib")
    # arguments from 100 bytes on go to the workers as memory maps
    parallel = joblib.Parallel(n_jobs=2, backend=backend, max_nbytes=100)
    try:
        return parallel([joblib.delayed(function)(state)] * 2)[1]
    finally:
        if backend == "loky":
            from joblib.externals.loky import get_reusable_executor

            get_reusable_executor().shutdown(wait=True)


def with_dask(function: Callable[[dict], Results], state: dict) -> Results:
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        return client.submit(function, state).result(timeout=120)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param(partial(in_a_pool, "fork"), id="fork"),
        pytest.param(partial(in_a_pool, "spawn"), id="spawn", marks=pytest.mark.slow),
        pytest.param(partial(with_joblib, "loky"), id="joblib-loky"),
        pytest.param(partial(with_joblib, "multiprocessing"), id="joblib-multiprocessing"),
        pytest.param(with_dask, id="dask", marks=pytest.mark.slow),
    ],
)
def test_a_worker_returns_large_results(first, wanted, elsewhere):
    paths = files(first)
    found = elsewhere(run, first.state)
    assert_same(found, wanted)
    assert plain(found)
    assert all(path.exists() for path in paths.values())
    assert_same(run(first.state), wanted)


def test_a_worker_that_is_gone_leaves_nothing(first, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(spare_files, "_MOST", 0)  # kept for a later run on purpose
    in_a_pool("fork", run, first.state)
    run(first.state)
    assert not list(tmp_path.iterdir())
