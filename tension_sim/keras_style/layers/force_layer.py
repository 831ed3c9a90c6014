"""FORCELayer: the base class of all layers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from ...declare.validation import check_fraction, check_number
from ...errors import InvalidValueError, UnsupportedError, message, problem
from ...system.memory import check_memory
from ...tensorflow.bases import KerasLayer
from ...tensorflow.variables import SeedGenerator, accept_read_value, hook
from ..arguments import check_precision
from ..checks import activation_function, check_count, check_flag, kernels_of, mask_of
from ..config import Configured

__all__ = ["FORCELayer"]

_log = logging.getLogger("tension_sim")


class FORCELayer(Configured, KerasLayer):
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
        self.units: int = check_count(f"{name}.units", units)
        self._output_size = check_count(f"{name}.output_size", output_size)
        self.activation: Any = activation_function(f"{name}.activation", activation)
        seed = None if seed is None else check_count(f"{name}.seed", seed, 0)
        if p_recurr is not None:
            check_fraction(f"{name}.p_recurr", p_recurr, "p_recurr is the probability of a connection.")
        self._seed = seed
        self.seed_gen: Any = SeedGenerator(seed)
        self._g = check_number(f"{name}.g", g)
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
        """Repeat values of shape (1, size) to the given number of rows; 1 by default."""
        values = tf.cast(tf.convert_to_tensor(values), self.compute_dtype)
        return values if batch_size is None else tf.repeat(values, batch_size, axis=0)

    def _uniform(self, shape: tuple[int, ...], low: float, high: float) -> tf.Tensor:
        seed = self.seed_gen.uniform([1], minval=None, dtype=tf.int64)[0]
        initializer = keras.initializers.RandomUniform(minval=low, maxval=high, seed=seed)
        return initializer(shape, dtype=self.variable_dtype)

    def _connected(self, kernel: Any) -> Any:
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
        self.input_kernel: Any = self._kernel("input_kernel", input_kernel, self._input_kernel_trainable)

    def initialize_recurrent_kernel(self, recurrent_kernel: Any = None) -> None:
        """Create ``recurrent_kernel``: the one given, or normal numbers of variance g^2/units."""
        if recurrent_kernel is None:
            recurrent_kernel = self._connected(self._normal((self.units, self.units), self._g / self.units**0.5))
        self.recurrent_kernel: Any = self._kernel(
            "recurrent_kernel", recurrent_kernel, self._recurrent_kernel_trainable
        )

    def initialize_feedback_kernel(self, feedback_kernel: Any = None) -> None:
        """Create ``feedback_kernel``: the one given, or normal numbers of variance 1."""
        if feedback_kernel is None:
            feedback_kernel = self._normal((self.output_size, self.units), 1.0)
        self.feedback_kernel: Any = self._kernel("feedback_kernel", feedback_kernel, self._feedback_kernel_trainable)

    def initialize_output_kernel(self, output_kernel: Any = None) -> None:
        """Create ``output_kernel``: the one given, or normal numbers of variance 1/units."""
        if output_kernel is None:
            output_kernel = self._normal((self.units, self.output_size), self.units**-0.5)
        self.output_kernel: Any = self._kernel("output_kernel", output_kernel, self._output_kernel_trainable)

    def build(self, input_shape: Any) -> None:
        """Create the kernels for inputs of shape (..., inputs)."""
        numbers = self.units * ((input_shape[-1] or 0) + self.units + 2 * self.output_size)
        check_memory(f"{type(self).__name__}.units", 4 * numbers, "fewer units, inputs or outputs")
        for name in self._kernels:
            initialize = getattr(self, f"initialize_{name}_kernel")
            initialize(input_shape[-1]) if name == "input" else initialize()
        self._mask_unconnected()
        self.built = True

    def _mask_unconnected(self) -> None:
        """Freeze what is not connected, beside what the user froze before."""
        mask = mask_of(type(self).__name__, self.recurrent_nontrainable_boolean_mask, self.units)
        if self._p_recurr is not None and self._p_recurr != 1:
            unconnected = self.recurrent_kernel == 0
            mask = unconnected if mask is None else mask | unconnected
        self.recurrent_nontrainable_boolean_mask = mask

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
                problem(
                    f"{name}.p_recurr",
                    "the kernels determine what is connected",
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
        """Reset these variables to before the first step, if they are states."""

    @hook
    def call(self, inputs: Any, states: Any) -> Any:
        """Advance one time step: return the output and the list of new states."""
        raise NotImplementedError(
            problem(
                f"{type(self).__name__}.call",
                "the subclass does not define this method",
                type(self).__name__,
                "define call(inputs, states).",
            )
        )

    def get_initial_state(self, inputs: Any = None, batch_size: Any = None, dtype: Any = None) -> Any:
        """Return the list of states before the first time step."""
        raise NotImplementedError(
            problem(
                f"{type(self).__name__}.get_initial_state",
                "the subclass does not define this method",
                type(self).__name__,
                "define get_initial_state(inputs=None, batch_size=None, dtype=None).",
            )
        )
