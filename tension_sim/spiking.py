"""Spiking networks (Nicola & Clopath 2017, doi:10.1038/s41467-017-01827-3), under their published names.

The dynamics of :class:`LIF`, :class:`Izhikevich`, :class:`Theta` and of the synaptic filters
are those of the equation files in ``equations/``; the plain numbers given here count in the
units named with each class. :class:`FileSpikingNN` runs a file of one's own, and
:class:`DeclaredModel` a network that was declared as a `Network` or `ForceNetwork`.
"""

from .keras_style.layers.file_spiking import FileSpikingNN
from .keras_style.layers.spiking_layer import OptimizedSpikingNN, SpikingNN
from .keras_style.layers.spiking_neurons import LIF, Izhikevich, Theta
from .keras_style.models.declared_model import DeclaredModel
from .keras_style.models.spiking_model import SpikingNNModel

__all__ = [
    "DeclaredModel",
    "FileSpikingNN",
    "Izhikevich",
    "LIF",
    "OptimizedSpikingNN",
    "SpikingNN",
    "SpikingNNModel",
    "Theta",
]
