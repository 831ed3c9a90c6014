"""Layers whose dynamics an equation file declares."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from ...declare.declaration import check_currents
from ...declare.equations import SEED, Neuron, list_neurons, list_rate_units, load_neuron, resolve_parameters
from ...declare.parameter_checks import check_parameters
from ...declare.units import Quantity, evaluate
from ...errors import InvalidTypeError, InvalidValueError, message, problem, unknown_name
from ...tensorflow.statements import Program
from .force_layer import FORCELayer
from .layer_units import LayerUnits

__all__ = ["EquationLayer"]


class EquationLayer(FORCELayer):
    """A layer that takes its dynamics, on every engine, from an equation file.

    A subclass names a file of its own, and values of its parameters::

        class Mine(EchoStateNetwork):
            equation_file = "mine.toml"
            parameters = {"gain": 2, "tau": "20*ms"}

    Attributes
    ----------
    equation_file : str or Path
        Path of the file, relative to the folder of the module that defines the class, or absolute; or the name of
        a file of the package.
    parameters : mapping
        From the names of parameters of the file to expressions with units, or numbers. Those of a base class with
        the same file hold too; what is not named keeps the value in the file.

    Raises
    ------
    InvalidTypeError, InvalidValueError, UnknownNameError, UnitsError
        If the file is missing or wrong, or a parameter is unknown or has another unit.
    """

    equation_file: ClassVar[str | Path]
    parameters: ClassVar[Mapping[str, str | float]] = {}
    #: kind of the file
    _kind: ClassVar[str]
    #: parameters that the file may lack if their argument is 0
    _optional: ClassVar[tuple[str, ...]] = ()
    #: whether it counts time steps for the file; otherwise a state does
    _needs_clock: ClassVar[bool] = True
    #: units of the plain numbers
    layer_units: LayerUnits = LayerUnits()
    #: state variables of the file beside those among the states, and what else a time step changes
    further_states: Any = None
    clock: Any = None
    _noise_key: Any = None
    _keeps_hidden: bool = False

    # -- the file

    def _read_file(self, like: EquationLayer | None = None) -> None:
        """Load the equations; those of another layer, if one is given."""
        self._neuron: Neuron = self._load() if like is None else like._neuron
        self._chosen = self._choose() if like is None else like.overrides()

    def _load(self) -> Neuron:
        where, name = f"{type(self).__name__}.equation_file", self.equation_file
        if not isinstance(name, str | Path) or not str(name):
            fix = 'derive a class with equation_file = "mine.toml".'
            raise InvalidTypeError(message(where, "the path or the name of an equation file", name, fix))
        known = list_rate_units() if self._kind == "rate" else list_neurons()
        path = Path(name)
        if path.suffix != ".toml" and len(path.parts) == 1:
            if name not in [*list_rate_units(), *list_neurons()]:
                raise unknown_name(where, f"{self._kind} file", name, known)
            neuron = load_neuron(name)
        else:
            path = _folder_of(_owners(self)[-1]) / path.expanduser()
            if not path.is_file():
                raise InvalidValueError(
                    message(
                        where,
                        "an existing equation file",
                        str(path),
                        "a path is relative to the folder of the module that defines the class.",
                    )
                )
            neuron = load_neuron(path)
        if neuron.spiking != (self._kind == "neuron"):
            kind = "neuron" if neuron.spiking else "rate"
            raise InvalidValueError(
                message(where, f"a file of kind {self._kind!r}", kind, f"{neuron.name} is another.")
            )
        check_currents(where, neuron)
        return neuron

    def _choose(self) -> dict[str, str | float]:
        """Return the values of ``parameters``: of the class, and of those above it with the same file."""
        where = f"{type(self).__name__}.parameters"
        owners = _owners(self)
        found: dict[str, Any] = {}
        for values in reversed([vars(each)["parameters"] for each in owners if "parameters" in vars(each)]):
            if not isinstance(values, Mapping):
                raise InvalidTypeError(message(where, "a dictionary of names and values", values))
            found |= values
        for name, value in found.items():
            if name not in self._neuron.parameters:
                raise unknown_name(where, f"parameter of {self._neuron.name}.toml", name, self._neuron.parameters)
            if isinstance(value, bool) or not isinstance(value, str | int | float | np.integer | np.floating):
                raise InvalidTypeError(message(f"{where}.{name}", 'a number, or an expression such as "10*ms"', value))
        return {name: value if isinstance(value, str) else float(value) for name, value in found.items()}

    def file_arguments(self) -> dict[str, float]:
        """Return the parameters of the file that are arguments of the layer, as its plain numbers."""
        return {}

    def _check_file(self) -> None:
        """Refuse parameters and arguments that do not go with the file."""
        name, file = type(self).__name__, f"{self._neuron.name}.toml"
        for parameter, value in self.file_arguments().items():
            if np.asarray(value).dtype.kind not in "iuf" or not np.all(np.isfinite(value)):
                raise InvalidTypeError(message(f"{name}: parameter {parameter} of {file}", "a finite number", value))
            if parameter in self._chosen:
                raise InvalidValueError(
                    problem(
                        f"{name}.parameters",
                        f"{parameter} is an argument of {name}",
                        self._chosen[parameter],
                        f"take {parameter} out of parameters, and pass it to the layer.",
                    )
                )
            if parameter not in self._neuron.parameters and not (parameter in self._optional and value == 0):
                raise InvalidValueError(
                    message(
                        f"{name}.equation_file",
                        f"a file with the parameter {parameter!r}, which takes an argument of the layer",
                        f"{file} with {', '.join(self._neuron.parameters) or 'none'}",
                        "add it to the file, or derive from a class that does not have the argument.",
                    )
                )
        self.parameter_values()

    def _check_values(self) -> None:
        """Refuse values of parameters that the file does not allow.

        Time constants may be shorter than a time step, as in the published package.
        """
        where, texts = f"{type(self).__name__}({self._neuron.name})", {**self._chosen, **self.file_arguments()}
        check_parameters(where, self._neuron, [], self.parameter_values(), dt=0.0, texts=texts)

    @property
    def neuron(self) -> Neuron:
        """The equations as they were read."""
        return self._neuron

    # -- numbers

    @property
    def plain_dt(self) -> float:
        """Time step as a plain number of the layer."""
        return self.dt

    @property
    def dt_seconds(self) -> float:
        """Time step in seconds."""
        return self.plain_dt * self.layer_units.time

    def overrides(self) -> dict[str, Any]:
        """Return the parameters that differ from the defaults of the file, as the Brian2 engine takes them."""
        known = resolve_parameters(self._neuron.name, self._neuron.parameters, dt=1.0)
        arguments = {
            name: Quantity(_array(value) * self.layer_units.scale_of(known[name].dimension), known[name].dimension)
            for name, value in self.file_arguments().items()
            if name in known
        }
        return self._chosen | arguments

    def parameter_values(self) -> dict[str, Quantity]:
        """Return all parameters of the file in SI units."""
        where = f"{type(self).__name__}({self._neuron.name})"
        return resolve_parameters(where, self._neuron.parameters, self.overrides(), dt=self.dt_seconds)

    def _numbers(self) -> dict[str, Any]:
        """Return parameters and ``dt`` as plain numbers of the layer; an argument may be an array, (units,)."""
        scale_of = self.layer_units.scale_of
        values = {name: q.value / scale_of(q.dimension) for name, q in self.parameter_values().items()}
        given = {name: _array(value) for name, value in self.file_arguments().items() if name in values}
        return values | given | {"dt": self.plain_dt}

    def _names(self, program: Program, inputs: Mapping[str, Any], step: Any) -> dict[str, Any]:
        """Return what a program may read, beside its states.

        Parameters
        ----------
        program : Program
        inputs : mapping
            Tensors of ``recurrent``, ``feedback`` and ``external``; 0 where one is missing.
        step : tensor of int64, shape ()
            Time steps before this one.
        """
        names: dict[str, Any] = self._numbers()
        for name, value in names.items():
            if np.ndim(value):
                names[name] = tf.constant(np.reshape(value, (1, -1)), self.compute_dtype)
        names |= dict.fromkeys(self._neuron.more_inputs, 0.0)
        names |= {variable: inputs.get(kind, 0.0) for kind, variable in self._neuron.inputs.items()}
        scale_of = self.layer_units.scale_of
        names |= {name: value / scale_of(dimension) for name, (value, dimension) in program.constants.items()}
        names |= {"N": self.units, "t_in_timesteps": step}
        if program.reads("t"):
            names["t"] = names["dt"] * tf.cast(step, self.compute_dtype)
        if program.reads("i"):
            names["i"] = tf.range(self.units, dtype=tf.int64)[None]
        if self._noise_key is not None:
            names[SEED] = tf.convert_to_tensor(self._noise_key)
        return names

    # -- what a time step changes beside the states

    def create_hidden(self, add_weight: Callable[..., Any]) -> None:
        """Create variables for what the file needs beside the states of the layer; see `FORCELayer`."""
        if self._keeps_hidden:  # by another model of the layer
            return
        code, further = " ".join(self._neuron.code), {}
        for name in self._neuron.state_variables:
            if name not in self._shown_states():
                # times of spikes are compared with the time of the step, to the step, for as long as a run goes on
                dtype = "float64" if name == "lastspike" else self.compute_dtype
                further[name] = add_weight(
                    name=f"further_{name}", shape=(1, self.units), dtype=dtype, initializer="zeros",
                    trainable=False, autocast=False,
                )  # fmt: skip
        hidden: dict[str, Any] = {
            "further_states": further, "clock": None, "_noise_key": None, "_keeps_hidden": True,
        }  # fmt: skip
        whole = {"shape": (), "dtype": "int64", "initializer": "zeros", "trainable": False}
        if self._needs_clock and re.search(r"\bt(_in_timesteps)?\b", code):
            hidden["clock"] = add_weight(name="clock", **whole)
        if SEED in code:
            # a weight, for without a seed the key is drawn: a loaded model goes on with the same noise
            hidden["_noise_key"] = add_weight(name="noise_key", **whole)
            hidden["_noise_key"].assign(self.seed_gen.uniform([1], minval=None)[0])
        for name, value in hidden.items():
            object.__setattr__(self, name, value)  # past the tracking of a built layer
        self.reset_hidden()

    def hidden_variables(self) -> list[Any]:
        """Return the variables beside the states that a time step changes."""
        self._ensure_hidden()
        return [*([] if self.clock is None else [self.clock]), *self.further_states.values()]

    def draw_beside(self, other: EquationLayer) -> None:
        """Draw other noise than another layer of the same file, as the second group of a `ForceNetwork` does."""
        if self._noise_key is not None:
            self._noise_key.assign(tf.convert_to_tensor(other._noise_key) + 1)

    def reset_hidden(self) -> None:
        """Set the state variables that are not among the states to the file's initial values; the clock continues."""
        for name, variable in self.further_states.items():
            variable.assign(tf.cast(self._initial(name, 1), variable.dtype))

    @property
    def steps_counted(self) -> int:
        """Time steps that the layer has counted for its file."""
        return 0 if self.clock is None else int(np.asarray(self.clock))

    @property
    def noise_seed(self) -> int:
        """Seed of the noise of the file."""
        return 0 if self._noise_key is None else int(np.asarray(self._noise_key))

    def _ensure_hidden(self) -> None:
        """Create the hidden variables of a layer that runs by itself, outside of a model."""
        if self.further_states is not None:
            return

        def variable(name: str, shape: tuple[int, ...], dtype: str, **_: Any) -> Any:
            return tf.Variable(tf.zeros(shape, dtype), trainable=False, name=name)

        with tf.init_scope():
            self.create_hidden(variable)
        object.__setattr__(self, "_keeps_hidden", False)

    def _shown_states(self) -> tuple[str, ...]:
        """Return the state variables that are among the states of the layer."""
        return (self._neuron.membrane,)

    def _advanced(self, further: Mapping[str, Any]) -> None:
        """Store the hidden variables after a step."""
        for name, variable in self.further_states.items():
            variable.assign(further[name])
        if self.clock is not None:
            self.clock.assign(tf.convert_to_tensor(self.clock) + 1)

    def _further(self) -> dict[str, Any]:
        self._ensure_hidden()
        return {name: tf.convert_to_tensor(variable) for name, variable in self.further_states.items()}

    def _initial(self, name: str, rows: int) -> tf.Tensor:
        """Return initial values of a state variable as the file draws them, (rows, units)."""
        neuron = self._neuron
        if name not in neuron.initial:
            return tf.zeros((rows, self.units), self.compute_dtype)
        dimension = neuron.meanings[name].dimension
        names = self.parameter_values() | {"dt": evaluate(f"{self.dt_seconds!r}*second", "dt")}
        seed = self.seed_gen.uniform([1], minval=None)[0]
        count = rows * self.units
        drawn = evaluate(
            neuron.initial[name], f"{neuron.name}.toml: initial.{name}", names, count, np.random.default_rng(seed)
        )
        values = np.broadcast_to(drawn.value, count) / self.layer_units.scale_of(dimension)
        return tf.constant(values.reshape(rows, self.units), self.compute_dtype)


def _array(value: Any) -> Any:
    """Return a plain number, or an array where neurons differ."""
    array = np.asarray(value, float)
    return float(array.ravel()[0]) if array.size == 1 else array


def _owners(layer: EquationLayer) -> list[Any]:
    """Return the layer and its classes up to the one that names the equation file."""
    owners = [layer, *type(layer).__mro__]
    last = next(i for i, owner in enumerate(owners) if "equation_file" in vars(owner))
    return owners[: last + 1]


def _folder_of(owner: Any) -> Path:
    """Return the folder of the module that defines a class; that of a notebook is the working folder."""
    cls = owner if isinstance(owner, type) else type(owner)
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return Path.cwd() if file is None else Path(file).resolve().parent
