"""continue_run: parts equal one long run, bit for bit, on every target that can go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import brian2 as b2
import numpy as np
import pytest
from brian.example_fragments import MONITORED, fragments
from targets import Target, activated, skip_unless_here

from tension_sim import InvalidTypeError, InvalidValueError, RunFailedError, UnsupportedError
from tension_sim.brian import continuation, continue_run

MS = b2.ms


def everything(random: bool) -> b2.Network:
    """Return a network with what a state consists of, from Brian2's examples: delays, generators, monitors, clocks."""
    b2.seed(3)
    noise = "+ 0.1*mV*xi/sqrt(tau)" if random else ""
    lif = b2.NeuronGroup(
        40,
        f"""dv/dt = (ge + gi + I - (v + 49*mV))/tau {noise} : volt (unless refractory)
        dge/dt = -ge/(5*ms) : volt
        dgi/dt = -gi/(10*ms) : volt
        I : volt
        tau : second (constant)
        gap : volt""",
        threshold="v > -50*mV",
        reset="v = -60*mV",
        refractory=5 * MS,
        method="euler",
        events={"high": "v > -52*mV"},
        name="lif",
    )
    lif.v, lif.tau, lif.I = "-60*mV + 10*mV*i/N", 20 * MS, "1*mV*i/N"
    lif.run_regularly("I = 2*mV - I", dt=3 * MS)
    excite = b2.Synapses(lif, lif, "w : volt", on_pre="ge_post += w", on_post="w += 0.01*mV", name="excite")
    excite.connect("abs(i - j) < 5 and i != j")
    excite.w, excite.pre.delay, excite.post.delay = 1.6 * b2.mV, "(i % 5)*ms", 2 * MS
    depress = b2.Synapses(
        lif,
        lif,
        "dx/dt = (1 - x)/(200*ms) : 1 (event-driven)",
        on_pre="gi_post -= 3*mV*x; x *= 0.6",
        delay=1.5 * MS,
        name="depress",
    )
    depress.connect(j="(i + 7) % N_post")
    gap = b2.Synapses(lif, lif, "gap_post = 0.1*(v_pre - v_post)*(0.5/ms)*ms : volt (summed)", name="gaps")
    gap.connect(j="(i + 1) % N_post")
    clockwork = b2.SpikeGeneratorGroup(3, [0, 1, 2, 1], [1, 2, 3, 17] * MS, name="clockwork")
    kick = b2.Synapses(clockwork, lif, on_pre="ge_post += 4*mV", delay=11 * MS, name="kick")
    kick.connect("j < 20")
    slow = b2.NeuronGroup(1, "du/dt = -u/(3*ms) : 1", method="exact", dt=0.3 * MS, name="slow")
    slow.u = 1
    members = [lif, excite, depress, gap, clockwork, kick, slow]
    if random:
        poisson = b2.PoissonGroup(10, 80 * b2.Hz, name="poisson")
        drive = b2.Synapses(poisson, lif, on_pre="ge_post += 2*mV*rand()", name="drive")
        drive.connect(p=0.4)
        drive.delay = "4*ms*rand()"
        members += [poisson, drive, b2.PoissonInput(lif, "ge", 5, 20 * b2.Hz, 0.5 * b2.mV)]
    members += [
        b2.SpikeMonitor(lif, variables="ge", name="spikes"),
        b2.EventMonitor(lif, "high", name="events"),
        b2.StateMonitor(lif, ["v", "gap"], record=[0, 7], name="states"),
        b2.StateMonitor(slow, "u", record=True, name="slow_states"),
        b2.PopulationRateMonitor(lif, name="rate"),
        b2.StateMonitor(excite, "w", record=[3], dt=1 * MS, name="weights"),
    ]
    return b2.Network(members)


def observed(network: b2.Network) -> dict[str, np.ndarray]:
    """Return what a user reads of a network: variables, and all that monitors hold."""
    names = {
        "lif": ("v", "ge", "gi", "I", "lastspike"),
        "excite": ("w",),
        "slow": ("u", "t"),
        "spikes": ("t", "i", "ge", "count", "N"),
        "events": ("t", "i"),
        "states": ("t", "v", "gap"),
        "slow_states": ("t", "u"),
        "rate": ("t", "rate"),
        "weights": ("t", "w"),
    }
    for monitor in network.objects:
        if monitor.name.startswith("seen"):
            names[monitor.name] = tuple(name for name in MONITORED if name in monitor.variables)
    return {
        f"{owner}.{name}": np.array(network[owner].variables[name].get_value())
        for owner, variables in names.items()
        for name in variables
    }


def assert_same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_parts_on_a_runtime_target_equal_one_run(numpy_target: Target) -> None:
    whole = everything(random=False)
    whole.run(30 * MS)
    parts = everything(random=False)
    for part in (13, 0, 17):
        continue_run(part * MS, parts)
    assert len(parts["spikes"].t) > 20
    assert_same(observed(parts), observed(whole))


def test_without_a_network_it_takes_what_is_visible(numpy_target: Target) -> None:
    group = b2.NeuronGroup(1, "dv/dt = rate : 1", method="euler")
    rate = 2 * b2.Hz  # a name of this scope
    continue_run(100 * MS)
    continue_run(100 * MS)
    assert group.v[0] == pytest.approx(0.4) and rate == 2 * b2.Hz


@pytest.mark.slow
def test_parts_of_a_cpp_program_equal_one_run(tmp_path: Path) -> None:
    skip_unless_here("cpp_standalone")
    with activated("cpp_standalone", tmp_path / "project"):
        network = everything(random=True)
        network.add(fragments())
        continue_run(13 * MS, network)
        first = observed(network)
        assert float(network.t) == pytest.approx(0.013) and len(first["rate.t"]) == 130
        program = continuation._of_device[b2.get_device()].program
        binary = (program.folder / "main").stat().st_mtime_ns
        for part in (0, 7, 10):
            continue_run(part * MS, network)
        found = observed(network)
        assert (program.folder / "main").stat().st_mtime_ns == binary  # nothing was compiled again
        (tmp_path / "whole").mkdir()
        program.run(tmp_path / "whole", duration=0.030)
        assert_same(found, observed(network))
        assert len(found["spikes.t"]) > 20 and found["spikes.t"].max() > 0.02
        network["lif"].tau = 15 * MS
        continue_run(1 * MS, network)
        assert np.all(network["lif"].tau_[:] == float(15 * MS))
        with pytest.raises(UnsupportedError, match="continue_run: expected a network that stays as it was") as caught:
            network["lif"].I = "0*mV"
            continue_run(1 * MS, network)
        assert "Received: 'lif, set by a string'\nFix: set numbers or an array" in str(caught.value)


@pytest.mark.slow
def test_a_run_of_brian2s_own_goes_on_where_it_can_be_repeated(tmp_path: Path) -> None:
    skip_unless_here("cpp_standalone")
    with activated("cpp_standalone", tmp_path / "project") as target:
        group = b2.NeuronGroup(5, "dv/dt = xi/sqrt(10*ms) : 1", method="euler")
        seen = b2.StateMonitor(group, "v", record=True)
        network = b2.Network(group, seen)
        b2.seed(5)
        target.run(network, 2 * MS)
        before = seen.v[:].copy()
        device = b2.get_device()
        file = Path(device.results_dir) / device.get_array_filename(group.variables["v"])
        written = file.read_bytes()
        file.write_bytes(bytes(len(written)))  # as of a run that drew other numbers
        with pytest.raises(RunFailedError, match="draws other random numbers each time") as caught:
            continue_run(3 * MS, network)
        assert "v differs.\nFix: call seed(...) before it, or write continue_run(...)" in str(caught.value)
        file.write_bytes(written)
        continue_run(3 * MS, network)
        assert seen.v.shape == (5, 50)
        np.testing.assert_array_equal(seen.v[:, :20], before)
        with pytest.raises(UnsupportedError, match="continue_run.network: expected network.*, which was run before"):
            continue_run(1 * MS, b2.Network())


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ((3,), InvalidTypeError, "continue_run.duration: expected a time.\nReceived: 3\nFix: such as 100*ms."),
        ((-1 * MS,), InvalidValueError, "continue_run.duration: expected a finite time, at least 0 s."),
        (("10*ms",), InvalidTypeError, "continue_run.duration: expected a time.\nReceived: '10*ms'"),
        (([1, 2] * MS,), InvalidTypeError, "continue_run.duration: expected a time."),
        (
            (1 * MS, None, "loud"),
            InvalidTypeError,
            "continue_run.report: expected one of 'text', 'stdout', 'stderr', or a",
        ),
        ((1 * MS, None, None, 3), InvalidTypeError, "continue_run.namespace: expected names with their meanings.\nRec"),
        ((1 * MS, "net"), InvalidTypeError, "continue_run.network: expected a Network.\nReceived: 'net'"),
    ],
)
def test_mistakes(arguments: tuple[Any, ...], kind: type, text: str) -> None:
    with pytest.raises(kind) as caught:
        continue_run(*arguments[:2], **dict(zip(("report", "namespace"), arguments[2:], strict=False)))
    assert str(caught.value).startswith(text)


def test_another_standalone_device_is_refused() -> None:
    from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

    from tension_sim.brian.continuable import check_device

    class Other(CPPStandaloneDevice):
        pass

    with pytest.raises(UnsupportedError) as caught:
        check_device("Trainer", Other())
    assert str(caught.value).startswith("Trainer: expected a runtime target or cpp_standalone, whose queues")
    assert "Received: 'Other'" in str(caught.value)
