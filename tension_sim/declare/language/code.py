"""Read all code of a group of units together, and write it anew, before any engine sees it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ...errors import unknown_name
from .checks import CLOCK, check_equations, check_meaning, check_method
from .equations import read_equations
from .functions import FUNCTIONS
from .meaning import Meaning
from .statements import read_condition, read_refractory, read_statements
from .syntax import calls_in, names_in, parse, render
from .unit_table import EQUATION_UNITS, Dimension
from .words import check_name

__all__ = ["check_code", "check_error_code", "check_error_unit"]


def check_code(
    files: Collection[str],
    *,
    equations: str,
    parameters: Mapping[str, Dimension],
    method: str,
    filters: Collection[str] = (),
    stepwise: Collection[str] = (),
    threshold: str = "",
    reset: str = "",
    refractory: str = "",
    rate: str = "",
) -> dict[str, str]:
    """Return equations, threshold, reset, refractory clause and rate of a group, written anew.

    Parameters
    ----------
    files : collection of str
        Names of the equation files they come from, for messages.
    equations, threshold, reset, refractory, rate : str
        Brian2 code; the last four may be empty.
    parameters : mapping of str to dimension
        Values shared by all units.
    method : str
        Integration method of the variables that are not in `filters`, which decay exactly, nor in `stepwise`,
        which follow Euler's rule.

    Raises
    ------
    InvalidValueError, UnitsError, UnknownNameError
        If Brian2 would not take it, or it is anything but code of equations.

    Examples
    --------
    >>> check_code(["mine"], equations="dv/dt=-v/tau:1", parameters={"tau": (0, 0, 1, 0, 0, 0, 0)}, method="euler",
    ...              threshold="v>1", reset="v=0", refractory="tau")
    {'equations': 'dv/dt = -v/tau : 1', 'threshold': 'v > 1', 'reset': 'v = 0', 'refractory': 'tau', 'rate': ''}
    """
    where = " with ".join(f"{file}.toml" for file in files) or "equations"
    check_method(f"{where}: method", method)
    shared = {check_name(f"{where}: parameters", name, ours=True): Meaning(of) for name, of in parameters.items()}
    read = read_equations(f"{where}: equations", equations, ours=True)
    names = check_equations(
        f"{where}: equations", read, shared, method=method, exact=filters, stepwise=stepwise, shared=shared,
        refractory=bool(refractory),
    )  # fmt: skip
    changing = {each.name for each in read if each.holds_state and not {"constant", "shared"} & {*each.flags}}
    return {
        "equations": "\n".join(map(str, read)),
        "threshold": read_condition(f"{where}: threshold", threshold, names) if threshold else "",
        "reset": read_statements(f"{where}: reset", reset, names, changing, ours=True) if reset else "",
        "refractory": read_refractory(f"{where}: refractory", refractory, names) if refractory else "",
        "rate": read_statements(f"{where}: rate", rate, names, changing, ours=True) if rate else "",
    }


def check_error_code(where: str, text: str, names: Collection[str] | None = None) -> str:
    """Return the error of a rule, an expression of some names, written anew; None: of any names and functions.

    Examples
    --------
    >>> check_error_code("Plastic.error", "unit*(z_out-y)", ["unit", "z_out", "y"])
    'unit*(z_out - y)'
    """
    tree = parse(where, text, "z - y")
    if names is None:
        return render(tree)
    known = {*names, *CLOCK, *EQUATION_UNITS, "pi", "e", "inf"}
    for name in sorted(names_in(tree) - known):
        raise unknown_name(where, "variable of a rule", name, names)
    for name, _ in calls_in(tree):
        if name not in FUNCTIONS:
            raise unknown_name(where, "function", name, FUNCTIONS)
    return render(tree)


def check_error_unit(where: str, text: str, dimensions: Mapping[str, Dimension]) -> None:
    """Refuse an error that has not the dimension of z, whose weights it changes.

    Examples
    --------
    >>> volt = (2, 1, -3, -1, 0, 0, 0)
    >>> check_error_unit("Projection.error", "z - mV*y", {"z": volt, "y": (0,) * 7})
    """
    names = CLOCK | {name: Meaning(dimension) for name, dimension in dimensions.items()}
    check_meaning(where, parse(where, text), names, names["z"], "an error")
