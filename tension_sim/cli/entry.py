"""Where ``tension-sim`` begins and ends: interrupts count from the first moment, so heavy imports come later."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..system.interrupts import Interrupts, exit_status

__all__ = ["main", "wants_json"]


def wants_json(words: Sequence[str]) -> bool:
    """Return whether a command line asks for JSON, even if it cannot be understood.

    Examples
    --------
    >>> wants_json(["tension-sim", "list", "--json"]), wants_json(["tension-sim", "run", "--", "--json"])
    (True, False)
    """
    words = list(words)
    return "--json" in words[: words.index("--") if "--" in words else None]


def main() -> None:
    """Run the command; an error of ours ends it with its message alone, in JSON where that was asked for."""
    interrupts, as_json = Interrupts(at_once=True), wants_json(sys.argv)
    try:
        with interrupts:
            from .application import app

            status = app(standalone_mode=not as_json)  # which returns with a status
            interrupts.defer()  # whatever took one has told of it
    except KeyboardInterrupt:
        raise SystemExit(_interrupted(exit_status(), as_json)) from None
    except SystemExit as end:
        # typer makes an interrupt the status of Ctrl-C, and one in a destructor is ignored by Python
        lost = interrupts.seen and not end.code
        raise SystemExit(exit_status() if lost or end.code == 130 else end.code) from None
    except Exception as error:
        known = _failed(error, interrupts.seen, as_json)
        if known is None:
            raise
        raise SystemExit(known) from None
    finally:
        if interrupts.seen:
            # under -m, Python ends by SIGINT where an interrupt met a text that was executed, as dataclasses do
            exec("")
    lost = interrupts.seen and not status
    raise SystemExit(_ended(exit_status() if lost or status == 130 else status or 0, as_json))


def _failed(error: Exception, interrupted: bool, as_json: bool) -> int | None:
    """Tell of an error, and return the exit status; None: it is a fault of the program."""
    from ..errors import OutOfMemoryError, TensionError
    from .told import told_error

    if isinstance(error, MemoryError) and not isinstance(error, TensionError):
        needs = "the run needs more memory than there is.\nFix: choose a smaller n, or record less."
        return told_error(OutOfMemoryError(needs), as_json)
    # what typer raises for words that it does not understand has a message of its own
    if isinstance(error, TensionError) or hasattr(error, "format_message"):
        return told_error(error, as_json)
    return _interrupted(exit_status(), as_json) if interrupted else None  # an import may turn one into its own error


def _interrupted(status: int, as_json: bool) -> int:
    """Tell of an interrupt, and return the exit status; another one waits until it is told."""
    with Interrupts(patient=True):
        from .told import told_interrupt

        return told_interrupt(status, as_json)


def _ended(status: int, as_json: bool) -> int:
    """Return an exit status; tell of one before there was anything to tell of."""
    from .terminal import answered

    return _interrupted(status, as_json) if status and not answered() else status
