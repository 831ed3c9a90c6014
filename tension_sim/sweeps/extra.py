"""The packages that only sweeps need: imported when they are used, by one function that says how to install them."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from ..errors import EngineNotFoundError, message
from ..system.interrupts import handlers_stay

__all__ = ["EXTRA", "load"]

#: What installs them all.
EXTRA = 'pip install "tension-sim[sweep]"'


def load(module: str, where: str) -> ModuleType:
    """Import a module of a package of the extra ``sweep``, from any thread, and leave what Ctrl-C does.

    Parameters
    ----------
    module : str
        Such as ``"distributed"``.
    where : str
        What needs it, for the message.

    Raises
    ------
    EngineNotFoundError
        If it is not installed.

    Examples
    --------
    >>> load("json", "a doctest").__name__
    'json'
    >>> load("no_such_package", "sweep")
    Traceback (most recent call last):
        ...
    tension_sim.errors.EngineNotFoundError: sweep: expected no_such_package to be installed.
    Received: "No module named 'no_such_package'"
    Fix: install it with pip install "tension-sim[sweep]".
    """
    try:
        with handlers_stay():  # dask-jobqueue would make it the end of a process without an error
            return import_module(module)
    except ModuleNotFoundError as error:
        name = module.partition(".")[0]
        fix = f"install it with {EXTRA}."
        raise EngineNotFoundError(message(where, f"{name} to be installed", str(error), fix), name=name) from None
