"""The published LIF network and its learning as a plain loop, in any precision."""

from __future__ import annotations

from typing import Any

import numpy as np


def lif_loop(
    given: dict[str, np.ndarray], options: dict[str, Any], alpha_P: float, dtype: str, learning: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Train for one pass over the data.

    Parameters
    ----------
    given : dict of arrays
        Kernels, mask, initial voltage and data of a recorded setup, by their names there.
    options : dict
        Arguments of the layer.
    alpha_P : float
        Initial scale of P.
    dtype : str
        Precision of the neurons, and of P and the weights where `learning` names no other.
    learning : str, optional
        Precision of P and the weights.

    Returns
    -------
    output, spikes : array, shape (timesteps, n_outputs), and bool array, shape (timesteps, n)
    """
    real, learned = np.dtype(dtype).type, np.dtype(learning or dtype).type
    o = {name: real(value) for name, value in options.items()}
    arrays = {name: values.astype(real) for name, values in given.items() if name != "mask"}
    recurrent = np.where(given["mask"], real(0), arrays["recurrent_kernel"]) * o["G"]
    feedback, v = o["Q"] * arrays["feedback_kernel"], arrays["initial_voltage"][0].copy()
    h, hr, current, rising, last = (np.zeros(len(v), real) for _ in range(5))
    w, P = arrays["output_kernel"].astype(learned), np.eye(len(v), dtype=learned) * learned(alpha_P)
    z = np.zeros(w.shape[1], real)
    decay, rise, jump = (
        np.exp(-o["dt"] / o["tau_decay"]),
        np.exp(-o["dt"] / o["tau_rise"]),
        o["tau_rise"] * o["tau_decay"],
    )
    outputs, spikes = [], []
    for step, (x, y) in enumerate(zip(arrays["x"], arrays["y"], strict=True)):
        now = o["dt"] * real(step)
        free = (now > last + o["tau_ref"]).astype(real)
        v = v + o["dt"] * free * (o["I_bias"] + current + z @ feedback + x @ arrays["input_kernel"] - v) / o["tau_mem"]
        fired = v >= o["v_peak"]
        last = np.where(fired, now, last)
        current, rising = current * decay + rising * o["dt"], rising * rise + recurrent[fired].sum(axis=0) / jump
        h, hr = h * decay + hr * o["dt"], hr * rise + fired.astype(real) / jump
        v = np.where(fired, o["v_reset"], v)
        r = h.astype(learned)
        z = (r @ w).astype(real)
        k = P @ r
        gain = 1 / (1 + r @ k)
        P = P - gain * np.outer(k, k)
        w = w - gain * np.outer(k, z - y).astype(learned)
        outputs.append(z)
        spikes.append(fired)
    return np.array(outputs), np.array(spikes)
