"""Helpers for generated programs that runs in Python do not need."""

from __future__ import annotations

import sys
from typing import Any

import brian2
from brian2.devices.device import RuntimeDevice

__all__ = ["is_cuda", "is_standalone", "take_any_length"]

# Brian2 reads a run argument into a vector of the size that it has: give it the size of the file first.
_RESIZE = """
for (const auto& _arg : args) {{
    const std::string _key = "{name}=";
    if (_arg.compare(0, _key.size(), _key) != 0) continue;
    std::ifstream _file(_arg.substr(_key.size()), std::ios::binary | std::ios::ate);
    const bool _is_file = _file.is_open();
    {vector}.resize(_is_file ? (size_t)_file.tellg()/sizeof({vector}[0]) : 1);
}}
"""


def is_standalone() -> bool:
    """Say whether the active device generates a program instead of running code."""
    return not isinstance(brian2.get_device(), RuntimeDevice)


def is_cuda() -> bool:
    """Say whether the active device is that of brian2cuda."""
    module = sys.modules.get("brian2cuda.device")
    return module is not None and isinstance(brian2.get_device(), module.CUDAStandaloneDevice)


def take_any_length(owner: Any) -> None:
    """Let run arguments change the lengths of `owner.any_length`, after what has been stored so far."""
    if not is_standalone():
        return
    device = brian2.get_device()
    for name in owner.any_length:
        vector = device.get_array_name(owner.variables[name], access_data=False)
        device.insert_code("main", _RESIZE.format(name=f"{owner.name}.{name}", vector=f"brian::{vector}"))
