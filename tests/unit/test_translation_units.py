"""The sources of a program in fewer files do what they do one by one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tension_sim.brian.translation_units import ONCE, gather_sources

CODE_OBJECT = """#include <cstdio>
#include "objects.h"
{header}
////// SUPPORT CODE ///////
namespace {{
{inside}
    template <typename T> T own(T x) {{ return x + {number}; }}
    struct Kept {{
        int value = {number};
    }};
}}

////// HASH DEFINES ///////

void _run_{name}()
{{
    using namespace brian;

    std::printf("%d %d %d\\n", own(x), Kept().value, {last});
}}
"""
HEADER = """#ifndef TSIM_SIZE_H
#define TSIM_SIZE_H
#define SIZE @
namespace { static int size() { return SIZE; } }
#endif
"""
MAIN = """#include "objects.h"
void _run_a();
void _run_b();
void _run_c();
void _run_d();
void later();
int main() { _run_a(); _run_b(); _run_c(); _run_d(); later(); }
"""


def write_program(folder: Path) -> list[str]:
    """Write a program of code objects with functions of the same names, three of which need one header differently."""
    (folder / "code_objects").mkdir()
    (folder / "objects.h").write_text(
        "#ifndef OBJECTS_H\n#define OBJECTS_H\nnamespace brian { extern int x; }\n#endif\n"
    )
    sources = {
        "main.cpp": MAIN,
        "objects.cpp": '#include "objects.h"\nint brian::x = 10;\n',
        "network.cpp": "#include <cstdio>\n#define EPSILON 1\nnamespace other {\n}\n"
        'void later() { std::printf("%d\\n", EPSILON); }\n',
    }
    for number, (name, size) in enumerate({"a": 3, "b": None, "c": 4, "d": 4}.items(), start=1):
        header = "" if size is None else HEADER.replace("@", str(size))
        parts = {"header": "", "inside": header} if name == "d" else {"header": header, "inside": ""}
        last = 0 if size is None else "size()"
        sources[f"code_objects/{name}.cpp"] = CODE_OBJECT.format(number=number, name=name, last=last, **parts)
    for name, text in sources.items():
        (folder / name).write_text(text)
    return sorted(sources)


def output(folder: Path, sources: list[str]) -> str:
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    command = [compiler, "-std=c++11", "-I.", *sources, "-o", "program"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return subprocess.run([folder / "program"], check=True, capture_output=True, text=True).stdout


def test_fewer_files_do_the_same(tmp_path):
    sources = write_program(tmp_path)
    apart = output(tmp_path, sources)
    assert apart.split("\n") == ["11 1 3", "12 2 0", "13 3 4", "14 4 4", "1", ""]
    gathered = gather_sources(tmp_path, sources)
    assert sorted(gathered) == [ONCE, "unit_0.cpp", "unit_1.cpp", "unit_2.cpp"]  # the header keeps three of them apart
    assert output(tmp_path, gathered) == apart


def test_the_largest_file_comes_first_and_none_grows_without_end(tmp_path):
    sources = write_program(tmp_path)
    for name in sources[:4]:
        path = tmp_path / name
        path.write_text(path.read_text() + f"// {'long ' * 15_000}\n")
    gathered = gather_sources(tmp_path, sources)
    sizes = [(tmp_path / name).stat().st_size for name in gathered]
    assert sorted(gathered) == [ONCE, *(f"unit_{number}.cpp" for number in range(4))]
    assert sizes == sorted(sizes, reverse=True)


def test_a_source_of_another_form_stays_as_it_is(tmp_path):
    """Code objects of an unknown version of Brian2 may have names that collide."""
    sources = write_program(tmp_path)
    for name in ("a", "b"):
        path = tmp_path / f"code_objects/{name}.cpp"
        path.write_text(path.read_text().replace("////// SUPPORT CODE ///////", ""))
    gathered = gather_sources(tmp_path, sources)
    assert {"code_objects/a.cpp", "code_objects/b.cpp"} < set(gathered)
    assert output(tmp_path, gathered).startswith("11 1 3\n12 2 0\n13 3 4\n")


def test_a_source_with_headers_beside_it_stays_as_it_is(tmp_path):
    """As the spike queue of Brian2 2.11, in a folder of its own."""
    sources = write_program(tmp_path)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "queue.h").write_text("#define SIX 6\n")
    (tmp_path / "lib" / "queue.cpp").write_text('#include "queue.h"\nint six() { return SIX; }\n')
    sources.append("lib/queue.cpp")
    apart = output(tmp_path, sources)
    gathered = gather_sources(tmp_path, sources)
    assert "lib/queue.cpp" in gathered
    assert output(tmp_path, gathered) == apart
