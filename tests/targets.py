"""Brian2 targets in tests: skip those that cannot run here, and compare numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from brian_target import RUNTIME_TARGETS, STANDALONE_TARGETS, TARGETS, TOLERANCE, Target, activated, missing

__all__ = [
    "RUNTIME_TARGETS",
    "STANDALONE_TARGETS",
    "TARGETS",
    "TOLERANCE",
    "Target",
    "activated",
    "assert_close",
    "missing",
    "runtime_targets",
    "skip_unless_here",
]

#: For tests of a network of its own, which cython compiles for many seconds.
runtime_targets = pytest.mark.parametrize("name", ["numpy", pytest.param("cython", marks=pytest.mark.slow)])


def skip_unless_here(target: str) -> None:
    """Skip a test whose target cannot run here, with the reason."""
    if reason := missing(target):
        pytest.skip(f"{target}: {reason}")


def assert_close(found: Any, wanted: Any, dtype: str = "float64", what: str = "") -> None:
    """Compare arrays by the tolerance of their type."""
    found, wanted = np.asarray(found, dtype=float), np.asarray(wanted, dtype=float)
    assert found.shape == wanted.shape, f"{what}: {found.shape} is not {wanted.shape}"
    if wanted.size:
        scale = max(np.abs(wanted).max(), 1e-300)
        np.testing.assert_allclose(found / scale, wanted / scale, rtol=0, atol=TOLERANCE[dtype], err_msg=what)
