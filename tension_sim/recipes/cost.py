"""Cost of a step on each target, and of a synapse, for forecasts: of time correct within a factor of two."""

from __future__ import annotations

from typing import NamedTuple

from ..declare.validation import check_text

__all__ = ["SYNAPSE", "Cost", "cost_of"]

#: Bytes of a static synapse by dtype, of Python and the program together when they hold most: benchmarks/memory.py.
SYNAPSE = {"float32": 21, "float64": 25}


class Cost(NamedTuple):
    """Costs on one core, in nanoseconds.

    Attributes
    ----------
    overhead : float
        Of a time step, however small the network.
    unit : float
        Of a neuron or rate unit in a step.
    weight : float
        Of a synaptic event, or of a weight of a rate network in a step.
    element : float
        Of a number of the packed P in an update.
    """

    overhead: float
    unit: float
    weight: float
    element: float


#: Measured on the published networks; any other target counts as the slowest one.
_SLOWEST = Cost(100e3, 150.0, 30.0, 2.0)
_COMPILED = Cost(1e3, 8.0, 2.0, 0.4)
_MEASURED = {
    "cpp_standalone": _COMPILED,
    "cuda_standalone": _COMPILED,
    "cython": Cost(60e3, 60.0, 5.0, 0.6),
    "tensorflow": Cost(10e3, 60.0, 5.0, 2.6),
}


def cost_of(target: str) -> Cost:
    """Return the costs of a target.

    Examples
    --------
    >>> cost_of("cpp_standalone").unit < cost_of("numpy").unit
    True
    """
    return _MEASURED.get(check_text("cost_of.target", target), _SLOWEST)
