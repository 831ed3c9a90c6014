"""Spiking networks (Nicola & Clopath 2017, doi:10.1038/s41467-017-01827-3), under their published names.

The dynamics of :class:`LIF`, :class:`Izhikevich`, :class:`Theta` and of the synaptic filters
are those of the equation files in ``equations/``; the plain numbers given here count in the
units named with each class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .base import FORCELayer, FORCEModel

# isort: split
import tensorflow as tf

from .equations import load_neuron, load_synapse, resolve_parameters
from .errors import InvalidTypeError, InvalidValueError, message
from .tensorflow_engine.checks import row_of
from .tensorflow_engine.step import filter_step, neuron_step
from .tensorflow_engine.variables import traced
from .units import evaluate, magnitude
from .validation import check_positive

__all__ = ["LIF", "Izhikevich", "OptimizedSpikingNN", "SpikingNN", "SpikingNNModel", "Theta"]

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
                message(
                    f"{name}.recurrent_kernel_trainable",
                    "no recurrent_kernel_trainable",
                    kwargs["recurrent_kernel_trainable"],
                    "leave it out: the recurrent kernel of a spiking layer is static.",
                )
            )
        self.dt = check_positive(f"{name}.dt", dt)
        self.tau_decay = check_positive(f"{name}.tau_decay", tau_decay)
        self.tau_syn = check_positive(f"{name}.tau_syn", tau_syn)
        if tau_rise != 0:
            check_positive(f"{name}.tau_rise", tau_rise, "use 0 for a single exponential filter.")
        self.tau_rise = tau_rise
        if not v_reset < v_peak:
            raise InvalidValueError(message(f"{name}.v_reset", f"a voltage below v_peak ({v_peak})", v_reset))
        self.v_peak = v_peak
        self.v_reset = v_reset
        self.I_bias = I_bias
        self.G = G
        self.Q = Q
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

    def update_firing_rate(self, v_mask: Any, states: Any) -> Any:
        """Advance the synaptic filters: return h, hr, ipsc, hr_ipsc, each (1, units)."""
        _, _, _, h, hr, ipsc, hr_ipsc, _ = states
        h, hr = self._filtered(v_mask, h, hr)
        return h, hr, ipsc, hr_ipsc

    def compute_current(self, inputs: Any, states: Any) -> Any:
        """Return the current of each neuron, (1, units), from the states of the step before."""
        h, z = states[3], states[-1]
        return self._outside(inputs, z) + tf.matmul(h, self.recurrent_kernel)

    def _outside(self, inputs: Any, z: Any) -> Any:
        return self.I_bias + tf.matmul(z, self.feedback_kernel) + tf.matmul(inputs, self.input_kernel)

    def call(self, inputs: Any, states: Any) -> Any:
        """Advance one time step."""
        current = traced(self.compute_current)(inputs, states)
        v, u, v_mask = traced(self.update_voltage)(current, states)
        h, hr, ipsc, hr_ipsc = traced(self.update_firing_rate)(v_mask, states)
        z = tf.matmul(h, self.output_kernel)
        v = tf.where(v_mask > 0, tf.constant(self.v_reset, v.dtype), v)
        if self.spikes_of_step is not None:
            self.spikes_of_step.assign(v_mask > 0)
        return z, [states[0] + 1, v, u, h, hr, ipsc, hr_ipsc, z]

    def get_initial_state(self, inputs: Any = None, batch_size: Any = None, dtype: Any = None) -> Any:
        """Return the states before the first step."""
        zeros = self._rows(batch_size, np.zeros((1, self.units)))
        h = zeros if self._initial_h is None else self._rows(batch_size, self._initial_h)
        if self._initial_voltage is not None:
            v = self._rows(batch_size, self._initial_voltage)
        else:
            known = isinstance(batch_size, int)  # while keras.layers.RNN is traced, it is a tensor
            v = self._rows(None if known else batch_size, self.initialize_voltage(batch_size if known else 1))
        steps = self._rows(batch_size, np.zeros((1, 1)))
        return steps, v, zeros, h, zeros, zeros, zeros, tf.matmul(h, self.output_kernel)


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


class _FromFile(OptimizedSpikingNN):
    """A neuron whose dynamics an equation file declares."""

    #: measured at N = 2000: see docs/MIGRATION.md
    preferred_backend = "brian2"
    #: name in ``equations/``, or the path of a file
    _file: ClassVar[str]
    #: parameter of the file: attribute here (or a number), and the unit of plain numbers
    _parameters: ClassVar[Mapping[str, tuple[Any, str]]]
    #: unit of time and of voltage
    _time: ClassVar[str] = "second"
    _voltage: ClassVar[str] = "mV"

    def _numbers(self) -> dict[str, float]:
        values = {
            name: float(getattr(self, source) if isinstance(source, str) else source)
            for name, (source, _) in self._parameters.items()
        }
        return {**values, "dt": self.dt}

    def expressions(self) -> dict[str, str]:
        """Return the parameters of the equation file with their units."""
        numbers = self._numbers() | {"bias": float(self.I_bias)}
        units = {name: unit for name, (_, unit) in self._parameters.items()}
        return {name: f"{numbers[name]!r}*{unit}".removesuffix("*1") for name, unit in units.items()}

    def refusal_of_brian2(self) -> str | None:
        """Say why the layer cannot run on Brian2; None: it can."""
        from .brian_engine.spiking import refusal_of_spiking

        return refusal_of_spiking(self)

    def declaration(self, model: Any) -> Any:
        """Return the layer and its model as a `ForceNetwork`, with the places of all states in it."""
        from .brian_engine.spiking import declaration_of_spiking

        return declaration_of_spiking(self, model)

    def initialize_voltage(self, batch_size: int) -> Any:
        """Return the voltages before the first step, as the equation file draws them."""
        neuron = load_neuron(self._file)
        texts = self.expressions() | {"bias": neuron.parameters["bias"]}
        dt = self.dt * magnitude(f"1*{self._time}", "second", "dt")
        names = resolve_parameters(neuron.name, neuron.parameters, texts, dt=dt)
        seed = self.seed_gen.uniform([1], minval=None)[0]
        drawn = evaluate(
            neuron.initial[neuron.membrane],
            f"{neuron.name}.toml: initial.{neuron.membrane}",
            names,
            batch_size * self.units,
            np.random.default_rng(seed),
        )
        scale = 1.0 if self._voltage == "1" else magnitude(f"1*{self._voltage}", "volt", "v")
        values = np.broadcast_to(drawn.value, batch_size * self.units) / scale
        return tf.constant(values.reshape(batch_size, self.units), self.compute_dtype)

    def update_voltage(self, I: Any, states: Any) -> Any:  # noqa: E741
        """Advance the neurons as their equation file says; see :meth:`SpikingNN.update_voltage`."""
        step = neuron_step(load_neuron(self._file))
        (other,) = [name for name in step.variables if name != step.membrane] or [None]
        before = {step.membrane: states[1]} | ({} if other is None else {other: states[2]})
        after, spikes = step(before, I, self._numbers(), self.dt * states[0])
        u = states[2] if other is None else after[other]
        return after[step.membrane], u, tf.cast(spikes, states[1].dtype)


class LIF(_FromFile):
    """Leaky integrate-and-fire neurons; times in seconds, voltages and currents in mV.

    Parameters
    ----------
    tau_mem : float
        Membrane time constant.
    tau_ref : float
        Refractory time.
    **kwargs
        See :class:`SpikingNN`. The auxiliary state is the time of the last spike.

    Examples
    --------
    >>> layer = LIF(
    ...     tau_mem=0.01, tau_ref=0.002, dt=5e-5, tau_decay=0.02, tau_rise=0.002, tau_syn=0.02,
    ...     v_peak=-40, v_reset=-65, I_bias=-40, G=0.04, Q=10, units=20, output_size=1, seed=1)
    >>> layer.build((1, 1))
    >>> [tuple(state.shape) for state in layer.get_initial_state(batch_size=1)][:3]
    [(1, 1), (1, 20), (1, 20)]
    """

    _file = "lif"
    _parameters: ClassVar[Mapping[str, tuple[Any, str]]] = {
        "tau_mem": ("tau_mem", "second"),
        "tau_ref": ("tau_ref", "second"),
        "v_reset": ("v_reset", "mV"),
        "v_peak": ("v_peak", "mV"),
        "bias": (0.0, "mV"),  # compute_current adds it
    }

    def __init__(self, tau_mem: float, tau_ref: float, **kwargs: Any) -> None:
        name = type(self).__name__
        self.tau_mem = check_positive(f"{name}.tau_mem", tau_mem)
        self.tau_ref = tau_ref
        if not tau_ref >= 0:
            raise InvalidValueError(message(f"{name}.tau_ref", "a time, 0 or longer", tau_ref))
        super().__init__(**kwargs)


class Izhikevich(_FromFile):
    """Izhikevich neurons; times in ms, voltages in mV, currents in pA.

    Parameters
    ----------
    adapt_time_inv : float
        Inverse of the adaptation's time constant, a.
    resonance_param : float
        b, in nS.
    capacitance : float
        C, in pF.
    adapt_jump_curr : float
        What a spike adds to the adaptation, d.
    gain_on_v : float
        k, in nS/mV.
    v_resting, v_thres : float
        Resting and threshold voltage.
    **kwargs
        See :class:`SpikingNN`. The auxiliary state is the adaptation current.
    """

    _file = "izhikevich"
    _time = "ms"
    _parameters: ClassVar[Mapping[str, tuple[Any, str]]] = {
        "C": ("capacitance", "pF"),
        "k": ("gain_on_v", "nS/mV"),
        "v_r": ("v_resting", "mV"),
        "v_t": ("v_thres", "mV"),
        "v_peak": ("v_peak", "mV"),
        "v_reset": ("v_reset", "mV"),
        "a": ("adapt_time_inv", "1/ms"),
        "b": ("resonance_param", "nS"),
        "d": ("adapt_jump_curr", "pA"),
        "bias": (0.0, "pA"),  # compute_current adds it
    }

    def __init__(
        self,
        adapt_time_inv: float,
        resonance_param: float,
        capacitance: float,
        adapt_jump_curr: float,
        gain_on_v: float,
        v_resting: float,
        v_thres: float,
        **kwargs: Any,
    ) -> None:
        name = type(self).__name__
        self.adapt_time_inv = adapt_time_inv
        self.resonance_param = resonance_param
        self.capacitance = check_positive(f"{name}.capacitance", capacitance)
        self.adapt_jump_curr = adapt_jump_curr
        self.gain_on_v = gain_on_v
        self.v_resting = v_resting
        self.v_thres = v_thres
        super().__init__(**kwargs)


class Theta(_FromFile):
    """Theta neurons; times in seconds, without units otherwise.

    Takes what :class:`SpikingNN` takes; the auxiliary state is not used.
    """

    _file = "theta"
    _voltage = "1"
    _parameters: ClassVar[Mapping[str, tuple[Any, str]]] = {
        "time_unit": (1.0, "second"),
        "v_peak": ("v_peak", "1"),
        "v_reset": ("v_reset", "1"),
        "bias": (0.0, "1"),  # compute_current adds it
    }


class SpikingNNModel(FORCEModel):
    """FORCE learning of the readout of a spiking layer (Nicola & Clopath 2017).

    Takes what :class:`tension_sim.base.FORCEModel` takes; ``gain="undivided"`` is the
    rule of the published MATLAB program.
    """

    def force_layer_call(self, x: Any, training: bool, **kwargs: Any) -> Any:
        """Call the layer; return output, time step, filtered rates and output."""
        output, steps, _, _, h, _, _, _, z = self.force_layer(x, **kwargs)
        return output, steps, h, z
