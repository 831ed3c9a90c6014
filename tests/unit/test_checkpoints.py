"""Checkpoints: what a kill leaves goes on bit for bit, and what belongs to another run is refused by name."""

from __future__ import annotations

import errno
import json
import os
import signal

import numpy as np
import pytest
from fitted_network import HELD, N, samples, small_network
from killed import Killed, assert_equal_bits, killed_at, pausing_after, until_done
from lif_network import Y, net

from tension_sim import Checkpoint, Condition, Record, Simulation, Trials
from tension_sim.errors import InvalidTypeError, InvalidValueError, OutputError, RunFailedError
from tension_sim.run.journal import Journal, Values, journal, looping
from tension_sim.run.reached import Piece
from tension_sim.system.checkpoint_folder import MANIFEST, CheckpointFolder
from tension_sim.tasks import Task

LONG = Y
TASK = {"name": "task", "n_steps": 60, "target": Y[:30, None], "inputs": np.zeros((30, 1)), "period": 30}
RECORD = Record(every=2, variables={"v": (0, 5)})


def simulation(**changes):
    return Simulation(net(n=40, **changes), target="numpy", record=RECORD)


@pytest.fixture
def often(monkeypatch):
    pausing_after(monkeypatch, 70)


@pytest.fixture
def whole():
    return simulation().run(LONG)


@pytest.fixture
def left(tmp_path, often, monkeypatch):
    """The folder of a run that was killed at its second checkpoint."""
    with killed_at(monkeypatch, 2):
        simulation().run(LONG, checkpoint=tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def test_a_run_killed_again_and_again_has_the_same_bits(tmp_path, often, monkeypatch, whole):
    found, kills = until_done(monkeypatch, lambda: simulation().run(LONG, checkpoint=tmp_path))
    assert kills > 1
    assert_equal_bits(found, whole)


def test_each_step_is_done_once_but_those_of_an_interval(left, whole):
    reached = json.loads(json.loads((left / MANIFEST).read_text())["manifest"])["under_way"]["steps"]
    seen = []
    found = simulation().run(LONG, checkpoint=left, progress=lambda done, steps: seen.append(done))
    assert 0 < reached <= min(seen)
    assert_equal_bits(found, whole)


def test_recordings_lie_in_the_folder_and_memory_does_not_hold_them(left):
    found = simulation().run(LONG, checkpoint=left)
    for values in (found.output, found.target, found.spike_step, found.recorded["v"].values):
        while values.base is not None and not isinstance(values, np.memmap):
            values = values.base
        assert isinstance(values, np.memmap) and values.filename.parent == left


def test_a_run_that_came_to_its_end_gives_its_results_at_once(left, whole, monkeypatch):
    simulation().run(LONG, checkpoint=left)
    monkeypatch.setattr("tension_sim.brian.runtime.run", None)  # nothing is run
    assert_equal_bits(simulation().run(LONG, checkpoint=left), whole)
    Checkpoint(left).remove()
    assert not left.exists()


def test_without_resume_a_run_begins_anew(left, whole):
    seen = []
    found = simulation().run(
        LONG, checkpoint=Checkpoint(left, resume=False), progress=lambda done, steps: seen.append(done)
    )
    assert min(seen) == 0
    assert_equal_bits(found, whole)


def test_a_short_run_writes_nothing(tmp_path):
    simulation().run(Y, checkpoint=Checkpoint(tmp_path / "none", every=1000))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_writes_the_last_checkpoint(tmp_path, number):
    checkpoint = Checkpoint(tmp_path, every=1000)

    def interrupt(done, steps):
        if done and not sent:
            sent.append(number)
            signal.raise_signal(number)

    long, sent = np.tile(LONG, 40), []  # longer than the time between two reports
    part = simulation().run(long, checkpoint=checkpoint, progress=interrupt)
    assert part.provenance["interrupted"] and 0 < part.n_steps < len(long)
    assert (tmp_path / MANIFEST).exists()
    seen = []
    found = simulation().run(long, checkpoint=checkpoint, progress=lambda done, steps: seen.append(done))
    assert min(seen) >= part.n_steps
    assert_equal_bits(found, simulation().run(long))


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (lambda: (simulation(), {"y": LONG + 1e-9}), "y = sha256 "),
        (lambda: (simulation(), {"y": LONG[:-1]}), f"steps = {len(LONG) - 1}"),
        (lambda: (simulation(), {"y": LONG, "learning": False}), "learning = False"),
        (lambda: (simulation(), {"y": LONG, "trial": 3}), "trial = 3"),
        (lambda: (simulation(seed=2), {"y": LONG}), "recurrent.out_start = sha256 "),
        (lambda: (simulation(parameters={"tau_mem": "11*ms"}), {"y": LONG}), "neurons.tau_mem = 0.011"),
        (lambda: (simulation(n_outputs=2), {"y": np.column_stack([LONG, LONG])}), "program = "),
        (
            lambda: (
                Simulation(net(n=40), target="numpy", record=Record(every=3, variables={"v": (0, 5)})),
                {"y": LONG},
            ),
            ".every = 3",
        ),
    ],
)
def test_what_is_of_another_run_is_refused_by_name(left, other, named):
    run, given = other()
    with pytest.raises(InvalidValueError) as caught:
        run.run(**given, checkpoint=left)
    text = str(caught.value)
    assert text.startswith("Simulation.run.checkpoint: expected a checkpoint of ")
    assert named in text and f", in {left}" in text
    assert "Fix: go on with the same settings, program and data, or begin anew in another folder." in text


def test_another_version_is_refused(left, monkeypatch):
    monkeypatch.setattr("tension_sim.run.simulation.versions", lambda target: {"numpy": "0.1"})
    with pytest.raises(InvalidValueError, match=r"expected a checkpoint of numpy = 0\.1\.\nReceived: 'one of numpy = "):
        simulation().run(LONG, checkpoint=left)


def test_two_runs_do_not_share_a_folder(left):
    held = CheckpointFolder("demo", left)
    with pytest.raises(OutputError, match="expected a checkpoint that no other run uses"):
        simulation().run(LONG, checkpoint=left)
    held.close()


@pytest.mark.parametrize("kind", ["arrays", "rows", "json"])
def test_a_damaged_checkpoint_is_refused(left, kind):
    path = max(left.glob(f"*.{kind}"), key=lambda one: one.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InvalidValueError, match="a whole checkpoint|a checkpoint of tension-sim"):
        simulation().run(LONG, checkpoint=left)


def test_a_manifest_names_only_files_of_the_checkpoint(left):
    (left.parent / "secret").write_bytes(b"1" * 64)
    folder = CheckpointFolder("demo", left)
    with pytest.raises(InvalidValueError, match="files of the checkpoint"):
        folder.arrays({"file": "../secret", "bytes": 64, "sum": "", "arrays": []})
    folder.close()


def test_what_a_kill_left_of_a_manifest_goes_with_the_checkpoint(tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / ".checkpoint.json.878c39fe.part").write_text("{")
    (folder / "notes.part").write_text("of the user")
    Checkpoint(folder).remove()
    assert [path.name for path in folder.iterdir()] == ["notes.part"]
    (folder / "notes.part").rename(folder / ".checkpoint.json.878c39fe.part")
    Checkpoint(folder).remove()
    assert not folder.exists()


@pytest.mark.parametrize("call", ["write", "append", "commit"])
def test_a_full_disk_leaves_the_checkpoint_before(left, whole, monkeypatch, call):
    """A write of each kind fails half-way; the run ends with an error, and goes on when there is room."""
    before, sync, calls = (left / MANIFEST).read_bytes(), os.fsync, []
    real = getattr(CheckpointFolder, call)

    def full(self, *arguments):
        calls.append(call)

        def no_space(descriptor):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", no_space)
        try:
            return real(self, *arguments)
        finally:
            monkeypatch.setattr(os, "fsync", sync)

    with monkeypatch.context() as patched:
        patched.setattr(CheckpointFolder, call, full)
        with pytest.raises(OutputError, match=r"No space left on device(.|\n)*Fix: free some space on the disk"):
            simulation().run(LONG, checkpoint=left)
    assert calls and (left / MANIFEST).read_bytes() == before
    assert_equal_bits(simulation().run(LONG, checkpoint=left), whole)


@pytest.mark.parametrize("value", [3, b"folder", ["a"]])
def test_a_checkpoint_is_a_folder(value):
    with pytest.raises(InvalidTypeError, match=r"Simulation.run.checkpoint: expected a Checkpoint or the path"):
        simulation().run(LONG, checkpoint=value)


@pytest.mark.parametrize("every", [0, -1, float("inf"), "often"])
def test_an_interval_is_seconds(every):
    with pytest.raises(
        (InvalidValueError, InvalidTypeError), match=r"Checkpoint.every: expected a finite number above 0"
    ):
        Checkpoint("folder", every=every)


# ---- trials and loops ----


def trials():
    data, network = samples(), small_network()
    conditions = [Condition("right", **data), Condition("left", **data | {"y": data["y"][::-1]})]
    record = Record(every=10, spikes_of=0)
    separate = network.plastic.pre >= N
    return Trials(Simulation(network, target="numpy", record=record), conditions, every=HELD, separate=separate)


def learned(checkpoint=None, loops=3):
    found, seen = trials(), []
    found.train(loops, after=lambda loop, name, _: seen.append((loop, name)), checkpoint=checkpoint)
    return found, seen


@pytest.mark.slow
def test_trials_go_on_from_the_trial_under_way(tmp_path, monkeypatch):
    pausing_after(monkeypatch, 250)
    monkeypatch.setattr(Journal, "_write_if_due", Journal.write)
    (found, seen), kills = until_done(monkeypatch, lambda: learned(tmp_path, 2))
    whole, every = learned(loops=2)
    assert kills > 2 and found.loops == whole.loops == 2
    assert len(seen) < len(every) and seen == every[-len(seen) :]
    for name, value in whole.state.items():
        assert np.array_equal(value, found.state[name]), name
    for condition in ("right", "left"):
        assert np.array_equal(found.weights(condition), whole.weights(condition))


def test_trials_of_other_data_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Journal, "_write_if_due", Journal.write)
    learned(tmp_path, 1)
    other = trials()
    other.conditions["left"] = Condition("left", **samples())
    with pytest.raises(
        InvalidValueError, match=r"Trials.train.checkpoint: expected a checkpoint of y of left = sha256"
    ):
        other.train(1, checkpoint=tmp_path)
    with pytest.raises(InvalidValueError, match=r"Trials.train.checkpoint: expected a checkpoint of loops = 2"):
        trials().train(2, checkpoint=tmp_path)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"inputs": np.ones((30, 1))}, "x of other = sha256"),
        ({"n_steps": 45}, "period of other = 30 of 45 steps"),
    ],
)
def test_trials_of_a_task_with_other_inputs_or_of_another_length_are_refused(tmp_path, monkeypatch, changed, named):
    monkeypatch.setattr(Journal, "_write_if_due", Journal.write)
    simulation = Simulation(net(n=20, n_inputs=1), target="numpy")

    def made(**other):
        tasks = {"one": Task(**TASK), "other": Task(**TASK | other)}
        return Trials(simulation, [Condition(name, y=task) for name, task in tasks.items()])

    made().train(1, checkpoint=tmp_path)
    with pytest.raises(InvalidValueError, match=f"Trials.train.checkpoint: expected a checkpoint of {named}"):
        made(**changed).train(1, checkpoint=tmp_path)


def counted(folder, calls, kill_at=None, turns=3):
    """Run a loop in a loop, each turn a run; return what was summed up."""
    total = Values(turn=0, sums=[])

    def piece(state, done, seconds):
        calls.append(len(calls))
        if len(calls) == kill_at:
            raise Killed
        return Piece(1, {"x": np.array([len(calls)])}, {})

    with journal("demo", Checkpoint(folder, every=1e-9), dict) as noted, looping("outer", total) as outer:
        while total["turn"] < turns:
            outer.point()
            inner = Values(sum=0, k=0)
            with looping("inner", inner) as loop:
                while inner["k"] < 2:
                    loop.point()
                    inner["sum"] += int(
                        noted.run({"k": str(inner["k"]), "turn": str(total["turn"])}, piece).state["x"][0]
                    )
                    inner["k"] += 1
            total["sums"] += [inner["sum"]]
            total["turn"] += 1
    return total["sums"]


@pytest.mark.parametrize("kill_at", range(1, 7))
def test_a_loop_in_a_loop_runs_nothing_twice(tmp_path, kill_at):
    calls = []
    with pytest.raises(Killed):
        counted(tmp_path, calls, kill_at)
    del calls[-1]
    assert counted(tmp_path, calls) == [1 + 2, 3 + 4, 5 + 6]
    assert len(calls) == 6


def test_a_journal_does_not_grow_with_the_turns(tmp_path):
    sizes = []
    for turns in (2, 6):
        counted(tmp_path / str(turns), [], turns=turns)
        sizes.append(len(json.loads(json.loads((tmp_path / str(turns) / MANIFEST).read_text())["manifest"])["done"]))
    assert sizes[0] == sizes[1] <= 4


def test_runs_in_another_order_are_refused(tmp_path):
    def piece(state, done, seconds):
        return Piece(1, {"x": np.zeros(1)}, {})

    with journal("demo", Checkpoint(tmp_path, every=1e-9), dict) as noted:
        noted.run({"a": "1"}, piece)
    with (
        pytest.raises(RunFailedError, match="demo: the runs are not those of the checkpoint in"),
        journal("demo", Checkpoint(tmp_path), dict),
        looping("none", Values()) as loop,
    ):
        loop.point()
    with (
        pytest.raises(InvalidValueError, match=r"demo: expected a checkpoint of a = 2.\nReceived: 'one of a = 1, in"),
        journal("demo", Checkpoint(tmp_path), dict) as noted,
    ):
        noted.run({"a": "2"}, piece)
