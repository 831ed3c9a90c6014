"""What an update takes from P, on tensors: symmetric to the last bit."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

__all__ = ["rank_one"]


def rank_one(k: Any, divisor: Any) -> Any:
    """Return k k'/divisor.

    Three factors have no order: a compiler takes the cheap product first, which rounds otherwise on the two sides of
    the diagonal. The antisymmetric part of P that this leaves grows without bound where P forgets.

    Parameters
    ----------
    k : tensor, shape (..., partners)
    divisor : tensor, shape (..., 1)
        Above 0, or the result is NaN.

    Returns
    -------
    tensor, shape (..., partners, partners)

    Examples
    --------
    >>> rank_one(tf.constant([2.0, 4.0]), tf.constant([4.0])).numpy()
    array([[1., 2.],
           [2., 4.]], dtype=float32)
    """
    root = k / tf.sqrt(divisor)
    return root[..., :, None] * root[..., None, :]
