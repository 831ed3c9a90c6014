"""The error function, which equations need for gelu and Brian2 lacks."""

from __future__ import annotations

from typing import Any

from brian2.core.functions import Function
from scipy import special

__all__ = ["erf"]

erf: Any = Function(special.erf, arg_units=[1], arg_names=["x"], return_unit=1, stateless=True)
# C and CUDA have it under this name for float and double
erf.implementations.add_implementation("cpp", None)
erf.implementations.add_implementation("cuda", None)
erf.implementations.add_implementation("cython", "from libc.math cimport erf")
