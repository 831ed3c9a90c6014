"""A user's script with a mistake in each line that says so: a type checker must find every one."""

import numpy as np

from tension_sim import (
    ForceNetwork,
    Learning,
    Record,
    Simulation,
    SparseKernel,
    load_neuron,
    load_recipe,
    run_recipe,
)

net = ForceNetwork.random("lif", n=20)
Learning(alpha_p=3)  # wrong
Simulation(net, target="nmpy")  # wrong
Simulation("lif", target="numpy")  # wrong
results = Simulation(net).run(np.zeros((10, 1)))
print(results.spike_trains)  # wrong
Record(every="ten")  # wrong
ForceNetwork.random("lif", n="twenty")  # wrong
ForceNetwork.random(3)  # wrong
load_recipe(5)  # wrong
run_recipe("lif_sine")  # wrong
load_neuron()  # wrong
text: str = results.n_steps  # wrong
Simulation(net).run(np.zeros((10, 1)), learning="yes")  # wrong
results.save()  # wrong
ForceNetwork("lif", "double_exponential", 20)  # wrong
ForceNetwork(5, None, 20, 1e-4, None, None, None)  # wrong
net.neuron.upper()  # wrong
net.dt = 1e-4  # wrong
SparseKernel(3, [0], [1])  # wrong
Simulation(net, thread=2)  # wrong
