"""The rules of FORCE learning: methods of FORCEModel, each of which a subclass may override."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ..errors import InvalidValueError, message
from .forgetting import Forgetting
from .rank_one import rank_one
from .variables import hook, is_ours

if TYPE_CHECKING:
    from .partner_blocks import PartnerBlocks

__all__ = ["Rules"]


class _LastGain:
    """The gain of an update, for another kernel that learns by the same P at the same step."""

    def __init__(self, P: Any, h: Any, gain: Any) -> None:
        self.P, self.h, self.gain = P, h, gain

    def of(self, P: Any, h: Any) -> Any:
        """Return the gain if it is that of `P` and `h`, else None."""
        return self.gain if self.P is P and self.h is h else None


class Rules:
    """Recursive least squares of the output and of the recurrent kernel."""

    units: int
    optimizer: Any
    _divided: bool
    _forgets: Forgetting
    _blocks: PartnerBlocks | None
    _last_gain: _LastGain | None = None

    @hook
    def update_output_kernel(
        self, h: Any, z: Any, y: Any, trainable_vars_P_output: Any, trainable_vars_output_kernel: Any
    ) -> None:
        """Update P of the output kernel, then the output kernel.

        Parameters
        ----------
        h : tensor, shape (1, units)
            Rates.
        z, y : tensor, shape (1, outputs)
            Output and target.
        trainable_vars_P_output, trainable_vars_output_kernel : variable
            What is changed.
        """
        dP, Pht, hPht = self.pseudogradient_P(trainable_vars_P_output, h)
        self.optimizer.apply_gradients([(dP, trainable_vars_P_output)])
        self._last_gain = _LastGain(trainable_vars_P_output, h, self._gain(trainable_vars_P_output, h, Pht, hPht))
        dwO = self.pseudogradient_wO(trainable_vars_P_output, h, z, y, Pht, hPht)
        self.optimizer.apply_gradients([(dwO, trainable_vars_output_kernel)])

    @hook
    def pseudogradient_P(self, P: Any, h: Any) -> tuple[Any, Any, Any]:
        """Return what is subtracted from P, with ``P h'`` and ``h P h'`` of the old P.

        Parameters
        ----------
        P : tensor, shape (units, units)
        h : tensor, shape (1, units)

        Returns
        -------
        dP : tensor, shape (units, units)
        Pht : tensor, shape (units, 1)
        hPht : tensor, shape (1, 1)
        """
        P = tf.convert_to_tensor(P)
        Pht = tf.matmul(P, h, transpose_b=True)
        hPht = tf.matmul(h, Pht)
        dP = rank_one(Pht[:, 0], self._forgets.forgetting + hPht[0])
        if self._forgets.anything:
            dP = P - self._forgets.of(P - dP)
        return dP, Pht, hPht

    def _gain(self, P: Any, h: Any, Pht: Any, hPht: Any) -> Any:
        """Return the gain of the update, (units, 1)."""
        if self._divided and is_ours(self.pseudogradient_P):
            return Pht / (self._forgets.forgetting + hPht)  # from the new P, without reading P again
        return self._gain_of_new(P, h, Pht)

    def _gain_of_new(self, P: Any, h: Any, Pht: Any) -> Any:
        """Return the gain from the new P, (units, 1); `Pht` is of the old one."""
        if not self._divided:
            return Pht
        return self._forgets.gain(tf.matmul(tf.convert_to_tensor(P), h, transpose_b=True), tf.transpose(h))

    @hook
    def pseudogradient_wO(self, P: Any, h: Any, z: Any, y: Any, Pht: Any, hPht: Any) -> Any:
        """Return what is subtracted from the output kernel, (units, outputs); `P` is the new one."""
        return self._gain(P, h, Pht, hPht) * (z - y)

    @hook
    def update_recurrent_kernel(
        self, h: Any, z: Any, y: Any, trainable_vars_P_Gx: Any, trainable_vars_recurrent_kernel: Any
    ) -> None:
        """Update P of the recurrent kernel, then the recurrent kernel.

        Parameters
        ----------
        h : tensor, shape (1, units)
            Rates.
        z, y : tensor, shape (1, 1)
            Output and target.
        trainable_vars_P_Gx, trainable_vars_recurrent_kernel : variable
            What is changed.
        """
        if self._blocks is not None:
            self._update_by_blocks(self._blocks, h, z, y, trainable_vars_P_Gx, trainable_vars_recurrent_kernel)
            return
        dP_Gx, Ph, hPh = self.pseudogradient_P_Gx(trainable_vars_P_Gx, h)
        self.optimizer.apply_gradients([(dP_Gx, trainable_vars_P_Gx)])
        dwR = self.pseudogradient_wR(trainable_vars_P_Gx, h, z, y, Ph, hPh)
        self.optimizer.apply_gradients([(dwR, trainable_vars_recurrent_kernel)])

    @hook
    def pseudogradient_P_Gx(self, P_Gx: Any, h: Any) -> tuple[Any, Any, Any]:
        """Return what is subtracted from P of the recurrent kernel, one matrix per neuron.

        Parameters
        ----------
        P_Gx : tensor, shape (units, units, units)
        h : tensor, shape (1, units)

        Returns
        -------
        dP_Gx : tensor, shape (units, units, units)
        Ph : tensor, shape (units, units)
        hPh : tensor, shape (units, 1, 1)
        """
        P_Gx = tf.convert_to_tensor(P_Gx)
        Ph = tf.linalg.matvec(P_Gx, tf.broadcast_to(h, (P_Gx.shape[0], self.units)))
        hPh = tf.reduce_sum(Ph * h, axis=1)[:, None, None]
        dP_Gx = rank_one(Ph, self._forgets.forgetting + hPh[:, :, 0])
        if self._forgets.anything:
            dP_Gx = P_Gx - self._forgets.of(P_Gx - dP_Gx)
        return dP_Gx, Ph, hPh

    @hook
    def pseudogradient_wR(self, P_Gx: Any, h: Any, z: Any, y: Any, Ph: Any, hPh: Any) -> Any:
        """Return what is subtracted from the recurrent kernel; `P_Gx` is the new one, `Ph` of the old."""
        if z.shape[-1] not in (1, self.units):
            self._refuse_several_errors(y.shape)
        return tf.transpose(self._gains_of_neurons(P_Gx, h, Ph)) * (z - y)

    def _refuse_several_errors(self, shape: Any) -> None:
        raise InvalidValueError(
            message(
                f"{type(self).__name__}.fit.y",
                "1 value at each time step, because the recurrent kernel learns from one error",
                tuple(shape),
                "set recurrent_kernel_trainable=False, or use a single output.",
            )
        )

    def _gains_of_neurons(self, P_Gx: Any, h: Any, Ph: Any) -> Any:
        """Return the gain of each neuron's own P, the new one, as (units, units); `Ph` is of the old one."""
        if not self._divided:
            return Ph
        P_Gx, h = tf.convert_to_tensor(P_Gx), tf.broadcast_to(h, (self.units, self.units))
        rows = tf.linalg.matvec(P_Gx, h)
        if not self._forgets.relaxation:
            return rows
        # a frozen weight's part of P is 0, and has not gone back to anything
        partner = tf.cast(tf.linalg.diag_part(P_Gx) != 0, h.dtype)
        return self._forgets.gain(rows, partner * h)

    def _update_by_blocks(self, blocks: PartnerBlocks, h: Any, z: Any, y: Any, P: Any, kernel: Any) -> None:
        k, rPr = blocks.update(P, blocks.gather(h), self._forgets)
        rows = blocks.scatter(k / (self._forgets.forgetting + rPr) if self._divided else k)
        self.optimizer.apply_gradients([(self._recurrent_change(blocks, rows, rPr, z, y), kernel)])

    def _recurrent_change(self, blocks: PartnerBlocks, rows: Any, rPr: Any, z: Any, y: Any) -> Any:
        """Return the change of the recurrent kernel from the gains of each block, (blocks, units)."""
        return tf.transpose(blocks.per_neuron(rows)) * (z - y)
