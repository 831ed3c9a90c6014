"""What a type checker is told of the mixins of FORCEModel: each is a part of a Keras model."""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["ModelPart"]

if TYPE_CHECKING:
    from keras import Model as ModelPart
else:
    ModelPart = object
