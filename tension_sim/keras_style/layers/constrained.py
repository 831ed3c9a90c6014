"""A rate network constrained by data: its outputs are its own recurrent inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from ...declare.arrays_in import numbers
from ...declare.validation import check_matrix
from ...errors import InvalidTypeError, InvalidValueError, message, problem
from .echo_state import EchoStateNetwork

__all__ = ["ConstrainedNoFeedbackESN"]


class ConstrainedNoFeedbackESN(EchoStateNetwork):
    """Rate network whose outputs are its own recurrent inputs.

    After Hadjiabadi et al. (2021, https://pubmed.ncbi.nlm.nih.gov/34197732):
    ``z = h J``, ``a <- a + dtdivtau (-a + g z + noise)``, ``h = activation(a)``, with the
    `h` of the step before in `z`, as ``equations/constrained.toml`` says. No neuron connects to
    itself at the start; self-connections learn as the others do, unless the mask or ``p_recurr``
    freezes them. Input is not used.

    Parameters
    ----------
    dtdivtau : float
        Time step divided by the time constant of the neurons.
    structural_connectivity : array, shape (units, units)
        Scales what each recurrent weight learns.
    noise_param : (float, float)
        Mean and standard deviation of the noise at each time step.
    initial_a : array, shape (1, units), optional
        Initial pre-activations; 0 by default.
    recurrent_kernel_trainable : bool, optional
        Whether the recurrent kernel learns, the only one that can.
    **kwargs
        See :class:`tension_sim.base.FORCELayer`; ``output_size`` is ``units``.
    """

    #: one P per mask: the packed triangles are half of what TensorFlow reads and writes at each step
    preferred_backend: ClassVar[str] = "brian2"
    _models: ClassVar[tuple[str, ...] | None] = ("BioFORCEModel",)
    _kernels = ("input", "recurrent")
    equation_file: ClassVar[str | Path] = "constrained"
    #: the time constant counts as one second
    parameters: ClassVar[Mapping[str, str | float]] = {"tau": "1*second"}
    _optional = ("noise_mean", "noise_std")
    uses_input = False

    def __init__(
        self,
        dtdivtau: float,
        structural_connectivity: Any,
        noise_param: Sequence[float],
        initial_a: Any = None,
        recurrent_kernel_trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        name = type(self).__name__
        for given in ("output_size", "output_kernel_trainable"):
            if given in kwargs:
                raise InvalidTypeError(
                    problem(
                        f"{name}.{given}",
                        f"a constrained network has no readout, so that {given} is fixed",
                        kwargs[given],
                        f"leave {given} out.",
                    )
                )
        noise = numbers(f"{name}.noise_param", noise_param, "(mean, standard deviation)")
        if noise.shape != (2,) or not noise[1] >= 0:
            raise InvalidValueError(
                message(f"{name}.noise_param", "(mean, standard deviation), the second not negative", noise_param)
            )
        self.structural_connectivity = structural_connectivity
        self.noise_param = noise_param
        super().__init__(
            dtdivtau,
            initial_a=initial_a,
            output_size=kwargs.get("units"),
            output_kernel_trainable=False,
            recurrent_kernel_trainable=recurrent_kernel_trainable,
            **kwargs,
        )
        check_matrix(
            f"{name}.structural_connectivity",
            structural_connectivity,
            (self.units, self.units),
            "units, units",
        )

    def file_arguments(self) -> dict[str, float]:
        """Return the parameters of the file that are arguments of the layer, as its plain numbers."""
        mean, std = self.noise_param
        return {"g": self._g, "noise_mean": mean, "noise_std": std}

    @classmethod
    def _sizes(cls, units: int, outputs: int | None) -> dict[str, Any]:
        return {"units": units}

    def initialize_recurrent_kernel(self, recurrent_kernel: Any = None) -> None:
        """Create ``recurrent_kernel`` with an empty diagonal; of variance 1/(units p_recurr) if random."""
        if recurrent_kernel is None:
            p = 1 if self._p_recurr is None else self._p_recurr
            recurrent_kernel = self._connected(self._normal((self.units, self.units), (self.units * p) ** -0.5))
        kernel = tf.cast(tf.convert_to_tensor(recurrent_kernel), self.variable_dtype)
        kernel = tf.linalg.set_diag(kernel, tf.zeros(self.units, kernel.dtype))
        self.recurrent_kernel: Any = self._kernel("recurrent_kernel", kernel, self._recurrent_kernel_trainable)

    def call(self, inputs: Any, states: Any) -> Any:
        """Advance one time step; the states are a, h and z."""
        a, h, _ = states
        z = tf.matmul(h, self.recurrent_kernel)
        a, h = self.advance(a, {"recurrent": z})
        return z, [a, h, z]

    def get_initial_state(self, inputs: Any = None, batch_size: Any = None, dtype: Any = None) -> Any:
        """Return a, h and z before the first step; a is 0 unless ``initial_a`` was given."""
        a = self._rows(batch_size, np.zeros((1, self.units)) if self._initial_a is None else self._initial_a)
        h = self.rate_of(a)
        return a, h, tf.matmul(h, self.recurrent_kernel)
