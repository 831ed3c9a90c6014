"""Rate networks put together from Brian2 objects reproduce the published package's traces.

FORCE on the recurrent kernel, full-FORCE and BioFORCE are the same `RLS` with other maps and errors.
"""

import numpy as np
import pytest
from brian2 import Clock, Network, NeuronGroup, second
from targets import STANDALONE_TARGETS
from traces import load_trace

from tension_sim.brian import RLS, LinearMap, Recorder, Signal

#: The traces are float32; over their three epochs float64 stays within this of them.
STEP_TOLERANCE, KERNEL_TOLERANCE = 1e-3, 2e-4

UNITS = """
da/dt = (-a + I_in + g*I_rec + I_fb + I_hint)/tau : 1
h : 1
I_in : 1
I_rec : 1
I_fb : 1
I_hint : 1
drive : 1
g : 1 (shared, constant)
tau : second (shared, constant)
"""


def trace(name):
    values = load_trace("golden", name)
    doc = values.pop("doc")
    return {key: value.astype(float) for key, value in values.items()}, doc


class RateNetwork:
    """One recurrent network of the published package, wired in its order of operations.

    Start of a step: inputs, and recurrence and feedback from the previous step's h and z;
    then a and h; at the end z = W h and learning.
    """

    def __init__(self, data, doc, clock, prefix="in_", initial="in_initial_a"):
        self.clock, self.objects = clock, []
        kernel = data[f"{prefix}recurrent_kernel"]
        self.units = NeuronGroup(len(kernel), UNITS, method="euler", clock=clock)
        self.units.tau = clock.dt / doc["dtdivtau"]
        self.units.g = 1
        self.units.a = data[initial][0]
        self.units.h = np.tanh(data[initial][0])
        self.units.run_regularly("h = tanh(a)", when="groups", order=1)
        self.objects.append(self.units)
        frozen = data.get("in_mask", np.zeros_like(kernel)).astype(bool) if prefix == "in_" else None
        mask = None
        if frozen is not None and frozen.any():
            assert not kernel[frozen].any()
            mask = ~frozen.T
        if "in_structural_connectivity" in data:
            self.units.g = doc["g"]
            np.fill_diagonal(kernel, 0)
        self.recurrent = self.map(self.units, "h", kernel, "I_rec", mask=mask)

    def map(self, source, variable, kernel, target_variable, *, when="start", mask=None):
        weights = kernel if isinstance(kernel, LinearMap) else kernel.T
        made = LinearMap(
            source, variable, weights=weights, mask=mask, target=self.units, target_variable=target_variable,
            when=when, order=0, clock=self.clock,
        )  # fmt: skip
        self.objects.append(made)
        return made


def build(name, epochs):
    """Return the trace, the Network, and what is compared with the trace."""
    data, doc = trace(name)
    clock = Clock(1e-3 * second)
    x, y = (np.tile(data[key], (epochs, 1)) for key in ("x", "y"))
    net = RateNetwork(data, doc, clock)
    if name == "bio_force_masked":
        target = Signal(y, clock=clock)
        rule = RLS(
            net.recurrent, target, alpha_P=doc["alpha_P"], divide_by_source=True,
            factor=data["in_structural_connectivity"].T, when="end",
        )  # fmt: skip
        output = Recorder(net.units, "I_rec")
        return data, Network(*net.objects, target, rule, output), None, net.recurrent, output, clock
    n_in = len(data["in_input_kernel"])
    inputs, target = Signal(x[:, :n_in], clock=clock), Signal(y, clock=clock)
    net.map(inputs, "value", data["in_input_kernel"], "I_in")
    readout = LinearMap(net.units, "h", weights=data["in_output_kernel"].T)
    if "in_feedback_kernel" in data:
        net.map(readout, "z", data["in_feedback_kernel"], "I_fb")
        readout.z = np.tanh(data["in_initial_a"][0]) @ data["in_output_kernel"]
    rules = {"alpha_P": doc.get("alpha_P", 1.0), "when": "end", "order": 2}
    objects = [inputs, target, readout]
    if name == "full_force":
        teacher = RateNetwork(data, doc, clock, "in_target_", "in_target_initial_a")
        hint = Signal(x[:, n_in:], clock=clock)
        teacher.map(inputs, "value", data["in_target_input_kernel"], "I_in")
        teacher.map(target, "value", data["in_target_feedback_kernel"], "I_fb")
        teacher.map(hint, "value", data["in_target_hint_kernel"], "I_hint")
        # the currents of this step's h, which the next step's a will get
        now = net.map(net.units, "h", net.recurrent, "drive", when="end")
        teacher.map(teacher.units, "h", teacher.recurrent, "drive", when="end")
        rule = RLS(
            [readout, now], target, error=["z - y", "z - drive_target - I_fb_target - I_hint_target"],
            variables={f"{v}_target": (teacher.units, v) for v in ("drive", "I_fb", "I_hint")}, **rules,
        )  # fmt: skip
        objects += [*teacher.objects, hint, rule]
    else:
        learned = [RLS(readout, target, **rules)]
        if "final_P_GG" in data:
            error = {"error": "z_out - y", "variables": {"z_out": (readout, "z")}}
            learned.append(RLS(net.recurrent, target, **error, **rules))
        objects += learned
    output = Recorder(readout, "z")
    network = Network(*objects, *net.objects, output)
    return data, network, readout, net.recurrent, output, clock


NAMES = (
    "esn_force",
    "esn_force_two_outputs",
    "nofeedback_force_recurrent",
    "nofeedback_force_recurrent_masked",
    "nofeedback_optimized",
    "full_force",
    "bio_force_masked",
)


def compare(name, target):
    epochs = 3
    data, network, readout, recurrent, output, clock = build(name, epochs)
    target.run(network, epochs * len(data["x"]) * clock.dt)
    wanted = data["train_output"].reshape(output.recorded.shape)
    np.testing.assert_allclose(output.recorded, wanted, rtol=0, atol=STEP_TOLERANCE)
    for learned, key in ((readout, "final_output_kernel"), (recurrent, "final_recurrent_kernel")):
        if learned is not None:
            scale = np.abs(data[key]).max()
            np.testing.assert_allclose(learned.W.T / scale, data[key] / scale, rtol=0, atol=KERNEL_TOLERANCE)


@pytest.mark.parametrize("name", NAMES)
def test_training_follows_the_published_package(name, numpy_target):
    compare(name, numpy_target)


#: In compiled code of a user's own; the package's programs, and Cython, give these traces in test_golden.py.
COMPILED = [
    pytest.param(name, target, marks=pytest.mark.slow)
    for name in ("full_force", "nofeedback_force_recurrent_masked", "bio_force_masked")
    for target in STANDALONE_TARGETS
    # the masks and factors of the others are compared on it in brian/test_everything.py and test_rls_rules.py
    if target != "cpp_standalone" or name == "full_force"
]


@pytest.mark.parametrize(("name", "target"), COMPILED, indirect=["target"])
def test_training_follows_the_published_package_in_compiled_code(name, target):
    compare(name, target)
