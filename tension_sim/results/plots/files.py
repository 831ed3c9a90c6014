"""Write figures to files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from ...declare.validation import check_flag
from ...errors import InvalidTypeError, InvalidValueError, message
from ...system.files import check_path, write_whole

__all__ = ["save_figure"]


def save_figure(
    figure: Figure, path: str | Path, *, overwrite: bool = True, metadata: Mapping[str, str] | None = None
) -> Path:
    """Write a figure; the format follows the file's ending (png, svg, pdf), `metadata` goes into the file.

    Raises
    ------
    InvalidTypeError
        If it is no figure.
    InvalidValueError
        If matplotlib knows no format of that ending.
    OutputError
        If the file cannot be written; an earlier file of that name stays whole.
    """
    if not isinstance(figure, Figure):
        fix = "plot_prediction(results) draws one."
        raise InvalidTypeError(message("save_figure.figure", "a matplotlib Figure", figure, fix))
    named = metadata is None or isinstance(metadata, Mapping)
    if not named or not all(isinstance(text, str) for pair in (metadata or {}).items() for text in pair):
        fix = 'write it as in {"Title": "a run"}.'
        raise InvalidTypeError(message("save_figure.metadata", "names with texts", metadata, fix))
    overwrite = check_flag("save_figure.overwrite", overwrite)
    path = check_path("save_figure.path", path)
    kind = path.suffix.lstrip(".").lower()
    known = figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise InvalidValueError(
            message("save_figure.path", f"an ending among {', '.join(sorted(known))}", str(path), "use .png.")
        )
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, metadata=None if metadata is None else dict(metadata))
    return write_whole("save_figure.path", path, buffer.getvalue(), overwrite=overwrite)
