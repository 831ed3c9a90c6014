"""Find how much memory there is, and refuse what needs more before it is allocated."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import OutOfMemoryError, message

__all__ = ["check_memory", "fits", "total_memory"]

_PART = 0.9  # of the memory, that one thing may take
_GROUP = Path("/sys/fs/cgroup/memory.max")


def total_memory() -> float:
    """Return the bytes of memory that this process may use; infinite where the system does not say.

    Examples
    --------
    >>> total_memory() > 1e8
    True
    """
    limits = []
    try:
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError, AttributeError):
        pass  # not on this system
    try:
        limits.append(int(_GROUP.read_text()))
    except (ValueError, OSError):
        pass  # no limit, or none that is told
    try:
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            limits.append(limit)
    except (ImportError, OSError):
        pass
    return float(min(limits, default=float("inf")))


def fits(needed: float) -> bool:
    """Say whether so many bytes fit into memory, beside what else is there.

    Examples
    --------
    >>> fits(1e6), fits(1e30)
    (True, False)
    """
    return needed <= _PART * total_memory()


def check_memory(where: str, needed: float, fewer: str) -> None:
    """Refuse what would not fit into memory; `fewer` says what to choose instead.

    Raises
    ------
    OutOfMemoryError
        With the forecast.
    """
    if not fits(needed):
        expected = f"what fits into the memory of {total_memory() / 1e9:.3g} GB"
        raise OutOfMemoryError(message(where, expected, f"about {needed / 1e9:.3g} GB", f"choose {fewer}."))
