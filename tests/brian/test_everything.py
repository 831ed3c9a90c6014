"""One network with everything in it: the same on every target, and equal to a plain numpy replay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import brian2 as b2
import numpy as np
import pytest
from brian import everything
from brian.everything import DT, STEPS, Everything, chosen, gather, masks, replay, sines, updates
from targets import TARGETS, activated, assert_close, runtime_targets, skip_unless_here

#: Other data, longer and shorter, another schedule and other weights: values, not code.
OTHER = {
    "goal.samples": 0.7 * sines(70, 2)[:, ::-1],
    "drive.samples": 3 * sines(300, 1) * b2.mV,
    "readout.w": 0.2 * np.cos(np.arange(80.0)),
    "shared.update_every": 3,
    "shared.stop_step": 200,
    "kernel.learning": 0,
    "undivided.probability": 0.9,
}


def change(net: Everything) -> None:
    """Put the other values in, as a script for a runtime target does."""
    net.goal.set_samples(OTHER["goal.samples"])
    net.drive.set_samples(OTHER["drive.samples"])
    net.readout.W = OTHER["readout.w"].reshape(2, 40)
    net.shared.update_every = 3
    net.shared.stop_step = 200
    net.kernel.learning = 0
    net.undivided.probability = 0.9


def run_other(net: Everything) -> tuple[dict[str, Any], bool]:
    """Run a built program on the other values; say whether it is still the same program."""

    program = Path(b2.get_device().project_dir) / "main"
    before = program.stat().st_mtime_ns
    arguments = {}
    for name, value in OTHER.items():
        owner, _, variable = name.partition(".")
        arguments[getattr(net.objects[owner], variable)] = value.ravel() if np.ndim(value) else value
    b2.device.run(run_args=arguments)
    return gather(net), program.stat().st_mtime_ns == before


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, np.ndarray]]:
    """What numpy makes of the network, on its own values and on the other ones."""
    with activated("numpy", tmp_path_factory.mktemp("numpy")) as target:
        _, first = everything.run(target)
        net = everything.build()
        change(net)
        target.run(net.network, STEPS * DT)
        return {"first": first, "other": gather(net)}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.slow if name == "cython" else ()) for name in TARGETS],
)
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a target makes of them; cython compiles its forty modules for more than a minute."""
    target_name = request.param
    skip_unless_here(target_name)
    with activated(target_name, tmp_path_factory.mktemp("everything") / "project") as target:
        net, first = everything.run(target)
        outcome = {"first": first, "start": net.start}
        if target.standalone:
            outcome["other"], outcome["same program"] = run_other(net)
        else:
            net = everything.build()
            change(net)
            target.run(net.network, STEPS * DT)
            outcome["other"] = gather(net)
        return outcome


@pytest.mark.parametrize("which", ["first", "other"])
def test_equal_on_every_target(outcome, reference, which):
    assert outcome[which].keys() == reference[which].keys()
    for name, wanted in reference[which].items():
        assert_close(outcome[which][name], wanted, what=name)


def test_other_values_change_the_run_but_not_the_program(outcome, reference):
    assert not np.allclose(reference["other"]["readout.W"], reference["first"]["readout.W"])
    assert outcome.get("same program", True)


def test_the_network_is_busy(outcome):
    assert len(outcome["first"]["spikes.t"]) > 50
    assert outcome["first"]["shared.n_updates"] == len(updates(STEPS, 2, 20, 350))
    assert outcome["first"]["undivided.n_updates"] == len(chosen(updates(STEPS), 3, 0.4))
    assert outcome["first"]["kernel.n_updates"] == len(updates(STEPS, 5, 100))
    assert outcome["other"]["shared.n_updates"] == len(updates(STEPS, 3, 20, 200))
    assert outcome["other"]["kernel.n_updates"] == 0


def test_several_maps_share_one_P(outcome):
    found, start = outcome["first"], outcome["start"]
    y, first = sines(100, 2), sines(37, 1)
    z, weights, P = replay(
        found["recorded.r"],
        [start["readout"], start["second"]],
        [np.ones((2, 40), bool), np.ones((3, 40), bool)],
        lambda k, z: [z[0] - y[k % 100], 0.5 * (z[1] - first[k % 37])],
        updates(STEPS, 2, 20, 350),
        alpha_P=0.5,
        forgetting=0.99,
    )
    assert_close(found["recorded.z"], z[0])
    assert_close(found["recorded.z_second"], z[1])
    assert_close(found["readout.W"], weights[0])
    assert_close(found["second.W"], weights[1])
    assert len(P) == 1
    assert_close(found["shared.P[0]"], P[0])


def test_masked_map_of_a_subgroup_learns_by_undivided_gain_now_and_then(outcome):
    found, start = outcome["first"], outcome["start"]
    y = found["recorded.y"]
    mask = masks()["partial"]
    z, weights, P = replay(
        found["recorded.r"][:, 10:30],
        [start["partial"]],
        [mask],
        lambda k, z: [z[0] - y[k, :5]],
        chosen(updates(STEPS), 3, 0.4),
        alpha_P=0.02,
        divided=False,
    )
    assert_close(found["recorded.z_partial"], z[0])
    assert_close(found["partial.W"], weights[0])
    assert np.all(found["partial.W"][~mask] == 0)
    assert len(P) == 3
    for b, matrix in enumerate(P):
        assert_close(found[f"undivided.P[{b}]"], matrix)


def test_recurrent_kernel_learns_by_the_error_of_its_readout(outcome):
    found, start = outcome["first"], outcome["start"]
    y = sines(37, 1)
    _, weights, P = replay(
        found["recorded.x"],
        [start["rate_readout"], start["recurrent"]],
        [np.ones((1, 12), bool), masks()["recurrent"]],
        lambda k, z: [z[0] - y[k % 37], np.repeat(z[0] - y[k % 37], 12)],
        updates(STEPS, 5, 100),
        alpha_P=0.3,
    )
    assert_close(found["rate_readout.W"], weights[0])
    assert_close(found["recurrent.W"], weights[1])
    assert len(P) == 11  # two rows share their partners, one has those of the readout
    for b, matrix in enumerate(P):
        assert_close(found[f"kernel.P[{b}]"], matrix)


def test_signals_and_maps_write_where_they_should(outcome):
    found, start = outcome["first"], outcome["start"]
    drive = 2e-3 * sines(60, 1)[-1]  # the last row stays
    assert_close(found["neurons.I_in"], start["input"] @ drive)
    assert_close(found["neurons.I_fb"], start["feedback"] @ found["recorded.z"][-1])
    assert_close(found["followers.z"], found["recorded.z"][-1][[0, 1, 0, 1, 0, 1]])
    assert_close(found["rates.h"], found["recurrent.W"] @ found["recorded.x"][-1])
    onward = found["recorded.x"][:, 3:9] @ start["onward"].T
    assert_close(found["recorded.y"], np.pad(onward, [(0, 0), (1, 1)]))
    assert_close(found["twin.z"], found["second.W"] @ found["recorded.r"][-2])  # the start of the last step
    assert found["count.z"] == len(found["spikes.t"])
    assert found["nothing.z"].tolist() == [0, 0]
    assert found["recorded.v"].shape == (58, 3)
    assert_close(found["recorded.v"][-1], found["neurons.v"][[8, 5, 24]])


@runtime_targets
def test_store_and_restore(name, tmp_path):
    skip_unless_here(name)
    with activated(name, tmp_path) as target:
        net = everything.build()
        target.run(net.network, 150 * DT)
        net.network.store()
        target.run(net.network, 100 * DT)
        first = gather(net)
        net.network.restore()
        assert net.network.t == 150 * DT
        target.run(net.network, 100 * DT)
        again = gather(net)
    for key, wanted in first.items():
        assert np.array_equal(again[key], wanted), key


@runtime_targets
def test_two_runs_are_one_long_run(name, tmp_path):
    skip_unless_here(name)
    with activated(name, tmp_path) as target:
        net = everything.build()
        target.run(net.network, 150 * DT, 7 * DT, 143 * DT)
        parts = gather(net)
        net = everything.build()
        target.run(net.network, 300 * DT)
        whole = gather(net)
    for key, wanted in whole.items():
        assert np.array_equal(parts[key], wanted), key


def changed_between_runs(name: str, folder: Any) -> dict[str, np.ndarray]:
    """Run, change whatever a user may change in between, run on."""
    with activated(name, folder) as target:
        net = everything.build()
        target.run(net.network, 100 * DT)
        change(net)
        net.shared.P = 0.3 * np.eye(40) + 0.01
        net.undivided.P = [0.01 * np.eye(len(matrix)) for matrix in net.undivided.P]
        net.kernel.learning = 1
        net.shared.learning = 0
        net.recurrent.W = 0.9 * net.recurrent.W
        net.neurons.r = 0.5
        target.run(net.network, 60 * DT)
        net.shared.learning = 1
        target.run(net.network, 60 * DT)
        return gather(net)


@pytest.mark.slow
def test_values_change_between_runs(tmp_path):
    skip_unless_here("cython")
    wanted = changed_between_runs("numpy", tmp_path)
    for key, found in changed_between_runs("cython", tmp_path).items():
        assert_close(found, wanted[key], what=key)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # Brian2 compares states with 1e50
def test_single_precision(tmp_path):
    with activated("numpy", tmp_path / "double") as target:
        _, double = everything.run(target, 120)
    with activated("numpy", tmp_path / "single", "float32") as target:
        net, single = everything.run(target, 120)
        for variable in ("w", "z"):
            assert net.readout.variables[variable].dtype == np.float32
        assert net.shared.variables["P_packed"].dtype == net.goal.variables["samples"].dtype == np.float32
    for key, wanted in double.items():
        assert_close(single[key], wanted, "float32", what=key)
