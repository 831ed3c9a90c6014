"""The published names of the classes in saved models, and how Keras finds them after ``import tension_sim`` alone.

The classes lie in ``keras_style/``; scripts, saved models and pickles know them by the modules of
the published package, which stay where they are while the code may move.

Keras looks a class up by its registered name, and imports no module of others for it. So once
Keras is there, each published name is registered with a stand-in that imports the class when
Keras asks for it. Nothing here imports Keras.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.abc import MetaPathFinder
from typing import Any

__all__ = ["PUBLISHED", "announce", "published_module"]

#: For each published module, the classes that a saved model may hold.
PUBLISHED = {
    "base": ("FORCELayer", "FORCEModel"),
    "constrained": ("BioFORCEModel", "ConstrainedNoFeedbackESN"),
    "esn": ("ESNFORCEModel",),
    "models": (
        "EchoStateNetwork",
        "FullFORCEModel",
        "NoFeedbackESN",
        "OptimizedFORCEModel",
        "TargetGeneratingNetwork",
    ),
    "spiking": (
        "DeclaredModel",
        "FileSpikingNN",
        "Izhikevich",
        "LIF",
        "OptimizedSpikingNN",
        "SpikingNN",
        "SpikingNNModel",
        "Theta",
    ),
}


def published_module(module: str, name: str) -> str:
    """Return the module under which a class is published; of a class that is not ours, its own.

    Examples
    --------
    >>> published_module("tension_sim.keras_style.layers.spiking_neurons", "LIF")
    'tension_sim.spiking'
    >>> published_module("users_module", "LIF")
    'users_module'
    """
    if not module.startswith(f"{__package__}."):
        return module
    found = (published for published, names in PUBLISHED.items() if name in names)
    return next((f"{__package__}.{published}" for published in found), module)


class _Later:
    """Stand-in for a class, which it imports at the first use."""

    def __init__(self, module: str, name: str) -> None:
        self._place = (module, name)

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_"):
            raise AttributeError(attribute)
        module, name = self._place
        return getattr(getattr(importlib.import_module(module), name), attribute)


def _register() -> None:
    known = sys.modules["keras"].saving.get_custom_objects()
    for published, names in PUBLISHED.items():
        module = f"{__package__}.{published}"
        for name in names:
            known.setdefault(f"{module}>{name}", _Later(module, name))


class _AfterKeras(MetaPathFinder):
    """Calls :func:`_register` at the end of the first import of Keras."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Return Keras' import spec, extended to register the names once Keras is loaded."""
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                run(module)
                _register()

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def announce() -> None:
    """Register the names with Keras, now or when it is imported."""
    if "keras" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _AfterKeras())
