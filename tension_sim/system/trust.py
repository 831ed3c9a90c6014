"""Run only files of the user or of root that nobody else can change.

- A compiled program is code. A folder, and each folder above it, must belong to the user or to root, and must not be
  writable by others; a sticky folder such as ``/tmp`` may be, for there nobody can exchange what is not his own.
- Write permission of the user's private group (of her own name, without other members) is no permission of others.
- What root owns is trusted: root can change everything anyway.
- Owner and mode of each file of a program are looked at as well, and links are not followed: a program of another
  owner, or one that others may write, is not run.
- Only in a cache that its administrator shares with a group (`tension_sim.system.places`) are programs of all members
  run.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path

__all__ = ["is_open", "name_of_group", "name_of_user", "why_others_can_change", "why_untrusted"]

_GROUP_OR_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def name_of_user(uid: int) -> str:
    """Return the name of a user, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def name_of_group(gid: int) -> str:
    """Return the name of a group, or its number where it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return f"{gid}"


def _is_private(gid: int) -> bool:
    """Say whether a group is the user's own: it has her name, and no other members."""
    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(gid)
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def is_open(status: os.stat_result, group: int | None = None) -> bool:
    """Say whether other users may write, besides the members of a group that is trusted."""
    if status.st_mode & stat.S_IWOTH:
        return True
    return bool(status.st_mode & stat.S_IWGRP) and status.st_gid != group and not _is_private(status.st_gid)


def _writers(status: os.stat_result) -> str:
    return "everybody" if status.st_mode & stat.S_IWOTH else f"the group {name_of_group(status.st_gid)}"


def why_others_can_change(folder: Path, group: int | None = None) -> str | None:
    """Say how other users could replace the content of a folder, or None if they cannot.

    Parameters
    ----------
    folder : Path
        Absolute, without links; parts of it that do not exist are left out.
    group : int, optional
        Number of a group whose members are trusted, with the folders that belong to it.
    """
    # in a user namespace the system's files may belong to a stand-in, as the root folder does
    owners = {0, os.geteuid(), os.stat("/").st_uid}
    for part in [*reversed(folder.parents), folder]:
        try:
            status = part.lstat()
        except OSError:  # what is not there, or cannot be reached
            return None
        if status.st_uid not in owners and status.st_gid != group:
            return f"{part} belongs to {name_of_user(status.st_uid)}"
        if is_open(status, group) and not status.st_mode & stat.S_ISVTX:
            return f"{_writers(status)} may write into {part}"
    return None


def why_untrusted(path: Path, status: os.stat_result, *, shared: bool) -> str | None:
    """Say why a file or folder of a program must not be run, or None.

    Parameters
    ----------
    path, status : Path, os.stat_result
        The file, and what ``lstat`` says of it.
    shared : bool
        Whether it lies in a cache whose group is trusted.
    """
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return f"{path} is no plain file or folder"
    if not shared and status.st_uid not in (0, os.geteuid()):
        return f"{path} belongs to {name_of_user(status.st_uid)}"
    if status.st_mode & _GROUP_OR_OTHERS:
        return f"{_writers(status)} may write into {path}"
    return None
