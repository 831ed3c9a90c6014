"""Costs that forecasts count with, in nanoseconds on one core; good to a factor of two.

By target: a neuron's step, a synaptic event (or a weight of a rate network in a step), a number of
the packed P in one update (`COST`); a step beside these (`OVERHEAD`). Measured on the published networks.
"""

from __future__ import annotations

__all__ = ["COST", "OVERHEAD"]

_CPP = (8.0, 2.0, 0.4)
COST = {
    "cpp_standalone": _CPP,
    "cuda_standalone": _CPP,
    "cython": (60.0, 5.0, 0.6),
    "numpy": (150.0, 30.0, 2.0),
    "tensorflow": (60.0, 5.0, 2.6),
}
OVERHEAD = {"cpp_standalone": 1e3, "cuda_standalone": 1e3, "cython": 60e3, "numpy": 100e3, "tensorflow": 10e3}
