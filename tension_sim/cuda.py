"""Preferences for CUDA scripts, under their published name: see `tension_sim.system.cuda`."""

from .system.cuda import build_preferences

__all__ = ["build_preferences"]
