"""Find the equation files and the recipes, in a checkout or in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from ..errors import InvalidValueError, message

__all__ = ["data_folder"]

_PACKAGE = Path(__file__).resolve().parents[1]


def data_folder(kind: str) -> Path:
    """Return the folder of the package's data files of one kind.

    Parameters
    ----------
    kind : str
        ``"equations"`` or ``"models"``.

    Returns
    -------
    pathlib.Path
        In a wheel the copy inside the package, in a checkout the folder beside it.

    Raises
    ------
    InvalidValueError
        If neither exists: the installation is incomplete.

    Examples
    --------
    >>> data_folder("models").name
    'models'
    """
    checkout = _PACKAGE.parent / kind
    # site-packages may hold an unrelated folder called "models": a checkout also has a pyproject.toml
    candidates = [_PACKAGE / "_data" / kind]
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        candidates.append(checkout)
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise InvalidValueError(
        message(
            "data_folder.kind",
            f"a folder of data files at one of {', '.join(map(str, candidates))}",
            kind,
            "reinstall the package.",
        )
    )
