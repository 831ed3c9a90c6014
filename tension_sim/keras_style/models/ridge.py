"""Ridge regression of the readout, in batches of time steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ...errors import InvalidValueError, message
from ...tensorflow.variables import accept_read_value, traced, when
from ..arguments import pair_of
from ..checks import check_count
from .force_model import FORCEModel

__all__ = ["ESNFORCEModel"]


class ESNFORCEModel(FORCEModel):
    """Learn the readout from accumulated correlations, once every ``n_max`` time steps.

    ``W = (R + n_max alpha_sq I)^-1 S`` with ``R = sum h'h`` and ``S = sum h'y`` over the
    time steps since the last update, without the first ``num_skip``.

    Parameters
    ----------
    n_max : int
        Time steps from update to update.
    alpha_sq : float, optional
        Regularisation.
    num_skip : int, optional
        Time steps left out at the start of each batch.
    **kwargs
        See :class:`tension_sim.base.FORCEModel`.
    """

    def __init__(self, n_max: int, alpha_sq: float = 1, num_skip: int = 0, **kwargs: Any) -> None:
        name = type(self).__name__
        super().__init__(**kwargs)
        self.n_max: int = check_count(f"{name}.n_max", n_max)
        self.num_skip: int = check_count(f"{name}.num_skip", num_skip, 0)
        if not alpha_sq >= 0:
            raise InvalidValueError(message(f"{name}.alpha_sq", "a number, 0 or larger", alpha_sq))
        if self.num_skip >= self.n_max:
            raise InvalidValueError(message(f"{name}.num_skip", f"fewer time steps than n_max ({n_max})", num_skip))
        self.alpha_sq = alpha_sq
        self.num_step: Any = tf.Variable(tf.constant(0.0), trainable=False)

    def learns_in_run(self, kernel: str) -> bool:
        """Return False: on Brian2, runs end where the kernel is updated."""
        return False

    def steps_to_update(self) -> int:
        """Return the time steps up to the next update, and with it."""
        left = self.n_max - int(self.num_step.numpy())
        return left if left > 0 else self.n_max  # beyond n_max, there is none to come

    def learn_between(self, h: np.ndarray, y: np.ndarray) -> None:
        """Count the time steps of a run that has ended, and learn if it ended a batch; see `train_step`.

        Parameters
        ----------
        h : array, shape (steps, units)
            Rates.
        y : array, shape (steps, outputs)
            Targets.
        """
        number = self.num_step.numpy() + np.arange(1, len(h) + 1)
        learns = self._learns_at(int(self._steps_learned.numpy()) - len(h) + np.arange(len(h)))
        self.num_step.assign(number[-1])
        if self._output_kernel_idx is None:
            return
        counted = learns & (number > self.num_skip)
        self.P.assign_add(h[counted].T @ y[counted])
        self.R.assign_add(h[counted].T @ h[counted])
        if learns[-1] and number[-1] == self.n_max:
            self._finish()

    def read_trainable(self) -> None:
        """Read which kernels learn; a readout that was frozen begins with an empty batch."""
        before = self._trained
        super().read_trainable()
        if before is not None and self.trains("output_kernel") and "output_kernel" not in before:
            self._begin_batch()

    def initialize_P(self) -> None:
        """Create the sums of correlations."""
        layer = self.original_force_layer
        if self.trains("output_kernel") and getattr(self, "P", None) is None:
            self.P = accept_read_value(self._sum("P", layer.output_size))
            self.R = accept_read_value(self._sum("R", self.units))

    def _sum(self, name: str, width: int) -> Any:
        return self.add_weight(name=name, shape=(self.units, width), initializer="zeros", trainable=False)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Advance one time step and count it; learn at the end of a batch."""
        x, y = pair_of(f"{type(self).__name__}.train_step", data)
        z, h = self._output_and_rates(x)
        if self.force_layer.return_sequences:
            z = z[:, 0, :]
        y = y[:, 0, :]
        self.num_step.assign_add(1.0)
        if self._output_kernel_idx is not None:
            when(traced(self.update_kernel_condition)(), lambda: self._count(h, y))
        self.count_metrics(y, z)
        return self.get_metrics_result()

    def _count(self, h: Any, y: Any) -> None:
        def add() -> None:
            self.P.assign_add(tf.matmul(h, y, transpose_a=True))
            self.R.assign_add(tf.matmul(h, h, transpose_a=True))

        when(self.num_step > self.num_skip, add)
        when(tf.equal(self.num_step, self.n_max), self._finish)

    def _finish(self) -> None:
        self.update_output_kernel(self.trainable_variables[self._output_kernel_idx])
        self._begin_batch()

    def _begin_batch(self) -> None:
        self.num_step.assign(0.0)
        self.P.assign(tf.zeros_like(self.P))
        self.R.assign(tf.zeros_like(self.R))

    def update_output_kernel(self, trainable_vars_output_kernel: Any) -> None:  # type: ignore[override]
        """Set the output kernel to the solution of the ridge regression."""
        R = tf.convert_to_tensor(self.R)
        R += self.n_max * self.alpha_sq * tf.eye(self.units, dtype=R.dtype)
        solution = tf.linalg.cholesky_solve(tf.linalg.cholesky(R), tf.convert_to_tensor(self.P))
        self.optimizer.apply_gradients([(trainable_vars_output_kernel - solution, trainable_vars_output_kernel)])
