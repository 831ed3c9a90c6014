"""Dale's law while projections learn: weights keep their sign, conductances are never negative."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim import Connector, Learning, Network, Population, Projection, Readout, Simulation

Y = np.sin(np.arange(600) / 20)


def learned(seed: int, neuron: str, into: str, error: str, sign: int | None, weight: str) -> np.ndarray:
    """Return the weights of a projection that learned from a readout's error."""
    net = Network(
        dt="0.1*ms",
        populations={"pre": Population("lif", 15, parameters={"bias": "-30*mV"}), "post": Population(neuron, 10)},
        projections=[
            Projection(
                "pre", "post", into=into, synapse="single_exponential", sign=sign, name="learned",
                weights=Connector("pairwise_bernoulli", weight, p=0.6),
                learning=Learning(alpha_P=0.05), error=error,
            )
        ],
        readouts={"output": Readout("post", np.full((10, 1), 0.01))},
        seed=seed,
    )  # fmt: skip
    found = Simulation(net, target="numpy").run(Y)
    before, after = net.kernels[0].weight, found.weights["learned"]
    assert found.state["rls_learned.n_updates"][0] == 600
    assert np.mean(before != after) > 0.8
    return after


@pytest.mark.parametrize(("seed", "sign"), [(1, 1), (2, -1)])
def test_currents_keep_the_sign_of_their_population(seed, sign):
    error, weight = f"{sign}*unit*(output - y)", f"{0.05 * sign}*rand()"
    after = learned(seed, "lif", "I_rec", error, sign, weight)
    assert np.all(after * sign >= 0)
    assert np.any(after == 0)  # some would have changed their sign
    assert np.any(learned(seed, "lif", "I_rec", error, None, weight) * sign < 0)


def test_conductances_stay_at_least_zero():
    """Whatever the sign of the population: -1 says that the reversal potential lies low."""
    after = learned(1, "adex", "g_exc", "unit*(output - y)", -1, "0.05*rand()")
    assert np.all(after >= 0)
    assert np.any(after == 0)
