"""The number that a text with units stands for."""

from __future__ import annotations

from ..declare.units import evaluate
from ..errors import TensionError
from .swept import Value

__all__ = ["number_of"]


def number_of(text: str) -> Value:
    """Return the number, in SI units, of a setting that may be any expression; other texts as they are.

    Examples
    --------
    >>> number_of("800*pA"), number_of("lif"), number_of("2*nS*rand()")
    (8e-10, 'lif', '2*nS*rand()')
    """
    if not text.lstrip("+- ")[:1].isdecimal():
        return text
    try:
        return float(evaluate(text, "a setting").value)
    except (TensionError, TypeError):  # it names others, or draws
        return text
