"""A real SLURM of one node, this machine: its daemons run in a folder of their own and end with the block.

Debian has them: ``apt-get install slurm-wlm munge``. They must be started by root. Nothing of a SLURM that the machine
may have is read or written: configuration, key, sockets, state and logs all lie in the folder.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

__all__ = ["one_node", "why_not"]

_NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "sinfo")
_PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
_PATIENCE = 30  # seconds until all of them are up

#: No cgroups, which containers lack: processes of a job are found by their parents.
_CONFIGURATION = """
ClusterName=one_node
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
SchedulerParameters=sched_interval=1
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=4000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Return why SLURM cannot be started here; an empty text where it can."""
    missing = [name for name in _NEEDED if shutil.which(name, path=_PLACES) is None]
    if missing:
        return f"SLURM is not installed (apt-get install slurm-wlm munge): no {', '.join(missing)}"
    return "" if os.geteuid() == 0 else "its daemons must be started by root"


@contextmanager
def one_node(folder: Path, cores: int = 2) -> Iterator[dict[str, str]]:
    """Run a SLURM; yield the variables by which its commands find it.

    Parameters
    ----------
    folder : Path
        An empty one, which others cannot write to.
    cores : int, optional
        How many its node says it has: so many jobs of one core run side by side.
    """
    folder.chmod(0o755)  # munge wants nobody else to be able to exchange its socket
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o600)
    configuration = folder / "slurm.conf"
    controller_port, node_port = _free_ports(2)
    host = socket.gethostname().partition(".")[0]
    about = {"controller_port": controller_port, "node_port": node_port, "host": host, "cores": cores}
    configuration.write_text(_CONFIGURATION.format(folder=folder, **about))
    variables = {"SLURM_CONF": str(configuration), "PATH": _PLACES}
    own = {f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")}
    with ExitStack() as stack:
        for command in (
            ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *sorted(own)],
            ["slurmctld", "-D", "-c", "-f", str(configuration)],
            ["slurmd", "-D", "-c", "-f", str(configuration), "-N", host],
        ):
            stack.enter_context(_daemon(command, folder, variables))
            if command[0] == "munged":
                _wait_until(lambda: (folder / "munge.socket").exists(), folder)
        _wait_until(lambda: _answer(["sinfo", "--noheader", "--format=%t"], variables) == "idle", folder)
        try:
            yield variables
        finally:  # a job whose node goes first would live on
            _answer(["scancel", "--user=root"], variables)
            with suppress(TimeoutError):
                _wait_until(lambda: not _answer(["squeue", "--noheader"], variables), folder)


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def _daemon(command: Sequence[str], folder: Path, variables: dict[str, str]) -> Iterator[None]:
    program = shutil.which(command[0], path=_PLACES)
    with (folder / f"{command[0]}.out").open("wb") as output:
        process = subprocess.Popen(
            [program, *command[1:]], stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=os.environ | variables
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answer(command: Sequence[str], variables: dict[str, str]) -> str:
    """Return what a command says; nothing where it fails, as long as the controller is not up."""
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def _wait_until(true: Callable[[], bool], folder: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while not true():
        if time.monotonic() > end:
            outputs = "\n".join(f"{path.name}:\n{path.read_text()[-2000:]}" for path in sorted(folder.glob("*.out")))
            raise TimeoutError(f"SLURM did not come up in {_PATIENCE} s.\n{outputs}")
        time.sleep(0.2)
