"""Weights of a user's own Brian2 Synapses, for a rule to learn."""

from .arguments import LearnedSynapses, described, given_synapses
from .blocks import declare_blocks
from .synaptic_map import Scatter, SynapticMap

__all__ = [
    "LearnedSynapses",
    "Scatter",
    "SynapticMap",
    "declare_blocks",
    "described",
    "given_synapses",
]
