"""The largest network that was published on a GPU: 66,002 neurons, 128 plastic inputs each, no others.

    python -m benchmarks.cuda.large MANIFEST FOLDER

writes what its runs read into a folder, 300 MB, and their arguments to standard output. numpy is enough for it:
`check` calls it on the GPU's machine.
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path

import numpy as np

from benchmarks.cuda.calls import Call, arguments_of, call_of
from tension_sim import FittedNetwork, Learning, Record, Simulation, SparseKernel
from tension_sim.protocols._balanced import draw_plastic

__all__ = ["N", "calls", "checksum", "simulation"]

N, PLASTIC, EVERY = 66_002, 128, 100

#: Steps of each run, and whether it learns.
RUNS = {
    "agreement": (2 * EVERY + 20, True),
    "short": (2 * EVERY, False),
    "long": (42 * EVERY, False),
    "short_learning": (2 * EVERY, True),
    "long_learning": (42 * EVERY, True),
}


def simulation(n: int = N) -> Simulation:
    """Draw the network: as arthur_2023, but a constant input just at threshold in place of static synapses."""
    rng, each = np.random.default_rng(1), PLASTIC // 2
    weight = 10 / np.sqrt(each)
    inputs = {"excitatory": each, "inhibitory": each, "feedforward": 0}
    inputs |= {"weight_excitatory": weight, "weight_inhibitory": -weight}
    net = FittedNetwork(
        "lif_normalized",
        "euler_exponential",
        "euler_exponential",
        n,
        "0.1*ms",
        None,
        draw_plastic({"n": n}, inputs, n, rng),
        Learning(alpha_P=1.25, update_every=EVERY, start=1),
        input_kernel=SparseKernel(1, np.zeros(n, int), np.arange(n), np.full(n, 1.02), n),
        error="synaptic_input",
        groups=np.repeat([0, 1], [n // 2, n - n // 2]),
        row_sum=[0.01, 0.01],
        parameters={"tau_ref": "0.1*ms", "tau_decay_plastic": "150*ms"},
        initial={"v": "rand()"},
        dtype="float32",
        seed=1,
    )
    # the output, z of each neuron, once a run
    return Simulation(net, target="cpp_standalone", record=Record(every=10**6))


def calls(simulation: Simulation) -> dict[str, Call]:
    """Return its runs by their names."""
    phase, found = np.linspace(0, 2 * np.pi, simulation.net.n, endpoint=False), {}
    for name, (steps, learning) in RUNS.items():
        rows = -(-steps // EVERY)
        y = 0.5 * np.sin(2 * np.pi * EVERY * 1e-4 * np.arange(rows)[:, None] + phase) if learning else None
        every = {"y": EVERY, "x": EVERY} if learning else {"x": EVERY}
        found[name] = call_of(simulation, y, np.ones((rows, 1)), steps=steps, every=every, learning=learning)
    return found


def checksum(call: Call) -> int:
    """Return a number that tells whether another numpy drew the same network."""
    return zlib.crc32(np.ascontiguousarray(call.values["plastic.post"], "int32").tobytes())


def main(manifest: str, folder: str) -> None:
    """Write the files, and print the arguments of each run and the checksum."""
    arrays = json.loads(Path(manifest).read_text())["arrays"]
    found = calls(simulation())
    arguments = {name: arguments_of(call, arrays, Path(folder), folder) for name, call in found.items()}
    print(json.dumps({"arguments": arguments, "checksum": checksum(found["agreement"])}))


if __name__ == "__main__":
    main(*sys.argv[1:])
