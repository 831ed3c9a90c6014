"""One time step and one RLS update of a published network, beside a plain numpy loop; the cost of the idle hook.

    python benchmarks/step.py [--recipe lif_sine] [--n 2000]

Times are differences between runs of two lengths, so that reading and writing files cancel.
The numpy loop is the same network, vectorised, float64, one thread wherever numpy lets it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from dataclasses import replace

# numpy reads these when it is imported
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402

from tension_sim import Learning, Record, Simulation, load_recipe  # noqa: E402


def numpy_lif(net, y, steps: int, start_learning: int | None, every: int, state: dict | None = None) -> dict:
    """Run the published LIF network in numpy; return times of steps and of updates, and the last state."""
    value = {name: q.value for name, q in net.parameter_values.items()}
    dt, n = net.dt, net.n
    tr, td = value["tau_rise"], value["tau_decay"]
    er, ed = np.exp(-dt / tr), np.exp(-dt / td)
    omega = net.recurrent.to_dense().T.copy() * 1e-3
    feedback = net.feedback_kernel.T * 1e-3
    if state is None:
        state = {k: np.zeros(n) for k in ("psc", "h", "r", "hr")}
        state |= {"v": net.initial_values["v"].copy(), "last": np.zeros(n) - dt, "z": np.zeros(net.n_outputs)}
        state |= {"w": np.zeros((n, net.n_outputs)), "P": net.learning.alpha_P * np.eye(n), "step": 0}
    s = state
    learning = 0.0
    updates = 0
    begin = time.perf_counter()
    for k in range(s["step"], s["step"] + steps):
        t = k * dt
        current = s["psc"] + feedback @ s["z"] + value["bias"]
        s["v"] += dt * (t > s["last"] + value["tau_ref"]) * (current - s["v"]) / value["tau_mem"]
        spiking = np.flatnonzero(s["v"] >= value["v_peak"])
        s["psc"] = s["psc"] * er + dt * s["h"]
        s["h"] *= ed
        s["r"] = s["r"] * er + dt * s["hr"]
        s["hr"] *= ed
        if len(spiking):
            s["h"] += omega[:, spiking].sum(axis=1) / (tr * td)
            s["hr"][spiking] += 1 / (tr * td)
            s["last"][spiking] = t
            s["v"][spiking] = value["v_reset"]
        s["z"] = s["w"].T @ s["r"]
        if start_learning is not None and k >= start_learning and k % every == 0:
            before = time.perf_counter()
            error = s["z"] - y[k % len(y)]
            gain = s["P"] @ s["r"]
            s["w"] -= np.outer(gain, error)
            s["P"] -= np.outer(gain, gain) / (1 + s["r"] @ gain)
            learning += time.perf_counter() - before
            updates += 1
    total = time.perf_counter() - begin
    s["step"] += steps
    return {"step": (total - learning) / steps, "update": learning / max(updates, 1), "state": s}


def compiled(simulation: Simulation, y, steps: int, state, **kwargs) -> float:
    """Return the time of a run."""
    begin = time.perf_counter()
    simulation.run(y[:steps], state=state, **kwargs)
    return time.perf_counter() - begin


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="lif_sine")
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40000)
    arguments = parser.parse_args()
    recipe = load_recipe(arguments.recipe, {"n": str(arguments.n)})
    net = recipe.network()
    y = recipe.task().target
    record = Record(every=1000)
    every = 2
    learner = replace(net, learning=Learning(alpha_P=net.learning.alpha_P, gain="undivided", update_every=every))
    idle = replace(net, learning=replace(net.learning, start=0, stop=0))
    bare = replace(net, learning=None)
    simulations = {
        "learner": Simulation(learner, record=record),
        "idle": Simulation(idle, record=record),
        "bare": Simulation(bare, record=record),
    }
    for simulation in simulations.values():
        simulation.build()
    warm = simulations["bare"].run(y[:20000])  # past the first volley
    neurons = {k: v for k, v in warm.state.items() if k.startswith("neurons.")}
    start = {"step": 20000, **neurons}
    few, many, updating = arguments.steps // 10, arguments.steps, 2000
    found: dict[str, list[float]] = {key: [] for key in ("bare", "idle", "update", "numpy_step", "numpy_update")}
    state = None
    for _ in range(arguments.rounds):
        for key in ("bare", "idle", "idle", "bare"):
            short = compiled(simulations[key], y, few, start)
            long = compiled(simulations[key], y, many, start)
            found[key].append((long - short) / (many - few))
        short = compiled(simulations["learner"], y, updating // 10, start)
        long = compiled(simulations["learner"], y, updating, start)
        per_step = (long - short) / (updating - updating // 10)
        found["update"].append((per_step - found["bare"][-1]) * every)
        if recipe.values["network"]["neuron"] == "lif":
            plain = numpy_lif(learner, y, 1000, None, every, state)
            state = plain["state"]
            found["numpy_step"].append(plain["step"])
            plain = numpy_lif(learner, y, 40, state["step"], every, state)
            found["numpy_update"].append(plain["update"])
    median = {key: statistics.median(values) for key, values in found.items() if values}
    report = {key: f"{1e6 * value:.2f} us" for key, value in median.items()}
    report["idle / bare"] = median["idle"] / median["bare"]
    if "numpy_step" in median:
        report["numpy / C++, one step"] = median["numpy_step"] / median["bare"]
        report["numpy / C++, one update"] = median["numpy_update"] / median["update"]
    report["n"] = arguments.n
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
