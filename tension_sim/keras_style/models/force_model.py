"""FORCEModel: the base class of all models."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ...declare.learning import check_forgotten
from ...declare.validation import check_positive, check_window
from ...errors import InvalidTypeError, InvalidValueError, message
from ...results.results import Results
from ...tensorflow.bases import KerasModel
from ...tensorflow.forgetting import Forgetting
from ...tensorflow.recurrence import Recurrence
from ...tensorflow.rules import Rules
from ...tensorflow.variables import accept_read_value, hook, is_ours, traced, when
from ..arguments import check_call, input_of, pair_of
from ..checks import check_count, check_flag
from ..compiling import Compiling
from ..config import Configured, pass_on
from ..layers.force_layer import FORCELayer
from ..on_brian.declared import Declared
from ..on_brian.exact import ExactState
from ..report import results_of
from ..saving import Saving
from ..trained import Trained
from ..training import Training

__all__ = ["FORCEModel"]


class FORCEModel(Configured, Saving, Compiling, Training, Trained, Rules, Declared, KerasModel):
    """Train a layer by FORCE learning (Sussillo & Abbott 2009, doi:10.1016/j.neuron.2009.07.018).

    Input is (timesteps, inputs) and target (timesteps, outputs); 3D arrays of trials are
    stacked along time. Each time step is a batch of its own.

    Parameters
    ----------
    force_layer : FORCELayer
        The network.
    alpha_P : float, optional
        Initial P is ``alpha_P`` times the identity (the inverse of a regularisation).
    return_sequences : bool, optional
        Calling the model returns the output at each time step.
    update_every : int, optional
        Learn at each n-th time step only: the n-th, the 2n-th, ...
    start, stop : int, optional
        First time step that learns, and the first that no longer does, counted over all
        calls of ``fit``.
    gain : {"divided", "undivided"}, optional
        ``P r/(1 + r'Pr)``, least squares; or ``P r`` as Nicola & Clopath (2017).
    forgetting : float, optional
        Factor in (0, 1] by which the past loses weight at each update. Below 1, a long run
        ends in a divergence; see :class:`tension_sim.Learning`.
    dtype : {"float32", "float64"}, optional
        Precision of layer and model, as if the layer had been given it. By default that of
        the layer, if it was given one, else float32, which Brian2 computes in float64.
    seed : int, optional
        Seed of the layer, as if it had been given it.
    relaxation : float, optional
        How far P goes back towards ``alpha_P`` times the identity at each update, in [0, 1):
        follows a target that changes, for any time; see :class:`tension_sim.Learning`.

    Attributes
    ----------
    force_layer : Recurrence
        ``force_layer.states`` are the current states.
    original_force_layer : FORCELayer
        The layer as it was passed, with its kernels.

    Examples
    --------
    >>> import numpy as np
    >>> from tension_sim.models import EchoStateNetwork
    >>> layer = EchoStateNetwork(dtdivtau=0.1, units=20, output_size=1, activation="tanh", seed=1)
    >>> model = FORCEModel(force_layer=layer)
    >>> model.compile(metrics=["mae"])
    >>> t = np.arange(200)[:, None] / 20
    >>> history = model.fit(x=np.zeros_like(t), y=np.sin(t), epochs=2, verbose=0)
    >>> sorted(history.history), model.predict(np.zeros((30, 1)), verbose=0).shape
    (['mae'], (30, 1))
    """

    def __init__(
        self,
        force_layer: FORCELayer,
        alpha_P: float = 1.0,
        return_sequences: bool = True,
        update_every: int = 1,
        start: int = 0,
        stop: int | None = None,
        gain: str = "divided",
        forgetting: float = 1.0,
        dtype: str | None = None,
        seed: int | None = None,
        relaxation: float = 0.0,
        **kwargs: Any,
    ) -> None:
        name = type(self).__name__
        if not isinstance(force_layer, FORCELayer):
            raise InvalidTypeError(
                message(f"{name}.force_layer", "a FORCELayer", force_layer, "for example models.EchoStateNetwork.")
            )
        self._check_pair(force_layer)
        self.alpha_P: float = check_positive(f"{name}.alpha_P", alpha_P)
        self._update_every = check_count(f"{name}.update_every", update_every)
        self._learn_start = check_count(f"{name}.start", start, 0)
        self._learn_stop = None if stop is None else check_count(f"{name}.stop", stop, 0)
        if self._learn_stop is not None:
            check_window(f"{name}.stop", self._learn_start, self._learn_stop)
        if not isinstance(gain, str) or gain not in ("divided", "undivided"):
            raise InvalidValueError(message(f"{name}.gain", "'divided' or 'undivided'", gain))
        self._divided = gain == "divided"
        check_forgotten(name, forgetting, relaxation)
        self._forgets = Forgetting(float(forgetting), float(relaxation), self.alpha_P)
        return_sequences = check_flag(f"{name}.return_sequences", return_sequences)
        pass_on(name, force_layer, dtype, seed)
        check_forgotten(name, forgetting, relaxation, force_layer.compute_dtype)
        super().__init__(dtype=force_layer.dtype_policy, **kwargs)
        self.units: int = force_layer.units
        self.force_layer: Recurrence = Recurrence(force_layer, return_sequences=return_sequences, name="force_layer")
        self._frozen_to_restore: Any = None
        self.exact_state: ExactState = ExactState()

    @property
    def original_force_layer(self) -> FORCELayer:
        """The layer as it was passed."""
        return self.force_layer.cell

    def _check_pair(self, layer: FORCELayer) -> None:
        published = next(c for c in type(self).__mro__ if is_ours(c))
        if layer._models is None or published.__name__ in layer._models:
            return
        if not is_ours(self.force_layer_call):
            return
        raise InvalidValueError(
            message(
                f"{type(self).__name__}.force_layer",
                f"a layer that goes with {published.__name__}",
                type(layer).__name__,
                f"{type(layer).__name__} goes with {', '.join(layer._models)}.",
            )
        )

    # -- building

    def add_weight(self, *args: Any, **kwargs: Any) -> Any:
        """Create a variable as Keras does; it also takes ``assign(value, read_value=False)``."""
        return accept_read_value(super().add_weight(*args, **kwargs))

    def build(self, input_shape: Any) -> None:
        """Create kernels, states and P for inputs of shape (1, timesteps, inputs)."""
        if not self.force_layer.built:
            self.force_layer.build(tuple(input_shape))
        if self._frozen_to_restore is not None:
            self.original_force_layer.recurrent_nontrainable_boolean_mask = self._frozen_to_restore["mask"]
        self._input_shape_built = [int(n) if n else 1 for n in input_shape]
        self._steps_learned = self.add_weight(
            name="steps_learned", shape=(), dtype="int64", initializer="zeros", trainable=False
        )
        self.read_trainable()
        self.built = True

    @property
    def results(self) -> Results:
        """Output, target, spikes and weights of the last epoch of ``fit``, or of ``predict``.

        A rate layer's time constant counts as one second.
        """
        return results_of(self)

    def reset_states(self) -> None:
        """Set the states of all networks to zeros, see :meth:`Recurrence.reset_states`."""
        for layer in self.layers:
            if isinstance(layer, Recurrence):
                layer.reset_states()

    # -- data

    def coerce_input_data(self, x: Any, y: Any, method: str, **kwargs: Any) -> tuple[Any, Any]:
        """Return x and y as they go into the network; to be overridden.

        Parameters
        ----------
        x, y : array, shape (timesteps, 1, dimensions)
            ``y`` is None for "predict".
        method : {"fit", "validation", "evaluate", "predict"}
        """
        return x, y

    def _input_shape(self, xs: np.ndarray, ys: np.ndarray) -> tuple[int, int, int]:
        return (1, 1, xs.shape[-1])

    def _input_width(self, method: str) -> int | None:
        kernel = getattr(self.original_force_layer, "input_kernel", None)
        return None if kernel is None else int(kernel.shape[0])

    def _check_data(self, where: str, method: str, xs: np.ndarray, ys: np.ndarray | None) -> None:
        super()._check_data(where, method, xs, ys)
        self.check_mask(where)

    def _check_target_width(self, ys: np.ndarray) -> None:
        layer = self.original_force_layer
        if ys.shape[-1] != layer.output_size:
            raise InvalidValueError(
                message(
                    f"{type(self).__name__}.fit.y",
                    f"{layer.output_size} value(s) at each time step (output_size)",
                    ys.shape,
                )
            )
        learns = self.trains("recurrent_kernel") and self._uses_blocks()
        if learns and self._one_error() and ys.shape[-1] != 1:
            self._refuse_several_errors(ys.shape)

    def _one_error(self) -> bool:
        return True

    # -- one time step

    @hook
    def call(self, x: Any, training: bool = False, reset_states: bool = False, **kwargs: Any) -> Any:
        """Run the network over `x`, of shape (1, timesteps, inputs).

        Parameters
        ----------
        training : bool, optional
            Return the states too, as ``train_step`` needs them.
        reset_states : bool, optional
            Leave the states as they were.
        """
        check_call(f"{type(self).__name__}.call", x)
        kept = [tf.identity(state) for state in self.force_layer.states] if reset_states else []
        output = traced(self.force_layer_call)(x, training, **kwargs)
        for state, value in zip(self.force_layer.states, kept, strict=False):
            state.assign(value)
        return output if training else output[0]

    @hook
    def force_layer_call(self, x: Any, training: bool, **kwargs: Any) -> Any:
        """Call the layer; the first of what it returns is the output, the third the rates."""
        return self.force_layer(x, **kwargs)

    @hook
    def train_step(self, data: Any) -> dict[str, Any]:
        """Advance one time step and learn from it; `data` is (x, y), each (1, 1, dimensions)."""
        x, y = pair_of(f"{type(self).__name__}.train_step", data)
        z, h = self._output_and_rates(x)
        if self.force_layer.return_sequences:
            z = z[:, 0, :]
        target = y[:, 0, :]
        when(traced(self.update_kernel_condition)(), lambda: self._learn(h, z, target))
        self.count_metrics(target, z)
        return self.get_metrics_result()

    def _output_and_rates(self, x: Any) -> tuple[Any, Any]:
        """Advance by one step and return the output and the rates."""
        given = self(x, training=True, reset_states=False)
        if len(given) != 4:
            where = f"{type(self).__name__}.force_layer_call"
            fix = "override it: return the output, any tensor, the rates, any tensor."
            raise InvalidValueError(message(where, "to return 4 tensors", f"{len(given)} tensors", fix))
        return given[0], given[2]

    def _learn(self, h: Any, z: Any, y: Any) -> None:
        variables = self.trainable_variables
        if self._output_kernel_idx is not None:
            self.update_output_kernel(h, z, y, variables[self._P_output_idx], variables[self._output_kernel_idx])
        if self._recurrent_kernel_idx is not None:
            self.update_recurrent_kernel(h, z, y, variables[self._P_GG_idx], variables[self._recurrent_kernel_idx])

    @hook
    def test_step(self, data: Any) -> dict[str, Any]:
        """Advance one time step and measure; `data` is (x, y), each (1, 1, dimensions)."""
        x, y = pair_of(f"{type(self).__name__}.test_step", data)
        z = self(x, training=False, reset_states=False)
        if self.force_layer.return_sequences:
            z = z[:, 0, :]
        target = y[:, 0, :]
        self._loss_tracker.update_state(tf.reduce_mean(tf.abs(z - target)))
        self.count_metrics(target, z)
        return self.get_metrics_result()

    @hook
    def predict_step(self, data: Any) -> Any:
        """Advance one time step and return the output; `data` is x or (x,), of shape (1, 1, inputs)."""
        return self(input_of(data), training=False, reset_states=False)

    @hook
    def count_step(self, kind: str) -> None:
        """Count the time steps that were trained, for ``update_every``, ``start`` and ``stop``."""
        if kind == "train":
            self._steps_learned.assign_add(1)

    @hook
    def update_kernel_condition(self) -> Any:
        """Return whether this time step learns; to be overridden."""
        if self._update_every == 1 and self._learn_start == 0 and self._learn_stop is None:
            return tf.constant(True)
        return self._learns_at(tf.convert_to_tensor(self._steps_learned))

    def _learns_at(self, step: Any) -> Any:
        learns = ((step + 1) % self._update_every == 0) & (step >= self._learn_start)
        return learns if self._learn_stop is None else learns & (step < self._learn_stop)

    def prefers_graph(self) -> bool:
        """Whether a TensorFlow graph is better than XLA: P too large to be held twice."""
        return self._blocks is not None and self._blocks.large
