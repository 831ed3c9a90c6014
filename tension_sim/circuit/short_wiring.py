"""Wiring of the short forms of a `Network`, which have one population that is recorded."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from ..declare.fitted import FittedNetwork
from ..declare.network import ForceNetwork
from ..declare.populations.network import Network
from .network_wiring import NetworkWiring
from .parts import Variable

__all__ = ["ShortWiring"]

Short = TypeVar("Short", ForceNetwork, FittedNetwork)


class ShortWiring(NetworkWiring[Short]):
    """A short form as a circuit: that of the network that it stands for.

    Attributes
    ----------
    neurons : str
        The population whose variables are recorded by their names alone.
    """

    neurons: ClassVar[str]

    @property
    def network(self) -> Network:
        """The network that it is a short form of."""
        return self.net.network

    def place(self, name: str) -> Variable:
        """Return the population and the variable of a name of `Record.variables`."""
        return Variable(self.neurons, name)

    def _check_record(self) -> None:
        self.record.check(self.net.state_variables, self.net.n)
