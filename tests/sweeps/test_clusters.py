"""Clusters: what their files may say, and a sweep whose workers are jobs."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys

import pytest
from sweeps.slurm_node import one_node, why_not
from sweeps.small import how, numbers

from tension_sim import sweep
from tension_sim.errors import InvalidTypeError, InvalidValueError, RunFailedError, TensionError, UnknownNameError
from tension_sim.sweeps.clusters import SYSTEMS, cluster_options

jobqueue = pytest.importorskip("dask_jobqueue", reason="clusters need the extra sweep")
pytest.importorskip("cryptography", reason="clusters need the extra sweep")
pytest.importorskip("pyarrow", reason="sweeps need the extra")

SMALL_JOB = '[cluster]\nsystem = "slurm"\njobs = 2\ncores = 1\nmemory = "1GB"\n'


def written(tmp_path, text):
    path = tmp_path / "cluster.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_of_dask_jobqueue_has_its_class(tmp_path, system):
    path = written(tmp_path, SMALL_JOB.replace("slurm", system) + 'walltime = "01:00:00"\n' * (system != "htcondor"))
    kind, options, scale = cluster_options("sweep.client", path, jobqueue)
    assert kind.__name__ == f"{SYSTEMS[system]}Cluster" and scale == {"jobs": 2}
    assert options["cores"] == 1 and options["memory"] == "1GB"


def test_keys_reach_the_job_script(tmp_path):
    more = 'queue = "long"\naccount = "lab"\njob_script_prologue = ["module load gcc"]\nmaximum_jobs = 4\n'
    path = written(tmp_path, SMALL_JOB.replace("jobs = 2\n", "") + more)
    kind, options, scale = cluster_options("sweep.client", path, jobqueue)
    assert scale == {"maximum_jobs": 4}
    script = kind.job_cls("tcp://127.0.0.1:1", name="a", **options).job_script()
    for line in ("#SBATCH -p long", "#SBATCH -A lab", "#SBATCH --cpus-per-task=1", "module load gcc"):
        assert line in script


@pytest.mark.parametrize(
    ("text", "error", "wrong"),
    [
        ("a = 1\n", UnknownNameError, "cluster.toml: expected a known table"),
        ("", InvalidValueError, "cluster.toml: expected a table [cluster]."),
        ("[cluster]\n", UnknownNameError, "cluster.toml: cluster.system: expected a known batch system"),
        (SMALL_JOB.replace("slurm", "slrum"), UnknownNameError, "did you mean 'slurm'?"),
        (SMALL_JOB.replace("jobs = 2\n", ""), InvalidValueError, "cluster: expected either jobs or maximum_jobs."),
        (SMALL_JOB + "maximum_jobs = 3\n", InvalidValueError, "cluster: expected either jobs or maximum_jobs."),
        (
            SMALL_JOB.replace("jobs = 2", "jobs = 0"),
            InvalidValueError,
            "cluster.jobs: expected a number of jobs, at",
        ),
        (SMALL_JOB.replace("jobs = 2", 'jobs = "2"'), InvalidTypeError, "cluster.jobs: expected a number of jobs"),
        (SMALL_JOB + 'walltim = "1:00"\n', UnknownNameError, "did you mean 'walltime'?"),
        (SMALL_JOB + 'protocol = "tcp://"\n', UnknownNameError, "cluster: expected a known key"),
        (SMALL_JOB.replace("cores = 1\n", ""), InvalidValueError, "cluster.cores: expected cores of a job."),
        ("[cluster\n", InvalidValueError, "expected a file in TOML"),
    ],
)
def test_what_cannot_work(tmp_path, text, error, wrong):
    with pytest.raises(error) as raised:
        cluster_options("sweep.client", written(tmp_path, text), jobqueue)
    assert wrong in str(raised.value)
    assert issubclass(error, TensionError)


def test_no_batch_system_here(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    path = written(tmp_path, SMALL_JOB)
    with pytest.raises(RunFailedError, match=re.escape("Fix: check that sbatch is on the PATH")):
        sweep("lif_sine", {"Q": [1]}, **how(tmp_path / "out", client=path))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("client", "error", "wrong"),
    [
        (-1, InvalidValueError, "sweep.client: expected a number of workers, at least 0."),
        (10**6, InvalidValueError, "workers, 8 for each core."),
        (True, InvalidTypeError, "sweep.client: expected a number of workers, an address, a file in TOML"),
        ("nowhere.toml", InvalidValueError, "sweep.client: expected a file that can be read."),
        ("nowhere.json", InvalidValueError, "sweep.client: expected a scheduler's file that exists."),
        ("10.0.0.1:8786", InvalidValueError, "expected the address of a scheduler, or a file .toml or .json."),
    ],
)
def test_what_can_be_no_workers_leaves_no_folder(tmp_path, client, error, wrong):
    with pytest.raises(error, match=re.escape(wrong)):
        sweep("lif_sine", {"Q": [1]}, **how(tmp_path / "out", client=client))
    assert not (tmp_path / "out").exists()


SBATCH = """#!/bin/sh
# keeps the script, as SLURM does, runs it at once in a process group of its own, and tells its number
script=$(mktemp {log}.XXXXXX)
cat "$1" >"$script"
setsid sh "$script" >{log} 2>&1 </dev/null &
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/sh
for job in "$@"; do kill -- -"$job" 2>/dev/null; done
exit 0
"""


@pytest.fixture
def pretended_slurm(tmp_path, monkeypatch):
    """Commands of SLURM that run jobs on this machine."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH.format(log=tmp_path / "job.log")), ("scancel", SCANCEL)):
        (folder / name).write_text(text)
        (folder / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


@pytest.mark.slow
def test_workers_are_jobs(pretended_slurm, tmp_path):
    """All but the batch system itself is real: job scripts, keys, the scheduler, and the end of the jobs."""
    path = written(tmp_path, SMALL_JOB + 'interface = "lo"\nwalltime = "00:10:00"\n')
    here = sweep("lif_sine", {"Q": [1, 10]}, 2, **how(tmp_path / "here"))
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / ".dask-jobqueue.worker.key.x1").touch()  # as a command that was killed leaves it
    there = sweep("lif_sine", {"Q": [1, 10]}, 2, **how(tmp_path / "there", client=path))
    assert numbers(there) == numbers(here)
    assert not list((tmp_path / "there").glob(".*worker.*")), "keys of the workers outlive the sweep"


@pytest.fixture
def slurm(tmp_path_factory, monkeypatch):
    """A SLURM of this machine alone."""
    if reason := why_not():
        pytest.skip(reason)
    monkeypatch.delenv("LD_BIND_NOW", raising=False)  # an earlier run in C++ may have left it
    with one_node(tmp_path_factory.mktemp("slurm")) as variables:
        for name, text in variables.items():
            monkeypatch.setenv(name, text)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        yield


@pytest.mark.slow
def test_workers_are_jobs_of_slurm(slurm, tmp_path, monkeypatch):
    """One of the two jobs is taken away by the batch system: another one follows, and no number changes."""
    monkeypatch.setenv("LD_BIND_NOW", "1")  # Brian2 leaves it after a run in C++; plugins of SLURM do not load with it
    path = written(tmp_path, SMALL_JOB + 'interface = "lo"\nwalltime = "00:10:00"\n')
    jobs, cancelled = [], []

    def cancel(done, total, row):
        if row is not None and not cancelled:
            queue = ["squeue", "--noheader", "--states=RUNNING", "--format=%i %j"]
            jobs.extend(subprocess.run(queue, capture_output=True, text=True, check=True).stdout.splitlines())
            cancelled.append(jobs[0].split()[0])
            subprocess.run(["scancel", "--signal=KILL", cancelled[0]], check=True)

    here = sweep("lif_sine", {"Q": [1, 10]}, 3, **how(tmp_path / "here"))
    there = sweep("lif_sine", {"Q": [1, 10]}, 3, **how(tmp_path / "there", client=path, progress=cancel))
    assert numbers(there) == numbers(here) and set(there.table()["status"]) == {"done"}
    assert jobs and all(job.split()[1] == "dask-worker" for job in jobs)
    assert os.environ.pop("LD_BIND_NOW") == "1"
    left = ["squeue", "--noheader", "--states=PENDING,RUNNING"]
    assert not subprocess.run(left, capture_output=True, text=True, check=True).stdout, "jobs outlive the sweep"
