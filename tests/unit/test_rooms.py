"""The structure of the package: rooms with arrows down only, no circle, and nothing too long to be read."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "tension_sim").rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION, MOST_ARGUMENTS = 600, 60, 12

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[str, Function]]:
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, Function):
                yield f"{file.relative_to(ROOT)}: {node.name}", node


def lines_of_code(function: Function) -> int:
    """Count the lines of a function without its docstring."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        lines -= function.body[0].end_lineno - function.body[0].lineno + 1
    return lines


def own_arguments(function: Function) -> int:
    return len([a for a in (*function.args.args, *function.args.kwonlyargs) if a.arg not in ("self", "cls")])


def test_arrows_go_down_and_nowhere_in_a_circle():
    command = [os.path.join(os.path.dirname(sys.executable), "lint-imports"), "--no-cache", "--no-logo"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stdout


def test_no_file_is_too_long():
    lengths = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert not {name: length for name, length in lengths.items() if length > LONGEST_FILE}


def test_no_function_is_too_long():
    assert not [name for name, function in functions() if lines_of_code(function) > LONGEST_FUNCTION]


def test_no_function_has_too_many_arguments():
    assert not [name for name, function in functions() if own_arguments(function) > MOST_ARGUMENTS]


def test_the_way_through_the_house_names_each_room_once_in_order():
    page = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(r"\*\*`(\w+)/`\*\*", page)
    rooms = {path.name for path in (ROOT / "tension_sim").iterdir() if (path / "__init__.py").exists()}
    assert len(named) == len(set(named)) and set(named) == rooms
