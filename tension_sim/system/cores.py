"""How many cores a process may use: by its affinity, and by the quota of its control group."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["free_cores", "most_threads"]

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def free_cores() -> int:
    """Return how many cores this process may use at once, at least 1.

    Examples
    --------
    >>> free_cores() >= 1
    True
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # no Linux
        cores = os.cpu_count() or 1
    return max(1, min([cores, *(int(quota) for quota in _quotas())]))


def most_threads() -> int:
    """Return how many threads a run takes at most by itself: the free cores, or fewer by ``OMP_NUM_THREADS``."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return min(free_cores(), max(int(wanted), 1)) if wanted.isdecimal() else free_cores()


def _quotas() -> Iterator[float]:
    """Return the cores that this process's control group, and those around it, may use; none without a quota."""
    for folder in _folders():
        for found in (_second_version(folder / "cpu.max"), _first_version(folder)):
            if found is not None:
                yield found


def _folders() -> Iterator[Path]:
    """Return the folders of this process's groups and of all above them, as far as they are visible."""
    lines: list[str] = []
    with suppress(OSError):
        lines = _OWN_GROUPS.read_text().splitlines()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = _GROUPS / "cpu" if controllers else _GROUPS
        inside = Path(path.lstrip("/"))
        yield from (root / each for each in (inside, *inside.parents) if ".." not in each.parts)


def _second_version(file: Path) -> float | None:
    with suppress(OSError, ValueError):
        quota, period = file.read_text().split()
        return float(quota) / float(period)  # "max" is no number
    return None


def _first_version(folder: Path) -> float | None:
    with suppress(OSError, ValueError):
        quota = float((folder / "cpu.cfs_quota_us").read_text())
        return quota / float((folder / "cpu.cfs_period_us").read_text()) if quota > 0 else None
    return None
