"""Results to and from files: the format is found by the suffix, and a file appears whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..declare.validation import check_flag
from ..errors import InvalidValueError, TensionError, UnsupportedError, message
from ..system.files import check_free, check_path, open_regular, write_whole
from .format import Format, format_of, list_formats, load_format

if TYPE_CHECKING:
    import neo

    from .run_data import RunData

__all__ = ["load", "save", "save_block"]


def save(
    results: RunData,
    path: str | Path,
    *,
    overwrite: bool = True,
    state: bool = True,
    where: str = "Results.save",
) -> Path:
    """Write results to a file, see `Results.save`; `where` begins the messages."""
    path, form = _place(where, path, overwrite)
    state = check_flag(f"{where}.state", state)
    return _write(where, path, overwrite, form, lambda: form.write(results, state))


def save_block(block: neo.Block, path: str | Path, *, overwrite: bool = True, where: str) -> Path:
    """Write a `neo.Block` to a file, in a format that can hold one."""
    path, form = _place(where, path, overwrite)
    write_block = form.write_block
    if write_block is None:
        known = ", ".join(f".{name}" for name in list_formats() if load_format(name).write_block is not None)
        fix = "choose one of these, or save the Results themselves."
        raise UnsupportedError(message(f"{where}.path", f"a format that holds a neo.Block ({known})", path.suffix, fix))
    return _write(where, path, overwrite, form, lambda: write_block(block))


def _place(where: str, path: str | Path, overwrite: bool) -> tuple[Path, Format]:
    """Return where a file goes, and the format that its suffix names."""
    path = check_path(f"{where}.path", path)
    check_flag(f"{where}.overwrite", overwrite)
    return path, format_of(path, f"{where}.path")


def _write(where: str, path: Path, overwrite: bool, form: Format, content: Callable[[], bytes]) -> Path:
    """Write a file whole, or refuse it before its content is computed."""
    form.require(f"{where}.path")
    check_free(f"{where}.path", path, overwrite)
    return write_whole(f"{where}.path", path, content(), overwrite=overwrite)


def load(path: str | Path, *, where: str = "Results.load") -> dict[str, Any]:
    """Return the arguments of `Results` from a file, see `Results.load`; `where` begins the messages."""
    path = check_path(f"{where}.path", path)
    form = format_of(path, f"{where}.path")
    with open_regular(f"{where}.path", path, "a file that exists"):
        pass
    if form.read is None:
        raise UnsupportedError(message(f"{where}.path", "a format that can be read back", path.suffix))
    try:
        return dict(form.read(path))
    except TensionError:
        raise
    except Exception as error:  # of any library, on a damaged file or one made by somebody else
        what = f"a whole {path.suffix} file written by tension-sim"
        fix = "run again, or choose another file."
        raise InvalidValueError(message(f"{where}.path", what, str(path), fix)) from error
