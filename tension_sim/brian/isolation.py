"""Build and run without disturbing the user's Brian2: device, preferences, clock.

Brian2 has one device, one set of preferences and one default clock in a process. So the threads of a process take
turns: a run on numpy or cython has Brian2 to itself, and so has the generation of a program; compilers and compiled
programs run beside each other. A user's own Brian2 code in another thread cannot be made to wait: it must not build
or run a network at the same time. What it reads afterwards is as it was, and what it changed meanwhile stays.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import brian2
from brian2.core.network import Network
from brian2.devices.device import get_device, reset_device, set_device

__all__ = ["MEANING", "default_preference", "has_turn", "isolated", "users_preferences"]

#: Preferences that decide what a network does: the same for everybody, whatever the user's own networks have.
MEANING = (
    "core.network.default_schedule",
    "core.default_integer_dtype",
    "legacy.refractory_timing",
    "codegen.string_expression_target",
    "codegen.loop_invariant_optimisations",
)


class _Turn:
    """Whose turn it is, and the user's values of the preferences that are changed meanwhile."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.owner: int | None = None
        self.swapping = threading.Lock()
        self.before: dict[str, Any] = {}
        self.devices = 0  # that are active on top of the user's


_turn = _Turn()


def _forget_threads() -> None:
    """In a forked process there are no other threads that would end their turn: end it for them."""
    global _turn
    if _turn.owner not in (None, threading.get_ident()):
        _put_back(_turn.before)
        for _ in range(_turn.devices):
            reset_device()
        _turn = _Turn()


os.register_at_fork(after_in_child=_forget_threads)


def has_turn() -> bool:
    """Say whether this thread builds or runs a network."""
    return _turn.owner == threading.get_ident()


def users_preferences() -> dict[str, Any]:
    """Return Brian2's preferences as the user has them, also while another thread has changed some."""
    with _turn.swapping:
        return {name: brian2.prefs[name] for name in brian2.prefs} | _turn.before


def default_preference(name: str) -> Any:
    """Return the value that a preference of Brian2 has before anybody changes it."""
    group, _, key = name.rpartition(".")
    return brian2.prefs.pref_register[group][0][key].default


@contextmanager
def isolated(device: Any, preferences: Mapping[str, Any], **options: Any) -> Iterator[Any]:
    """Wait for this thread's turn, activate a device and preferences; put the user's own back at the end.

    Parameters
    ----------
    device : Device or str
        What is activated; a fresh device object keeps two models apart.
    preferences : mapping
        Brian2 preferences by their full names.
    **options
        Passed to `set_device`.
    """
    turn = _turn
    with turn.lock:
        outer, turn.owner = turn.owner, threading.get_ident()
        try:
            stopped = Network._globally_stopped
            dt = brian2.defaultclock.dt
            set_device(device, **options)
            turn.devices += 1
            try:
                with _preferences(turn, {name: default_preference(name) for name in MEANING} | dict(preferences)):
                    yield get_device()
            finally:
                reset_device()
                turn.devices -= 1
                brian2.defaultclock.dt = dt
                Network._globally_stopped = stopped
        finally:
            turn.owner = outer


@contextmanager
def _preferences(turn: _Turn, ours: Mapping[str, Any]) -> Iterator[None]:
    """Set preferences; at the end those that are still ours become the user's again."""
    prefs, outer = brian2.prefs, turn.before
    with turn.swapping:
        before = {name: prefs[name] for name in ours}
        turn.before = before | outer
        try:
            for name, value in ours.items():
                prefs[name] = value
        except BaseException:
            _put_back(before)
            turn.before = outer
            raise
        ours = {name: prefs[name] for name in ours}
    try:
        yield
    finally:
        with turn.swapping:
            _put_back({name: value for name, value in before.items() if prefs[name] is ours[name]})
            turn.before = outer


def _put_back(before: Mapping[str, Any]) -> None:
    for name, value in before.items():
        brian2.prefs[name] = value
