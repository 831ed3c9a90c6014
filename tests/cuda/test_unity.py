"""Unity builds: many generated files become one that means the same."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tension_sim.brian.unity import join_sources

# Both code objects have a helper and a macro of one name, which mean different things.
CODE_OBJECT = """#include <cmath>
  #include "shared.h"
#ifndef GUARD
#define GUARD
static int kept() { return KEPT; }
#endif
#define FACTOR 10
namespace {
int helper() { return FACTOR*kept(); }
}
void _kernel_NAME(int* to)
{
    *to += 5000;
}
void _run_NAME()
{
    total += helper();
}
"""

FILES = {
    "shared.h": "#pragma once\nvoid _run_a();\nvoid _run_b();\nvoid _after_run_b();\nextern int total;\n",
    "code_objects/a.cu": CODE_OBJECT.replace("NAME", "a").replace("KEPT", "1"),
    "code_objects/after_run_b.cu": """#include <cstdio>
void _kernel_b(int*);
void _after_run_b()
{
    _kernel_b(&total);
}
""",
    "code_objects/b.cu": CODE_OBJECT.replace("NAME", "b").replace("KEPT", "2").replace("FACTOR 10", "FACTOR 100"),
    "main.cu": """#include "shared.h"
int total = 0;
int main()
{
    _run_a();
    _run_b();
    _after_run_b();
    std::printf("%d\\n", total);
}
""",
    "unused.cu": "#error not a source of the makefile\n",
}

MAKEFILE = """PROGRAM = main
SRCS = code_objects/a.cu code_objects/after_run_b.cu code_objects/b.cu main.cu
H_SRCS = shared.h
OBJS = ${SRCS:.cu=.o}

$(PROGRAM): $(OBJS)
	g++ $^ -o $@

%.o : %.cu
	g++ -std=c++17 -Wall -Werror -Wno-unused-function -I. -x c++ -c $< -o $@
"""


@pytest.fixture
def project(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "makefile").write_text(MAKEFILE)
    return tmp_path


def test_one_source_that_means_the_same(project):
    if shutil.which("g++") is None or shutil.which("make") is None:
        pytest.skip("no C++ compiler")
    join_sources(project)
    made = subprocess.run(["make"], cwd=project, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert [path.name for path in project.rglob("*.o")] == ["program.o"]
    said = subprocess.run([project / "main"], capture_output=True, text=True, check=True).stdout
    assert int(said) == 10 * 1 + 100 * 2 + 5000


def test_headers_come_first_and_once_and_the_files_stay(project):
    join_sources(project)
    text = (project / "program.cu").read_text()
    assert text.startswith('#include <cmath>\n#include "shared.h"\n#include <cstdio>\n')
    assert text.count("#include") == 3
    assert "SRCS = program.cu\nH_SRCS = shared.h\n" in (project / "makefile").read_text()
    for name, content in FILES.items():
        assert (project / name).read_text() == content
