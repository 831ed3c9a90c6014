"""Worker processes: killed ones, a scheduler that comes back, and who can reach them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweeps.small import SMALL, how, numbers
from targets import skip_unless_here

from tension_sim import load_recipe, sweep, tune
from tension_sim.errors import RunFailedError
from tension_sim.sweeps import clusters
from tension_sim.sweeps.local import local_workers
from tension_sim.sweeps.pruning import STUDY, open_study
from tension_sim.sweeps.workers import OnDask

distributed = pytest.importorskip("distributed", reason="sweeps need the extra")
pytest.importorskip("cryptography", reason="sweeps need the extra")
pytest.importorskip("pyarrow", reason="sweeps need the extra")

pytestmark = pytest.mark.slow

GRID = {"alpha_P": "1e-3:1:3:log"}


@pytest.fixture(scope="module")
def two_workers():
    """Processes that several sweeps use one after the other."""
    with local_workers(2) as found:
        yield found


@contextlib.contextmanager
def given(where, client, folder):
    """Take the place of `workers_of`."""
    yield OnDask(client[0], mend=client[1].mend)


@pytest.fixture(autouse=True)
def workers_may_be_given(monkeypatch):
    original, check = clusters.workers_of, clusters.check_workers
    for module in ("sweep", "tune"):
        monkeypatch.setattr(
            f"tension_sim.sweeps.{module}.check_workers",
            lambda where, client: None if isinstance(client, tuple) else check(where, client),
        )
        monkeypatch.setattr(
            f"tension_sim.sweeps.{module}.workers_of",
            lambda where, client, folder: (given if isinstance(client, tuple) else original)(where, client, folder),
        )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The same sweep in this process."""
    return numbers(sweep("lif_sine", GRID, 4, **how(tmp_path_factory.mktemp("here") / "out")))


def test_a_killed_worker_loses_no_row(two_workers, undisturbed, tmp_path):
    pids, killed = list(two_workers[0].run(os.getpid).values()), []

    def kill(done, total, row):
        if row is not None and done == 3:
            os.kill(pids[0], signal.SIGKILL)
            killed.append(done)

    found = sweep("lif_sine", GRID, 4, **how(tmp_path / "out", client=two_workers, progress=kill))
    assert killed == [3] and numbers(found) == undisturbed
    assert len((tmp_path / "out" / "points.jsonl").read_text().splitlines()) == 12


def test_a_point_that_kills_each_worker_is_a_row_with_its_reason(two_workers, tmp_path, monkeypatch):
    protocols = tmp_path / "protocols"
    protocols.mkdir()
    (protocols / "deadly.py").write_text(
        '"""Ends the process that runs it."""\n'
        "import os\n"
        "from dataclasses import replace\n"
        "from tension_sim.protocols.force import PROTOCOL as FORCE\n"
        "from tension_sim.run.rehearsal import Rehearsed, rehearsing\n\n\n"
        "def run(recipe, target=None, progress=None):\n"
        "    if rehearsing():\n"
        "        raise Rehearsed\n"
        "    if recipe.values['network']['Q'] == 2:\n"
        "        os._exit(1)\n"
        "    return FORCE.run(recipe, target, progress)\n\n\n"
        "PROTOCOL = replace(FORCE, run=run)\n"
    )
    recipe = tmp_path / "mine.toml"
    recipe.write_text('protocol = "deadly"\n' + load_recipe("lif_sine").path.read_text())
    arguments = how(tmp_path / "out", client=two_workers, protocols=protocols)
    frame = sweep(recipe, {"Q": [1, 2, 3]}, **arguments).table()
    assert dict(zip(frame["Q"], frame["status"], strict=True)) == {1: "done", 2: "failed", 3: "done"}
    assert "Its worker died 4 times" in frame[frame["Q"] == 2]["reason"].item()


def test_one_program_for_all_points(two_workers, tmp_path):
    skip_unless_here("cpp_standalone")
    settings = {**SMALL, "network.n": "23"}  # a size that no other test compiles
    how_ = {"out": tmp_path / "out", "client": two_workers, "target": "cpp_standalone", "settings": settings}
    frame = sweep("lif_sine", {"G": "0.02:0.2:3", "tau_decay": "10*ms:20*ms:2"}, 2, **how_).table()
    assert (frame["status"] == "done").all()
    from tension_sim.run.entries import list_entries

    def neurons(entry):
        voltage = json.loads((entry.folder / "manifest.json").read_text())["arrays"].get("neurons.v")
        return voltage["size"] if voltage else None  # a neuron of a search that ran before may have none

    begin = time.time() - frame["seconds"].sum() - 60  # earlier tests with other code left programs of this size
    ours = [entry for entry in list_entries() if entry.made_for == "nicola_clopath_2017/lif_sine"]
    assert len([entry for entry in ours if entry.built > begin and neurons(entry) == 23]) <= 1
    assert (frame["build"] < 0.5).sum() >= 10  # two workers wait for one build at most


def test_nothing_outside_this_machine_can_reach_them(two_workers):
    psutil = pytest.importorskip("psutil")
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    listening = [c.laddr.ip for p in processes for c in p.net_connections("inet") if c.status == "LISTEN"]
    assert len(listening) >= 4 and set(listening) <= {"127.0.0.1", "::1"}
    assert two_workers[0].scheduler.address.startswith("tls://")


def dask(*arguments, environment):
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment,
    )  # fmt: skip


@contextlib.contextmanager
def ended(*processes):
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def scheduler_and_worker(port):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    address = f"tcp://127.0.0.1:{port}"
    common = {"environment": environment}
    return (
        dask("dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", **common),
        dask("dask_worker", address, "--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard", **common),
    )


def test_a_scheduler_that_is_started_again_is_found(undisturbed, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = list(scheduler_and_worker(port))
    with contextlib.ExitStack() as stack:
        stack.enter_context(ended(*processes))
        lost = []

        def lose(done, total, row):
            if row is not None and done == 3:
                for process in processes:
                    process.kill()
                    process.wait()
                stack.enter_context(ended(*scheduler_and_worker(port)))
                lost.append(done)

        found = sweep("lif_sine", GRID, 4, **how(tmp_path / "out", client=f"tcp://127.0.0.1:{port}", progress=lose))
    assert lost == [3] and numbers(found) == undisturbed


def test_a_scheduler_that_does_not_come_back(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with distributed.LocalCluster(processes=False, n_workers=0, dashboard_address=None) as cluster:
        client = distributed.Client(cluster, set_as_default=False)
        workers = OnDask(client, patience=0.0)
        workers._address = address
        client.close()
        with pytest.raises(RunFailedError, match=f"The scheduler at {address} has not come back for 0 s."):
            workers._reconnect(lambda: None)


def test_trials_of_a_search_run_in_other_processes(two_workers, tmp_path):
    """The study's file is shared; a neuron that is not shipped is found beside the recipe."""
    neuron = Path(__file__).parents[1] / "neurons" / "exponential_lif.toml"
    recipe = tmp_path / "mine.toml"
    text = load_recipe("nicola_clopath_2017/lif_sine").path.read_text()
    text = text.replace('neuron = "lif"', 'neuron = "mine_neuron.toml"')
    for name in ("tau_mem", "tau_ref", "v_reset", "v_peak", "bias"):
        text = re.sub(rf"^{name} = .*\n", "", text, flags=re.MULTILINE)
    recipe.write_text(text)
    (tmp_path / "mine_neuron.toml").write_text(neuron.read_text())
    ranges = {"Q": (1, 30), "bias": "8*mV:16*mV", "alpha_P": "1e-6:1e-3:log"}
    found = tune(recipe, ranges, 6, **how(tmp_path / "out", client=two_workers))
    assert sorted(row.key for row in found.rows) == [f"trial-{k}" for k in range(6)]
    assert {row.status for row in found.rows} <= {"done", "diverged"} and found.best(n=1)["aligned_rmse"].item() > 0
    states = [trial.state.name for trial in open_study(str(tmp_path / "out" / STUDY)).trials]
    assert states == ["COMPLETE"] * 6


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)])
def test_signals_of_a_terminal_end_all_processes_quietly(tmp_path, number):
    """A terminal sends Ctrl-C, and SIGHUP when it is closed, to the workers too; only the command may answer."""
    words = ["sweep", "nicola_clopath_2017/lif_sine", "--grid", "Q=1,3,10", "--seeds", "50", "--workers", "1"]
    words += ["--target", "numpy", "--out", str(tmp_path / "out")]
    words += [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    command = [sys.executable, "-c", "from tension_sim.cli import main; main()", *words]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        journal, end = tmp_path / "out" / "points.jsonl", time.monotonic() + 120
        while time.monotonic() < end and not (journal.exists() and journal.stat().st_size):
            time.sleep(0.2)
        os.killpg(process.pid, number)
        shown, _ = process.communicate(timeout=120)
    assert process.returncode == 128 + number and "the same command goes on" in shown
    assert "Traceback" not in shown
