"""A time step of `ei_adex_force`, conductances and delays, beside a current-based network of the same size and rate.

    python benchmarks/conductances.py [--n 1000] [--steps 20000] [--rounds 5]

Both networks have the same populations, synapses, delays, readout and feedback, and learn nothing, in C++. The
current-based one is of LIF neurons with double-exponential filters; its recurrent weights are so weak that its
bias alone sets the rate, which is that of the other. Times are differences between runs of two lengths, so that
reading and writing files cancel.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace
from typing import Any

import numpy as np

from tension_sim import Network, Population, Projection, Record, Simulation, SparseKernel, load_recipe

#: Weights in mV: spikes are brought, and change no rate.
WEAK = 1e-6


def bias_for(rate: float) -> str:
    """Return the bias at which the LIF neuron fires at a rate in Hz."""
    period = np.exp((1 / rate - 2e-3) / 10e-3)  # less the refractory time, in time constants
    return f"{(-40 * period + 65) / (period - 1)}*mV"


def current_based(net: Network, rate: float) -> Network:
    """Return LIF neurons with the synapses, delays and readout of a network, at a mean rate in Hz."""
    populations = {
        name: Population("lif", each.n, parameters={"bias": bias_for(rate)}, initial={"v": "-65*mV + 25*mV*rand()"})
        for name, each in net.populations.items()
    }
    projections = [
        Projection(each.pre, each.post, delay=each.delay, name=name, weights=weak(kernel))
        for each, name, kernel in zip(net.projections, net.projection_names, net.kernels, strict=True)
    ]
    feedback = {key[1]: WEAK * kernel for key, kernel in net.feedback_kernels.items()}
    readouts = {name: replace(each, feedback=feedback) for name, each in net.readouts.items()}
    return Network(populations, projections, readouts, dt=net.dt)


def weak(kernel: SparseKernel) -> SparseKernel:
    """Return a kernel with weak weights."""
    return replace(kernel, weight=np.full(len(kernel), WEAK))


def timed(simulation: Simulation, steps: int, state: Any) -> float:
    """Return the seconds of a run."""
    begin = time.perf_counter()
    simulation.run(steps=steps, state=state)
    return time.perf_counter() - begin


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--build", action="store_true", help="compile both programs, and measure nothing")
    arguments = parser.parse_args()
    sizes = {"populations.exc.n": str(4 * arguments.n // 5), "populations.inh.n": str(arguments.n // 5)}
    drawn = load_recipe("ei_adex_force", sizes).network()
    net = replace(drawn, readouts={name: replace(each, learning=None) for name, each in drawn.readouts.items()})
    record = Record(every=1000)
    conductances = Simulation(net, record=record)
    warm = conductances.run(steps=arguments.steps)
    rate = len(warm.spikes()[0]) / (net.n * arguments.steps * net.dt)
    simulations = {"conductances": conductances, "currents": Simulation(current_based(net, rate), record=record)}
    states = {"conductances": warm.state}
    other = simulations["currents"].run(steps=arguments.steps)
    states["currents"] = other.state
    if arguments.build:
        return
    found: dict[str, list[float]] = {key: [] for key in simulations}
    few, many = arguments.steps // 10, arguments.steps
    for _ in range(arguments.rounds):
        for key in ("conductances", "currents", "currents", "conductances"):
            short, long = (timed(simulations[key], steps, states[key]) for steps in (few, many))
            found[key].append((long - short) / (many - few))
    median = {key: statistics.median(values) for key, values in found.items()}
    report: dict[str, Any] = {key: f"{1e6 * value:.2f} us a step" for key, value in median.items()}
    report["conductances / currents"] = round(median["conductances"] / median["currents"], 3)
    report["rates in Hz"] = [round(rate, 1), round(len(other.spikes()[0]) / (net.n * arguments.steps * net.dt), 1)]
    report["neurons, synapses"] = net.n, sum(len(kernel) for kernel in net.kernels)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
