"""The network of `lif_sine` written in Brian2's ordinary way, beside this package: on Cython and in C++.

    python benchmarks/brian2_example.py [--n 2000] [--seconds 1]

Recurrent synapses are `Synapses`, the readout is a summed variable, and recursive least squares is a
`network_operation` in numpy, as in Brian2's own example, examples/frompapers/Nicola_Clopath_2017.py.
Standalone C++ of Brian2 knows no network operations: there the network is compared without learning.
Figures are seconds of processor time, of one thread, after a first run that compiled: others may use the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile

# numpy reads these when it is imported
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import brian2  # noqa: E402
import numpy as np  # noqa: E402
from brian2 import (  # noqa: E402
    Network,
    NeuronGroup,
    Synapses,
    TimedArray,
    defaultclock,
    device,
    mV,
    network_operation,
    prefs,
    second,
    set_device,
)

from tension_sim import ForceNetwork, Learning, Record, Simulation  # noqa: E402

DT = 0.05e-3
EVERY = 50  # steps from one update to the next

EQUATIONS = """
dv/dt = (ipsc + eta*z*mV + bias - v)/tau_mem : volt (unless refractory)
dipsc/dt = -ipsc/tau_rise + h : volt
dh/dt = -h/tau_decay : volt/second
dr/dt = -r/tau_rise + hr : Hz
dhr/dt = -hr/tau_decay : Hz/second
eta : 1 (constant)
z : 1
"""


def declared(n: int, learning: bool) -> ForceNetwork:
    """Draw the network; without learning it has no rule."""
    rule = Learning(alpha_P=0.1 * DT, gain="undivided", update_every=EVERY) if learning else None
    return ForceNetwork.random("lif", n=n, dt=DT, p=0.1, G=0.04, Q=10, seed=0, learning=rule)


def sine(steps: int) -> np.ndarray:
    return np.sin(2 * np.pi * 5 * DT * np.arange(1, steps + 1))


def processor_time() -> float:
    """Return the seconds that this process and those that it started have computed."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def in_brian2(net: ForceNetwork, y: np.ndarray, learning: bool) -> Network:
    """Write the network with Brian2's own objects."""
    value = {name: q.value for name, q in net.parameter_values.items()}
    times = {name: value[name] * second for name in ("tau_mem", "tau_rise", "tau_decay", "tau_ref")}
    constants = times | {"bias": value["bias"] * brian2.volt, "v_peak": -40 * mV, "v_reset": -65 * mV}
    constants["per_spike"] = 1 / (times["tau_rise"] * times["tau_decay"])
    neurons = NeuronGroup(
        net.n, EQUATIONS, threshold="v >= v_peak", reset="v = v_reset; hr += per_spike", refractory="tau_ref",
        method="euler", namespace=constants, name="neurons",
    )  # fmt: skip
    neurons.v, neurons.eta = net.initial_values["v"] * brian2.volt, net.feedback_kernel[0]
    recurrent = Synapses(neurons, neurons, "w : volt*second", on_pre="h_post += w*per_spike", namespace=constants)
    recurrent.connect(i=net.recurrent.pre, j=net.recurrent.post)
    recurrent.w = net.recurrent.weight * mV * second
    reader = NeuronGroup(1, "z : 1", name="reader")
    readout = Synapses(neurons, reader, "phi : second\nz_post = phi*r_pre : 1 (summed)")
    readout.connect()
    back = Synapses(reader, neurons, "z_post = z_pre : 1 (summed)")
    back.connect()
    network = Network(neurons, recurrent, reader, readout, back)
    if not learning:
        return network
    P, target = 0.1 * DT * np.eye(net.n), TimedArray(y, dt=DT * second)

    @network_operation(dt=EVERY * DT * second, when="end")
    def learn(t):
        nonlocal P
        r = np.asarray(neurons.r)
        k = P @ r
        readout.phi = (np.asarray(readout.phi) - k * (reader.z[0] - target(t))) * second
        P -= np.outer(k, k) / (1 + r @ k)

    network.add(learn)
    return network


def time_brian2(n: int, seconds: float, learning: bool) -> float:
    """Return seconds a simulated second on Cython."""
    set_device("runtime")
    prefs.codegen.target = "cython"
    defaultclock.dt = DT * second
    network = in_brian2(declared(n, learning), sine(round((seconds + 0.1) / DT)), learning)
    network.run(0.1 * second)
    begin = processor_time()
    network.run(seconds * second)
    return (processor_time() - begin) / seconds


def time_brian2_standalone(n: int, seconds: float) -> float:
    """Return seconds a simulated second of Brian2's standalone C++, without learning and without compiling."""
    set_device("cpp_standalone", build_on_run=False)
    device.reinit()
    device.activate(build_on_run=False)
    defaultclock.dt = DT * second
    network = in_brian2(declared(n, False), np.zeros(1), False)
    network.run(seconds * second)
    with tempfile.TemporaryDirectory() as folder:
        device.build(directory=folder, compile=True, run=False)
        begin = processor_time()
        device.run(folder, with_output=False, run_args=[])
        spent = processor_time() - begin
    device.reinit()
    set_device("runtime")
    return spent / seconds


def time_ours(n: int, seconds: float, learning: bool, target: str) -> float:
    """Return seconds a simulated second of this package, without compiling."""
    steps = round(seconds / DT)
    simulation = Simulation(declared(n, learning), target=target, record=Record(every=20, spikes_of=0))
    y = sine(steps) if learning else None
    first = simulation.run(None if y is None else y[: round(0.1 / DT)], steps=round(0.1 / DT))
    begin = processor_time()
    simulation.run(y, steps=steps, state=first.state)
    return (processor_time() - begin) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=1.0)
    n, seconds = vars(parser.parse_args()).values()
    found = {
        "brian2, cython, learning": time_brian2(n, seconds, True),
        "this package, cython, learning": time_ours(n, seconds, True, "cython"),
        "this package, C++, learning": time_ours(n, seconds, True, "cpp_standalone"),
        "brian2, cython, no learning": time_brian2(n, seconds, False),
        "this package, cython, no learning": time_ours(n, seconds, False, "cython"),
        "brian2, C++, no learning": time_brian2_standalone(n, seconds),
        "this package, C++, no learning": time_ours(n, seconds, False, "cpp_standalone"),
    }
    print(json.dumps({"n": n, "seconds for a simulated second": {k: round(v, 3) for k, v in found.items()}}, indent=1))
    for engine, learning in (("cython", ", learning"), ("cython", ", no learning"), ("C++", ", no learning")):
        ratio = found[f"brian2, {engine}{learning}"] / found[f"this package, {engine}{learning}"]
        print(f"{engine}{learning}: {ratio:.1f}x")
    ratio = found["brian2, cython, learning"] / found["this package, C++, learning"]
    print(f"this package in C++ beside Brian2 on cython, learning: {ratio:.1f}x")


if __name__ == "__main__":
    main()
