"""What learned weights of each source are bound to: a sign, an initial scale of P, a penalty on sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InvalidValueError, message
from .arrays_in import numbers
from .validation import check_matrix

__all__ = ["KEYS", "check_penalties"]

#: The arguments, of one value for each source but for the penalties, of which there is one for each group.
KEYS = ("alpha_P", "groups", "signs", "row_sum")


def check_penalties(where: str, given: dict[str, Any], n_sources: int, used: np.ndarray) -> dict[str, Any]:
    """Return what is given for each source, as arrays.

    Parameters
    ----------
    where : str
        The class, or the place in it, for messages.
    given : dict of str to array or None
        By `KEYS`.
    n_sources : int
        Number of sources.
    used : array of int
        Those that have a learned weight.

    Raises
    ------
    InvalidValueError
        If there are not as many numbers as sources, or they cannot be right.
    """
    found = dict(given)
    for name in ("alpha_P", "groups", "signs"):
        if given[name] is not None:
            found[name] = check_matrix(f"{where}.{name}", given[name], (n_sources,), "sources")
    alpha_P, groups, signs = (found[name] for name in ("alpha_P", "groups", "signs"))
    if alpha_P is not None and not np.all(alpha_P > 0):
        raise InvalidValueError(message(f"{where}.alpha_P", "numbers above 0", alpha_P))
    if (given["row_sum"] is None) != (groups is None):
        raise InvalidValueError(message(f"{where}.row_sum", "row_sum and groups together", given["row_sum"]))
    if groups is not None:
        if not np.all((groups >= -1) & (groups < 2**31) & (groups == np.round(groups))):
            what = "whole numbers from 0 on, and -1 for no group"
            raise InvalidValueError(message(f"{where}.groups", what, groups))
        count = int(groups.max()) + 1
        row_sum = np.atleast_1d(numbers(f"{where}.row_sum", given["row_sum"], "numbers, one per group"))
        check_matrix(f"{where}.row_sum", row_sum, (count,), "groups")
        if not np.all(row_sum >= 0):
            raise InvalidValueError(message(f"{where}.row_sum", "penalties of at least 0", given["row_sum"]))
        found |= {"row_sum": row_sum, "groups": groups.astype(np.int32)}
    if signs is not None:
        wrong = used[~np.isin(signs[used], (1, -1))]
        if len(wrong):
            what = "+1 or -1 for each source of a plastic synapse"
            fix = f"sign clamp on a neuron without sign: {wrong[0]}."
            raise InvalidValueError(message(f"{where}.signs", what, float(signs[wrong[0]]), fix))
    return found
