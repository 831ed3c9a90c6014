"""FORCELayer and FORCEModel: the base classes of all Keras-style networks.

Names are those of the published package `tension` (doi:10.1371/journal.pcbi.1010722).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from .keras_style.config import Configured, pass_on  # before keras: says what is missing

# isort: split
import keras
import tensorflow as tf

from .declare.validation import check_fraction, check_positive
from .errors import InvalidTypeError, InvalidValueError, UnsupportedError, message
from .keras_style.arguments import check_call, check_precision, input_of, pair_of
from .keras_style.checks import activation_of, check_count, check_flag, kernels_of, mask_of
from .keras_style.compiling import Compiling
from .keras_style.on_brian.declared import Declared
from .keras_style.on_brian.exact import ExactState
from .keras_style.report import results_of
from .keras_style.saving import Saving
from .keras_style.trained import Trained
from .keras_style.training import Training
from .results.results import Results
from .tensorflow.recurrence import Recurrence
from .tensorflow.rules import Rules
from .tensorflow.variables import SeedGenerator, accept_read_value, is_ours, traced, when

__all__ = ["FORCELayer", "FORCEModel"]

_log = logging.getLogger("tension_sim")


class FORCELayer(Configured, keras.layers.Layer):
    """Base class of layers that FORCE learning can train.

    A subclass defines ``call(inputs, states)``, one time step, and ``get_initial_state``.

    Parameters
    ----------
    units : int
        Number of recurrent neurons.
    output_size : int
        Number of outputs.
    activation : str or callable
        From pre-activation to rate.
    seed : int, optional
        Seed of the kernels and initial states.
    g : float, optional
        Gain of the recurrent kernel: its standard deviation is ``g/sqrt(units)``.
    input_kernel_trainable, recurrent_kernel_trainable : bool, optional
    output_kernel_trainable, feedback_kernel_trainable : bool, optional
        Which kernels learn.
    p_recurr : float, optional
        Probability of a recurrent connection, in (0, 1].
    **kwargs
        ``name`` and ``dtype`` of a Keras layer.

    Attributes
    ----------
    input_kernel : variable, shape (inputs, units)
    recurrent_kernel : variable, shape (units, units)
        From row to column.
    feedback_kernel : variable, shape (output_size, units)
    output_kernel : variable, shape (units, output_size)
    recurrent_nontrainable_boolean_mask : tensor of bool, shape (units, units), or None
        True where a recurrent weight does not learn.

    Raises
    ------
    InvalidValueError, InvalidTypeError
        For arguments that cannot work.
    """

    #: names of the model classes that this layer goes with; None: any
    _models: ClassVar[tuple[str, ...] | None] = None
    #: the faster engine for layers of this kind, by measurement
    preferred_backend: ClassVar[str] = "tensorflow"
    #: whether the layer has spikes, which it writes to ``spikes_of_step`` if that is not None
    spiking: ClassVar[bool] = False
    spikes_of_step: Any = None
    #: kernels that ``from_weights`` takes, in their order
    _kernels: ClassVar[tuple[str, ...]] = ("input", "recurrent", "feedback", "output")

    def __init__(
        self,
        units: int,
        output_size: int,
        activation: Any,
        seed: int | None = None,
        g: float = 1.5,
        input_kernel_trainable: bool = False,
        recurrent_kernel_trainable: bool = False,
        output_kernel_trainable: bool = True,
        feedback_kernel_trainable: bool = False,
        p_recurr: float | None = 1,
        **kwargs: Any,
    ) -> None:
        name = type(self).__name__
        self.units = check_count(f"{name}.units", units)
        self._output_size = check_count(f"{name}.output_size", output_size)
        self.activation = activation_of(f"{name}.activation", activation)
        if seed is not None:
            check_count(f"{name}.seed", seed, 0)
        if p_recurr is not None:
            check_fraction(f"{name}.p_recurr", p_recurr, "p_recurr is the probability of a connection.")
        self._seed = seed
        self.seed_gen = SeedGenerator(seed)
        self._g = g
        self._input_kernel_trainable = check_flag(f"{name}.input_kernel_trainable", input_kernel_trainable)
        self._recurrent_kernel_trainable = check_flag(f"{name}.recurrent_kernel_trainable", recurrent_kernel_trainable)
        self._output_kernel_trainable = check_flag(f"{name}.output_kernel_trainable", output_kernel_trainable)
        self._feedback_kernel_trainable = check_flag(f"{name}.feedback_kernel_trainable", feedback_kernel_trainable)
        self._p_recurr = p_recurr
        self.recurrent_nontrainable_boolean_mask: Any = None
        super().__init__(**kwargs)
        check_precision(name, self.dtype_policy)

    @property
    def state_size(self) -> list[int]:
        """Size of each state: pre-activation, rate, output."""
        return [self.units, self.units, self.output_size]

    @property
    def output_size(self) -> int:
        """Number of outputs."""
        return self._output_size

    def add_weight(self, *args: Any, **kwargs: Any) -> Any:
        """Create a variable as Keras does; it also takes ``assign(value, read_value=False)``."""
        return accept_read_value(super().add_weight(*args, **kwargs))

    def _normal(self, shape: tuple[int, ...], std: float) -> tf.Tensor:
        seed = self.seed_gen.uniform([1], minval=None, dtype=tf.int64)[0]
        initializer = keras.initializers.RandomNormal(mean=0.0, stddev=std, seed=seed)
        return initializer(shape, dtype=self.variable_dtype)

    def _rows(self, batch_size: Any, values: Any) -> tf.Tensor:
        """Return values of shape (1, size) as so many rows; 1 by default."""
        values = tf.cast(tf.convert_to_tensor(values), self.compute_dtype)
        return values if batch_size is None else tf.repeat(values, batch_size, axis=0)

    def _uniform(self, shape: tuple[int, ...], low: float, high: float) -> tf.Tensor:
        seed = self.seed_gen.uniform([1], minval=None, dtype=tf.int64)[0]
        initializer = keras.initializers.RandomUniform(minval=low, maxval=high, seed=seed)
        return initializer(shape, dtype=self.variable_dtype)

    def _connected(self, kernel: tf.Tensor) -> tf.Tensor:
        """Keep each recurrent weight with probability ``p_recurr``."""
        if self._p_recurr is None or self._p_recurr == 1:
            return kernel
        seed = self.seed_gen.uniform([1], minval=None)[0]
        keep = np.random.default_rng(seed).random(kernel.shape) < self._p_recurr
        return kernel * tf.cast(keep, kernel.dtype)

    def _kernel(self, name: str, value: Any, trainable: bool) -> Any:
        value = tf.cast(tf.convert_to_tensor(value), self.variable_dtype)
        variable = self.add_weight(name=name, shape=tuple(value.shape), initializer="zeros", trainable=trainable)
        variable.assign(value)
        return variable

    def initialize_input_kernel(self, input_dim: int, input_kernel: Any = None) -> None:
        """Create ``input_kernel``: the one given, or normal numbers of variance 1/input_dim."""
        if input_kernel is None:
            input_kernel = self._normal((input_dim, self.units), input_dim**-0.5)
        self.input_kernel = self._kernel("input_kernel", input_kernel, self._input_kernel_trainable)

    def initialize_recurrent_kernel(self, recurrent_kernel: Any = None) -> None:
        """Create ``recurrent_kernel``: the one given, or normal numbers of variance g^2/units."""
        if recurrent_kernel is None:
            recurrent_kernel = self._connected(self._normal((self.units, self.units), self._g / self.units**0.5))
        self.recurrent_kernel = self._kernel("recurrent_kernel", recurrent_kernel, self._recurrent_kernel_trainable)

    def initialize_feedback_kernel(self, feedback_kernel: Any = None) -> None:
        """Create ``feedback_kernel``: the one given, or normal numbers of variance 1."""
        if feedback_kernel is None:
            feedback_kernel = self._normal((self.output_size, self.units), 1.0)
        self.feedback_kernel = self._kernel("feedback_kernel", feedback_kernel, self._feedback_kernel_trainable)

    def initialize_output_kernel(self, output_kernel: Any = None) -> None:
        """Create ``output_kernel``: the one given, or normal numbers of variance 1/units."""
        if output_kernel is None:
            output_kernel = self._normal((self.units, self.output_size), self.units**-0.5)
        self.output_kernel = self._kernel("output_kernel", output_kernel, self._output_kernel_trainable)

    def build(self, input_shape: Any) -> None:
        """Create the kernels for inputs of shape (..., inputs)."""
        for name in self._kernels:
            initialize = getattr(self, f"initialize_{name}_kernel")
            initialize(input_shape[-1]) if name == "input" else initialize()
        self._mask_unconnected()
        self.built = True

    def _mask_unconnected(self) -> None:
        dense = self._p_recurr is None or self._p_recurr == 1
        self.recurrent_nontrainable_boolean_mask = None if dense else self.recurrent_kernel == 0

    @classmethod
    def from_weights(
        cls, weights: Sequence[Any], recurrent_nontrainable_boolean_mask: Any = None, **kwargs: Any
    ) -> Any:
        """Create a layer with given kernels.

        Parameters
        ----------
        weights : sequence of 2D arrays
            Input, recurrent, feedback and output kernel; layers without feedback take no
            feedback kernel. ``units`` and ``output_size`` follow from them.
        recurrent_nontrainable_boolean_mask : array of bool, shape (units, units), optional
            True where a recurrent weight does not learn; None: all may learn.
        **kwargs
            The other arguments of the class, without ``p_recurr``.

        Raises
        ------
        InvalidValueError, InvalidTypeError
            For kernels that do not go together, a mask of another shape, or ``p_recurr``.
        """
        name = f"{cls.__name__}.from_weights"
        if "p_recurr" in kwargs:
            raise InvalidValueError(
                message(
                    f"{name}.p_recurr",
                    "no p_recurr: the kernels say what is connected",
                    kwargs["p_recurr"],
                    "leave p_recurr out.",
                )
            )
        kernels, units, outputs = kernels_of(name, weights, cls._kernels)
        mask = mask_of(name, recurrent_nontrainable_boolean_mask, units)
        if mask is not None and np.any(np.asarray(kernels["recurrent"])[np.asarray(mask)]):
            _log.info("%s: some recurrent weights are not 0 and do not learn", name)
        sizes = cls._sizes(units, outputs)
        layer = cls(**{**sizes, "p_recurr": None, **{k: v for k, v in kwargs.items() if k not in sizes}})
        layer.recurrent_nontrainable_boolean_mask = mask
        for kernel, value in kernels.items():
            initialize = getattr(layer, f"initialize_{kernel}_kernel")
            initialize(value.shape[0], value) if kernel == "input" else initialize(value)
        layer.built = True
        return layer

    @classmethod
    def _sizes(cls, units: int, outputs: int | None) -> dict[str, Any]:
        return {"units": units, "output_size": outputs}

    def refusal_of_brian2(self) -> str | None:
        """Say why the layer cannot run on Brian2; None: it can, and has a :meth:`declaration`."""
        return f"{type(self).__name__} has no equation file"

    def declaration(self, model: Any) -> Any:
        """Return the layer and its model as a `Declaration`, see `tension_sim.keras_style.on_brian.declaration`."""
        raise UnsupportedError(
            message(f"{type(self).__name__}.declaration", "a layer that runs on Brian2", self.refusal_of_brian2())
        )

    def create_hidden(self, add_weight: Any) -> None:
        """Create the variables beside the states that a time step changes, by a function like Keras' add_weight."""

    def hidden_variables(self) -> list[Any]:
        """Return variables beside the states that a time step changes, such as a counter of noise."""
        return []

    def reset_hidden(self) -> None:
        """Set these variables as before the first step, where they are states."""

    def call(self, inputs: Any, states: Any) -> Any:
        """Advance one time step: return the output and the list of new states."""
        raise NotImplementedError(
            message(
                f"{type(self).__name__}.call",
                "a method of the subclass",
                "none",
                "define call(inputs, states).",
            )
        )

    def get_initial_state(self, inputs: Any = None, batch_size: Any = None, dtype: Any = None) -> Any:
        """Return the list of states before the first time step."""
        raise NotImplementedError(
            message(
                f"{type(self).__name__}.get_initial_state",
                "a method of the subclass",
                "none",
                "define get_initial_state(inputs=None, batch_size=None, dtype=None).",
            )
        )


class FORCEModel(Configured, Saving, Compiling, Training, Trained, Rules, Declared, keras.Model):
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
        Factor in (0, 1] by which the past loses weight at each update.
    dtype : {"float32", "float64"}, optional
        Precision of layer and model, as if the layer had been given it. By default that of
        the layer, if it was given one, else float32, which Brian2 computes in float64.
    seed : int, optional
        Seed of the layer, as if it had been given it.

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
        **kwargs: Any,
    ) -> None:
        name = type(self).__name__
        if not isinstance(force_layer, FORCELayer):
            raise InvalidTypeError(
                message(f"{name}.force_layer", "a FORCELayer", force_layer, "for example models.EchoStateNetwork.")
            )
        self._check_pair(force_layer)
        self.alpha_P = check_positive(f"{name}.alpha_P", alpha_P)
        self._update_every = check_count(f"{name}.update_every", update_every)
        self._learn_start = check_count(f"{name}.start", start, 0)
        self._learn_stop = None if stop is None else check_count(f"{name}.stop", stop, 0)
        if gain not in ("divided", "undivided"):
            raise InvalidValueError(message(f"{name}.gain", "'divided' or 'undivided'", gain))
        self._divided = gain == "divided"
        self._forgetting = check_fraction(f"{name}.forgetting", forgetting)
        pass_on(name, force_layer, dtype, seed)
        super().__init__(dtype=force_layer.dtype_policy, **kwargs)
        self.units = force_layer.units
        self.force_layer = Recurrence(force_layer, return_sequences=return_sequences, name="force_layer")
        self._frozen_to_restore: Any = None
        self.exact_state = ExactState()

    @property
    def original_force_layer(self) -> FORCELayer:
        """The layer as it was passed."""
        return self.force_layer.cell

    def _check_pair(self, layer: FORCELayer) -> None:
        published = next(c for c in type(self).__mro__ if c.__module__.startswith(__package__ + "."))
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
            raise InvalidValueError(
                message(
                    f"{type(self).__name__}.fit.y",
                    "1 value at each time step, because the recurrent kernel learns from one error",
                    ys.shape,
                    "set recurrent_kernel_trainable=False, or use a single output.",
                )
            )

    def _one_error(self) -> bool:
        return True

    # -- one time step

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

    def force_layer_call(self, x: Any, training: bool, **kwargs: Any) -> Any:
        """Call the layer; the first of what it returns is the output, the third the rates."""
        return self.force_layer(x, **kwargs)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Advance one time step and learn from it; `data` is (x, y), each (1, 1, dimensions)."""
        x, y = pair_of(f"{type(self).__name__}.train_step", data)
        z, _, h, _ = self(x, training=True, reset_states=False)
        if self.force_layer.return_sequences:
            z = z[:, 0, :]
        target = y[:, 0, :]
        when(traced(self.update_kernel_condition)(), lambda: self._learn(h, z, target))
        self.count_metrics(target, z)
        return {m.name: m.result() for m in self.metrics}

    def _learn(self, h: Any, z: Any, y: Any) -> None:
        variables = self.trainable_variables
        if self._output_kernel_idx is not None:
            self.update_output_kernel(h, z, y, variables[self._P_output_idx], variables[self._output_kernel_idx])
        if self._recurrent_kernel_idx is not None:
            self.update_recurrent_kernel(h, z, y, variables[self._P_GG_idx], variables[self._recurrent_kernel_idx])

    def test_step(self, data: Any) -> dict[str, Any]:
        """Advance one time step and measure; `data` is (x, y), each (1, 1, dimensions)."""
        x, y = pair_of(f"{type(self).__name__}.test_step", data)
        z = self(x, training=False, reset_states=False)
        if self.force_layer.return_sequences:
            z = z[:, 0, :]
        target = y[:, 0, :]
        self._loss_tracker.update_state(tf.reduce_mean(tf.abs(z - target)))
        self.count_metrics(target, z)
        return {m.name: m.result() for m in self.metrics}

    def predict_step(self, data: Any) -> Any:
        """Advance one time step and return the output; `data` is x or (x,), of shape (1, 1, inputs)."""
        return self(input_of(data), training=False, reset_states=False)

    def count_step(self, kind: str) -> None:
        """Count the time steps that were trained, for ``update_every``, ``start`` and ``stop``."""
        if kind == "train":
            self._steps_learned.assign_add(1)

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
