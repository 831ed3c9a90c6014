"""Memory of a static synapse: peaks of Python and of the C++ program, with many synapses less with few.

    python benchmarks/memory.py [--n 20000] [--indegree 1000] [--dtype float32]

Three numbers: the peak of Python, which draws and orders the synapses; what it still holds while the program runs;
and the peak of the program.
A process of its own declares and runs each network: AdEx neurons with AMPA synapses and a delay. Both run one
program, which is compiled before, so that no compiler counts. No neuron fires: recorded spikes would count as
memory of the synapses that caused them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from tension_sim import Connector, Network, Population, Projection, Simulation


def network(n: int, indegree: int, dtype: str) -> Network:
    """Return neurons that hear so many others."""
    weights = Connector("fixed_indegree", "0.1*nS", indegree=indegree)
    projection = Projection("exc", "exc", into="g_exc", synapse="ampa", weights=weights, delay="1.5*ms", sign=1)
    return Network({"exc": Population("adex", n, parameters={"bias": "0*pA"})}, [projection], dtype=dtype)


def own(what: str) -> int:
    """Return what the kernel says of this process's memory, in bytes."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(lines[what].split()[0])


class Peak(threading.Thread):
    """Watches the peaks of programs that this process starts, and what it holds beside them.

    The kernel counts a program from when it begins; what `resource` says begins with the pages of the process that
    forked.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes, self.beside, self.ended = 0, 0, threading.Event()

    def run(self) -> None:
        """Look until told to stop."""
        while not self.ended.wait(0.002):
            for status in Path("/proc").glob("[0-9]*/status"):
                try:
                    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
                except (OSError, ValueError):  # it ended meanwhile
                    continue
                mine = lines["Name"].strip() == "main" and int(lines["PPid"]) == os.getpid()
                if mine and "VmHWM" in lines:
                    self.bytes = max(self.bytes, 1024 * int(lines["VmHWM"].split()[0]))
                    self.beside = own("VmRSS")


def peaks(n: int, indegree: int, dtype: str) -> dict[str, int]:
    """Declare and run a network; return in bytes the peaks of this process and the program, and what is beside it."""
    simulation, peak = Simulation(network(n, indegree, dtype), target="cpp_standalone"), Peak()
    peak.start()
    simulation.run(steps=2000)
    peak.ended.set()
    peak.join()
    return {"Python": own("VmHWM"), "Python beside the program": peak.beside, "program": peak.bytes}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--indegree", type=int, default=1000)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--one", action="store_true", help="run one network, and print its peaks")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(peaks(given.n, given.indegree, given.dtype)))
        return
    Simulation(network(given.n, 1, given.dtype), target="cpp_standalone").build()
    found = []
    for indegree in (1, given.indegree):
        command = [sys.executable, __file__, "--one", "--n", str(given.n), "--indegree", str(indegree)]
        said = subprocess.run([*command, "--dtype", given.dtype], check=True, capture_output=True, text=True).stdout
        found.append(json.loads(said.splitlines()[-1]))
    few, many = found
    synapses = given.n * (given.indegree - 1)
    report = {f"{name}, bytes per synapse": round((many[name] - few[name]) / synapses, 2) for name in few}
    print(json.dumps({"synapses": given.n * given.indegree, "dtype": given.dtype, **report}, indent=2))


if __name__ == "__main__":
    main()
