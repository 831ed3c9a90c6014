"""Weights before and after learning, and the eigenvalues of what a network's neurons send to each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..declare.fitted import FittedNetwork
from ..declare.network import ForceNetwork
from ..errors import InvalidValueError, message
from .run_data import RunData

__all__ = ["Learned", "coupling", "coupling_size", "eigenvalues", "learned_weights"]


@dataclass(frozen=True, eq=False)
class Learned:
    """Weights that a run learned.

    Attributes
    ----------
    name : str
        As in ``results.weights``.
    before, after : ndarray, shape (weights,)
        Those that exist, in one order; `before` is None where the results do not hold their network.
    """

    name: str
    before: np.ndarray | None
    after: np.ndarray


def learned_weights(results: RunData) -> list[Learned]:
    """Return the weights that learned, before and after the run.

    Examples
    --------
    >>> from tension_sim import ForceNetwork, Simulation
    >>> run = Simulation(ForceNetwork.random("lif", n=20), target="numpy").run(np.zeros(10))
    >>> [(one.name, one.before.shape, one.after.shape) for one in learned_weights(run)]
    [('output_kernel', (20,), (20,))]
    """
    return list(_learned(results))


def _learned(results: RunData) -> Iterator[Learned]:
    net = results.net
    for name, after in results.weights.items():
        before: np.ndarray | None = None
        values = np.asarray(after)
        if isinstance(net, ForceNetwork) and name == "output_kernel" and net.output_kernel is not None:
            before = net.output_kernel
        elif isinstance(net, ForceNetwork) and name == "recurrent_kernel" and net.plastic is not None:
            kernel = net.plastic.kernel
            if values.shape == (net.n, net.n):
                before, values = kernel.weight, values[kernel.pre, kernel.post]
        elif isinstance(net, FittedNetwork):
            before = net.plastic.weight
        if before is not None and before.size != values.size:
            before = None
        yield Learned(name, None if before is None else np.ravel(before), np.ravel(values))


def coupling_size(results: RunData) -> int:
    """Return how many neurons `coupling` counts; 0 where there is no network, or nothing in it goes around.

    Examples
    --------
    >>> from tension_sim import ForceNetwork, Simulation
    >>> coupling_size(Simulation(ForceNetwork.random("lif", n=20), target="numpy").run(np.zeros(10)))
    20
    """
    net = results.net
    if net is None or (isinstance(net, ForceNetwork) and net.traces is not None):
        return 0
    if isinstance(net, FittedNetwork):
        return net.n
    loops = (net.recurrent, net.plastic, net.feedback_kernel)
    return net.n if any(part is not None for part in loops) else 0


def coupling(results: RunData, *, learned: bool) -> np.ndarray:
    """Return what each neuron sends to each other one: static, plastic, and readout times feedback.

    Parameters
    ----------
    results : Results
        A run that holds its network.
    learned : bool
        Whether the weights are those at the end of the run; else those before.

    Returns
    -------
    ndarray, shape (neurons, neurons)
        From row to column, in the unit of the network's weights.

    Raises
    ------
    InvalidValueError
        If the results do not hold a network whose neurons are coupled.

    Examples
    --------
    >>> from tension_sim import ForceNetwork, Simulation
    >>> net = ForceNetwork.random("lif", n=20)
    >>> run = Simulation(net, target="numpy").run(np.zeros(10))
    >>> np.array_equal(coupling(run, learned=False), net.recurrent.to_dense())
    True
    """
    if not coupling_size(results):
        what, fix = "results that hold a network whose neurons are coupled", "run it by Simulation, or as a recipe."
        raise InvalidValueError(message("coupling.results", what, results.name, fix))
    net, weights = results.net, results.weights if learned else {}
    if isinstance(net, FittedNetwork):
        return _of_fitted(net, weights)
    matrix = np.zeros((net.n, net.n)) if net.recurrent is None else net.recurrent.to_dense()
    if net.plastic is not None:
        recurrent = weights.get("recurrent_kernel")
        matrix = matrix + (net.plastic.kernel.to_dense() if recurrent is None else recurrent)
    if net.feedback_kernel is not None:
        matrix = matrix + weights.get("output_kernel", net.output_kernel) @ net.feedback_kernel
    return matrix


def _of_fitted(net: FittedNetwork, weights: dict[str, np.ndarray]) -> np.ndarray:
    """Return the matrix of a fitted network; of several conditions, that of the first one."""
    kernel = net.plastic
    found = [np.asarray(values) for values in weights.values() if np.shape(values) == kernel.weight.shape]
    inside = kernel.pre < net.n
    matrix = np.zeros((net.n, net.n)) if net.recurrent is None else net.recurrent.to_dense()
    weight = found[0] if found else kernel.weight
    np.add.at(matrix, (kernel.pre[inside], kernel.post[inside]), weight[inside])
    return matrix


def eigenvalues(results: RunData) -> tuple[np.ndarray, np.ndarray]:
    """Return the eigenvalues of `coupling` before and after learning, each of shape (neurons,) and complex.

    The time grows with the cube of the neurons: seconds for 1000 of them, minutes for 5000.

    Examples
    --------
    >>> from tension_sim import ForceNetwork, Simulation
    >>> before, after = eigenvalues(Simulation(ForceNetwork.random("lif", n=20), target="numpy").run(np.zeros(10)))
    >>> before.shape, np.array_equal(before, after)
    ((20,), True)
    """
    before, after = (np.linalg.eigvals(coupling(results, learned=learned)).astype(complex) for learned in (False, True))
    return before, after
