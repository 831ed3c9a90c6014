"""What must not change a network: the order it is declared in, numbers of neurons, the unit of time, cuts of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from properties.test_networks import STEPS, close, networks, some

from tension_sim import ForceNetwork, Learning, Network, Plastic, Record, Results, Simulation, SparseKernel
from tension_sim.declare.traces import Traces


def renumbered(net: Network, order: dict[str, np.ndarray]) -> Network:
    """Return a network declared backwards, whose neuron k of a population is the one with the number order[k]."""

    def of(name: Any) -> Any:
        return order.get(name, slice(None))

    def moved(each: Any, pre: Any, post: Any) -> Any:
        return each if each is None or np.ndim(each) == 0 else np.asarray(each)[pre][:, post]

    def sources(each: Any, pre: Any) -> Any:
        return None if each is None else np.asarray(each)[pre]

    populations = {}
    for name, each in reversed(net.populations.items()):
        known = {state: values[order[name]] for state, values in net.initial_values[name].items()}
        initial = {state: known[state] for state in each.neuron.state_variables if state in known}
        populations[name] = replace(each, initial=initial)
    projections = [
        replace(
            each, name=name, signs=sources(each.signs, of(each.pre)), alpha_P=sources(each.alpha_P, of(each.pre)),
            **{key: moved(getattr(each, key), of(each.pre), of(each.post)) for key in ("weights", "delay", "factor")},
        )
        for name, each in zip(net.projection_names, net.projections, strict=True)
    ]  # fmt: skip
    readouts = {}
    for name, each in reversed(net.readouts.items()):
        sizes = [net.sizes[source] for source in each.sources]
        rows = np.concatenate(
            [first + order[s] for first, s in zip(np.cumsum([0, *sizes]), each.sources, strict=False)]
        )
        back = {to: np.asarray(kernel)[:, of(to)] for to, kernel in each.feedback.items()}
        readouts[name] = replace(each, weights=np.asarray(each.weights)[rows], feedback=back)
    return replace(net, populations=populations, projections=projections[::-1], readouts=readouts)


def matrices(net: Network, results: Results) -> dict[str, np.ndarray]:
    """Return weights by name: of projections from row to column."""
    kernels = dict(zip(net.projection_names, net.kernels, strict=True))
    found = {}
    for name, values in results.weights.items():
        at = kernels.get(name)
        found[name] = values if at is None else replace(at, weight=values).to_dense()
    return found


@settings(max_examples=4, **some)
@given(networks(), st.integers(0, 99))
def test_order_and_numbers_do_not_matter(drawn, seed):
    net, data = drawn
    rng = np.random.default_rng(seed)
    if any(each.neuron.name == "poisson" for each in net.populations.values()):
        return  # their spikes belong to their numbers
    order = {name: rng.permutation(n) for name, n in net.sizes.items()}
    other = renumbered(net, order)
    first = Simulation(net, target="numpy").run(**data)
    second = Simulation(other, target="numpy").run(**data | {"y": data["y"][:, ::-1]})
    close(second.output[:, ::-1], first.output, "output")
    for name in net.populations:
        times, neurons = first.spikes(population=name)
        new, numbers = second.spikes(population=name)
        assert sorted(zip(new, order[name][numbers], strict=True)) == sorted(zip(times, neurons, strict=True))
    wanted, found = matrices(net, first), matrices(other, second)
    for k, each in enumerate(net.projections):
        name = net.projection_names[k]
        if name in wanted:
            pre = order.get(each.pre, slice(None))
            close(found[name], wanted[name][pre][:, order[each.post]], name)


@st.composite
def short_forms(draw: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    """A function from a factor of all times to a network of LIF neurons, whose rates go as one over that factor."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, outputs, traced = int(rng.integers(2, 8)), int(rng.integers(1, 3)), draw(st.booleans())
    kernel = SparseKernel.from_dense(0.1 * rng.normal(size=(n, n)))
    plastic = 0.1 * rng.normal(size=(n, n)) if draw(st.booleans()) else None
    options = draw(st.sampled_from([{}, {"forgetting": 0.95}, {"relaxation": 0.01}]))
    options |= {"gain": draw(st.sampled_from(["divided", "undivided"])), "update_every": draw(st.integers(1, 3))}
    traces, feedback, x = rng.integers(0, n, 4), 8 * rng.normal(size=(outputs, n)), rng.normal(size=(STEPS, 1))
    readout = rng.normal(size=(4 if traced else n, outputs))
    v = rng.uniform(-0.065, -0.03, n)

    def network(factor: float) -> ForceNetwork:
        rule, scale = Learning(alpha_P=1e-4 * factor**2, start=3, **options), 0.02 * factor
        times = {"tau_mem": 0.01, "tau_ref": 0.0021, "tau_rise": 0.002, "tau_decay": 0.02}
        given = {
            "parameters": {"bias": "-37*mV"} | {key: f"{factor * time!r}*second" for key, time in times.items()},
            "initial": {"v": v, "last": np.full(n, -factor * 5e-4)},
            "learning": replace(rule, alpha_P=0.1) if traced else rule,
            "traces": Traces(traces, factor * np.array([0.01, 0.002, 0.05, 0.01])) if traced else None,
            "plastic": None if plastic is None else Plastic(factor * plastic, rule, error="0.5*z_now - 0.2*unit"),
        }
        static = replace(kernel, weight=factor * kernel.weight)
        output = readout * (0.1 if traced else scale)
        return ForceNetwork(
            "lif", "double_exponential", n, factor * 5e-4, static, feedback, output, np.full((1, n), 2.0), **given
        )

    return network, rng.normal(size=(STEPS, outputs)), x


@settings(max_examples=3, **some)
@given(short_forms(), st.sampled_from([0.25, 2.0, 8.0]))
def test_the_unit_of_time_does_not_matter(drawn, factor):
    """To the bit, for powers of two."""
    network, y, x = drawn
    first, second = (Simulation(network(each), target="numpy").run(y, x) for each in (1.0, factor))
    assert len(first.spike_step)
    assert np.array_equal(first.spike_step, second.spike_step) and np.array_equal(
        first.spike_neuron, second.spike_neuron
    )
    assert np.array_equal(first.output, second.output)
    assert second.t_stop == factor * first.t_stop
    if "recurrent_kernel" in first.weights:
        assert np.array_equal(factor * first.weights["recurrent_kernel"], second.weights["recurrent_kernel"])


@settings(max_examples=2, **some)
@given(short_forms(), st.lists(st.integers(1, STEPS - 1), min_size=1, max_size=2, unique=True))
def test_where_a_run_is_cut_does_not_matter(drawn, cuts):
    network, y, x = drawn
    simulation, state, parts = Simulation(network(1.0), target="numpy", record=Record(every=3)), {}, []
    whole = simulation.run(y, x)
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), STEPS], strict=True):
        parts.append(simulation.run(y[start:stop], x[start:stop], state=state))
        state = parts[-1].state
    assert np.array_equal(np.concatenate([part.output for part in parts]), whole.output)
    assert np.array_equal(np.concatenate([part.spike_step for part in parts]), whole.spike_step)
    assert all(np.array_equal(state[name], values) for name, values in whole.state.items())
