"""The network that another declaration is a short form of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace

from ..converted import declared
from ..equations import SynapticFilter
from ..language.unit_table import unit_text
from ..units import DIMENSIONLESS, Quantity
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
    return replace(synapse, parameters={name: _text(values[name]) for name in synapse.parameters})


def _text(quantity: Quantity) -> str:
    value = float(quantity.value)
    plain = quantity.dimension == DIMENSIONLESS
    return repr(value) if plain else f"{value!r}*({unit_text(quantity.dimension)})"
