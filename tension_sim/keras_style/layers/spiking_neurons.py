"""The neurons of Nicola & Clopath (2017) as layers: the arguments count in the units named with each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ...declare.validation import check_number, check_positive
from ...errors import InvalidValueError, message
from .file_spiking import FileSpikingNN
from .spiking_layer import SpikingNN

__all__ = ["Izhikevich", "LIF", "Theta"]


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

    equation_file: ClassVar[str | Path] = "lif"
    _counts_in = ("second", "mV")
    _optional = ("bias", "tau_ref")

    def __init__(self, tau_mem: float, tau_ref: float, **kwargs: Any) -> None:
        name = type(self).__name__
        self.tau_mem: float = check_positive(f"{name}.tau_mem", tau_mem)
        self.tau_ref: float = check_number(f"{name}.tau_ref", tau_ref)
        if self.tau_ref < 0:
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

    equation_file: ClassVar[str | Path] = "izhikevich"
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
        self.adapt_time_inv: float = check_number(f"{name}.adapt_time_inv", adapt_time_inv)
        self.resonance_param: float = check_number(f"{name}.resonance_param", resonance_param)
        self.capacitance: float = check_positive(f"{name}.capacitance", capacitance)
        self.adapt_jump_curr: float = check_number(f"{name}.adapt_jump_curr", adapt_jump_curr)
        self.gain_on_v: float = check_number(f"{name}.gain_on_v", gain_on_v)
        self.v_resting: float = check_number(f"{name}.v_resting", v_resting)
        self.v_thres: float = check_number(f"{name}.v_thres", v_thres)
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

    equation_file: ClassVar[str | Path] = "theta"
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
