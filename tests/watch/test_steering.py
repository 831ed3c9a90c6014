"""Runs that are watched and steered: what is changed, what is refused, and scripts that repeat them bit for bit."""

from __future__ import annotations

import threading
from dataclasses import fields

import numpy as np
import pytest
from fitted_network import HELD, samples, small_network
from killed import assert_equal_bits, killed_at, pausing_after
from watched_network import Y as LONG
from watched_network import network, simulation

from tension_sim import ForceNetwork, Results, Simulation, Steering, Watch
from tension_sim.brian.observer import Observer
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError, UnknownNameError

Y = LONG[:300]


@pytest.fixture(autouse=True)
def a_frame_for_every_sample(monkeypatch):
    monkeypatch.setattr("tension_sim.brian.observer._EVERY", 0.0)
    monkeypatch.setattr("tension_sim.brian.observer._RARE", 0)


def steered(orders, target="numpy", y=Y, **options):
    """Run, and call ``orders[k]`` with the watch when frame k is shown; return results and script."""

    def on_frame(frame):
        if watch.frames - 1 in orders:
            orders[watch.frames - 1](watch)

    with Watch(page=False, on_frame=on_frame, **options) as watch:
        found = simulation(target).run(y)
    return found, watch.steering


ORDERS = {
    20: lambda watch: (watch.pause(), watch.change(tau_mem="12*ms", feedback_scale=1.5), watch.go_on()),
    60: lambda watch: watch.change(learning="off", v_reset="-64*mV"),
    90: lambda watch: watch.set_target("sine", frequency="3*Hz"),
    120: lambda watch: watch.change({"learning": True, "forgetting": 0.99}),
    180: lambda watch: watch.stop(),
}


def test_a_steered_run_is_repeated_by_its_script_bit_for_bit(tmp_path):
    found, script = steered(ORDERS)
    steps = [order.step for order in script.orders]
    assert len(steps) == 5 and sorted(set(steps)) == steps and steps[-1] == found.n_steps < len(Y)
    assert found.provenance["stopped"] == {"step": steps[-1], "time": steps[-1] * 1e-3, "why": "an order"}
    script.save(tmp_path / "steering.toml")
    repeated, again = steered({}, steering=tmp_path / "steering.toml")
    assert again == script == Steering(repeated.provenance["steering"])
    assert_equal_bits(repeated, found)


@pytest.mark.slow
def test_a_parameter_that_is_changed_is_that_of_a_network_declared_with_it():
    found, _ = steered({}, steering=Steering([{"step": 100, "change": {"tau_mem": "14*ms", "tau_decay": "25*ms"}}]))
    first = simulation().run(Y[:100])
    changed = simulation(parameters={"tau_mem": "14*ms", "tau_decay": "25*ms"})
    second = changed.run(Y[100:], state=first.state)
    assert np.array_equal(found.output, np.concatenate([first.output, second.output]))
    for name in second.state:
        assert np.array_equal(found.state[name], second.state[name]), name


def test_other_changes_are_what_a_run_so_declared_does():
    orders = [
        {"step": 80, "change": {"learning": "off", "feedback_scale": 0.5}},
        {"step": 160, "target": {"task": "sine", "frequency": "3*Hz"}},
    ]
    found, _ = steered({}, steering=Steering(orders))
    first = simulation().run(Y[:80])
    net = network()
    parts = {one.name: getattr(net, one.name) for one in fields(net)}
    half = ForceNetwork(**(parts | {"feedback_kernel": net.feedback_kernel * 0.5}))
    second = Simulation(half, target="numpy").run(Y[80:], state=first.state, learning=False)
    assert np.array_equal(found.output, np.concatenate([first.output, second.output]))
    t = np.arange(1, len(Y) + 1) * 1e-3
    assert np.array_equal(found.target[:160, 0], Y[:160])
    assert found.target[160:, 0] == pytest.approx(np.sin(2 * np.pi * 3 * t[160:]), abs=1e-9)


def test_a_run_without_orders_is_not_changed_by_being_watched():
    found, script = steered({})
    assert script == Steering()
    assert "steering" not in found.provenance and "stopped" not in found.provenance
    assert_equal_bits(found, simulation().run(Y))


def test_frames_show_the_output_as_recorded(monkeypatch):
    frames = []
    with Watch(page=False, on_frame=frames.append):
        run = simulation().run(Y[:100])
    shown = np.concatenate([frame["output"] for frame in frames])
    assert np.array_equal(shown, run.output)
    assert np.array_equal(np.concatenate([frame["target"] for frame in frames]), run.target)
    squares = np.square(run.output - run.target)[:, 0].reshape(-1, 20)  # 20 ms at least
    errors = [frames[k]["rmse"] for k in (19, 39, 59, 79, 99)]
    assert errors == pytest.approx(np.sqrt(squares.mean(axis=1)).tolist(), rel=1e-9)
    assert np.isnan(frames[18]["rmse"]) and frames[38]["rmse"] == errors[0]


@pytest.mark.slow
def test_a_network_without_outputs_shows_its_weights_and_its_own_spikes():
    frames = []
    run = Simulation(small_network(), target="numpy")
    with Watch(page=False, on_frame=frames.append):
        found = run.run(**samples(), every=HELD)
    assert frames[-1]["weight_norm"] == pytest.approx(np.linalg.norm(found.state["plastic.w"]), rel=1e-12)
    assert np.isnan(frames[-1]["rmse"]) and frames[-1]["output"].size == 0
    shown = sum(frame["rate"] for frame in frames if not np.isnan(frame["rate"]))
    assert shown == 0 or len(found.spike_step)  # Poisson units are no neurons


def test_a_paused_run_waits_until_it_may_go_on():
    begun, seen = threading.Event(), []

    def other():
        begun.wait(30)
        threading.Event().wait(0.3)
        seen.append(watch.frames)
        watch.go_on()

    def on_frame(frame):
        if watch.frames == 10:
            watch.pause()
        if watch.frames == 11:
            begun.set()

    thread = threading.Thread(target=other)
    thread.start()
    with Watch(page=False, on_frame=on_frame) as watch:
        found = simulation().run(Y[:60])
    thread.join()
    assert seen[0] < 15 and watch.frames > 50
    assert_equal_bits(found, simulation().run(Y[:60]))


@pytest.mark.slow
def test_a_branch_goes_on_from_where_it_was_taken(tmp_path):
    orders = {30: lambda watch: watch.branch(tmp_path / "branch.h5")}
    whole, _ = steered(orders)
    branch = Results.load(tmp_path / "branch.h5")
    at = branch.stop_step
    assert 0 < at < len(Y) and np.array_equal(branch.output, whole.output[:at])
    rest = simulation().run(Y[at:], state=branch.state)
    assert np.array_equal(np.concatenate([branch.output, rest.output]), whole.output)


@pytest.mark.slow
def test_a_steered_run_that_is_killed_goes_on_with_its_orders(tmp_path, monkeypatch):
    script = Steering([{"step": 60, "change": {"tau_mem": "14*ms"}}, {"step": 200, "change": {"learning": "off"}}])
    expected, _ = steered({}, steering=script)
    pausing_after(monkeypatch, 50)
    with Watch(page=False, steering=script), killed_at(monkeypatch, 4):
        simulation().run(Y, checkpoint=tmp_path)
    with Watch(page=False, steering=script) as watch:
        found = simulation().run(Y, checkpoint=tmp_path)
    assert watch.steering == script
    assert_equal_bits(found, expected)
    with Watch(page=False), pytest.raises(InvalidValueError, match="a checkpoint of steering = nothing"):
        simulation().run(Y, checkpoint=tmp_path)


REFUSED = [
    ({"tau_mem": 3}, UnitsError, "Watch.change.tau_mem: expected a quantity in second"),
    ({"tau_mem": "3*mV"}, UnitsError, "Watch.change.tau_mem: expected a quantity in second"),
    ({"tau_men": "3*ms"}, UnknownNameError, "did you mean 'tau_mem'?"),
    ({"n": 30}, UnknownNameError, "n cannot be changed while a run goes on: it decides the program"),
    ({"Q": 30}, UnknownNameError, "Q cannot be changed while a run goes on: change feedback_scale"),
    ({"alpha_P": 1}, UnknownNameError, "alpha_P cannot be changed while a run goes on: P(0) is made at the first"),
    ({"forgetting": 2}, InvalidValueError, "Learning.forgetting: expected"),
    ({"forgetting": "1*mV"}, InvalidValueError, "Watch.change.forgetting: expected a plain number"),
    ({"update_every": 0}, InvalidValueError, "Learning.update_every: expected a whole number"),
    ({"learning": "maybe"}, InvalidTypeError, "Watch.change.learning: expected True or False"),
    ({"tau_mem": [1]}, InvalidTypeError, "Watch.change.tau_mem: expected a number, a text, or true or false"),
    ({"tau_mem": "__import__('os')"}, InvalidValueError, "Watch.change.tau_mem: expected"),
    ({}, InvalidValueError, "Watch.change: expected a setting"),
    (3, InvalidTypeError, "Watch.change.settings: expected a mapping"),
]


def test_what_cannot_be_changed_is_refused_by_name_and_the_run_goes_on():
    told = []

    def ask(watch):
        for settings, error, words in REFUSED:
            with pytest.raises(error) as caught:
                watch.change(settings)
            assert words in str(caught.value)
        for task, settings, words in (
            ("sina", {}, "did you mean 'sine'?"),
            ("sine", {}, "frequency"),
            ("lorenz", {}, "outputs"),
        ):
            with pytest.raises((InvalidValueError, InvalidTypeError)) as caught:
                watch.set_target(task, **settings)
            told.append((words, str(caught.value)))

    found, script = steered({5: ask}, y=Y[:60])
    assert script == Steering()
    assert "did you mean 'sine'?" in told[0][1] and "frequency" in told[1][1]
    assert_equal_bits(found, simulation().run(Y[:60]))


def test_orders_without_a_run_are_refused():
    with Watch(page=False) as watch:
        for order in (watch.stop, lambda: watch.change(tau_mem="1*ms"), lambda: watch.branch("x.h5")):
            with pytest.raises(InvalidValueError, match="no run goes on"):
                order()
        with pytest.raises(InvalidValueError, match="it watches already"):
            watch.__enter__()
    assert watch.settings == {} and repr(watch) == "Watch('', waits for a run)"


@pytest.mark.parametrize(
    ("orders", "words"),
    [
        ([{"step": 1}], "expected change, target or stop"),
        ([{"step": -1, "stop": True}], "Steering.orders[0].step: expected a whole number"),
        ([{"stop": True}], "Steering.orders[0].step"),
        ([{"step": 1, "stop": 1}], "Steering.orders[0].stop: expected true or false"),
        ([{"step": 1, "chance": {}}], "did you mean 'change'?"),
        ([{"step": 1, "change": 3}], "expected a table such as"),
        ([{"step": 1, "target": {"frequency": 3}}], "Steering.orders[0].target.task"),
        ("stop", "expected a list of orders"),
        ([3], "expected a table such as {step = 100, stop = true}"),
    ],
)
def test_what_is_no_script_is_refused(orders, words):
    with pytest.raises((InvalidValueError, InvalidTypeError)) as caught:
        Steering(orders)
    assert words in str(caught.value)


def test_a_script_is_checked_before_anything_runs(monkeypatch):
    monkeypatch.setattr(Observer, "_step", None)
    for order, words in (
        ({"step": 300, "change": {"tau_mem": "1*ms"}}, "steering, step 300: expected a step of run 1, from 0 to 299"),
        ({"step": 0, "stop": True}, "expected a step of run 1, from 1 to 299"),
        ({"step": 5, "change": {"tau_men": "1*ms"}}, "steering, step 5.change"),
        ({"step": 5, "target": {"task": "sine"}}, "frequency"),
    ):
        with Watch(page=False, steering=Steering([order])), pytest.raises(InvalidValueError) as caught:
            simulation().run(Y)
        assert words in str(caught.value)


def test_a_script_file_that_is_none_is_refused(tmp_path):
    path = tmp_path / "script.toml"
    path.write_text("orders = 3\n")
    with pytest.raises(UnknownNameError, match="expected a known key"):
        Steering.load(path)
    with pytest.raises(InvalidTypeError, match="Watch.steering: expected a Steering or the path of a script"):
        Watch(steering=3)
    with pytest.raises(InvalidTypeError, match="Watch.on_frame: expected a function"):
        Watch(on_frame=3)


@pytest.mark.slow
def test_a_compiled_run_is_steered_and_repeated(tmp_path):
    long = np.tile(LONG, 100)
    script = Steering(
        [
            {"step": 1000, "change": {"tau_mem": "12*ms", "feedback_scale": 1.5}},
            {"step": 3000, "target": {"task": "sine", "frequency": "3*Hz"}},
            {"step": 5000, "change": {"learning": "off"}},
        ]
    )
    orders = {0: lambda watch: watch.change(v_reset="-64*mV"), 2: lambda watch: watch.stop()}
    found, obeyed = steered(orders, "cpp_standalone", long, steering=script)
    assert len(obeyed.orders) >= 2 and found.n_steps < len(long)
    repeated, again = steered({}, "cpp_standalone", long, steering=obeyed)
    assert again == obeyed
    assert_equal_bits(repeated, found)
    watched, _ = steered({}, "cpp_standalone", Y)
    assert_equal_bits(watched, simulation("cpp_standalone").run(Y))
