"""Run a network on disks of given sizes, in a mount namespace of this process, and say how each run ended.

Run by test_disks.py; prints a line of JSON for each size.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from lif_network import Y, assert_same, net

from tension_sim.declare.record import Record
from tension_sim.errors import OutputError
from tension_sim.results.results import Results
from tension_sim.run import program
from tension_sim.run.simulation import Simulation
from tension_sim.system import scratch


def simulation() -> Simulation:
    """Return a simulation whose program is that of other tests."""
    return Simulation(net(), target="cpp_standalone", record=Record())


def run() -> Results:
    return simulation().run(np.tile(Y, 10))


def on_disk(folder: Path, wanted: Results) -> dict[str, Any]:
    """Run with the files of the run, and then the results, on the disk."""
    with_files: dict[str, Any] = {"folder": [str(folder)]}
    tempfile.tempdir = str(folder)
    scratch._IN_MEMORY = str(folder / "none")
    try:
        results = run()
        assert_same(results, wanted)
        with_files["run"] = "whole"
    except OutputError as error:
        return with_files | {"run": str(error), "left": left(folder)}
    del results
    try:
        wanted.save(folder / "results.h5")
        assert_same(Results.load(folder / "results.h5"), wanted)
        with_files["save"] = "whole"
    except OutputError as error:
        with_files["save"] = str(error)
    return with_files | {"left": left(folder)}


def in_memory(folder: Path, wanted: Results) -> dict[str, Any]:
    """Run with the files of the run in a memory that may be too small, and a disk that is not."""
    scratch._IN_MEMORY = str(folder)
    program.fast_folder = lambda values, recorded: str(folder)
    results = run()
    assert_same(results, wanted)
    del results
    return {"run": "whole", "left": left(folder)}


def left(folder: Path) -> list[str]:
    """Return what lies in a folder, but whole results and logs."""
    kept = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("results.h5", scratch.LOG)]
    return sorted(str(path) for path in kept)


def main(kind: str, parent: str, *sizes: str) -> None:
    wanted = run()
    folder = Path(parent) / "disk"
    folder.mkdir()
    for size in sizes:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
        try:
            found = {"disk": on_disk, "memory": in_memory}[kind](folder, wanted)
        finally:
            tempfile.tempdir = None
            subprocess.run(["umount", "--lazy", folder], check=True)
        print(json.dumps({"size": int(size)} | found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
