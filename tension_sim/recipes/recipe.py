"""Recipe files: a published network, its task, schedule and expected result, from one file each."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..declare.validation import check_flag
from ..errors import InvalidTypeError, InvalidValueError, TensionError, UnknownNameError, message, unknown_name
from ..system.data_folder import data_folder
from ..system.files import check_path, read_toml
from ..tasks import load_tasks
from .expected import expected_of, short_of
from .named_files import anchored
from .nested import flattened
from .protocol import Protocol, Recipe, load_protocol
from .settings import OMITTED
from .values import apply_settings, parse_sections

__all__ = ["Recipe", "list_recipes", "load_recipe", "recipe_from"]

_MOST_FILES = 20_000  # in a folder of recipes
_MOST_NAMED = 8  # recipes in a message
_NO_SETTINGS = ("expected", "short", "sweep")  # tables
_TEXTS = ("summary", "source", "script", "notes", "protocol")


def _files(folder: Path) -> dict[str, Path]:
    """Return the recipe files of a folder and its sub-folders by their name in it."""
    found, seen = [], 0
    for place, _, names in os.walk(folder):
        seen += 1 + len(names)
        if seen > _MOST_FILES:
            what = f"a folder of recipes, with at most {_MOST_FILES} files below it"
            raise InvalidValueError(
                message("list_recipes.folder", what, str(folder), "choose the recipes' own folder.")
            )
        found += [Path(place) / name for name in names if name.endswith(".toml")]
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(found)}


def list_recipes(folder: str | Path | None = None) -> list[str]:
    """Return the names of the recipes, by looking into the folder.

    Parameters
    ----------
    folder : str or pathlib.Path, optional
        A folder of one's own; the package's recipes without it.

    Raises
    ------
    InvalidValueError
        If there is no such folder.

    Examples
    --------
    >>> "nicola_clopath_2017/lif_sine" in list_recipes()
    True
    """
    if folder is None:
        return sorted(_files(data_folder("models")))
    path = check_path("list_recipes.folder", folder)
    if not path.is_dir():
        raise InvalidValueError(message("list_recipes.folder", "a folder", str(folder), "check the path."))
    return sorted(_files(path))


def _locate(name: str | Path) -> tuple[str, Path]:
    """Return the full name and the file of a recipe."""
    where = "load_recipe.name"
    path = check_path(where, name)
    text = os.fspath(name)
    files = _files(data_folder("models"))
    if text in files:
        return text, files[text]
    same = [full for full in files if full.rpartition("/")[2] == text]
    if len(same) == 1:
        return same[0], files[same[0]]
    if same:
        raise InvalidValueError(
            message(where, "a name that is found once", text, f"write {' or '.join(map(repr, same))}.")
        )
    if path.is_dir():
        inside = sorted(path.glob("*.toml"))  # not below it: it may be a home folder
        if len(inside) == 1:
            return str(path), inside[0]
        listed = ", ".join(str(item.with_suffix("")) for item in inside[:_MOST_NAMED])
        fix = (
            f"name one ({listed})."
            if listed
            else "it holds none: name a recipe of the list (tension-sim list), or a file."
        )
        raise InvalidValueError(message(where, "a folder that holds one recipe", text, fix))
    for candidate in (path, path.with_name(path.name + ".toml")):
        if candidate.is_file():
            return str(candidate), candidate
    if path.suffix == ".toml":
        raise InvalidValueError(message(where, "a file that exists", text, "check the path."))
    near = [full for full in files if text.lower() in full.lower()]
    if len(near) > 1:
        more = f" and {len(near) - _MOST_NAMED} more" if len(near) > _MOST_NAMED else ""
        fix = f"these contain it: {', '.join(near[:_MOST_NAMED])}{more}."
        raise UnknownNameError(message(where, "a known recipe", text, fix))
    known = [*files, *(full.rpartition("/")[2] for full in files)]
    raise unknown_name(where, "recipe", text, known, "tension-sim list")


def _check_layout(path: Path, data: Mapping[str, Any], protocol: Protocol[Any]) -> None:
    tables = [*protocol.sections, *_NO_SETTINGS]
    for key, value in data.items():
        if key in _TEXTS:
            if not isinstance(value, str):
                raise InvalidTypeError(message(f"{path}: {key}", "a text", value, "put it in quotes."))
        elif key not in tables and key.partition(".")[0] not in protocol.nested:
            raise unknown_name(str(path), "key or table", key, [*_TEXTS, *tables, *protocol.nested])
        elif not isinstance(value, dict):
            raise InvalidTypeError(
                message(f"{path}: {key}", f"a table, [{key}]", value, "put its keys below its name in brackets.")
            )
    for section, key in protocol.kinds:
        value, place = data.get(section, {}).get(key), f"{path}: {section}.{key}"
        if value is None and protocol.sections[section][key].setting.required:
            raise InvalidValueError(message(place, "a value, it has no default", None, f"add it to [{section}]."))
        if value is not None and not isinstance(value, str):
            raise InvalidTypeError(message(place, "a text", value, "put it in quotes."))


def _changed(
    protocol: Protocol[Any], written: Mapping[str, Any], values: Mapping[str, Any], changed: set[tuple[str, str]]
) -> tuple[str, ...]:
    """Return which settings have other values than the file gives them."""
    try:
        own = parse_sections(protocol, written, lambda section, key: f"{section}.{key}")
    except TensionError:  # the file needs the user's settings
        return tuple(sorted(f"{section}.{key}" for section, key in changed))
    pairs = {(section, key) for table in (own, values) for section, keys in table.items() for key in keys}
    tables = (own, values)
    differ = (f"{s}.{k}" for s, k in pairs if not _same(*(table.get(s, {}).get(k, OMITTED) for table in tables)))
    return tuple(sorted(differ))


def _same(one: Any, other: Any) -> bool:
    """Compare values; "50*us" and "0.05*ms" differ in the last bit."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12)
    return one == other


def load_recipe(
    name: str | Path,
    settings: Mapping[str, Any] | None = None,
    *,
    short: bool = False,
    protocols: str | Path | None = None,
    tasks: str | Path | None = None,
) -> Recipe:
    """Load a recipe, with some of its settings changed.

    Parameters
    ----------
    name : str or pathlib.Path
        Its full name, the part of it after the slash, or the path of a file of one's own.
    settings : mapping of str to str, optional
        Other values, by their dotted names ("network.G") or the last part of these ("G").
        Values are text with units ("2*ms"), as in the file.
    short : bool, optional
        Whether to take the shorter run that the recipe states, with what is expected of it; `settings` count
        before those of it. Recipes of more than ten minutes state one, in ``[short]``.
    protocols, tasks : str or pathlib.Path, optional
        Folders of your own with modules of protocols, and of supervisors. Their Python code is run;
        a recipe alone never runs any, wherever it lies.

    Raises
    ------
    UnknownNameError
        If the recipe, a setting, a neuron or a supervisor is not known.
    UnitsError
        If a value has the wrong unit.
    InvalidValueError, InvalidTypeError
        If the file is no recipe, or a value cannot work.

    Examples
    --------
    >>> recipe = load_recipe("lif_sine", {"n": "500", "duration": "2*second"})
    >>> recipe.name, recipe.n_steps, recipe.task().target.shape
    ('nicola_clopath_2017/lif_sine', 40000, (40000, 1))
    """
    if settings is not None and not isinstance(settings, Mapping):
        fix = 'write it as in {"network.G": "0.05"}.'
        raise InvalidTypeError(message("load_recipe.settings", "names with values", settings, fix))
    check_flag("load_recipe.short", short)
    full, path = _locate(name)
    if not path.stem.strip(". "):  # it names the folder of results
        raise InvalidValueError(message("load_recipe.name", "a file with a name", full, "rename it."))
    if tasks is not None:
        load_tasks(tasks)
    return recipe_from(full, path, read_toml(str(path), path), settings, protocols, short=short)


def recipe_from(
    full: str,
    path: Path,
    data: dict[str, Any],
    settings: Mapping[str, Any] | None = None,
    protocols: str | Path | None = None,
    *,
    short: bool = False,
) -> Recipe:
    """Return the recipe of a file's content.

    Parameters
    ----------
    full : str
        Its name.
    path : pathlib.Path
        Where the content is from; begins the messages.
    data : dict
        The content.
    settings, protocols, short
        As for `load_recipe`.
    """
    protocol = _protocol(data, path, protocols)
    data = flattened(str(path), data, protocol.nested)
    _check_layout(path, data, protocol)
    anchored(data, path.resolve().parent, protocol.files)
    sections = {key: value for key, value in data.items() if isinstance(value, dict) and key not in _NO_SETTINGS}
    written = sections
    expected = expected_of(data.get("expected", {}), f"{path}: expected", protocol)
    stated = short_of(data.get("short"), f"{path}: short", protocol)
    if short and stated is None:
        fix = "leave it out: those of at most ten minutes state none."
        raise InvalidValueError(message(full, "a recipe that states a shorter run, in [short]", "none", fix))
    chosen = stated if short else None
    sections, shorter = apply_settings(protocol, sections, chosen.settings if chosen else {}, full)
    sections, changed = apply_settings(protocol, sections, settings or {}, full)

    def where(section: str, key: str) -> str:
        place = f"{full}: setting" if (section, key) in changed else f"{path}:"
        return f"{place} {section}.{key}" if key else f"{place} {section}"

    values = parse_sections(protocol, sections, where)
    recipe = (protocol.recipe or Recipe)(
        name=full,
        path=path,
        **{key: data.get(key, "").strip() for key in ("summary", "source", "script", "notes")},
        settings=sections,
        values=values,
        protocol=protocol,
        expected=chosen.expected if chosen else expected,
        expected_at=tuple(f"{section}.{key}" for section, key in sorted(shorter - changed)),
        short=stated,
        sweeps=data.get("sweep", {}),
        changed=_changed(protocol, written, values, changed | shorter) if changed | shorter else (),
    )
    if protocol.check is not None:
        try:
            protocol.check(recipe, where)
        except OverflowError:
            what = "sizes and times that can be counted, below 2**53 time steps"
            raise InvalidValueError(message(full, what, "larger ones", "choose smaller ones.")) from None
    return recipe


def _protocol(data: Mapping[str, Any], path: Path, folder: str | Path | None) -> Protocol[Any]:
    name = data.get("protocol", "force")
    if not isinstance(name, str):
        raise InvalidTypeError(message(f"{path}: protocol", "a text", name, "put it in quotes."))
    return load_protocol(name, folder, f"{path}: protocol")
