"""How much of a time step threads can share, and so how many of them pay off: a function of sizes alone."""

from __future__ import annotations

from .blocks import BlockSizes
from .parts import Circuit, Map, Rule, Units

__all__ = ["shared_numbers", "useful_threads"]

#: Numbers of weights and of P for each thread: it passes over them in some microseconds, a few times what it costs that
#: threads wait for each other. benchmarks/dense.py: 1.0x at N = 400, 1.9x at N = 1000.
_FOR_EACH = 125_000
#: Numbers from which on one part is shared (tsim_dense.h, tsim_rls_update.h).
_PART = 20_000
#: Partners from which on a block of P falls into parts (parts_of in tsim_rls.h).
_PARTNERS_OF_PARTS = 512


def shared_numbers(circuit: Circuit) -> int:
    """Return how many numbers of dense or masked weights and of P the threads of a circuit share in a time step."""
    spiking = any(part.threshold for part in circuit.of(Units).values())
    maps = [part.n_weights for part in circuit.of(Map).values() if part.n_targets > 1]
    shared = [n for n in maps if n > _PART]
    for rule in circuit.of(Rule).values():
        if rule.blocks.P > _PART and (rule.blocks.blocks > 1 or _in_parts(rule.blocks, spiking)):
            shared.append(rule.blocks.P)
    return sum(shared)


def useful_threads(circuit: Circuit, cores: int) -> int:
    """Return how many threads pay off on a machine with this many free cores; 1: the work is too small to be shared.

    Examples
    --------
    >>> useful_threads(Circuit(0.001, {}), 8)
    1
    """
    return max(1, min(cores, shared_numbers(circuit) // _FOR_EACH))


def _in_parts(blocks: BlockSizes, spiking: bool) -> bool:
    """Say whether threads share a block that is alone."""
    return not spiking and blocks.P >= _PARTNERS_OF_PARTS * (_PARTNERS_OF_PARTS + 1) // 2
