"""Which kind of device is active."""

from __future__ import annotations

import brian2
from brian2.devices.device import RuntimeDevice

__all__ = ["is_standalone"]


def is_standalone() -> bool:
    """Say whether the active device generates a program instead of running code."""
    return not isinstance(brian2.get_device(), RuntimeDevice)
