"""Values of parts of a circuit: schedules of rules, and weights of kernels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..declare.kernels import SparseKernel
from ..declare.learning import FOREVER, Learning
from ..system.scaled import Scaled
from .blocks import Blocks
from .names import entries
from .parts import Rule

__all__ = ["Rows", "is_dense", "kernel_values", "partners_of", "rule_values", "spike_values"]


class Rows(NamedTuple):
    """Weights in the order of postsynaptic and then of presynaptic neurons.

    Attributes
    ----------
    start : array of int64, shape (postsynaptic neurons + 1,)
        Where those of each neuron begin.
    pre, weight : array, shape (synapses,)
        Presynaptic neurons, or the delayed traces that a rule reads of them, and weights.
    slots : array of int32, shape (synapses,)
        The place here of each synapse of the kernel, which is in the order of presynaptic neurons.
    """

    start: np.ndarray
    pre: np.ndarray
    weight: np.ndarray
    slots: np.ndarray

    @classmethod
    def of(cls, kernel: SparseKernel) -> Rows:
        """Bring the weights of a kernel into that order."""
        return cls(*kernel.incoming(), kernel.slots())

    def partners(self) -> list[np.ndarray]:
        """Return the sources of each row."""
        return np.split(self.pre, self.start[1:-1])


def rule_values(name: str, rule: Rule, learning: Learning, blocks: Blocks, seed: int) -> dict[str, Any]:
    """Return the values of a rule: its schedule, and which weights share a P."""
    values: dict[str, Any] = {
        "alpha_P": learning.alpha_P,
        "divided": int(learning.gain == "divided"),
        "update_every": learning.update_every,
        "start_step": learning.start,
        "stop_step": FOREVER if learning.stop is None else learning.stop,
        "forgetting": learning.forgetting,
        "relaxation": learning.relaxation,
        "probability": learning.probability,
        "seed": seed,
        "learning": 1,
    }
    values |= blocks.arrays()
    if rule.divide_by_source:
        values["block_of"] = blocks.block_of[0]
    return entries(name, values)


def kernel_values(name: str, kernel: SparseKernel, scale: float) -> dict[str, Any]:
    """Return the values of a map with the weights of a kernel."""
    row_start, partner, weight = kernel.rows()
    return entries(name, {"w": _scaled(kernel, weight, scale), "partner": partner, "row_start": row_start})


def spike_values(
    name: str, kernel: SparseKernel, weight_scale: float, scale: float, dtype: str = "float64"
) -> dict[str, Any]:
    """Return the values of a part that brings spikes, with the weights of a kernel; the part multiplies by `scale`."""
    start, post, weight = kernel.outgoing()
    w = _scaled(kernel, weight, weight_scale, dtype)
    return entries(name, {"out_start": start, "post": post, "w": w, "scale": scale})


def _scaled(kernel: SparseKernel, weight: np.ndarray, scale: float, dtype: str = "float64") -> np.ndarray | Scaled:
    """Return weights times a number: of those that the kernel keeps no copy, of those that were sorted an array."""
    scaled = Scaled(weight, scale, dtype)
    return scaled if weight is kernel.weight else np.asarray(scaled)


def is_dense(kernel: SparseKernel) -> bool:
    """Say whether a kernel holds every weight."""
    return len(kernel) == kernel.n * kernel.n_post


def partners_of(kernel: SparseKernel) -> list[np.ndarray]:
    """Return the sources of each row of a kernel."""
    start, pre, _ = kernel.rows()
    return np.split(pre, start[1:-1])
