"""Files of strangers: whatever stands in an equation file or a recipe, nothing of it runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tension_sim.cli.commands import app
from tension_sim.declare.equations import load_neuron, load_synapse
from tension_sim.errors import TensionError
from tension_sim.protocols import list_protocols
from tension_sim.recipes.recipe import list_recipes, load_recipe
from tension_sim.system.data_folder import data_folder

EXPRESSIONS = [
    "__import__('os').system('touch MARK')",
    'system("touch MARK")',
    '1); system("touch MARK"); (1',
    '1 */ ; system("touch MARK"); /* 1',
    "open('MARK', 'w')",
    "(lambda: open('MARK', 'w'))()",
    "[open('MARK', 'w') for _ in (1,)]",
    "1 if open('MARK', 'w') else 2",
    "().__class__.__bases__[0].__subclasses__()",
    "f\"{open('MARK', 'w')}\"",
    "{{ open('MARK', 'w') }}",
    "{% for x in y %}",
    "1\n#include <cstdlib>\n1",
    "1\nimport os",
    "v; import os",
    "v.real",
    "v[0]",
    '"1"',
    "\\\n1",
    "1\x00",
    "ｖ + ｓystem(1)",
]
NAMES = [
    'x/*", system("touch MARK"), "*/',
    'x; system("touch MARK")',
    "x\nimport os",
    "{{ x }}",
    "../../x",
    "x y",
    "",
    "__class__",
    "int",
    "lambda",
    "xor",
    "dt",
    "t",
    "mV",
    "exp",
    "I_in ",
    "ｖ",
]


def toml(value: object) -> str:
    return json.dumps(value)


def table(name: str, entries: dict) -> str:
    return "\n".join([f"[{name}]", *(f"{toml(key)} = {toml(value)}" for key, value in entries.items())])


def written(path: Path, top: dict, **tables: dict) -> Path:
    lines = [f"{key} = {toml(value)}" for key, value in top.items()]
    path.write_text("\n".join([*lines, *(table(name, entries) for name, entries in tables.items())]))
    return path


INPUTS = {"recurrent": "I_rec", "feedback": "I_fb", "external": "I_in"}
NEURON = (
    {
        "kind": "neuron", "equations": "dv/dt = (I_rec + I_fb + I_in - v)/tau : volt\nu : volt", "threshold": "v > peak",  # noqa: E501
        "reset": "v = 0*mV", "method": "euler", "membrane": "v",
    },
    {
        "inputs": INPUTS, "units": {"current": "mV", "rate": "1/second"}, "parameters": {"tau": "9*ms", "peak": "9*mV"},
        "initial": {"v": "rand()*mV"},
    },
)  # fmt: skip
RATE = (
    {
        "kind": "rate", "equations": "da/dt = (I_rec + I_fb + I_in - a)/tau : 1", "rate": "activation(a)",
        "activation": "tanh", "method": "euler", "membrane": "a",
    },
    {"inputs": INPUTS, "parameters": {"tau": "9*ms"}, "initial": {"a": "rand()"}},
)  # fmt: skip
FILTER = (
    {"kind": "filter", "equations": "dx/dt = -x/tau_decay : unit", "output": "x", "integration": "exact"},
    {"spike": {"x": "1/tau_decay"}, "parameters": {"tau_decay": "20*ms"}},
)
FILES = {"neuron": NEURON, "rate": RATE, "filter": FILTER}


def attacked(kind: str, payloads: list[str]) -> list[tuple[str, dict, dict]]:
    """Return a file of a kind with each payload in each place."""
    top, tables = FILES[kind]
    found = []
    for payload in payloads:
        for key in top:
            found.append((f"{key} = {payload}", top | {key: payload}, tables))
        for name, entries in tables.items():
            for key in entries:
                found.append((f"{name}.{key} = {payload}", top, tables | {name: entries | {key: payload}}))
            found.append((f"{name}.{payload}", top, tables | {name: entries | {payload: "1"}}))
        formula = next(line for line in top["equations"].splitlines() if "=" in line)
        left, _, rest = formula.partition("=")
        unit = rest.rpartition(":")[2]
        for text in (f"{left}= ({payload}) : {unit}", f"d{payload}/dt = {rest}", f"{left} = {rest} ({payload})",
                     f"{left} = {rest}\n{payload} : 1", f"{left} = {rest}*{payload}"):  # fmt: skip
            found.append((f"equations = {text}", top | {"equations": text}, tables))
    return found


#: Payloads that are no more than what stands there, or a text that is shown.
HARMLESS = {
    "reset = ", "parameters.tau = dt", "parameters.tau_decay = dt", "parameters.peak = mV", "initial.v = mV",
    "units.current = mV",
}  # fmt: skip
FEW = [EXPRESSIONS[0], EXPRESSIONS[2], EXPRESSIONS[3], *NAMES[:3], "int", "dt"]
ALL = pytest.param([*EXPRESSIONS, *NAMES], marks=pytest.mark.slow, id="all")
SETTINGS = [EXPRESSIONS[0], EXPRESSIONS[2], EXPRESSIONS[4], EXPRESSIONS[12], NAMES[0], NAMES[4]]


@pytest.mark.parametrize("payloads", [pytest.param(FEW, id="few"), ALL])
@pytest.mark.parametrize("kind", FILES)
def test_equation_files_are_refused(kind, payloads, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mark = tmp_path / "MARK"
    load = load_synapse if kind == "filter" else load_neuron
    top, tables = FILES[kind]
    load(written(tmp_path / "mine.toml", top, **tables))
    taken = []
    for place, changed, others in attacked(kind, payloads):
        path = written(tmp_path / "mine.toml", changed, **others)
        try:
            load(path)
        except TensionError as error:
            assert str(error).startswith("mine.toml"), place
            assert ": expected " in str(error), place
        else:
            taken.append(place)
    assert {place for place in taken if not place.endswith(" ()")} <= HARMLESS  # no flags in brackets
    assert [each.name for each in tmp_path.iterdir()] == ["mine.toml"]
    assert not mark.exists()


@pytest.mark.parametrize("payload", ['x/*", system("touch MARK"), "*/', "int", "../../x"])
@pytest.mark.parametrize("kind", ["neuron", "synapse"])
def test_a_recipe_that_names_a_bad_file_is_refused_by_the_dry_run(kind, payload, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    top, tables = FILES["neuron" if kind == "neuron" else "filter"]
    parameters = tables["parameters"] | {payload: "1"}
    written(tmp_path / "mine.toml", top, **(tables | {"parameters": parameters}))
    done = CliRunner().invoke(app, ["run", "lif_sine", "--set", f"{kind}=mine.toml", "--dry-run"])
    assert isinstance(done.exception, TensionError)
    assert str(done.exception).startswith("mine.toml: parameters: expected a name")
    assert [each.name for each in tmp_path.iterdir()] == ["mine.toml"]


def test_neuron_and_filter_that_share_names_are_refused_by_the_dry_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    top, tables = NEURON
    for extra, text in (
        ({"parameters": tables["parameters"] | {"tau_decay": "1*ms"}}, "ForceNetwork.neuron: expected other parameter"),
        ({"parameters": tables["parameters"] | {"h_r": "1*ms"}}, "mine.toml with double_exponential.toml: equations"),
        ({"parameters": tables["parameters"] | {"I_rec": "1*mV"}}, "mine.toml: inputs.recurrent: expected a name that"),
    ):
        written(tmp_path / "mine.toml", top, **(tables | extra))
        done = CliRunner().invoke(app, ["run", "lif_sine", "--set", "neuron=mine.toml", "--dry-run"])
        assert isinstance(done.exception, TensionError)
        assert text in str(done.exception)


@pytest.mark.parametrize(
    "payloads", [pytest.param(NAMES[:1], id="one"), pytest.param(SETTINGS, marks=pytest.mark.slow, id="all")]
)
@pytest.mark.parametrize("protocol", list_protocols())
def test_settings_of_every_protocol_are_refused(protocol, payloads, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {name: (data_folder("models") / f"{name}.toml").read_text() for name in list_recipes()}
    said = f'protocol = "{protocol}"'
    recipe = next(
        name for name, text in files.items() if said in text or (protocol == "force" and "protocol" not in text)
    )  # noqa: E501
    loaded = load_recipe(recipe)
    known = loaded.protocol.keys(loaded.settings)
    texts = {(section, key) for section, keys in known.items() for key, each in keys.items()
             if each.setting.unit == "text" and each.check is None}  # fmt: skip
    texts -= {
        (section, key) for section, key in texts if key in ("neuron", "synapse", "activation", "name", "variables")
    }
    taken = []
    for payload in payloads:
        for section, keys in known.items():
            for key in keys:
                if (section, key) in texts:  # the name of a file, which is only looked for
                    continue
                try:
                    load_recipe(recipe, {f"{section}.{key}": payload})
                except TensionError:
                    continue
                taken.append(f"{section}.{key} = {payload}")
        with pytest.raises(TensionError):
            load_recipe(recipe, {payload: "1"})
    assert not taken
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("record.variables=q", "setting record.variables: expected a known state variable"),
        ("initial.v=1*ms", "setting initial.v: expected a quantity in volt"),
        ("initial.I=1*mV", "initial: expected a known state variable (I_rec, h_r, h_rec, last, r, v)"),
        ("initial.v=1/(1-1)", "setting initial.v: expected no division by zero"),
        ("parameters.tau_mem=10*mV", "parameters.tau_mem: expected a quantity in second"),
        ("parameters.tau_decay=-1*ms", "parameters.tau_decay: expected a time constant above 0"),
        ("network.neuron=no.toml", "expected an existing neuron file"),
    ],
)
def test_the_dry_run_refuses_what_the_run_refuses(setting, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for more in (["--dry-run"], ["--target", "numpy"]):
        done = CliRunner().invoke(app, ["run", "lif_sine", "--set", "n=20", "--set", setting, *more])
        assert isinstance(done.exception, TensionError)
        assert text in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_activations_of_recipes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_recipe("four_sines", {"activation": "x*int(x > 0)"}).values["network"]["activation"]
    for text in (*EXPRESSIONS, "x*mV", "y", "x + q", "rand()*x", "exp(x, x)", "x/(x - x)"):
        with pytest.raises(TensionError, match=r"network\.activation: expected "):
            load_recipe("four_sines", {"activation": text})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["...toml", " .toml"])
def test_a_recipe_file_needs_a_name(name, tmp_path):
    path = tmp_path / name
    path.write_text("")
    with pytest.raises(TensionError, match=r"load_recipe\.name: expected a file with a name"):
        load_recipe(path)


@pytest.mark.parametrize(
    "text",
    ["kind = " + "[" * 20_000, "kind = " + "9" * 5000, "#" * 2_000_000, 'kind = "neuron"\nkind = 1'],
    ids=["deep", "digits", "large", "twice"],
)
def test_files_that_are_no_equation_files(text, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(TensionError, match=r"^mine\.toml: expected (a file in TOML|a file of at most)"):
        load_neuron(path)


@pytest.mark.parametrize("name", ["a\0.toml", "a" * 5000 + ".toml", "a/" * 3000 + "b.toml", "/dev/zero", "."])
def test_paths_that_no_file_can_have(name):
    for load in (load_neuron, load_synapse):
        with pytest.raises(TensionError, match=r"^load_\w+\.name: expected "):
            load(name)
