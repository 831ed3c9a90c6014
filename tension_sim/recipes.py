"""Recipes: a published network, its task, schedule and expected result, from one file each."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._data import data_folder
from .errors import InvalidTypeError, InvalidValueError, message, unknown_name
from .recipe_settings import EXPECTED, SECTIONS, apply_settings, parse_sections
from .tasks import Task, make_task, task_shape

if TYPE_CHECKING:
    from .network import ForceNetwork, Learning
    from .results import Phase

__all__ = ["MemoryForecast", "Recipe", "list_recipes", "load_recipe"]

_TEXTS = ("summary", "source", "script", "notes")
_TABLES = (*SECTIONS, "parameters", "initial", "task", "expected")
#: Spikes a second and neuron that a forecast counts with where none are expected.
_ASSUMED_RATE = 30.0
_BYTES_PER_SYNAPSE = 16
_BYTES_PER_SPIKE = 12


@dataclass(frozen=True)
class MemoryForecast:
    """Memory of a run in bytes, part by part.

    Attributes
    ----------
    P : int
        The packed triangle of the inverse correlation estimate.
    synapses : int
        Static recurrence.
    kernels : int
        Readout, feedback and input weights.
    samples : int
        Target and input.
    recorded : int
        Output, target and recorded variables.
    spikes : int
        Recorded spikes, at the expected firing rate.
    """

    P: int
    synapses: int
    kernels: int
    samples: int
    recorded: int
    spikes: int

    @property
    def total(self) -> int:
        """The sum of all parts."""
        return self.P + self.synapses + self.kernels + self.samples + self.recorded + self.spikes


@dataclass(frozen=True, eq=False)
class Recipe:
    """A network with its task and schedule.

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
    expected : dict
        What the reference gives: ``learning_rmse`` (over the last second of learning),
        ``aligned_rmse`` (after learning, at the best lag), ``peak_frequency`` and
        ``firing_rate`` (Hz), each a tuple of one value or of the two ends of a range;
        ``reference``, a text that says where these come from.
    """

    name: str
    path: Path
    summary: str
    source: str
    script: str
    notes: str
    settings: Mapping[str, Mapping[str, Any]]
    values: Mapping[str, Mapping[str, Any]]
    expected: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dt(self) -> float:
        """Time step, seconds."""
        return self.values["network"]["dt"]

    @property
    def duration(self) -> float:
        """Length of the run, seconds."""
        return self.values["run"]["duration"]

    @property
    def n_steps(self) -> int:
        """Length of the run, steps."""
        return self._steps(self.duration)

    @property
    def seed(self) -> int:
        """Seed of all random draws."""
        return self.values["run"]["seed"]

    @property
    def record(self) -> Mapping[str, Any]:
        """What is recorded: ``every`` (steps), ``spikes_of`` (neurons, None for all),
        ``variables`` (names) and ``variables_of`` (neurons).
        """
        return self.values["record"]

    def _steps(self, time: float) -> int:
        return int(math.floor(time / self.dt + 0.5))

    @property
    def learning_steps(self) -> tuple[int, int] | None:
        """First step of learning and the first after it; None without learning.

        The published programs count steps i from 1 and learn where imin < i < icrit; step k = i - 1
        here, hence start = imin and stop = icrit - 1.
        """
        if "learning" not in self.values:
            return None
        learning = self.values["learning"]
        start = self._steps(learning["start"])
        if learning["stop"] is None:
            return start, max(start, self.n_steps)
        return start, max(start, self._steps(learning["stop"]) - 1)

    def learning(self) -> Learning | None:
        """Return the declaration of what is learned, and when."""
        from .network import Learning

        steps = self.learning_steps
        if steps is None:
            return None
        values = self.values["learning"]
        return Learning(
            alpha_P=values["alpha_P"],
            gain=values["gain"],
            update_every=values["update_every"],
            start=steps[0],
            stop=steps[1],
            forgetting=values["forgetting"],
            probability=values["probability"],
        )

    def _task_settings(self) -> dict[str, Any]:
        return {key: value for key, value in self.values["task"].items() if key != "name"}

    @property
    def task_shape(self) -> tuple[int, int, int]:
        """Rows (steps, or those of one period), outputs and inputs of the task."""
        return task_shape(self.values["task"]["name"], self.n_steps, self.dt, self._task_settings())

    def task(self) -> Task:
        """Compute target and input; noise is drawn from the recipe's seed."""
        rng = np.random.default_rng([self.seed, 2])
        return make_task(self.values["task"]["name"], self.n_steps, self.dt, rng, **self._task_settings())

    def network(self) -> ForceNetwork:
        """Draw the network from the recipe's seed."""
        from .network import ForceNetwork

        values = self.values["network"]
        _, n_outputs, n_inputs = self.task_shape
        return ForceNetwork.random(
            neuron=values["neuron"],
            synapse=values["synapse"],
            n=values["n"],
            n_outputs=n_outputs,
            n_inputs=n_inputs,
            dt=self.dt,
            p=values["p"],
            G=values["G"],
            Q=values["Q"],
            E2=values["input_scale"],
            row_balanced=values["row_balanced"],
            parameters={key: str(value) for key, value in self.settings.get("parameters", {}).items()},
            initial=self.values["initial"],
            learning=self.learning(),
            dtype=values["dtype"],
            seed=self.seed,
        )

    def phases(self) -> tuple[Phase, ...]:
        """Return the phases before, during and after learning; those without a step are left out."""
        from .results import Phase

        end = self.n_steps
        start, stop = (min(step, end) for step in self.learning_steps or (end, end))
        borders = (("before", 0, start), ("learning", start, stop), ("after", stop, end))
        return tuple(Phase(name, first, last) for name, first, last in borders if first < last)

    def forecast(self) -> MemoryForecast:
        """Say how much memory a run will take, without drawing or computing anything."""
        network, record = self.values["network"], self.values["record"]
        n, number = network["n"], 8 if network["dtype"] == "float64" else 4
        rows, n_outputs, n_inputs = self.task_shape
        recorded_rows = -(-self.n_steps // record["every"])
        per_row = 2 * n_outputs + len(record["variables"]) * min(record["variables_of"], n)
        rate = max(self.expected.get("firing_rate", (_ASSUMED_RATE,)))
        watched = n if record["spikes_of"] is None else min(record["spikes_of"], n)
        return MemoryForecast(
            P=n * (n + 1) // 2 * number if "learning" in self.values else 0,
            synapses=round(network["p"] * n * n) * _BYTES_PER_SYNAPSE if network["G"] else 0,
            kernels=n * (2 * n_outputs + n_inputs) * number,
            samples=rows * (n_outputs + n_inputs) * 8,
            recorded=recorded_rows * per_row * 8,
            spikes=round(rate * watched * self.duration) * _BYTES_PER_SPIKE,
        )


def _files(folder: Path) -> dict[str, Path]:
    """Return the recipe files of a folder and its sub-folders by their name in it."""
    found = sorted(folder.rglob("*.toml"))
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in found}


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
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise InvalidValueError(message("list_recipes.folder", "a folder", str(folder), "check the path."))
    return sorted(_files(path))


def _locate(name: str | Path) -> tuple[str, Path]:
    """Return the full name and the file of a recipe."""
    text, where = str(name), "load_recipe.name"
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
    path = Path(name).expanduser()
    if path.is_dir():
        inside = _files(path)
        if len(inside) == 1:
            return str(path), next(iter(inside.values()))
        listed = ", ".join(f"{path}/{item}" for item in inside) or "it holds none"
        raise InvalidValueError(message(where, "a folder that holds one recipe", text, f"name one ({listed})."))
    for candidate in (path, path.with_name(path.name + ".toml")):
        if candidate.is_file():
            return str(candidate), candidate
    if path.suffix == ".toml":
        raise InvalidValueError(message(where, "a file that exists", text, "check the path."))
    raise unknown_name(where, "recipe", text, [*files, *(full.rpartition("/")[2] for full in files)])


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValueError(message(str(path), "a file that can be read", str(error))) from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidValueError(
            message(str(path), "a file in TOML", str(error), "mend that line; text needs quotes.")
        ) from None


def _check_layout(path: Path, data: Mapping[str, Any]) -> None:
    for key, value in data.items():
        if key in _TEXTS:
            if not isinstance(value, str):
                raise InvalidTypeError(message(f"{path}: {key}", "a text", value, "put it in quotes."))
        elif key not in _TABLES:
            raise unknown_name(str(path), "key or table", key, [*_TEXTS, *_TABLES])
        elif not isinstance(value, dict):
            raise InvalidTypeError(
                message(f"{path}: {key}", f"a table, [{key}]", value, "put its keys below its name in brackets.")
            )
    for section, key in (("network", "neuron"), ("task", "name"), ("run", "duration")):
        value = data.get(section, {}).get(key)
        if value is None:
            raise InvalidValueError(
                message(f"{path}: {section}.{key}", "a value, it has no default", None, f"add it to [{section}].")
            )
        if section != "run" and not isinstance(value, str):
            raise InvalidTypeError(message(f"{path}: {section}.{key}", "a text", value, "put it in quotes."))


def _anchor(data: dict[str, Any], folder: Path) -> None:
    """Let the files that a recipe names be found beside it, wherever it is run."""
    for section, key in (("network", "neuron"), ("network", "synapse"), ("task", "file")):
        value = data.get(section, {}).get(key)
        if isinstance(value, str) and (key == "file" or value.endswith(".toml")):
            data[section][key] = str(folder / Path(value).expanduser())


def _expected(table: Mapping[str, Any], path: Path) -> dict[str, Any]:
    expected = {}
    for key, value in table.items():
        where = f"{path}: expected.{key}"
        if key not in EXPECTED:
            raise unknown_name(f"{path}: expected", "key", key, EXPECTED)
        many = EXPECTED[key].many
        items = value if isinstance(value, list) or not many else [value]
        expected[key] = EXPECTED[key].parse(items, where)
        if many and (len(expected[key]) > 2 or list(expected[key]) != sorted(expected[key])):
            raise InvalidValueError(message(where, "one value, or a range [low, high]", value))
    return expected


def load_recipe(name: str | Path, settings: Mapping[str, Any] | None = None) -> Recipe:
    """Load a recipe, with some of its settings changed.

    Parameters
    ----------
    name : str or pathlib.Path
        Its full name, the part of it after the slash, or the path of a file of one's own.
    settings : mapping of str to str, optional
        Other values, by their dotted names ("network.G") or the last part of these ("G").
        Values are text with units ("2*ms"), as in the file.

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
    full, path = _locate(name)
    data = _read(path)
    _check_layout(path, data)
    _anchor(data, path.resolve().parent)
    sections = {key: value for key, value in data.items() if key in _TABLES and key != "expected"}
    sections, changed = apply_settings(sections, settings or {}, full)

    def where(section: str, key: str) -> str:
        place = f"{full}: setting" if (section, key) in changed else f"{path}:"
        return f"{place} {section}.{key}" if key else f"{place} {section}"

    values = parse_sections(sections, where, full)
    recipe = Recipe(
        name=full,
        path=path,
        **{key: data.get(key, "").strip() for key in _TEXTS},
        settings=sections,
        values=values,
        expected=_expected(data.get("expected", {}), path),
    )
    _check_times(recipe, where)
    return recipe


def _check_times(recipe: Recipe, where: Any) -> None:
    if recipe.n_steps < 1:
        raise InvalidValueError(
            message(where("run", "duration"), f"at least one time step ({recipe.dt:g} s)", recipe.duration)
        )
    learning = recipe.values.get("learning")
    if learning and learning["stop"] is not None and learning["start"] > learning["stop"]:
        raise InvalidValueError(
            message(
                where("learning", "start"),
                "a time no later than learning.stop",
                f"start = {learning['start']:g} s, stop = {learning['stop']:g} s",
                "exchange them, or change one.",
            )
        )
    # numbers of channels depend on the task alone: what cannot work there is refused here
    recipe.task_shape  # noqa: B018
