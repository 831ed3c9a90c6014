"""Functions of earlier versions: a run as a Block, and NIX files whatever their name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidValueError, message
from ..system.files import check_path, open_regular
from .neo_block import POPULATION as POPULATION
from .neo_block import to_neo as to_neo
from .results import Results
from .storage import load, save

if TYPE_CHECKING:
    import neo

__all__ = ["POPULATION", "load_results", "read_nix", "to_neo", "write_nix"]


def write_nix(results: Results, path: str | Path, *, overwrite: bool = True, state: bool = True) -> Path:
    """Write a run to a file in the format of its suffix, as `Results.save` does."""
    return save(results, path, overwrite=overwrite, state=state, where="write_nix")


def load_results(path: str | Path) -> Results:
    """Read a run from a file written by `Results.save`, as `Results.load` does.

    Raises
    ------
    InvalidValueError
        If there is no such file, or it was not written by this package.
    """
    return Results(**load(path, where="load_results"))


def read_nix(path: str | Path) -> neo.Block:
    """Read the Block of a NIX file with neo's own reader.

    neo takes about 6 ms for each spike train. ``Results.load(path).to_neo()`` gives the same Block in
    a fraction of that.

    Raises
    ------
    InvalidValueError
        If there is no such file, or it is not a NIX file.
    """
    from neo.io import NixIO

    path = check_path("read_nix.path", path)
    with open_regular("read_nix.path", path, "a file that exists"):
        pass
    try:
        with NixIO(str(path), "ro") as file:
            return file.read_block()
    except OSError as error:
        what, fix = "a whole NIX file", "run again, or choose another file."
        raise InvalidValueError(message("read_nix.path", what, str(path), fix)) from error
