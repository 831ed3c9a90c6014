"""Which kind of device is active."""

from __future__ import annotations

import sys

import brian2
from brian2.devices.device import RuntimeDevice

__all__ = ["is_cuda", "is_standalone"]


def is_standalone() -> bool:
    """Say whether the active device generates a program instead of running code."""
    return not isinstance(brian2.get_device(), RuntimeDevice)


def is_cuda() -> bool:
    """Say whether the active device is that of brian2cuda."""
    module = sys.modules.get("brian2cuda.device")
    return module is not None and isinstance(brian2.get_device(), module.CUDAStandaloneDevice)
