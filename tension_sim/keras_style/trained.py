"""Which kernels of a model learn (read when it is built and compiled), and their P."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..errors import InvalidValueError, message
from ..tensorflow.bases import ModelPart
from ..tensorflow.full_p import FullP
from ..tensorflow.partner_blocks import PartnerBlocks
from ..tensorflow.variables import is_ours
from .checks import mask_of

__all__ = ["Trained"]

_KERNELS = ("input_kernel", "recurrent_kernel", "feedback_kernel", "output_kernel")


class Trained(ModelPart):
    """The kernels that learn, and P; part of FORCEModel."""

    alpha_P: float
    units: int
    _blocks: PartnerBlocks | None = None
    _P_GG: Any = None
    _trained: frozenset[str] | None = None
    _trained_once: frozenset[str] = frozenset()
    #: The mask that P of the recurrent kernel was made for, once there is one.
    _mask_of_P: tuple[Any] | None = None

    def read_trainable(self) -> None:
        """Read which kernels learn, and create P where one learns that did not before."""
        found = frozenset(name for name, variable in self.kernels().items() if self._index(variable) is not None)
        if not self.original_force_layer.trainable:
            found -= {*_KERNELS}  # Keras does not pass it on to kernels that were made to be frozen
        object.__setattr__(self, "_trained", found)  # past Keras' tracking
        object.__setattr__(self, "_trained_once", self._trained_once | found)
        if "recurrent_kernel" in found and self._mask_of_P is None:
            mask = self.original_force_layer.recurrent_nontrainable_boolean_mask
            # numpy's can be written into
            object.__setattr__(self, "_mask_of_P", (mask if mask is None or tf.is_tensor(mask) else np.array(mask),))
        if not self.built:
            self.initialize_P()
        elif is_ours(self.initialize_P):
            self._tracker.unlock()  # Keras does so itself where it adds weights later
            self.initialize_P()
            self._tracker.lock()
        self.initialize_train_idx()

    def check_mask(self, where: str) -> None:
        """Refuse a mask of the recurrent kernel that is not the one that P was made for.

        Raises
        ------
        InvalidValueError
            With the number of weights that do not learn now, and in P.
        """
        mask = self.original_force_layer.recurrent_nontrainable_boolean_mask
        if self._mask_of_P is None or (mask is self._mask_of_P[0] and (mask is None or tf.is_tensor(mask))):
            return
        now, before = (_frozen(self.original_force_layer, each) for each in (mask, self._mask_of_P[0]))
        if not np.array_equal(now, before):
            raise InvalidValueError(
                message(
                    f"{where}: recurrent_nontrainable_boolean_mask",
                    f"the mask that P was made for, under which {np.count_nonzero(before)} weights do not learn",
                    f"a mask of {np.count_nonzero(now)} that do not",
                    "set it before the model is built, or make a new layer by from_weights(weights, mask).",
                )
            )

    def kernels(self) -> dict[str, Any]:
        """Return the kernels that may learn, by name."""
        layer = self.original_force_layer
        return {name: getattr(layer, name) for name in _KERNELS if hasattr(layer, name)}

    def trainable_config(self) -> dict[str, Any]:
        """Return which kernels learn, and which of them have learned, so that they have a P."""
        trainable = {name: bool(variable.trainable) for name, variable in self.kernels().items()}
        return {"trainable": trainable, "trained_once": sorted(self._trained_once)}

    def restore_trainable(self, config: Mapping[str, Any]) -> None:
        """Set what :meth:`trainable_config` returned on a model that was just built."""
        kernels = self.kernels()
        for name in config["trained_once"]:
            kernels[name].trainable = True
        self.read_trainable()
        for name, trainable in config["trainable"].items():
            kernels[name].trainable = trainable
        self.read_trainable()

    def trains(self, kernel: str) -> bool:
        """Whether a kernel of the layer, such as "output_kernel", learns; as of the last ``compile``."""
        if self._trained is not None:
            return kernel in self._trained
        layer = self.original_force_layer
        return bool(getattr(layer, f"_{kernel}_trainable", False))

    def _identity(self, name: str) -> Any:
        return self.add_weight(
            name=name,
            shape=(self.units, self.units),
            initializer=keras.initializers.Identity(gain=self.alpha_P),
            trainable=True,
        )

    def initialize_P(self) -> None:
        """Create P of the output kernel and of the recurrent kernel, where they learn and there is none."""
        if self.trains("output_kernel") and getattr(self, "P_output", None) is None:
            self.P_output: Any = self._identity("P_output")
        if self.trains("recurrent_kernel") and self._P_GG is None:
            self._P_GG = self._recurrent_P()

    def _recurrent_P(self) -> Any:
        layer = self.original_force_layer
        mask = layer.recurrent_nontrainable_boolean_mask
        blocks = PartnerBlocks(None if mask is None else _frozen(layer, mask), self.units)
        if self._uses_blocks():
            self._blocks = blocks
            shape, initializer = blocks.shape, blocks.initializer(self.alpha_P)
        else:
            full = blocks.expand(self.alpha_P * np.ones(blocks.shape) * np.eye(blocks.width))
            shape, initializer = full.shape, keras.initializers.Constant(full)
        return self.add_weight(name="P_GG", shape=shape, initializer=initializer, trainable=True)

    def _uses_blocks(self) -> bool:
        """Whether the rule of the recurrent kernel is ours, so that P may be stored by blocks."""
        rule = ("update_recurrent_kernel", "pseudogradient_P_Gx", "pseudogradient_wR")
        return all(is_ours(getattr(self, name)) for name in rule)

    @property
    def P_GG(self) -> Any:
        """P of the recurrent kernel, (units, units, units): one matrix per neuron.

        It is stored by distinct masks; a `FullP` shows it in full, and takes ``assign``.
        """
        if self._P_GG is None:
            raise AttributeError(f"{type(self).__name__} has no P_GG: its recurrent kernel does not learn")
        if self._blocks is None:
            return self._P_GG
        return FullP(self._P_GG, self._blocks, self._shows_one_P())

    @P_GG.setter
    def P_GG(self, variable: Any) -> None:
        self._P_GG = variable

    def _shows_one_P(self) -> bool:
        """Whether a P that all neurons share is shown with two dimensions."""
        return False

    def initialize_train_idx(self) -> None:
        """Find kernels and P in ``self.trainable_variables``."""
        layer = self.original_force_layer
        self._output_kernel_idx = self._index(layer.output_kernel) if self.trains("output_kernel") else None
        self._recurrent_kernel_idx = self._index(layer.recurrent_kernel) if self.trains("recurrent_kernel") else None
        self._P_output_idx = self._index(getattr(self, "P_output", None))
        self._P_GG_idx = self._index(self._P_GG)

    def _index(self, variable: Any) -> int | None:
        found = [i for i, v in enumerate(self.trainable_variables) if v is variable]
        return found[0] if found else None


def _frozen(layer: Any, mask: Any) -> np.ndarray:
    """Return which recurrent weights do not learn; without a mask all do."""
    checked = mask_of(type(layer).__name__, mask, layer.units)
    return np.zeros((layer.units, layer.units), bool) if checked is None else np.asarray(checked)
