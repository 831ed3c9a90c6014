"""Small networks for the tests of the Keras-style classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

ENGINES: list[dict[str, Any]] = [
    {"backend": "tensorflow", "jit_compile": False},
    {"backend": "brian2", "target": "numpy"},
]
GRAPH = ENGINES[0]
each_engine = pytest.mark.parametrize("engine", ENGINES, ids=["tensorflow", "brian2"])
#: names of every_pair
PAIRS = (
    "esn",
    "esn_recurrent",
    "nofeedback",
    "nofeedback_masked",
    "optimized",
    "full_force",
    "full_force_esn",
    "bio_force",
    "ridge",
    "lif",
    "lif_single",
    "izhikevich",
    "theta",
)


def compiled(model: Any, engine: dict[str, Any] = GRAPH, **options: Any) -> Any:
    """Return a model after ``compile``, by default on TensorFlow and with one metric."""
    model.compile(**{"metrics": ["mae"]} | engine | options)
    return model


def data(steps: int = 60, inputs: int = 1, outputs: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets that a small network can learn a little of."""
    t = np.arange(steps)[:, None]
    x = np.cos(t * 0.11 + np.arange(inputs))
    y = 0.5 * np.sin(t * 0.07 + np.arange(outputs))
    return x.astype(np.float32), y.astype(np.float32)


def lif_arguments(**more: Any) -> dict[str, Any]:
    """Return arguments of LIF under which 20 neurons spike within 60 steps."""
    arguments = dict(
        tau_mem=0.01, tau_ref=0.0025, dt=0.001, tau_decay=0.02, tau_rise=0.002, tau_syn=0.02,
        v_peak=-40, v_reset=-65, I_bias=-39, G=0.04, Q=10, g=1.0, units=20, output_size=1, seed=5,
    )  # fmt: skip
    return arguments | more


def esn(**more: Any) -> Any:
    from tension_sim.models import EchoStateNetwork

    return EchoStateNetwork(**(dict(dtdivtau=0.1, units=20, output_size=1, activation="tanh", seed=5) | more))


def nofeedback(**more: Any) -> Any:
    from tension_sim.models import NoFeedbackESN

    return NoFeedbackESN(**(dict(dtdivtau=0.1, units=20, output_size=1, activation="tanh", seed=5) | more))


def constrained(**more: Any) -> Any:
    from tension_sim.constrained import ConstrainedNoFeedbackESN

    arguments = dict(
        structural_connectivity=np.ones((20, 20), np.float32), noise_param=(0.0, 0.01), units=20,
        dtdivtau=0.1, activation="tanh", seed=5, p_recurr=0.5,
    )  # fmt: skip
    return ConstrainedNoFeedbackESN(**(arguments | more))


def izhikevich(**more: Any) -> Any:
    from tension_sim.spiking import Izhikevich

    arguments = dict(
        dt=0.04, tau_decay=20, tau_rise=2, tau_syn=20, v_peak=30, v_reset=-65, I_bias=1000, G=5000, Q=5000,
        adapt_time_inv=0.01, resonance_param=-2, capacitance=250, adapt_jump_curr=200, gain_on_v=2.5,
        v_resting=-60, v_thres=-19.2, g=1.0, units=20, output_size=1, seed=5,
    )  # fmt: skip
    return Izhikevich(**(arguments | more))


def theta(**more: Any) -> Any:
    from tension_sim.spiking import Theta

    arguments = dict(
        dt=0.0005, tau_decay=0.02, tau_rise=0.002, tau_syn=0.02, v_peak=np.pi, v_reset=-np.pi, I_bias=0, G=15,
        Q=1e4, g=1.0, units=20, output_size=1, seed=5,
    )  # fmt: skip
    return Theta(**(arguments | more))


def every_pair() -> dict[str, Any]:
    """Return, by name, functions that make each model of the compatibility list with its data."""
    from tension_sim.base import FORCEModel
    from tension_sim.constrained import BioFORCEModel
    from tension_sim.esn import ESNFORCEModel
    from tension_sim.models import FullFORCEModel, OptimizedFORCEModel
    from tension_sim.spiking import LIF, SpikingNNModel

    x, y = data()
    wide = np.broadcast_to(y, (len(y), 20)).copy()
    hinted = np.concatenate([x, y], axis=1)

    def pair(make_layer: Any, model: Any, x: Any = x, y: Any = y, predict_x: Any = None, **options: Any) -> Any:
        def make(**layer_options: Any) -> tuple[Any, Any, Any, Any]:
            layer = make_layer(**layer_options)
            return model(force_layer=layer, **options), x, y, x if predict_x is None else predict_x

        return make

    return {
        "esn": pair(esn, FORCEModel),
        "esn_recurrent": pair(lambda **k: esn(recurrent_kernel_trainable=True, **k), FORCEModel),
        "nofeedback": pair(nofeedback, FORCEModel),
        "nofeedback_masked": pair(lambda **k: nofeedback(p_recurr=0.5, **k), FORCEModel),
        "optimized": pair(nofeedback, OptimizedFORCEModel),
        "full_force": pair(nofeedback, FullFORCEModel, hinted, y, x, hint_dim=1),
        "full_force_esn": pair(esn, FullFORCEModel, x, y, x, hint_dim=0, target_output_kernel_trainable=False),
        "bio_force": pair(constrained, BioFORCEModel, x, wide),
        "ridge": pair(esn, ESNFORCEModel, n_max=20, num_skip=3, alpha_sq=0.01),
        "lif": pair(lambda **k: LIF(**lif_arguments(**k)), SpikingNNModel, alpha_P=0.001),
        "lif_single": pair(lambda **k: LIF(**lif_arguments(tau_rise=0, **k)), SpikingNNModel, alpha_P=0.001),
        "izhikevich": pair(izhikevich, SpikingNNModel, alpha_P=2.0, update_every=3),
        "theta": pair(theta, SpikingNNModel, alpha_P=0.001),
    }
