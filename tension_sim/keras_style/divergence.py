"""If learning diverges, end the run and leave the model in its last good state."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import DivergenceError, message

__all__ = ["Guard", "diverged_at"]

_EVERY = 8192  # time steps between two copies of what learning changes
_LARGEST = 64_000_000  # numbers; a larger model is not copied


KEPT = "the weights are those of the last good step; try a smaller alpha_P, or gain='divided'."


def diverged_at(model: Any, step: int, fix: str = KEPT) -> DivergenceError:
    """Build the error of a fit that diverged at a step of its sequence."""
    error = DivergenceError(
        message(
            f"{type(model).__name__}.fit",
            "finite outputs",
            f"NaN or infinity at time step {step} of the sequence",
            fix,
        )
    )
    error.step = step
    return error


class Guard:
    """Look at the output of each window; on NaN or infinity, go back and say when it began.

    Parameters
    ----------
    model : FORCEModel
    window : Window
        The compiled loop, run again up to the step before.
    inputs, targets : arrays, shape (timesteps, dimensions)
    """

    def __init__(self, model: Any, window: Any, inputs: np.ndarray, targets: np.ndarray) -> None:
        self.model = model
        self.window = window
        self.inputs = inputs
        self.targets = targets
        own = [v for v in vars(model).values() if isinstance(v, tf.Variable)]
        kernels = [v for v in model.variables if v.name.endswith("_kernel") and not v.trainable]
        self.variables: list[Any] = [v for v in model.variables if not any(v is k for k in kernels)] + own
        self.copies: bool = sum(int(np.prod(v.shape)) for v in self.variables) <= _LARGEST
        self.good: tuple[int, list[np.ndarray]] | None = None

    def before(self, first: int) -> None:
        """Copy what learning changes, from time to time."""
        if self.copies and (self.good is None or first - self.good[0] >= _EVERY):
            self.good = (first, [np.asarray(v).copy() for v in self.variables])

    def after(self, first: int, output: np.ndarray) -> None:
        """Check the outputs of the window that began at step `first`; after the last step, the weights too.

        Raises
        ------
        DivergenceError
            If one of them is NaN or infinite.
        """
        bad = np.atleast_1d(~np.isfinite(output).reshape(len(output), -1).all(axis=1))
        if not bad.any():
            if first + len(output) < len(self.inputs) or self._finite():
                return
            bad[-1] = True  # no later output shows what was learned from the last step
        step = first + int(np.argmax(bad))
        fix = KEPT
        if self.good is None:
            fix = "the weights are lost; try a smaller alpha_P, or gain='divided'."
        else:
            self._restore(step)
            if step > self.good[0] and not self._finite():
                step -= 1  # its output was finite, what was learned from it is not
                self._restore(step)
        raise diverged_at(self.model, step, fix)

    def _finite(self) -> bool:
        weights = [v for v in self.model.trainable_variables if int(np.prod(v.shape)) <= _LARGEST]
        return all(np.all(np.isfinite(np.asarray(v))) for v in weights)

    def _restore(self, stop: int) -> None:
        start, values = self.good  # type: ignore[misc]
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)
        width = self.window.width
        for first in range(start, stop, width):
            part = slice(first, min(first + width, stop))
            self.window.run(self.inputs[part], self.targets[part])
