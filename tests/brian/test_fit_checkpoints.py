"""A fit that is killed goes on bit for bit: within an epoch, between trials, around validation."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, SpikeMonitor, Synapses, linked_var, ms, seed
from killed import killed_at, until_done
from targets import activated, skip_unless_here

from tension_sim import Checkpoint
from tension_sim.brian import RLS, LinearMap, Signal, Trainer
from tension_sim.brian.training.notes import Notes
from tension_sim.brian.training.runtime import RuntimeEngine
from tension_sim.errors import InvalidValueError

WAVE = np.sin(np.arange(60.0) / 5)
TRIALS = np.stack([WAVE, WAVE[::-1]])[:, :, None]


def trainer(tau=1 * ms, **options):
    """Noisy spiking units with delays; random numbers, queues and times go on."""
    seed(4)
    x, y = Signal([0.0], name="x"), Signal([0.0], name="y")
    names = {"tau": tau}
    equations = (
        "dr/dt = (drive + current - r)/tau + 0.3*xi*ms**-0.5 : 1\ndrive : 1 (linked)\ndcurrent/dt = -current/tau : 1"
    )
    units = NeuronGroup(8, equations, threshold="r > 0.4", reset="r = 0", method="euler", name="units", namespace=names)
    units.drive = linked_var(x, "value", index=np.zeros(8, dtype=int))
    units.r = "rand()"
    links = Synapses(units, units, "w : 1", on_pre="current_post += w", delay=1 * ms, name="links")
    links.connect(p=0.5)
    links.w = "0.05*rand()"
    readout = LinearMap(units, "r", weights=np.zeros((1, 8)), name="readout")
    spikes = SpikeMonitor(units, name="spikes")
    network = Network(x, y, units, links, readout, RLS(readout, target=y, alpha_P=1.0, name="rls"), spikes)
    return Trainer(network, inputs=x, target=y, output=readout, **options)


def fitted(checkpoint=None, **options):
    made = trainer(**options)
    history = made.fit(
        TRIALS, TRIALS, epochs=2, verbose=0, validation_data=(WAVE, WAVE), validation_freq=2, checkpoint=checkpoint
    )
    return made, history


def assert_same(one, other):
    (one, history), (other, wanted) = one, other
    assert history.epoch == wanted.epoch and history.history == wanted.history
    assert np.array_equal(one.results.output, other.results.output)
    assert [run.name for run in one.results.runs] == [run.name for run in other.results.runs]
    assert [run.epoch for run in one.results.runs] == [run.epoch for run in other.results.runs]
    for mine, theirs in zip(one.results.spikes["spikes"], other.results.spikes["spikes"], strict=True):
        assert np.array_equal(mine, theirs)
    for name in other.results.weights:
        assert np.array_equal(one.results.weights[name], other.results.weights[name])
    assert np.array_equal(one.predict(WAVE), other.predict(WAVE))


@pytest.fixture
def often(monkeypatch):
    """Pauses after some steps, and a checkpoint after each trial."""
    run = RuntimeEngine.run

    def some(self, values, steps, progress, pause_after=None):
        if pause_after is None or steps <= 25:
            return run(self, values, steps, progress)
        records, interrupted = run(self, values, 25, progress)
        return records, interrupted

    monkeypatch.setattr(RuntimeEngine, "run", some)
    monkeypatch.setattr(Notes, "write_if_due", Notes.write)


@pytest.mark.slow
@pytest.mark.parametrize("stateful", [True, False])
def test_a_fit_killed_again_and_again_has_the_same_bits(tmp_path, monkeypatch, often, stateful):
    with activated("numpy", tmp_path / "project"):
        found, kills = until_done(monkeypatch, lambda: fitted(tmp_path / "fit", stateful=stateful))
        assert kills > 3
        assert_same(found, fitted(stateful=stateful))
        made, history = fitted(tmp_path / "fit", stateful=stateful)  # it came to its end
        assert history.history == found[1].history
        assert np.array_equal(made.get_weights()[0], found[0].get_weights()[0])


def test_a_fit_of_other_data_or_of_another_network_is_refused_by_name(tmp_path, monkeypatch, often):
    with activated("numpy", tmp_path / "project"):
        fitted(tmp_path / "fit")
        with pytest.raises(
            InvalidValueError, match=r"Trainer.fit.checkpoint: expected a checkpoint of fit, samples of x"
        ):
            trainer().fit(TRIALS * 2, TRIALS, epochs=2, verbose=0, checkpoint=tmp_path / "fit")
        with pytest.raises(
            InvalidValueError, match=r"Trainer.fit.checkpoint: expected a checkpoint of epochs = 0 to 4"
        ):
            trainer().fit(TRIALS, TRIALS, epochs=4, verbose=0, checkpoint=tmp_path / "fit")
        given = {"epochs": 2, "verbose": 0, "validation_data": (WAVE, WAVE), "validation_freq": 2}
        with pytest.raises(InvalidValueError, match=r"Trainer.fit.checkpoint: expected a checkpoint of tau = 2\. ms"):
            trainer(tau=2 * ms).fit(TRIALS, TRIALS, **given, checkpoint=tmp_path / "fit")


def test_a_checkpoint_is_a_folder(tmp_path):
    with activated("numpy", tmp_path), pytest.raises(TypeError, match=r"Trainer.fit.checkpoint: expected a Checkpoint"):
        trainer().fit(WAVE, WAVE, verbose=0, checkpoint=3)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["cython", "cpp_standalone"])
def test_a_fit_on_another_target(tmp_path, monkeypatch, target):
    skip_unless_here(target)
    monkeypatch.setattr(Notes, "write_if_due", Notes.write)

    def run(folder):
        checkpoint = None if folder is None else Checkpoint(folder, every=1e-3)
        with activated(target, tmp_path / "project"):
            made, history = fitted(checkpoint)
            return made.results.output, made.results.spikes["spikes"], history.history, made.predict(WAVE)

    if target == "cpp_standalone":  # each life compiles
        with killed_at(monkeypatch, checkpoint=3):
            run(tmp_path / "fit")
        found = run(tmp_path / "fit")
    else:
        found, kills = until_done(monkeypatch, lambda: run(tmp_path / "fit"))
        assert kills > 2
    for mine, theirs in zip(found, run(None), strict=True):
        if isinstance(mine, dict):
            assert mine == theirs
        else:
            assert all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))
