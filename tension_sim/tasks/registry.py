"""The tasks by name: a decorator registers a function, nothing else lists them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, overload

import numpy as np

from ..declare.units import Quantity, describe, dimension_of, evaluate
from ..declare.validation import check_whole
from ..errors import InvalidTypeError, InvalidValueError, UnitsError, message, unknown_name
from ..system.extensions import Extensions
from .task import check_samples

__all__ = [
    "MOST_STEPS",
    "REQUIRED",
    "SUPERVISORS",
    "Grid",
    "Registered",
    "Setting",
    "Supervisor",
    "find",
    "names",
    "parse_settings",
    "register",
    "settings_of",
    "supervisor",
]

#: Stands for the default of a setting that must be given.
REQUIRED: Any = inspect.Parameter.empty

#: Time steps of the longest run: even without neurons it would take weeks.
MOST_STEPS = 2**40

#: An entry point's name is that of the supervisor which its module registers.
SUPERVISORS = Extensions("task", "tension_sim.tasks", "tension_sim.tasks")

_REGISTRY: dict[str, Registered] = {}


@dataclass(frozen=True)
class Grid:
    """The time steps at which a supervisor is wanted.

    Parameters
    ----------
    n_steps : int
        Number of steps.
    dt : float
        Time step, seconds. Sample k belongs to the end of step k, t = dt (k + 1).
    """

    n_steps: int
    dt: float

    @property
    def times(self) -> np.ndarray:
        """Times of the samples in seconds, shape ``(n_steps,)``."""
        return self.dt * np.arange(1, self.n_steps + 1)

    def check_frequency(self, name: str, frequency: float) -> None:
        """Refuse a frequency that time steps do not show: 0 and below, or half of their rate and above."""
        most = 0.5 / self.dt
        if not 0 < frequency < most * (1 - 1e-9):
            what = f"a frequency above 0 and below {most:g} Hz, half of the time steps in a second"
            raise InvalidValueError(
                message(f"Task.{name}", what, f"{frequency:g} Hz", "choose another, or a smaller dt.")
            )

    def steps_in(self, duration: float, where: str) -> int:
        """Return how many whole steps `duration` (seconds) takes; refuse a fraction."""
        steps = duration / self.dt
        whole = int(np.floor(steps + 0.5)) if steps < MOST_STEPS else 0
        if whole < 1 or abs(steps - whole) > 1e-6 * whole:
            raise InvalidValueError(
                message(
                    where,
                    f"a whole number of time steps of {self.dt:g} s",
                    f"{duration:g} s, {steps:g} steps",
                    "choose a time step that divides it.",
                )
            )
        return whole

    def steps_in_parts(self, length: float, parts: int, name: str, prefix: str = "") -> int:
        """Return the whole steps of a length that has so many equal parts; refuse more parts than steps.

        The settings are called ``length`` and `name`, in errors with `prefix` before them.
        """
        check_whole(f"Task.{prefix}{name}", parts, 1, what=f"a whole number of {name}")
        steps = self.steps_in(length, f"Task.{prefix}length")
        if parts > steps:
            what = f"no more {name} than time steps ({steps})"
            raise InvalidValueError(message(f"Task.{prefix}{name}", what, parts, "use fewer."))
        return steps


@dataclass(frozen=True)
class Setting:
    """One setting: how a value given by a user is read.

    Parameters
    ----------
    name : str
        Its name.
    unit : str
        A unit such as ``"hertz"``, ``"1"`` for a plain number, or ``"whole"``, ``"bool"``,
        ``"text"`` and ``"any"`` (returned as it is).
    default : object, optional
        Its value if it is not given.
    many : bool
        Whether it is a list of such values.
    """

    name: str
    unit: str
    default: Any = REQUIRED
    many: bool = False

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is REQUIRED

    def parse(
        self,
        value: Any,
        where: str,
        names: Mapping[str, Quantity] | None = None,
        plain_is_si: bool = True,
    ) -> Any:
        """Return `value` as a number in SI units, a tuple of them where many are taken.

        With ``plain_is_si=False`` a plain number is refused where a unit is due.
        """
        if not self.many:
            return self._parse_one(value, where, names, plain_is_si)
        items = [item for item in value.split(",") if item.strip()] if isinstance(value, str) else value
        if isinstance(items, np.ndarray):
            items = items.tolist()
        if not isinstance(items, list | tuple) or (len(items) == 0 and self.default != ()):
            raise InvalidTypeError(message(where, "a list of values", value, "write it as in [a, b]."))
        return tuple(self._parse_one(item, where, names, plain_is_si) for item in items)

    def _parse_one(self, value: Any, where: str, names: Mapping[str, Quantity] | None, plain_is_si: bool) -> Any:
        if self.unit == "any":
            return value
        if self.unit == "text":
            if not isinstance(value, str):
                raise InvalidTypeError(message(where, "a text", value, "put it in quotes."))
            return value.strip()
        if self.unit == "bool":
            return parse_bool(value, where)
        if self.unit == "whole":
            return parse_whole(value, where)
        plain = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        if plain and plain_is_si:
            number = float(value)
        else:
            quantity = evaluate(value, where, names)
            wanted = dimension_of(self.unit, where)
            if quantity.dimension != wanted:
                raise UnitsError(
                    message(
                        where,
                        f"a quantity in {describe(wanted)}",
                        value,
                        "drop the unit." if self.unit == "1" else f'write it as in "10*{self.unit}".',
                    )
                )
            if np.ndim(quantity.value):
                raise InvalidTypeError(message(where, "one value", value))
            number = float(quantity.value)
        if not np.isfinite(number):
            raise InvalidValueError(message(where, "a finite value", value))
        return number


def parse_bool(value: Any, where: str) -> bool:
    """Read true or false, also from the text of a command line."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise InvalidTypeError(message(where, "true or false", value))


def parse_whole(value: Any, where: str) -> int:
    """Read a whole number, also from the text of a command line."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | np.integer | np.floating):
        raise InvalidTypeError(message(where, "a whole number", value))
    quantity = evaluate(value, where)
    if np.ndim(quantity.value):
        raise InvalidTypeError(message(where, "a whole number", value))
    if quantity.dimension != Quantity(0).dimension:
        raise UnitsError(message(where, "a whole number", value, "drop the unit."))
    return check_whole(where, quantity.value, None)


@dataclass(frozen=True)
class Registered:
    """A task by its name: the function that computes it, and its settings."""

    name: str
    function: Callable[..., Any]
    settings: Mapping[str, Setting]

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").split("\n", 1)[0]


@dataclass(frozen=True)
class Supervisor(Registered):
    """A target as a function of time, with its number of outputs and its period."""

    outputs: int | Callable[..., int]
    period: Callable[..., int | None]

    def count_outputs(self, settings: Mapping[str, Any]) -> int:
        """Number of outputs under parsed `settings`."""
        return self.outputs(**settings) if callable(self.outputs) else self.outputs

    def compute(self, grid: Grid, settings: Mapping[str, Any], rows: int, outputs: int) -> np.ndarray:
        """Return the target under parsed settings: a row for each step, or for each of one period.

        Parameters
        ----------
        grid : Grid
            The time steps.
        settings : mapping
            As parsed.
        rows, outputs : int
            The shape that is wanted, where the caller knows it: others ask for the period, which may read a file.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            If the function returns something else.
        """
        where = f"supervisor {self.name}"
        target = check_samples(where, self.function(grid, **settings))
        known = len(target) in (rows, grid.n_steps) or len(target) == self.period(grid, **settings)
        if not known or target.shape[1] != outputs:
            period = self.period(grid, **settings)
            wanted = f"{grid.n_steps} steps" if period is None else f"{grid.n_steps} steps, or {period} of one period"
            fix = "say how many by @supervisor(outputs=...), or after how many steps it repeats by period=..."
            raise InvalidValueError(message(where, f"{wanted}, and outputs: {outputs}", target.shape, fix))
        return target


def settings_of(function: Callable[..., Any], skipped: int, units: Mapping[str, str]) -> dict[str, Setting]:
    """Return the settings of a function: its parameters after the first ones, which we pass."""
    settings = {}
    for parameter in list(inspect.signature(function).parameters.values())[skipped:]:
        unit, _, many = units[parameter.name].partition(",")
        settings[parameter.name] = Setting(parameter.name, unit, parameter.default, bool(many))
    return settings


Task = TypeVar("Task", bound=Registered)
Computed = TypeVar("Computed", bound=Callable[..., Any])


def register(task: Registered) -> None:
    """Make a task known by its name.

    Raises
    ------
    InvalidValueError
        If another module has a task of that name.
    """
    known = _REGISTRY.get(task.name)
    if known is not None and known.function.__module__ != task.function.__module__:
        what = f"a name that no other supervisor has ({known.function.__module__} has it)"
        raise InvalidValueError(message("supervisor", what, task.name, "rename the function."))
    _REGISTRY[task.name] = task


def supervisor(
    outputs: int | Callable[..., int] = 1,
    period: Callable[..., int | None] = lambda grid, **settings: None,
    **units: str,
) -> Callable[[Computed], Computed]:
    """Register a supervisor under the name of the function that computes it.

    The function takes a `Grid` and its settings as keywords, and returns the target, shape
    ``(rows, n_outputs)``. A keyword without a default must be given by the user.

    Parameters
    ----------
    outputs : int or callable
        Number of outputs, or a function of the settings that returns it.
    period : callable
        A function of the grid and the settings that returns after how many steps the target
        repeats, or None. The function then computes no more rows than that.
    **units : str
        Unit of each setting, as in `Setting`; ``"hertz, many"`` takes a list.
    """

    def registered(function: Computed) -> Computed:
        name, settings = function.__name__, settings_of(function, 1, units)
        register(Supervisor(name, function, settings, outputs, period))
        return function

    return registered


def names(kind: type[Registered] = Supervisor) -> list[str]:
    """Return the names of all tasks of a kind, sorted; supervisors of installed packages too."""
    installed = SUPERVISORS.installed() if kind is Supervisor else ()
    return sorted({*(name for name, task in _REGISTRY.items() if isinstance(task, kind)), *installed})


@overload
def find(name: str) -> Supervisor: ...
@overload
def find(name: str, kind: type[Task], where: str = ..., what: str = ...) -> Task: ...
def find(name: str, kind: type[Any] = Supervisor, where: str = "Task.name", what: str = "supervisor") -> Any:
    """Return the task of that name and kind, or raise `UnknownNameError` with the nearest one."""
    if isinstance(name, str) and name not in _REGISTRY and name in SUPERVISORS.installed():
        SUPERVISORS.load(name)
    task = _REGISTRY.get(name) if isinstance(name, str) else None
    if not isinstance(task, kind):
        raise unknown_name(where, what, name, names(kind))
    return task


def parse_settings(
    known: Mapping[str, Setting], given: Mapping[str, Any], where: str = "Task", plain_is_si: bool = True
) -> dict[str, Any]:
    """Check names and units of `given`; return all settings in SI units, defaults filled in."""
    if not isinstance(given, Mapping):
        fix = 'write them as in {"frequency": "5*Hz"}.'
        raise InvalidTypeError(message(f"{where}.settings", "names of settings with values", given, fix))
    for key in given:
        if key not in known:
            raise unknown_name(where, "setting", key, known)
    parsed = {}
    for key, setting in known.items():
        if key in given:
            parsed[key] = setting.parse(given[key], f"{where}.{key}", plain_is_si=plain_is_si)
        elif setting.required:
            shown = f"only {', '.join(given)}" if given else "no settings"
            raise InvalidValueError(
                message(f"{where}.{key}", "a value, it has no default", shown, f"add the setting {key!r}.")
            )
        else:
            parsed[key] = setting.default
    return parsed
