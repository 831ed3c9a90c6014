"""Supervisors against formulas, other integrators and stored targets of the published programs."""

from __future__ import annotations

import re
import subprocess
import sys

import brian2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from traces import load_trace

from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError, UnknownNameError
from tension_sim.tasks import Task, list_tasks, make_task, registry, task_settings, task_shape
from tension_sim.tasks.songs import MELODIES, song_matrix
from tension_sim.tasks.trials import Trial, TrialTask

#: A value for each unit of a setting that has no default; of settings that take many, a list.
BY_UNIT = {"hertz": "5*Hz", "second": "100*ms", "1": 0.5, "whole": 5, "text": next(iter(MELODIES))}


def example(name: str) -> dict:
    """Return settings with which a supervisor can be computed: a value for each that must be given."""
    needed = [setting for setting in task_settings(name).values() if setting.required]
    return {s.name: [BY_UNIT[s.unit]] * 2 if s.many else BY_UNIT[s.unit] for s in needed}


# -- every supervisor -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in list_tasks() if name != "recorded"])
def test_every_supervisor_gives_the_shape_it_announces(name):
    for n_steps in (1, 700):
        rows, n_outputs, n_inputs = task_shape(name, n_steps, 1e-3, example(name))
        task = make_task(name, n_steps, 1e-3, **example(name))
        assert task.target.shape == (rows, n_outputs) and n_inputs == task.n_inputs == 0
        assert task.target.dtype == np.float64 and np.all(np.isfinite(task.target))
        assert task.period is None or rows == task.period < n_steps


# where van der Pol's cycle starts depends on the length of the run, as published
@pytest.mark.parametrize("name", [name for name in list_tasks() if name not in ("recorded", "van_der_pol")])
def test_a_shorter_run_sees_the_same_target(name):
    long = make_task(name, 700, 1e-3, **example(name)).target_at(np.arange(300))
    short = make_task(name, 300, 1e-3, **example(name)).target_at(np.arange(300))
    # a solver takes its last step to another end
    np.testing.assert_allclose(short[:200], long[:200], atol=1e-3 if name == "lorenz" else 0)


@pytest.mark.parametrize(
    ("name", "settings", "shown"),
    [
        ("sine", {"frequency": "0*Hz"}, "frequency: {}0 Hz"),
        ("sine", {"frequency": "-5*Hz"}, "frequency: {}-5 Hz"),
        ("sine", {"frequency": "500*Hz"}, "frequency: {}500 Hz"),  # each sample would be 0
        ("sawtooth", {"frequency": "1001*Hz"}, "frequency: {}1001 Hz"),  # it would look like 1 Hz
        ("product", {"frequencies": ["5*Hz", "2*kHz"]}, "frequencies: {}2000 Hz"),
        ("harmonics", {"frequency": "100*Hz", "amplitudes": [1] * 5}, "frequency: {}500 Hz"),
    ],
)
def test_a_frequency_that_time_steps_do_not_show_is_refused(name, settings, shown):
    with pytest.raises(InvalidValueError) as caught:
        make_task(name, 100, 1e-3, **settings)
    what = "expected a frequency above 0 and below 500 Hz, half of the time steps in a second.\nReceived: '"
    wanted = f"Task.{shown.format(what)}'\nFix: choose another, or a smaller dt."
    assert str(caught.value) == wanted


# -- formulas -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("lif_sine", "sine"),
        ("lif_sine_single_exponential", "sine"),
        ("theta_sine", "sine"),
        ("izhikevich_sine", "sine"),
        ("izhikevich_ode_to_joy", "song"),
    ],
)
def test_equal_to_the_targets_of_the_published_programs(name, case):
    stored = load_trace("nicola_clopath", name)
    parameters = stored["doc"]["parameters"]
    unit = 1e-3 if name.startswith("izhikevich") else 1.0
    options = {"frequency": 5.0} if case == "sine" else {"melody": "ode_to_joy"}
    task = make_task(case, parameters["nt"], parameters["dt"] * unit, **options)
    expected = stored["win_zx"].reshape(len(stored["win_step"]), -1)
    np.testing.assert_allclose(task.target_at(stored["win_step"] - 1), expected, rtol=0, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 40), st.floats(0.1, 40), st.sampled_from([1e-5, 4e-5, 1e-3]))
def test_product_is_a_difference_of_cosines(f, g, dt):
    target = make_task("product", 200, dt, frequencies=[f, g]).target[:, 0]
    t = dt * np.arange(1, 201)
    expected = (np.cos(2 * np.pi * (f - g) * t) - np.cos(2 * np.pi * (f + g) * t)) / 2
    np.testing.assert_allclose(target, expected, atol=1e-11)


def test_product_of_three():
    t = 1e-3 * np.arange(1, 501)
    expected = np.sin(4 * np.pi * t) * np.sin(6 * np.pi * t) * np.sin(14 * np.pi * t)
    target = make_task("product", 500, 1e-3, frequencies="2*Hz, 3*Hz, 7*Hz").target[:, 0]
    np.testing.assert_allclose(target, expected, atol=1e-13)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.5, 40))
def test_sawtooth_is_a_triangle_of_height_half_pi(frequency):
    target = make_task("sawtooth", 300, 1e-3, frequency=frequency).target[:, 0]
    turn = frequency * 1e-3 * np.arange(1, 301) + 0.25
    expected = np.pi / 2 * (1 - 4 * np.abs(turn % 1 - 0.5))
    np.testing.assert_allclose(target, expected, atol=1e-6)


def test_text_with_a_unit_and_plain_si_numbers_agree():
    a = make_task("sine", 50, 1e-3, frequency="0.005*kHz")
    b = make_task("sine", 50, 1e-3, frequency=5)
    np.testing.assert_array_equal(a.target, b.target)


# -- dynamical systems ----------------------------------------------------------------------------


def accurate(slope, start, times):
    from scipy.integrate import solve_ivp

    return solve_ivp(slope, (0, times[-1]), start, t_eval=times, method="DOP853", rtol=1e-10, atol=1e-12).y


def cycle(signal: np.ndarray, dt: float) -> tuple[float, float]:
    """Period and amplitude of an oscillation, from its upward zero crossings."""
    before = np.flatnonzero((signal[:-1] < 0) & (signal[1:] >= 0))
    crossing = before - signal[before] / (signal[before + 1] - signal[before])
    return float(np.mean(np.diff(crossing)) * dt), float(np.abs(signal).max())


@pytest.mark.parametrize("mu", [0.5, 5.0])
def test_van_der_pol_runs_on_its_limit_cycle(mu):
    dt, n_steps = 5e-4, 8000
    target = make_task("van_der_pol", n_steps, dt, mu=mu).target

    def slope(_, y):
        return [20 * mu * (y[0] - 100 / 3 * y[0] ** 3 - y[1]), 20 * y[0] / mu]

    reference = accurate(slope, [0.1, 0.1], dt * np.arange(1, 2 * n_steps + 1))[:, n_steps:]
    for column in range(2):
        period, height = cycle(target[:, column], dt)
        expected_period, expected_height = cycle(reference[column], dt)
        assert period == pytest.approx(expected_period, rel=0.005)
        assert height == pytest.approx(expected_height, rel=0.01)


def test_lorenz_is_the_standard_system_scaled():
    dt, n_steps = 1e-3, 20_000
    target = make_task("lorenz", n_steps, dt).target * 70

    def slope(_, s):
        return [10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]]

    reference = accurate(slope, [7.0, 7.0, 7.0], dt * np.arange(1, n_steps + 1)).T
    # chaos parts the two later on; they stay on the same attractor
    np.testing.assert_allclose(target[:2000], reference[:2000], atol=0.5)
    np.testing.assert_allclose(target.std(axis=0), reference.std(axis=0), rtol=0.15)
    np.testing.assert_allclose(target[:, 2].mean(), reference[:, 2].mean(), rtol=0.1)


@pytest.mark.parametrize("name", ["mu", "amplitude_scale", "time_scale"])
def test_van_der_pol_refuses_values_of_zero(name):
    with pytest.raises(InvalidValueError, match=rf"Task\.{name}: expected a value above 0\.\nReceived: 0\.0"):
        make_task("van_der_pol", 10, 1e-3, **{"mu": 1, name: 0})


# -- songs ----------------------------------------------------------------------------------------


def published_rule(J: np.ndarray, HN: np.ndarray, q: int, chords: int) -> np.ndarray:
    """The rule of the published program step by step, steps i and notes counted as there."""
    n_notes, n_columns = J.shape
    song = np.zeros((n_notes * q, n_columns))
    for i in range(1, n_notes * q + 1):
        pulse = abs(np.sin(np.pi * i / q))
        song[i - 1] = pulse * J[i // q] if i < n_notes * q else pulse
    for m in np.flatnonzero(HN):
        column = list(J[m, :chords]).index(1)
        for place, i in enumerate(range(m * q, (m + 2) * q + 1), start=1):
            song[i - 1, column] = np.sin(np.pi * place / (2 * q + 1))
    return song


def test_ode_to_joy_is_coded_as_published():
    stored = load_trace("nicola_clopath", "izhikevich_ode_to_joy")
    J, HN = song_matrix("ode_to_joy")
    np.testing.assert_array_equal(J, stored["song_J"])
    np.testing.assert_array_equal(HN, stored["song_HN"])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["C", "D", "G3", "F#", "Bb", "E/2", "E. D/8", "C/8 G/8"]), min_size=1, max_size=12),
    st.integers(1, 12),
    st.booleans(),
)
def test_song_follows_the_published_rule(words, q, clock):
    melody = " ".join(["C", *words])
    J, HN = song_matrix(melody)
    n_notes, chords = J.shape
    if clock:
        J = np.hstack([J, np.eye(n_notes, dtype=int)])
    task = make_task("song", 3 * n_notes * q, 1e-3, melody=melody, note_rate=1000 / q, clock=clock)
    assert task.period == n_notes * q
    np.testing.assert_allclose(task.target, published_rule(J, HN, q, chords), atol=1e-12)


def test_the_long_ode_to_joy_has_a_clock_of_64_and_halves_in_the_pitches_only():
    J, HN = song_matrix("ode_to_joy_long")
    assert J.shape == (64, 5)
    assert np.all(J.sum(axis=1) == 1)
    assert np.flatnonzero(HN).tolist() == [14, 30, 46, 62]
    np.testing.assert_array_equal(J[:16], song_matrix("ode_to_joy")[0])
    np.testing.assert_array_equal(J[48:], J[16:32])
    q = 5
    target = make_task("song", 64 * q, 0.05, melody="ode_to_joy_long", clock=True).target
    np.testing.assert_allclose(target, published_rule(np.hstack([J, np.eye(64, dtype=int)]), HN, q, 5), atol=1e-12)
    # each clock output has one pulse, and the pulses take turns
    assert np.all(np.argmax(target[: 64 * q - 1, 5:], axis=0) // q == np.arange(64))


def test_a_slot_carries_the_first_note_that_begins_in_it():
    J, HN = song_matrix("C E/8 F/8 | E. D/8 D/2")
    # pitches C D E F
    assert J.argmax(axis=1).tolist() == [0, 2, 2, 1, 1, 1]
    assert np.flatnonzero(HN).tolist() == [4]


@pytest.mark.parametrize(
    ("melody", "text"),
    [
        ("C H D", r'expected notes such as "E", .*\nReceived: \'H\''),
        ("C/8", "expected notes that fill a whole number of quarters"),
        ("", "expected notes that fill a whole number of quarters"),
        ("C D/1", "notes no longer than a half note"),
        ("C/2 D", "no half note at the very start"),
    ],
)
def test_melodies_that_cannot_be_coded(melody, text):
    with pytest.raises(InvalidValueError, match=rf"Task\.melody: .*{text}"):
        make_task("song", 10, 0.25, melody=melody)


def test_unknown_melody_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'ode_to_joy'"):
        make_task("song", 10, 0.25, melody="ode_to_yoy")
    assert len(MELODIES) >= 2


def test_note_that_is_no_whole_number_of_steps():
    with pytest.raises(InvalidValueError, match=r"Task\.note_rate: expected a whole number of time steps of 0\.0003"):
        make_task("song", 10, 3e-4, melody="ode_to_joy")


# -- clock and inputs -----------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 20))
def test_hdts_is_a_pulse_in_each_slot(slots, per_slot):
    dt, period = 0.01, slots * per_slot
    target = make_task("hdts", period, dt, slots=slots, length=period * dt).target
    # slot by slot with strict bounds, as published; whole numbers, so that a border is one
    i = np.arange(1, period + 1)
    for k in range(slots):
        inside = (i * slots < (k + 1) * period) & (i * slots > k * period)
        expected = np.abs(np.sin(slots * np.pi * i / period)) * inside
        np.testing.assert_allclose(target[:, k], expected, atol=1e-12)


def test_input_of_the_same_period_is_stored_once_and_another_is_written_out():
    melody = {"melody": "C D", "note_rate": 10.0}
    same = make_task("song", 1000, 0.01, **melody, input_slots=4, input_length="200*ms")
    assert same.period == 20
    assert same.inputs.shape == (20, 4)
    other = make_task("song", 1000, 0.01, **melody, input_slots=3, input_length="300*ms")
    assert other.period is None
    assert other.inputs.shape == (1000, 3)
    np.testing.assert_array_equal(other.inputs[:30], other.inputs[30:60])
    np.testing.assert_array_equal(other.target, same.target_at(np.arange(1000)))


@pytest.mark.parametrize(
    ("given_settings", "text"),
    [
        ({"input_slots": 3}, "input_slots and input_length together"),
        ({"input_length": 0.1}, "input_slots and input_length together"),
        ({"input_slots": -1, "input_length": 0.1}, "a whole number of slots, at least 0"),
        (
            {"input_slots": 3, "input_length": 0.0155},
            r"Task\.input_length: expected a whole number of time steps",
        ),
        (
            {"input_slots": 300, "input_length": 0.1},
            r"Task\.input_slots: expected no more slots than time steps",
        ),
        ({"input_slots": "2.5", "input_length": 0.1}, r"Task\.input_slots: expected a whole number"),
    ],
)
def test_bad_inputs(given_settings, text):
    with pytest.raises(InvalidValueError, match=text):
        make_task("sine", 100, 0.001, frequency=5, **given_settings)


def test_target_at_repeats_and_refuses_steps_outside():
    task = Task("x", 10, np.arange(4.0)[:, None], period=4)
    assert task.target_at(np.arange(10))[:, 0].tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    with pytest.raises(InvalidValueError, match=r"steps from 0 to 9\.\nReceived: '3 to 10'"):
        task.target_at([3, 10])


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"name": 5}, InvalidTypeError, "Task.name: expected a text.\nReceived: 5"),
        ({"n_steps": 3.5}, InvalidValueError, "Task.n_steps: expected a whole number of time steps, at least 1."),
        ({"n_steps": 4}, InvalidValueError, "Task.target: expected 4 rows, or one.\nReceived: '6 rows'"),
        ({"period": 0}, InvalidValueError, "Task.period: expected a whole number of time steps, at least 1."),
        ({"period": 3}, InvalidValueError, "Task.target: expected 3 rows, or one.\nReceived: '6 rows'"),
        ({"inputs": np.zeros((5, 2))}, InvalidValueError, "Task.inputs: expected 6 rows, or one."),
        ({"rates": np.zeros((7, 2))}, InvalidValueError, "Task.rates: expected 6 rows, or one."),
        ({"target": np.full(6, np.nan)}, InvalidValueError, "Task.target: expected finite values"),
        ({"target": np.zeros((6, 1, 1))}, InvalidValueError, "Task.target: expected an array of shape (timesteps,"),
        ({"target": "sine"}, InvalidTypeError, "Task.target: expected an array of shape (timesteps, channels)."),
    ],
)
def test_a_task_of_ones_own_is_checked(given, error, text):
    with pytest.raises(error, match=re.escape(text)):
        Task(**{"name": "own", "n_steps": 6, "target": np.zeros((6, 1))} | given)


def test_samples_of_a_task_may_be_lists_and_one_row_holds_for_all_steps():
    task = Task("own", 4, [1, 2, 3, 4], inputs=[[5, 6]])
    assert task.target_at([0, 3]).tolist() == [[1], [4]]
    assert {name: rows.tolist() for name, rows in task.samples.items()} == {"y": [[1], [2], [3], [4]], "x": [[5, 6]]}
    assert Task("own", 4, [[7]]).target_at([0, 3]).tolist() == [[7], [7]]
    assert repr(task) == "Task(name='own', n_steps=4, n_outputs=1, n_inputs=2, period=None)"
    assert [*Task("own", 4, np.zeros((1, 0)), [[5]]).samples] == ["x"]
    assert Task("own", 2, [1, 2], rates=[[0.05], [0.1]] * brian2.kHz).rates.tolist() == [[50], [100]]


def test_a_run_of_25_million_steps_holds_one_period():
    task = make_task("song", 25_000_000, 4e-5, melody="ode_to_joy")
    assert task.target.shape == (100_000, 5)
    assert task.n_bytes == 4_000_000


# -- noise ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "mean", "std"), [("normal", 0, 0.05), ("uniform", 0.025, 0.05 / np.sqrt(12))])
def test_noise_has_the_published_distribution(kind, mean, std):
    options = {"frequency": 5, "noise": 0.05, "noise_kind": kind}
    task = make_task("sine", 20_000, 1e-3, np.random.default_rng(1), **options)
    noise = (task.target - make_task("sine", 20_000, 1e-3, frequency=5).target)[:, 0]
    assert noise.mean() == pytest.approx(mean, abs=4 * std / np.sqrt(20_000))
    assert noise.std() == pytest.approx(std, rel=0.02)
    # drawn anew at each step
    assert abs(np.corrcoef(noise[:-1], noise[1:])[0, 1]) < 0.03
    if kind == "uniform":
        assert noise.min() >= -1e-12
        assert noise.max() < 0.05 + 1e-12
    again = make_task("sine", 20_000, 1e-3, np.random.default_rng(1), **options)
    np.testing.assert_array_equal(task.target, again.target)


def test_noise_on_a_song_is_not_periodic():
    task = make_task("song", 100, 0.01, np.random.default_rng(0), melody="C D", note_rate=10, noise=0.1)
    assert task.period is None
    assert np.all(task.target[:20] != task.target[20:40])


def test_bad_noise():
    with pytest.raises(InvalidValueError, match="an amplitude, at least 0"):
        make_task("sine", 10, 1e-3, frequency=5, noise=-1)
    with pytest.raises(InvalidValueError, match="'normal', 'uniform'"):
        make_task("sine", 10, 1e-3, frequency=5, noise=1, noise_kind="pink")
    with pytest.raises(InvalidTypeError, match="a random number generator, for the noise"):
        make_task("sine", 10, 1e-3, frequency=5, noise=1)


# -- recorded data --------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["npy", "csv", "txt"])
def test_recorded_data_from_a_file(tmp_path, ending):
    data = np.random.default_rng(0).random((30, 2))
    path = tmp_path / f"data.{ending}"
    if ending == "npy":
        np.save(path, data)
    else:
        np.savetxt(path, data, delimiter="," if ending == "csv" else " ")
    np.testing.assert_allclose(make_task("recorded", 20, 1e-3, file=str(path)).target, data[:20])
    repeated = make_task("recorded", 100, 1e-3, file=str(path), repeat=True, peak=1)
    assert repeated.period == 30
    np.testing.assert_allclose(repeated.target, data / data.max())


def test_a_recorded_array_of_float64_stays_in_its_file(tmp_path):
    data = np.random.default_rng(0).standard_normal((50, 3))
    np.save(tmp_path / "data.npy", data)
    for options, kept in (({}, True), ({"repeat": True}, True), ({"noise": 0.1}, False), ({"peak": 2.0}, False)):
        target = make_task(
            "recorded", 40, 1e-3, np.random.default_rng(1), file=str(tmp_path / "data.npy"), **options
        ).target
        assert isinstance(target, np.memmap) is kept
    np.testing.assert_array_equal(
        make_task("recorded", 40, 1e-3, file=str(tmp_path / "data.npy")).target_at(np.arange(40)), data[:40]
    )
    np.save(tmp_path / "data.npy", data[:, 0].astype("f4"))
    assert make_task("recorded", 50, 1e-3, file=str(tmp_path / "data.npy")).target.shape == (50, 1)


def test_bad_recorded_data(tmp_path):
    np.save(tmp_path / "short.npy", np.zeros((5, 1)))
    with pytest.raises(InvalidValueError, match="at least 6 samples.\nReceived: '5 samples'"):
        make_task("recorded", 6, 1e-3, file=str(tmp_path / "short.npy"))
    with pytest.raises(InvalidValueError, match="data with a value above 0"):
        make_task("recorded", 5, 1e-3, file=str(tmp_path / "short.npy"), peak=1)
    np.save(tmp_path / "nan.npy", np.array([1, 2, np.nan]))
    with pytest.raises(InvalidValueError, match="finite samples.\nReceived: 'NaN or infinity in row 2"):
        make_task("recorded", 3, 1e-3, file=str(tmp_path / "nan.npy"))
    np.save(tmp_path / "deep.npy", np.zeros((2, 2, 2)))
    with pytest.raises(InvalidValueError, match=r"samples of shape \(steps, outputs\)"):
        make_task("recorded", 1, 1e-3, file=str(tmp_path / "deep.npy"))
    (tmp_path / "words.txt").write_text("one two\n")
    for name in ("words.txt", "absent.npy"):
        with pytest.raises(InvalidValueError, match=r"Task\.file: expected a \.npy file or a text file of numbers"):
            make_task("recorded", 1, 1e-3, file=str(tmp_path / name))


# -- errors ---------------------------------------------------------------------------------------


def test_unknown_supervisor_and_setting_name_the_nearest():
    with pytest.raises(
        UnknownNameError, match=r"Task\.name: expected a known supervisor(.|\n)*did you mean 'sawtooth'"
    ):
        make_task("sawtoth", 10, 1e-3)
    with pytest.raises(UnknownNameError, match="a known setting(.|\n)*did you mean 'frequency'"):
        make_task("sine", 10, 1e-3, frequenzy=5)
    with pytest.raises(UnknownNameError, match="did you mean 'lorenz'"):
        task_settings("lorentz")


def test_missing_setting():
    with pytest.raises(InvalidValueError, match=r"Task\.frequency: expected a value(.|\n)*add the setting 'frequency'"):
        make_task("sine", 10, 1e-3)


@pytest.mark.parametrize(
    ("name", "options", "error", "text"),
    [
        ("sine", {"frequency": "5*ms"}, UnitsError, r"Task\.frequency: expected a quantity in hertz"),
        ("sine", {"frequency": "5"}, UnitsError, r"Task\.frequency: expected a quantity in hertz"),
        ("sine", {"frequency": float("nan")}, InvalidValueError, "a finite value"),
        ("sine", {"frequency": True}, InvalidValueError, "a number, or an expression"),
        ("product", {"frequencies": ["5*Hz"]}, InvalidValueError, "two or more frequencies"),
        ("product", {"frequencies": 5}, InvalidTypeError, "a list of values"),
        ("product", {"frequencies": []}, InvalidTypeError, "a list of values"),
        ("song", {"melody": 5}, InvalidTypeError, r"Task\.melody: expected a text"),
        ("song", {"melody": "C D", "clock": "yes"}, InvalidTypeError, "true or false"),
        ("song", {"melody": "C D", "note_rate": 0}, InvalidValueError, "a rate above 0"),
        (
            "hdts",
            {"slots": 0, "length": 1},
            InvalidValueError,
            r"Task\.slots: expected a whole number of slots",
        ),
        ("hdts", {"slots": "2*ms", "length": 1}, UnitsError, "drop the unit"),
        ("hdts", {"slots": [2], "length": 1}, InvalidTypeError, "a whole number"),
    ],
)
def test_bad_settings(name, options, error, text):
    with pytest.raises(error, match=text):
        make_task(name, 10, 1e-3, **options)


@pytest.mark.parametrize("n_steps", [0, -5])
def test_a_run_needs_a_step(n_steps):
    with pytest.raises(InvalidValueError, match=r"Task\.n_steps: expected a whole number of steps, at least 1"):
        make_task("sine", n_steps, 1e-3, frequency=5)


def test_bad_lengths():
    with pytest.raises(InvalidValueError, match=r"Task\.n_steps: expected a whole number of steps, at least 1"):
        make_task("sine", 10.5, 1e-3, frequency=5)
    for dt in (0, -1e-3, float("nan"), float("inf")):
        with pytest.raises(InvalidValueError, match=r"Task\.dt: expected a finite number above 0"):
            make_task("sine", 10, dt, frequency=5)


def test_import_loads_no_engine_and_no_scipy():
    code = "import sys, tension_sim.tasks; print(sorted({'brian2', 'scipy', 'tensorflow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- functions of one's own -----------------------------------------------------------------------

OWN = {
    "missing": (lambda grid: None, InvalidTypeError, "supervisor missing: expected an array of shape (timesteps,"),
    "imaginary": (lambda grid: 1j * np.ones(grid.n_steps), InvalidTypeError, "supervisor imaginary: expected"),
    "hole": (lambda grid: np.full(grid.n_steps, np.nan), InvalidValueError, "supervisor hole: expected finite values"),
    "too_short": (
        lambda grid: np.zeros(grid.n_steps - 1),
        InvalidValueError,
        "supervisor too_short: expected 20 steps, and outputs: 1.\nReceived: (19, 1)\n"
        "Fix: say how many by @supervisor(outputs=...), or after how many steps it repeats by period=...",
    ),
    "two": (
        lambda grid: np.zeros((grid.n_steps, 2)),
        InvalidValueError,
        "20 steps, and outputs: 1.\nReceived: (20, 2)",
    ),
}


@pytest.mark.parametrize(("name", "function", "error", "text"), [(name, *of) for name, of in OWN.items()], ids=OWN)
def test_what_a_supervisor_of_ones_own_returns_is_checked(monkeypatch, name, function, error, text):
    own = registry.Supervisor(name, function, {}, 1, lambda grid: None)
    monkeypatch.setitem(registry._REGISTRY, name, own)
    with pytest.raises(error, match=re.escape(text)):
        make_task(name, 20, 0.001)


def test_a_supervisor_returns_all_steps_or_one_period(monkeypatch):
    for length in (20, 8):
        own = registry.Supervisor("own", lambda grid, n=length: list(range(n)), {}, 1, lambda grid: 8)
        monkeypatch.setitem(registry._REGISTRY, "own", own)
        assert make_task("own", 20, 0.001).target.ravel().tolist() == list(range(8))


@pytest.mark.parametrize(
    ("samples", "error", "text"),
    [
        ({"inputs": np.zeros((3, 1))}, InvalidValueError, "Trial.inputs: expected as many steps as the target (4)."),
        ({"hints": np.empty((5, 0))}, InvalidValueError, "Trial.hints: expected as many steps as the target (4)."),
        ({"target": [0, 1, 2, np.inf]}, InvalidValueError, "Trial.target: expected finite values"),
        ({"target": None}, InvalidTypeError, "Trial.target: expected an array of shape (timesteps, channels)."),
    ],
)
def test_samples_of_a_trial_are_checked(samples, error, text):
    with pytest.raises(error, match=re.escape(text)):
        Trial(**{"inputs": np.zeros((4, 1)), "target": np.zeros(4), "hints": np.empty((4, 0))} | samples)


def test_a_trial_task_returns_a_trial():
    with pytest.raises(InvalidTypeError, match=r"trial task none: expected a Trial\.\nReceived: None\nFix: return Tri"):
        TrialTask("none", lambda dt, rng: None, {}).draw(0.001, np.random.default_rng(0), {})
