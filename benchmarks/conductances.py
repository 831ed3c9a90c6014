"""A time step of `ei_adex_force`, conductances and delays, beside current-based networks of the same size and rates.

    python benchmarks/conductances.py [--n 1000] [--steps 20000] [--rounds 5]

All have the same populations, synapses, delays, readout and feedback, and learn nothing, in C++. One current-based
network has the same neurons, which shows what conductances cost; the other LIF neurons, which shows what the neurons
cost too. Synapses there are double-exponential filters, with weights so weak that the bias alone sets the rates; it is
searched for until they are those of the first. Times are differences between runs of two lengths, so that reading and
writing files cancel.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace
from typing import Any

import numpy as np

from tension_sim import Network, Population, Projection, Record, Results, Simulation, SparseKernel, load_recipe

#: Weights in mV: spikes are brought, and change no rate.
WEAK = 1e-6


#: Neurons of current-based networks by population, each with a bias that is too low and one that is too high, and unit.
SAME = {"exc": ("adex", 300.0, 2000.0, "pA"), "inh": ("lif_conductance", 90.0, 600.0, "pA")}
LIF = dict.fromkeys(SAME, ("lif", -40.5, 0.0, "mV"))


def current_based(net: Network, neurons: dict[str, tuple[str, float, float, str]], bias: dict[str, float]) -> Network:
    """Return other neurons with the synapses, delays and readout of a network."""
    populations = {
        name: Population(neurons[name][0], each.n, parameters={"bias": f"{bias[name]!r}*{neurons[name][3]}"})
        for name, each in net.populations.items()
    }
    projections = [
        Projection(each.pre, each.post, delay=each.delay, name=name, weights=weak(kernel))
        for each, name, kernel in zip(net.projections, net.projection_names, net.kernels, strict=True)
    ]
    feedback = {key[1]: WEAK * kernel for key, kernel in net.feedback_kernels.items()}
    readouts = {name: replace(each, feedback=feedback) for name, each in net.readouts.items()}
    return Network(populations, projections, readouts, dt=net.dt)


def rates_of(results: Results) -> dict[str, float]:
    """Return the mean rate of each population in Hz."""
    return {
        name: float(np.mean([rates.mean() for rates in results.rates_of(name).values()]))
        for name in results.populations
    }


def with_rates(
    net: Network,
    neurons: dict[str, tuple[str, float, float, str]],
    wanted: dict[str, float],
    steps: int,
    record: Record,
) -> tuple[Simulation, Results]:
    """Return a current-based network whose populations have these rates, and a run of it."""
    low, high = ({name: each[k] for name, each in neurons.items()} for k in (1, 2))
    while True:
        bias = {name: (low[name] + high[name]) / 2 for name in neurons}
        simulation = Simulation(current_based(net, neurons, bias), record=record)
        results = simulation.run(steps=steps)
        found = rates_of(results)
        if all(abs(found[name] / wanted[name] - 1) < 0.03 or high[name] - low[name] < 0.01 for name in neurons):
            return simulation, results
        for name in neurons:
            (low if found[name] < wanted[name] else high)[name] = bias[name]


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
    simulations = {"conductances": Simulation(net, record=record)}
    warm = {"conductances": simulations["conductances"].run(steps=arguments.steps)}
    wanted = rates_of(warm["conductances"])
    for key, neurons in (("currents", SAME), ("currents, LIF", LIF)):
        simulations[key], warm[key] = with_rates(net, neurons, wanted, arguments.steps, record)
    if arguments.build:
        return
    found: dict[str, list[float]] = {key: [] for key in simulations}
    few, many = arguments.steps // 10, arguments.steps
    for _ in range(arguments.rounds):
        for key in (*simulations, *reversed(simulations)):
            short, long = (timed(simulations[key], steps, warm[key].state) for steps in (few, many))
            found[key].append((long - short) / (many - few))
    median = {key: statistics.median(values) for key, values in found.items()}
    report: dict[str, Any] = {key: f"{1e6 * value:.2f} us a step" for key, value in median.items()}
    for key in ("currents", "currents, LIF"):
        report[f"conductances / {key}"] = round(median["conductances"] / median[key], 3)
    report["rates in Hz"] = {
        key: {name: round(rate, 1) for name, rate in rates_of(each).items()} for key, each in warm.items()
    }
    report["neurons, synapses"] = net.n, sum(len(kernel) for kernel in net.kernels)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
