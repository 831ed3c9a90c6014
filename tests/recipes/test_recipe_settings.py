"""Settings of recipes and files of one's own: what they change, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tension_sim.errors import InvalidTypeError, InvalidValueError, UnitsError, UnknownNameError
from tension_sim.recipes.recipe import list_recipes, load_recipe
from tension_sim.system import data_folder as _data

# -- settings -------------------------------------------------------------------------------------


def test_settings_by_full_and_short_name():
    recipe = load_recipe(
        "lif_sine",
        {
            "network.G": "0.1",
            "Q": np.float64(30),
            "tau_decay": "10*ms",
            "parameters.bias": "-41*mV",
            "noise": "0.05",
            "spikes_of": "100",
            "row_balanced": "false",
            "update_every": "1e2",
            "variables": "v, r",
            "initial.v": "v_reset",
        },
    )
    values = recipe.values
    assert (values["network"]["G"], values["network"]["Q"], values["network"]["row_balanced"]) == (
        0.1,
        30,
        False,
    )
    assert values["parameters"]["tau_decay"].value == 0.01
    assert values["parameters"]["bias"].value == -0.041
    assert (values["task"]["noise"], values["learning"]["update_every"]) == (0.05, 100)
    assert (recipe.record["spikes_of"], recipe.record["variables"]) == (100, ("v", "r"))
    assert recipe.settings["network"]["G"] == "0.1"
    network = load_recipe("lif_sine", {"n": "20", "initial.v": "v_reset"}).network()
    assert np.all(network.initial_values["v"] == -0.065)


def test_alpha_follows_the_time_step():
    assert load_recipe("lif_sine").values["learning"]["alpha_P"] == pytest.approx(0.1 * 5e-5)
    assert load_recipe("lif_sine", {"dt": "0.1*ms"}).values["learning"]["alpha_P"] == pytest.approx(0.1 * 1e-4)
    assert load_recipe("lif_sine", {"alpha_P": "0.5"}).values["learning"]["alpha_P"] == 0.5


def test_another_supervisor_or_neuron_keeps_what_it_knows():
    recipe = load_recipe("lif_sine", {"task.name": "sawtooth"})
    assert (recipe.values["task"]["name"], recipe.values["task"]["frequency"]) == ("sawtooth", 5)
    recipe = load_recipe("lif_sine", {"name": "song", "melody": "C D E", "duration": "1*second"})
    assert recipe.task().n_outputs == 3
    assert load_recipe("lif_sine", {"neuron": "lif", "tau_ref": "1*ms"}).values["parameters"]["bias"].value == -0.04
    recipe = load_recipe("lif_sine", {"neuron": "theta", "tau_decay": "50*ms", "G": "10", "Q": "1e4", "v_peak": "3"})
    assert recipe.values["parameters"]["v_peak"].value == 3
    assert recipe.values["parameters"]["tau_decay"].value == 0.05
    assert "tau_mem" not in recipe.values["parameters"]
    recipe = load_recipe("lif_sine", {"synapse": "single_exponential"})
    assert recipe.values["parameters"]["tau_decay"].value == 0.02
    assert "tau_rise" not in recipe.values["parameters"]


def test_external_input_by_settings():
    change = {
        "input_slots": "4",
        "input_length": "20*ms",
        "input_scale": "100",
        "duration": "0.1*second",
        "n": "30",
    }
    recipe = load_recipe("lif_sine", change)
    network = recipe.network()
    assert network.n_inputs == recipe.task().n_inputs == 4
    assert 50 < np.abs(network.input_kernel).max() <= 100


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (
            {"GG": "1"},
            UnknownNameError,
            "lif_sine: settings: expected a known setting(.|\n)*did you mean 'G'",
        ),
        ({"flavour": "1"}, UnknownNameError, "Fix: tension-sim show nicola_clopath_2017/lif_sine lists them."),
        ({"network.q": "1"}, UnknownNameError, "did you mean 'network.Q'"),
        ({"netwrk.Q": "1"}, UnknownNameError, "did you mean 'network.Q'"),
        ({"tau_decy": "1*ms"}, UnknownNameError, "did you mean 'tau_decay'"),
        ({"neuron": "izikevich"}, UnknownNameError, "did you mean 'izhikevich'"),
        ({"task.name": "sinus"}, UnknownNameError, "did you mean 'sine'"),
        ({"Q": "10*mV"}, UnitsError, r"lif_sine: setting network\.Q: expected a quantity in 1 \(no unit\)"),
        ({"dt": "5e-5"}, UnitsError, r"setting network\.dt: expected a quantity in second"),
        ({"duration": "5*mV"}, UnitsError, r"setting run\.duration: expected a quantity in second"),
        ({"duration": 15}, UnitsError, r"setting run\.duration: expected a quantity in second"),
        ({"frequency": "5"}, UnitsError, r"setting task\.frequency: expected a quantity in hertz"),
        (
            {"tau_decay": "20*mV"},
            UnitsError,
            r"parameters\.tau_decay: expected a quantity in second(.|\n)*its unit is volt",
        ),
        ({"tau_decay": "20"}, UnitsError, r"parameters\.tau_decay: expected a quantity in second(.|\n)*its unit is 1"),
        ({"alpha_P": "dt"}, UnitsError, r"setting learning\.alpha_P: expected a quantity in 1 \(no unit\)"),
        ({"alpha_P": "0"}, InvalidValueError, r"setting learning\.alpha_P: expected a finite number above 0"),
        (
            {"alpha_P": "-1"},
            InvalidValueError,
            r"setting learning\.alpha_P: expected a finite number above 0",
        ),
        (
            {"update_every": "0"},
            InvalidValueError,
            r"learning\.update_every: expected a whole number of time steps(.|\n)*to switch learning off",
        ),
        (
            {"update_every": "-3"},
            InvalidValueError,
            "a whole number of time steps, at least 1.\nReceived: -3",
        ),
        (
            {"update_every": "2.5"},
            InvalidValueError,
            "a whole number of time steps, at least 1.\nReceived: 2.5",
        ),
        (
            {"forgetting": "0"},
            InvalidValueError,
            r"setting learning\.forgetting: expected a number in \(0, 1\]",
        ),
        (
            {"forgetting": "1.1"},
            InvalidValueError,
            r"setting learning\.forgetting: expected a number in \(0, 1\]",
        ),
        (
            {"probability": "2"},
            InvalidValueError,
            r"setting learning\.probability: expected a number in \(0, 1\]",
        ),
        ({"p": "0"}, InvalidValueError, r"setting network\.p: expected a number in \(0, 1\]"),
        ({"p": "1.5"}, InvalidValueError, r"setting network\.p: expected a number in \(0, 1\]"),
        (
            {"n": "0"},
            InvalidValueError,
            r"setting network\.n: expected a whole number of neurons, at least 1",
        ),
        (
            {"n": "10.5"},
            InvalidValueError,
            r"setting network\.n: expected a whole number of neurons, at least 1",
        ),
        ({"dt": "0*ms"}, InvalidValueError, r"setting network\.dt: expected a finite number above 0"),
        (
            {"duration": "0*second"},
            InvalidValueError,
            r"setting run\.duration: expected a finite number above 0",
        ),
        ({"duration": "1*us"}, InvalidValueError, r"setting run\.duration: expected at least one time step"),
        (
            {"start": "11*second"},
            InvalidValueError,
            r"learning\.start: expected a time no later than learning\.stop",
        ),
        ({"stop": "4*second"}, InvalidValueError, r"Received: 'start = 5 s, stop = 4 s'"),
        (
            {"start": "-1*second"},
            InvalidValueError,
            r"setting learning\.start: expected a time of at least 0",
        ),
        ({"gain": "half"}, InvalidValueError, r"learning\.gain: expected one of 'divided', 'undivided'"),
        ({"dtype": "float16"}, InvalidValueError, r"network\.dtype: expected one of 'float64', 'float32'"),
        ({"seed": "-1"}, InvalidValueError, r"setting run\.seed: expected a whole number of the seed"),
        (
            {"record.every": "0"},
            InvalidValueError,
            r"setting record\.every: expected a whole number of time steps",
        ),
        ({"spikes_of": "most"}, UnknownNameError, r"setting record\.spikes_of: expected a known (.|\n)*'most'"),
        ({"row_balanced": "yes"}, InvalidTypeError, r"setting network\.row_balanced: expected true or false"),
        ({"G": "abc"}, UnknownNameError, r"setting network\.G: expected a known (.|\n)*'abc'"),
        ({"G": ""}, InvalidValueError, r"setting network\.G: expected a number, or an expression"),
        ({"noise": "-1"}, InvalidValueError, "an amplitude, at least 0"),
    ],
)
def test_settings_that_cannot_work(change, error, text):
    with pytest.raises(error, match=text):
        load_recipe("lif_sine", change)


def test_a_short_name_that_means_two_settings(tmp_path):
    # the Izhikevich neuron calls its quadratic gain k; a user's neuron may call a parameter G
    neuron = (_data.data_folder("equations") / "lif.toml").read_text().replace("tau_ref", "G")
    (tmp_path / "mine.toml").write_text(neuron)
    with pytest.raises(InvalidValueError, match=r"found once\.\nReceived: 'G'\nFix: write network\.G or parameters\.G"):
        load_recipe("lif_sine", {"neuron": str(tmp_path / "mine.toml"), "G": "1"})


# -- files of one's own ---------------------------------------------------------------------------

OWN = """
summary = "mine"
[network]
neuron = "lif"
n = 20
dt = "1*ms"
G = 1
Q = 10
[task]
name = "sine"
frequency = "5*Hz"
[run]
duration = "0.1*second"
"""


def own(tmp_path: Path, text: str, name: str = "mine.toml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_recipe_in_a_folder_of_ones_own(tmp_path):
    path = own(tmp_path, OWN)
    assert list_recipes(tmp_path) == ["mine"]
    for name in (path, str(path), str(path.with_suffix("")), tmp_path):
        recipe = load_recipe(name)
        assert recipe.path == path
        assert recipe.learning() is None
        assert recipe.network().learning is None
        assert [(phase.name, phase.start, phase.stop) for phase in recipe.phases()] == [("test", 0, 100)]
        assert recipe.forecast().P == 0
    # learning can be added by settings
    assert load_recipe(path, {"alpha_P": "0.1"}).learning().gain == "divided"


def test_files_named_in_a_recipe_lie_beside_it(tmp_path, monkeypatch):
    neuron = (_data.data_folder("equations") / "lif.toml").read_text()
    own(tmp_path, neuron, "my_neuron.toml")
    np.save(tmp_path / "data.npy", np.ones((200, 2)))
    text = OWN.replace('"lif"', '"my_neuron.toml"').replace(
        '"sine"\nfrequency = "5*Hz"', '"recorded"\nfile = "data.npy"'
    )
    path = own(tmp_path, text)
    monkeypatch.chdir(_data.data_folder("equations"))
    recipe = load_recipe(path)
    assert recipe.network().n_outputs == 2
    assert np.all(recipe.task().target == 1)


@pytest.mark.parametrize(
    ("old", "new", "error", "text"),
    [
        ("G = 1", "G = = 1", InvalidValueError, r"mine\.toml: expected a file in TOML\.\nReceived: .*line"),
        ("G = 1", "", InvalidValueError, r"mine\.toml: network\.G: expected a value, it has no default"),
        ("G = 1", 'G = "1*mV"', UnitsError, r"mine\.toml: network\.G: expected a quantity in 1"),
        ("G = 1", "G = true", InvalidValueError, r"mine\.toml: network\.G: expected a number"),
        ("G = 1", "G = [1]", InvalidValueError, r"mine\.toml: network\.G: expected a number"),
        (
            "G = 1",
            "G = 1\ngain = 3",
            UnknownNameError,
            r"mine\.toml: network: expected a known key(.|\n)*'gain'",
        ),
        (
            "[run]",
            "[runs]",
            UnknownNameError,
            r"mine\.toml: expected a known key or table(.|\n)*did you mean 'run'",
        ),
        ("[run]", "[record]", InvalidValueError, r"mine\.toml: run\.duration: expected a value"),
        ('summary = "mine"', "summary = 3", InvalidTypeError, r"mine\.toml: summary: expected a text"),
        (
            'summary = "mine"',
            "learning = 3",
            InvalidTypeError,
            r"mine\.toml: learning: expected a table, \[learning\]",
        ),
        ('neuron = "lif"', "", InvalidValueError, r"mine\.toml: network\.neuron: expected a value"),
        ('neuron = "lif"', "neuron = 3", InvalidTypeError, r"mine\.toml: network\.neuron: expected a text"),
        ('neuron = "lif"', 'neuron = "liv"', UnknownNameError, "did you mean 'lif'"),
        ('dt = "1*ms"', "dt = 0.001", UnitsError, r"mine\.toml: network\.dt: expected a quantity in second"),
        ('name = "sine"', "", InvalidValueError, r"mine\.toml: task\.name: expected a value"),
        ('frequency = "5*Hz"', "", InvalidValueError, r"mine\.toml: task\.frequency: expected a value"),
        (
            'frequency = "5*Hz"',
            "frequency = 5",
            UnitsError,
            r"mine\.toml: task\.frequency: expected a quantity in hertz",
        ),
        ('frequency = "5*Hz"', 'frequenzy = "5*Hz"', UnknownNameError, "did you mean 'frequency'"),
        ("[run]", "[parameters]\ntau_dekay = '1*ms'\n[run]", UnknownNameError, "did you mean 'tau_decay'"),
        (
            "[run]",
            "[parameters]\ntau_decay = true\n[run]",
            InvalidTypeError,
            r"parameters\.tau_decay: expected a number",
        ),
        (
            "[run]",
            "[initial]\nw = '1*mV'\n[run]",
            UnknownNameError,
            r"mine\.toml: initial: expected a known key",
        ),
        ("[run]", "[learning]\n[run]", InvalidValueError, r"mine\.toml: learning\.alpha_P: expected a value"),
        ("[run]", "[expected]\nrmse = 1\n[run]", UnknownNameError, "did you mean '.*_rmse'"),
        (
            "[run]",
            "[expected]\nfiring_rate = '5*ms'\n[run]",
            UnitsError,
            r"expected\.firing_rate: expected a quantity in hertz",
        ),
        (
            "[run]",
            "[expected]\nlearning_rmse = [2, 1]\n[run]",
            InvalidValueError,
            r"one value, or a range \[low, high\]",
        ),
    ],
)
def test_files_that_are_no_recipes(tmp_path, old, new, error, text):
    assert old in OWN
    path = own(tmp_path, OWN.replace(old, new))
    with pytest.raises(error, match=text):
        load_recipe(path)


def test_recipes_that_are_not_there(tmp_path):
    with pytest.raises(UnknownNameError, match=r"load_recipe\.name: expected a known recipe(.|\n)*'lif_sine'"):
        load_recipe("lif_sin")
    with pytest.raises(UnknownNameError, match="did you mean 'nicola_clopath_2017/ode_to_joy'"):
        load_recipe("nicola_clopat_2017/ode_to_joy")
    with pytest.raises(InvalidValueError, match="a file that exists"):
        load_recipe(tmp_path / "absent.toml")
    with pytest.raises(InvalidValueError, match="a folder that holds one recipe(.|\n)*it holds none"):
        load_recipe(tmp_path)
    own(tmp_path, OWN, "a.toml")
    own(tmp_path, OWN, "b.toml")
    with pytest.raises(InvalidValueError, match=r"a folder that holds one recipe(.|\n)*/a, .*/b"):
        load_recipe(tmp_path)
    with pytest.raises(InvalidValueError, match=r"list_recipes\.folder: expected a folder"):
        list_recipes(tmp_path / "absent")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidValueError, match="a file that can be read"):
        load_recipe(tmp_path / "bytes.toml")


# -- the folders ----------------------------------------------------------------------------------


def test_data_of_a_wheel_lie_inside_the_package(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "tension_sim"
    (package / "_data" / "models" / "a").mkdir(parents=True)
    # a folder of another package, which is not ours
    (tmp_path / "site-packages" / "equations").mkdir()
    own(package / "_data" / "models" / "a", OWN, "b.toml")
    monkeypatch.setattr(_data, "_PACKAGE", package)
    assert list_recipes() == ["a/b"]
    assert load_recipe("b").name == "a/b"
    with pytest.raises(InvalidValueError, match=r"data_folder\.kind: (.|\n)*reinstall the package"):
        _data.data_folder("equations")


def test_two_recipes_of_one_short_name(tmp_path, monkeypatch):
    for author in ("one", "two"):
        folder = tmp_path / "_data" / "models" / author
        folder.mkdir(parents=True)
        own(folder, OWN, "same.toml")
    monkeypatch.setattr(_data, "_PACKAGE", tmp_path)
    with pytest.raises(InvalidValueError, match="found once(.|\n)*write 'one/same' or 'two/same'"):
        load_recipe("same")


def test_import_loads_no_engine():
    code = "import sys, tension_sim.recipes.recipe; print(sorted({'brian2', 'scipy', 'matplotlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_folder_of_very_many_files_is_no_folder_of_recipes(tmp_path, monkeypatch):
    """A wrong path, / say, would be searched for minutes."""
    own(tmp_path, OWN, "a.toml")
    assert list_recipes(tmp_path) == ["a"]
    monkeypatch.setattr(os, "walk", lambda folder: iter([(str(folder), [], [f"{i}.txt" for i in range(20_000)])] * 2))
    with pytest.raises(
        InvalidValueError, match="list_recipes.folder: expected a folder of recipes, with at most 20000 files"
    ):
        list_recipes(tmp_path)
