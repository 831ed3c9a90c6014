"""Neurons and rate units of a circuit: the statements that Brian2 makes of their equations, on tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from ...circuit.names import entry
from ...circuit.parts import Units
from ..expressions import evaluate_text, in_type
from ..statements import STEPS_SINCE_SPIKE, Program, Statement, carry_out, program_of_group
from ..step import rests, since_spike
from .moment import Action, Moment

__all__ = ["UnitsCode", "UnitsSteps", "code_of"]

#: Parts of the code by names, with their places in the time step.
_PLACES = {"held": ("before_start", 0), "update": ("groups", 0), "rate": ("groups", 1)}

#: Where Brian2 lets variables start that are not 0.
_FIRST = {"lastspike": -1e4, "not_refractory": True}


@dataclass(frozen=True)
class UnitsCode:
    """The code of some units.

    Attributes
    ----------
    program : Program
        Statements: ``update``, and where there are such ``held``, ``rate``, ``threshold``, ``reset``.
    shapes : dict of str to tuple of int
        The variables that are stored: one value per unit, or one for all, ``()``.
    dtypes : dict of str to dtype
        The type of each.
    constants : frozenset of str
        Those that nothing changes during a run.
    guards : dict of str to str
        Variables that may change only where a condition holds, which is a variable too.
    formulas : dict of str to str
        The subexpressions.
    """

    program: Program
    shapes: Mapping[str, tuple[int, ...]]
    dtypes: Mapping[str, np.dtype]
    constants: frozenset[str]
    guards: Mapping[str, str]
    formulas: Mapping[str, str]


def code_of(name: str, part: Units, dt: float, dtype: str) -> UnitsCode:
    """Let Brian2 check and integrate the equations of some units.

    Raises
    ------
    InvalidValueError
        If the equations are wrong; the message names their file.
    """
    from ...brian.assemble import add_rate, blaming_the_files, group_of
    from ...brian.isolation import isolated

    # isort: split
    from brian2.core.clocks import Clock
    from brian2.core.variables import ArrayVariable, Subexpression
    from brian2.units.allunits import second

    with (
        isolated("runtime", {"core.default_float_dtype": np.dtype(dtype).type}),
        blaming_the_files(part.files, (Exception,)),
    ):
        clock = Clock(dt * second, name="network_clock")
        group = group_of(part, name, clock)
        group.add_to_magic_network = False
        object.__setattr__(group, "_network", "none: only its code is wanted")  # or Brian2 warns of it
        runners = {"held": group.subexpression_updater, "update": group.state_updater}
        runners["rate"] = add_rate(group, part, clock)
        if part.threshold:
            runners |= {"threshold": group.thresholder["spike"], "reset": group.resetter["spike"]}
        found = {key: runner for key, runner in runners.items() if runner is not None}
        program = program_of_group(group, found, optimise=True)
        own = {key: v for key, v in group.variables.items() if getattr(v.owner, "name", None) == name}
        stored = {key: v for key, v in own.items() if isinstance(v, ArrayVariable) and key not in ("_spikespace", "i")}
        return UnitsCode(
            program,
            shapes={key: () if v.scalar else (part.n,) for key, v in stored.items()},
            dtypes={key: np.dtype(v.dtype) for key, v in stored.items()},
            constants=frozenset(key for key, v in stored.items() if v.constant),
            guards={key: v.conditional_write.name for key, v in stored.items() if v.conditional_write is not None},
            formulas={key: v.expr for key, v in own.items() if isinstance(v, Subexpression)},
        )


class UnitsSteps:
    """The actions of some units in a time step.

    Parameters
    ----------
    name : str
        Of the part.
    part : Units
    code : UnitsCode
    dt : float
        Time step in seconds.
    dtype : str
        Of their numbers.
    """

    def __init__(self, name: str, part: Units, code: UnitsCode, dt: float, dtype: str) -> None:
        self.name: str = name
        self.part: Units = part
        self.code: UnitsCode = code
        self.dt: float = dt
        self.floats: Any = tf.as_dtype(dtype)
        self.where: str = part.files[0] if part.files else name
        self._before: dict[str, dict[str, Any]] = {}
        self._statements: dict[str, tuple[Statement, ...]] = dict(code.program.parts)

    def check(self) -> None:
        """Refuse code that TensorFlow cannot carry out.

        Raises
        ------
        InvalidValueError
        """
        with tf.Graph().as_default():
            fixed, state = ({key: tf.constant(array) for key, array in arrays.items()} for arrays in self.arrays({}))
            step = tf.constant(0, tf.int64)
            time = {"t": tf.zeros([], self.floats), "dt": self.dt, "t_in_timesteps": step}
            moment = Moment(step, tf.constant(0), time, fixed, state, {}, {}, self.formulas())
            self.prepare(fixed)
            for action in sorted(self.actions(), key=lambda action: action.key):
                action.do(moment)
            for formula in moment.formulas.values():
                formula(moment)

    def arrays(self, values: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the arrays that stay during a run, and the state that it starts from."""
        fixed: dict[str, np.ndarray] = {}
        state: dict[str, np.ndarray] = {}
        for key, shape in self.code.shapes.items():
            given = values.get(entry(self.name, key), _FIRST.get(key, 0))
            array = np.array(np.broadcast_to(np.reshape(given, -1) if shape else np.ravel(given)[0], shape))
            whole = {"i": np.int64}.get(self.code.dtypes[key].kind, self.code.dtypes[key])
            (fixed if key in self.code.constants else state)[entry(self.name, key)] = array.astype(whole)
        return fixed, state

    def actions(self) -> list[Action]:
        """Return the actions of a time step."""
        found = [
            Action(*_PLACES[key], f"{self.name}_{key}", self._runs(key)) for key in self.code.program.parts
            if key in _PLACES
        ]  # fmt: skip
        if self.part.threshold:
            found.append(Action("thresholds", 0, f"{self.name}_threshold", self._threshold))
            found.append(Action("resets", 0, f"{self.name}_reset", self._reset))
        return found

    def formulas(self) -> dict[str, Any]:
        """Return how each subexpression is computed."""

        def computes(text: str) -> Any:
            return lambda moment: evaluate_text(text, self._names(moment, recursive=True), self.where)

        return {entry(self.name, key): computes(text) for key, text in self.code.formulas.items()}

    def prepare(self, fixed: Mapping[str, Any]) -> None:
        """Carry out what is the same in every step of a run: statements of nothing but constants."""
        from brian2.utils.stringtools import get_identifiers

        known = {key: fixed[entry(self.name, key)] for key in self.code.constants} | self._plain
        changing = {"t", "t_in_timesteps", STEPS_SINCE_SPIKE, *self.code.formulas}
        changing |= self.code.shapes.keys() - self.code.constants
        for part, statements in self.code.program.parts.items():
            values, left = dict(known), []
            unknown = set(changing)
            for statement in statements:
                if get_identifiers(statement.value) & unknown or statement.variable in unknown:
                    unknown.add(statement.variable)
                    left.append(statement)
                else:
                    values = carry_out([statement], values, self.where)
            self._before[part] = {key: value for key, value in values.items() if key not in known}
            self._statements[part] = tuple(left)

    @property
    def _plain(self) -> dict[str, Any]:
        """Names of plain numbers, and of the index of each unit."""
        units = {key: value for key, (value, _) in self.code.program.constants.items()}
        return units | {"dt": self.dt, "N": self.part.n, "i": tf.range(self.part.n, dtype=tf.int64)}

    def _names(self, moment: Moment, recursive: bool = False) -> dict[str, Any]:
        """Return what the statements of a step may name."""
        names = self._plain | {key: moment[entry(self.name, key)] for key in self.code.shapes}
        names |= moment.time
        if "lastspike" in names:
            names |= since_spike(names["lastspike"], names, self.floats)
        if recursive:
            left = dict(self.code.formulas)
            for _ in range(len(left)):  # each may use others
                for key, text in list(left.items()):
                    if not _words(text) & (left.keys() - {key}):
                        names[key] = evaluate_text(text, names, self.where)
                        del left[key]
        return names

    def _carried_out(self, part: str, names: Mapping[str, Any]) -> dict[str, Any]:
        return carry_out(self._statements[part], {**names, **self._before.get(part, {})}, self.where)

    def _runs(self, part: str) -> Any:
        written = self._written(part)

        def do(moment: Moment) -> None:
            values = self._carried_out(part, self._names(moment))
            moment.state |= {entry(self.name, key): self._stored(key, values[key]) for key in written}

        return do

    def _threshold(self, moment: Moment) -> None:
        names = self._names(moment)
        spikes = tf.broadcast_to(self._carried_out("threshold", names)["_cond"], (self.part.n,))
        moment.spikes[self.name] = spikes
        if "lastspike" in self.code.shapes:
            last = moment[entry(self.name, "lastspike")]
            moment.state |= {entry(self.name, key): value for key, value in rests(spikes, last, names, names).items()}

    def _reset(self, moment: Moment) -> None:
        spikes, values = moment.spikes[self.name], self._carried_out("reset", self._names(moment))
        for key in self._written("reset"):
            before = moment[entry(self.name, key)]
            moment.state[entry(self.name, key)] = tf.where(spikes, self._stored(key, values[key]), before)

    def _written(self, part: str) -> set[str]:
        return {statement.variable for statement in self.code.program.parts[part]} & self.code.shapes.keys()

    def _stored(self, key: str, value: Any) -> Any:
        """Return a value as a variable stores it."""
        whole = self.code.dtypes[key].kind == "i"
        dtype = tf.int64 if whole else tf.as_dtype(self.code.dtypes[key])
        return tf.broadcast_to(in_type(value, dtype), self.code.shapes[key])


def _words(text: str) -> set[str]:
    from brian2.utils.stringtools import get_identifiers

    return set(get_identifiers(text))
