"""The classes of Keras that ours inherit from, as a type checker sees them.

Keras has no types: here any name is an attribute. When the package runs, these are Keras' own classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["KerasCallback", "KerasLayer", "KerasModel", "KerasOptimizer", "ModelPart"]

if TYPE_CHECKING:

    class _Untyped:
        def __init__(self, *arguments: Any, **options: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...
        def __call__(self, *arguments: Any, **options: Any) -> Any: ...

    class KerasModel(_Untyped):
        """``keras.Model``."""

        def add_weight(self, *arguments: Any, **options: Any) -> Any: ...
        def compile(self, *arguments: Any, **options: Any) -> None: ...
        def save(self, *arguments: Any, **options: Any) -> None: ...

    class KerasLayer(_Untyped):
        """``keras.layers.Layer``."""

        def add_weight(self, *arguments: Any, **options: Any) -> Any: ...

    class KerasCallback(_Untyped):
        """``keras.callbacks.Callback``."""

    class KerasOptimizer(_Untyped):
        """``keras.optimizers.SGD``."""

    #: Of the mixins of FORCEModel, each of which is a part of a Keras model.
    ModelPart = KerasModel
else:
    from keras import Model as KerasModel
    from keras.callbacks import Callback as KerasCallback
    from keras.layers import Layer as KerasLayer
    from keras.optimizers import SGD as KerasOptimizer

    ModelPart = object
