"""The shorter run that a recipe states in [short]: its settings, what is expected of it, and what is refused."""

import json

import pytest
from killed import killed_at, pausing_after
from typer.testing import CliRunner

from tension_sim import load_recipe, run_outcome
from tension_sim.cli.application import app
from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError, UnknownNameError
from tension_sim.recipes.verdict import judge
from tension_sim.system import data_folder as _data

SHORT = """
[short]
settings = { n = 30, duration = "40*ms", "learning.start" = "10*ms", "learning.stop" = "20*ms" }

[short.expected]
firing_rate = ["0*Hz", "1000*Hz"]
reference = "three seeds of this run"
"""


@pytest.fixture
def own(tmp_path):
    """Return a function that writes lif_sine with a table [short] into a file."""
    text = (_data.data_folder("models") / "nicola_clopath_2017" / "lif_sine.toml").read_text(encoding="utf-8")

    def write(short):
        path = tmp_path / "mine.toml"
        path.write_text(f"{text}\n{short}", encoding="utf-8")
        return path

    return write


def test_settings_and_expected_numbers_are_those_of_the_table(own):
    whole, short = load_recipe(own(SHORT)), load_recipe(own(SHORT), short=True)
    assert (whole.values["network"]["n"], whole.changed, whole.expected_at) == (2000, (), ())
    assert (short.values["network"]["n"], short.n_steps) == (30, 800)
    assert short.changed == ("learning.start", "learning.stop", "network.n", "run.duration") == short.expected_at
    assert short.expected == {"firing_rate": (0, 1000), "reference": "three seeds of this run"}
    assert whole.short.expected == short.expected != whole.expected


def test_settings_of_the_user_count_first_and_are_named_by_the_verdict(own):
    recipe = load_recipe(own(SHORT), {"n": "40", "G": "0.1"}, short=True)
    assert recipe.values["network"]["n"] == 40
    assert recipe.expected_at == ("learning.start", "learning.stop", "run.duration")
    assert judge(recipe, {"firing_rate": 2000}).text == (
        "not as expected: the expected numbers belong to the settings of the recipe, "
        "and network.G and network.n were changed"
    )
    assert judge(load_recipe(own(SHORT), short=True), {"firing_rate": 2000}).text == (
        "not as expected: firing_rate is too high"
    )


def test_a_short_run_is_judged_and_can_be_repeated_by_its_settings(own):
    outcome = run_outcome(load_recipe(own(SHORT), short=True), target="numpy")
    assert outcome.verdict.text == "as expected"
    about = outcome.results.provenance
    assert about["changed"]["network.n"] == ["2000", "30"]
    assert "--set network.n=30" in about["repeat"]
    assert about["expected_from"] == "three seeds of this run"


@pytest.mark.parametrize(
    ("short", "error", "text"),
    [
        ("", InvalidValueError, r"mine.toml: expected a recipe that states a shorter run, in \[short\]"),
        ("[short]\n", InvalidValueError, r"short.settings: expected settings that make the run shorter"),
        ("[short]\nn = 30\n", UnknownNameError, r"mine.toml: short: expected a known key"),
        ("[short]\nsettings = 3\n", InvalidTypeError, r"short.settings: expected a table, \[short.settings\]"),
        ("[short.settings]\nm = 30\n", UnknownNameError, r"settings: expected a known setting"),
        ("[short.settings]\nn = -1\n", InvalidValueError, r"mine.toml: network.n: expected"),
        ("[short.settings]\nduration = 3\n", UnitsError, r"run.duration: expected a quantity in second"),
        (f"{SHORT}rate = 3\n", UnknownNameError, r"mine.toml: short.expected: expected a known key"),
        (f"{SHORT}peak_frequency = '3*ms'\n", UnitsError, r"short.expected.peak_frequency\S*: expected a quantity in"),
        (f"{SHORT}aligned_rmse = [3, 2]\n", InvalidValueError, r"short.expected.aligned_rmse: expected one value, or"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused(own, short, error, text):
    with pytest.raises(error, match=text):
        load_recipe(own(short), short=True)


def test_only_a_flag_is_a_flag():
    with pytest.raises(InvalidTypeError, match=r"load_recipe.short: expected True or False.\nReceived: 'yes'"):
        load_recipe("lif_sine", short="yes")


def said(*words):
    outcome = CliRunner().invoke(app, list(map(str, words)))
    assert outcome.exit_code == 0, outcome.exception
    return outcome.stdout


def test_the_command_runs_and_shows_it(own, tmp_path):
    path, folder = own(SHORT), tmp_path / "run"
    shown = json.loads(said("show", path, "--json"))["short"]
    assert shown["settings"]["n"] == 30
    assert (shown["expected"], shown["units"]) == ({"firing_rate": [0, 1000]}, {"firing_rate": "hertz"})
    assert "short.expected.firing_rate" in said("show", path)
    assert f"a shorter run of it: tension-sim run {path} --short" in said("show", path).replace("\n", " ")
    assert "expected.firing_rate" in said("show", path, "--short")
    assert "short.n" not in said("show", path, "--short")
    ran = json.loads(said("run", path, "--short", "--target", "numpy", "--out", folder, "--json"))
    assert (ran["steps"], ran["verdict"]["text"]) == (800, "as expected")
    stored = json.loads((folder / "summary.json").read_text())
    assert stored["expected"]["reference"] == "three seeds of this run"


def test_a_killed_short_run_goes_on_as_a_short_one(own, tmp_path, monkeypatch):
    path, folder = own(SHORT), tmp_path / "out"
    pausing_after(monkeypatch, 200)
    words = ["run", str(path), "--short", "--target", "numpy", "--checkpoint", "5", "--out", str(folder)]
    with killed_at(monkeypatch):
        app(words, standalone_mode=False)
    stored = json.loads(said("resume", folder, "--json"))
    assert (stored["steps"], stored["verdict"]["text"]) == (800, "as expected")


def test_a_stored_run_has_no_shorter_one(tmp_path):
    error = CliRunner().invoke(app, ["run", "--from", str(tmp_path / "results.h5"), "--short"]).exception
    assert str(error).startswith("run --from: expected no --short")
