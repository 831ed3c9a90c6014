"""Output formats, found by the suffix of a file's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UnsupportedError, message, unknown_name
from ..system.extensions import Extensions, single

if TYPE_CHECKING:
    import neo

    from .run_data import RunData

__all__ = ["Format", "format_of", "list_formats", "load_format"]

_FORMATS = Extensions("format", "tension_sim.results.formats", "tension_sim.formats")


@dataclass(frozen=True, eq=False)
class Format:
    """Functions that write results to a file of one kind, and read them back.

    Attributes
    ----------
    write : callable
        ``write(results, state)`` returns the whole content of the file, as bytes; without
        `state` the arrays of ``results.state`` are left out. The caller writes it to the disk,
        whole or not at all.
    read : callable, optional
        ``read(path)`` returns the arguments of `Results` by name. Without it, the format is one
        that is only written. Any error on a damaged file becomes a clear message.
    write_block : callable, optional
        ``write_block(block)`` returns the content of a file that holds a `neo.Block`.
    module, extra : str
        The module that it needs besides those of tension-sim, and what installs it.
    """

    write: Callable[[RunData, bool], bytes]
    read: Callable[[Path], Mapping[str, Any]] | None = None
    write_block: Callable[[neo.Block], bytes] | None = None
    module: str = ""
    extra: str = ""

    def require(self, where: str) -> None:
        """Refuse the format where the module that it needs is not installed.

        Raises
        ------
        UnsupportedError
            With the command that installs it.
        """
        if self.module and find_spec(self.module) is None:
            fix = f'pip install "{self.extra}", or choose another format.'
            raise UnsupportedError(
                message(where, f"a format whose module is installed ({self.module})", self.extra, fix)
            )


def list_formats() -> list[str]:
    """Return the suffixes of the known formats, without their dot.

    Examples
    --------
    >>> list_formats()
    ['h5', 'nix', 'npz', 'nwb']
    """
    return _FORMATS.names()


def load_format(name: str, where: str = "load_format.name") -> Format:
    """Load a format by its suffix without the dot.

    Raises
    ------
    UnknownNameError
        If there is none; the nearest is named.

    Examples
    --------
    >>> load_format("nix").module
    ''
    """
    return single(where, _FORMATS.load(name, where=where), "FORMAT", Format)


def format_of(path: Path, where: str) -> Format:
    """Return the format that the suffix of a file's name means.

    Raises
    ------
    UnknownNameError
        If no format has that suffix.

    Examples
    --------
    >>> format_of(Path("run.nbw"), "Results.save.path")
    Traceback (most recent call last):
    tension_sim.errors.UnknownNameError: Results.save.path: expected a known suffix (.h5, .nix, .npz, .nwb).
    Received: '.nbw'
    Fix: did you mean '.nwb'?
    """
    known = {f".{name}": name for name in list_formats()}
    suffix = path.suffix.lower()
    if suffix not in known:
        raise unknown_name(where, "suffix", path.suffix, known)
    return load_format(known[suffix], where)
