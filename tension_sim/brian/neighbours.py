"""Find what runs beside an object: Brian2 does not tell an object which Network holds it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from brian2.core.base import BrianObject
from brian2.core.network import Network
from brian2.monitors.statemonitor import StateMonitor
from brian2.synapses.synapses import SummedVariableUpdater
from brian2.utils.logger import get_logger

from ..errors import InvalidValueError, UnsupportedError, message

__all__ = ["check_one_writer", "check_readers_keep_up", "neighbours", "warn_of_those_left_out"]

# below Brian2's own logger, so that its filters and handlers apply
_logger = get_logger(f"brian2.{__name__}")


def neighbours(member: BrianObject) -> list[BrianObject]:
    """Return the active objects of the networks that hold `member`, except itself."""
    found: dict[int, BrianObject] = {}
    for network in _alive(Network.__instances__()):
        if member._network not in (None, network.id):
            continue
        objects = network.sorted_objects
        if any(one is member for one in objects):
            found.update((id(one), one) for one in objects if one.active and one is not member)
    return list(found.values())


def _alive(references: Iterable[Any]) -> list[Any]:
    return [one for one in (reference() for reference in list(references)) if one is not None]


def check_one_writer(member: Any) -> None:
    """Refuse a second object that sets the elements of a variable which `member` sets at each step."""
    variable, start, stop = member.writes
    for other in neighbours(member):
        written: tuple[Any, int, int] | None
        if isinstance(other, SummedVariableUpdater):
            first = getattr(other.target, "start", 0)
            written = (other.target_var, first, first + len(other.target))
        else:
            written = other.writes if hasattr(type(other), "writes") else None
        if written is None or written[0] is not variable or written[1] >= stop or start >= written[2]:
            continue
        if not member.repeats(other):
            raise UnsupportedError(
                message(
                    f"{type(member).__name__}.target_variable",
                    f"one object that sets {variable.name!r} of {variable.owner.name}",
                    f"{member.name} and {other.name}",
                    "the last one would win: give each a variable of its own, and add them in the equations.",
                )
            )


def check_readers_keep_up(signal: Any) -> None:
    """Refuse a group with a slower clock than that of the samples it reads: it would see only some of them."""
    value = signal.variables["value"]
    for other in neighbours(signal):
        if isinstance(other, StateMonitor) or hasattr(type(other), "recorded"):  # which may sample as they like
            continue
        if not any(one is value for one in other.__dict__.get("variables", {}).values()):
            continue
        for reader in (other, other.__dict__.get("output", (other,))[0]):  # a map's target as well
            if reader.clock.dt_ > signal.clock.dt_ * (1 + 1e-9):
                raise InvalidValueError(
                    message(
                        "Signal.clock",
                        f"the clock of {reader.name}, which reads {signal.name} every {reader.clock.dt}",
                        f"a sample every {signal.clock.dt}",
                        f"pass clock={reader.name}.clock to the Signal, else it would play only some of its samples.",
                    )
                )


def warn_of_those_left_out(member: Any, candidates: Iterable[Any]) -> None:
    """Warn of objects that work on `member`, but are in no network.

    Parameters
    ----------
    member : GeneratedObject
        What runs.
    candidates : iterable of weakref.ref
        The objects that there are.
    """
    idle = [
        one
        for one in _alive(candidates)
        if getattr(one, "_network", member) is None and not one.is_part and member.id in one._dependencies
    ]
    beside = {id(one) for one in neighbours(member)} if idle else set()
    for other in idle:
        if id(other) not in beside and other.active:
            _logger.warn(
                f"'{other.name}' works on '{member.name}', which is run, but is in no network itself: it does "
                "nothing. Add it to the Network, or keep it in a variable where run() is called.",
                "left_out",
                once=True,
            )
