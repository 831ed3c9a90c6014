"""How the runs within a block of code go: when they end early, the script of their orders, who watches them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ...circuit.unwatched import watching
from ...declare.stopping import StopWhen
from ...results.results import Results
from .steered import Course
from .steering import Steering

__all__ = ["Plan", "course_of", "current_plan", "planned"]


@dataclass
class Plan:
    """Of all runs within a block.

    Attributes
    ----------
    stop_when : StopWhen or None
        When each ends early.
    script : Steering
        Orders that are known beforehand.
    watch : object or None
        The `Watch` that shows them.
    runs : int
        How many have begun.
    single : bool
        Whether there is one run, which may end early.
    about : callable
        Adds to results what a recipe knows of them.
    """

    stop_when: StopWhen | None = None
    script: Steering = field(default_factory=Steering)
    watch: Any = None
    runs: int = 0
    single: bool = True
    about: Callable[[Results], Results] = lambda results: results


_PLAN: ContextVar[Plan | None] = ContextVar("plan", default=None)


def current_plan() -> Plan | None:
    """Return the plan of the block around, if there is one."""
    return _PLAN.get()


@contextmanager
def planned(plan: Plan) -> Iterator[Plan]:
    """Let the runs within the block go by a plan."""
    given = (("a Watch", plan.watch), ("a script of orders", plan.script.orders), ("a condition", plan.stop_when))
    token = _PLAN.set(plan)
    try:
        with watching(next((by for by, value in given if value), "")):
            yield plan
    finally:
        _PLAN.reset(token)


def course_of(name: str, stop_when: StopWhen | None) -> Course | None:
    """Return how a run goes that begins now; None: plainly, from its first step to its last."""
    plan = _PLAN.get()
    if plan is None:
        return None if stop_when is None else Course(name, stop_when, Steering(), 1, None)
    plan.runs += 1
    if stop_when is None:
        stop_when = plan.stop_when
    if stop_when is None and plan.watch is None and not plan.script.orders:
        return None
    return Course(name, stop_when, plan.script, plan.runs, plan.watch, plan.single, plan.about)
