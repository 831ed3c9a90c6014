"""Programs that are made at once, in place of compiled ones, for tests of their cache."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tension_sim.circuit.parts import Circuit
from tension_sim.circuit.wiring import ForceWiring
from tension_sim.declare.network import ForceNetwork
from tension_sim.declare.record import Record

#: What lies in the folder of a finished program.
FILES = {"main", "manifest.json", "complete", "static_arrays"}


def circuit(n: int = 7) -> Circuit:
    """Return the circuit of a small network."""
    return ForceWiring(ForceNetwork.random(n=n), Record()).circuit


def write_program(folder: Path, main: str = "#!/bin/sh\n") -> None:
    """Write what a build leaves: what counts, and what does not."""
    (folder / "main").write_text(main)
    (folder / "main").chmod(0o775)
    (folder / "manifest.json").write_text(json.dumps({"arrays": {"readout.w": {"file": "w"}}}))
    for name in ("static_arrays", "code_objects", "results"):
        (folder / name).mkdir()
    (folder / "static_arrays" / "rows").write_bytes(bytes(range(40)))
    (folder / "code_objects" / "code.cpp").write_text("source")
    (folder / "makefile").write_text("main:")


def builder(made: list[Path]) -> Callable[[Circuit, Path], None]:
    """Return what builds such programs, and counts them."""

    def build(circuit: Circuit, folder: Path) -> None:
        made.append(folder)
        write_program(folder)

    return build
