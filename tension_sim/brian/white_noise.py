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

__all__ = ["standard_normal", "standard_uniform"]


def _hex(number: int) -> str:
    return f"0x{number:X}ull"


def _source(prefix: str, wide: str = "unsigned long long") -> str:
    """Return the C++ functions, each with the given words before its type."""
    mixing = "".join(f"    z = (z ^ (z >> {shift})) * {_hex(factor)};\n" for shift, factor in noise.MIX)
    step = _hex(noise.INCREMENT)
    return f"""
#ifndef TSIM_NOISE
#define TSIM_NOISE
#include <cmath>
{prefix} {wide} tsim_mixed({wide} z)
{{
{mixing}    return z ^ (z >> 31);
}}
{prefix} double tsim_uniform_of({wide} key, {wide} index)
{{
    return (tsim_mixed(key + (index + 1)*{step}) >> 11)*(1.0/9007199254740992.0);
}}
{prefix} {wide} tsim_noise_key(long long seed, long long step)
{{
    return tsim_mixed(({wide})seed*{_hex(noise.SEED_FACTOR)} + ({wide})(step + 1)*{step});
}}
{prefix} double standard_uniform(long long seed, long long step, long long i)
{{
    return tsim_uniform_of(tsim_noise_key(seed, step), i);
}}
{prefix} double standard_normal(long long seed, long long step, long long i)
{{
    const {wide} key = tsim_noise_key(seed, step);
    const double u = tsim_uniform_of(key, 2*i), v = tsim_uniform_of(key, 2*i + 1);
    return std::sqrt(-2.0*std::log1p(-u))*std::cos(6.283185307179586*v);
}}
#endif
"""


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
    function.implementations.add_implementation("cuda", _source("static __host__ __device__ inline"), name=name)
    function.implementations.add_implementation("cython", _CYTHON, name=name)
    return function


standard_uniform = _function("standard_uniform", noise.uniform)
standard_normal = _function("standard_normal", noise.normal)
