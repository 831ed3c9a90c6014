"""The header that all files of a user's program begin with is compiled once."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys

import pytest

from tension_sim.brian.makefile import HEADER, speed_up_makefile

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("g++") is None or shutil.which("make") is None, reason="needs gcc and make"
)

MAKEFILE = """SRCS = main.cpp network.cpp run.cpp
OBJS = ${SRCS:.cpp=.o}
CXX = g++
CXXFLAGS = -c -O3 -std=c++11 -I.
all: $(OBJS)
%.o : %.cpp makefile
\t$(CXX) $(CXXFLAGS) $< -o $@
"""


def test_the_compiler_takes_the_header_with_the_flags_of_the_makefile(tmp_path):
    """With other flags gcc reads the text of the header without a word, in each file."""
    for name in ("main", "network", "run"):
        (tmp_path / f"{name}.cpp").write_text(f"std::vector<int> of_{name}() {{ return {{1}}; }}\n")
    (tmp_path / "makefile").write_text(MAKEFILE)
    speed_up_makefile(tmp_path)
    subprocess.run(["make"], cwd=tmp_path, capture_output=True, check=True)
    (tmp_path / "makefile").touch()  # so that make would compile all files again
    asked = subprocess.run(["make", "-n"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "c++-header" not in asked
    (command,) = [line for line in asked.splitlines() if re.search(r"-o network\.o", line)]
    done = subprocess.run([*shlex.split(command), "-H"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.match(rf"! (\./)?{re.escape(HEADER)}\.gch", done.stderr), done.stderr[:300]
