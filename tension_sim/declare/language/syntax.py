"""One parser for every expression of a file, and the text that is written from what it understood.

An expression is read into a syntax tree that holds nothing but numbers, names, arithmetic, comparisons
and calls of functions. What goes on to Brian2 is written anew from that tree, so that no other token can
reach generated code.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from ...errors import InvalidTypeError, InvalidValueError, message

__all__ = ["MAX_LENGTH", "calls_in", "names_in", "parse", "render", "replaced"]

#: Longest expression, in characters.
MAX_LENGTH = 1000
_MAX_DEPTH = 60

_BINARY = {
    ast.Add: (" + ", 5), ast.Sub: (" - ", 5), ast.Mult: ("*", 6), ast.Div: ("/", 6), ast.FloorDiv: ("//", 6),
    ast.Mod: (" % ", 6), ast.Pow: ("**", 8),
}  # fmt: skip
_COMPARE = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_JOIN = {ast.And: (" and ", 2), ast.Or: (" or ", 1)}
_ATOM, _UNARY, _NOT, _COMPARISON = 9, 7, 3, 4

# every token that is allowed; Python decides what two neighbours mean
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])|(?P<name>[A-Za-z_]\w*)"
    r"|\*\*|//|[<>=!]=|[-+*/%<>(),])",
    re.ASCII,
)


def parse(where: str, text: str, example: str = "10*ms") -> ast.expr:
    """Return the syntax tree of an expression.

    Parameters
    ----------
    where : str
        File and key, for messages.
    text : str
        Numbers, names, ``+ - * / // % **``, comparisons, ``and``, ``or``, ``not`` and calls.
    example : str
        An expression as it should be, for the message.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If it is anything else.

    Examples
    --------
    >>> render(parse("mine.toml: parameters.a", " ( v-v_r )*k**2 "))
    '(v - v_r)*k**2'
    """
    if not isinstance(text, str):
        raise InvalidTypeError(message(where, "an expression", text, "put it in quotes."))
    if not text.strip():
        raise InvalidValueError(message(where, f'an expression such as "{example}"', text))
    if len(text) > MAX_LENGTH:
        raise InvalidValueError(message(where, f"an expression of at most {MAX_LENGTH} characters", text))
    try:
        tree = _tree(text.strip())
    except _Refused as refused:
        expected = refused.expected or f'an expression such as "{example}"'
        raise InvalidValueError(message(where, expected, text, _with_star(text) or refused.fix)) from None
    return tree


#: A number and what may be its unit, without a "*" between them.
_NUMBER_AND_UNIT = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]+)\s*")
_UNIT_NAMES = {"s": "second", "sec": "second", "seconds": "second", "hz": "Hz", "V": "volt", "A": "amp"}


def _with_star(text: str) -> str:
    """Return how a number followed by its unit is written, "" for any other text."""
    found = _NUMBER_AND_UNIT.fullmatch(text)
    return f"write {found[1] + '*' + _UNIT_NAMES.get(found[2], found[2])!r}." if found else ""


class _Refused(Exception):
    """The problem with an expression."""

    def __init__(self, expected: str, fix: str = "") -> None:
        super().__init__(expected)
        self.expected, self.fix = expected, fix


def _broken() -> _Refused:
    return _Refused("", "check brackets and operators.")


@lru_cache(maxsize=4096)
def _tree(text: str) -> ast.expr:
    strange = _first_strange(text)
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        if strange and text.isascii():
            raise _strange(strange) from None
        raise _broken() from None
    tree = _checked(tree, 0)
    if strange:
        raise _strange(strange)
    return tree


def _strange(piece: str) -> _Refused:
    return _Refused("numbers, names, operators and round brackets", f"remove {piece!r}.")


def _first_strange(text: str) -> str:
    """Return the first piece of a text that is no token of ours; empty: there is none."""
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            return text[place:].split()[0][:20] if text[place:].strip() else ""
        place = found.end()
    return ""


def _checked(node: ast.AST, depth: int) -> ast.expr:
    """Return the tree with plus signs left out, or refuse what does not belong into an expression."""
    if depth > _MAX_DEPTH:
        raise _Refused(f"an expression nested at most {_MAX_DEPTH} deep", "name parts of it.")
    deeper = depth + 1
    match node:
        case ast.Constant(value=bool()):
            return node
        case ast.Constant(value=int() | float() as value):
            if _too_large(value):
                raise _Refused("numbers below 1e308")
            return node
        case ast.Constant():
            raise _Refused("a number", "write a plain number, with its unit after a '*'.")
        case ast.Name():
            return node
        case ast.UnaryOp(op=ast.UAdd()):
            return _checked(node.operand, deeper)
        case ast.UnaryOp(op=ast.USub() | ast.Not()):
            return ast.UnaryOp(node.op, _checked(node.operand, deeper))
        case ast.BinOp(op=ast.Div() | ast.FloorDiv() | ast.Mod(), right=ast.Constant(value=0)):
            raise _Refused("no division by zero")
        case ast.BinOp() if type(node.op) in _BINARY:
            return ast.BinOp(_checked(node.left, deeper), node.op, _checked(node.right, deeper))
        case ast.BinOp() | ast.UnaryOp():
            raise _Refused("arithmetic (+ - * / // % **)")
        case ast.BoolOp():
            return ast.BoolOp(node.op, [_checked(value, deeper) for value in node.values])
        case ast.Compare(ops=[op], comparators=[right]) if type(op) in _COMPARE:
            return ast.Compare(_checked(node.left, deeper), [op], [_checked(right, deeper)])
        case ast.Compare():
            raise _Refused("comparisons of two numbers (< <= > >= == !=)", 'join them by "and".')
        case ast.Call(func=ast.Name() as function, args=arguments, keywords=keywords):
            if keywords or any(isinstance(argument, ast.Starred) for argument in arguments):
                raise _Refused("function calls without keywords")
            return ast.Call(function, [_checked(argument, deeper) for argument in arguments], [])
    kind = type(node).__name__.lower()
    raise _Refused("arithmetic of numbers, units, named parameters and functions such as exp()", f"remove the {kind}.")


def _too_large(value: float) -> bool:
    try:
        return math.isinf(float(value))
    except OverflowError:
        return True


def render(node: ast.expr) -> str:
    """Return the text of a tree from `parse`; parsed again, it is the same tree.

    Examples
    --------
    >>> render(parse("demo", "a-(b-c)")), render(parse("demo", "not(a<b)or c"))
    ('a - (b - c)', 'not a < b or c')
    """
    return _text(node)[0]


def _text(node: ast.expr) -> tuple[str, int]:
    """Return text and precedence: what binds more tightly has a higher one."""
    match node:
        case ast.Constant():
            return repr(node.value), _ATOM
        case ast.Name():
            return node.id, _ATOM
        case ast.Call(func=ast.Name(id=name)):
            return f"{name}({', '.join(map(render, node.args))})", _ATOM
        case ast.UnaryOp(op=ast.Not()):
            return f"not {_in(node.operand, _NOT)}", _NOT
        case ast.UnaryOp():
            return f"-{_in(node.operand, _UNARY)}", _UNARY
        case ast.BinOp(op=ast.Pow()):
            return f"{_in(node.left, _ATOM)}**{_in(node.right, _UNARY)}", _BINARY[ast.Pow][1]
        case ast.BinOp():
            sign, rank = _BINARY[type(node.op)]
            return f"{_in(node.left, rank)}{sign}{_in(node.right, rank + 1)}", rank
        case ast.Compare():
            left, right = _in(node.left, _COMPARISON + 1), _in(node.comparators[0], _COMPARISON + 1)
            return f"{left} {_COMPARE[type(node.ops[0])]} {right}", _COMPARISON
        case ast.BoolOp():
            word, rank = _JOIN[type(node.op)]
            return word.join(_in(value, rank + 1) for value in node.values), rank
    raise TypeError(type(node).__name__)


def _in(node: ast.expr, rank: int) -> str:
    text, own = _text(node)
    return text if own >= rank else f"({text})"


def names_in(node: ast.expr) -> set[str]:
    """Return the names of variables, constants and units in a tree, not those of functions.

    Examples
    --------
    >>> sorted(names_in(parse("demo", "exp(-v/mV) + tau")))
    ['mV', 'tau', 'v']
    """
    return set(_names_in(node))


@lru_cache(maxsize=4096)  # by the tree itself, which nobody changes
def _names_in(node: ast.expr) -> frozenset[str]:
    called = {id(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)}
    return frozenset(each.id for each in ast.walk(node) if isinstance(each, ast.Name) and id(each) not in called)


def calls_in(node: ast.AST) -> Iterator[tuple[str, list[ast.expr]]]:
    """Yield the function and the arguments of each call in a tree.

    Examples
    --------
    >>> [name for name, _ in calls_in(parse("demo", "exp(-v) + tau"))]
    ['exp']
    """
    for each in ast.walk(node):
        match each:
            case ast.Call(func=ast.Name(id=name)):
                yield name, each.args


def replaced(
    node: ast.expr,
    names: Mapping[str, ast.expr],
    functions: Mapping[str, Callable[[list[ast.expr]], ast.expr]] | None = None,
) -> ast.expr:
    """Return a tree with names, and calls of functions, replaced by other trees, all at once.

    Examples
    --------
    >>> swap = {"a": parse("demo", "b"), "b": parse("demo", "a + 1")}
    >>> render(replaced(parse("demo", "a*b"), swap))
    'b*(a + 1)'
    """
    functions = functions or {}

    def new(each: ast.expr) -> ast.expr:
        match each:
            case ast.Name():
                return names.get(each.id, each)
            case ast.UnaryOp():
                return ast.UnaryOp(each.op, new(each.operand))
            case ast.BinOp():
                return ast.BinOp(new(each.left), each.op, new(each.right))
            case ast.BoolOp():
                return ast.BoolOp(each.op, [new(value) for value in each.values])
            case ast.Compare():
                return ast.Compare(new(each.left), each.ops, [new(value) for value in each.comparators])
            case ast.Call(func=ast.Name(id=name)):
                arguments = [new(argument) for argument in each.args]
                if name in functions:
                    return functions[name](arguments)
                return ast.Call(each.func, arguments, [])
        return each

    return new(node)
