"""Chirps against a Fourier transform of their sound; moving bars against their geometry; both from files of a user."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim import load_recipe
from tension_sim.errors import InvalidValueError, UnitsError
from tension_sim.recipes.run import forecast
from tension_sim.tasks import make_task

PIXELS = {"size": 12, "length": 0.8, "directions": 8}


def power_of_sound(ends: np.ndarray, seconds: float, at: float, frequencies: np.ndarray, window: float) -> np.ndarray:
    """The power of one chirp with an envelope, about a time, by a sum over its samples at 200 kHz."""
    t = np.arange(0, 0.8 * seconds, 5e-6)
    rate = (ends[1] - ends[0]) / (0.8 * seconds)
    sound = np.sin(np.pi * t / (0.8 * seconds)) * np.exp(2j * np.pi * (ends[0] * t + rate * t**2 / 2))
    seen = sound * np.exp(-((t - at) ** 2) / (4 * window**2))
    return np.abs(np.exp(-2j * np.pi * np.outer(frequencies, t)) @ seen) ** 2


def test_chirps_are_the_spectrogram_of_a_sound():
    dt, syllables, window = 1e-4, 3, 5e-4
    target = make_task("chirps", 3000, dt, bands=40, length=0.3, syllables=syllables, seed=4, window=window).target
    frequencies, ends = np.linspace(500, 8000, 40), np.random.default_rng(4).uniform(500, 8000, (syllables, 2))
    compared = 0
    for k in range(syllables):
        loudest = power_of_sound(ends[k], 0.1, 0.04, np.array([ends[k].mean()]), window)[0]  # the middle: 1
        for at in (0.02, 0.0401, 0.06):
            expected = power_of_sound(ends[k], 0.1, at, frequencies, window) / loudest
            # the sound gets louder within the window
            np.testing.assert_allclose(target[round((0.1 * k + at) / dt) - 1], expected, atol=5e-3)
            compared += int((expected > 0.1).sum())
        # silence between syllables
        assert not target[round((0.1 * k + 0.0801) / dt) : round((0.1 * k + 0.0999) / dt)].any()
    assert compared > 20


def test_a_song_repeats_and_another_seed_is_another():
    options = {"bands": 6, "length": 0.05, "syllables": 5}
    task = make_task("chirps", 1000, 1e-3, **options)
    assert task.period == 50 and task.target.shape == (50, 6)
    assert 0 <= task.target.min() and 0.5 < task.target.max() <= 1
    assert np.abs(task.target - make_task("chirps", 1000, 1e-3, seed=1, **options).target).max() > 0.1


def test_a_bar_moves_at_a_steady_speed_in_its_direction():
    task = make_task("moving_bars", 5000, 1e-3, width=0.1, **PIXELS)
    assert task.period == 800
    movie = task.target.reshape(8, 100, 12, 12)
    x = (np.arange(12) + 0.5) / 6 - 1  # to the right; the first row is the top, y = x[::-1]
    for k in range(8):
        angle = 2 * np.pi * k / 8
        along = np.cos(angle) * x[None, :] + np.sin(angle) * x[::-1][:, None]
        reach = abs(np.cos(angle)) + abs(np.sin(angle)) + 4 * 0.1
        for step in (1, 30, 50, 77):
            distance = along - reach * (2 * step / 100 - 1)
            np.testing.assert_allclose(movie[k, step - 1], np.exp(-(distance**2) / 0.02), atol=1e-12)
    assert movie[:, [0, -1]].max() < 2e-3  # it begins and ends outside


def test_bars_of_opposite_and_of_turned_directions_are_mirrored_and_turned():
    movie = make_task("moving_bars", 800, 1e-3, **PIXELS).target.reshape(8, 100, 12, 12)
    for k in range(4):
        np.testing.assert_allclose(movie[k + 4], movie[k, :, ::-1, ::-1], atol=1e-12)
    for k in range(6):  # a quarter turn counter-clockwise
        np.testing.assert_allclose(movie[k + 2], np.rot90(movie[k], axes=(1, 2)), atol=1e-12)


@pytest.mark.parametrize(
    ("task", "settings", "text"),
    [
        ("chirps", {"bands": 0}, r"Task\.bands: expected a whole number of bands, at least 1"),
        ("chirps", {"length": 0.0505}, r"Task\.length: expected a whole number of time steps"),
        ("chirps", {"syllables": 51}, r"Task\.syllables: expected no more syllables than time steps \(50\)"),
        ("chirps", {"syllables": 0}, r"Task\.syllables: expected a whole number of syllables"),
        ("chirps", {"low": "0*Hz"}, r"Task\.low: expected a finite number above 0"),
        ("chirps", {"high": "500*Hz"}, r"Task\.high: expected a frequency above low \(500 Hz\)\.\nReceived: '500 Hz'"),
        ("chirps", {"window": 0}, r"Task\.window: expected a finite number above 0"),
        ("chirps", {"seed": -1}, r"Task\.seed: expected"),
        ("moving_bars", {"size": 0}, r"Task\.size: expected a whole number of pixels, at least 1"),
        ("moving_bars", {"length": 0.0505}, r"Task\.length: expected a whole number of time steps"),
        ("moving_bars", {"directions": 51}, r"Task\.directions: expected no more directions than time steps"),
        ("moving_bars", {"directions": 0}, r"Task\.directions: expected a whole number of directions"),
        ("moving_bars", {"width": -1}, r"Task\.width: expected a finite number above 0"),
    ],
)
def test_settings_that_cannot_work(task, settings, text):
    known = {"bands": 5} if task == "chirps" else {"size": 5}
    with pytest.raises(InvalidValueError, match=text):
        make_task(task, 100, 1e-3, **{**known, "length": 0.05, **settings})


def test_a_frequency_in_seconds_is_refused():
    with pytest.raises(UnitsError, match=r"Task\.high: expected a quantity in hertz"):
        make_task("chirps", 10, 1e-3, bands=5, length=0.05, high="3*ms")


# -- the recipes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "outputs", "clock", "slots"), [("songbird", 100, 5.0, 500), ("movie", 900, 8.0, 32)])
def test_recipes_have_the_published_clock_as_their_input(name, outputs, clock, slots):
    recipe = load_recipe(name)
    period = round(clock / recipe.dt)
    assert recipe.task_shape == (period, outputs, slots)
    assert forecast(recipe).memory >= 8 * period * (outputs + slots)
    with_fewer = load_recipe(name, {"bands" if name == "songbird" else "size": "2"})
    assert forecast(recipe).seconds > forecast(with_fewer).seconds + 20  # readout and feedback take their time
    small = load_recipe(name, {"n": "20", "input_slots": "4", "size" if name == "movie" else "bands": "5"})
    weights = small.network().input_kernel
    scale = recipe.values["network"]["input_scale"]  # pA
    assert weights.shape == (4, 20) and scale > 0 and 0.7 * scale < np.abs(weights).max() <= scale


@pytest.mark.parametrize("name", ["songbird", "movie"])
def test_a_supervisor_of_a_user_is_played_as_the_notes_say(name, tmp_path):
    data = np.random.default_rng(0).random((200, 3))
    np.save(tmp_path / "supervisor.npy", data)
    given = {"task.name": "recorded", "task.file": str(tmp_path / "supervisor.npy")}
    given |= {"task.repeat": "true", "task.peak": "1", "input_slots": "4", "input_length": "8*ms"}
    small = {"n": "20", "duration": "20*ms", "learning.start": "2*ms", "learning.stop": "15*ms", "record.every": "1"}
    recipe = load_recipe(name, given | small)
    task = recipe.task()
    np.testing.assert_allclose(task.target, data / data.max())
    assert task.period == 200 and task.inputs.shape == (200, 4)
    results = recipe.simulation("numpy").run(task, phases=recipe.phases())
    np.testing.assert_allclose(results.target, task.target_at(np.arange(500)))
    assert np.any(results.state["readout.w"])
