"""What a protocol is: the interface between recipes and the modules of `tension_sim.protocols`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from ..errors import unknown_name
from .settings import Key

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..results.phases import Phase
    from ..results.results import Results
    from .recipe import Recipe
    from .verdict import Verdict

__all__ = ["Forecast", "Number", "Outcome", "Protocol", "list_protocols", "load_protocol"]

#: Protocols are found in this package by name; nothing here imports one.
_FOLDER = "tension_sim.protocols"

Sections = Mapping[str, Mapping[str, Key]]
Where = Callable[[str, str], str]


@dataclass(frozen=True)
class Forecast:
    """Memory in bytes and time in seconds that a run will take, roughly, and its length in steps."""

    memory: int
    seconds: float
    steps: int


@dataclass(frozen=True)
class Number:
    """A number that a protocol reports: what it is, in words, and its unit ("1", "hertz", "second", ...)."""

    label: str
    unit: str = "1"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a protocol gives back.

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


@dataclass(frozen=True, eq=False)
class Protocol:
    """What a kind of recipes may say, and what is done with it.

    Attributes
    ----------
    sections, expected, forecast, run
        See `tension_sim.protocols`.
    recipe : type, optional
        A `Recipe` with more methods.
    optional : tuple of str
        Sections that are left out as a whole; of any other the defaults count.
    files : mapping of (section, key) to str
        Texts that name files, found beside the recipe: those with this ending ("" for all).
    schema : callable, optional
        ``schema(raw)`` returns `sections` where these depend on the values as written.
    kinds : tuple of (section, key)
        Texts that decide which other keys exist; they are set first.
    adapt : callable, optional
        ``adapt(raw, key, old)`` drops from `raw` what a new value of a kind has no use for.
    check : callable, optional
        ``check(recipe, where)`` refuses values that do not go together, or completes ``recipe.values``;
        ``where(section, key)`` begins the message.
    plan : callable, optional
        ``plan(recipe)`` returns the phases of a run, where its settings may leave out learning or test.
    name, summary : str
        Filled in by `load_protocol`.
    """

    sections: Sections
    expected: Mapping[str, Number]
    forecast: Callable[[Recipe, str], Forecast]
    run: Callable[..., Outcome]
    recipe: type[Recipe] | None = None
    optional: tuple[str, ...] = ()
    files: Mapping[tuple[str, str], str] = field(default_factory=dict)
    schema: Callable[[Mapping[str, Any]], Sections] | None = None
    kinds: tuple[tuple[str, str], ...] = ()
    adapt: Callable[[dict[str, Any], str, str | None], None] | None = None
    check: Callable[[Recipe, Where], None] | None = None
    plan: Callable[[Recipe], tuple[Phase, ...]] | None = None
    name: str = ""
    summary: str = ""

    def keys(self, raw: Mapping[str, Any]) -> Sections:
        """Return the sections and keys that a recipe with these values may have."""
        return self.sections if self.schema is None else self.schema(raw)


def list_protocols() -> list[str]:
    """Return the names of the protocols, by looking into the folder.

    Examples
    --------
    >>> "rate_force" in list_protocols()
    True
    """
    return sorted(
        module.name for module in iter_modules(import_module(_FOLDER).__path__) if not module.name.startswith("_")
    )


def load_protocol(name: str) -> Protocol:
    """Load a protocol by its name.

    Raises
    ------
    UnknownNameError
        If the folder has no module of that name.

    Examples
    --------
    >>> load_protocol("force").summary
    'FORCE learning of a readout that is fed back into a spiking network.'
    """
    known = list_protocols()
    if name not in known:
        raise unknown_name("load_protocol.name", "protocol", name, known)
    module = import_module(f"{_FOLDER}.{name}")
    return replace(module.PROTOCOL, name=name, summary=(module.__doc__ or "").split("\n", 1)[0])
