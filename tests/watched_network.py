"""A small network with a time step of 1 ms, whose runs are watched and steered."""

from __future__ import annotations

from typing import Any

import numpy as np

from tension_sim import ForceNetwork, Learning, Results, Simulation

WINDOW = 100  # steps of 0.1 s
Y = np.sin(np.arange(600) * 1e-3 * 2 * np.pi * 5)


def network(**changes: Any) -> ForceNetwork:
    learning = Learning(alpha_P=1e-2, update_every=2, forgetting=0.999)
    return ForceNetwork.random(**({"neuron": "lif", "n": 20, "seed": 1, "dt": "1*ms", "learning": learning} | changes))


def simulation(target: Any = "numpy", **changes: Any) -> Simulation:
    return Simulation(network(**changes), target=target)


def rmse_of_windows(run: Results) -> np.ndarray:
    """Return the error of each window, from what was recorded."""
    squares = np.square(run.output - run.target).mean(axis=1)
    return np.sqrt(squares[: len(squares) // WINDOW * WINDOW].reshape(-1, WINDOW).mean(axis=1))
