"""Conditions and statements: the threshold of a neuron, its reset, and its refractory clause."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping

from ...errors import InvalidTypeError, InvalidValueError, UnitsError, closest, message
from .checks import CLOCK, REFRACTORINESS, check_meaning, check_no_random
from .equations import without_comments
from .limits import check_numbers
from .meaning import Meaning, Reader
from .syntax import parse, render
from .unit_table import DIMENSIONLESS, describe
from .words import check_name

__all__ = ["read_condition", "read_refractory", "read_statements"]

_STATEMENT = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*(?P<change>[-+*/]?)=(?!=)(?P<formula>.*)", re.ASCII | re.DOTALL)


def read_condition(where: str, text: str, names: Mapping[str, Meaning]) -> str:
    """Return a condition of some names, written anew.

    Examples
    --------
    >>> read_condition("mine.toml: threshold", "v>=1 and not x<0", {"v": Meaning(), "x": Meaning()})
    'v >= 1 and not x < 0'
    """
    if isinstance(text, str):
        text = without_comments(text)
    tree = parse(where, text)
    check_no_random(where, tree)
    check_meaning(where, tree, {**CLOCK, **names}, Meaning(kind="boolean"), "a condition")
    return render(tree)


def read_refractory(where: str, text: str, names: Mapping[str, Meaning]) -> str:
    """Return a refractory clause, written anew: a time after each spike, or a condition during which it lasts.

    Examples
    --------
    >>> read_refractory("mine.toml: refractory", "2*ms+rest", {"rest": REFRACTORINESS["lastspike"]})
    '2*ms + rest'
    """
    if isinstance(text, str):
        text = without_comments(text)
    tree = parse(where, text, "2*ms")
    check_no_random(where, tree)
    reader = Reader(where, {**CLOCK, **names})
    found = reader.read(tree)
    check_numbers(reader, tree)
    if found.kind != "boolean" and found.dimension != REFRACTORINESS["lastspike"].dimension:
        fix = f"its unit is {describe(found.dimension)}."
        raise reader.fail("a time such as 2*ms, or a condition such as v > v_rest", fix, UnitsError)
    return render(tree)


def read_statements(
    where: str, text: str, names: Mapping[str, Meaning], assignable: Collection[str], *, ours: bool = False
) -> str:
    """Return statements, one per line, written anew.

    Parameters
    ----------
    where : str
        File and key, for messages.
    text : str
        ``name = expression`` or with ``+= -= *= /=``, separated by lines or semicolons.
    names : mapping of str to Meaning
        What may be read.
    assignable : collection of str
        Of these, what may be changed. A name that is new holds a value for the statements after it.
    ours : bool
        Whether names of a circuit's own variables may appear.

    Examples
    --------
    >>> read_statements("mine.toml: reset", "v=v_reset; u += d # comment", dict.fromkeys("vud", Meaning()) | {
    ...     "v_reset": Meaning()}, {"v", "u"})
    'v = v_reset\\nu += d'
    """
    if not isinstance(text, str):
        raise InvalidTypeError(message(where, "statements", text, "put them in quotes."))
    known, new, lines = {**CLOCK, **names}, set(), []
    for line in re.split(r"[;\n]", without_comments(text)):
        if not line.strip():
            continue
        match = _STATEMENT.fullmatch(line)
        if match is None:
            raise InvalidValueError(message(where, 'statements such as "v = v_reset" or "u += d"', line.strip()))
        name, change, place = match["name"], match["change"], f"{where}: {match['name']}"
        tree = parse(place, match["formula"])
        check_no_random(place, tree)
        if name not in known and not change:
            check_name(where, name, ours=ours)
            reader = Reader(place, known)
            known[name] = reader.read(tree)
            check_numbers(reader, tree)
            new.add(name)
        elif name not in new and name not in assignable:
            expected = f"a variable that may change ({', '.join(sorted(assignable)) or 'there is none'})"
            near = closest(name, assignable)
            raise InvalidValueError(message(where, expected, name, f"did you mean {near!r}?" if near else ""))
        else:
            _check_change(place, change, tree, known[name], known)
        lines.append(f"{name} {change}= {render(tree)}")
    return "\n".join(lines)


def _check_change(where: str, change: str, tree: ast.expr, target: Meaning, known: Mapping[str, Meaning]) -> None:
    if change and target.kind == "boolean" or change == "/" and target.kind == "integer":
        raise InvalidValueError(message(where, f"'=' for a {target.kind} variable", f"{change}="))
    factor = change in ("*", "/")
    wanted = Meaning(DIMENSIONLESS, target.kind) if factor else target
    check_meaning(where, tree, known, wanted, "a factor" if factor else "a value")
