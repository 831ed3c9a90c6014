"""The network that full-FORCE takes its targets from."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ...errors import UnsupportedError, problem
from .rate_layer import RateLayer

__all__ = ["TargetGeneratingNetwork"]


class TargetGeneratingNetwork(RateLayer):
    """The network that full-FORCE takes its targets from; :class:`FullFORCEModel` makes it.

    Its units have the equations of the layer that learns; target and hint are their ``feedback``.

    Its input is (input, hint, target); the target comes in through ``feedback_kernel``, the
    hint through ``hint_kernel``. The states are a, h and the sum of feedback and hint.

    Parameters
    ----------
    dtdivtau, hscale
        As in :class:`EchoStateNetwork`.
    hint_dim : int
        Number of hints.
    """

    def __init__(self, dtdivtau: float, hint_dim: int, hscale: float = 0.25, **kwargs: Any) -> None:
        self._hint_dim = hint_dim
        super().__init__(dtdivtau, hscale, **kwargs)

    @property
    def state_size(self) -> list[int]:
        """Size of each state: pre-activation, rate, sum of feedback and hint."""
        return [self.units, self.units, self.units]

    def build(self, input_shape: Any) -> None:
        """Create the kernels for inputs of shape (..., inputs + hints + outputs)."""
        super().build((1, input_shape[-1] - self.output_size - self._hint_dim))
        if self._hint_dim:
            kernel = self._normal((self._hint_dim, self.units), self._hint_dim**-0.5)
            self.hint_kernel: Any = self._kernel("hint_kernel", kernel, False)

    @classmethod
    def from_weights(cls, weights: Any, *_: Any, **kwargs: Any) -> Any:
        """Refuse: the network belongs to its FullFORCEModel."""
        raise UnsupportedError(
            problem(
                f"{cls.__name__}.from_weights",
                "only FullFORCEModel makes this network",
                "from_weights",
                "assign to the kernels of model.target_network.cell after building the model.",
            )
        )

    def call(self, inputs: Any, states: Any) -> Any:
        """Advance one time step."""
        a, h, _ = states
        x, hint, y = tf.split(
            inputs,
            [inputs.shape[-1] - self._hint_dim - self.output_size, self._hint_dim, self.output_size],
            axis=-1,
        )
        outside = tf.matmul(y, self.feedback_kernel)
        if self._hint_dim:
            outside += tf.matmul(hint, self.hint_kernel)
        currents = {
            "external": tf.matmul(x, self.input_kernel),
            "recurrent": tf.matmul(h, self.recurrent_kernel),
            "feedback": outside,
        }
        a, h = self.advance(a, currents)
        return tf.matmul(h, self.output_kernel), [a, h, outside]

    def get_initial_state(self, inputs: Any = None, batch_size: Any = None, dtype: Any = None) -> Any:
        """Return a, h and a place for the sum of feedback and hint."""
        a = self._normal((1 if batch_size is None else batch_size, self.units), self.hscale)
        h = self.rate_of(a)
        return a, h, tf.zeros_like(h)
