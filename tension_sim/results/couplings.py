"""Weights before and after learning, and the eigenvalues of what a network's neurons send to each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..declare.fitted import FittedNetwork
from ..declare.kernels import SparseKernel
from ..declare.network import ForceNetwork
from ..declare.populations.network import Network
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
    for name, after in results.weights.items():
        before, values = _before(results, name), np.asarray(after)
        if isinstance(before, SparseKernel):
            values = values[before.pre, before.post] if values.shape == (before.n, before.n_post) else values
            before = before.weight
        if before is not None and before.size != values.size:
            before = None
        yield Learned(name, None if before is None else np.ravel(before), np.ravel(values))


def _before(results: RunData, name: str) -> np.ndarray | SparseKernel | None:
    """Return the declared weights of a name of ``results.weights``, where the results hold them."""
    net = results.net
    if isinstance(net, FittedNetwork):
        return net.plastic.weight
    if isinstance(net, Network):
        projections = dict(zip(net.projection_names, net.kernels, strict=True))
        return net.output_kernels[name] if name in net.output_kernels else projections.get(name)
    if net is None or name == "output_kernel":
        return None if net is None else net.output_kernel
    return net.plastic.kernel if name == "recurrent_kernel" and net.plastic is not None else None


def coupling_size(results: RunData) -> int:
    """Return how many neurons `coupling` counts; 0 where there is no network, or nothing in it goes around.

    It is 0 for a `Network` of populations too, whose projections need not count in one unit.

    Examples
    --------
    >>> from tension_sim import ForceNetwork, Simulation
    >>> coupling_size(Simulation(ForceNetwork.random("lif", n=20), target="numpy").run(np.zeros(10)))
    20
    """
    net = results.net
    if isinstance(net, FittedNetwork):
        return net.n
    if not isinstance(net, ForceNetwork) or net.traces is not None:
        return 0
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
    net, weights = results.net, results.weights if learned else {}
    if not coupling_size(results) or not isinstance(net, ForceNetwork | FittedNetwork):
        what, fix = "results that hold a network whose neurons are coupled", "run it by Simulation, or as a recipe."
        raise InvalidValueError(message("coupling.results", what, results.name, fix))
    if isinstance(net, FittedNetwork):
        return _of_fitted(net, weights)
    matrix = np.zeros((net.n, net.n)) if net.recurrent is None else net.recurrent.to_dense()
    if net.plastic is not None:
        recurrent = weights.get("recurrent_kernel")
        matrix = matrix + (net.plastic.kernel.to_dense() if recurrent is None else recurrent)
    if net.feedback_kernel is not None:
        output = weights.get("output_kernel", net.output_kernel)
        matrix = matrix if output is None else matrix + output @ net.feedback_kernel
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
