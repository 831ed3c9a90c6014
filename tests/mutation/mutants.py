"""The mutants: small changes of the code by cosmic-ray's operators, and a random sample of them."""

from __future__ import annotations

import ast
import random
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from reach import ROOT

#: What is changed: numpy alone, the circuit, and the rules with their statements.
FILES = ("declare/**/*.py", "circuit/**/*.py", "brian/rls*.py", "brian/rule.py", "brian/row_error.py")


@dataclass(frozen=True)
class Mutant:
    """One change of one file: the lines it spans, the first one before and after, and the whole text after."""

    file: str
    operator: str
    occurrence: int
    first: int
    last: int
    before: str
    after: str
    text: str = field(repr=False)

    @property
    def lines(self) -> range:
        return range(self.first, self.last + 1)

    def runs_at_import(self, at_import: dict[str, set[int]]) -> bool:
        """Say whether the changed lines run before any test."""
        return not at_import.get(self.file, set()).isdisjoint(self.lines)

    @property
    def module(self) -> str:
        """The name under which the file is imported."""
        return self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def defined(self) -> frozenset[str]:
        """The names that the file defines."""
        body = ast.parse((ROOT / self.file).read_text(encoding="utf-8")).body
        targets = [target for node in body for target in getattr(node, "targets", [getattr(node, "target", node)])]
        found = (getattr(each, "name", getattr(each, "id", None)) for each in targets)
        return frozenset(name for name in found if name)

    def as_dict(self) -> dict[str, object]:
        return {name: value for name, value in asdict(self).items() if name != "text"}


def files() -> list[str]:
    """Return the files that are changed."""
    found = (path for pattern in FILES for path in (ROOT / "tension_sim").glob(pattern))
    return sorted(str(path.relative_to(ROOT)) for path in found)


def _operator(name: str) -> object:
    return get_operator(name)()


def _without_effect(source: str) -> list[tuple[int, int, int, int]]:
    """Return the spans that change nothing: annotations that call nothing, imports for type checkers, protocols."""
    found = []
    for node in ast.walk(ast.parse(source)):
        parts = [getattr(node, name, None) for name in ("annotation", "returns")]
        parts = [p for p in parts if p is not None and not any(isinstance(each, ast.Call) for each in ast.walk(p))]
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            parts.append(node)
        if isinstance(node, ast.ClassDef) and "Protocol" in map(ast.unparse, node.bases):
            parts.append(node)
        found += [(p.lineno, p.col_offset, p.end_lineno, p.end_col_offset) for p in parts if isinstance(p, ast.AST)]
    return found


def _operations(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the spans between two operands: elsewhere, a * is no product."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.BinOp | ast.AugAssign):
            left, right = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
            found.append(((left.end_lineno, left.end_col_offset), (right.lineno, right.col_offset)))
    return found


def _decorated(source: str) -> dict[int, int]:
    """Return, for the line of each decorator, the last line of what it stands above: that is what it changes."""
    nodes = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    return {each.lineno: n.end_lineno or 0 for n in nodes for each in n.decorator_list}


def _places(source: str) -> Iterator[tuple[tuple[object, ...], str, int, int, int]]:
    """Yield place, operator, occurrence, first and last line; replacing one operator by many others is one place."""
    decorated = _decorated(source)
    idle, operations, nodes = _without_effect(source), _operations(source), list(ast_nodes(get_ast(source)))
    for name in operator_names():
        if get_operator(name).arguments():
            continue
        operator = _operator(name)
        positions = (position for node in nodes for position in operator.mutation_positions(node))
        for occurrence, (start, end) in enumerate(positions):
            kind = name.split("/")[1].split("_")[0]
            if kind == "ReplaceBinaryOperator" and not any(a <= start and end <= b for a, b in operations):
                continue
            if not any((a, b) <= start and end <= (c, d) for a, b, c, d in idle):
                yield (start, end, kind), name, occurrence, start[0], decorated.get(start[0], end[0])


def _mutant(file: str, source: str, operator: str, occurrence: int, first: int, last: int) -> Mutant | None:
    """Return a mutant; None where it is no Python."""
    changed = mutate_code(source, _operator(operator), occurrence)
    try:
        ast.parse(changed)
    except SyntaxError:
        return None
    differing = [(a, b) for a, b in zip(source.splitlines(), changed.splitlines(), strict=False) if a != b]
    before, after = differing[0] if differing else ("", "")
    return (
        Mutant(file, operator, occurrence, first, last, before.strip(), after.strip(), changed) if differing else None
    )


def sample(size: int, seed: int) -> list[Mutant]:
    """Draw mutants: of each file as many as its share of all places, at least two, each place once."""
    rng = random.Random(seed)
    places: dict[str, dict[object, list[tuple[str, int, int, int]]]] = {}
    sources = {file: (ROOT / file).read_text(encoding="utf-8") for file in files()}
    for file, source in sources.items():
        places[file] = defaultdict(list)
        for place, *how in _places(source):
            places[file][place].append(tuple(how))
    in_all = sum(map(len, places.values()))
    drawn = []
    for file, of_file in places.items():
        wanted = max(2, round(size * len(of_file) / in_all))
        found = []
        for place in rng.sample(sorted(of_file, key=repr), len(of_file)):
            mutant = _mutant(file, sources[file], *rng.choice(of_file[place]))
            if mutant is not None:
                found.append(mutant)
            if len(found) == wanted:
                break
        drawn += found
    rng.shuffle(drawn)
    return drawn


def equivalent() -> dict[tuple[str, str, str], str]:
    """Return the reason of each mutant that no test can kill, by file, line before and line after."""
    entries = tomllib.loads((Path(__file__).parent / "equivalent.toml").read_text(encoding="utf-8"))
    return {(e["file"], e["before"], e["after"]): e["reason"] for e in entries.get("mutant", [])}
