"""What the learning objects have in common: a Brian2 group with one generated code object."""

from __future__ import annotations

from typing import Any

import brian2
import numpy as np
from brian2.codegen.runtime.cython_rt import CythonCodeObject
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.core.variables import ArrayVariable, Subexpression, Variables, VariableView
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from brian2.devices.device import RuntimeDevice, all_devices
from brian2.groups.group import CodeRunner, Group
from brian2.units.fundamentalunits import DIMENSIONLESS, Quantity, get_or_create_dimension, get_unit

from ..arrays_in import numbers_and_dimension
from ..errors import InvalidTypeError, InvalidValueError, UnsupportedError, message, unknown_name

__all__ = ["GeneratedObject", "default_float", "is_standalone", "resolve_source"]

_PACKAGE = "tension_sim.brian"


def default_float() -> type:
    """Return the float type of new variables (Brian2's preference)."""
    return brian2.prefs["core.default_float_dtype"]


def is_standalone() -> bool:
    """Say whether the active device generates a program instead of running code."""
    return not isinstance(brian2.get_device(), RuntimeDevice)


def _code_object_classes() -> list[type]:
    classes = [NumpyCodeObject, CythonCodeObject, CPPStandaloneCodeObject]
    if "cuda_standalone" in all_devices:
        from brian2cuda.codeobject import CUDAStandaloneCodeObject

        classes.append(CUDAStandaloneCodeObject)
    return classes


def make_templates_known() -> None:
    """Let Brian2's code objects find our templates; theirs keep their names."""
    for cls in _code_object_classes():
        if _PACKAGE not in cls.templater.package_names:
            cls.templater = cls.templater.derive(_PACKAGE)


def numbers_with_unit(where: str, value: Any, expected: str) -> tuple[np.ndarray, Any]:
    """Return numbers in SI units as float64, and their Brian2 dimensions."""
    array, dimension = numbers_and_dimension(where, value, expected)
    return array, DIMENSIONLESS if dimension is None else get_or_create_dimension(dimension)


def unit_name(dim: Any) -> str:
    """Name the unit of dimensions for a message."""
    return "1 (no unit)" if dim is DIMENSIONLESS else repr(get_unit(dim))


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
                message(where, f"a variable with one value an element of {group.name}", name, "it is shared.")
            )
        return variable, 0, 1
    if group.variables.indices[name] not in ("_idx", "_sub_idx"):  # linked through an index of its own
        raise InvalidValueError(
            message(
                where,
                f"a variable with one value an element of {group.name}",
                name,
                "name the group that owns it.",
            )
        )
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


class WholeArray(VariableView):
    """A view whose shape is the array's own; Brian2 takes the group's, also for weights and P."""

    @property
    def shape(self) -> tuple[int]:
        return (self.variable.size,)


class GeneratedObject(Group, CodeRunner):
    """A Brian2 group that runs one template of ours at each time step.

    Subclasses fill ``self.variables`` and then call ``_enable_group_attributes``.
    The template exists once per target, under one name, in ``templates/``.
    """

    add_to_magic_network = True
    invalidates_magic_network = False

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
        self.codeobj_class = None
        self._kept: list[Any] = []
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
        self.variables = Variables(self)
        self.variables.create_clock_variables(self._clock)

    def add_dependency(self, other: Any) -> None:
        """Depend on another object, and keep it: a subgroup may have no other owner."""
        self._kept.append(other)
        super().add_dependency(other)

    def state(self, name: str, use_units: bool = True, level: int = 0) -> Any:
        variable = self.variables.get(name)
        if not isinstance(variable, ArrayVariable) or variable.scalar:
            return super().state(name, use_units, level + 1)
        return WholeArray(name, variable, self, dimensions=variable.dim if use_units else None)

    def before_run(self, run_namespace: Any) -> None:
        make_templates_known()
        self._check_target()
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
