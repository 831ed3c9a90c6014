"""Import Brian2 from any thread; this package imports it before any other of its modules can.

Brian2 sets a handler for Ctrl-C when it is imported, which Python refuses outside of the main thread. There, and for
that thread alone, the handler that is set stays.

Brian2 writes its log, and a copy of the script, into the folder for temporary files and removes both at the end. Where
it is this package that loads Brian2, nobody looks for them: their names go at once, so that a killed process leaves
none. A script that imports Brian2 itself, before, keeps both.

Brian2 also writes the command line there, in UTF-8, which file names need not be. And it takes over how Python shows an
error that nobody catches: it says that this may be a bug in Brian2, and asks for a report. That is taken back where
nobody asked for Brian2: an error of a script that names it nowhere is shown as ever.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

from ..system.interrupts import handlers_stay

_BEFORE = "brian2" in sys.modules


@contextmanager
def _words_in_utf8() -> Iterator[None]:
    """Show words of the command line that UTF-8 cannot hold by their numbers: Brian2 writes all into its log."""
    words = sys.argv
    sys.argv = [word.encode(errors="backslashreplace").decode() for word in words]
    try:
        yield
    finally:
        sys.argv = words


_shows_errors = sys.excepthook
_in_main_thread = threading.current_thread() is threading.main_thread()
with _words_in_utf8(), nullcontext() if _in_main_thread else handlers_stay():
    import brian2  # noqa: F401

if not _BEFORE:
    sys.excepthook = _shows_errors
    from brian2.utils.logger import BrianLogger

    for _name in ("tmp_log", "tmp_script"):
        _file = getattr(BrianLogger, _name, None)
        if _file is not None:
            with suppress(OSError):
                os.unlink(_file)
        setattr(BrianLogger, _name, None)
