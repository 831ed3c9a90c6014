"""The network that another declaration is a short form of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace

from ..converted import declared
from ..equations import SynapticFilter
from ..parameters import expression_of
from ..units import Quantity
from .network import Network

__all__ = ["ShortForm", "with_texts"]


@declared(repr=False)
class ShortForm(Network):
    """A `Network` that a shorter declaration stands for, which has checked all that it holds.

    Attributes
    ----------
    filter_names : mapping of str to (str, str)
        By projections: names that the short form has published for the filter at which spikes arrive, its
        output and the ending of the other variables.
    """

    filter_names: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Leave all as it is."""

    def _filter_names(self, projection: str) -> tuple[str, str]:
        return self.filter_names.get(projection, ("", ""))


def with_texts(synapse: SynapticFilter, values: Mapping[str, Quantity]) -> SynapticFilter:
    """Return a filter whose default parameters have these values."""
    return replace(synapse, parameters={name: expression_of(values[name]) for name in synapse.parameters})
