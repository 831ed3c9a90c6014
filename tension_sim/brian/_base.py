"""Base class of the learning objects: a Brian2 group with one generated code object."""

from __future__ import annotations

import re
from typing import Any

import brian2
import numpy as np
from brian2.codegen.runtime.cython_rt import CythonCodeObject
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.core.clocks import DefaultClockProxy
from brian2.core.variables import ArrayVariable, DynamicArrayVariable, Subexpression, Variables
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from brian2.devices.device import all_devices
from brian2.units.fundamentalunits import DIMENSIONLESS, Quantity

from ..declare.described import Described
from ..declare.validation import check_steps, check_whole
from ..errors import InvalidTypeError, InvalidValueError, UnsupportedError, message, unknown_name
from .bases import CodeRunner, Group
from .callers import users_line
from .elements import ArrayView, ElementsView, length_asked_for
from .neighbours import warn_of_those_left_out
from .standalone import is_standalone
from .times import StepCount

__all__ = ["GeneratedObject", "check_clock", "check_place", "default_float", "resolve_source"]

_PACKAGE = "tension_sim.brian"

#: A name that Brian2 takes; the star stands for a number.
_NAME = re.compile(r"[A-Za-z_]\w*\*?", re.ASCII)


def default_float() -> type:
    """Return the float type of new variables (Brian2's preference)."""
    return brian2.prefs["core.default_float_dtype"]


def _code_object_classes() -> list[Any]:
    classes = [NumpyCodeObject, CythonCodeObject, CPPStandaloneCodeObject]
    if "cuda_standalone" in all_devices:
        from brian2cuda.codeobject import CUDAStandaloneCodeObject

        classes.append(CUDAStandaloneCodeObject)
    return classes


def make_templates_known() -> None:
    """Let Brian2's code objects find our templates beside their own."""
    for cls in _code_object_classes():
        if _PACKAGE not in cls.templater.package_names:
            cls.templater = cls.templater.derive(_PACKAGE)


def resolve_source(where: str, group: Any, name: str, *, shared: bool = False) -> tuple[ArrayVariable, int, int]:
    """Find a variable that the templates can address as an array.

    Parameters
    ----------
    where : str
        Class and argument, for messages.
    group : Group
        A Brian2 group or subgroup.
    name : str
        The variable's name.
    shared : bool, optional
        Whether it may be a single value for the whole group.

    Returns
    -------
    variable, offset, size : ArrayVariable, int, int
        Element i of the group is element ``offset + i`` of the array.
    """
    if not isinstance(getattr(group, "variables", None), Variables):
        raise InvalidTypeError(message(where, "a Brian2 group", group, "pass the group, and its variable by name."))
    if not isinstance(name, str):
        raise InvalidTypeError(message(where, "the name of a variable", name, "pass the name, such as 'v'."))
    if name not in group.variables:
        known = [key for key in group.variables if not key.startswith("_")]
        raise unknown_name(where, f"variable of {group.name}", name, known)
    variable = group.variables[name]
    if isinstance(variable, Subexpression) or not isinstance(variable, ArrayVariable):
        raise InvalidTypeError(
            message(
                where,
                "a state variable, stored as an array",
                name,
                f"declare {name!r} of {group.name} as a parameter or a differential equation; "
                "a subexpression has no values to read.",
            )
        )
    if variable.scalar:
        if not shared:
            raise InvalidTypeError(
                message(
                    where,
                    f"a variable with one value per element of {group.name}",
                    name,
                    f"{name!r} is shared by the whole group: declare it without (shared), or name another variable.",
                )
            )
        return variable, 0, 1
    if group.variables.indices[name] not in ("_idx", "_sub_idx"):  # a linked variable with its own index
        raise InvalidValueError(
            message(
                where,
                f"a variable with one value per element of {group.name}",
                name,
                "name the group that owns it.",
            )
        )
    if isinstance(group, GeneratedObject) and group.owns(name):
        return variable, 0, variable.size
    try:
        return variable, int(getattr(group, "start", 0)), len(group)
    except NotImplementedError:  # synapses on a standalone device
        raise UnsupportedError(
            message(
                where,
                "a group whose size is known before the program runs",
                group.name,
                "record it by a StateMonitor, or use a runtime target.",
            )
        ) from None


def check_clock(kind: str, clock: Any) -> None:
    """Refuse what is neither a clock of Brian2 nor None."""
    if clock is not None and not isinstance(clock, brian2.Clock | DefaultClockProxy):
        raise InvalidTypeError(message(f"{kind}.clock", "a Brian2 Clock, or None", clock, "Clock(dt=0.1*ms)."))


def check_place(kind: str, clock: Any, when: Any, order: Any, name: Any) -> None:
    """Refuse what Brian2 would not take for an object's place in the time step, and its name."""
    check_clock(kind, clock)
    slot = "the name of a slot of the schedule, such as 'start' or 'end'"
    if not isinstance(when, str):
        raise InvalidTypeError(message(f"{kind}.when", slot, when))
    if not when:
        raise InvalidValueError(message(f"{kind}.when", slot, when))
    check_whole(f"{kind}.order", order, None)
    if not isinstance(name, str):
        raise InvalidTypeError(message(f"{kind}.name", "a text", name))
    if not _NAME.fullmatch(name):
        fix = "write it as in my_readout, or readout* for a number behind it."
        raise InvalidValueError(message(f"{kind}.name", "letters, digits and underscores, no digit first", name, fix))


class GeneratedObject(Described, Group, CodeRunner):
    """A Brian2 group that runs one template of ours at each time step.

    Subclasses fill ``self.variables`` and then call ``_enable_group_attributes``.
    The template exists once per target, under one name, in ``templates/``.
    """

    add_to_magic_network = True
    invalidates_magic_network = False

    def _describe(self) -> dict[str, object]:
        return {"name": self.name, "when": self.when, "order": self.order}

    #: Whether another object of ours owns this one, and adds it to the Network.
    is_part = False

    #: Arrays with one element per weight; strings and indices address them by source and target.
    pair_arrays: tuple[str, ...] = ()

    def __init__(
        self,
        template: str,
        *,
        clock: Any,
        when: str,
        order: int,
        name: str,
        code: str = "",
        needed_variables: list[str] | None = None,
        template_kwds: dict[str, Any] | None = None,
    ) -> None:
        self.codeobj_class: Any = None
        self._kept: list[Any] = []
        self._steps: dict[str, StepCount] = {}
        self._steps_written: dict[str, int] = {}
        check_place(type(self).__name__, clock, when, order, name)
        CodeRunner.__init__(
            self,
            group=self,
            template=template,
            code=code,
            clock=clock,
            when=when,
            order=order,
            name=name,
            check_units=bool(code),
            needed_variables=needed_variables,
            template_kwds=template_kwds,
        )
        line = users_line()
        if line:
            self._creation_stack = line
        self.variables: Any = Variables(self)
        self.variables.create_clock_variables(self._clock)

    def add_dependency(self, other: Any) -> None:
        """Depend on another object, and keep a reference to it: a subgroup may have no other owner."""
        self._kept.append(other)
        super().add_dependency(other)

    def __del__(self) -> None:
        if not self.is_part and "_group_attribute_access_active" in self.__dict__:
            # Brian2 warns of objects in no network, except of those that belong to a group
            self.__dict__["group"] = None
            super().__del__()

    def keep(self, other: Any) -> None:
        """Let another object live as long as this one."""
        self._kept.append(other)

    def owns(self, name: str) -> bool:
        """Say whether a variable is an array of this object, not a reference to an array of another."""
        variable = self.variables.get(name)
        return isinstance(variable, ArrayVariable) and variable.owner.name == self.name

    def __len__(self) -> int:
        asked = length_asked_for(self)
        return int(np.asarray(self.variables["N"].get_value()).item()) if asked is None else asked

    def _has_length_of_its_own(self, name: str) -> bool:
        variable = self.variables.get(name)
        if not isinstance(variable, ArrayVariable) or variable.scalar:
            return False
        if name in self.pair_arrays or isinstance(variable, DynamicArrayVariable):
            return True
        return isinstance(self.variables["N"], ArrayVariable) or variable.size != self.variables["N"].get_value()

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target of each element of `pair_arrays`."""
        raise NotImplementedError

    def state(self, name: str, use_units: bool = True, level: int = 0) -> Any:
        if self._has_length_of_its_own(name):
            return ElementsView(self, name, units=use_units)
        variable = self.variables.get(name)
        if isinstance(variable, ArrayVariable) and not variable.scalar:
            return ArrayView(name, variable, self, dimensions=variable.dim if use_units else None)
        return super().state(name, use_units, level + 1)

    def get_states(self, vars: Any = None, units: bool = True, *args: Any, level: int = 0, **kwargs: Any) -> Any:
        if vars is None:  # only the owner of a variable returns and sets its values
            readable = kwargs.get("read_only_variables", True)
            vars = [
                name
                for name, variable in self.variables.items()
                if not name.startswith("_") and (readable if variable.read_only else self.owns(name))
            ]
        return super().get_states(vars, units, *args, level=level + 1, **kwargs)

    def _declare_steps(self, **counts: StepCount) -> None:
        """Declare numbers of time steps; those that are times are converted before each run."""
        for name, count in counts.items():
            steps = count.nearest(self._clock.dt)
            self.variables.add_array(name, size=1, scalar=True, dtype=np.int64, values=steps)
            self._steps[name], self._steps_written[name] = count, steps

    def __setattr__(self, key: str, value: Any, level: int = 0) -> None:
        if "_group_attribute_access_active" not in self.__dict__:
            super().__setattr__(key, value)
            return
        if isinstance(getattr(type(self), key, None), property):  # Brian2 would read it first, which may need a run
            object.__setattr__(self, key, value)
            return
        count = self._steps.get(key)
        if count is None:
            name = key.removesuffix("_")
            if hasattr(type(self), key) or not self._has_length_of_its_own(name):
                super().__setattr__(key, value, level + 1)
            else:
                self.state(name, use_units=name == key).set_item(slice(None), value, level=level + 1)
            return
        given = count.replaced(value)
        self._steps[key] = given
        if given.is_time:
            self._write_steps(key, given.nearest(self._clock.dt))
        else:
            super().__setattr__(key, value, level + 1)

    def _write_steps(self, name: str, steps: int) -> None:
        self._set(name, steps)
        self._steps_written[name] = steps

    def _convert_times(self) -> None:
        """Write the times that were given as numbers of steps of the clock's present dt."""
        for name, count in self._steps.items():
            try:
                present = int(self._get(name)[0])
            except NotImplementedError:  # only the generated program knows it
                present = self._steps_written[name]
            if not count.is_time or present != self._steps_written[name]:  # set as a variable since
                if not is_standalone():  # there it may be a value of a run to come
                    check_steps(count.where, present, count.minimum, count.fix)
                continue
            steps = count.steps(self._clock.dt)
            if steps != present:  # otherwise a run argument of a generated program may hold another value
                self._write_steps(name, steps)

    def before_run(self, run_namespace: Any) -> None:
        self._convert_times()
        make_templates_known()
        self._check_target()
        warn_of_those_left_out(self, GeneratedObject.__instances__())
        CodeRunner.before_run(self, run_namespace)

    def _check_target(self) -> None:
        cls = brian2.get_device().code_object_class(self.codeobj_class)
        try:
            known = getattr(cls.templater, self.template) is not None
        except (KeyError, AttributeError):
            known = False
        if not known:
            raise UnsupportedError(
                message(
                    f"{type(self).__name__}",
                    "the target numpy, cython, cpp_standalone or cuda_standalone",
                    cls.class_name,
                    "choose one of these by set_device() or prefs.codegen.target.",
                )
            )

    def _set(self, name: str, value: Any) -> None:
        """Set a variable of this object, on any device."""
        self.variables[name].set_value(value)

    def _get(self, name: str) -> np.ndarray:
        """Read a variable of this object without its unit."""
        return np.asarray(self.variables[name].get_value())

    def _with_unit(self, value: np.ndarray, name: str) -> Any:
        dim = self.variables[name].dim
        return Quantity(value, dim=dim) if dim is not DIMENSIONLESS else value
