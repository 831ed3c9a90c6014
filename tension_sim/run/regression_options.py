"""Options of a fit by regression, and which of them each method takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, TypedDict

import numpy as np

from ..declare.arrays_in import whole_numbers
from ..declare.options import Default
from ..declare.validation import check_choice, check_flag, check_fraction, check_number, check_positive, check_whole
from ..errors import InvalidTypeError, InvalidValueError, message, problem
from ..regression.cross_entropy import ConvexOptions
from ..regression.weights import METHODS, Fitting

__all__ = ["CLOSED_LOOP", "RegressionOptions", "check_method", "chosen_neurons", "fitting_of"]

#: The method that runs the network while it learns.
CLOSED_LOOP = "closed_loop"


class RegressionOptions(TypedDict, total=False):
    """How weights are fitted without a run of the network."""

    neurons: Annotated[Any, Default(None)]
    part: Annotated[float, Default(1.0)]
    standard_errors: Annotated[bool, Default(False)]
    ridge: Annotated[float, Default(ConvexOptions.ridge)]
    saturation: Annotated[float, Default(ConvexOptions.saturation)]
    tolerance: Annotated[float, Default(ConvexOptions.tolerance)]
    iterations: Annotated[int, Default(ConvexOptions.iterations)]


#: From this tolerance on, single precision serves the iterations of the convex fit.
_SINGLE = 1e-3

_CONVEX = tuple(field.name for field in fields(ConvexOptions))


def check_method(where: str, method: Any, runs: int, options: Mapping[str, Any]) -> None:
    """Refuse a method that is not known, and options that it does not take.

    Raises
    ------
    InvalidValueError
    """
    check_choice(f"{where}.method", method, (CLOSED_LOOP, *METHODS))
    defaults = {name: kind.__metadata__[0].value for name, kind in _annotations().items()}
    taken = () if method == CLOSED_LOOP else tuple(set(defaults) - set(_CONVEX if method != "convex" else ()))
    for name, value in options.items():
        same = value is defaults[name] or (np.ndim(value) == 0 and value == defaults[name])
        if name not in taken and not same:
            users = ("convex",) if name in _CONVEX else METHODS
            what = f"{name} has no effect with method={method!r}"
            fix = f"leave it out, or choose {' or '.join(f'method={user!r}' for user in users)}."
            raise InvalidValueError(problem(f"{where}.{name}", what, value, fix))
    if method == "convex" and runs != 1:
        raise InvalidValueError(message(f"{where}.runs", "1 with method='convex', which converges in one", runs))


def _annotations() -> dict[str, Any]:
    from typing import get_type_hints

    return get_type_hints(RegressionOptions, include_extras=True)


def fitting_of(where: str, method: str, passes: int, alpha_P: float, options: Mapping[str, Any]) -> Fitting:
    """Return the checked options of a fit.

    Raises
    ------
    InvalidTypeError, InvalidValueError
    """
    ridge = check_number(f"{where}.ridge", options["ridge"])
    if ridge < 0:
        raise InvalidValueError(message(f"{where}.ridge", "a penalty of at least 0", options["ridge"]))
    convex = ConvexOptions(
        ridge,
        check_positive(f"{where}.saturation", options["saturation"]),
        check_positive(f"{where}.tolerance", options["tolerance"]),
        check_whole(f"{where}.iterations", options["iterations"], 1),
    )
    errors = check_flag(f"{where}.standard_errors", options["standard_errors"])
    check_fraction(f"{where}.part", options["part"])
    if errors and method == "teacher_forced" and passes > 1:
        what = "1 with standard_errors: a second pass over the same data does not make them more certain"
        raise InvalidValueError(message(f"{where}.runs", what, passes))
    dtype = np.float32 if convex.tolerance >= _SINGLE else np.float64
    return Fitting(method, passes, alpha_P, convex, errors, dtype, where)


def chosen_neurons(where: str, neurons: Any, n: int) -> np.ndarray:
    """Return which neurons' incoming weights are fitted, a mask of shape (n,); all without a choice.

    Examples
    --------
    >>> chosen_neurons("demo", [0, 2], 3).tolist()
    [True, False, True]
    """
    if neurons is None:
        return np.ones(n, bool)
    chosen = np.zeros(n, bool)
    chosen[whole_numbers(f"{where}.neurons", neurons, "a list of neurons", below=n)] = True
    if not chosen.any():
        raise InvalidTypeError(message(f"{where}.neurons", "a list of neurons", neurons))
    return chosen
