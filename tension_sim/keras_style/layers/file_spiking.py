"""Spiking layers whose neuron an equation file declares."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from ...declare.equations import REFRACTORINESS, rate_time
from ...declare.units import evaluate
from ...declare.validation import check_positive
from ...errors import InvalidTypeError, InvalidValueError, message, problem
from ...tensorflow.step import NeuronStep, neuron_step
from ...tensorflow.variables import is_ours
from .equation_layer import EquationLayer
from .layer_units import LayerUnits, units_of
from .spiking_layer import OptimizedSpikingNN

__all__ = ["FileSpikingNN"]


class FileSpikingNN(EquationLayer, OptimizedSpikingNN):
    """Spiking layer of any neuron whose dynamics an equation file declares.

    A subclass names the file, and values of its parameters; see
    :class:`tension_sim.keras_style.layers.equation_layer.EquationLayer`. Times count in the inverse of the file's
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
    equation_file: ClassVar[str | Path] = ""
    _needs_clock = False
    _optional: ClassVar[tuple[str, ...]] = ("bias",)
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
        self.layer_units: LayerUnits = units_of(self._neuron)
        self._check_units()
        self.dt: float = check_positive(f"{type(self).__name__}.dt", dt)
        # None until the file's values are known, below
        for argument, given in {"v_peak": v_peak, "v_reset": v_reset, "I_bias": I_bias}.items():
            setattr(self, argument, given)
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
        self._check_values()
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
                problem(
                    where,
                    f"the method takes the sum of a neuron's currents, and {file} does not just add its inputs",
                    file,
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
        from ..on_brian.spiking import declaration_of_spiking

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
        step = tf.cast(states[0][0, 0], tf.int64)  # all sequences of a batch are at the same step
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
