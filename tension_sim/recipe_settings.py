"""The settings of a recipe: which there are, in which units, and which values cannot work."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .equations import Neuron, SynapticFilter, load_neuron, load_synapse, resolve_parameters
from .errors import InvalidTypeError, InvalidValueError, message, unknown_name
from .tasks import task_settings
from .tasks.registry import REQUIRED, Setting
from .units import Quantity, dimension_of
from .validation import check_choice, check_fraction, check_positive, check_steps

__all__ = ["EXPECTED", "SECTIONS", "apply_settings", "known_settings", "parse_sections"]

Table = dict[str, Any]


@dataclass(frozen=True)
class Key:
    """One key of a section: its setting, and a check that returns the value to use."""

    setting: Setting
    check: Callable[[str, Any], Any] | None = None


def _count(what: str, minimum: int) -> Callable[[str, Any], int]:
    def check(where: str, value: float) -> int:
        if value != int(value) or value < minimum:
            raise InvalidValueError(message(where, f"a whole number of {what}, at least {minimum}", value))
        return int(value)

    return check


def _update_every(where: str, value: float) -> int:
    return check_steps(where, value, 1, "to switch learning off, let learning.stop equal learning.start.")


def _not_negative(where: str, value: float) -> float:
    if value < 0:
        raise InvalidValueError(message(where, "a time of at least 0 seconds", value))
    return value


def _choice(*choices: str) -> Callable[[str, Any], str]:
    return lambda where, value: check_choice(where, value, choices)


def _neurons(where: str, value: Any) -> int | None:
    """Return a number of neurons, None for all of them."""
    if value == "all":
        return None
    return _count("neurons, or 'all'", 0)(where, Setting("", "1").parse(value, where))


def _section(*rows: tuple) -> dict[str, Key]:
    keys = {}
    for name, unit, default, check in rows:
        unit, _, many = unit.partition(",")
        keys[name] = Key(Setting(name, unit, default, bool(many)), check)
    return keys


#: The sections whose keys are the same in every recipe.
SECTIONS: dict[str, dict[str, Key]] = {
    "network": _section(
        ("neuron", "text", REQUIRED, None),
        ("synapse", "text", "double_exponential", None),
        ("n", "1", REQUIRED, _count("neurons", 1)),
        ("dt", "second", REQUIRED, check_positive),
        ("p", "1", 0.1, check_fraction),
        ("G", "1", REQUIRED, None),
        ("Q", "1", REQUIRED, None),
        ("input_scale", "1", 0.0, None),
        ("row_balanced", "bool", True, None),
        ("dtype", "text", "float64", _choice("float64", "float32")),
    ),
    "learning": _section(
        ("alpha_P", "1", REQUIRED, check_positive),
        ("gain", "text", "divided", _choice("divided", "undivided")),
        ("update_every", "1", 1, _update_every),
        ("start", "second", 0.0, _not_negative),
        ("stop", "second", None, _not_negative),
        ("forgetting", "1", 1.0, check_fraction),
        ("probability", "1", 1.0, check_fraction),
    ),
    "run": _section(
        ("duration", "second", REQUIRED, check_positive),
        ("seed", "1", 0, _count("the seed", 0)),
    ),
    "record": _section(
        ("every", "1", 1, lambda where, value: check_steps(where, value, 1)),
        ("spikes_of", "any", None, _neurons),
        ("variables", "text,many", (), None),
        ("variables_of", "1", 5, _count("neurons", 0)),
    ),
}

#: What a recipe may say about the result; a pair is a range.
EXPECTED = {
    setting.name: setting
    for setting in (
        Setting("learning_rmse", "1", None, many=True),
        Setting("aligned_rmse", "1", None, many=True),
        Setting("peak_frequency", "hertz", None, many=True),
        Setting("firing_rate", "hertz", None, many=True),
        Setting("reference", "text", None),
    )
}


def _load(network: Mapping[str, Any]) -> tuple[Neuron, SynapticFilter]:
    """Load the neuron and the filter that a [network] table names."""
    synapse = network.get("synapse", SECTIONS["network"]["synapse"].setting.default)
    return load_neuron(str(network["neuron"])), load_synapse(str(synapse))


def _parameters(network: Mapping[str, Any]) -> dict[str, str]:
    """Return the default parameters of neuron and filter."""
    neuron, synapse = _load(network)
    return {**neuron.parameters, **synapse.parameters}


def known_settings(raw: Mapping[str, Table]) -> dict[str, list[str]]:
    """Return the keys that each section of a recipe may have, in order.

    Parameters
    ----------
    raw : mapping
        The sections as written, with at least ``network.neuron`` and ``task.name``.
    """
    known = {name: list(keys) for name, keys in SECTIONS.items()}
    known["parameters"] = list(_parameters(raw["network"]))
    known["initial"] = _load(raw["network"])[0].variables
    known["task"] = ["name", *task_settings(raw["task"]["name"])]
    return known


def _find(key: str, known: Mapping[str, list[str]], recipe: str) -> tuple[str, str]:
    """Return section and key that a setting such as "network.G" or "G" means."""
    where = f"{recipe}: settings"
    section, dot, last = key.rpartition(".")
    if dot:
        if section not in known or last not in known[section]:
            every = [f"{name}.{item}" for name, items in known.items() for item in items]
            raise unknown_name(where, "setting", key, every)
        return section, last
    # initial values carry names of variables, which may be anything: only their dotted names count
    found = [name for name, items in known.items() if key in items and name != "initial"]
    if not found:
        every = {item for name, items in known.items() if name != "initial" for item in items}
        raise unknown_name(where, "setting", key, every)
    if len(found) > 1:
        raise InvalidValueError(
            message(
                where,
                "a setting that is found once",
                key,
                "write " + " or ".join(f"{name}.{key}" for name in found) + ".",
            )
        )
    return found[0], key


def _adapt(raw: dict[str, Table], kind: str, old: str | None) -> None:
    """Drop the settings that a new neuron, filter or supervisor does not share with the old one."""
    if kind == "name":
        new, before = task_settings(raw["task"]["name"]), task_settings(str(old))
        raw["task"] = {
            key: value
            for key, value in raw["task"].items()
            if key == "name" or (key in new and key in before and new[key].unit == before[key].unit)
        }
        return
    neuron, synapse = _load(raw["network"])
    shared = set(synapse.parameters) if kind == "neuron" else {*neuron.parameters, *synapse.parameters}
    raw["parameters"] = {key: value for key, value in raw.get("parameters", {}).items() if key in shared}
    if kind == "neuron":
        raw.pop("initial", None)


def apply_settings(
    raw: Mapping[str, Table], settings: Mapping[str, Any], recipe: str
) -> tuple[dict[str, Table], set[tuple[str, str]]]:
    """Return the sections with `settings` put in, and which keys those were.

    Another neuron or another supervisor takes over the values that it knows too; the others go.

    Raises
    ------
    UnknownNameError
        If a setting does not exist; the nearest one is named.
    InvalidValueError
        If a short name means several settings.
    """
    raw = copy.deepcopy(dict(raw))
    changed: set[tuple[str, str]] = set()
    settings = dict(settings)
    # the kinds first: they decide which other settings exist
    for section, kind in (("network", "neuron"), ("network", "synapse"), ("task", "name")):
        for key in (kind, f"{section}.{kind}"):
            if key in settings:
                old, new = raw[section].get(kind), str(settings.pop(key))
                raw[section][kind] = new
                changed.add((section, kind))
                if old != new:
                    _adapt(raw, kind, old)
    known = known_settings(raw)
    for key, value in settings.items():
        section, last = _find(str(key), known, recipe)
        raw.setdefault(section, {})[last] = value
        changed.add((section, last))
    return raw, changed


def parse_sections(raw: Mapping[str, Table], where: Callable[[str, str], str], name: str) -> dict[str, dict[str, Any]]:
    """Return every setting as a number in SI units, defaults filled in.

    Parameters
    ----------
    raw : mapping
        The sections, as written.
    where : callable
        Names the place of section and key in messages.
    name : str
        The recipe, for messages about parameters.

    Raises
    ------
    UnknownNameError, UnitsError, InvalidValueError, InvalidTypeError
        If a key does not exist or is missing, or a value cannot work.
    """
    known = known_settings(raw)
    values: dict[str, dict[str, Any]] = {}
    for section, keys in SECTIONS.items():
        if section not in raw and section != "record":
            continue
        table = raw.get(section, {})
        _refuse_unknown(section, table, known, where)
        values[section] = {}
        for key, entry in keys.items():
            if key not in table:
                if entry.setting.required:
                    raise InvalidValueError(
                        message(where(section, key), "a value, it has no default", None, f"add the key {key!r}.")
                    )
                values[section][key] = entry.setting.default
                continue
            place, names = where(section, key), {}
            if section == "learning":
                # P(0) of some published programs is a multiple of the time step
                names = {"dt": Quantity(values["network"]["dt"], dimension_of("second", place))}
            # a plain number is refused where a unit is due
            value = entry.setting.parse(table[key], place, names, plain_is_si=False)
            values[section][key] = entry.check(place, value) if entry.check else value
    for section in ("parameters", "initial", "task"):
        _refuse_unknown(section, raw.get(section, {}), known, where)
    values["parameters"] = resolve_parameters(
        name,
        _parameters(raw["network"]),
        {key: _text(value, where("parameters", key)) for key, value in raw.get("parameters", {}).items()},
        dt=values["network"]["dt"],
    )
    values["task"] = {"name": raw["task"]["name"], **_parse_task(raw["task"], where)}
    values["initial"] = {key: _text(value, where("initial", key)) for key, value in raw.get("initial", {}).items()}
    return values


def _text(value: Any, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidTypeError(message(where, 'a number, or an expression such as "10*ms"', value))
    return str(value)


def _refuse_unknown(section: str, table: Any, known: Mapping[str, list[str]], where: Callable[[str, str], str]) -> None:
    if not isinstance(table, dict):
        raise InvalidTypeError(message(where(section, ""), f"a table, [{section}]", table))
    for key in table:
        if key not in known[section]:
            raise unknown_name(where(section, ""), "key", key, known[section])


def _parse_task(table: Table, where: Callable[[str, str], str]) -> dict[str, Any]:
    parsed = {}
    for key, setting in task_settings(table["name"]).items():
        if key in table:
            parsed[key] = setting.parse(table[key], where("task", key), plain_is_si=False)
        elif setting.required:
            raise InvalidValueError(
                message(where("task", key), "a value, it has no default", None, f"add the key {key!r}.")
            )
        else:
            parsed[key] = setting.default
    return parsed
