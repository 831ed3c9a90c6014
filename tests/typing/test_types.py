"""What a type checker tells a user: nothing about right scripts, and every mistake of a wrong one.

The scripts of the documentation are right ones.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BIN = Path(sys.executable).parent
CHECKERS = {
    "mypy": [BIN / "mypy", "--no-error-summary", "--hide-error-context", "--follow-imports=silent"],
    "pyright": [BIN / "basedpyright", "--pythonpath", sys.executable, "--level", "error"],
}


#: Pages whose blocks are one script; those of any other page stand alone.
GO_ON = ("docs/USAGE.md",)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def said(checker: str, scripts: list[Path], folder: Path) -> str:
    """Run a checker in the folder whose settings count."""
    path = os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))
    environment = os.environ | {"PYTHONPATH": path, "MYPY_CACHE_DIR": os.devnull}
    command = [*CHECKERS[checker], *scripts]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def lines_with_errors(output: str, script: str) -> set[int]:
    return {int(line) for line in re.findall(rf"{re.escape(script)}:(\d+)(?::\d+)?(?: -|:) error", output)}


def scripts_of_the_documentation() -> dict[str, str]:
    found = {}
    for page in sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]):
        name = page.relative_to(ROOT).as_posix()
        blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
        for number, text in enumerate(["\n".join(blocks)] if name in GO_ON else blocks):
            found[re.sub(r"\W", "_", f"{name}_{number}")] = text
    return found


#: In scripts of the documentation, names that a page does not define are the reader's; those of `from brian2 import *`
#: mypy does not know. The two scripts beside this test, which have no functions, are read as strictly as the package.
MYPY = """
[mypy]
ignore_missing_imports = true
implicit_reexport = false
[mypy-{documentation}]
allow_redefinition = true
disable_error_code = name-defined
[mypy-right,wrong]
disallow_untyped_calls = true
disallow_any_generics = true
strict_equality = true
"""
PYRIGHT = {"useLibraryCodeForTypes": False, "reportUndefinedVariable": False, "typeCheckingMode": "standard"}


@pytest.fixture
def scripts(tmp_path):
    """Write all scripts into a folder of their own, the documentation's into one below; return these two folders."""
    pages = tmp_path / "pages"
    pages.mkdir()
    found = scripts_of_the_documentation()
    assert len(found) > 8
    for name, text in found.items():
        (pages / f"{name}.py").write_text(text, encoding="utf-8")
    (pages / "pyrightconfig.json").write_text(json.dumps(PYRIGHT), encoding="utf-8")
    (tmp_path / "mypy.ini").write_text(MYPY.format(documentation=",".join(found)), encoding="utf-8")
    return tmp_path, pages


def check_the_two(output):
    """Refuse what a checker said of the right script, and what it did not say of the wrong one."""
    lines = (HERE / "wrong.py").read_text(encoding="utf-8").splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    assert len(wrong) >= 10
    assert lines_with_errors(output, "wrong.py") == wrong
    assert lines_with_errors(output, "right.py") == set()


def errors_elsewhere(output):
    lines = [line for line in output.splitlines() if re.search(r": error| - error", line)]
    return [line for line in lines if "wrong.py:" not in line]


@pytest.mark.slow
def test_mypy_accepts_right_scripts_and_finds_every_mistake_of_a_wrong_one(scripts):
    """One run for all scripts: most of its time is the libraries that they import."""
    folder, pages = scripts
    output = said("mypy", [HERE / "right.py", HERE / "wrong.py", *sorted(pages.glob("*.py"))], folder)
    check_the_two(output)
    assert errors_elsewhere(output) == []


@pytest.mark.slow
def test_pyright_accepts_right_scripts_and_finds_every_mistake_of_a_wrong_one(scripts):
    check_the_two(said("pyright", [HERE / "right.py", HERE / "wrong.py"], ROOT))
    _, pages = scripts
    assert errors_elsewhere(said("pyright", sorted(pages.glob("*.py")), pages)) == []
