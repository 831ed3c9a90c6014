"""What a generated program does about its files: Brian2's code is replaced, or the build fails."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lif_network import Y, net
from targets import skip_unless_here

from tension_sim.brian import makefile
from tension_sim.brian.program_files import own_files, use_own_files, with_long_counts
from tension_sim.circuit.wiring import ForceWiring
from tension_sim.declare.record import Record
from tension_sim.errors import OutputError, RunFailedError
from tension_sim.run.simulation import Simulation

#: Pieces of what Brian2 2.9, 2.10 and 2.11 generate.
OBJECTS = """
void _load_arrays()
{
    using namespace brian;

    ifstream f_static_a;
    f_static_a.open("static_arrays/_static_a", ios::in | ios::binary);
    if(f_static_a.is_open())
    {
        f_static_a.read(reinterpret_cast<char*>(&_static_a[0]), 7*sizeof(double));
    } else
    {
        std::cout << "Error opening static array _static_a." << endl;
    }
    copy(_static_a);
}

void _write_arrays()
{
    using namespace brian;

    copy(_array_v);
    ofstream outfile__array_v;
    outfile__array_v.open(results_dir + "_array_v_12", ios::binary | ios::out);
    if(outfile__array_v.is_open())
    {
        outfile__array_v.write(reinterpret_cast<char*>(_array_v), 60*sizeof(_array_v[0]));
        outfile__array_v.close();
    } else
    {
        std::cout << "Error writing output file for _array_v." << endl;
    }
    ofstream outfile__dynamic_array_t;
    outfile__dynamic_array_t.open(results_dir + "_dynamic_array_t_3", ios::binary | ios::out);
    if(outfile__dynamic_array_t.is_open())
    {
        if (! _dynamic_array_t.empty() )
        {
            outfile__dynamic_array_t.write(reinterpret_cast<char*>(&_dynamic_array_t[0]), _dynamic_array_t.size()*8);
            outfile__dynamic_array_t.close();
        }
    } else
    {
        std::cout << "Error writing output file for _dynamic_array_t." << endl;
    }

    // Write random generator state to disk
    ofstream random_generator_state;
    random_generator_state.open(results_dir + "random_generator_state", ios::out);
    if (random_generator_state.is_open()) {
        for (int i=0; i<1; i++)
            random_generator_state << _random_generators[i] << "\\n";
    } else {
        std::cout << "Error writing random generator state to file." << std::endl;
    }
}

void _dealloc_arrays()
{
}
"""


def test_the_wanted_files_are_written_whole_and_no_others():
    found = own_files(OBJECTS, {"_array_v_12", "_dynamic_array_t_3"})
    calls = re.findall(r"(?:tsim::)?\b(?:copy|read_array|write_array|write_vector)\(.*", found)
    assert calls == [
        'tsim::read_array("_static_a", "static_arrays/_static_a", &_static_a[0], 7);',
        "copy(_static_a);",
        "copy(_array_v);",
        'tsim::write_array(results_dir, "_array_v_12", _array_v, _num__array_v);',
        'tsim::write_vector(results_dir, "_dynamic_array_t_3", _dynamic_array_t);',
    ]
    assert "stream" not in found and "random_generator_state" not in found
    assert found.count("{") == found.count("}") == 3


@pytest.mark.parametrize(
    ("change", "function"),
    [
        (lambda text: text.replace("void _write_arrays()", "bool _write_arrays()"), "_write_arrays"),
        (lambda text: text.replace("void _load_arrays()", "void _read_arrays()"), "_load_arrays"),
        (lambda text: text.replace("_array_v_12", "_array_v_13"), "_write_arrays"),
        (lambda text: text.replace("    } else\n", "    }\n    else if (true)\n"), "_load_arrays"),
        (lambda text: text.replace(".read(", ".readsome("), "_load_arrays"),
        (lambda text: text.replace("copy(_array_v);", "std::fstream other;"), "_write_arrays"),
    ],
)
def test_unknown_code_fails_the_build(change, function):
    assert change(OBJECTS) != OBJECTS
    with pytest.raises(RunFailedError) as caught:
        own_files(change(OBJECTS), {"_array_v_12", "_dynamic_array_t_3"})
    assert re.fullmatch(
        rf"The code that Brian2 [\d.a-z]+ generates for {function} is not known, so that it could lose data\.\n"
        r"Fix: install another version of brian2; pyproject\.toml of tension-sim names those that are\.",
        str(caught.value),
    )


ARRAYS = """
#include <cstdint>
#include <new>
#include <vector>
static bool begins_at(const void* memory, long unit)
{
    return memory && reinterpret_cast<std::uintptr_t>(memory) % unit == 0;
}
int main()
{
    const long large_page = 1L << 21;
    for (const long size : {0, 1, 7, 1000, 400000, 1000000, 3}) {
        const float* array = new float[size];
        if (!begins_at(array, size < 400000 ? 64 : large_page))
            return 1;
        const std::vector<float> vector(size);  // of small ones the program has many
        if (size >= 400000 && !begins_at(vector.data(), large_page))
            return 2;
        if (size != 7)  // the next one lies elsewhere
            delete[] array;
    }
    try {
        ::operator delete(::operator new(std::size_t(-1)));
        return 3;
    } catch (const std::bad_alloc&) {
    }
}
"""


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
def test_arrays_begin_on_a_cache_line_and_large_ones_on_a_large_page(tmp_path):
    (tmp_path / "objects.cpp").write_text("void _load_arrays()\n{\n}\nvoid _write_arrays()\n{\n}\n")
    (tmp_path / "main.cpp").write_text(ARRAYS)
    use_own_files(tmp_path, ())
    subprocess.run(["g++", "-std=c++11", "objects.cpp", "main.cpp", "-o", "main"], check=True, cwd=tmp_path)
    subprocess.run([tmp_path / "main"], check=True)


#: How Brian2 declares and fills an array, of more numbers than int counts.
LARGE = """
#include <cstdint>
#include <cstdio>
extern const int _num__array_P;
const int _num__array_P = 2147483653;
int main()
{
    int64_t filled = 0;
    for(int i=0; i<2147483653; i++) filled += 1;
    std::printf("%lld %lld", (long long)_num__array_P, (long long)filled);
}
"""


def test_arrays_of_more_numbers_than_int_counts(tmp_path):
    skip_unless_here("cpp_standalone")
    (tmp_path / "large.cpp").write_text(with_long_counts(LARGE))
    subprocess.run(["g++", "-O2", "-w", "large.cpp", "-o", "large"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "large"], capture_output=True, text=True, timeout=20)
    assert done.stdout == "2147483653 2147483653"


def test_no_array_of_a_program_is_counted_in_int(monkeypatch, tmp_path):
    skip_unless_here("cpp_standalone")
    found = []

    def look(folder, *_):
        found.extend((folder / f"objects.{end}").read_text() for end in ("cpp", "h"))
        raise RunFailedError("seen")

    monkeypatch.setenv("TENSION_SIM_CACHE", str(tmp_path))
    monkeypatch.setattr(makefile, "gather_sources", look)
    with pytest.raises(RunFailedError, match="seen"):
        Simulation(net(), target="cpp_standalone").build()
    assert len(found) == 2
    for source in found:
        assert "const int64_t _num__array_" in source
        assert not re.findall(r"\bconst int _num\w+|for\(int i=0; i<\d+", source)


@pytest.fixture
def program():
    skip_unless_here("cpp_standalone")
    return Simulation(net(), target="cpp_standalone").build()


@pytest.fixture
def values():
    """All that a run starts from."""
    simulation = Simulation(net(), target="cpp_standalone")
    initial = simulation.wiring.initial_state(None, 0)
    initial.pop("step")
    signal = {"target.samples": Y.ravel(), "target.first_step": 0, "target.every": 1, "target.periodic": 0}
    return {**simulation.wiring.values(), **initial, **signal}


def short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8])


def long(path: Path) -> None:
    path.write_bytes(path.read_bytes() + bytes(8))


@pytest.mark.parametrize("name", ["neurons.v", "recurrent.w", "target.samples"])
@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (Path.unlink, "No such file or directory"),
        (short, r"it has \d+ bytes, not the \d+ of \d+ values"),
        (long, r"it has \d+ bytes, not the \d+ of \d+ values"),
    ],
)
def test_an_input_that_is_not_whole_ends_the_run(program, values, monkeypatch, name, damage, why):
    arguments = type(program)._arguments

    def damaged(self, given, work):
        found = arguments(self, given, work)
        damage(work.path / f"{name}.in")
        return found

    monkeypatch.setattr(type(program), "_arguments", damaged)
    with pytest.raises(RunFailedError, match=rf"program could not read {name} from \S+{name}\.in \({why}\) before its"):
        program.run(values, 0, 10, net().dt, [])


def test_a_static_array_that_is_missing_ends_the_run(program, values, tmp_path):
    folder = shutil.copytree(program.folder, tmp_path / "program")
    static = sorted((folder / "static_arrays").iterdir())
    assert static
    static[0].unlink()
    with pytest.raises(RunFailedError, match=r"could not read \S+ from static_arrays/\S+ \(No such file or directory"):
        replace(program, folder=folder).run(values, 0, 10, net().dt, [])


def test_a_folder_that_cannot_be_written_ends_the_run(program, values, monkeypatch):
    arguments = type(program)._arguments

    def no_results(self, given, work):
        found = arguments(self, given, work)
        (work.path / "results").rmdir()
        (work.path / "results").write_text("")
        return found

    monkeypatch.setattr(type(program), "_arguments", no_results)
    monkeypatch.setenv("TMPDIR", "/tmp")  # no second folder
    with pytest.raises(OutputError) as caught:
        program.run(values, 0, 10, net().dt, ["readout.w"])
    assert re.fullmatch(
        r"The compiled program could not write \d+ bytes into \S+/results/\S+ \(Not a directory; .+ bytes are free "
        r"there\)\.\nFix: make room there, or set TMPDIR to a folder on another disk; recording less needs less room\.",
        str(caught.value),
    )


def test_a_number_is_no_path(program, values):
    found = program.run({**values, "neurons.v": np.float64("nan")}, 0, 1, net().dt, ["neurons.v", "readout.w"])
    assert np.isnan(found["neurons.v"]).all()
    np.testing.assert_array_equal(found["readout.w"], 0)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are listed under /proc on Linux only")
def test_a_signal_to_the_program_alone_ends_it_well(program, values):
    """A batch system sends its signal to every process of a job."""

    def children() -> list[int]:
        return [
            int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()
        ]

    def stop(done: int) -> None:
        for child in children():
            if Path(f"/proc/{child}/exe").samefile(program.folder / "main"):
                os.kill(child, signal.SIGTERM)

    found = program.run({**values, "target.periodic": 1}, 0, 10**8, net().dt, ["readout.w"], stop)
    assert found["interrupted"] and 0 < found["steps"] < 10**8
    assert found["readout.w"].any()


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("make") is None, reason="make is as Brian2 has it")
def test_the_makefile_begins_with_what_takes_longest(tmp_path):
    """The largest file of those that need the common header, then those that do not; each once."""
    from tension_sim.brian.makefile import speed_up_makefile

    sizes = {"code_objects/a.cpp": 10, "code_objects/b.cpp": 90, "main.cpp": 20, "objects.cpp": 60, "run.cpp": 5}
    sizes["network.cpp"] = 30
    (tmp_path / "code_objects").mkdir()
    for name, size in sizes.items():
        (tmp_path / name).write_text(" " * size)
    (tmp_path / "makefile").write_text(f"SRCS = {' '.join(sizes)}\nOBJS = ${{SRCS:.cpp=.o}}\nall: $(OBJS)\n")
    speed_up_makefile(tmp_path)
    text = (tmp_path / "makefile").read_text()
    assert "\nSRCS = code_objects/b.cpp objects.cpp main.cpp run.cpp network.cpp code_objects/a.cpp\n" in text
    asked = ["make", "-n", "-f", "makefile", "CXX=c++", "main.o"]
    done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ".gch" not in done.stdout


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("c++") is None, reason="make is as Brian2 has it")
def test_a_program_is_compiled_in_few_files_without_what_no_run_reaches(tmp_path, monkeypatch):
    """As many as have room for the code of a small network, and half of the text of objects.cpp."""
    from tension_sim.brian import build

    monkeypatch.setattr(build, "compile_sources", lambda *arguments: None)
    build.build_cpp(ForceWiring(net(), Record()).circuit, tmp_path)
    listed = re.search(r"^SRCS = (.*)$", (tmp_path / "makefile").read_text(), re.MULTILINE)
    assert listed is not None
    compiled = listed[1].split()
    # Brian2 2.11 keeps the source of its spike queue beside the header that it includes
    assert sorted(set(compiled) - {"brianlib/spikequeue.cpp"}) == ["once.cpp", "unit_0.cpp", "unit_1.cpp"]
    gathered = "".join((tmp_path / name).read_text() for name in compiled)
    for path in (*tmp_path.glob("code_objects/*.cpp"), tmp_path / "network.cpp"):
        assert gathered.count(f'#line 1 "{path.relative_to(tmp_path)}"') == 1
    assert gathered.count("void set_variable_by_name(std::string name, std::string s_value) {}\n") == 1
    assert "set_variable_from_file(name" not in gathered
