"""Write figures to files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from ...errors import InvalidValueError, message
from ...system.files import write_whole

__all__ = ["save_figure"]


def save_figure(
    figure: Figure, path: str | Path, *, overwrite: bool = True, metadata: Mapping[str, str] | None = None
) -> Path:
    """Write a figure; the format follows the file's ending (png, svg, pdf), `metadata` goes into the file.

    Raises
    ------
    InvalidValueError
        If matplotlib knows no format of that ending.
    OutputError
        If the file cannot be written; an earlier file of that name stays whole.
    """
    path = Path(path)
    kind = path.suffix.lstrip(".").lower()
    known = figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise InvalidValueError(
            message("save_figure.path", f"an ending among {', '.join(sorted(known))}", str(path), "use .png.")
        )
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, metadata=None if metadata is None else dict(metadata))
    return write_whole("save_figure.path", path, buffer.getvalue(), overwrite=overwrite)
