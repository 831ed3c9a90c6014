"""Where workers come from: processes of this machine, a scheduler by its address, or jobs of a cluster."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from types import ModuleType
from typing import Any

from ..declare.validation import check_whole
from ..errors import InvalidTypeError, InvalidValueError, RunFailedError, message, unknown_name
from ..system.cores import free_cores
from ..system.files import check_path, read_toml
from .extra import load
from .local import local_workers, security
from .workers import OnDask, ThisProcess, Workers

__all__ = ["SYSTEMS", "check_workers", "cluster_options", "described", "workers_of"]

#: Batch systems, by the names of dask-jobqueue.
SYSTEMS = {"slurm": "SLURM", "pbs": "PBS", "lsf": "LSF", "sge": "SGE", "oar": "OAR", "htcondor": "HTCondor"}

_SCHEMES = ("tcp://", "tls://", "ws://", "wss://", "ucx://", "inproc://")
_TIMEOUT = 30  # seconds to reach a scheduler
_MOST_PER_CORE = 8  # processes on this machine
_KEYS = ".dask-jobqueue.worker.*"  # as dask-jobqueue names the files of a cluster that it wrote
_SCALE = ("jobs", "minimum_jobs", "maximum_jobs")

#: Arguments of dask-jobqueue's classes that are decided here, or that no file can hold.
_OURS = {
    *("self", "args", "kwargs", "n_workers", "scheduler", "name", "asynchronous", "loop", "security", "config_name"),
    *("job_cls", "job_kwargs", "silence_logs", "shared_temp_directory", "protocol"),
}


@contextmanager
def workers_of(where: str, given: Any, folder: Path) -> Iterator[Workers]:
    """Start or find the workers of a sweep, and let go of them at its end.

    Parameters
    ----------
    where : str
        Begins the messages.
    given : int, str, Path, distributed.Client or None
        A number of processes of this machine (0 for the process that calls, None for one for each core), the address
        of a scheduler, the path of its file (``.json``) or of a cluster's (``.toml``), or a client; as `check_workers`
        let it pass.
    folder : Path
        Of the sweep, for the logs of a cluster's jobs.
    """
    with ExitStack() as stack:
        if given == 0:
            yield ThisProcess()
        elif given is None or isinstance(given, int):
            number = free_cores() if given is None else given
            client, processes = stack.enter_context(local_workers(number))
            yield OnDask(client, mend=processes.mend)
        elif isinstance(given, str | os.PathLike):
            start = _jobs if os.fspath(given).endswith(".toml") else _scheduler
            yield OnDask(stack.enter_context(start(where, os.fspath(given), folder)))
        else:
            yield OnDask(given)


def check_workers(where: str, given: Any) -> None:
    """Refuse what can be no workers; nothing is started or written.

    Raises
    ------
    TensionError
        Names the argument, the file or its key.
    """
    if given is None or (hasattr(given, "submit") and hasattr(given, "scheduler")):
        return
    if isinstance(given, int) and not isinstance(given, bool):
        number, most = check_whole(where, given, 0, what="a number of workers"), _MOST_PER_CORE * free_cores()
        if number > most:
            what, fix = f"at most {most} workers, {_MOST_PER_CORE} for each core", "use --cluster for other machines."
            raise InvalidValueError(message(where, what, given, fix))
    elif not isinstance(given, str | os.PathLike):
        what = "a number of workers, an address, a file in TOML, or a client of dask.distributed"
        raise InvalidTypeError(message(where, what, given, "e.g. client=2."))
    elif (text := os.fspath(given)).endswith(".toml"):
        kind, _, _ = cluster_options(where, check_path(where, text), load("dask_jobqueue", "sweep --cluster"))
        command = kind.job_cls.submit_command.split()[0]
        if which(command) is None:
            fix = f"check that {command} is on the PATH: call this on a node that may submit jobs."
            raise RunFailedError(f"{kind.__name__} needs the command {command}, which is not here.\nFix: {fix}")
    elif text.endswith(".json"):
        if not check_path(where, text).is_file():
            raise InvalidValueError(message(where, "a scheduler's file that exists", text, "check the path."))
    elif not text.startswith(_SCHEMES):
        fix = "e.g. tcp://10.0.0.1:8786, or slurm.toml."
        raise InvalidValueError(message(where, "the address of a scheduler, or a file .toml or .json", text, fix))


@contextmanager
def _scheduler(where: str, text: str, folder: Path) -> Iterator[Any]:
    """Join a scheduler, by its address or its file."""
    distributed = load("distributed", "sweep")
    how = {"scheduler_file" if text.endswith(".json") else "address": text}
    try:
        client = distributed.Client(timeout=_TIMEOUT, set_as_default=False, **how)
    except (OSError, TimeoutError, ValueError) as error:
        raise RunFailedError(
            f"No scheduler answers at {text}: {type(error).__name__}.\n"
            "Fix: start it (dask scheduler), check address and firewall, or use --workers 2 on this machine."
        ) from error
    with client:
        yield client


def cluster_options(where: str, path: Path, jobqueue: ModuleType) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Read a cluster's file: ``[cluster]`` with ``system``, ``jobs`` (or ``minimum_jobs`` and ``maximum_jobs``),
    and any option of the class of dask-jobqueue, by its own name.

    Returns
    -------
    kind, options, scale
        The class, its arguments, and those of its method `scale` or `adapt`.

    Raises
    ------
    TensionError
        Names the key that is missing or not known.
    """
    data = read_toml(where, path)
    for key in data:
        if key != "cluster":
            raise unknown_name(str(path), "table", key, ["cluster"])
    table = data.get("cluster")
    if not isinstance(table, dict):
        raise InvalidValueError(message(str(path), "a table [cluster]", table, 'e.g. [cluster] with system = "slurm".'))
    system = table.pop("system", None)
    if system not in SYSTEMS:
        raise unknown_name(f"{path}: cluster.system", "batch system", system, SYSTEMS)
    kind = getattr(jobqueue, f"{SYSTEMS[system]}Cluster")
    scale = {key: table.pop(key) for key in _SCALE if key in table}
    for key, value in scale.items():
        check_whole(f"{path}: cluster.{key}", value, 0 if key == "minimum_jobs" else 1, what="a number of jobs")
    if ("jobs" in scale) == ("maximum_jobs" in scale):
        fix = "e.g. jobs = 4."
        raise InvalidValueError(message(f"{path}: cluster", "either jobs or maximum_jobs", scale, fix))
    known = _arguments(kind)
    for key in table:
        if key not in known:
            raise unknown_name(f"{path}: cluster", "key", key, {*known, "system", *_SCALE})
    for key in ("cores", "memory"):
        if key not in table:
            what = f"{key} of a job"
            raise InvalidValueError(message(f"{path}: cluster.{key}", what, None, 'e.g. cores = 4, memory = "8GB".'))
    return kind, table, scale


def _arguments(kind: Any) -> set[str]:
    """Return what a class of dask-jobqueue may be told, but what this module decides."""
    functions = [kind.__init__, *(cls.__init__ for cls in kind.job_cls.__mro__ if cls is not object)]
    names = {name for function in functions for name in inspect.signature(function).parameters}
    return names - _OURS


@contextmanager
def _jobs(where: str, text: str, folder: Path) -> Iterator[Any]:
    """Start a scheduler here and workers as jobs of a batch system; they end with the sweep."""
    jobqueue, distributed = load("dask_jobqueue", "sweep --cluster"), load("distributed", "sweep")
    kind, options, scale = cluster_options(where, Path(text), jobqueue)
    ours = {
        "log_directory": str(folder / "logs"),
        "scheduler_options": {"dashboard_address": "127.0.0.1:0"},
        "worker_extra_args": ["--no-dashboard"],
        "security": security(),
        "protocol": "tls://",
        "shared_temp_directory": str(folder),
        "job_cls": _ending(kind.job_cls, distributed),
    }
    try:
        cluster = kind(**ours | options)
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise RunFailedError(
            f"{kind.__name__} could not be started: {error}.\nFix: check [cluster] in {text}."
        ) from error
    with (
        _plugins_found(),
        _keys_removed(cluster, folder),
        cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        most = scale.get("jobs", scale.get("maximum_jobs"))
        least = scale.get("jobs", scale.get("minimum_jobs", 0))
        cluster.adapt(minimum_jobs=least, maximum_jobs=most)  # a job whose time is over is replaced
        try:
            yield client
        finally:
            with suppress(Exception):  # jobs that have not started are taken back too
                cluster.scale(0)


@contextmanager
def _keys_removed(cluster: Any, folder: Path) -> Iterator[None]:
    """Remove the files with the key and certificates of the workers, which dask-jobqueue leaves to the collector.

    Those of an earlier command that was killed go, too: its scheduler is gone, and one sweep at a time has the folder.
    """
    own = {name: file for name, file in vars(cluster).items() if name.startswith("_job_") and hasattr(file, "close")}
    kept = {Path(file.name) for file in own.values()}
    for file in folder.glob(_KEYS):
        if file not in kept:
            file.unlink(missing_ok=True)
    try:
        yield
    finally:
        for file in own.values():
            file.close()


@contextmanager
def _plugins_found() -> Iterator[None]:
    """Take back what Brian2 leaves in the environment after a C++ run, with which SLURM's commands load no plugin."""
    left = os.environ.pop("LD_BIND_NOW", None)
    try:
        yield
    finally:
        if left is not None:
            os.environ["LD_BIND_NOW"] = left


def _ending(job: Any, distributed: ModuleType) -> Any:
    """Return a class of jobs that say that they ended: without it the end of a cluster that lost one is an error."""

    class Ending(job):
        async def close(self) -> None:
            await super().close()
            self.status = distributed.Status.closed

    return Ending


def described(workers: Workers) -> Mapping[str, str]:
    """Return what a user may like to know about the workers: the address of the dashboard, where there is one."""
    if not isinstance(workers, OnDask):
        return {}
    link = workers.client.dashboard_link if find_spec("bokeh") else ""  # without bokeh it has no pages
    return {"dashboard": link} if link else {}
