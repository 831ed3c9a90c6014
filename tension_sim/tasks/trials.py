"""Tasks that come in trials, each with input, target and hint; a decorator registers a function as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InvalidTypeError, InvalidValueError, message
from ..system.memory import check_memory
from .registry import MOST_STEPS, Registered, register, settings_of
from .registry import find as find_registered
from .task import check_samples

__all__ = ["Trial", "TrialTask", "check_count", "find", "trial_task"]

_COPIES = 64  # bytes per time step while a trial is drawn


@dataclass(frozen=True, eq=False)
class Trial:
    """The samples of one trial, each of shape (steps, channels).

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If samples are not finite, or differ in their steps.

    Examples
    --------
    >>> len(Trial(np.zeros((3, 1)), [0.0, 0.5, 1.0], hints=np.empty((3, 0))))
    3
    """

    inputs: np.ndarray
    target: np.ndarray
    hints: np.ndarray

    def __post_init__(self) -> None:
        for name in ("target", "inputs", "hints"):
            samples = check_samples(f"Trial.{name}", getattr(self, name))
            object.__setattr__(self, name, samples)
            if len(samples) != len(self):
                what = f"as many steps as the target ({len(self)})"
                raise InvalidValueError(message(f"Trial.{name}", what, f"{len(samples)} steps"))

    def __len__(self) -> int:
        return len(self.target)


#: Time steps of all trials of a run, which are drawn one by one before it starts.
_MOST_STEPS = 1_000_000_000


@dataclass(frozen=True)
class TrialTask(Registered):
    """A task that comes in trials: a function of time step, random numbers and settings."""

    def draw(self, dt: float, rng: np.random.Generator, settings: Mapping[str, Any]) -> Trial:
        """Return the next trial under parsed settings; refuse what is none."""
        trial = self.function(dt, rng, **settings)
        if not isinstance(trial, Trial):
            raise InvalidTypeError(message(f"trial task {self.name}", "a Trial", trial, "return Trial(...)."))
        return trial


def trial_task(**units: str) -> Callable[[Callable[..., Trial]], Callable[..., Trial]]:
    """Register a function of time step, random numbers and settings, and name the settings' units."""

    def registered(function: Callable[..., Trial]) -> Callable[..., Trial]:
        register(TrialTask(function.__name__, function, settings_of(function, 2, units)))
        return function

    return registered


def find(name: str) -> TrialTask:
    """Return a task by its name.

    Raises
    ------
    UnknownNameError
    """
    return find_registered(name, TrialTask, "task.name", "task of trials")


def check_count(where: str, first: Trial, trials: int) -> None:
    """Refuse more trials than can be drawn, judged by the first one, before the others are."""
    most = max(_MOST_STEPS // max(len(first), 1), 1)
    if trials > most:
        raise InvalidValueError(message(where, f"at most {most} trials of this task", trials, "choose fewer."))


def _steps(name: str, time: float, dt: float) -> int:
    if not 0.5 < time / dt < MOST_STEPS:
        what = f"at least one time step ({dt:g} s), and fewer than {MOST_STEPS}"
        raise InvalidValueError(message(f"task.{name}", what, time))
    check_memory(f"task.{name}", _COPIES * time / dt, "a shorter time")
    return round(time / dt)


def _pulse(offset: float, pulse: float, dt: float) -> tuple[int, int]:
    """Return the steps at which a pulse after a pause begins and ends; the pause may be 0."""
    before = _steps("offset", offset + dt, dt) - 1
    return before, before + _steps("pulse", pulse, dt)


@trial_task(low="hertz", high="hertz", half="second", pulse="second")
def chirp(dt: float, rng: Any, low: float = 1.0, high: float = 3.0, half: float = 1.0, pulse: float = 0.05) -> Trial:
    """sin(2 pi f t) with f from low to high, then minus that backwards; a pulse of input begins it."""
    n = _steps("half", half, dt)
    t = dt * np.arange(n + 1)
    rising = np.sin(2 * np.pi * np.linspace(low, high, n + 1) * t)
    target = np.concatenate([rising[:n], -rising[::-1]])
    inputs = np.zeros((len(target), 1))
    inputs[: _steps("pulse", pulse, dt)] = 1
    return Trial(inputs, target[:, None], np.empty((len(target), 0)))


@trial_task(cycles="1, many", duration="second", pulse="second", height="1")
def sines(
    dt: float,
    rng: Any,
    cycles: tuple[float, ...] = (1, 2, 3, 5),
    duration: float = 1.0,
    pulse: float = 0.05,
    height: float = 1.0,
) -> Trial:
    """A sum of sines with the given cycles per trial, its largest value 1; a pulse of input begins it."""
    n = _steps("duration", duration, dt)
    target = np.sin(2 * np.pi * np.outer(np.arange(n) / n, cycles)).sum(axis=1)
    if not target.max() > 0:
        raise InvalidValueError(message("task.cycles", "sines that do not cancel", cycles))
    inputs = np.zeros((n, 1))
    inputs[: _steps("pulse", pulse, dt)] = height
    return Trial(inputs, target[:, None] / target.max(), np.empty((n, 0)))


@trial_task(
    shortest="second",
    longest="second",
    pulse="second",
    response="second",
    pause="second",
    mean_pause="second",
    baseline="1",
    height="1",
    hints="bool",
)
def ready_set_go(
    dt: float,
    rng: np.random.Generator,
    shortest: float = 0.1,
    longest: float = 2.1,
    pulse: float = 0.05,
    response: float = 0.5,
    pause: float = 0.4,
    mean_pause: float = 2.0,
    baseline: float = -0.5,
    height: float = 1.5,
    hints: bool = True,
) -> Trial:
    """Two pulses of input; the response follows the second after the time between them.

    A trial begins and ends with half of a pause of `pause` and an exponential time of mean
    `mean_pause`. The response is a Beta(4, 4) bump of `height` on `baseline`. The hint rises after the
    first pulse to the delay in seconds, until half way through the second pulse, and falls again.
    """
    if shortest > longest:
        raise InvalidValueError(message("task.shortest", "a delay no longer than task.longest", shortest))
    for name, time in (("pause", pause), ("mean_pause", mean_pause)):
        if time < 0:
            raise InvalidValueError(message(f"task.{name}", "a time of at least 0", time))
    _steps("mean_pause", pause + mean_pause + dt, dt)
    half = round(0.5 * (pause + rng.exponential(mean_pause)) / dt)
    wait = _steps("shortest", rng.uniform(shortest, longest), dt)
    width, answer = _steps("pulse", pulse, dt), _steps("response", response, dt)
    ready, set_ = half, half + width + wait
    go = set_ + width + wait
    steps = go + answer + half
    inputs = np.zeros((steps, 2))
    inputs[ready : ready + width, 0] = 1
    inputs[set_ : set_ + width, 1] = 1
    target = np.full((steps, 1), baseline)
    s = np.linspace(0, 1, answer)
    target[go : go + answer, 0] += height * (4 * s * (1 - s)) ** 3
    hint = np.zeros((steps, 1 if hints else 0))
    if hints:
        n = wait + width // 2
        rise = wait * dt * np.linspace(0, 1, n)
        hint[ready + width : ready + width + 2 * n, 0] = np.concatenate([rise, rise[::-1]])
    return Trial(inputs, target, hint)


@trial_task(
    offset="second", pulse="second", amplitude="1", delay="second", after="second", width="second",
    baseline="1", height="1",
)  # fmt: skip
def timed_peak(
    dt: float,
    rng: Any,
    offset: float = 0.2,
    pulse: float = 0.05,
    amplitude: float = 5.0,
    delay: float = 2.0,
    after: float = 0.15,
    width: float = 0.03,
    baseline: float = 0.2,
    height: float = 0.8,
) -> Trial:
    """A flat line with a bell-shaped peak, a delay after a pulse of input; a second input is silent.

    A trial begins with a pause of `offset`, and ends `after` the peak.
    """
    for name, time in (("offset", offset), ("delay", delay), ("after", after)):
        if not time >= 0:
            raise InvalidValueError(message(f"task.{name}", "a time of at least 0", time))
    if not width > 0:
        raise InvalidValueError(message("task.width", "a time above 0", width))
    before, begin = _pulse(offset, pulse, dt)
    n = begin + _steps("delay", delay + after, dt)
    inputs = np.zeros((n, 2))
    inputs[before:begin, 0] = amplitude
    late = (np.arange(n) - begin) * dt - delay
    target = baseline + height * np.exp(-0.5 * (late / width) ** 2)
    return Trial(inputs, target[:, None], np.empty((n, 0)))


@trial_task(
    condition="whole", offset="second", pulse="second", amplitude="1", durations="second, many", loops="whole"
)  # fmt: skip
def closed_curves(
    dt: float,
    rng: Any,
    condition: int = 0,
    offset: float = 0.2,
    pulse: float = 0.05,
    amplitude: float = 2.0,
    durations: tuple[float, ...] = (1.322, 1.234),
    loops: int = 4,
) -> Trial:
    """A closed curve of loops, drawn in the plane after a pulse of input; a condition for each duration.

    Curve k turns `loops` + k times while it goes around once. Inputs begin the curves, then come as many silent ones.
    """
    if not 0 <= condition < len(durations):
        what = f"a number from 0 to {len(durations) - 1}, one of task.durations"
        raise InvalidValueError(message("task.condition", what, condition))
    if not offset >= 0:
        raise InvalidValueError(message("task.offset", "a time of at least 0", offset))
    before, begin = _pulse(offset, pulse, dt)
    drawn = _steps("durations", durations[condition], dt)
    inputs = np.zeros((begin + drawn, 2 * len(durations)))
    inputs[before:begin, condition] = amplitude
    turn = 2 * np.pi * np.arange(drawn) / drawn
    angle = (loops + condition + 1) * turn
    target = np.zeros((begin + drawn, 2))
    target[begin:, 0] = 0.7 * np.sin(turn) + 0.3 * np.sin(angle)
    target[begin:, 1] = 0.7 * (1 - np.cos(turn)) + 0.3 * (1 - np.cos(angle)) - 0.7
    return Trial(inputs, target, np.empty((begin + drawn, 0)))
