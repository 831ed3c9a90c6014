"""Find the folders of compiled programs: a cache for one user or for a group.

- The cache folder is ``$TENSION_SIM_CACHE``, else the user's cache folder (Linux: ``~/.cache/tension_sim``).
- Where it belongs to root or is open to all with the sticky bit, each user has a folder below it, by her number, if
  she can make one; programs of root beside these folders are run as well.
- It is shared by a group where root or the user has put a file `SHARED` into it and the group may write::

      mkdir /srv/tension_sim && chgrp lab /srv/tension_sim && chmod 2770 /srv/tension_sim
      touch /srv/tension_sim/shared_by_group

  Each member then runs what any member compiled, so each trusts all.
- Where others could exchange what lies in the cache folder, or where the user's own cache folder cannot be used, the
  next place is taken, with one sentence in the log: the user's cache folder, then one of hers in the temporary folder.
"""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..errors import InvalidValueError, OutputError, message
from .trust import is_open, name_of_user, why_others_can_change

__all__ = ["SHARED", "Place", "cache_folder", "place_to_build", "places"]

#: The file by which an administrator shares a cache folder with its group.
SHARED = "shared_by_group"

_VARIABLE = "TENSION_SIM_CACHE"
_log = logging.getLogger("tension_sim")


@dataclass(frozen=True)
class Place:
    """A folder of programs.

    Attributes
    ----------
    path : Path
        The folder; it need not exist.
    shared : bool
        Whether programs of other members of its group are run.
    own : bool
        Whether this user's programs are built here.
    """

    path: Path
    shared: bool = False
    own: bool = True

    def prepare(self) -> None:
        """Make the folder, and see that a program can be written and started here.

        Raises
        ------
        OSError
            If not; its text says why.
        """
        for folder in [
            *reversed(self.path.parents),
            self.path,
        ]:  # mode is that of the last one only, if it makes parents
            if not folder.is_dir():
                folder.mkdir(mode=0o700, exist_ok=True)
        if not self.shared:
            status = self.path.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                raise PermissionError(f"{self.path} belongs to {name_of_user(status.st_uid)}")
        with tempfile.NamedTemporaryFile(dir=self.path, prefix="probe.") as probe:
            os.fchmod(probe.fileno(), 0o700)
            if not os.access(probe.name, os.X_OK):
                raise PermissionError(f"programs in {self.path} cannot be started (mounted with noexec?)")


def cache_folder() -> Path:
    """Return the cache folder: ``$TENSION_SIM_CACHE``, else the user's; made by nobody yet.

    Raises
    ------
    InvalidValueError
        If ``$TENSION_SIM_CACHE`` begins with the home of an unknown user.
    OutputError
        If there is neither a home folder nor a temporary one.
    """
    for base in _bases():
        return base
    raise OutputError(f"There is no folder for compiled programs: no home folder, and no temporary one.\n{_FIX}")


def _bases() -> Iterator[Path]:
    """Return what serves as cache folder, the best first."""
    chosen = os.environ.get(_VARIABLE)
    if chosen:
        try:
            yield Path(os.path.abspath(Path(chosen).expanduser()))
        except RuntimeError:
            fix = "write the whole path."
            raise InvalidValueError(message(_VARIABLE, "a folder", chosen, fix)) from None
    from platformdirs import user_cache_path

    with suppress(RuntimeError):  # no $HOME, and no user of this number
        yield user_cache_path("tension_sim", appauthor=False)
    with suppress(OSError):
        yield Path(tempfile.gettempdir()).absolute() / f"tension_sim-{os.geteuid()}"


def _candidates() -> Iterator[tuple[list[Place], str | None]]:
    """Return the places in each cache folder, or none and why.

    A folder that the user chose is used if she can write there.
    """
    chosen = bool(os.environ.get(_VARIABLE))
    for base in _bases():
        found, reason = _places_in(base)
        yield found, reason
        if chosen and any(place.own for place in found):
            return
        chosen = False


def places() -> Iterator[Place]:
    """Return where programs are looked for, the best place first; nothing is made."""
    for found, _ in _candidates():
        yield from found


def _places_in(base: Path) -> tuple[list[Place], str | None]:
    """Return the places in a cache folder, or none and why."""
    base = Path(os.path.realpath(base))
    try:
        status = base.lstat()
    except OSError:
        reason = why_others_can_change(base.parent)
        return ([Place(base)] if reason is None else []), reason
    if _is_shared(base, status):
        reason = why_others_can_change(base.parent, status.st_gid)
        return ([Place(base, shared=True)] if reason is None else []), reason
    reason = why_others_can_change(base)
    if reason is not None:
        return [], reason
    if is_open(status) or status.st_uid != os.geteuid():
        hers = [Place(base / str(os.geteuid()))] if os.access(base, os.W_OK) else []
        return [*hers, Place(base, own=False)], None
    return [Place(base)], None


def _is_shared(base: Path, status: os.stat_result) -> bool:
    """Say whether root or the user has shared a folder with its group, and with nobody else."""
    owners = (0, os.geteuid())
    try:
        sign = (base / SHARED).lstat()
    except OSError:
        return False
    return status.st_uid in owners and sign.st_uid in owners and not status.st_mode & stat.S_IWOTH


def place_to_build() -> Place:
    """Return the best place where programs can be written and started, and make it.

    Raises
    ------
    OutputError
        If there is none, or if the folder that the user chose cannot be used.
    """
    first = None
    for found, reason in _candidates():
        for place in found:
            if not place.own:
                continue
            try:
                place.prepare()
            except OSError as error:
                reason = str(error)
                continue
            if first is not None:
                _tell(f"Compiled programs are kept in {place.path}, for {first}.\n{_FIX}")
            return place
        first = first or reason
    raise OutputError(f"The cache of compiled programs {cache_folder()} cannot be written: {first}.\n{_FIX}")


_FIX = (
    f"Fix: set {_VARIABLE} to a folder that can be written, where programs may be started, and that other users "
    "cannot change."
)


@cache
def _tell(sentence: str) -> None:
    """Log a sentence, once in a process."""
    _log.warning("%s", sentence)
