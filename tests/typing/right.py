"""A user's script as the documentation shows it: a type checker must accept all of it."""

from pathlib import Path

import numpy as np
from brian2 import Hz, NeuronGroup, ms

from tension_sim import (
    ForceNetwork,
    Learning,
    Record,
    Results,
    Simulation,
    SparseKernel,
    load_neuron,
    load_recipe,
    make_task,
    run_recipe,
)
from tension_sim.brian import RLS, LinearMap, Signal

net = ForceNetwork.random("lif", n=200, dt="0.05*ms", seed=1, learning=Learning(alpha_P=0.5, start=10, update_every=5))
own = ForceNetwork.random(Path("mine.toml"), n=20)
task = make_task("sine", 100, 5e-5, frequency="5*Hz")
results: Results = Simulation(net, target="numpy", record=Record(every=10)).run(task, steps=100)
more = Simulation(net, target="cpp_standalone", threads=2).run(np.zeros((10, 1)), state=results.state)
error: np.ndarray = more.output
results.save("results.nix")
recipe = load_recipe("lif_sine", {"n": "20", "duration": "2*ms"})
steps: int = run_recipe(recipe, target="cython").n_steps
kernel = SparseKernel.from_dense(np.eye(3))
neuron = load_neuron("izhikevich")

group = NeuronGroup(10, "dr/dt = -r/(10*ms) : 1")
readout = LinearMap(group, "r", weights=np.zeros((10, 1)))
target = Signal(np.zeros((100, 1)), every=1 * ms)
rls = RLS(readout, target, alpha_P=0.1, update_every=2 * ms, stop=50 * ms)
rate = 5 * Hz
