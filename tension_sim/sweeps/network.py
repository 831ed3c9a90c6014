"""A sweep of a network that was declared in Python: its settings, and how a point of it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..declare.edits import Place, edited, places_of
from ..declare.validation import check_callable, check_numbers
from ..errors import InvalidTypeError, InvalidValueError, message, unknown_name
from ..recipes.protocol import Number, Outcome, Protocol, load_protocol
from ..results.declaration import AnyNetwork
from ..results.results import Results
from ..run.rehearsal import rehearse
from ..run.simulation import Simulation, Target
from .axes import text_of
from .given import Given, read_given, write_given
from .network_options import Measure, NetworkOptions
from .numbers import number_of
from .swept import SEED, Value
from .table import OTHERS

__all__ = ["NetworkBase", "NetworkRunner", "network_base"]


@dataclass(frozen=True)
class NetworkBase:
    """A network, what its runs are given, and settings that all points share.

    Attributes
    ----------
    given : Given
        Network and data.
    measure : callable or None
        The numbers of a point; by default those of the protocol ``network``.
    settings : dict of str to str
        By dotted names of the declaration.
    where : str
        The function that was called, for messages.
    """

    given: Given
    measure: Measure | None
    settings: Mapping[str, Any]
    where: str = "sweep"

    @property
    def seed(self) -> int:
        """That of the declaration."""
        return self.given.net.seed

    @property
    def numbers(self) -> Mapping[str, Number]:
        """Those of the protocol ``network``; what a function measures is known when it has run."""
        return _protocol().expected if self.measure is None else {}

    @cached_property
    def _places(self) -> dict[str, Place]:
        return places_of(self.given.net)

    def full_name(self, key: str) -> str:
        """Return the dotted name of a setting, such as ``"learning.alpha_P"`` for ``"alpha_P"``."""
        if key in ("seed", SEED):
            return SEED
        if key in self._places:
            return key
        found = [name for name in self._places if name.rpartition(".")[2] == key]
        where = f"{self.given.name}: settings"
        if not found:
            raise unknown_name(where, "setting", key, [*self._places, *(n.rpartition(".")[2] for n in self._places)])
        if len(found) > 1:
            raise InvalidValueError(message(where, "a setting that is found once", key, f"write {' or '.join(found)}."))
        return found[0]

    def value(self, name: str, text: Any) -> Value:
        """Return the value that a setting gets from a text; refuse what cannot work."""
        found = _read(self._places[name], text)
        edited(self.given.net, {self._places[name]: found})
        return number_of(found) if isinstance(found, str) else found

    def describe(self) -> dict[str, Any]:
        """Return what decides the numbers of a point, beside its own settings."""
        settings = {name: str(value) for name, value in sorted(self.settings.items())}
        if self.measure is not None:
            settings["measure"] = f"{self.measure.__module__}.{getattr(self.measure, '__qualname__', self.measure)}"
        digest, data = self.given.digest, self.given.identity
        return {"recipe": f"{self.given.name} {digest[:8]}", "settings": settings | data, "files": [digest]}

    def check(self, point: Mapping[str, str], target: Target | None, force: bool) -> None:
        """Check all that the run of a point checks before it builds."""
        rehearse(_run, self.given, self.settings, point, target)

    def runner(self, folder: Path) -> NetworkRunner:
        """Write network and data into the folder; return what runs points from there."""
        file = write_given(self.where, folder, self.given)
        return NetworkRunner(*file, self.measure, dict(self.settings), self.where)


@dataclass(frozen=True)
class NetworkRunner:
    """Runs points of a network that lies in a file; a worker reads it once."""

    path: Path
    content: str
    measure: Measure | None
    settings: Mapping[str, Any]
    where: str = "sweep"

    def outcome(self, point: Mapping[str, str], target: Target | None, study: tuple[str, int] | None) -> Outcome:
        """Run a point."""
        results = _run(read_given(self.where, self.path, self.content), self.settings, point, target)
        if self.measure is None:
            measure = _protocol().measure
            return Outcome(results, {} if measure is None else measure(results))
        return Outcome(results, _checked(f"{self.where}.measure", self.measure(results)))

    def expected(self) -> Mapping[str, Any]:
        """Nothing."""
        return {}


def _run(given: Given, settings: Mapping[str, Any], point: Mapping[str, str], target: Target | None) -> Results:
    """Run a point: what it is given is the same, network and seed are its own."""
    places, chosen = places_of(given.net), {**settings, **point}
    net = given.net
    if SEED in chosen:
        net = replace(net, seed=int(chosen.pop(SEED)))
    net = edited(net, {places[name]: _read(places[name], text) for name, text in chosen.items()})
    return Simulation(net, target=target, record=given.record, name=given.name).run(**given.data)


def _protocol() -> Protocol[Any]:
    return load_protocol("network")


def _read(place: Place, text: Any) -> Any:
    """Return a value as a declaration takes it: a number or flag where the text is one."""
    text = str(text)
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float) if place.whole else (float,):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _checked(where: str, numbers: Any) -> dict[str, float]:
    """Return the numbers that a function measured, under names that the table has not given away."""
    found = check_numbers(where, numbers)
    for name in found:
        if name in OTHERS:
            what = f"other names than the table's own columns ({', '.join(OTHERS)})"
            raise InvalidValueError(message(where, what, name, "give the number another name."))
    return found


def network_base(
    where: str, net: AnyNetwork, settings: Mapping[str, Any] | None, options: NetworkOptions
) -> NetworkBase:
    """Return the base of a sweep of a network; `where` begins the messages."""
    data: dict[str, Any] = dict(options)
    measure, record = data.pop("measure"), data.pop("record")
    check_callable(f"{where}.measure", measure, "measure(results)")
    base = NetworkBase(Given.of(where, net, record, data), measure, {}, where)
    if settings is not None and not isinstance(settings, Mapping):
        fix = 'write it as in {"alpha_P": 0.1}.'
        raise InvalidTypeError(message(f"{where}.settings", "names with values", settings, fix))
    texts = {name: text_of(f"{where}.settings", value) for name, value in (settings or {}).items()}
    found = {base.full_name(str(name)): text for name, text in texts.items()}
    if SEED in found:
        fix = "use seeds." if where == "sweep" else "declare the network with it."
        raise InvalidValueError(message(f"{where}.settings", "settings other than the seed", found[SEED], fix))
    for name, text in found.items():
        base.value(name, text)
    return replace(base, settings=found)
