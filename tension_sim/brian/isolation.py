"""Build and run without disturbing the user's Brian2: device, preferences, log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import brian2
from brian2.core.network import Network
from brian2.devices.device import get_device, reset_device, set_device

__all__ = ["isolated"]


@contextmanager
def isolated(device: Any, preferences: Mapping[str, Any], **options: Any) -> Iterator[Any]:
    """Activate a device and preferences; put the user's own back at the end.

    Parameters
    ----------
    device : Device or str
        What is activated; a fresh device object keeps two models apart.
    preferences : mapping
        Brian2 preferences by their full names.
    **options
        Passed to `set_device`.
    """
    before = {name: brian2.prefs[name] for name in preferences}
    stopped = Network._globally_stopped
    dt = brian2.defaultclock.dt
    set_device(device, **options)
    try:
        for name, value in preferences.items():
            brian2.prefs[name] = value
        yield get_device()
    finally:
        reset_device()
        brian2.defaultclock.dt = dt
        Network._globally_stopped = stopped
        for name, value in before.items():
            brian2.prefs[name] = value
