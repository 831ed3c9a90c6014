"""Rate networks and full-FORCE, under their published names."""

from __future__ import annotations

from typing import Any

from .base import FORCELayer, FORCEModel

# isort: split
import tensorflow as tf

from .tensorflow_engine.checks import row_of
from .validation import check_positive

__all__ = [
    "EchoStateNetwork",
    "NoFeedbackESN",
    "OptimizedFORCEModel",
]

_RATE_MODELS = ("FORCEModel", "FullFORCEModel", "OptimizedFORCEModel", "ESNFORCEModel")


class EchoStateNetwork(FORCELayer):
    """Rate network with feedback of its output.

    ``a <- a + dtdivtau (-a + x W_in + h J + z W_fb)``, ``h = activation(a)``, ``z = h W_out``,
    with `h` and `z` of the step before on the right.

    Parameters
    ----------
    dtdivtau : float
        Time step divided by the time constant of the neurons.
    hscale : float, optional
        Standard deviation of the random initial pre-activations.
    initial_a : array, shape (1, units), optional
        Initial pre-activations.
    **kwargs
        See :class:`tension_sim.base.FORCELayer`.

    Examples
    --------
    >>> layer = EchoStateNetwork(dtdivtau=0.1, units=30, output_size=2, activation="tanh", seed=3)
    >>> layer.build((1, 4))
    >>> layer.feedback_kernel.shape
    (2, 30)
    """

    _models = _RATE_MODELS

    def __init__(self, dtdivtau: float, hscale: float = 0.25, initial_a: Any = None, **kwargs: Any) -> None:
        name = type(self).__name__
        self.dtdivtau = check_positive(f"{name}.dtdivtau", dtdivtau)
        self.hscale = hscale
        super().__init__(**kwargs)
        self._initial_a = row_of(f"{name}.initial_a", initial_a, self.units)

    def call(self, inputs: Any, states: Any) -> Any:
        """Advance one time step; the states are a, h and the output."""
        a, h, z = states
        drive = tf.matmul(inputs, self.input_kernel) + tf.matmul(h, self.recurrent_kernel)
        return self._advance(a, drive + tf.matmul(z, self.feedback_kernel))

    def _advance(self, a: Any, drive: Any) -> Any:
        a = a + self.dtdivtau * (drive - a)
        h = self.activation(a)
        z = tf.matmul(h, self.output_kernel)
        return z, [a, h, z]

    def get_initial_state(self, inputs: Any = None, batch_size: Any = None, dtype: Any = None) -> Any:
        """Return a, h and the output before the first step."""
        if self._initial_a is not None:
            a = tf.cast(tf.convert_to_tensor(self._initial_a), self.compute_dtype)
        else:
            a = self._normal((batch_size or 1, self.units), self.hscale)
        h = self.activation(a)
        return a, h, tf.matmul(h, self.output_kernel)


class NoFeedbackESN(EchoStateNetwork):
    """Rate network without feedback; its recurrent kernel learns.

    Parameters
    ----------
    recurrent_kernel_trainable : bool, optional
    **kwargs
        See :class:`EchoStateNetwork`.
    """

    _kernels = ("input", "recurrent", "output")

    def __init__(self, recurrent_kernel_trainable: bool = True, **kwargs: Any) -> None:
        super().__init__(recurrent_kernel_trainable=recurrent_kernel_trainable, **kwargs)

    def call(self, inputs: Any, states: Any) -> Any:
        """Advance one time step; the states are a, h and the output."""
        a, h, _ = states
        return self._advance(a, tf.matmul(inputs, self.input_kernel) + tf.matmul(h, self.recurrent_kernel))


class OptimizedFORCEModel(FORCEModel):
    """FORCE learning with one P of shape (units, units) where no recurrent weight is masked.

    Takes what :class:`tension_sim.base.FORCEModel` takes. The base class stores P as
    sparingly; here ``P_GG`` has two dimensions also when it is read.
    """

    @property
    def P_GG(self) -> Any:
        """P of the recurrent kernel: (units, units), or one matrix per neuron where masked."""
        if self._blocks is not None and self._blocks.full:
            return tf.convert_to_tensor(self._P_GG)[0]
        return FORCEModel.P_GG.fget(self)

    @P_GG.setter
    def P_GG(self, variable: Any) -> None:
        self._P_GG = variable

    def pseudogradient_P_Gx(self, P_Gx: Any, h: Any) -> Any:
        """As in the base class; a P of two dimensions is shared by all neurons."""
        if len(P_Gx.shape) == 2:
            return self.pseudogradient_P(P_Gx, h)
        return super().pseudogradient_P_Gx(P_Gx, h)

    def pseudogradient_wR(self, P_Gx: Any, h: Any, z: Any, y: Any, Ph: Any, hPh: Any) -> Any:
        """As in the base class; a P of two dimensions is shared by all neurons."""
        if len(P_Gx.shape) == 2:
            rows = tf.matmul(tf.convert_to_tensor(P_Gx), h, transpose_b=True) * (z - y)
            return tf.broadcast_to(rows, P_Gx.shape)
        return super().pseudogradient_wR(P_Gx, h, z, y, Ph, hPh)
