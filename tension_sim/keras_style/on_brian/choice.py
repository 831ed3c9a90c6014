"""Choose the engine that runs a model."""

from __future__ import annotations

import logging
from typing import Any

from ...errors import CompilerNotFoundError, InvalidValueError, UnsupportedError, message, problem, unknown_name
from ...tensorflow.variables import hooks_of, is_ours

__all__ = ["chosen_engine", "overridden_hook"]

_log = logging.getLogger("tension_sim")


def overridden_hook(model: Any) -> str | None:
    """Return the name of a method of a time step that a subclass overrides, or None.

    Examples
    --------
    >>> from tension_sim.base import FORCEModel
    >>> from tension_sim.models import EchoStateNetwork
    >>> layer = EchoStateNetwork(dtdivtau=0.1, units=5, output_size=1, activation="tanh")
    >>> overridden_hook(FORCEModel(force_layer=layer)) is None
    True
    """
    for owner in (model, model.original_force_layer):
        for name in hooks_of(owner):
            if not is_ours(getattr(owner, name)):
                return f"{type(owner).__name__}.{name}"
    return None


def chosen_engine(model: Any, backend: str | None, target: str | None, jit_compile: bool | str) -> str:
    """Return "tensorflow" or "brian2", for what ``compile`` was asked.

    Raises
    ------
    UnsupportedError
        If Brian2 was asked for and cannot run the model; the message says why.
    UnknownNameError, InvalidValueError, CompilerNotFoundError
        For a target that cannot work.
    """
    where = f"{type(model).__name__}.compile"
    if backend == "tensorflow" or (backend is None and target is None and jit_compile != "auto"):
        if target is not None:
            raise InvalidValueError(
                problem(f"{where}.target", "TensorFlow has no targets", target, "leave target out.")
            )
        return "tensorflow"
    if backend is None and target is None and model.original_force_layer.preferred_backend == "tensorflow":
        return "tensorflow"
    from ...run.simulation import BRIAN2_TARGETS

    if target is not None and target not in BRIAN2_TARGETS:
        raise unknown_name(f"{where}.target", "target of Brian2", target, BRIAN2_TARGETS)
    hook = overridden_hook(model)
    reason = model.refusal_of_brian2() if hook is None else f"{hook} is TensorFlow code"
    if backend is None and target is None:  # the layer prefers Brian2
        if reason is None and _has_compiler():
            return "brian2"
        _log.info("%s runs on TensorFlow: %s", type(model).__name__, reason or "there is no C++ compiler")
        return "tensorflow"
    if reason is not None:
        raise UnsupportedError(
            message(f"{where}.backend", "'tensorflow' for this model", "brian2", f"leave it out, for {reason}.")
        )
    if jit_compile != "auto":
        raise InvalidValueError(
            message(f"{where}.jit_compile", "'auto': Brian2 compiles by itself", jit_compile, "leave it out.")
        )
    _check_target(target)
    return "brian2"


def _has_compiler() -> bool:
    from ...system import toolchain

    try:
        toolchain.require_compiler()
    except CompilerNotFoundError:
        return False
    return True


def _check_target(target: str | None) -> None:
    from ...system import toolchain

    if target == "cuda_standalone":
        from ...system.cuda import require_cuda

        require_cuda()
    elif target in ("cython", "cpp_standalone"):
        toolchain.require_compiler(target)
