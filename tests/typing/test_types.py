"""What a type checker tells a user: nothing about right scripts, and every mistake of a wrong one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
CHECKERS = {
    "mypy": [BIN / "mypy", "--no-error-summary", "--hide-error-context", "--follow-imports=silent"],
    "pyright": [BIN / "basedpyright", "--pythonpath", sys.executable, "--level", "error"],
}


def lines_with_errors(checker: str, script: str, tmp_path: Path) -> set[int]:
    path = os.pathsep.join((str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")))
    environment = os.environ | {"PYTHONPATH": path, "MYPY_CACHE_DIR": str(tmp_path)}
    command = [*CHECKERS[checker], HERE / script]
    done = subprocess.run(command, cwd=HERE.parents[1], env=environment, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return {int(line) for line in re.findall(rf"{re.escape(script)}:(\d+)(?::\d+)?(?: -|:) error", done.stdout)}


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
class TestUsersScript:
    def test_a_right_one_is_accepted(self, checker, tmp_path):
        assert lines_with_errors(checker, "right.py", tmp_path) == set()

    def test_every_mistake_is_found(self, checker, tmp_path):
        lines = (HERE / "wrong.py").read_text(encoding="utf-8").splitlines()
        wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
        assert len(wrong) >= 10
        assert lines_with_errors(checker, "wrong.py", tmp_path) == wrong
