"""Fill the folder `kit` with programs for a GPU, their inputs, and what C++ makes of them. No GPU is needed.

    python -m benchmarks.cuda.prepare [--only NAME ...] [--emulate]

Needs brian2cuda and nvcc. What is built already, from the same code, is not built again.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.cuda import portable, primitives
from benchmarks.cuda.calls import arguments_of
from benchmarks.cuda.cases import Case, cases
from benchmarks.cuda.execute import INPUTS
from benchmarks.cuda.reference import reference, write_wanted
from tension_sim.brian import build_cuda
from tension_sim.circuit.parts import STEPS, Circuit, Rule
from tension_sim.errors import TensionError
from tension_sim.run.cache import program_key
from tension_sim.system.data_folder import data_folder

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]

LARGEST = 60e6  # bytes of the kit

#: What decides a binary besides its sources.
_COMPILED_BY = (Path(portable.__file__), portable.STUBS)

#: The CPU plays the GPU slowly: it takes fewer steps, and may take longer.
_EMULATED_STEPS, _EMULATED_LIMIT = 150, 300.0

_CARRIED = ("__init__", "calls", "check", "compare", "execute", "large")


@cache
def tolerance() -> dict[str, float]:
    """Return how far a number may be off: of float32 as the tests have it; cards do float64 with fused sums."""
    from brian_target import TOLERANCE

    return {"float64": 1e-10, "float32": TOLERANCE["float32"]}


@contextmanager
def emulation() -> Iterator[dict[str, Any]]:
    """Compile for the CPU, as tests/cuda does, in place of nvcc."""
    from cuda_emulation import compile_project, preferences

    with (
        patch.object(build_cuda, "build_preferences", preferences),
        patch.object(build_cuda, "compile_sources", lambda folder, language: compile_project(folder)),
    ):
        yield {}


@contextmanager
def for_gpus() -> Iterator[dict[str, Any]]:
    """Compile by nvcc for machines other than this one."""
    with tempfile.TemporaryDirectory() as folder:
        yield portable.preferences(Path(folder))


# ---- one program of the kit: its binary, its inputs, what is wanted ----


def _digest(*parts: Any) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes() if isinstance(part, Path) else str(part).encode())
    return digest.hexdigest()[:24]


@cache
def _sources() -> str:
    """Digest all that decides inputs and outputs."""
    files = [*(_ROOT / "tension_sim").rglob("*.py"), *_HERE.glob("*.py"), *(_ROOT / "tests" / "brian").glob("ever*.py")]
    return _digest(*sorted(files), *sorted(data_folder("models").rglob("*.toml")))


def _written(folder: Path, key: str, name: str) -> dict[str, Any] | None:
    """Return the description of a program if it is there, under the same key."""
    try:
        found = json.loads((folder / "program.json").read_text())
    except (OSError, ValueError):
        return None
    return found if found.get(key) == name and (folder / "main").exists() else None


def _install(folder: Path, key: str, build: Callable[[Path], dict[str, Any]], emulated: bool) -> dict[str, Any]:
    """Build a program into a folder of the kit, unless it is there, and return what is known of the binary."""
    found = _written(folder, "binary", key)
    if found is not None:
        return {name: found[name] for name in ("binary", "arrays", "needs", "build_seconds")}
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(temporary)
        arrays = build(project)
        needs = {}
        if not emulated:
            needs = portable.libraries_of(project / "main")
            needs["architectures"] = sorted(portable.architectures_of(project / "main"))
            portable.strip(project / "main")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(project / "main", folder / "main")
        # what a program starts from where a run gives nothing else
        shutil.copytree(project / "static_arrays", folder / "static_arrays")
    found = {"binary": key, "arrays": arrays, "needs": needs, "build_seconds": time.perf_counter() - begin}
    (folder / "program.json").write_text(json.dumps(found))
    return found


def _circuit(case: Case, kit: Path, changed: Mapping[str, Any], emulated: bool) -> dict[str, Any]:
    """Prepare the program of a declared network."""
    planned = case.plan()
    circuit, folder = planned.circuit, kit / case.name

    def build(project: Path) -> dict[str, Any]:
        build_cuda.build_cuda(circuit, project, changed)
        return json.loads((project / "manifest.json").read_text())["arrays"]

    key = _digest(program_key(circuit, "cuda_standalone"), *_COMPILED_BY, emulated)
    binary = _install(folder, key, build, emulated)
    arrays = binary["arrays"]
    shutil.rmtree(folder / "inputs", ignore_errors=True)
    runs: dict[str, Any] = {}
    for name, call in planned.calls.items():
        runs[name] = {"steps": call.steps}
        if "made_by" not in planned.more:
            runs[name]["arguments"] = arguments_of(call, arrays, folder / "inputs", INPUTS)
    _pack(folder / "inputs")
    call = planned.calls["agreement"]
    numbers, spikes = reference(planned)
    runs["agreement"]["wanted"] = write_wanted(kit, f"{case.name}/wanted", numbers, spikes, circuit.dt)
    rules = list(circuit.of(Rule))
    return binary | dict(planned.more) | {
        "dtype": circuit.dtype,
        "steps_in": STEPS,
        "rules": rules,
        "rules_at_once": len(rules),
        "weights": [name for name in call.wanted if name.endswith(".w")],
        "bytes": _bytes(arrays),
        "sanitize": False,
        "runs": runs,
    }  # fmt: skip


def _primitives(dtype: str, kit: Path, changed: Mapping[str, Any], emulated: bool, name: str) -> dict[str, Any]:
    """Prepare the program with every primitive."""
    folder = kit / name
    nothing = Circuit(primitives.DT, {}, dtype)  # of its key remain compiler and sources
    steps = min(primitives.STEPS[dtype], _EMULATED_STEPS if emulated else sys.maxsize)
    files = (Path(primitives.everything.__file__), *_COMPILED_BY)
    key = _digest(program_key(nothing, "cuda_standalone"), *files, steps, emulated)
    binary = _install(folder, key, lambda project: primitives.build(project, dtype, steps, changed), emulated)
    runs = {}
    with tempfile.TemporaryDirectory() as temporary:
        for run, (numbers, spikes) in primitives.outcomes(Path(temporary), dtype, steps).items():
            wanted = write_wanted(kit, f"{name}/wanted/{run}", numbers, spikes, primitives.DT)
            arguments = [f"{key}={value!r}" for key, value in primitives.RUNS[run].items()]
            runs[run] = {"steps": steps, "arguments": arguments, "wanted": wanted}
    return binary | {
        "dtype": dtype,
        "steps_in": None,
        "rules": list(primitives.rules()),
        "rules_at_once": len(primitives.rules()),
        "weights": [f"{of}.w" for of in ("readout", "second", "partial", "recurrent", "rate_readout")],
        "bytes": _bytes(binary["arrays"]),
        "sanitize": dtype == "float64",
        "runs": runs,
    }


def _pack(inputs: Path) -> None:
    """Compress inputs, which are carried: indices, and weights of few values."""
    for path in inputs.glob("*.in"):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path.unlink()


def _bytes(arrays: Mapping[str, Mapping[str, Any]]) -> int:
    """Return how much a program writes, without what grows."""
    size = {"float64": 8, "int64": 8, "float32": 4, "int32": 4}
    return sum((entry["size"] or 0) * size.get(entry["dtype"], 1) for entry in arrays.values())


def programs(emulated: bool) -> dict[str, tuple[str, float, Callable[..., dict[str, Any]]]]:
    """Return title, limit in seconds of a run, and what prepares it, by the name of each program."""
    found: dict[str, tuple[str, float, Callable[..., dict[str, Any]]]] = {}
    for dtype in primitives.STEPS:
        name = f"primitives_{dtype}"
        limit = _EMULATED_LIMIT if emulated else 30.0
        found[name] = ("every primitive", limit, partial(_primitives, dtype, name=name))
    return found | {case.name: (case.title, case.limit, partial(_circuit, case)) for case in cases(emulated)}


# ---- the kit ----


def prepare(kit: Path, names: Sequence[str] | None = None, *, emulate: bool = False) -> list[str]:
    """Bring the kit up to date, and return what went wrong, by program; one that fails does not stop the others."""
    kit.mkdir(parents=True, exist_ok=True)
    problems = []
    with emulation() if emulate else for_gpus() as changed:
        for name, (title, limit, make) in programs(emulate).items():
            if names and name not in names:
                continue
            key = _digest(_sources(), emulate)
            if _written(kit / name, "prepared", key) is not None:
                print(f"{name}: is up to date", flush=True)
                continue
            begin = time.perf_counter()
            try:
                found = make(kit=kit, changed=changed, emulated=emulate)
            except Exception as error:  # the others are prepared all the same
                if not isinstance(error, TensionError):
                    traceback.print_exc()
                problems.append(f"{name}: {type(error).__name__}: {error}")
                print(problems[-1], file=sys.stderr, flush=True)
                continue
            found |= {"name": name, "title": title, "limit": limit, "prepared": key}
            (kit / name / "program.json").write_text(json.dumps(found))
            print(f"{name}: prepared in {time.perf_counter() - begin:.0f} s", flush=True)
    _finish(kit, emulate)
    size = sum(path.stat().st_size for path in kit.rglob("*") if path.is_file())
    print(f"{kit}: {size / 1e6:.1f} MB")
    if size > LARGEST:
        problems.append(f"the kit has {size / 1e6:.1f} MB, more than {LARGEST / 1e6:.0f}")
    return problems


def _finish(kit: Path, emulated: bool) -> None:
    """Put in what checks the programs, and the manifest of those that are there."""
    for name in _CARRIED:
        (kit / "benchmarks" / "cuda").mkdir(parents=True, exist_ok=True)
        shutil.copy(_HERE / f"{name}.py", kit / "benchmarks" / "cuda")
    package = kit / "tension_sim"
    shutil.rmtree(package, ignore_errors=True)
    only_modules = shutil.ignore_patterns("templates", "__pycache__", "_data")
    shutil.copytree(_ROOT / "tension_sim", package, ignore=only_modules)
    shutil.copytree(data_folder("equations"), package / "_data" / "equations")
    found = [json.loads(path.read_text()) for path in sorted(kit.glob("*/program.json"))]
    ready = {program["name"]: program for program in found if "runs" in program}
    manifest = {
        "emulated": emulated,
        "cuda": 0.0 if emulated else portable.cuda_version(),
        "built": time.strftime("%Y-%m-%d", time.gmtime()),
        "tolerance": tolerance(),
        "programs": [ready[name] for name in programs(emulated) if name in ready],
    }
    (kit / "manifest.json").write_text(json.dumps(manifest))


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare, and say what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"of {', '.join(programs(False))}")
    parser.add_argument("--emulate", action="store_true", help="programs for the CPU, to try the check where no GPU is")
    parser.add_argument("--kit", type=Path, help="the folder; by default benchmarks/cuda/kit, emulated .../emulated")
    arguments = parser.parse_args(argv)
    known = list(programs(arguments.emulate))
    if unknown := sorted(set(arguments.only or []) - set(known)):
        parser.error(f"there is no program {', '.join(unknown)} to prepare; there are {', '.join(known)}")
    kit = arguments.kit or _HERE / ("emulated" if arguments.emulate else "kit")
    problems = prepare(kit.resolve(), arguments.only, emulate=arguments.emulate)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
