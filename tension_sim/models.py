"""Rate networks and full-FORCE, under their published names."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .base import FORCEModel
from .keras_style.rate_layer import RateLayer

# isort: split
import tensorflow as tf

from .errors import InvalidValueError, UnsupportedError, message
from .keras_style.arguments import pair_of
from .keras_style.checks import check_count, row_of
from .tensorflow.recurrence import Recurrence
from .tensorflow.variables import is_ours, traced, when

__all__ = [
    "EchoStateNetwork",
    "FullFORCEModel",
    "NoFeedbackESN",
    "OptimizedFORCEModel",
    "TargetGeneratingNetwork",
]

_RATE_MODELS = ("FORCEModel", "FullFORCEModel", "OptimizedFORCEModel", "ESNFORCEModel")


class EchoStateNetwork(RateLayer):
    """Rate network with feedback of its output, with the dynamics of ``equations/echo_state.toml``.

    ``a <- a + dtdivtau (-a + x W_in + h J + z W_fb)``, ``h = activation(a)``, ``z = h W_out``,
    with `h` and `z` of the step before on the right. A subclass runs a file of its own by
    ``equation_file`` and ``parameters``, see :class:`tension_sim.keras_style.equation_layer.EquationLayer`;
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

    _models = _RATE_MODELS
    #: whether the units receive the external input
    uses_input: ClassVar[bool] = True

    def __init__(self, dtdivtau: float, hscale: float = 0.25, initial_a: Any = None, **kwargs: Any) -> None:
        super().__init__(dtdivtau, hscale, **kwargs)
        self._initial_a = row_of(f"{type(self).__name__}.initial_a", initial_a, self.units)

    def refusal_of_brian2(self) -> str | None:
        """Say why the layer cannot run on Brian2; None: it can."""
        from .keras_style.on_brian.rate import refusal_of_rate

        return refusal_of_rate(self)

    def declaration(self, model: Any) -> Any:
        """Return the layer and its model as a `ForceNetwork`, with the places of all states in it."""
        from .keras_style.on_brian.rate import declaration_of_rate

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


class OptimizedFORCEModel(FORCEModel):
    """FORCE learning with one P of shape (units, units) where no recurrent weight is masked.

    Takes what :class:`tension_sim.base.FORCEModel` takes. The base class stores P as
    sparingly; here ``P_GG`` has two dimensions also when it is read.
    """

    def _shows_one_P(self) -> bool:
        return self._blocks is not None and self._blocks.full

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
            self.hint_kernel = self._kernel("hint_kernel", kernel, False)

    @classmethod
    def from_weights(cls, weights: Any, *_: Any, **kwargs: Any) -> Any:
        """Refuse: the network belongs to its FullFORCEModel."""
        raise UnsupportedError(
            message(
                f"{cls.__name__}.from_weights",
                "to be made by FullFORCEModel",
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


class FullFORCEModel(FORCEModel):
    """Full-FORCE (DePasquale et al. 2018, doi:10.1371/journal.pone.0191527).

    A second network, driven by target and hints, gives every neuron its own target. All
    recurrent weights learn. For ``fit``, the input is (timesteps, inputs + hints), for
    ``predict`` and ``evaluate`` (timesteps, inputs); the target has one dimension.

    Parameters
    ----------
    hint_dim : int
        Number of hints, the last columns of the input of ``fit``.
    target_output_kernel_trainable : bool, optional
        Also train a readout of the target-generating network.
    **kwargs
        See :class:`tension_sim.base.FORCEModel`.

    Examples
    --------
    >>> layer = NoFeedbackESN(dtdivtau=0.1, units=20, output_size=1, activation="tanh", seed=1)
    >>> model = FullFORCEModel(force_layer=layer, hint_dim=1, target_output_kernel_trainable=False)
    >>> model.compile(metrics=["mae"])
    >>> history = model.fit(x=np.ones((50, 2)), y=np.ones((50, 1)), verbose=0)
    >>> model.predict(np.ones((10, 1)), verbose=0).shape
    (10, 1)
    """

    recurrent_error = "target_network"

    def __init__(self, hint_dim: int, target_output_kernel_trainable: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        name = type(self).__name__
        self._hint_dim = check_count(f"{name}.hint_dim", hint_dim, 0)
        self._target_output_kernel_trainable = target_output_kernel_trainable
        self._output_dim = self.original_force_layer.output_size
        if self._output_dim != 1:
            raise InvalidValueError(message(f"{name}.force_layer", "a layer with output_size 1", self._output_dim))
        mask = self.original_force_layer.recurrent_nontrainable_boolean_mask
        sparse = self.original_force_layer._p_recurr not in (None, 1)
        if sparse or (mask is not None and np.any(np.asarray(mask))):
            raise InvalidValueError(
                message(
                    f"{name}.force_layer",
                    "a layer whose recurrent weights all learn",
                    "a masked recurrent kernel",
                    "leave p_recurr at 1, and the mask all False: full-FORCE has no masks.",
                )
            )

    def kernels(self) -> dict[str, Any]:
        """Return the kernels that may learn, by name."""
        return super().kernels() | {"target_output_kernel": self._target_network.output_kernel}

    @property
    def readout_P(self) -> Any:
        """P of the output kernel, which is that of the recurrent kernel too."""
        return self.task_P_output

    recurrent_P = readout_P

    @property
    def trains_target_readout(self) -> bool:
        """Whether the target-generating network has a readout that learns; as of the last ``compile``."""
        return self.trains("target_output_kernel")

    @property
    def _target_network(self) -> TargetGeneratingNetwork:
        return self.target_network.cell

    def build(self, input_shape: Any) -> None:
        """Create both networks for inputs of shape (1, timesteps, inputs + hints + outputs)."""
        inputs = input_shape[-1] - self._output_dim - self._hint_dim
        if inputs < 1:
            raise InvalidValueError(
                message(
                    f"{type(self).__name__}.hint_dim",
                    f"fewer hints than columns of x ({input_shape[-1] - self._output_dim})",
                    self._hint_dim,
                    "x holds at least one input, then the hints.",
                )
            )
        self.initialize_target_network(input_shape)
        super().build((*input_shape[:-1], inputs))
        if isinstance(self.original_force_layer, RateLayer):
            self._target_network.draw_beside(self.original_force_layer)
        self._input_shape_built = [int(n) if n else 1 for n in input_shape]

    def initialize_target_network(self, input_shape: Any) -> None:
        """Create ``target_network`` for inputs of shape (1, timesteps, inputs + hints + outputs)."""
        layer = self.original_force_layer
        cell = TargetGeneratingNetwork(
            units=self.units,
            output_size=self._output_dim,
            activation=layer.activation,
            output_kernel_trainable=self._target_output_kernel_trainable,
            dtdivtau=layer.dtdivtau,
            seed=None if layer._seed is None else layer._seed + 1,
            hint_dim=self._hint_dim,
            like=layer if isinstance(layer, RateLayer) else None,
            dtype=layer.dtype_policy,
        )
        self.target_network = Recurrence(cell, name="target_network")
        self.target_network.build(tuple(input_shape))

    def initialize_P(self) -> None:
        """Create P of the task network, and of the target network's readout where it learns."""
        if getattr(self, "task_P_output", None) is None:
            self.task_P_output = self._identity("task_P_output")
        if self.trains_target_readout and getattr(self, "target_P_output", None) is None:
            self.target_P_output = self._identity("target_P_output")

    def initialize_train_idx(self) -> None:
        """Find kernels and P in ``self.trainable_variables``."""
        kernels = self.kernels()

        def index(name: str) -> int | None:
            return self._index(kernels[name]) if self.trains(name) else None

        self._task_output_kernel_idx = index("output_kernel")
        self._task_recurrent_kernel_idx = index("recurrent_kernel")
        self._target_output_kernel_idx = index("target_output_kernel")
        self._task_P_output_idx = self._index(self.task_P_output)
        self._target_P_output_idx = self._index(getattr(self, "target_P_output", None))

    def _input_shape(self, xs: np.ndarray, ys: np.ndarray) -> tuple[int, int, int]:
        return (1, 1, xs.shape[-1] + ys.shape[-1])

    def _input_width(self, method: str) -> int | None:
        width = super()._input_width(method)
        return width if width is None or method != "fit" else width + self._hint_dim

    def force_layer_call(self, x: Any, training: bool, **kwargs: Any) -> Any:
        """In training, advance the target network on (input, hint, target), then the task network."""
        if not training:
            return self.force_layer(x, **kwargs)
        target_output, _, h_target, outside = self.target_network(x, **kwargs)
        task_output, _, h_task, _ = self.force_layer(x[:, :, : -self._output_dim - self._hint_dim], **kwargs)
        return task_output, h_task, target_output, h_target, outside

    def train_step(self, data: Any) -> dict[str, Any]:
        """Advance both networks one time step and learn from it."""
        x, y = pair_of(f"{type(self).__name__}.train_step", data)
        outputs = self(tf.concat([x, y], axis=-1), training=True, reset_states=False)
        z, h_task, z_target, h_target, outside = outputs
        if self.force_layer.return_sequences:
            z = z[:, 0, :]
        if self.target_network.return_sequences:
            z_target = z_target[:, 0, :]
        y = y[:, 0, :]

        def learn() -> None:
            variables = self.trainable_variables
            if self._task_output_kernel_idx is not None:
                P, kernel = variables[self._task_P_output_idx], variables[self._task_output_kernel_idx]
                self.update_output_kernel(h_task, z, y, P, kernel)
            if self._task_recurrent_kernel_idx is not None:
                self.update_recurrent_kernel(h_task, h_target, outside, variables)
            if self._target_output_kernel_idx is not None:
                P, kernel = variables[self._target_P_output_idx], variables[self._target_output_kernel_idx]
                self.update_output_kernel(h_target, z_target, y, P, kernel)

        when(traced(self.update_kernel_condition)(), learn)
        self.count_metrics(y, z)
        return {m.name: m.result() for m in self.metrics}

    def update_recurrent_kernel(  # type: ignore[override]
        self, h_task: Any, h_target: Any, fb_hint_sum: Any, trainable_vars: Any
    ) -> None:
        """Update the recurrent kernel of the task network by the P of its readout.

        Parameters
        ----------
        h_task, h_target : tensor, shape (1, units)
            Rates of the task and of the target network.
        fb_hint_sum : tensor, shape (1, units)
            What target and hints bring into the target network.
        trainable_vars : list of variables
            ``self.trainable_variables``.
        """
        P = trainable_vars[self._task_P_output_idx]
        kernel = trainable_vars[self._task_recurrent_kernel_idx]
        if self._task_output_kernel_idx is None:  # else P has seen this step
            dP, _, _ = self.pseudogradient_P(P, h_task)
            self.optimizer.apply_gradients([(dP, P)])
        change = self.pseudogradient_wR_task(
            P, kernel, h_task, self._target_network.recurrent_kernel, h_target, fb_hint_sum
        )
        self.optimizer.apply_gradients([(change, kernel)])

    def pseudogradient_wR_task(
        self, P_task: Any, wR_task: Any, h_task: Any, wR_target: Any, h_target: Any, fb_hint_sum: Any
    ) -> Any:
        """Return what is subtracted from the task network's recurrent kernel; `P_task` is the new one."""
        error = tf.matmul(h_task, wR_task) - tf.matmul(h_target, wR_target) - fb_hint_sum
        known = self._last_gain.of(P_task, h_task) if self._last_gain is not None else None
        if known is not None and is_ours(self.pseudogradient_P):
            return known * error
        gain = tf.matmul(tf.convert_to_tensor(P_task), h_task, transpose_b=True)
        if not self._divided:
            # the old P times h, from the new one
            gain *= self._forgetting / (1.0 - tf.matmul(h_task, gain))
        return gain * error
