"""Equation files of a user, layers of them, and what plain loops make of them.

The files differ from those of the package in every input: other factors, another function of one of them,
state variables of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

RATE = """
kind = "rate"
equations = '''
da/dt = (drive - 1.1*a - w)/tau : 1
drive = 0.7*I_rec + 2*tanh(I_fb) + 0.5*I_in*abs(I_in) : 1
dw/dt = (0.4*a - w)/tau_w : 1
'''
rate = "activation(gain*a - 0.3*w)"
activation = "tanh"
method = "euler"
membrane = "a"
[inputs]
recurrent = "I_rec"
feedback = "I_fb"
external = "I_in"
[parameters]
tau = "20*ms"
tau_w = "50*ms"
gain = 1.2
[initial]
w = "0.1*randn()"
"""

SPIKING = """
kind = "neuron"
equations = '''
dv/dt = (v_rest - v + 0.8*I_rec + 2*I_fb + I_in*(1 + tanh(I_in/(10*mV))) + bias - u - s)/tau_mem : volt
du/dt = (0.1*(v - v_rest) - u)/tau_u : volt
ds/dt = -s/tau_s : volt
'''
threshold = "v - 0.05*I_rec > v_peak"
reset = '''
v = v_reset + 0.1*u
u += 1*mV
s += jump
'''
method = "euler"
membrane = "v"
[inputs]
recurrent = "I_rec"
feedback = "I_fb"
external = "I_in"
[units]
current = "mV"
rate = "1/ms"
[parameters]
v_rest = "-65*mV"
v_peak = "-50*mV"
v_reset = "v_rest - 2*mV"
bias = "12*mV"
tau_mem = "10*ms"
tau_u = "30*ms"
tau_s = "20*ms"
jump = "0.5*mV"
[initial]
v = "v_rest + rand()*(v_peak - v_rest)"
s = "0.2*rand()*mV"
"""

UNITS = 12


def rate_layer(folder: Path, base: str = "EchoStateNetwork", text: str = RATE, **more: Any) -> Any:
    """Return a layer of rate units of a file that is written into a folder."""
    from tension_sim import models

    file = folder / "own_rate.toml"
    file.write_text(text)
    cls = type("Own", (getattr(models, base),), {"equation_file": file, "parameters": {"gain": 1.3, "tau_w": "60*ms"}})
    return cls(**(dict(dtdivtau=0.1, units=UNITS, output_size=1, activation="tanh", seed=4, dtype="float64") | more))


def spiking_layer(folder: Path, text: str = SPIKING, **more: Any) -> Any:
    """Return a layer of spiking neurons of a file that is written into a folder."""
    from tension_sim import spiking

    file = folder / "own_neuron.toml"
    file.write_text(text)
    cls = type("Own", (spiking.FileSpikingNN,), {"equation_file": str(file), "parameters": {"jump": "0.8*mV"}})
    arguments = dict(
        dt=0.5, tau_decay=20, tau_rise=2, tau_syn=20, G=30, Q=8, I_bias=25, units=UNITS, output_size=1, seed=4,
        dtype="float64",
    )  # fmt: skip
    return cls(**(arguments | more))


class Truth:
    """The kernels and states of a model, to be advanced in numpy."""

    def __init__(self, model: Any) -> None:
        layer = model.original_force_layer
        self.x_in, self.J, self.W = (
            np.array(getattr(layer, f"{name}_kernel")) for name in ("input", "recurrent", "output")
        )
        self.fb = np.array(layer.feedback_kernel) if hasattr(layer, "feedback_kernel") else None
        self.states = [np.array(state) for state in model.force_layer.states]
        self.further = {name: np.array(value) for name, value in layer.further_states.items()}
        self.P = np.eye(layer.units) * model.alpha_P

    def learn(self, h: np.ndarray, error: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        """Update P by rates; return a kernel as it is then."""
        k = self.P @ h.T
        self.P = self.P - k @ k.T / (1 + h @ k)
        return kernel - self.P @ h.T @ error


def rate_step(a: Any, w: Any, rec: Any, fb: Any, x: Any) -> tuple[Any, Any, Any]:
    """Return a, w and the rate of RATE after a step; dt is a tenth of tau = 20 ms."""
    drive = 0.7 * rec + 2 * np.tanh(fb) + 0.5 * x * np.abs(x)
    a, w = a + 0.1 * (drive - 1.1 * a - w), w + 2 / 60 * (0.4 * a - w)
    return a, w, np.tanh(1.3 * a - 0.3 * w)


def force(truth: Truth, x: np.ndarray, y: np.ndarray, recurrent: bool) -> np.ndarray:
    """Run and train rate units by FORCE; return the outputs."""
    (a, h, z), w = truth.states, truth.further["w"]
    found = []
    P_J = truth.P.copy()
    for now, wanted in zip(x, y, strict=True):
        fb = 0.0 if truth.fb is None else z @ truth.fb
        a, w, h = rate_step(a, w, h @ truth.J, fb, now[None] @ truth.x_in)
        z = h @ truth.W
        found.append(z[0])
        truth.W = truth.learn(h, z - wanted, truth.W)
        if recurrent:  # each neuron learns from the same error, by the same P
            P_W, truth.P = truth.P, P_J
            truth.J = truth.learn(h, np.repeat(z - wanted, UNITS, axis=1), truth.J)
            truth.P, P_J = P_W, truth.P
    truth.states, truth.further = [a, h, z], {"w": w}
    return np.array(found)


def full_force(truth: Truth, target: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Run and train rate units by full-FORCE; return the outputs. `target` is the target-generating network."""
    cell = target.cell
    x_in, J, fb, hints = (
        np.array(getattr(cell, f"{name}_kernel")) for name in ("input", "recurrent", "feedback", "hint")
    )
    b, g, _ = (np.array(state) for state in target.states)
    v = np.array(cell.further_states["w"])
    (a, h, z), w = truth.states, truth.further["w"]
    found = []
    for now, wanted in zip(x, y, strict=True):
        signal, hint = now[None, :1], now[None, 1:]
        outside = wanted[None] @ fb + hint @ hints
        b, v, g = rate_step(b, v, g @ J, outside, signal @ x_in)
        a, w, h = rate_step(a, w, h @ truth.J, 0.0, signal @ truth.x_in)
        z = h @ truth.W
        found.append(z[0])
        truth.W = truth.learn(h, z - wanted, truth.W)
        truth.J = truth.J - truth.P @ h.T @ (h @ truth.J - g @ J - outside)
    truth.states, truth.further = [a, h, z], {"w": w}
    return np.array(found)


def spiking_force(truth: Truth, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int]:
    """Run and train spiking neurons; return the outputs and the number of spikes. Numbers count in mV and ms."""
    steps, v, u, h, hr, ipsc, hr_ipsc, z = truth.states
    s, dt, spiked = truth.further["s"], 0.5, 0
    slow, fast = np.exp(-dt / 20), np.exp(-dt / 2)
    found = []
    for now, wanted in zip(x, y, strict=True):
        rec, fb, external = ipsc, z @ truth.fb, now[None] @ truth.x_in
        drive = 0.8 * rec + 2 * fb + external * (1 + np.tanh(external / 10)) + 25
        v, u, s = (
            v + dt * (-65 - v + drive - u - s) / 10,
            u + dt * (0.1 * (v + 65) - u) / 30,
            s - dt * s / 20,
        )
        # the threshold sees the current of this step, before the spikes of this step come in
        spikes = v - 0.05 * (slow * ipsc + dt * hr_ipsc) > -50
        v = np.where(spikes, -67 + 0.1 * u, v)
        u, s = u + 1.0 * spikes, s + 0.8 * spikes
        ipsc, hr_ipsc = slow * ipsc + dt * hr_ipsc, fast * hr_ipsc + spikes @ truth.J / 40
        h, hr = slow * h + dt * hr, fast * hr + spikes / 40
        spiked += spikes.sum()
        z = h @ truth.W
        found.append(z[0])
        truth.W = truth.learn(h, z - wanted, truth.W)
    truth.states, truth.further = [steps + len(x), v, u, h, hr, ipsc, hr_ipsc, z], {"s": s}
    return np.array(found), int(spiked)
