"""Trainer: fit, predict and evaluate of Brian2 networks, on runtime and compiled targets."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import brian2 as b2
import numpy as np
import pytest
from targets import Target, activated, assert_close, skip_unless_here

from tension_sim import (
    DivergenceError,
    InvalidTypeError,
    InvalidValueError,
    OutOfMemoryError,
    OutputError,
    UnitsError,
    UnsupportedError,
)
from tension_sim.brian import RLS, LinearMap, Signal, Trainer, continue_run

MS = b2.ms
STEPS = 60
X = np.sin(np.arange(STEPS) / 7.0)
Y = np.cos(np.arange(STEPS) / 7.0)


def rates(*, noise: bool = False, **options: Any) -> Trainer:
    """Return the trainer of a small rate network, the same each time."""
    rng = np.random.default_rng(4)
    drive = "0.1*rand() + " if noise else ""
    x, y = Signal([0.0], name="x"), Signal([0.0], name="y")
    units = b2.NeuronGroup(
        20, f"dh/dt = ({drive}u*b - h)/(2*ms) : 1\nr = tanh(h) : 1\nb : 1\nu : 1 (linked)", method="euler", name="units"
    )
    units.b = rng.normal(size=20)
    units.u = b2.linked_var(x, "value", index=np.zeros(20, dtype=int))
    rate = b2.NeuronGroup(20, "r : 1", name="rate")
    copy = LinearMap(units, "h", weights=np.eye(20), target=rate, target_variable="r", when="before_end", name="copy")
    readout = LinearMap(rate, "r", weights=np.zeros((1, 20)), name="readout")
    rls = RLS(readout, target=y, alpha_P=1.0, update_every=2, name="rls")
    network = b2.Network(x, y, units, rate, copy, readout, rls, b2.StateMonitor(units, "h", record=[0], name="states"))
    return Trainer(network, inputs=x, target=y, output=readout, **options)


def test_fit_is_one_long_run_in_epochs(numpy_target: Target) -> None:
    trainer = rates()
    history = trainer.fit(X, Y, epochs=4, verbose=0)
    long = rates()
    network = long.network
    network["x"].set_samples(X)
    network["y"].set_samples(Y)
    for periodic in ("x", "y"):
        network[periodic].variables["periodic"].set_value(1)
    network.run(4 * STEPS * b2.defaultclock.dt, namespace={})
    output = long._recorder.recorded
    np.testing.assert_array_equal(trainer.results.output, output)
    np.testing.assert_array_equal(trainer.network["rls"].P, network["rls"].P)
    np.testing.assert_array_equal(trainer.results.weights["readout"][-1], network["readout"].w[:])
    np.testing.assert_array_equal(trainer.network["states"].h[:], network["states"].h[:])
    errors = (output.reshape(4, STEPS) - Y) ** 2
    np.testing.assert_allclose(history.history["loss"], errors.mean(axis=1), rtol=1e-14)
    assert history.epoch == [0, 1, 2, 3]
    assert trainer.results.weights["readout"].shape == (4, 20)
    np.testing.assert_allclose(trainer.results.t, np.arange(4 * STEPS) * 1e-4)


@pytest.mark.parametrize("noise", [False, True])
def test_validation_and_prediction_change_nothing(noise: bool, numpy_target: Target) -> None:
    plain, watched = rates(noise=noise), rates(noise=noise)
    b2.seed(1)
    plain.fit(X, Y, epochs=3, verbose=0)
    b2.seed(1)
    first = watched.fit(X, Y, epochs=2, verbose=0, validation_data=(X[:20], Y[:20]), validation_freq=2)
    assert list(first.history) == ["loss", "mae", "val_loss", "val_mae"] and len(first.history["val_loss"]) == 1
    output = watched.predict(X)
    assert output.shape == (STEPS, 1) and watched.results.output is not None
    measured = watched.evaluate(X, Y, return_dict=True)
    assert measured == {
        "loss": pytest.approx(((output[:, 0] - Y) ** 2).mean(), rel=1e-14),
        "mae": pytest.approx(np.abs(output[:, 0] - Y).mean(), rel=1e-14),
    }
    assert watched.evaluate(X, Y) == list(measured.values())
    watched.fit(X, Y, epochs=1, verbose=0)
    np.testing.assert_array_equal(watched.results.output, plain.results.output[-STEPS:])
    assert watched.network["states"].h.shape == (1, 3 * STEPS)
    assert watched.network["rls"].learning[:] == 1


def test_trials_are_runs_of_their_own(numpy_target: Target) -> None:
    stacked, flat = rates(), rates()
    shape = (3, STEPS // 3, 1)
    stacked.fit(X.reshape(shape), Y.reshape(shape), epochs=2, verbose=0)
    flat.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(stacked.results.output, flat.results.output)
    assert [run.name for run in stacked.results.runs][:2] == ["epoch 1, trial 1", "epoch 1, trial 2"]
    np.testing.assert_array_equal(stacked.predict(X.reshape(shape)).ravel(), flat.predict(X).ravel())
    assert stacked.predict(X.reshape(shape)).shape == shape


@pytest.mark.parametrize("noise", [False, True])
def test_what_is_saved_goes_on_elsewhere(noise: bool, numpy_target: Target, tmp_path: Path) -> None:
    first = rates(noise=noise)
    b2.seed(2)
    first.fit(X, Y, epochs=2, verbose=0)
    first.save(tmp_path / "trained.npz")
    first.fit(X, Y, epochs=2, verbose=0)
    b2.seed(99)
    second = rates(noise=noise)
    second.load(tmp_path / "trained.npz")
    assert second.history.epoch == [0, 1] and len(second.history.history["loss"]) == 2
    second.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(second.results.output, first.results.output)
    np.testing.assert_array_equal(second.network["rls"].P, first.network["rls"].P)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trained.npz"]


def test_callbacks_stop_between_epochs_and_are_called_in_order(numpy_target: Target, capsys: Any) -> None:
    class Hooked:
        def __init__(self) -> None:
            self.calls: list[Any] = []

        def set_model(self, model: Trainer) -> None:
            self.model = model

        def on_train_begin(self, logs: Any) -> None:
            self.calls.append("begin")

        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            self.calls.append((epoch, sorted(logs)))
            self.model.stop_training = epoch == 2

        def on_train_end(self, logs: Any) -> None:
            self.calls.append("end")

    hooked, plain = Hooked(), []
    trainer = rates(metrics={"worst": lambda y, z: np.abs(y - z).max()})
    history = trainer.fit(
        X, Y, epochs=9, verbose=2, initial_epoch=1, callbacks=[hooked, lambda e, logs: plain.append(e)]
    )
    assert history.epoch == [1, 2] and plain == [1, 2]
    assert hooked.calls == ["begin", (1, ["loss", "mae", "worst"]), (2, ["loss", "mae", "worst"]), "end"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Epoch 2/9 - loss: ") and len(lines) == 2
    trainer.fit(X, Y, epochs=1, verbose=1)
    assert "Epoch 1/1 [==============================]" in capsys.readouterr().out


def test_a_metric_returns_a_number():
    with pytest.raises(InvalidTypeError, match=r"Trainer\.metrics: error: expected a number\.\nReceived: array\("):
        rates(metrics={"error": lambda y, z: y - z}).fit(X, Y)


def test_keras_early_stopping_restores_the_best_weights(numpy_target: Target) -> None:
    pytest.importorskip("tensorflow")
    keras = pytest.importorskip("keras")
    trainer = rates()
    kept: list[Any] = []
    stopping = keras.callbacks.EarlyStopping("loss", min_delta=10.0, patience=2, restore_best_weights=True)
    history = trainer.fit(X, Y, 9, 0, callbacks=[lambda e, logs: kept.append(trainer.get_weights()), stopping])
    assert history.epoch == [0, 1, 2]
    np.testing.assert_array_equal(trainer.network["readout"].w[:], kept[stopping.best_epoch][0])


def test_an_interrupt_keeps_what_was_reached(numpy_target: Target) -> None:
    trainer = rates()
    at = 70

    @b2.network_operation(when="start")
    def stop() -> None:
        if int(b2.defaultclock.variables["timestep"].get_value().item()) == at:
            signal.raise_signal(signal.SIGINT)

    trainer.network.add(stop)
    history = trainer.fit(X, Y, epochs=5, verbose=0)
    assert trainer.interrupted and history.epoch == [0]
    assert [len(run.output) for run in trainer.results.runs] == [STEPS, at - STEPS + 1]
    whole = rates()
    whole.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(trainer.results.output, whole.results.output[: at + 1])


def test_divergence_raises_with_what_was_reached(numpy_target: Target) -> None:
    trainer = rates()
    trainer.fit(X, Y, epochs=1, verbose=0)
    trainer.network["readout"].w = np.nan
    with pytest.raises(DivergenceError, match="learning diverged at time step 60") as caught:
        trainer.fit(X, Y, epochs=1, verbose=0)
    assert caught.value.results is trainer.results
    assert trainer.network["rls"].learning[:] == 1


def test_results_go_to_neo(numpy_target: Target) -> None:
    neo = pytest.importorskip("neo")
    cells = b2.NeuronGroup(
        4, "dv/dt = (1.2 + 0.1*i - v)/(2*ms) : 1\ndr/dt = -r/(5*ms) : 1", threshold="v > 1", reset="v = 0; r += 1",
        method="euler", name="cells",
    )  # fmt: skip
    y = Signal([0.0])
    readout = LinearMap(cells, "r", weights=np.zeros((2, 4)))
    spikes = b2.SpikeMonitor(cells[:3], name="spikes")
    network = b2.Network(cells, y, readout, RLS(readout, target=y, alpha_P=1.0), spikes)
    trainer = Trainer(network, target=y, output=readout)
    trainer.fit(y=np.ones(100), epochs=3, verbose=0)
    block = trainer.results.to_neo()
    assert [segment.name for segment in block.segments] == ["epoch 1", "epoch 2", "epoch 3"]
    for number, segment in enumerate(block.segments):
        assert [len(train) for train in segment.spiketrains] == [
            int(
                np.sum(
                    (spikes.i == i)
                    & (spikes.t_[:] >= number * 0.01 - 1e-9)
                    & (spikes.t_[:] < number * 0.01 + 0.01 - 1e-9)
                )
            )
            for i in range(3)
        ]
        assert [signal.shape for signal in segment.analogsignals] == [(100, 2), (100, 1)]
        assert {float(train.t_start) for train in segment.spiketrains} == {0.01 * number}
    times, neurons = trainer.results.spikes["spikes"]
    np.testing.assert_array_equal(times, spikes.t_[:])
    np.testing.assert_array_equal(neurons, spikes.i[:])
    assert isinstance(block, neo.Block) and [group.name for group in block.groups] == ["cells_subgroup"]
    assert repr(trainer.results) == "<TrainerResults: 3 run(s), 300 steps of 0.0001 s>"
    for number, segment in enumerate(block.segments):
        (weights,) = segment.irregularlysampledsignals
        assert weights.name == f"weights of {readout.name}" and weights.shape == (1, 8)
        np.testing.assert_array_equal(weights.magnitude[0], trainer.results.weights[readout.name][number])
        assert float(weights.times[0]) == pytest.approx(0.01 * (number + 1), rel=1e-14)
        (phases,) = segment.epochs
        assert phases.labels.tolist() == ["learning"] == [segment.annotations["phase"]]
        assert segment.annotations["epoch"] == number
        assert float(phases.times[0] + phases.durations[0]) == pytest.approx(0.01 * (number + 1), rel=1e-14)
    trainer.predict(steps=20)
    (segment,) = trainer.results.to_neo().segments
    assert (
        segment.annotations["phase"] == "test"
        and segment.name == "prediction"
        and not segment.irregularlysampledsignals
    )
    trainer.fit(y=np.ones((2, 50, 1)), epochs=2, verbose=0)  # two trials an epoch
    block = trainer.results.to_neo()
    assert [len(one.irregularlysampledsignals) for one in block.segments] == [0, 1, 0, 1]
    last = block.segments[-1].irregularlysampledsignals[0].magnitude[0]
    np.testing.assert_array_equal(last, readout.w[:])


def test_samples_may_be_held_and_have_units(numpy_target: Target) -> None:
    y = Signal([0.0] * b2.mV, every=5)
    group = b2.NeuronGroup(3, "v : volt")
    group.v = [1, 2, 3] * b2.mV
    readout = LinearMap(group, "v", weights=np.zeros((1, 3)))
    trainer = Trainer(
        b2.Network(y, group, readout, RLS(readout, target=y, alpha_P=1e6)), target=y, output=(readout, "z")
    )
    trainer.fit(y=[4, 4, 4] * b2.mV, verbose=0)
    assert trainer.results.target.shape == (15, 1) and trainer.results.output[-1, 0] == pytest.approx(4e-3, rel=0.05)
    with pytest.raises(UnitsError, match=r"Trainer.fit.y: expected samples in volt.*") as caught:
        trainer.fit(y=[4.0], verbose=0)
    assert "Received: '1 (no unit)'" in str(caught.value)


# ---- the same on a compiled target ----

CUBA = """
import sys
import numpy as np
from brian2 import *
from tension_sim.brian import RLS, LinearMap, Signal, Trainer


def cuba(n=200):
    taum, taue, taui = 20*ms, 5*ms, 10*ms
    Vt, Vr, El = -50*mV, -60*mV, -49*mV
    rng = np.random.default_rng(1)
    equations = '''
    dv/dt = (ge + gi - (v - El))/taum : volt (unless refractory)
    dge/dt = -ge/taue : volt
    dgi/dt = -gi/taui : volt
    dr/dt = -r/(20*ms) : 1
    '''
    space = {'taum': taum, 'taue': taue, 'taui': taui, 'Vt': Vt, 'Vr': Vr, 'El': El}
    cells = NeuronGroup(n, equations, threshold='v > Vt', reset='v = Vr; r += 1', refractory=5*ms, method='exact',
                        namespace=space, name='cells')
    cells.v = (-60 + 10*rng.random(n))*mV
    pre, post = np.nonzero(rng.random((n, n)) < 0.1)
    excite = Synapses(cells, cells, on_pre='ge += 1.62*mV', delay=1.5*ms, name='excite')
    inhibit = Synapses(cells, cells, on_pre='gi -= 9*mV', name='inhibit')
    some = pre < 0.8*n
    excite.connect(i=pre[some], j=post[some])
    inhibit.connect(i=pre[~some], j=post[~some])
    target = Signal([0.0], name='target')
    readout = LinearMap(cells, 'r', weights=np.zeros((1, n)), name='readout')
    rls = RLS(readout, target=target, alpha_P=0.1, update_every=5, name='rls')
    network = Network(cells, excite, inhibit, SpikeMonitor(cells, name='spikes'),
                      StateMonitor(cells, 'v', record=[0], name='states'), target, readout, rls)
    return Trainer(network, target=target, output=readout)
"""
CONTINUED = """
set_device('cpp_standalone', directory=sys.argv[1], build_on_run=False)
trainer = cuba()
trainer.load(sys.argv[2])
trainer.fit(y=np.sin(np.arange(200)/20), epochs=2, verbose=0)
np.savez(sys.argv[3], output=trainer.results.output, P=trainer.network['rls'].P, N=len(trainer.network['spikes'].t))
"""


def learned(trainer: Trainer) -> dict[str, np.ndarray]:
    """Train CUBA with a readout over 5 epochs, and return all that came of it."""
    y = np.sin(np.arange(200) / 20)
    history = trainer.fit(y=y, epochs=5, verbose=0, validation_data=(None, y[:50]))
    results = trainer.results
    times, neurons = results.spikes["spikes"]
    return {
        "output": results.output,
        "W": results.weights["readout"],
        "P": np.array(trainer.network["rls"].P),
        "times": times,
        "neurons": neurons,
        "monitor": np.array(trainer.network["spikes"].t_[:]),
        "v": np.array(trainer.network["states"].v[:]),
        "count": np.array(trainer.network["spikes"].count[:]),
        "prediction": trainer.predict(steps=70),
        "after": np.array(trainer.network["spikes"].t_[:]),
        "evaluation": np.array(trainer.evaluate(y=y)),
        **{name: np.array(values) for name, values in history.history.items()},
    }


def changed(trainer: Trainer) -> dict[str, np.ndarray]:
    """Set states, weights, P and a parameter of the rule between two runs, and return what an epoch makes of it."""
    network = trainer.network
    network["cells"].v = -60 * b2.mV
    network["cells"].ge[:3] = [1, 2, 3] * b2.mV
    network["readout"].w = np.linspace(-1, 1, 200)
    network["readout"].w[4] = 0.25
    network["rls"].P = 0.02 * np.eye(200)
    network["rls"].update_every = 10
    trainer.fit(y=np.cos(np.arange(100) / 20), epochs=1, verbose=0)
    found = {"output": trainer.results.output, "W": network["readout"].w[:], "P": np.array(network["rls"].P)}
    network["rls"].learning = 0
    trainer.fit(y=np.cos(np.arange(100) / 20), epochs=1, verbose=0)
    assert np.array_equal(found["W"], network["readout"].w[:])
    network["rls"].learning = 1
    return {f"changed {name}": np.array(values) for name, values in found.items()}


@pytest.mark.slow
def test_cuba_learns_the_same_on_numpy_and_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_unless_here("cpp_standalone")
    from tension_sim.brian import continuable_program

    made: list[Path] = []
    make = continuable_program.compile_sources

    def compile_sources(folder: Path, language: str) -> None:
        made.append(folder)
        make(folder, language)

    monkeypatch.setattr(continuable_program, "compile_sources", compile_sources)
    space: dict[str, Any] = {}
    exec(compile(CUBA, "cuba.py", "exec"), space)
    with activated("numpy", tmp_path / "numpy"):
        trainer = space["cuba"]()
        wanted = learned(trainer) | changed(trainer)
    assert len(wanted["times"]) > 50
    with activated("cpp_standalone", tmp_path / "project"):
        trainer = space["cuba"]()
        found = learned(trainer) | changed(trainer)
        for name, values in wanted.items():
            assert_close(found[name], values, what=name)
        trainer.save(tmp_path / "trained.npz")
        trainer.fit(y=np.sin(np.arange(200) / 20), epochs=2, verbose=0)
        script = tmp_path / "continued.py"
        script.write_text(CUBA + CONTINUED)
        files = [str(tmp_path / name) for name in ("project", "trained.npz", "continued.npz")]
        subprocess.run([sys.executable, str(script), *files], check=True, cwd=tmp_path)
        with np.load(files[2]) as continued:
            np.testing.assert_array_equal(continued["output"], trainer.results.output)
            np.testing.assert_array_equal(continued["P"], trainer.network["rls"].P)
            assert continued["N"] == len(trainer.network["spikes"].t)
        trainer.set_weights([np.zeros(200)])
        assert not np.any(trainer.network["readout"].w[:]) and not np.any(trainer.predict(steps=3))
        with pytest.raises(UnsupportedError, match="continue_run: a Trainer runs this network"):
            continue_run(1 * MS, trainer.network)
        text = r"(?s)Trainer: expected a network that stays.*\nReceived: 'cells, set by a string'\nFix: set numbers"
        with pytest.raises(UnsupportedError, match=text):
            trainer.network["cells"].v = "-60*mV + i*mV"
            trainer.predict(steps=3)
        assert len(trainer.predict(steps=3)) == 3
    assert made == [tmp_path / "project"]


# ---- mistakes ----


def test_the_package_of_keras_is_not_needed() -> None:
    code = (
        "import sys, tension_sim.brian; sys.exit(any(name in sys.modules for name in ('keras', 'tensorflow', 'neo')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"network": 3}, InvalidTypeError, "Trainer.network: expected a Network.\nReceived: 3\nFix: put its objects"),
        ({"network": b2.Network()}, InvalidValueError, "Trainer.network: expected a Network with objects."),
        ({"output": "z"}, InvalidTypeError, "Trainer.output: expected a LinearMap, or (group, variable name)."),
        ({"output": "other"}, InvalidValueError, "Trainer.output: expected an object of the network."),
        (
            {"target": [1.0]},
            InvalidTypeError,
            "Trainer.target: expected a Signal, which plays samples.\nReceived: [1.0]",
        ),
        ({"target": "other"}, InvalidValueError, "Trainer.target: expected an object of the network."),
        ({"inputs": {"a": 3}}, InvalidTypeError, "Trainer.inputs['a']: expected a Signal, which plays samples."),
        ({"metrics": {"a": 3}}, InvalidTypeError, "Trainer.metrics['a']: expected a function metric(y, z) of arrays."),
        ({"metrics": [abs, abs]}, InvalidValueError, "Trainer.metrics: expected functions of different names.\nRece"),
        ({"metrics": {"mae": abs}}, InvalidValueError, "Trainer.metrics: expected names other than loss and mae."),
    ],
)
def test_mistakes_of_arguments(arguments: dict[str, Any], kind: type, text: str, numpy_target: Target) -> None:
    trainer = rates()
    network = trainer.network
    others = {"output": LinearMap(network["rate"], "r", weights=np.zeros((1, 20))), "target": Signal([1.0])}
    arguments = {name: others[name] if value == "other" else value for name, value in arguments.items()}
    given = {"network": network, "output": network["readout"], "target": network["y"], "inputs": network["x"]}
    with pytest.raises(kind) as caught:
        Trainer(**given | arguments)
    assert str(caught.value).startswith(text)
    b2.Network(*others.values())  # used, as Brian2 wants to see it


@pytest.mark.parametrize(
    ("verb", "arguments", "kind", "text"),
    [
        (
            "predict",
            {"steps": 10**14},
            OutOfMemoryError,
            "Trainer.predict.steps: expected what fits into the memory of",
        ),
        (
            "fit",
            {"x": X, "y": Y, "verbose": [1]},
            InvalidValueError,
            'Trainer.fit.verbose: expected "auto", 0,',
        ),
        (
            "evaluate",
            {"x": X, "y": Y, "return_dict": 1},
            InvalidTypeError,
            "Trainer.evaluate.return_dict: expected True",
        ),
        ("fit", {"x": X}, InvalidValueError, "Trainer.fit.y: expected a target.\nReceived: None\nFix: give y."),
        ("fit", {"x": X, "y": Y[:9]}, InvalidValueError, "Trainer.fit.x: expected 1 trial(s) of 9 time steps, as y."),
        (
            "fit",
            {"x": X, "y": np.zeros((60, 2))},
            InvalidValueError,
            "Trainer.fit.y: expected 1 channel(s) (last axis).",
        ),
        ("fit", {"x": X, "y": Y * np.nan}, InvalidValueError, "Trainer.fit.y: expected finite values.\nReceived: nan"),
        (
            "fit",
            {"x": X, "y": []},
            InvalidValueError,
            "Trainer.fit.y: expected an array of shape (timesteps, channels)",
        ),
        ("fit", {"x": X * b2.mV, "y": Y}, UnitsError, "Trainer.fit.x: expected samples in 1 (no unit)."),
        ("fit", {"x": X, "y": Y, "epochs": 0}, InvalidValueError, "Trainer.fit.epochs: expected a whole number"),
        ("fit", {"x": X, "y": Y, "verbose": 7}, InvalidValueError, 'Trainer.fit.verbose: expected "auto", 0,'),
        ("fit", {"x": X, "y": Y, "callbacks": 7}, InvalidTypeError, "Trainer.fit.callbacks: expected functions of"),
        (
            "fit",
            {"x": X, "y": Y, "validation_data": X},
            InvalidTypeError,
            "Trainer.fit.validation_data: expected a pair",
        ),
        ("fit", {"x": X, "y": Y, "steps": 99}, InvalidValueError, "Trainer.fit.steps: expected at most the 60 steps"),
        ("predict", {}, InvalidValueError, "Trainer.predict.steps: expected steps, where no samples are given."),
        ("evaluate", {"x": X}, InvalidValueError, "Trainer.evaluate.y: expected a target."),
        (
            "set_weights",
            {"weights": [1, 2]},
            InvalidValueError,
            "Trainer.set_weights.weights: expected a list of 1 array",
        ),
        ("set_weights", {"weights": [[1]]}, InvalidValueError, "Trainer.set_weights.weights: expected shape (20,) for"),
        ("save", {"path": 3}, InvalidTypeError, "Trainer.save: expected a path.\nReceived: 3"),
        ("load", {"path": "none.npz"}, InvalidValueError, "Trainer.load: expected a file that Trainer.save wrote."),
    ],
)
def test_mistakes_of_runs(verb: str, arguments: dict[str, Any], kind: type, text: str, numpy_target: Target) -> None:
    with pytest.raises(kind) as caught:
        getattr(rates(), verb)(**arguments)
    assert str(caught.value).startswith(text)


def test_files_of_others_are_refused(numpy_target: Target, tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    path.write_bytes(b"no archive")
    trainer = rates()
    with pytest.raises(InvalidValueError, match="Trainer.load: expected a file that Trainer.save wrote"):
        trainer.load(path)
    np.savez(path, meta=np.array(object(), dtype=object))
    with pytest.raises(InvalidValueError, match="it cannot be read"):
        trainer.load(path)
    trainer.fit(X, Y, verbose=0)
    trainer.save(path)
    group = b2.NeuronGroup(2, "r : 1", name="rate")
    other = Trainer(b2.Network(group), output=(group, "r"))
    with pytest.raises(InvalidValueError, match="Trainer.load: expected the state of this network, ") as caught:
        other.load(path)
    assert "Fix: load it into its own network." in str(caught.value)
    with pytest.raises(OutputError, match=r"(?s)Trainer\.save: .*No such file.*Fix: create the folder first\."):
        trainer.save(tmp_path / "none" / "state.npz")
    with pytest.raises(InvalidTypeError, match=r"Trainer\.save: expected a path\.\nReceived: 3"):
        trainer.save(3)
    group.clock.dt = 0.2 * MS
    coarse = Trainer(b2.Network(group), output=(group, "r"))
    with pytest.raises(InvalidValueError, match="expected a state of a time step of 0.0002"):
        coarse.load(path)


def stateless(folder: Any = None) -> Trainer:
    """Return a trainer of spikes with delays, refractoriness and event-driven synapses, whose trials begin anew."""
    cells = b2.NeuronGroup(
        6, "dv/dt = (1.3 + 0.1*i - v + g)/(2*ms) : 1 (unless refractory)\ng : 1\ndr/dt = -r/(5*ms) : 1",
        threshold="v > 1", reset="v = 0; r += 1", refractory=0.5 * MS, method="euler", name="cells",
    )  # fmt: skip
    pairs = b2.Synapses(
        cells, cells, "dx/dt = (1 - x)/(8*ms) : 1 (event-driven)", on_pre="g_post += 0.1*x; x *= 0.5",
        delay=1.3 * MS, name="pairs",
    )  # fmt: skip
    pairs.connect("i != j")
    pairs.x = 1
    y = Signal([0.0], name="y")
    readout = LinearMap(cells, "r", weights=np.zeros((1, 6)), name="readout")
    rls = RLS(readout, target=y, alpha_P=1.0, name="rls")
    spikes = b2.SpikeMonitor(cells, name="spikes")
    network = b2.Network(cells, pairs, y, readout, rls, spikes)
    return Trainer(network, target=y, output=readout, stateful=False)


def check_trials_begin_anew(trainer: Trainer) -> None:
    trainer.fit(y=np.ones((3, 100, 1)), epochs=2, verbose=0)
    runs = trainer.results.runs
    assert [run.first_step for run in runs] == [0, 100, 200, 300, 400, 500]  # the time goes on
    seen = [(np.rint(run.records["spikes"]["t"] / 1e-4) - run.first_step, run.records["spikes"]["i"]) for run in runs]
    assert len(seen[0][0]) > 20
    for steps, neurons in seen[1:]:  # learning changes no spike here, for nothing is fed back
        np.testing.assert_array_equal(steps, seen[0][0])
        np.testing.assert_array_equal(neurons, seen[0][1])
    assert trainer.network["rls"].n_updates[:] == 600  # while weights and P go on
    weights = trainer.results.weights["readout"]
    assert not np.array_equal(weights[0], weights[1])
    first, second = trainer.predict(steps=100), trainer.predict(steps=100)
    np.testing.assert_array_equal(first, second)


def test_trials_begin_anew(numpy_target: Target) -> None:
    check_trials_begin_anew(stateless())
    trainer = stateless()
    trainer.network["cells"].v = 0.5  # the state before the first run, not that of the construction
    trainer.reset_states()
    trainer.predict(steps=30)
    trainer.reset_states()
    np.testing.assert_array_equal(trainer.network["cells"].v[:], [0.5] * 6)
    with pytest.raises(InvalidValueError, match="Trainer.reset_states: the Trainer keeps no state from before"):
        rates().reset_states()
    with pytest.raises(InvalidTypeError, match=r"Trainer\.stateful: expected True or False"):
        rates(stateful="no")


@pytest.mark.slow
def test_trials_begin_anew_in_one_program(tmp_path: Path) -> None:
    skip_unless_here("cpp_standalone")
    with activated("cpp_standalone", tmp_path):
        check_trials_begin_anew(stateless())


def check_files(folder: Path) -> None:
    np.save(folder / "x.npy", X)
    np.save(folder / "y.npy", np.stack([Y, -Y])[:, :, None])
    np.save(folder / "one.npy", Y)
    trials = np.load(folder / "y.npy", mmap_mode="r")
    trainer = rates()
    trainer.fit(str(folder / "x.npy"), folder / "one.npy", verbose=0)
    trainer.fit(X, Y, verbose=0)  # arrays after files, and files after arrays
    trainer.fit(np.stack([X, X])[:, :, None], trials, epochs=2, verbose=0)
    np.savez(
        folder / "output.npz", output=trainer.results.output, target=trainer.results.target, P=trainer.network["rls"].P
    )


def test_samples_may_stay_in_files(numpy_target: Target, tmp_path: Path) -> None:
    check_files(tmp_path)
    trainer = rates()
    trainer.fit(X, Y, epochs=2, verbose=0)
    trainer.fit(np.stack([X, X])[:, :, None], np.stack([Y, -Y])[:, :, None], epochs=2, verbose=0)
    found = np.load(tmp_path / "output.npz")
    np.testing.assert_array_equal(found["output"], trainer.results.output)
    np.testing.assert_array_equal(found["target"], trainer.results.target)
    np.testing.assert_array_equal(found["P"], trainer.network["rls"].P)
    with pytest.raises(InvalidValueError, match=r"Trainer\.fit\.y: expected a \.npy file of .*\nReceived: 'none\.npy"):
        trainer.fit(X, "none.npy")
    with pytest.raises(InvalidValueError, match=r"Trainer\.fit\.y: expected 1 channel\(s\) \(last axis\)"):
        np.save(tmp_path / "wide.npy", np.zeros((STEPS, 2)))
        trainer.fit(X, tmp_path / "wide.npy")


@pytest.mark.slow
def test_a_program_reads_samples_from_files(tmp_path: Path) -> None:
    skip_unless_here("cpp_standalone")
    for name in ("cpp", "numpy"):
        (tmp_path / name).mkdir()
    with activated("cpp_standalone", tmp_path / "project"):
        check_files(tmp_path / "cpp")
    with activated("numpy", tmp_path):
        check_files(tmp_path / "numpy")
    found, wanted = (np.load(tmp_path / name / "output.npz") for name in ("cpp", "numpy"))
    for name in wanted:
        np.testing.assert_allclose(found[name], wanted[name], rtol=0, atol=1e-12)
