"""The numbers of `tension_sim.declare.noise` as Brian2 functions: the same on every target.

Equations call ``standard_uniform(seed, t_in_timesteps, i)`` and ``standard_normal(...)``;
unlike ``rand()`` and ``randn()`` they keep no state, so that a run in parts draws the
numbers of one long run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2.core.functions import Function

from ..declare import noise
from .program_files import TEMPLATES

__all__ = ["standard_normal", "standard_uniform"]

_HEADER = TEMPLATES / "tsim_random.h"


def _source(qualifiers: str) -> str:
    """Return the C++ functions, each with the given words before its type."""
    return _HEADER.read_text(encoding="utf-8").replace("static inline", qualifiers)


_CYTHON = f"""
cdef extern from *:
    '''
{_source("static inline")}
    '''
    double standard_uniform(long long, long long, long long) nogil
    double standard_normal(long long, long long, long long) nogil
"""


def _function(name: str, draw: Any) -> Function:
    def on_numpy(seed: Any, step: Any, i: Any) -> np.ndarray:
        return draw(int(np.ravel(seed)[0]), int(np.ravel(step)[0]), i)

    function = Function(
        on_numpy,
        arg_units=[1, 1, 1],
        arg_names=["seed", "step", "i"],
        arg_types=["integer", "integer", "integer"],
        return_unit=1,
        return_type="float",
        stateless=True,
    )
    function.implementations.add_implementation("cpp", _source("static inline"), name=name)
    function.implementations.add_implementation("cuda", _source("static inline __host__ __device__"), name=name)
    function.implementations.add_implementation("cython", _CYTHON, name=name)
    return function


standard_uniform: Any = _function("standard_uniform", noise.uniform)
standard_normal: Any = _function("standard_normal", noise.normal)
