"""Preferences of Brian2 that reach a compiled program, found without importing Brian2 where nobody changed any."""

from __future__ import annotations

import os
import sys

__all__ = ["changed_preferences"]

#: Preferences that change nothing in a program, by the beginnings of their names; new ones count until they are here.
_WITHOUT_EFFECT = (
    "logging.",
    "codegen.runtime.",
    "codegen.target",
    "codegen.max_cache_dir_size",
    "core.outdated_dependency_error",
    "devices.cpp_standalone.make_cmd_unix",
    "devices.cpp_standalone.extra_make_args",
    "devices.cpp_standalone.run_",
)  # fmt: skip

#: What `tension_sim.brian.build` sets itself.
_OURS = (
    "core.default_float_dtype",
    "core.stop_on_keyboard_interrupt",
    "devices.cpp_standalone.openmp_threads",
)  # fmt: skip

#: Files that Brian2 reads its preferences from.
_FILES = ("~/.brian/user_preferences", "brian_preferences")


def changed_preferences(target: str) -> dict[str, str]:
    """Return the preferences that are not Brian2's own and that reach the program of a target."""
    if "brian2" not in sys.modules and not any(os.path.exists(os.path.expanduser(file)) for file in _FILES):
        return {}
    from ..brian.isolation import MEANING, default_preference, users_preferences

    ignored: tuple[str, ...] = (*_WITHOUT_EFFECT, *_OURS, *MEANING)
    if target != "cuda_standalone":
        ignored = (*ignored, "devices.cuda_standalone.")
    return {
        name: repr(value)
        for name, value in sorted(users_preferences().items())
        if not name.startswith(ignored) and value != default_preference(name)
    }
