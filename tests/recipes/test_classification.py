"""Classification of points (Nicola & Clopath 2017): what is shown, what is learned, and how answers are counted."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from traces import published_parameters

from tension_sim.errors import InvalidValueError, UnknownNameError
from tension_sim.protocols import classification
from tension_sim.recipes.recipe import load_recipe
from tension_sim.recipes.run import run_outcome

NAME = "nicola_clopath_2017/classification"
SMALL = {
    "n": "20", "dt": "0.5*ms", "slot": "20*ms", "duration": "800*ms", "learning.start": "0*second",
    "learning.stop": "400*ms", "every": "2", "seed": "3",
}  # fmt: skip


def test_the_recipe_is_the_published_network():
    recipe = load_recipe(NAME)
    row = published_parameters()[recipe.script.partition(", ")[2]]
    network, learning, parameters = (recipe.values[key] for key in ("network", "learning", "parameters"))
    assert (network["n"], recipe.dt, recipe.duration) == (int(row["N"]), 4e-5, float(row["T"]))
    assert (network["G"], network["Q"], network["p"]) == (float(row["G"]), float(row["Q"]), 0.1)
    assert (learning["alpha_P"], learning["gain"]) == (float(row["P0"]), "undivided")
    assert f"{learning['start']:g}-{learning['stop']:g}/{learning['update_every']}" == row["RLS/step"]
    assert row["supervisor"].endswith(f"Ein = {network['input_scale']:g}·[cos ψ, sin ψ]")
    assert row["par"] == "Ib" and parameters["b"].value == 0 and parameters["v_t"].value == pytest.approx(-20e-3)
    assert (recipe.n_points, recipe.slot * recipe.dt) == (2000, 0.25)


def test_points_take_turns_with_silence():
    recipe = load_recipe(NAME, SMALL)
    assert (recipe.slot, recipe.n_points) == (40, 20)
    points, classes = recipe.draw(20)
    y, x = recipe.samples(20)
    assert y.shape == (1600, 1) and x.shape == (40, 2)
    np.testing.assert_array_equal(x[::2], 0)
    np.testing.assert_array_equal(x[1::2], points)
    slots = y.reshape(40, 40)
    assert not slots[::2].any()
    pulse = 0.5 * np.sin(np.pi * np.arange(1, 41) / 40)
    np.testing.assert_allclose(slots[1::2], classes[:, None] * pulse, atol=1e-15)
    np.testing.assert_array_equal(recipe.draw(30)[0][:20], points)


@pytest.mark.parametrize("boundary", ["line", "circle"])
def test_classes_are_parted_by_the_boundary(boundary):
    points, classes = load_recipe(NAME, SMALL | {"boundary": boundary, "margin": "0.1"}).draw(400)
    assert np.abs(points).max() <= 1 and 0.35 < (classes > 0).mean() < 0.65
    if boundary == "circle":
        inside = (points**2).sum(axis=1) < 2 / np.pi
        np.testing.assert_array_equal(classes < 0, inside)
        assert np.abs((points**2).sum(axis=1) - 2 / np.pi).min() > 0.1
    else:  # a line through the middle with a margin: some direction parts them
        angles = np.linspace(0, 2 * np.pi, 3600)
        scores = points @ np.array([np.cos(angles), np.sin(angles)])
        parted = np.all(np.sign(scores) == classes[:, None], axis=0)
        assert parted.any() and np.abs(scores[:, parted]).min(axis=0).max() > 0.09


def test_answers_are_counted_by_the_sign_of_their_mean():
    recipe = load_recipe(NAME, SMALL)
    y, _ = recipe.samples(recipe.n_points)
    output = y[::2].copy()
    wrong = [3, 12]
    for point in wrong:  # 20 rows a slot, for each second step is recorded
        output[(2 * point + 1) * 20 : (2 * point + 2) * 20] *= -1
    results = SimpleNamespace(first_row_step=0, record_every=2, output=output, stop_step=1600)
    right = classification._right(recipe, results)
    assert np.flatnonzero(~right).tolist() == wrong
    assert classification._points_in(recipe, 30, 800) == slice(1, 10)


def test_a_run_gives_its_numbers():
    recipe = load_recipe(NAME, SMALL)
    net = recipe.network()
    assert net.input_kernel.shape == (2, 20)
    np.testing.assert_allclose(np.hypot(*net.input_kernel), 500)
    outcome = run_outcome(recipe, target="numpy")
    results = outcome.results
    y, x = recipe.samples(20)
    np.testing.assert_array_equal(results.target, y[::2])
    expected = []
    for point in range(20):
        rows = results.output[(2 * point + 1) * 20 : (2 * point + 2) * 20, 0]
        expected.append(np.sign(rows.mean()) == recipe.classes[point])
    assert outcome.numbers["learning_accuracy"] == pytest.approx(np.mean(expected[:10]))
    assert outcome.numbers["accuracy"] == pytest.approx(np.mean(expected[10:]))
    error = results.output[400:] - y[::2][400:]
    assert outcome.numbers["test_rmse"] == pytest.approx(np.sqrt((error**2).mean()))
    (further,) = recipe.protocol.further(recipe, results, 100)
    assert further.steps == 100 and not further.x[:40].any()
    np.testing.assert_array_equal(further.x[40:80], np.tile(recipe.draw(21)[0][20], (40, 1)))


@pytest.mark.parametrize(
    ("settings", "kind", "text"),
    [
        ({"duration": "1.1*second"}, InvalidValueError, "run.duration: expected a multiple of the 0.5 s of a point"),
        ({"slot": "1e-6*second"}, InvalidValueError, "task.slot: expected at least one time step (4e-05 s)"),
        ({"every": "10000"}, InvalidValueError, "record.every: expected at most the 6250 steps of a slot"),
        ({"margin": "0.6"}, InvalidValueError, "task.margin: expected at most 0.5, so that points are left"),
        ({"boundary": "lin"}, InvalidValueError, "task.boundary: expected"),
        ({"task.name": "sine"}, UnknownNameError, "name"),
        ({"neuron": "izhikevic"}, UnknownNameError, "did you mean 'izhikevich'?"),
    ],
)
def test_mistakes(settings, kind, text):
    with pytest.raises(kind) as caught:
        load_recipe(NAME, settings)
    assert text in " ".join(str(caught.value).split())
