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


def said(checker: str, scripts: list[Path], folder: Path, cache: Path) -> str:
    path = os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))
    environment = os.environ | {"PYTHONPATH": path, "MYPY_CACHE_DIR": str(cache)}
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


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
def test_a_right_script_is_accepted_and_every_mistake_of_a_wrong_one_found(checker, tmp_path):
    lines = (HERE / "wrong.py").read_text(encoding="utf-8").splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    assert len(wrong) >= 10
    output = said(checker, [HERE / "right.py", HERE / "wrong.py"], ROOT, tmp_path)
    assert lines_with_errors(output, "wrong.py") == wrong
    assert lines_with_errors(output, "right.py") == set()


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
def test_scripts_of_the_documentation_are_accepted(checker, tmp_path):
    scripts = scripts_of_the_documentation()
    assert len(scripts) > 8
    for name, text in scripts.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    # names that a page does not define are the reader's; those of `from brian2 import *` mypy does not know
    mypy = "[mypy]\nignore_missing_imports = true\nallow_redefinition = true\ndisable_error_code = name-defined\n"
    (tmp_path / "mypy.ini").write_text(mypy, encoding="utf-8")
    pyright = {"useLibraryCodeForTypes": False, "reportUndefinedVariable": False, "typeCheckingMode": "standard"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(pyright), encoding="utf-8")
    output = said(checker, sorted(tmp_path.glob("*.py")), tmp_path, tmp_path / "cache")
    assert [line for line in output.splitlines() if re.search(r": error| - error", line)] == []
