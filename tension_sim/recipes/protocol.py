"""Recipe and Protocol: the interface between recipe files and the modules of `tension_sim.protocols`."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..declare.described import Described
from ..declare.units import dimension_of
from ..declare.validation import check_callable, check_numbers, check_steps, check_text
from ..errors import InvalidTypeError, InvalidValueError, message
from ..results.run_data import check_results
from ..system.extensions import Extensions, single
from ..tasks.registry import MOST_STEPS
from .settings import Key

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from ..results.phases import Phase
    from ..results.results import Results
    from ..run.simulation import Target
    from ..system.progress import Report

__all__ = [
    "Forecast",
    "Further",
    "Number",
    "Outcome",
    "Protocol",
    "Recipe",
    "Short",
    "Verdict",
    "list_protocols",
    "load_protocol",
]

#: Protocols are found by name; nothing here imports one.
_PROTOCOLS = Extensions("protocol", "tension_sim.protocols", "tension_sim.protocols")

Sections = Mapping[str, Mapping[str, Key]]
Where = Callable[[str, str], str]


@dataclass(frozen=True)
class Forecast:
    """Memory in bytes and time in seconds that a run will take, roughly, and its length in steps."""

    memory: int
    seconds: float
    steps: int

    def __post_init__(self) -> None:
        check_numbers("Forecast", {"memory": self.memory, "seconds": self.seconds})
        check_steps("Forecast.steps", self.steps, 0)


@dataclass(frozen=True)
class Number:
    """A number that a protocol reports: its label in words, and its unit ("1", "hertz", "second", ...)."""

    label: str
    unit: str = "1"

    def __post_init__(self) -> None:
        check_text("Number.label", self.label)
        dimension_of(check_text("Number.unit", self.unit), "Number.unit")


@dataclass(frozen=True)
class Verdict:
    """A run's numbers beside those that its recipe expects.

    Attributes
    ----------
    as_expected : bool or None
        None where nothing can be compared.
    text : str
        The verdict in words, with the reason where numbers are not as expected.
    numbers : dict of str to str
        For each expected number ``"as expected"``, ``"too low"``, ``"too high"`` or ``"not measured"``.
    """

    as_expected: bool | None
    text: str
    numbers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a protocol returns.

    Attributes
    ----------
    results : Results
        The run; where there were several, the one to be stored (see `tension_sim.protocols._joined`).
    numbers : dict of str to float
        Measured values in SI units, by the names of `Protocol.expected`; others may be added.
        What could not be measured is left out.
    figure : callable, optional
        Returns the matplotlib figure; `tension_sim.results.plots.figure_run` of the results without it.
    verdict : Verdict, optional
        The numbers beside those that the recipe expects; filled in by `run_outcome`.
    """

    results: Results
    numbers: Mapping[str, float] = field(default_factory=dict)
    figure: Callable[[], Figure] | None = None
    verdict: Verdict | None = None

    def __post_init__(self) -> None:
        check_results("Outcome.results", self.results)
        object.__setattr__(self, "numbers", check_numbers("Outcome.numbers", self.numbers))
        check_callable("Outcome.figure", self.figure, "figure()")


@dataclass(frozen=True, eq=False)
class Further:
    """What a network is given in some steps that follow the end of a run.

    Attributes
    ----------
    steps : int
        How many.
    target : array, shape (steps, outputs), optional
        What the output is compared with; nothing is learned from it.
    x, rates : array, optional
        As for `Simulation.run`.
    every : mapping of str to int
        Steps for which each sample of ``"x"`` and ``"rates"`` is held.
    """

    steps: int
    target: np.ndarray | None = None
    x: np.ndarray | None = None
    rates: np.ndarray | None = None
    every: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Short:
    """A run of at most some minutes that stands for one of hours.

    Attributes
    ----------
    settings : dict
        As for `load_recipe`.
    expected : dict
        As `Recipe.expected`, for a run with these settings.
    """

    settings: Mapping[str, Any]
    expected: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class Recipe(Described):
    """A network with its task and schedule; protocols may add methods to it.

    Attributes
    ----------
    name : str
        ``"nicola_clopath_2017/lif_sine"``, or the path of a file of one's own.
    path : pathlib.Path
        The file.
    summary, source, script, notes : str
        What it is, the publication (DOI), the published program, and what is peculiar.
    settings : dict of dict
        The sections as written, with the changes of the user.
    values : dict of dict
        Every setting parsed: numbers in SI units, defaults filled in.
    protocol : Protocol
        What is done with it.
    expected : dict
        What the reference gives for the protocol's numbers, each a tuple of one value or of the
        two ends of a range; ``reference``, a text that says where these come from.
    expected_at : tuple of str
        Settings that are expected to differ from the file, for `expected` belongs to its shorter run.
    short : Short, optional
        The shorter run that a recipe of many minutes states, in ``[short]``: its settings, and what is expected of it.
    sweeps : dict of dict
        Sweeps of the recipe as written, by their names, in ``[sweep.NAME]``; see `tension_sim.sweeps.plans`.
    changed : tuple of str
        Settings whose values are not those of the file, such as ``"network.n"``.
    """

    name: str
    path: Path
    summary: str
    source: str
    script: str
    notes: str
    settings: Mapping[str, Mapping[str, Any]]
    values: dict[str, dict[str, Any]]
    protocol: Protocol[Any]
    expected: Mapping[str, Any] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    sweeps: Mapping[str, Any] = field(default_factory=dict)
    expected_at: tuple[str, ...] = ()
    short: Short | None = None

    def _describe(self) -> dict[str, object]:
        shown: dict[str, object] = {"name": self.name, "summary": self.summary}
        shown |= {"protocol": self.protocol.name, "seed": self.seed}
        return shown | ({"changed": ", ".join(self.changed)} if self.changed else {})

    @property
    def dt(self) -> float:
        """Time step, seconds."""
        return self.values["network"]["dt"]

    @property
    def seed(self) -> int:
        """Seed of all random draws."""
        return self.values["run"]["seed"]

    def steps(self, time: float) -> int:
        """Return how many steps a time in seconds takes, rounded."""
        steps = time / self.dt
        if steps >= MOST_STEPS:
            what = f"times of fewer than {MOST_STEPS} time steps ({self.dt:g} s)"
            raise InvalidValueError(message(self.name, what, f"{time:g} s"))
        return int(math.floor(steps + 0.5))


OneRecipe = TypeVar("OneRecipe", bound=Recipe)
Returned = TypeVar("Returned", Forecast, Outcome)


@dataclass(frozen=True, eq=False)
class Protocol(Generic[OneRecipe]):
    """The settings of a kind of recipes, and what is done with them.

    Attributes
    ----------
    sections, expected, forecast, run
        See `tension_sim.protocols`.
    recipe : type, optional
        A `Recipe` with more methods.
    optional : tuple of str
        Sections, or patterns of their names, that are left out as a whole; of any other the defaults count.
    files : mapping of (section, key) to str
        Texts that name files, found beside the recipe: those with this ending, or one of these ("" for
        all). Sections and keys may be patterns, such as ``"populations.*"``.
    nested : tuple of str
        Tables of tables, such as ``[populations.exc]``: each is a section, which `schema` declares.
    schema : callable, optional
        ``schema(raw)`` returns `sections` where these depend on the values as written.
    kinds : tuple of (section, key)
        Texts that decide which other keys exist; they are set first.
    adapt : callable, optional
        ``adapt(raw, key, old)`` drops from `raw` the settings that a new value of a kind does not have.
    check : callable, optional
        ``check(recipe, where)`` refuses values that do not go together, or completes ``recipe.values``;
        ``where(section, key)`` begins the message.
    plan : callable, optional
        ``plan(recipe)`` returns the phases of a run, where its settings may leave out learning or test.
    further : callable, optional
        ``further(recipe, results, steps)`` yields what follows a run, one `Further` after another, at least so
        many steps in all. Without it a stored run goes on only if its network has no inputs.
    measure : callable, optional
        ``measure(results)`` returns the numbers of a whole run. With it, and a recipe that has ``simulation``, ``task``
        and ``phases``, a run may be made in parts, and given up by what the first ones show.
    name, summary : str
        Filled in by `load_protocol`.
    """

    sections: Sections
    expected: Mapping[str, Number]
    forecast: Callable[[OneRecipe, str], Forecast]
    run: Callable[..., Outcome]
    recipe: type[OneRecipe] | None = None
    optional: tuple[str, ...] = ()
    files: Mapping[tuple[str, str], str | tuple[str, ...]] = field(default_factory=dict)
    nested: tuple[str, ...] = ()
    schema: Callable[[Mapping[str, Any]], Sections] | None = None
    kinds: tuple[tuple[str, str], ...] = ()
    adapt: Callable[[dict[str, Any], str, str | None], None] | None = None
    check: Callable[[OneRecipe, Where], None] | None = None
    plan: Callable[[OneRecipe], tuple[Phase, ...]] | None = None
    further: Callable[[Any, Results, int], Iterable[Further]] | None = None
    measure: Callable[[Results], Mapping[str, float]] | None = None
    name: str = ""
    summary: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.expected, Mapping) or not all(isinstance(n, Number) for n in self.expected.values()):
            fix = 'write it as in {"rate": Number("mean rate", "hertz")}.'
            raise InvalidTypeError(message("Protocol.expected", "names with a Number each", self.expected, fix))
        called = {"forecast": "forecast(recipe, target)", "run": "run(recipe, target=..., progress=...)"}
        for name, call in called.items():
            if not callable(getattr(self, name)):
                raise InvalidTypeError(
                    message(f"Protocol.{name}", f"a function, called as {call}", getattr(self, name))
                )

    def forecast_of(self, recipe: OneRecipe, target: str) -> Forecast:
        """Return what `forecast` says; refuse what is no Forecast."""
        return self._returned("forecast", Forecast, self.forecast(recipe, target))

    def outcome_of(self, recipe: OneRecipe, target: Target | None, progress: Report | None) -> Outcome:
        """Run a recipe; refuse what is no Outcome."""
        return self._returned("run", Outcome, self.run(recipe, target=target, progress=progress))

    def _returned(self, function: str, kind: type[Returned], value: Any) -> Returned:
        if not isinstance(value, kind):
            where, name = f"protocol {self.name}: {function}", kind.__name__
            fix = f"return {name}(...) at the end."
            raise InvalidTypeError(message(where, f"{name}(...) to be returned", value, fix))
        return value

    def may_lack(self, section: str) -> bool:
        """Say whether a section may be left out as a whole."""
        return any(fnmatch.fnmatch(section, pattern) for pattern in self.optional)

    def keys(self, raw: Mapping[str, Any]) -> Sections:
        """Return the sections and keys that a recipe with these values may have."""
        return self.sections if self.schema is None else self.schema(raw)


def list_protocols(folder: str | Path | None = None) -> list[str]:
    """Return the names of the protocols: of the package, of installed packages, and of a folder.

    Parameters
    ----------
    folder : str or pathlib.Path, optional
        A folder of your own, whose modules are protocols too.

    Raises
    ------
    InvalidValueError
        If there is no such folder, or one of its modules is called like another protocol.

    Examples
    --------
    >>> "rate_force" in list_protocols()
    True
    """
    return _PROTOCOLS.names(folder)


def load_protocol(name: str, folder: str | Path | None = None, where: str = "load_protocol.name") -> Protocol[Any]:
    """Load a protocol by its name.

    Parameters
    ----------
    name : str
        As in `list_protocols`.
    folder : str or pathlib.Path, optional
        A folder of your own. Its module of that name is run: name only folders that you trust.
    where : str, optional
        Begins the messages.

    Raises
    ------
    UnknownNameError
        If there is no protocol of that name.
    InvalidTypeError, InvalidValueError
        If its module has no ``PROTOCOL``, or cannot be imported.

    Examples
    --------
    >>> load_protocol("force").summary
    'FORCE learning of a readout that is fed back into a spiking network.'
    """
    module = _PROTOCOLS.load(name, folder, where)
    protocol: Protocol[Any] = single(where, module, "PROTOCOL", Protocol)
    return replace(protocol, name=name, summary=(module.__doc__ or "").strip().split("\n", 1)[0])
