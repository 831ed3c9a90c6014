"""The header of all files of a C++ program, compiled while the rest is generated."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys

import pytest

from tension_sim.brian import build
from tension_sim.brian.common_header import HEADER, compiled_meanwhile
from tension_sim.circuit.wiring import ForceWiring
from tension_sim.declare.network import ForceNetwork
from tension_sim.declare.record import Record

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("g++") is None or shutil.which("make") is None, reason="needs gcc and make"
)


@pytest.mark.parametrize("ends", ["well", "with an error"])
def test_a_compiler_that_fails_leaves_the_header_to_make(tmp_path, monkeypatch, ends):
    monkeypatch.setenv("CXX", "false")
    error = None if ends == "well" else ValueError("of what is done meanwhile")
    try:
        with compiled_meanwhile(tmp_path / "new" / "program", ["-O3"]):
            if error is not None:
                raise error
    except ValueError as raised:
        assert raised is error
    files = {path.name: path.read_text() for path in (tmp_path / "new" / "program").iterdir()}
    assert set(files) == {HEADER}
    assert "#include <vector>\n" in files[HEADER]
    assert '"' not in files[HEADER]  # nothing that is generated


@pytest.mark.slow
def test_the_compiler_takes_the_header_with_the_flags_of_the_makefile(tmp_path, monkeypatch):
    """With other flags gcc reads the text of the header without a word, in each file."""
    monkeypatch.setattr(build, "compile_sources", lambda *arguments: None)
    net = ForceNetwork.random("lif", n=20, p=0.5, seed=4)
    build.build_cpp(ForceWiring(net, Record()).circuit, tmp_path)
    compiled = (tmp_path / f"{HEADER}.gch").stat()
    assert compiled.st_mtime_ns >= (tmp_path / HEADER).stat().st_mtime_ns
    asked = subprocess.run(
        ["make", "-n", "run.o", "network.o"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    commands = [line for line in asked.stdout.splitlines() if re.search(r"-o (run|network)\.o", line)]
    assert len(commands) == 2
    assert "c++-header" not in asked.stdout
    for command in commands:
        done = subprocess.run([*shlex.split(command), "-H"], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stderr.startswith(f"! ./{HEADER}.gch") or done.stderr.startswith(f"! {HEADER}.gch"), done.stderr[
            :300
        ]
