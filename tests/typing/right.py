"""A user's script as the documentation shows it: a type checker must accept all of it."""

from pathlib import Path

import numpy as np
from brian2 import Hz, NeuronGroup, ms, nS, pA

from tension_sim import (
    Connector,
    FittedNetwork,
    ForceNetwork,
    Learning,
    Network,
    Plastic,
    Population,
    Projection,
    Readout,
    Record,
    Results,
    Simulation,
    SparseKernel,
    TargetNetwork,
    Traces,
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

populations = {"exc": Population("adex", 8, parameters={"bias": 800 * pA}), "inh": Population(Path("mine.toml"), 2)}
projections = [
    Projection("exc", "inh", weights=np.ones((8, 2)) * nS, into="g_exc", synapse="ampa", delay=1.5 * ms, sign=1),
    Projection("exc", "exc", weights=Connector("fixed_indegree", "rand()*nS", indegree=3), delay="1.5*ms"),
    Projection("inh", "exc", weights=kernel, learning=Learning(alpha_P=1.0), error="unit*(output - y)"),
]
readout = Readout(["exc", "inh"], np.zeros((10, 1)), feedback={"exc": "pA*rand()"}, learning=Learning(alpha_P=1.0))
network = Network(populations, projections, {"output": readout}, dt=0.1 * ms)
of_population: np.ndarray = Simulation(network).run(np.zeros(9)).rates_of("exc")["learning"]
# names, paths, text with units, quantities and lists are given; what is read are neurons, floats and arrays
rule = Learning(alpha_P=1.0)
lists = SparseKernel(3, [0, 1, 2], [1, 2, 0], [0.1, 0.2, 0.3])
whole = ForceNetwork(
    neuron="lif", synapse="double_exponential", n=3, dt="0.1*ms", recurrent=lists, feedback_kernel=[[1, 2, 3]],
    output_kernel=np.zeros((3, 1)), learning=rule, traces=Traces([0, 1, 2], [0.1, 0.1, 0.1]),
)  # fmt: skip
ForceNetwork(Path("mine.toml"), "single_exponential", 3, 0.1 * ms, None, None, None)
rates = ForceNetwork(
    "echo_state", None, 3, 1e-3, None, None, None,
    plastic=Plastic(np.zeros((3, 3)), rule, error="target_network", factor=[[1, 1, 1]] * 3),
    target_network=TargetNetwork("echo_state", np.zeros((3, 3)), [[1.0, 2.0, 3.0]]),
)  # fmt: skip
fitted = FittedNetwork(
    "lif_normalized", "euler_exponential", "euler_exponential", 3, "0.1*ms", None, lists, input_kernel=np.ones((1, 3)),
    signs=[1, 1, -1],
)  # fmt: skip
record = Record(variables={"v": [0, 1], "r": range(3)}, off="v")
step: float = whole.dt
name: str = whole.neuron.name
post: int = lists.n_post
first: tuple[int, ...] = record.variables["v"]

group = NeuronGroup(10, "dr/dt = -r/(10*ms) : 1")
read = LinearMap(group, "r", weights=np.zeros((10, 1)))
target = Signal(np.zeros((100, 1)), every=1 * ms)
rls = RLS(read, target, alpha_P=0.1, update_every=2 * ms, stop=50 * ms)
rate = 5 * Hz
