"""Delta synapses, which add to a variable of the neurons: beside Brian2's Synapses, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import brian2 as b2
import numpy as np
import pytest
from brian_target import activated
from targets import skip_unless_here

from tension_sim import (
    Connector,
    InvalidValueError,
    Learning,
    Network,
    Population,
    Projection,
    Readout,
    Record,
    Results,
    Simulation,
    UnitsError,
    UnknownNameError,
    load_recipe,
)

FILE = '''
kind = "neuron"
summary = "Brunel (2000), with an excitatory conductance of its own"
source = "https://doi.org/10.1023/A:1008925309027"
equations = """
dv/dt = (drive - v - ge/(10*nS)*(v - 60*mV))/tau : volt (unless refractory)
dge/dt = -ge/(5*ms) : siemens
"""
threshold = "v > 20*mV"
reset = "v = 10*mV"
refractory = "tau_ref"
method = "euler"
membrane = "v"

[inputs]
drive = {unit = "mV", meaning = "what else drives it"}

[units]
current = "mV"
rate = "1/second"

[parameters]
tau = "20*ms"
tau_ref = "2*ms"
'''
N = {"exc": 40, "inh": 10}
DT, STEPS = 3e-4, 250  # no time step divides the rest of 2 ms
RNG = np.random.default_rng(1)
V = {name: RNG.uniform(0, 20e-3, n) for name, n in N.items()}
#: In volt from both, and in siemens.
JUMPS = {pair: (RNG.random((N[pair[0]], N[pair[1]])) < 0.3) * RNG.uniform(0.5, 1.5, (N[pair[0]], N[pair[1]])) * size
         for size, pair in ((1.2e-3, ("exc", "exc")), (1.2e-3, ("exc", "inh")), (-5e-3, ("inh", "exc")))}  # fmt: skip
OPEN = 3e-9 * (RNG.random((40, 40)) < 0.2)
#: In steps.
DELAYS: dict[tuple[str, str], Any] = {
    ("exc", "exc"): RNG.integers(0, 9, (40, 40)), ("exc", "inh"): 5, ("inh", "exc"): 1,
}  # fmt: skip
CUE = np.full((STEPS, 1), 24.0)


def net(folder: Path, delayed: bool = True, **changes: Any) -> Network:
    file = folder / "brunel.toml"
    file.write_text(FILE)
    populations = {name: Population(file, n, initial={"v": V[name]}) for name, n in N.items()}
    projections = [
        Projection(
            pre, post, synapse="delta", weights=w * b2.volt if pre == "exc" else w * 1e3,
            sign=1 if pre == "exc" else -1, delay=DELAYS[pre, post] * DT if delayed else None,
        )
        for (pre, post), w in JUMPS.items()
    ]  # fmt: skip
    projections.append(Projection("exc", "exc", synapse="delta", into="ge", weights=OPEN * b2.siemens))
    projections += [Projection("cue", name, into="drive", weights=np.ones((1, n))) for name, n in N.items()]
    parts = {"populations": populations, "projections": projections, "external_inputs": {"cue": 1}}
    return Network(**({"dt": DT} | parts | changes))


def of_synapses(delayed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return spikes and the first voltages at the end of each step of such a network in plain Brian2."""
    clock = b2.Clock(DT * b2.second, name="dt_of_reference")
    equations = """
    dv/dt = (24*mV - v - ge/(10*nS)*(v - 60*mV))/(20*ms) : volt (unless refractory)
    dge/dt = -ge/(5*ms) : siemens
    """
    cells = {
        name: b2.NeuronGroup(
            n, equations, threshold="v > 20*mV", reset="v = 10*mV", refractory=2 * b2.ms, method="euler", clock=clock
        )
        for name, n in N.items()
    }
    objects: list[Any] = [*cells.values()]
    for name, group in cells.items():
        group.v = V[name] * b2.volt
    kinds = [(pair, w, "v", "volt", DELAYS[pair] if delayed else 0) for pair, w in JUMPS.items()]
    for (pre, post), w, variable, unit, delay in [*kinds, (("exc", "exc"), OPEN, "ge", "siemens", 0)]:
        synapses = b2.Synapses(cells[pre], cells[post], f"w : {unit}", on_pre=f"{variable}_post += w", clock=clock)
        i, j = np.nonzero(w)
        synapses.connect(i=i, j=j)
        synapses.variables["w"].set_value(w[i, j])
        synapses.delay = np.broadcast_to(delay, w.shape)[i, j] * DT * b2.second
        objects.append(synapses)
    spikes = [b2.SpikeMonitor(group) for group in cells.values()]
    voltages = b2.StateMonitor(cells["exc"], "v", record=[0, 1], when="end", clock=clock)
    b2.Network(*objects, *spikes, voltages).run(STEPS * DT * b2.second)
    found = [
        (round(float(t / b2.second) / DT), first + int(i))
        for first, each in zip((0, N["exc"]), spikes, strict=True)
        for t, i in zip(each.t, each.i, strict=True)
    ]
    return np.array(sorted(found)), np.asarray(voltages.v / b2.volt).T


@pytest.mark.parametrize(
    ("target", "delayed"),
    [("numpy", False), ("numpy", True), pytest.param("tensorflow", False, marks=pytest.mark.slow),
     *(pytest.param(name, True, marks=pytest.mark.slow) for name in ("cpp_standalone",))],
)  # fmt: skip
def test_spike_for_spike_as_with_synapses(target, delayed, tmp_path):
    skip_unless_here(target)
    with activated("numpy", tmp_path / "reference"):
        spikes, v = of_synapses(delayed)
    found = Simulation(net(tmp_path, delayed), target=target, record=Record(variables={"exc.v": (0, 1)})).run(x=CUE)
    assert min(np.sum(spikes[:, 1] < 40), np.sum(spikes[:, 1] >= 40)) > 100
    assert np.array_equal(np.stack([found.spike_step, found.spike_neuron], axis=1), spikes)
    assert found.recorded["exc.v"].values * 1e-3 == pytest.approx(v, abs=1e-12)


def test_goes_on_and_is_saved(tmp_path):
    simulation = Simulation(net(tmp_path), target="numpy")
    cue = CUE[:160]
    whole, first = simulation.run(x=cue), simulation.run(x=cue[:123])
    second = simulation.run(x=cue[123:], state=first.state)
    assert any(np.any(values) for name, values in first.state.items() if name.endswith(".ring"))
    assert len(second.spike_step) > 30
    assert np.array_equal(np.concatenate([first.spike_neuron, second.spike_neuron]), whole.spike_neuron)
    assert {name for name, values in whole.state.items() if not np.array_equal(second.state[name], values)} == set()
    again = Results.load(whole.save(tmp_path / "run.h5")).network()
    assert [each.synapse.name for each in again.projections[:4]] == ["delta"] * 4
    assert np.array_equal(Simulation(again, target="numpy").run(x=cue).spike_neuron, whole.spike_neuron)


def test_a_recipe_gives_the_same_bits(tmp_path):
    (tmp_path / "brunel.toml").write_text(FILE)
    (tmp_path / "recipe.toml").write_text('''
protocol = "network"
summary = "delta synapses"
source = "none"
[network]
dt = "0.3*ms"
[populations.exc]
neuron = "brunel.toml"
n = 40
parameters = {tau_ref = "1*ms"}
initial = {v = "20*mV*rand()"}
[projections.jumps]
pre = "exc"
post = "exc"
synapse = "delta"
into = "v"
p = 0.3
weight = "2*mV*rand()"
delay = "1.5*ms"
[projections.drive]
pre = "cue"
post = "exc"
into = "drive"
weights = "drive.npy"
[external_inputs]
cue = 1
[inputs]
cue = "24"
[run]
duration = "60*ms"
seed = 4
''')  # fmt: skip
    np.save(tmp_path / "drive.npy", np.ones((1, 40)))
    cells = Population(tmp_path / "brunel.toml", 40, parameters={"tau_ref": "1*ms"}, initial={"v": "20*mV*rand()"})
    rule = Connector("pairwise_bernoulli", "2*mV*rand()", p=0.3)
    projections = [
        Projection("exc", "exc", synapse="delta", weights=rule, delay="1.5*ms", name="jumps"),
        Projection("cue", "exc", into="drive", weights=np.ones((1, 40)), name="drive"),
    ]
    network = Network({"exc": cells}, projections, dt=DT, seed=4, external_inputs={"cue": 1})
    wanted = Simulation(network, target="numpy").run(x=CUE[:200])
    found = load_recipe(tmp_path / "recipe.toml").simulation("numpy").run(x=CUE[:200])
    assert len(wanted.spike_step) > 100
    assert np.array_equal(found.spike_neuron, wanted.spike_neuron)
    assert {name for name, values in wanted.state.items() if not np.array_equal(found.state[name], values)} == set()


def refused(folder: Path, *more: Population, readouts: Any = None, **options: Any) -> None:
    populations = {"cells": Population("lif", 3)} | {f"p{k}": each for k, each in enumerate(more)}
    given = {"pre": "cells", "post": "cells", "synapse": "delta", "weights": np.ones((3, 3))} | options
    Network(populations, [Projection(given.pop("pre"), given.pop("post"), **given)], readouts=readouts or {})


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"into": "v", "synapse": "ampa"}, UnknownNameError,
         "Network.projections[0].into: expected a known input of 'lif' (I_fb, I_in, I_rec).\nReceived: 'v'\n"
         'Fix: with synapse="delta" each spike adds its weight to v.'),
        ({"into": "I_rec"}, UnknownNameError,
         "Network.projections[0].into: expected a known variable of 'lif' that a spike can add to (last, v).\n"
         "Received: 'I_rec'\nFix: one of v, last."),
        ({"synapse": "delt"}, UnknownNameError, "Received: 'delt'\nFix: did you mean 'delta'?"),
        ({"weights": np.ones((3, 3)) * b2.nS}, UnitsError, "Network.projections[0].weights: expected "),
        ({"parameters": {"tau_decay": "1*ms"}}, InvalidValueError,
         "Projection.parameters: 'delta' has no parameters.\nReceived: {'tau_decay': '1*ms'}\n"
         "Fix: leave parameters out, or name a synapse file."),
        ({"learning": Learning(alpha_P=1), "error": "z"}, InvalidValueError,
         "Projection.learning: 'delta' has no trace to learn from.\nReceived: "),
        ({"at_spikes": True}, InvalidValueError, "Projection.at_spikes: 'delta' has no trace to read.\nReceived: True"),
    ],
)  # fmt: skip
def test_what_is_refused(options, error, text, tmp_path):
    with pytest.raises(error) as caught:
        refused(tmp_path, **options)
    assert text in str(caught.value)


def test_ends_without_spikes_or_variables(tmp_path):
    units = Population("echo_state", 3)
    with pytest.raises(InvalidValueError) as caught:
        refused(tmp_path, units, pre="p0")
    assert str(caught.value) == (
        "Network.projections[0].synapse: 'p0' has no spikes.\nReceived: 'delta'\nFix: leave synapse out."
    )
    with pytest.raises(UnknownNameError) as unknown:
        refused(tmp_path, Population("poisson", 3), post="p0")
    assert str(unknown.value) == (
        "Network.projections[0].into: expected a known variable of 'poisson' that a spike can add to ().\n"
        "Received: ''\nFix: it has none."
    )
    with pytest.raises(UnknownNameError, match="did you mean 'poisson'"):
        Population("poison", 3)
    with pytest.raises(UnknownNameError, match=r"Readout\.synapse: expected a known filter"):
        refused(tmp_path, readouts={"z": Readout("cells", np.zeros((3, 1)), synapse="delta")})
