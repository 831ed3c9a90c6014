"""Every error of the package, and the one format of its messages.

A message names the class and the argument, says what was expected, shows what
was received, and ends with the fix::

    RLS.update_every: expected a whole number of steps, at least 1.
    Received: 0
    Fix: to switch learning off, set learning=False or stop=0.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = [
    "CompilerNotFoundError",
    "DivergenceError",
    "EngineNotFoundError",
    "InvalidTypeError",
    "InvalidValueError",
    "OutOfMemoryError",
    "OutputError",
    "RunFailedError",
    "TensionError",
    "UnitsError",
    "UnknownNameError",
    "UnsupportedError",
    "closest",
    "diverged",
    "message",
    "problem",
    "tensorflow_missing",
]


class TensionError(Exception):
    """Base class of all errors raised by this package."""


class InvalidValueError(TensionError, ValueError):
    """An argument has a value that cannot work."""


class InvalidTypeError(TensionError, TypeError):
    """An argument has a type that cannot work."""


class UnitsError(InvalidValueError):
    """A quantity has the wrong physical dimensions."""


class UnknownNameError(InvalidValueError):
    """A name (recipe, neuron, key, target, ...) is not known."""


class UnsupportedError(TensionError, NotImplementedError):
    """The request cannot work on the chosen target."""


class CompilerNotFoundError(TensionError, RuntimeError):
    """A compiler that the chosen target needs is missing."""


class EngineNotFoundError(TensionError, ModuleNotFoundError):
    """An engine is not installed; a message says how to install it."""


class RunFailedError(TensionError, RuntimeError):
    """A compiled program ended before its run was complete."""


class OutOfMemoryError(RunFailedError, MemoryError):
    """The request does not fit into memory."""


class DivergenceError(TensionError, ArithmeticError):
    """Learning diverged: NaN, infinity, or a P that is no longer positive.

    ``step`` is the time step of it; ``results`` holds what a `Simulation` had reached.
    """

    step: int | None = None
    results: Any = None


class OutputError(TensionError, OSError):
    """A result could not be written."""


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name nearest to `name`, or None if none is near.

    Parameters
    ----------
    name : str
        The name as the user wrote it.
    known : iterable of str
        The names that exist.

    Examples
    --------
    >>> closest("izikevich", ["lif", "izhikevich", "theta"])
    'izhikevich'
    >>> closest("sec", ["second", "second2", "msecond"])
    'second'
    """
    # sorted: of names that differ in capitals alone, that with small letters, as in mV and MV
    wanted, names = str(name).lower(), {item.lower(): item for item in sorted(map(str, known))}
    longer = [key for key in names if key.startswith(wanted)]
    shortest = min(longer, key=len, default="")
    if longer and all(key.startswith(shortest) for key in longer):
        return names[shortest]
    if len(wanted) == 1:  # it is half of any two letters
        return None
    containing = [key for key in names if wanted in key] if len(wanted) > 2 else longer
    near = difflib.get_close_matches
    found = near(wanted, containing, n=1, cutoff=0.5) or near(wanted, names, n=1, cutoff=0.66)
    return names[found[0]] if found else None


def message(where: str, expected: str, received: object, fix: str = "") -> str:
    """Compose a message in the package's one format.

    Parameters
    ----------
    where : str
        Class and argument, e.g. ``"RLS.update_every"``.
    expected : str
        What would have been right, without "expected" and full stop.
    received : object
        What came instead; strings are shown with quotes.
    fix : str, optional
        What to do about it.
    """
    return problem(where, f"expected {expected}", received, fix)


def problem(where: str, what: str, received: object, fix: str = "") -> str:
    """Compose a message that begins with what is wrong, where that is clearer than what was expected.

    Parameters
    ----------
    where, received, fix
        As for `message`.
    what : str
        What is wrong, a sentence without its full stop.

    Examples
    --------
    >>> print(problem("Demo.mask", "the weights have a mask already", "an array", "leave mask out."))
    Demo.mask: the weights have a mask already.
    Received: 'an array'
    Fix: leave mask out.
    """
    text = f"{where}: {what}.\nReceived: {_shown(received)}"
    return f"{text}\nFix: {fix}" if fix else text


def _shown(received: object) -> str:
    if type(received) is np.ndarray and received.ndim == 0:
        received = received.item()  # one number
    try:
        shown = repr(received)
    except Exception:  # of an object of any library, or of a whole number with thousands of digits
        shown = f"a value of type {type(received).__name__}"
    shown = re.sub(r"\n\s*", " ", shown)  # the rows of an array stand below each other
    return shown[:200] + "..." if len(shown) > 200 else shown


def unknown_name(
    where: str, kind: str, name: object, known: Iterable[str], listed_by: str = "", fix: str = ""
) -> UnknownNameError:
    """Build the error for an unknown name, with the nearest known one, or with another fix or what lists them."""
    known = sorted(known)
    near = closest(name, known) if isinstance(name, str) else None
    listed = f" ({', '.join(known)})" if len(known) <= 20 else ""
    otherwise = f"{listed_by} lists them." if listed_by else f"use the name of a known {kind}."
    return UnknownNameError(
        message(where, f"a known {kind}{listed}", name, f"did you mean {near!r}?" if near else fix or otherwise)
    )


def diverged(step: int, time: float) -> DivergenceError:
    """Build the error for learning that is no longer finite, from its time step and time in seconds."""
    error = DivergenceError(
        f"RLS: learning diverged at time step {step} (t = {time:g} s): the error or r'Pr was not finite "
        "or not positive. The last good state was kept.\n"
        "Fix: choose a smaller alpha_P or feedback, relaxation in place of forgetting, or float64."
    )
    error.step = step
    return error


def tensorflow_missing(where: str, received: object) -> EngineNotFoundError:
    """Build the error for TensorFlow that is not installed."""
    fix = 'install it with pip install "tension-sim[keras]".'
    return EngineNotFoundError(message(where, "TensorFlow to be installed", str(received), fix), name="tensorflow")
