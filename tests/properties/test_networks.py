"""Networks drawn from the language of declarations, beside a plain loop that reads the declaration alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from declaration_loop import Loop
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from targets import skip_unless_here

from tension_sim import Learning, Network, Population, Projection, Readout, Record, Results, Simulation

DT, STEPS = 5e-4, 40
REFRACTORY = str(Path(__file__).parents[1] / "neurons" / "refractory.toml")
#: Neurons with parameters by which they spike, the current of a strong synapse, and their rate unit in seconds.
NEURONS: dict[str, tuple[dict[str, Any], float, float]] = {
    "lif": ({"bias": "-37*mV"}, 8.0, 1.0),
    "izhikevich": ({"bias": "1500*pA"}, 900.0, 1e-3),
    "lif_normalized": ({"tau_ref": "1*ms"}, 0.6, 1e-3),
    REFRACTORY: ({"bias": "30*mV"}, 10.0, 1.0),
    "poisson": ({}, 0.0, 1.0),
    "echo_state": ({}, 0.5, 1.0),
}
FILTERS = ("double_exponential", "single_exponential", "euler_exponential")
SYNAPSES = (*FILTERS, "ampa", "nmda", "tsodyks_markram", "delta")

some = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}
some |= {"phases": [Phase.generate]}  # a draw is small as it is


@st.composite
def rules(draw: Any, alpha: float) -> Learning:
    start = draw(st.integers(0, 10))
    return Learning(
        alpha * draw(st.sampled_from([0.1, 1.0])),
        gain=draw(st.sampled_from(["divided", "undivided"])),
        update_every=draw(st.integers(1, 4)),
        start=start,
        stop=draw(st.sampled_from([None, 25])),
        **draw(st.sampled_from([{}, {"forgetting": 0.95}, {"relaxation": 0.01}])),
    )


@st.composite
def projections(
    draw: Any, rng: np.random.Generator, sizes: dict[str, int], files: dict[str, str], outputs: list[str]
) -> Projection:
    pre = draw(st.sampled_from([*sizes]))
    post = draw(st.sampled_from([name for name in files if files[name] != "poisson"]))
    spikes, shape = pre in files and files[pre] != "echo_state", (sizes[pre], sizes[post])
    learns, given = draw(st.booleans()), {}
    scale = NEURONS[files[post]][1]
    if spikes:
        given["synapse"] = draw(st.sampled_from(SYNAPSES[:5] if learns else SYNAPSES))
        if given["synapse"] in FILTERS:
            units = [NEURONS[file][2] for file in files.values() if file not in ("poisson", "echo_state")]
            own = NEURONS[files[pre]][2]
            scale *= 0.02 / (units[0] if files[pre] == "poisson" and units else own)
        least = int(given["synapse"] == "tsodyks_markram")
        steps = draw(st.sampled_from([None, (), shape]))
        given |= {} if steps is None else {"delay": DT * rng.integers(least, 9, steps)}
    if learns:
        names = ["z - 0.3*unit", "z_now - 0.2*unit", "0.5*z", *(f"unit*({name} - y)" for name in outputs[:1])]
        given["error"] = draw(st.sampled_from(names))
        given["learning"] = draw(rules(1e-3 if spikes else 0.5))
        given |= {"when": "start"} if draw(st.integers(0, 3)) == 0 else {}
        given |= {"factor": rng.random(shape)} if draw(st.booleans()) else {}
        given |= {"alpha_P": given["learning"].alpha_P * (0.5 + rng.random(shape[0]))} if draw(st.booleans()) else {}
    signs = np.where(rng.random(shape[0]) < 0.5, 1.0, -1.0)
    weights = scale / np.sqrt(shape[0]) * rng.normal(size=shape)
    if learns and draw(st.booleans()):
        given["signs"], weights = signs, np.abs(weights) * signs[:, None]
    return Projection(pre, post, weights=weights * (rng.random(shape) < 0.7), **given)


@st.composite
def networks(draw: Any, delays: bool = True) -> tuple[Network, dict[str, Any]]:
    """A network, and the samples of a run."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    files = {name: draw(st.sampled_from([*NEURONS])) for name in "abc"[: draw(st.integers(1, 3))]}
    files["d"] = draw(st.sampled_from([file for file in NEURONS if file != "poisson"]))
    sizes = {name: int(rng.integers(1, 7)) for name in files}
    populations = {name: Population(file, sizes[name], parameters=NEURONS[file][0]) for name, file in files.items()}
    readouts = {}
    for name in ["out", "more"][: draw(st.integers(1, 2))]:
        sources = draw(st.lists(st.sampled_from([*files]), min_size=1, max_size=2, unique=True))
        alpha = 0.5 if {files[each] for each in sources} == {"echo_state"} else 1e-4
        weights = rng.normal(size=(sum(sizes[each] for each in sources), 1)) * (0.3 if alpha == 0.5 else 0.02)
        back = {"d": 0.3 * NEURONS[files["d"]][1] * rng.normal(size=(1, sizes["d"]))}
        rule = draw(rules(alpha)) if draw(st.booleans()) else None
        readouts[name] = Readout(
            sources, weights, feedback=back if draw(st.booleans()) else {}, learning=rule,
            synapse=draw(st.sampled_from(FILTERS)),
        )  # fmt: skip
    wide = sizes | {"cue": 2}
    joined = [
        draw(projections(rng, wide, files, ["out"] if len(readouts) == 1 else []))
        for _ in range(draw(st.integers(1, 4)))
    ]
    joined = joined if delays else [replace(each, delay=None) for each in joined]
    net = Network(populations, joined, readouts, dt=DT, seed=draw(st.integers(0, 99)), external_inputs={"cue": 2})
    data = {"y": 0.5 * rng.normal(size=(STEPS, len(readouts))), "x": rng.normal(size=(STEPS, 2))}
    poisson = sum(sizes[name] for name, file in files.items() if file == "poisson")
    return net, data | ({"rates": 900 * rng.random((STEPS, poisson))} if poisson else {})


def as_the_loop(net: Network, data: dict[str, Any], target: Any) -> None:
    """Run a network, and the loop; compare spikes, outputs, membranes and weights."""
    membranes = {name: each.neuron.membrane for name, each in net.populations.items() if each.neuron.membrane}
    record = Record(variables={f"{name}.{v}": range(net.sizes[name]) for name, v in membranes.items()})
    simulation = Simulation(net, target=target, record=record)
    found = simulation.run(**data)
    seeds = {name.partition(".")[0].removeprefix("neurons_"): seed for name, seed in simulation.wiring.noise(0).items()}
    loop, rates = Loop(net, seeds), data.get("rates", np.zeros((STEPS, 0)))
    output, spikes, seen = [], [], {name: [] for name in membranes}
    for step in range(STEPS):
        output.append(loop.step(step, data["x"][step], data["y"][step], rates[step]))
        fired = np.concatenate([each.fired for each in loop.cells.values()])
        spikes += [(step, neuron) for neuron in np.flatnonzero(fired)]
        for name, membrane in membranes.items():
            seen[name].append(loop.cells[name].states[membrane])
    told = sorted(zip(found.spike_step.tolist(), found.spike_neuron.tolist(), strict=True))
    assert told == spikes
    close(found.output, np.array(output), "output")
    for name, membrane in membranes.items():
        unit, scale = net.display_unit(f"{name}.{membrane}")
        close(found.recorded[f"{name}.{membrane}"].values, np.array(seen[name]) / scale, f"{name}, in {unit}")
    for name, kernel, each in zip(net.projection_names, net.kernels, loop.synapses, strict=True):
        if each.rule is not None:
            close(found.weights[name], each.W[kernel.post, kernel.pre] / each.unit, name)
    for name, each in loop.outputs.items():
        close(found.weights[name], each.W.T, name)


def close(found: np.ndarray, wanted: np.ndarray, what: str) -> None:
    scale = max(float(np.abs(wanted).max(initial=0)), 1e-12)
    assert found / scale == pytest.approx(wanted / scale, abs=1e-8), what


@settings(max_examples=5, **some)
@given(networks())
def test_numbers_are_those_of_a_plain_loop(drawn):
    as_the_loop(*drawn, "numpy")


@pytest.mark.slow
@settings(max_examples=40, **some)
@given(networks())
def test_numbers_are_those_of_a_plain_loop_whatever_is_drawn(drawn):
    as_the_loop(*drawn, "numpy")


@pytest.mark.slow
@settings(max_examples=3, **some)
@given(networks())
def test_numbers_of_compiled_programs(drawn):
    skip_unless_here("cpp_standalone")
    as_the_loop(*drawn, "cpp_standalone")


@pytest.mark.slow
@settings(max_examples=3, **some)
@given(networks(delays=False))
def test_numbers_of_tensorflow(drawn):
    skip_unless_here("tensorflow")
    as_the_loop(*drawn, "tensorflow")


@pytest.mark.slow
@settings(max_examples=2, **some)
@given(networks(), st.integers(1, STEPS - 1))
def test_a_run_in_parts_from_a_file_is_one_run(tmp_path_factory, drawn, cut):
    """To the bit, with what is recorded or without."""
    net, data = drawn
    simulation, path = Simulation(net, target="numpy"), tmp_path_factory.mktemp("run") / "run.npz"
    whole = simulation.run(**data)
    known = Record(variables={name: range(net.sizes[name.partition(".")[0]]) for name in net.state_variables})
    first = Simulation(net, target="numpy", record=known).run(**{name: each[:cut] for name, each in data.items()})
    first.save(path)
    loaded = Results.load(path)
    later = Simulation(loaded.network(), target="numpy").run(
        **{name: each[cut:] for name, each in data.items()}, state=loaded.state
    )
    assert all(np.array_equal(later.state[name], values) for name, values in whole.state.items())
    assert np.array_equal(np.concatenate([first.output, later.output]), whole.output)
