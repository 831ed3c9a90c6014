"""The traces of the published package, and the models that are to give them again."""

from __future__ import annotations

from typing import Any

import numpy as np


def model_of(trace: dict[str, Any], plain: bool = False, **options: Any) -> Any:
    """Return the model of a trace, built and compiled.

    Parameters
    ----------
    plain : bool, optional
        Update every tenth step by ``update_every`` in place of a subclass.
    """
    import tensorflow as tf

    from tension_sim import base, constrained, models, spiking

    class EveryTen(spiking.SpikingNNModel):
        """Updates at each tenth time step, as a user of the published package wrote it."""

        def __init__(self, step: int = 10, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.num_step = tf.Variable(0.0, trainable=False)
            self.step = step

        def update_kernel_condition(self) -> Any:
            self.num_step.assign_add(1.0, read_value=False)
            return self.num_step % self.step == 0

    doc = trace["doc"]
    classes = {**vars(base), **vars(models), **vars(constrained), **vars(spiking), "EveryTen": EveryTen}
    arguments = dict(doc.get("parameters", {}))
    if "dtdivtau" in doc:
        arguments |= {"dtdivtau": doc["dtdivtau"], "activation": "tanh", "initial_a": trace["in_initial_a"]}
    if "in_initial_voltage" in trace:
        arguments["initial_voltage"] = trace["in_initial_voltage"]
    if "in_structural_connectivity" in trace:
        arguments |= {
            "structural_connectivity": trace["in_structural_connectivity"],
            "noise_param": doc["noise_param"],
            "g": doc["g"],
        }
    kernels = [
        trace[f"in_{k}_kernel"] for k in ("input", "recurrent", "feedback", "output") if f"in_{k}_kernel" in trace
    ]
    units = trace["in_recurrent_kernel"].shape[0]
    mask = trace.get("in_mask", np.zeros((units, units), bool))
    layer = classes[doc["layer"]].from_weights(kernels, mask, **arguments)
    name = doc["model"]
    tenth = plain and name == "EveryTen"
    extra: dict[str, Any] = {"update_every": 10} if tenth else {}
    extra |= {key: doc[key] for key in ("hint_dim", "target_output_kernel_trainable") if key in doc}
    model = classes["SpikingNNModel" if tenth else name](force_layer=layer, alpha_P=doc.get("alpha_P", 1.0), **extra)
    model.compile(metrics=["mae"], **options)
    if "in_target_initial_a" in trace:
        model.build((1, 1, trace["x"].shape[1] + trace["y"].shape[1]))
        target = model.target_network.cell
        for kernel in ("input", "recurrent", "feedback", "hint"):
            getattr(target, f"{kernel}_kernel").assign(trace[f"in_target_{kernel}_kernel"])
        a = trace["in_target_initial_a"]
        model.target_network.restore([a, np.tanh(a), np.zeros_like(a)])
    return model
