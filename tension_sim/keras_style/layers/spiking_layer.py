"""Spiking layers whose neuron a subclass writes in TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from ...declare.equations import load_synapse
from ...declare.validation import check_number, check_positive
from ...errors import InvalidTypeError, InvalidValueError, message, problem
from ...tensorflow.step import filter_step
from ...tensorflow.variables import hook, traced
from ..checks import row_of
from .force_layer import FORCELayer

__all__ = ["OptimizedSpikingNN", "SpikingNN"]

_LOOP_FROM = 256  # neurons; below, one product of matrices is faster than a loop over spikes


class SpikingNN(FORCELayer):
    """Base class of spiking layers; a subclass defines the neuron.

    A subclass overrides ``initialize_voltage(batch_size)`` and ``update_voltage(I, states)``.

    Parameters
    ----------
    dt : float
        Time step.
    tau_decay, tau_rise : float
        Time constants of the double exponential filter; with ``tau_rise=0``, a single
        exponential filter of time constant ``tau_syn``.
    tau_syn : float
        See above.
    v_peak, v_reset : float
        Voltage at which a neuron spikes, and voltage after a spike.
    I_bias : float
        Constant current.
    G, Q : float
        Scales of the recurrent and of the feedback kernel.
    activation : str or callable, optional
        For ``self.activation`` of a subclass; not used here.
    initial_h, initial_voltage : array, shape (1, units), optional
        Initial filtered rates and voltages.
    **kwargs
        See :class:`tension_sim.base.FORCELayer`. The random recurrent kernel has standard
        deviation ``G*g/(sqrt(units)*p_recurr)``, with g = 1.5 unless given.

    Notes
    -----
    The states are: number of time steps (1, 1); voltage; auxiliary variable; filtered rate;
    its rise; filtered current; its rise (all (1, units)); output.
    """

    _models: ClassVar[tuple[str, ...] | None] = ("SpikingNNModel",)
    spiking = True

    def __init__(
        self,
        dt: float,
        tau_decay: float,
        tau_rise: float,
        tau_syn: float,
        v_peak: float,
        v_reset: float,
        I_bias: float,
        G: float,
        Q: float,
        activation: Any = None,
        initial_h: Any = None,
        initial_voltage: Any = None,
        **kwargs: Any,
    ) -> None:
        name = type(self).__name__
        if "recurrent_kernel_trainable" in kwargs:
            raise InvalidTypeError(
                problem(
                    f"{name}.recurrent_kernel_trainable",
                    "the recurrent kernel of a spiking layer is static",
                    kwargs["recurrent_kernel_trainable"],
                    "leave it out.",
                )
            )
        self.dt: float = check_positive(f"{name}.dt", dt)
        self.tau_decay: float = check_positive(f"{name}.tau_decay", tau_decay)
        self.tau_syn: float = check_positive(f"{name}.tau_syn", tau_syn)
        self.tau_rise: float = check_number(f"{name}.tau_rise", tau_rise)
        if self.tau_rise != 0:
            check_positive(f"{name}.tau_rise", tau_rise, "use 0 for a single exponential filter.")
        for of, value in (("v_reset", v_reset), ("v_peak", v_peak)):
            if value is not None:
                check_number(f"{name}.{of}", value)
        if None not in (v_reset, v_peak) and not v_reset < v_peak:
            raise InvalidValueError(message(f"{name}.v_reset", f"a voltage below v_peak ({v_peak})", v_reset))
        self.v_peak = v_peak
        self.v_reset = v_reset
        self.I_bias = I_bias
        self.G: float = check_number(f"{name}.G", G)
        self.Q: float = check_number(f"{name}.Q", Q)
        super().__init__(activation=activation, recurrent_kernel_trainable=False, **kwargs)
        self._initial_h = row_of(f"{name}.initial_h", initial_h, self.units)
        self._initial_voltage = row_of(f"{name}.initial_voltage", initial_voltage, self.units)

    @property
    def state_size(self) -> list[int]:
        """Size of each state."""
        return [1, *[self.units] * 6, self.output_size]

    def initialize_recurrent_kernel(self, recurrent_kernel: Any = None) -> None:
        """Create ``recurrent_kernel``: G times the one given, or times random numbers."""
        if recurrent_kernel is None:
            p = 1 if self._p_recurr is None else self._p_recurr
            std = self._g / (self.units**0.5 * p)
            recurrent_kernel = self._connected(self._normal((self.units, self.units), std))
        kernel = self.G * tf.cast(tf.convert_to_tensor(recurrent_kernel), self.variable_dtype)
        super().initialize_recurrent_kernel(kernel)

    def initialize_feedback_kernel(self, feedback_kernel: Any = None) -> None:
        """Create ``feedback_kernel``: Q times the one given, or times uniform numbers in [-1, 1)."""
        if feedback_kernel is None:
            feedback_kernel = self._uniform((self.output_size, self.units), -1.0, 1.0)
        kernel = self.Q * tf.cast(tf.convert_to_tensor(feedback_kernel), self.variable_dtype)
        super().initialize_feedback_kernel(kernel)

    def initialize_output_kernel(self, output_kernel: Any = None) -> None:
        """Create ``output_kernel``: the one given, or zeros."""
        if output_kernel is None:
            output_kernel = np.zeros((self.units, self.output_size))
        super().initialize_output_kernel(output_kernel)

    def initialize_voltage(self, batch_size: int) -> Any:
        """Return the voltages before the first step, (batch_size, units)."""
        return tf.zeros((batch_size, self.units), self.compute_dtype)

    @hook
    def update_voltage(self, I: Any, states: Any) -> Any:  # noqa: E741
        """Advance the neurons one time step.

        Parameters
        ----------
        I : tensor, shape (1, units)
            Currents.
        states : sequence of tensors
            All states.

        Returns
        -------
        v, u, v_mask : tensors, shape (1, units)
            Voltage before its reset, auxiliary variable, and 1 where a neuron spikes, else 0.
        """
        return states[1], states[2], tf.zeros_like(states[1])

    def _filtered(self, spikes: Any, first: Any, second: Any) -> list[Any]:
        """Advance one synaptic filter of (filtered, rise)."""
        if self.tau_rise == 0:
            single = filter_step(load_synapse("single_exponential"))
            return [*single([first], spikes, {"dt": self.dt, "tau_decay": self.tau_syn}), second]
        # the filter is the same with both time constants exchanged, but not its second state:
        # the published classes let the rate decay with tau_decay, and its rise with tau_rise
        numbers = {"dt": self.dt, "tau_rise": self.tau_decay, "tau_decay": self.tau_rise}
        return filter_step(load_synapse("double_exponential"))([first, second], spikes, numbers)

    @hook
    def update_firing_rate(self, v_mask: Any, states: Any) -> Any:
        """Advance the synaptic filters: return h, hr, ipsc, hr_ipsc, each (1, units)."""
        _, _, _, h, hr, ipsc, hr_ipsc, _ = states
        h, hr = self._filtered(v_mask, h, hr)
        return h, hr, ipsc, hr_ipsc

    @hook
    def compute_current(self, inputs: Any, states: Any) -> Any:
        """Return the current of each neuron, (1, units), from the states of the step before."""
        h, z = states[3], states[-1]
        return self._outside(inputs, z) + tf.matmul(h, self.recurrent_kernel)

    def _outside(self, inputs: Any, z: Any) -> Any:
        return self.I_bias + tf.matmul(z, self.feedback_kernel) + tf.matmul(inputs, self.input_kernel)

    def call(self, inputs: Any, states: Any) -> Any:
        """Advance one time step."""
        v, u, v_mask = self._advance_neurons(inputs, states)
        h, hr, ipsc, hr_ipsc = traced(self.update_firing_rate)(v_mask, states)
        z = tf.matmul(h, self.output_kernel)
        if self.spikes_of_step is not None:
            self.spikes_of_step.assign(v_mask > 0)
        return z, [states[0] + 1, v, u, h, hr, ipsc, hr_ipsc, z]

    def _advance_neurons(self, inputs: Any, states: Any) -> tuple[Any, Any, Any]:
        """Return voltage after its reset, auxiliary variable, and 1 where a neuron spikes."""
        current = traced(self.compute_current)(inputs, states)
        v, u, v_mask = traced(self.update_voltage)(current, states)
        return tf.where(v_mask > 0, tf.constant(self.v_reset, v.dtype), v), u, v_mask

    def initialize_auxiliary(self, batch_size: int) -> Any:
        """Return the auxiliary variable before the first step, (batch_size, units)."""
        return tf.zeros((batch_size, self.units), self.compute_dtype)

    def get_initial_state(self, inputs: Any = None, batch_size: Any = None, dtype: Any = None) -> Any:
        """Return the states before the first step."""
        known = isinstance(batch_size, int)  # while keras.layers.RNN is traced, it is a tensor

        def drawn(initialize: Callable[[int], Any]) -> Any:
            return self._rows(None if known else batch_size, initialize(batch_size if known else 1))

        zeros = self._rows(batch_size, np.zeros((1, self.units)))
        h = zeros if self._initial_h is None else self._rows(batch_size, self._initial_h)
        given = self._initial_voltage
        v = drawn(self.initialize_voltage) if given is None else self._rows(batch_size, given)
        u = drawn(self.initialize_auxiliary)
        steps = self._rows(batch_size, np.zeros((1, 1)))
        return steps, v, u, h, zeros, zeros, zeros, tf.matmul(h, self.output_kernel)


class OptimizedSpikingNN(SpikingNN):
    """Spiking layer that filters currents instead of rates: only the rows of spiking neurons are read.

    Takes what :class:`SpikingNN` takes, and is what the neurons below derive from.
    """

    def update_firing_rate(self, v_mask: Any, states: Any) -> Any:
        """Advance the synaptic filters: return h, hr, ipsc, hr_ipsc, each (1, units)."""
        _, _, _, h, hr, ipsc, hr_ipsc, _ = states
        ipsc, hr_ipsc = self._filtered(self._rows_of_spikes(v_mask), ipsc, hr_ipsc)
        h, hr = self._filtered(v_mask, h, hr)
        return h, hr, ipsc, hr_ipsc

    def _rows_of_spikes(self, v_mask: Any) -> Any:
        if self.units < _LOOP_FROM or v_mask.shape[0] != 1:
            return tf.matmul(v_mask, self.recurrent_kernel)
        kernel, n = tf.convert_to_tensor(self.recurrent_kernel), self.units
        place = tf.where(v_mask[0] > 0, tf.range(n), n)
        _, total = tf.while_loop(
            lambda neuron, _: neuron < n,
            lambda neuron, total: (
                tf.reduce_min(tf.where(place > neuron, place, n)),  # the next one that spikes
                total + tf.gather(kernel, neuron)[None],
            ),
            (tf.reduce_min(place), tf.zeros_like(v_mask)),
            parallel_iterations=1,
        )
        return total

    def compute_current(self, inputs: Any, states: Any) -> Any:
        """Return the current of each neuron, (1, units), from the states of the step before."""
        return self._outside(inputs, states[-1]) + states[5]
