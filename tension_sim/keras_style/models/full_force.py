"""Full-FORCE: a second network gives every neuron its own target."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ...errors import InvalidValueError, message
from ...tensorflow.recurrence import Recurrence
from ...tensorflow.variables import hook, is_ours, traced, when
from ..arguments import pair_of
from ..checks import check_count, check_flag
from ..layers.rate_layer import RateLayer
from ..layers.target_network import TargetGeneratingNetwork
from .force_model import FORCEModel

__all__ = ["FullFORCEModel"]


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
    >>> import numpy as np
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
        trainable = check_flag(f"{name}.target_output_kernel_trainable", target_output_kernel_trainable)
        self._target_output_kernel_trainable = trainable
        self._output_dim = self.original_force_layer.output_size
        if self._output_dim != 1:
            raise InvalidValueError(message(f"{name}.force_layer", "a layer with output_size 1", self._output_dim))
        self.check_mask(f"{name}.force_layer")

    def check_mask(self, where: str) -> None:
        """Refuse any mask of the recurrent kernel; see the base class."""
        mask = self.original_force_layer.recurrent_nontrainable_boolean_mask
        sparse = self.original_force_layer._p_recurr not in (None, 1)
        if sparse or (mask is not None and np.any(np.asarray(mask))):
            raise InvalidValueError(
                message(
                    where,
                    "a layer whose recurrent weights all learn",
                    "a masked recurrent kernel",
                    "leave p_recurr at 1, and the mask all False: full-FORCE has no masks.",
                )
            )
        super().check_mask(where)

    def kernels(self) -> dict[str, Any]:
        """Return the kernels that may learn, by name."""
        return super().kernels() | {"target_output_kernel": self._target_network.output_kernel}

    @property
    def readout_P(self) -> Any:
        """P of the output kernel, which is that of the recurrent kernel too."""
        return self.task_P_output

    @property
    def recurrent_P(self) -> Any:
        """P of the recurrent kernel, as it is stored."""
        return self.readout_P

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
        self.target_network: Recurrence = Recurrence(cell, name="target_network")
        self.target_network.build(tuple(input_shape))

    def initialize_P(self) -> None:
        """Create P of the task network, and of the target network's readout where it learns."""
        if getattr(self, "task_P_output", None) is None:
            self.task_P_output: Any = self._identity("task_P_output")
        if self.trains_target_readout and getattr(self, "target_P_output", None) is None:
            self.target_P_output: Any = self._identity("target_P_output")

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

    def _width_of(self, method: str) -> str:
        return "inputs and hints" if method == "fit" else "inputs without hints, which only fit takes"

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
        return self.get_metrics_result()

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

    @hook
    def pseudogradient_wR_task(
        self, P_task: Any, wR_task: Any, h_task: Any, wR_target: Any, h_target: Any, fb_hint_sum: Any
    ) -> Any:
        """Return what is subtracted from the task network's recurrent kernel; `P_task` is the new one."""
        error = tf.matmul(h_task, wR_task) - tf.matmul(h_target, wR_target) - fb_hint_sum
        known = self._last_gain.of(P_task, h_task) if self._last_gain is not None else None
        if known is not None and is_ours(self.pseudogradient_P):
            return known * error
        Ph = tf.matmul(tf.convert_to_tensor(P_task), h_task, transpose_b=True)
        gain = self._forgets.gain(Ph, tf.transpose(h_task))
        if not self._divided:
            # the old P times h, from the new one
            gain *= self._forgets.forgetting / (1.0 - tf.matmul(h_task, gain))
        return gain * error
