"""Moved to `tension_sim.blocks`."""

from ..blocks import Blocks, pack, unpack

__all__ = ["Blocks", "pack", "unpack"]
