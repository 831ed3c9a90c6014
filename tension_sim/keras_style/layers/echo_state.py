"""Rate networks: an echo state network with and without feedback of its output."""

from __future__ import annotations

from typing import Any, ClassVar

import tensorflow as tf

from ..checks import row_of
from .rate_layer import RateLayer

__all__ = ["EchoStateNetwork", "NoFeedbackESN"]

_RATE_MODELS = ("FORCEModel", "FullFORCEModel", "OptimizedFORCEModel", "ESNFORCEModel")


class EchoStateNetwork(RateLayer):
    """Rate network with feedback of its output, with the dynamics of ``equations/echo_state.toml``.

    ``a <- a + dtdivtau (-a + x W_in + h J + z W_fb)``, ``h = activation(a)``, ``z = h W_out``,
    with `h` and `z` of the step before on the right. A subclass runs a file of its own by
    ``equation_file`` and ``parameters``, see :class:`tension_sim.keras_style.layers.equation_layer.EquationLayer`;
    ``dtdivtau`` is then the time step divided by its parameter ``tau``.

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
    >>> tuple(layer.feedback_kernel.shape)
    (2, 30)
    """

    _models: ClassVar[tuple[str, ...] | None] = _RATE_MODELS
    #: whether the units receive the external input
    uses_input: ClassVar[bool] = True

    def __init__(self, dtdivtau: float, hscale: float = 0.25, initial_a: Any = None, **kwargs: Any) -> None:
        super().__init__(dtdivtau, hscale, **kwargs)
        self._initial_a = row_of(f"{type(self).__name__}.initial_a", initial_a, self.units)

    def refusal_of_brian2(self) -> str | None:
        """Say why the layer cannot run on Brian2; None: it can."""
        from ..on_brian.rate import refusal_of_rate

        return refusal_of_rate(self)

    def declaration(self, model: Any) -> Any:
        """Return the layer and its model as a `ForceNetwork`, with the places of all states in it."""
        from ..on_brian.rate import declaration_of_rate

        return declaration_of_rate(self, model)

    def call(self, inputs: Any, states: Any) -> Any:
        """Advance one time step; the states are a, h and the output."""
        a, h, z = states
        currents = {
            "external": tf.matmul(inputs, self.input_kernel),
            "recurrent": tf.matmul(h, self.recurrent_kernel),
        }
        if "feedback" in self._kernels:
            currents["feedback"] = tf.matmul(z, self.feedback_kernel)
        a, h = self.advance(a, currents)
        z = tf.matmul(h, self.output_kernel)
        return z, [a, h, z]

    def get_initial_state(self, inputs: Any = None, batch_size: Any = None, dtype: Any = None) -> Any:
        """Return a, h and the output before the first step."""
        if self._initial_a is not None:
            a = self._rows(batch_size, self._initial_a)
        else:
            a = self._normal((1 if batch_size is None else batch_size, self.units), self.hscale)
        h = self.rate_of(a)
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
