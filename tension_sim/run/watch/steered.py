"""The steps of a run under orders and conditions: pieces that end where something is decided, put together again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...circuit.names import TARGET, entries, entry
from ...circuit.parts import Rule
from ...circuit.watched import watched
from ...declare.series import values_of
from ...declare.stopping import StopWhen
from ...declare.validation import check_flag
from ...errors import InvalidValueError, message, problem
from ...results.results import Results
from ...tasks import make_task
from ..pieces import Pieces
from ..reached import Piece
from .changes import Net, Setting, changed, settings_of
from .ear import Ear
from .measured import Measures
from .steering import Order, Steering

__all__ = ["Course", "Noted", "Steered", "noted", "told_of"]

_NOTED, _SUMS, _HELD = "watch.noted", "watch.sums", "watch.held"


@dataclass(frozen=True)
class Noted:
    """What a run keeps of its course: why it ended before its last step, and the orders that it obeyed."""

    stopped: Mapping[str, Any] | None = None
    orders: tuple[Order, ...] = ()


def noted(state: Mapping[str, np.ndarray]) -> Noted:
    """Read what `Steered` noted in the state of a run."""
    if _NOTED not in state:
        return Noted()
    held = json.loads(np.asarray(state[_NOTED], np.uint8).tobytes())
    return Noted(held["stopped"], tuple(Order.read("checkpoint", one) for one in held["orders"]))


def told_of(state: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return what the provenance of results says of the course of their run; nothing where it went plainly."""
    kept = noted(state)
    told: dict[str, Any] = {} if kept.stopped is None else {"stopped": dict(kept.stopped)}
    return told | ({"steering": [one.described() for one in kept.orders]} if kept.orders else {})


@dataclass(frozen=True, eq=False)
class Course:
    """What decides how a run goes.

    Attributes
    ----------
    name : str
        Of the run.
    stop_when : StopWhen or None
        When it ends early.
    script : Steering
        Orders that are known beforehand.
    run : int
        Number of the run.
    live : object or None
        The `Watch` that shows the run, and whose orders it obeys.
    may_stop : bool
        Whether an order may end it: a protocol of several runs counts on the length of each.
    about : callable
        Adds to results what a recipe knows of them.
    """

    name: str
    stop_when: StopWhen | None
    script: Steering
    run: int
    live: Any
    may_stop: bool = True
    about: Callable[[Results], Results] = lambda results: results


class Steered:
    """Run a simulation's steps under a course; called as `Pieces`.

    Parameters
    ----------
    pieces : Pieces
        Of the simulation.
    course : Course
        How it goes.
    compared : bool
        Whether the run has a target.
    results_of : callable, optional
        ``results_of(piece, step, steered)`` returns the results of a piece that ended before that step.

    Attributes
    ----------
    start, steps, values
        As those of `Pieces`.

    Raises
    ------
    InvalidValueError, UnknownNameError, UnitsError
        If the condition or an order cannot work with this network.
    """

    def __init__(
        self,
        pieces: Pieces,
        course: Course,
        compared: bool,
        results_of: Callable[[Piece, int, Steered], Results] | None = None,
    ) -> None:
        self.results_of = results_of
        self.start: int = pieces.start
        self.steps: int = pieces.steps
        self.values: dict[str, Any] = pieces.values
        self.course: Course = course
        self._pieces = pieces
        what, net = watched(pieces.wiring.circuit), pieces.wiring.net
        self.measures: Measures = Measures(what, net.n_outputs if what.outputs else 0, compared, net.dt)
        if course.stop_when is not None:
            course.stop_when.check(self.measures.there, self.measures.lack)
        self.net: Net = net
        self.learning: bool = all(pieces.values.get(entry(rule, "learning"), 1) for rule in what.rules)
        self._target: dict[str, Any] = {}
        self._target_at = pieces.target_at
        self.orders: list[Order] = []  # obeyed so far
        self._scripted = [one for one in course.script.orders if one.run == course.run]
        self._check_script()
        self._stopped: dict[str, Any] | None = None
        self.ear: Ear = Ear(course.stop_when, self.measures, course.live, self.start, self._targets)

    def _targets(self, steps: np.ndarray) -> np.ndarray | None:
        return None if self._target_at is None else self._target_at(steps)

    def on(self, pieces: Pieces) -> Steered:
        """Take pieces of the same run whose program is built."""
        self._pieces = pieces
        if self.course.live is not None:
            self.course.live.begin(self)
        return self

    def end(self, state: Mapping[str, np.ndarray]) -> None:
        """Say that the run has come to its end, in this state; that of a checkpoint may know of more orders."""
        if self.course.live is not None:
            self.course.live.ended(self, list(noted(state).orders))

    @property
    def identity(self) -> dict[str, str]:
        """What tells a checkpoint of this run from that of another."""
        course = self.course
        found = {} if course.stop_when is None else {"stop_when": course.stop_when.text}
        return found | ({"steering": course.script.text} if course.script.orders else {})

    # ---- called as pieces ----

    def __call__(self, state: Mapping[str, np.ndarray], done: int, seconds: float | None) -> Piece:
        """Go on from a state, and pause after some seconds; None: run to the end."""
        deadline = None if seconds is None else time.monotonic() + seconds
        self._take_back(state)
        now, at, interrupted, failed = dict(state), done, False, False
        found: list[Piece] = []
        while at < self.steps and self._stopped is None:
            interrupted = self._obey(self.start + at, now, found)
            late = deadline is not None and time.monotonic() >= deadline
            if self._stopped is not None or interrupted or (late and found):
                break
            until = self._until(at)
            piece = self._run(now, at, until, deadline)
            found.append(piece)
            now, at, interrupted = piece.state, at + piece.steps, piece.interrupted
            if self.ear.stopped and self.course.stop_when is not None:
                self._stop(self.course.stop_when.text, self.start + at)
            failed = not piece.paused and at < until  # it diverged
            if interrupted or failed or (piece.paused and not self.ear.pause_wanted()):
                break
        goes_on = at < self.steps and self._stopped is None and not interrupted and not failed
        interrupted = interrupted and self._stopped is None
        return Piece(at - done, self._noted(now), _joined(found), goes_on, interrupted)

    def _run(self, state: Mapping[str, np.ndarray], at: int, until: int, deadline: float | None) -> Piece:
        """Run to some step, or to the deadline, or until an order comes."""
        left = None if deadline is None else max(deadline - time.monotonic(), 1e-3)
        values = self.values | self._changed_values()
        pieces = replace(
            self._pieces, steps=until, values=values, target_at=self._target_at, listener=self.ear
        )  # fmt: skip
        return pieces(state, at, left)

    def _until(self, at: int) -> int:
        """Return the number of steps at which the next order of the script comes."""
        later = [one.step - self.start for one in self._scripted if one.step - self.start > at]
        return min([*later, self.steps])

    # ---- orders ----

    def _check_script(self) -> None:
        """Try all orders of the script on the declaration; nothing of the run is changed."""
        net, learning, target, at = self.net, self.learning, self._target, self._target_at
        for order in self._scripted:
            where = f"steering, step {order.step}"
            first = self.start + (1 if order.stop else 0)
            if not first <= order.step < self.start + self.steps:
                what = f"a step of run {order.run}, from {first} to {self.start + self.steps - 1}"
                raise InvalidValueError(message(where, what, order.step))
            self.check_stop(order, where)
            self._apply(order, where)
        self.net, self.learning, self._target, self._target_at = net, learning, target, at

    def check_stop(self, order: Order, where: str) -> None:
        """Refuse an order that ends a run whose length counts."""
        if order.stop and not self.course.may_stop:
            what = "the protocol makes several runs, and counts on the length of each"
            raise InvalidValueError(problem(f"{where}.stop", what, True, "interrupt it by Ctrl-C."))

    def _apply(self, order: Order, where: str = "Watch") -> None:
        """Change network and target as an order says."""
        if order.change:
            self.net, self.learning = self.planned(self.net, self.learning, order.change, f"{where}.change")
        if order.target:
            self._target, self._target_at = self.supervisor(order.target, f"{where}.target")

    def planned(self, net: Net, learning: bool, change: Mapping[str, Any], where: str) -> tuple[Net, bool]:
        """Return the network and whether it learns, after a change; refuse one that cannot be made."""
        rest = dict(change)
        if "learning" in rest:
            given = rest.pop("learning")
            if not self.measures.what.rules:
                raise InvalidValueError(problem(f"{where}.learning", "nothing in this network learns", given))
            learning = check_flag(f"{where}.learning", {"on": True, "off": False}.get(str(given), given))
            if learning and not self.measures.compared:
                raise InvalidValueError(problem(f"{where}.learning", "the run has no target to learn", given))
        return (changed(where, net, rest, self._pieces.wiring) if rest else net), learning

    def supervisor(
        self, target: Mapping[str, Any], where: str
    ) -> tuple[dict[str, Any], Callable[[np.ndarray], np.ndarray]]:
        """Return the values by which a network plays another supervisor, and that as a function of steps."""
        settings = {str(key): value for key, value in target.items() if key != "task"}
        if not self.measures.compared:
            raise InvalidValueError(problem(where, "the run has no target to change", dict(target)))
        net, stop = self._pieces.wiring.net, self.start + self.steps
        rng = np.random.default_rng([net.seed, 2])
        task = make_task(str(target["task"]), stop, net.dt, rng, **settings)
        rows = task.target
        if rows.shape[1] != net.n_outputs:
            raise InvalidValueError(message(where, f"a task of {net.n_outputs} outputs", rows.shape[1]))
        period = task.period
        values = values_of(TARGET, np.ascontiguousarray(rows, float))
        values |= entries(TARGET, {"first_step": 0, "every": 1, "periodic": int(period is not None)})

        def at(k: np.ndarray) -> np.ndarray:
            found: np.ndarray = rows.take(k if period is None else k % period, axis=0)
            return found

        return values, at

    def settings(self) -> dict[str, Setting]:
        """Return what can be changed now."""
        learns = bool(self.measures.what.rules) and self.measures.compared
        return settings_of(self.net, learns, self.learning)

    def _obey(self, step: int, state: Mapping[str, np.ndarray], found: list[Piece]) -> bool:
        """Obey the orders for a step; return whether an interrupt came while the run was paused."""
        for order in self._scripted:
            if order.step == step and order not in self.orders:
                self._take(order)
        live = self.course.live
        if live is None or not found:  # a run that has not begun cannot be paused
            return False
        run = replace(found[-1], recordings=_joined(found), state=dict(state), steps=sum(one.steps for one in found))
        interrupted: bool = live.obeyed(self, step, run, self._take)
        return interrupted

    def _take(self, order: Order) -> None:
        self._apply(order)
        self.orders.append(order)
        if order.stop:
            self._stop("an order", order.step)

    def _stop(self, why: str, step: int) -> None:
        self._stopped = {"step": step, "time": step * self.measures.dt, "why": why}

    def _changed_values(self) -> dict[str, Any]:
        """Return the values that orders have changed."""
        wiring, found = self._pieces.wiring, dict(self._target)
        if self.net is not wiring.net:
            new = type(wiring)(self.net, wiring.record, wiring.circuit.threaded).values()
            declared = wiring.values()
            found |= {name: value for name, value in new.items() if not _same(value, declared.get(name))}
        if self.orders:
            found |= {entry(rule, "learning"): int(self.learning) for rule in wiring.circuit.of(Rule)}
        return found

    # ---- what a checkpoint keeps ----

    def _noted(self, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        held = {"stopped": self._stopped, "orders": [one.described() for one in self.orders]}
        text = json.dumps(held).encode()
        return {
            **state,
            _NOTED: np.frombuffer(text, np.uint8),
            _SUMS: np.array([self.ear.sums["error"], self.ear.sums["spikes"]]),
            _HELD: np.array([self.ear.held]),
        }

    def _take_back(self, state: Mapping[str, np.ndarray]) -> None:
        """Be as when a state was noted, in another process too."""
        if _NOTED not in state:
            return
        kept = noted(state)
        if [*kept.orders] != self.orders:
            for order in kept.orders:
                self._apply(order)
            self.orders = [*kept.orders]
        error, spikes = state[_SUMS]
        self.ear.left(float(error), int(spikes))
        self.ear.held = int(state[_HELD][0])


def _joined(pieces: list[Piece]) -> dict[str, np.ndarray]:
    """Return the recordings of pieces, one after the other."""
    if not pieces:
        return {}
    if len(pieces) == 1:
        return pieces[0].recordings
    return {name: np.concatenate([one.recordings[name] for one in pieces]) for name in pieces[0].recordings}


def _same(one: Any, other: Any) -> bool:
    return one is other or np.array_equal(np.asanyarray(one), np.asanyarray(other))
