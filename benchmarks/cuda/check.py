"""Run the programs of the kit on this machine's GPU, compare them with C++, time them.

    python3 -m benchmarks.cuda.check [--only NAME ...] [--json FILE]

Python with numpy is enough. Ends within eight minutes, with status 0 if all is right, 1 if something is not, and 2
if nothing could run.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.cuda.execute import Ran, execute, given, scratch, timed, unpack

BUDGET = 460.0  # seconds, of the 480 that there may be

#: Seconds for each tool of compute-sanitizer.
_SANITIZER = 60.0


class NothingRanError(Exception):
    """There is no kit, or no GPU."""


def _root() -> Path:
    """Return the folder that this package is imported from: the repository, or the kit itself."""
    return Path(__file__).resolve().parents[2]


def find_card(cuda: float = 0.0) -> dict[str, Any]:
    """Ask the driver for the first GPU; `cuda` is the version that the programs were compiled by.

    Raises
    ------
    NothingRanError
        If there is no driver, or one for an older CUDA, or no GPU, or one of before Ampere.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        raise NothingRanError(
            "No GPU: the NVIDIA driver (libcuda.so.1) is not installed on this machine. Run this check where one is."
        ) from None
    count, name, number = ctypes.c_int(), ctypes.create_string_buffer(256), ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        raise NothingRanError("No GPU: the NVIDIA driver is here, but finds no GPU that can be used.")
    driver.cuDeviceGetName(name, len(name), 0)
    found = []
    for attribute in (75, 76):  # major and minor compute capability
        driver.cuDeviceGetAttribute(ctypes.byref(number), attribute, 0)
        found.append(number.value)
    version = ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(version))
    card = {
        "name": name.value.decode(errors="replace"),
        "compute_capability": f"{found[0]}.{found[1]}",
        "driver_cuda": f"{version.value // 1000}.{version.value % 1000 // 10}",
    }
    if found[0] < 8:
        raise NothingRanError(f"The GPU {card['name']} is too old: the programs need compute capability 8.0 or more.")
    if version.value // 1000 < int(cuda):
        raise NothingRanError(
            f"The driver is for CUDA {card['driver_cuda']}, the programs are of CUDA {cuda}: update it."
        )
    return card


def load(kit: Path) -> dict[str, Any]:
    """Read the manifest of the kit.

    Raises
    ------
    NothingRanError
        If it is not there.
    """
    try:
        return json.loads((kit / "manifest.json").read_text())
    except (OSError, ValueError) as error:
        raise NothingRanError(
            f"No kit in {kit}: {error}. Run python -m benchmarks.cuda.prepare where brian2cuda and nvcc are, "
            "and bring that folder here."
        ) from None


def check_program(kit: Path, program: Mapping[str, Any], tolerance: float, end: float) -> dict[str, Any]:
    """Do all runs of a program, and return what goes into its row; nothing is raised."""
    found: dict[str, Any] = {"name": program["name"], "title": program["title"], "dtype": program["dtype"]}
    begin, problems, runs = time.perf_counter(), [], {}

    def left(limit: float) -> float:
        return min(limit, end - time.monotonic())

    try:
        with scratch(program["bytes"]) as work:
            todo = dict(program["runs"])
            if "made_by" in program:
                made, more = _make(program, work, left(program["limit"]))
                problems += more
                todo = {name: run | {"arguments": made[name]} for name, run in todo.items() if name in made}
            else:
                unpack(kit / program["name"] / "inputs", work)
            for name, run in todo.items():
                if left(1) <= 0.5:
                    problems.append(f"{name}: not run, the time is over")
                    break
                ran = execute(kit, program, run, work, left(run.get("limit", program["limit"])), tolerance)
                runs[name] = ran
                problems += [f"{name}: {problem}" for problem in ran.problems]
                if ran.problems and name == next(iter(todo)) and ran.loop_seconds is None:
                    break  # it does not run at all
    except Exception as error:  # whatever happens to one must not end the others
        problems.append(f"{type(error).__name__}: {error}")
    differences = [ran.difference for ran in runs.values() if ran.difference is not None]
    found |= {"difference": max(differences, default=None), "problems": problems}
    found |= timings(program, runs) | {"seconds": time.perf_counter() - begin}
    return found | {"runs": {name: asdict(ran) for name, ran in runs.items()}}


def _make(program: Mapping[str, Any], work: Path, limit: float) -> tuple[dict[str, list[str]], list[str]]:
    """Let a module write a program's inputs, which are too large to carry."""
    inputs, described = work / "inputs", work / "arrays.json"
    inputs.mkdir()
    described.write_text(json.dumps({"arrays": program["arrays"]}))
    command = [sys.executable, "-m", program["made_by"], str(described), str(inputs)]
    problems, output = timed(command, work, work, limit, path=str(_root()))
    if problems:
        return {}, [f"its inputs: {problem}" for problem in problems]
    made = json.loads(output.strip().splitlines()[-1])
    if made["checksum"] != program["checksum"]:
        problems = ["its inputs differ from those that were prepared: this numpy draws other numbers"]
    return made["arguments"], problems


def timings(program: Mapping[str, Any], runs: Mapping[str, Ran]) -> dict[str, float]:
    """Return ms a step and an update, by the programs' own clocks of their loops: long runs less short ones."""
    loops = {name: ran.loop_seconds for name, ran in runs.items()}
    if any(loops.get(name) is None for name in ("short", "long")):
        return {}
    steps = {name: run["steps"] for name, run in program["runs"].items()}
    found = {"step_ms": 1e3 * (loops["long"] - loops["short"]) / (steps["long"] - steps["short"])}
    if all(loops.get(name) is not None for name in ("short_learning", "long_learning")):
        # the first update makes P(0) as well, and is left out
        updates = runs["long_learning"].updates - runs["short_learning"].updates
        learning = (loops["long_learning"] - loops["long"]) - (loops["short_learning"] - loops["short"])
        found["update_ms"] = 1e3 * learning * program["rules_at_once"] / max(updates, 1)
    if "published" in program and "update_ms" in found:
        published = program["published"]
        here = 1e-3 * (found["step_ms"] * published["steps"] + found["update_ms"] * published["updates"])
        found |= {"published_seconds": published["seconds"], "ratio": here / published["seconds"]}
    return found


def sanitize(kit: Path, program: Mapping[str, Any], end: float) -> list[dict[str, Any]]:
    """Run the small network under the tools that see wrong and racing accesses, where they are."""
    tool = shutil.which("compute-sanitizer")
    if tool is None:
        print("compute-sanitizer is not on the PATH: memory and races were not checked.")
        return []
    rows = []
    for name in ("memcheck", "racecheck"):
        begin, limit = time.perf_counter(), min(_SANITIZER, end - time.monotonic())
        with scratch(program["bytes"]) as work:
            (work / "results").mkdir()
            run = next(iter(program["runs"].values()))
            command = [tool, "--tool", name, "--error-exitcode", "9", str((kit / program["name"] / "main").resolve())]
            unpack(kit / program["name"] / "inputs", work)
            command += ["--results_dir", f"{work}/results/", *given(run, work)]
            problems, output = timed(command, kit / program["name"], work, limit)
        summary = [line.strip("= ") for line in output.splitlines() if "SUMMARY" in line]
        row = {"name": name, "title": f"{name} of {program['name']}", "dtype": "", "difference": None}
        rows.append(row | {"problems": [*problems, *(summary if problems else [])]})
        rows[-1]["seconds"] = time.perf_counter() - begin
    return rows


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as a table in Markdown."""
    heads = ["program", "type", "agrees", "difference", "step, ms", "update, ms", "of published", "s"]

    def number(row: Mapping[str, Any], key: str, form: str) -> str:
        return "" if row.get(key) is None else format(row[key], form)

    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in rows:
        cells = [row["title"], row["dtype"], "no" if row["problems"] else "yes", number(row, "difference", ".1e")]
        cells += [number(row, "step_ms", ".4f"), number(row, "update_ms", ".4f"), number(row, "ratio", ".2f")]
        lines.append("| " + " | ".join([*cells, number(row, "seconds", ".1f")]) + " |")
    wrong = [f"{row['title']}: {problem}" for row in rows for problem in row["problems"]]
    return "\n".join([*lines, *(["", "Wrong:"] if wrong else []), *wrong])


def main(argv: Sequence[str] | None = None) -> int:
    """Check the kit, print the table, write it, and return the exit status."""
    here = _root() if (_root() / "manifest.json").exists() else Path(__file__).resolve().parent / "kit"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kit", type=Path, default=here, help="the folder that prepare filled")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these programs alone")
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds for all")
    parser.add_argument("--json", type=Path, help="where the table is written as well; by default into the kit")
    arguments = parser.parse_args(argv)
    end, kit = time.monotonic() + arguments.budget, arguments.kit.resolve()
    try:
        manifest = load(kit)
        programs = _chosen(manifest["programs"], arguments.only)
        card = {"name": "none: emulated on the CPU"} if manifest["emulated"] else find_card(manifest["cuda"])
    except NothingRanError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"GPU: {', '.join(map(str, card.values()))}", flush=True)
    rows = []
    for program in programs:
        rows.append(check_program(kit, program, manifest["tolerance"][program["dtype"]], end))
        print(f"{program['name']}: {'; '.join(rows[-1]['problems']) or 'right'}", flush=True)
    small = next((program for program in programs if program["sanitize"]), None)
    if small is not None and not manifest["emulated"]:
        rows += sanitize(kit, small, end)
    text = table(rows)
    print(f"\n{text}")
    file = arguments.json or kit / "checked.json"
    file.write_text(json.dumps({"card": card, "built": manifest["built"], "rows": rows}, indent=1))
    return 1 if any(row["problems"] for row in rows) else 0


def _chosen(programs: Sequence[dict[str, Any]], names: Sequence[str] | None) -> list[dict[str, Any]]:
    known = [program["name"] for program in programs]
    wrong = sorted(set(names or []) - set(known))
    if wrong or not known:
        raise NothingRanError(f"The kit has no program {', '.join(wrong) or 'at all'}. It has: {', '.join(known)}.")
    return [program for program in programs if names is None or program["name"] in names]


if __name__ == "__main__":
    sys.exit(main())
