"""A protocol is one module in a folder: what it declares is what recipes may say and what is printed."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tension_sim import protocols
from tension_sim.cli.commands import app
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError, UnknownNameError
from tension_sim.protocols import list_protocols, load_protocol
from tension_sim.protocols._kernels import normal_kernel
from tension_sim.recipes.recipe import list_recipes, load_recipe
from tension_sim.results.joined import joined
from tension_sim.results.results import Phase, Recording, Results

MODULE = '''"""Draws noise."""

from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from tension_sim.protocols import Forecast, Number, Outcome, Protocol
from tension_sim.recipes.settings import REQUIRED, count, section
from tension_sim.results.results import Phase, Results


def check(recipe, where):
    if recipe.values["network"]["n"] == 13:
        raise ValueError(where("network", "n"))


def run(recipe, target=None, progress=None):
    network = recipe.values["network"]
    z = np.random.default_rng(recipe.seed).standard_normal((network["n"], 1)) * network["height"]
    steps = len(z)
    results = Results(
        recipe.name, recipe.dt, 0, steps, 1, [], [], 0, 1, z, None, (Phase("run", 0, steps),), timings={"run": 2.0}
    )
    progress(steps, steps)
    numbers = {"spread": z.std(), "largest_value": z.max()}
    return Outcome(results, numbers, lambda: Figure(figsize=(1, 1)))


PROTOCOL = Protocol(
    sections={
        "network": section(
            ("n", "1", REQUIRED, count("samples", 1)), ("dt", "second", 1e-3, None), ("height", "volt", 1.0, None)
        ),
        "run": section(("seed", "1", 0, count("the seed", 0))),
        "data": section(("file", "text", "", None), ("level", "1", REQUIRED, None)),
    },
    expected={"spread": Number("standard deviation", "volt")},
    forecast=lambda recipe, target: Forecast(8000 * recipe.values["network"]["n"] ** 2, 1.0, recipe.steps(7e-3)),
    run=run,
    optional=("data",),
    files={("data", "file"): ""},
    check=check,
)
'''
RECIPE = """
summary = "noise"
source = "https://doi.org/10.1000/1"
protocol = "noise"
[network]
n = 100
height = "2*volt"
[expected]
spread = ["1.5*volt", "2.5*volt"]
reference = "its formula"
"""


@pytest.fixture
def noise(tmp_path, monkeypatch):
    """A protocol in a folder that Python looks into as into the package's own, and a recipe of it."""
    folder = tmp_path / "protocols"
    folder.mkdir()
    (folder / "noise.py").write_text(MODULE)
    monkeypatch.setattr(protocols, "__path__", [*protocols.__path__, str(folder)])
    (tmp_path / "recipe").mkdir()
    yield write(tmp_path / "recipe", RECIPE)
    sys.modules.pop(f"{protocols.__name__}.noise", None)
    if hasattr(protocols, "noise"):
        del protocols.noise


def test_the_protocol_shown_on_the_page_works(tmp_path, monkeypatch, capsys):
    page = (Path(__file__).resolve().parents[2] / "docs" / "EXTENDING.md").read_text()
    (block,) = [text for text in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "PROTOCOL" in text]
    (tmp_path / "shown.py").write_text(block)
    monkeypatch.setattr(protocols, "__path__", [*protocols.__path__, str(tmp_path)])
    recipe = 'protocol = "shown"\n[network]\nn = 200\n[run]\nduration = "0.3*second"\n[expected]\nrate = [0.3, 0.6]\n'
    path = write(tmp_path, recipe)
    app(["run", str(path), "--target", "numpy", "--out", str(tmp_path / "out")], standalone_mode=False)
    shown = re.search(r"mean absolute rate +(\S+) +0.3 to 0.6", capsys.readouterr().out)
    assert 0.3 < float(shown[1]) < 0.6  # a chaotic network of gain 1.5
    sys.modules.pop(f"{protocols.__name__}.shown")


def write(folder, text):
    (folder / "mine.toml").write_text(text)
    return folder / "mine.toml"


def test_a_module_in_the_folder_is_a_protocol(noise):
    assert "noise" in list_protocols()
    assert load_protocol("noise").summary == "Draws noise."
    recipe = load_recipe(noise, {"height": "500*mV", "seed": "4"})
    assert recipe.protocol.name == "noise"
    assert recipe.values == {"network": {"n": 100, "dt": 1e-3, "height": 0.5}, "run": {"seed": 4}}
    assert recipe.expected == {"spread": (1.5, 2.5), "reference": "its formula"}


def test_every_protocol_has_a_summary_a_seed_and_numbers_that_say_what_they_are():
    for name in list_protocols():
        protocol = load_protocol(name)
        assert protocol.summary.endswith((".", "…"))
        assert "seed" in protocol.sections["run"]
        assert all(number.label for number in protocol.expected.values())
    assert {load_recipe(name).protocol.name for name in list_recipes()} <= set(list_protocols())


def test_the_command_runs_it_and_prints_its_numbers_beside_those_expected(noise, tmp_path, capsys):
    app(["run", str(noise), "--seed", "7", "--out", str(tmp_path / "out")], standalone_mode=False)
    shown = " ".join(capsys.readouterr().out.split())
    spread = 2 * np.random.default_rng(7).standard_normal(100).std()
    assert f"standard deviation {spread:.3g} volt 1.5 to 2.5 volt" in shown
    assert "largest value" in shown and "time to run 2 s" in shown
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == ["figure.png", "report.html", "results.h5", "summary.json"]
    stored = Results.load(tmp_path / "out" / "results.h5").provenance
    assert (stored["recipe"], stored["protocol"], stored["publication"]) == (
        str(noise),
        "noise",
        "https://doi.org/10.1000/1",
    )


def test_the_command_shows_and_forecasts_it(noise, tmp_path, capsys, monkeypatch):
    app(["show", str(noise)], standalone_mode=False)
    shown = capsys.readouterr().out
    for part in ("noise: Draws noise.", "network.height", "2*volt", "expected.spread", "1.5 to 2.5"):
        assert part in shown
    monkeypatch.chdir(tmp_path)
    app(["run", str(noise), "--dry-run", "--force"], standalone_mode=False)
    assert "dry run: 7 steps of" in capsys.readouterr().out
    assert not (tmp_path / "results").exists()


def test_more_memory_than_the_machine_has_is_refused_unless_forced(noise, tmp_path, capsys):
    from tension_sim.errors import RunFailedError

    arguments = ["run", str(noise), "--set", "n=20000", "--dry-run", "--out", str(tmp_path / "out")]
    with pytest.raises(
        RunFailedError, match=r"The run needs about \d+\.\d GB of memory, this machine has(.|\n)*--force"
    ):
        app(arguments, standalone_mode=False)
    app([*arguments, "--force"], standalone_mode=False)
    assert "dry run" in capsys.readouterr().out


def test_files_lie_beside_the_recipe_or_where_the_command_is_given(noise):
    path = write(noise.parent, RECIPE + '[data]\nfile = "a.npz"\nlevel = 1\n')
    assert load_recipe(path).values["data"]["file"] == str(noise.parent.resolve() / "a.npz")
    assert load_recipe(path, {"file": "b.npz"}).values["data"]["file"] == "b.npz"


@pytest.mark.parametrize(
    ("old", "new", "error", "text"),
    [
        ('"noise"\n[', '"noisy"\n[', UnknownNameError, r"mine\.toml: protocol: (.|\n)*did you mean 'noise'"),
        ('protocol = "noise"', "protocol = 3", InvalidTypeError, r"mine\.toml: protocol: expected a text"),
        ("n = 100", "", InvalidValueError, r"mine\.toml: network\.n: expected a value, it has no default"),
        ("n = 100", "n = 1.5", InvalidValueError, r"network\.n: expected a whole number of samples, at least 1"),
        ("n = 100", "n = 1\nm = 1", UnknownNameError, r"mine\.toml: network: expected a known key"),
        ("2*volt", "2*second", UnitsError, r"network\.height: expected a quantity in volt"),
        ("[network]", "[task]\n[network]", UnknownNameError, r"mine\.toml: expected a known key or table"),
        ("[network]", "[data]\n[network]", InvalidValueError, r"mine\.toml: data\.level: expected a value"),
        ("[network]", "data = 3\n[network]", InvalidTypeError, r"mine\.toml: data: expected a table, \[data\]"),
        ("spread", "spred", UnknownNameError, r"expected: expected a known key(.|\n)*did you mean 'spread'"),
        ('"1.5*volt"', '"1.5*second"', UnitsError, r"expected\.spread: expected a quantity in volt"),
        ("n = 100", "n = 13", ValueError, r"mine\.toml: network\.n"),
    ],
)
def test_recipes_that_do_not_fit_their_protocol(noise, old, new, error, text):
    assert old in RECIPE
    with pytest.raises(error, match=text):
        load_recipe(write(noise.parent, RECIPE.replace(old, new)))


def test_a_check_knows_where_a_value_came_from(noise):
    with pytest.raises(ValueError, match=r"mine\.toml: setting network\.n"):
        load_recipe(noise, {"n": "13"})


def test_an_unknown_protocol_is_refused_with_the_nearest_one():
    with pytest.raises(UnknownNameError, match=r"load_protocol\.name: expected a known protocol(.|\n)*'rate_force'"):
        load_protocol("rate_forc")
    with pytest.raises(UnknownNameError, match=r"load_protocol\.name"):
        load_protocol("_kernels")


# ---- what protocols share ----


def test_two_runs_joined_are_one():
    def part(first, steps, **more):
        rows = np.arange(-(-first // 2) * 2, first + steps, 2.0)
        phase = Phase(f"from {first}", first, first + steps)
        return Results(
            "one", 1e-3, first, steps, 3, [first], [1], 3, 2, rows, rows + 1, (phase,),
            recorded={"v": Recording(rows[:, None], "mV", np.array([0]), 2)}, timings={"run": 1.0}, **more,
        )  # fmt: skip

    one, two = part(0, 5, weights={"w": 1, "u": 1}), part(5, 6, weights={"w": 2}, state={"step": 11})
    both = joined(one, two)
    assert (both.first_step, both.n_steps, both.timings) == (0, 11, {"run": 2.0})
    np.testing.assert_array_equal(both.output[:, 0], [0, 2, 4, 6, 8, 10])
    np.testing.assert_array_equal(both.target, both.output + 1)
    np.testing.assert_array_equal(both.recorded["v"].values, both.output)
    assert (both.spike_step.tolist(), both.weights, both.state) == ([0, 5], {"w": 2, "u": 1}, {"step": 11})
    assert [phase.name for phase in both.phases] == ["from 0", "from 5"]


@pytest.mark.parametrize("p", [0.1, 1.0])
def test_normal_kernels_have_one_size_whatever_the_seed(p):
    kernels = [normal_kernel(60, p, 2.0, np.random.default_rng(seed)) for seed in range(20)]
    assert {len(kernel) for kernel in kernels} == {round(p * 3600)}
    weights = np.concatenate([kernel.weight for kernel in kernels])
    assert (weights.mean(), weights.std()) == pytest.approx((0, 2), abs=0.1)
    assert len({(i, j) for i, j in zip(kernels[0].pre, kernels[0].post, strict=True)}) == round(p * 3600)
    # places are uniform: as many weights into each half of the units
    into = np.concatenate([kernel.post for kernel in kernels])
    assert np.mean(into < 30) == pytest.approx(0.5, abs=0.03)
