"""Spiking networks (Nicola & Clopath 2017, doi:10.1038/s41467-017-01827-3), under their published names.

The dynamics of :class:`LIF`, :class:`Izhikevich`, :class:`Theta` and of the synaptic filters
are those of the equation files in ``equations/``; the plain numbers given here count in the
units named with each class. :class:`FileSpikingNN` runs a file of one's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from .base import FORCELayer, FORCEModel
from .keras_style.equation_layer import EquationLayer

# isort: split
import tensorflow as tf

from .declare.equations import REFRACTORINESS, load_synapse, rate_time
from .declare.units import evaluate
from .declare.validation import check_positive
from .errors import InvalidTypeError, InvalidValueError, message
from .keras_style.checks import row_of
from .keras_style.layer_units import units_of
from .tensorflow.step import NeuronStep, filter_step, neuron_step
from .tensorflow.variables import is_ours, traced

__all__ = ["LIF", "FileSpikingNN", "Izhikevich", "OptimizedSpikingNN", "SpikingNN", "SpikingNNModel", "Theta"]

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
        if None not in (v_reset, v_peak) and not v_reset < v_peak:
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


class FileSpikingNN(EquationLayer, OptimizedSpikingNN):
    """Spiking layer of any neuron whose dynamics an equation file declares.

    A subclass names the file, and values of its parameters; see
    :class:`tension_sim.keras_style.equation_layer.EquationLayer`. Times count in the inverse of the file's
    ``units.rate``, currents and kernels in ``units.current``, voltages in mV, or as currents do if
    these are voltages.

    Parameters
    ----------
    dt, tau_decay, tau_rise, tau_syn, G, Q
        See :class:`SpikingNN`.
    v_peak, v_reset, I_bias : float, optional
        Parameters ``v_peak``, ``v_reset`` and ``bias`` of the file; by default as they stand there.
    **kwargs
        See :class:`SpikingNN`. The auxiliary state is the first state variable of the file beside
        its membrane; more than that are in ``further_states``.

    Notes
    -----
    The inputs ``recurrent``, ``feedback`` and ``external`` go into the variables that the file names. A
    subclass that overrides ``compute_current`` or ``update_voltage`` works with the whole current instead;
    that is refused for a file in which the inputs are not simply added up.

    Examples
    --------
    >>> class Normalized(FileSpikingNN):
    ...     equation_file = "lif_normalized"
    ...     parameters = {"tau_mem": "20*ms"}
    >>> layer = Normalized(dt=0.1, tau_decay=20, tau_rise=2, tau_syn=20, G=1, Q=1, units=5, output_size=1)
    >>> layer.layer_units.time, layer.v_peak
    (0.001, 1.0)
    """

    #: measured at N = 2000: see docs/MIGRATION.md
    preferred_backend = "brian2"
    _kind = "neuron"
    equation_file = ""
    _needs_clock = False
    _optional = ("bias",)
    #: time and current of classes whose arguments count in units of their own
    _counts_in: ClassVar[tuple[str, str] | None] = None

    def __init__(
        self,
        dt: float,
        tau_decay: float,
        tau_rise: float,
        tau_syn: float,
        G: float,
        Q: float,
        v_peak: float | None = None,
        v_reset: float | None = None,
        I_bias: float | None = None,
        **kwargs: Any,
    ) -> None:
        self._read_file()
        self.layer_units = units_of(self._neuron)
        self._check_units()
        self.dt = check_positive(f"{type(self).__name__}.dt", dt)
        self.v_peak, self.v_reset, self.I_bias = v_peak, v_reset, I_bias
        names = {"v_peak": "v_peak", "v_reset": "v_reset", "bias": "I_bias"}
        self._given = {name: argument for name, argument in names.items() if getattr(self, argument) is not None}
        if self._counts_in is not None and len(self._given) < len(names):
            missing = next(argument for name, argument in names.items() if name not in self._given)
            raise InvalidTypeError(message(f"{type(self).__name__}.{missing}", "a number", None))
        self._check_file()
        values = self._numbers()
        for name, argument in names.items():
            if name not in self._given:
                setattr(self, argument, values.get(name, 0.0 if name == "bias" else None))
        super().__init__(dt, tau_decay, tau_rise, tau_syn, self.v_peak, self.v_reset, self.I_bias, G, Q, **kwargs)
        self._check_hooks()

    def _check_units(self) -> None:
        if self._counts_in is None:
            return
        time, current = self._counts_in
        neuron = self._neuron
        wanted = (evaluate(time, "time").value, evaluate(current, "current"))
        found = (rate_time(neuron), evaluate(neuron.current_unit, "current"))
        if found[1] != wanted[1] or abs(found[0] / wanted[0] - 1) > 1e-9:
            received = f"units.rate = {neuron.rate_unit!r} and units.current = {neuron.current_unit!r}"
            raise InvalidValueError(
                message(
                    f"{type(self).__name__}.equation_file",
                    f"a file with units.rate = '1/{time}' and units.current = '{current}', as its arguments count",
                    f"{neuron.name}.toml with {received}",
                    "derive from FileSpikingNN, which counts as the file does.",
                )
            )

    def _check_hooks(self) -> None:
        """Refuse methods that work with the whole current, and a file that has none."""
        overridden = [name for name in ("compute_current", "update_voltage") if not is_ours(getattr(self, name))]
        if not overridden:
            return
        where, file = f"{type(self).__name__}.{overridden[0]}", f"{self._neuron.name}.toml"
        if not self._step.adds_up(tuple(self._neuron.inputs.values()), "bias"):
            raise InvalidValueError(
                message(
                    where,
                    "no such method, which takes the whole current of a neuron",
                    f"{file}, which does not simply add its inputs",
                    "write what it does into the equation file, or override call.",
                )
            )
        if "update_voltage" in overridden and None in (self.v_peak, self.v_reset):
            raise InvalidValueError(
                message(
                    where,
                    "v_peak and v_reset, to which the voltage goes after a spike",
                    f"{file} without them",
                    "give them to the layer, and to the file as parameters.",
                )
            )

    def file_arguments(self) -> dict[str, float]:
        """Return the parameters of the file that are arguments of the layer, as its plain numbers."""
        return {name: getattr(self, argument) for name, argument in self._given.items()}

    def refusal_of_brian2(self) -> str | None:
        """Say why the layer cannot run on Brian2; None: it can."""
        differ = [name for name, value in self.file_arguments().items() if np.ndim(value)]
        return f"{differ[0]} differs between neurons" if differ else None

    def declaration(self, model: Any) -> Any:
        """Return the layer and its model as a `ForceNetwork`, with the places of all states in it."""
        from .keras_style.on_brian.spiking import declaration_of_spiking

        return declaration_of_spiking(self, model)

    @property
    def auxiliary(self) -> str | None:
        """Name of the state variable that is the auxiliary state, if there is one."""
        own = (name for name in self._neuron.state_variables if name not in REFRACTORINESS)
        return next((name for name in own if name != self._neuron.membrane), None)

    def _shown_states(self) -> tuple[str, ...]:
        return tuple(name for name in (self._neuron.membrane, self.auxiliary) if name is not None)

    def initialize_voltage(self, batch_size: int) -> Any:
        """Return the voltages before the first step, as the equation file draws them."""
        return self._initial(self._neuron.membrane, batch_size)

    def initialize_auxiliary(self, batch_size: int) -> Any:
        """Return the auxiliary variable before the first step, as the equation file draws it."""
        if self.auxiliary is None:
            return super().initialize_auxiliary(batch_size)
        return self._initial(self.auxiliary, batch_size)

    @cached_property
    def _step(self) -> NeuronStep:
        return neuron_step(self._neuron)

    def _spiked(self, inputs: Mapping[str, Any], states: Any, **numbers: float) -> tuple[Any, Any, Any, Any]:
        """Return the voltages before and after their reset, the auxiliary variable, and 1 where a neuron spikes."""
        before = dict(zip(self._shown_states(), states[1:3], strict=False)) | self._further()
        step = tf.cast(states[0][0, 0], tf.int64)  # sequences of a batch go in step
        recurrent, advanced = self._neuron.inputs["recurrent"], {}
        if self._step.spikes_by(recurrent):
            # the threshold sees the current of this step, without the spikes of this step
            advanced[recurrent] = self._filtered(tf.zeros_like(states[5]), *states[5:7])[0]
        found = self._step(before, self._names(self._step.program, inputs, step) | numbers, advanced)
        self._advanced(found.after)
        u = states[2] if self.auxiliary is None else found.after[self.auxiliary]
        v = self._neuron.membrane
        return found.before[v], found.after[v], u, tf.cast(found.spikes, states[1].dtype)

    def _advance_neurons(self, inputs: Any, states: Any) -> tuple[Any, Any, Any]:
        if not (is_ours(self.compute_current) and is_ours(self.update_voltage)):
            return super()._advance_neurons(inputs, states)
        currents = {
            "recurrent": states[5],
            "feedback": tf.matmul(states[-1], self.feedback_kernel),
            "external": tf.matmul(inputs, self.input_kernel),
        }
        _, v, u, v_mask = self._spiked(currents, states)
        return v, u, v_mask

    def update_voltage(self, I: Any, states: Any) -> Any:  # noqa: E741
        """Advance the neurons by their whole current; see :meth:`SpikingNN.update_voltage`.

        Where neither this method nor ``compute_current`` is overridden, each input goes into the variable that
        the equation file names for it.
        """
        # the bias is part of the current
        v, _, u, v_mask = self._spiked({"recurrent": I}, states, bias=0.0)
        return v, u, v_mask


class LIF(FileSpikingNN):
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

    equation_file = "lif"
    _counts_in = ("second", "mV")
    _optional = ("bias", "tau_ref")

    def __init__(self, tau_mem: float, tau_ref: float, **kwargs: Any) -> None:
        name = type(self).__name__
        self.tau_mem = check_positive(f"{name}.tau_mem", tau_mem)
        self.tau_ref = tau_ref
        if not tau_ref >= 0:
            raise InvalidValueError(message(f"{name}.tau_ref", "a time, 0 or longer", tau_ref))
        super().__init__(**kwargs)

    def file_arguments(self) -> dict[str, float]:
        """Return the parameters of the file that are arguments of the layer, as its plain numbers."""
        return super().file_arguments() | {"tau_mem": self.tau_mem, "tau_ref": self.tau_ref}

    def initialize_auxiliary(self, batch_size: int) -> Any:
        """Return zeros: the clock of the published class is at 0 before the first step."""
        return SpikingNN.initialize_auxiliary(self, batch_size)


class Izhikevich(FileSpikingNN):
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

    equation_file = "izhikevich"
    _counts_in = ("ms", "pA")

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

    def file_arguments(self) -> dict[str, float]:
        """Return the parameters of the file that are arguments of the layer, as its plain numbers."""
        return super().file_arguments() | {
            "C": self.capacitance,
            "k": self.gain_on_v,
            "v_r": self.v_resting,
            "v_t": self.v_thres,
            "a": self.adapt_time_inv,
            "b": self.resonance_param,
            "d": self.adapt_jump_curr,
        }


class Theta(FileSpikingNN):
    """Theta neurons; times in seconds, without units otherwise.

    Takes what :class:`SpikingNN` takes; the auxiliary state is not used.
    """

    equation_file = "theta"
    parameters: ClassVar[Mapping[str, str | float]] = {"time_unit": "1*second"}
    _counts_in = ("second", "1")

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
        kwargs |= {"activation": activation, "initial_h": initial_h, "initial_voltage": initial_voltage}
        super().__init__(dt, tau_decay, tau_rise, tau_syn, G, Q, v_peak, v_reset, I_bias, **kwargs)


class SpikingNNModel(FORCEModel):
    """FORCE learning of the readout of a spiking layer (Nicola & Clopath 2017).

    Takes what :class:`tension_sim.base.FORCEModel` takes; ``gain="undivided"`` is the
    rule of the published MATLAB program.
    """

    def force_layer_call(self, x: Any, training: bool, **kwargs: Any) -> Any:
        """Call the layer; return output, time step, filtered rates and output."""
        output, steps, _, _, h, _, _, _, z = self.force_layer(x, **kwargs)
        return output, steps, h, z
