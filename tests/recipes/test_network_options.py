"""Whatever a `Network` takes in Python, a recipe takes, too."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from tension_sim import (
    Connector,
    InvalidTypeError,
    InvalidValueError,
    Learning,
    Network,
    Population,
    Projection,
    Readout,
    Record,
    Simulation,
    UnitsError,
    UnknownNameError,
    load_recipe,
    run_outcome,
)
from tension_sim.declare.converted import Converted, Declared, declared
from tension_sim.declare.traces import Traces
from tension_sim.protocols.network import PROTOCOL
from tension_sim.recipes.declared_keys import options_of
from tension_sim.recipes.identity import identity_of_recipe
from tension_sim.recipes.provenance import repeat_command
from tension_sim.recipes.run import check_run, forecast
from tension_sim.tasks import make_task

SPIKING = """
protocol = "network"

[network]
dt = "0.1*ms"
dtype = "float64"
balanced = [["drawn", "inhibition"]]

[run]
duration = "30*ms"
seed = 5

[populations.exc]
neuron = "lif"
n = 6
filters = ["single_exponential", "double_exponential"]
parameters = {tau_mem = "12*ms", bias = "-38*mV"}
initial = {v = "v0.npy"}

[populations.noise]
neuron = "poisson"
n = 3

[rates]
noise = ["200*Hz", "100*Hz", "50*Hz"]

[[projections]]
pre = ["exc", "noise"]
post = "exc"
name = "plastic"
weights = "weights.npz"
synapse = "single_exponential"
parameters = {tau_decay = "5*ms"}
at_spikes = true
learning = {alpha_P = 1e-3, update_every = 10, start = "5*ms", stop = "25*ms"}
error = "unit*(out - y) + 0*other"
variables = {other = "2*mV"}
supervisor = "out"
signs = [1, 1, 1, -1, -1, -1, 1, 1, 1]
alpha_P = [1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 5e-4, 5e-4, 5e-4]
groups = [0, 0, 0, 0, 0, 0, -1, -1, -1]
row_sum = [0.1]

[[projections]]
pre = "exc"
post = "exc"
weights = [
    [0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0],
    [2, 0, 0, 0, 0, 0], [0, 3, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0],
]
delay = "1*ms"
sign = 1

[[projections]]
pre = "exc"
post = "exc"
name = "drawn"
into = "I_fb"
rule = "fixed_indegree"
indegree = 2
weight = "2*mV*rand()"
self_connections = true
inhibitory = 0.5
inhibitory_indegree = 1
balanced = true

[[projections]]
pre = "noise"
post = "exc"
name = "inhibition"
into = "I_fb"
rule = "all_to_all"
weight = "-1*mV*rand()"

[readouts.out]
sources = "exc"
synapse = "single_exponential"
parameters = {tau_decay = "10*ms"}
alpha_P = 1e-5
update_every = 5
relaxation = 1e-3
probability = 0.5
gain = "undivided"
feedback = {"exc.I_fb" = [[1, 2, 3, 4, 5, 6]]}

[readouts.slow]
sources = ["exc"]
supervisor = "out"
traces = {neuron = [0, 1, 0], tau = [0.1, 0.1, 0.005]}
learning = {alpha_P = 0.2, forgetting = 0.99}
weights = [[1], [2], [3]]

[task]
name = "sine"
frequency = "50*Hz"

[record]
variables = ["exc.v", "exc.r"]
variables_of = 6
"""

RATES = """
protocol = "network"

[network]
dt = "1*ms"
shared_P = [["out", "recurrent"]]

[run]
duration = "60*ms"

[external_inputs]
cue = 1
go = 2

[inputs]
cue = "int(t < 20*ms)"
go = "go.csv"

[outputs]
rate = "units.r"

[targets]
wanted = "units"

[populations.units]
neuron = "echo_state"
n = 4
activation = "tanh"
initial = {a = "0.1*randn()"}

[projections.recurrent]
pre = "units"
post = "units"
weights = "j.npy"
learning = {alpha_P = 0.1, update_every = 2}
error = "unit*(out - y)"

[projections.aim]
pre = "units"
post = "units"
weight = 0
rule = "all_to_all"
self_connections = true
learning = {alpha_P = 1.0}
error = "z - unit*y"
supervisor = "wanted"
factor = [[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 1, 1], [1, 1, 1, 1]]
divide_by_source = true
when = "start"

[projections.cue_in]
pre = "cue"
post = "units"
into = "I_in"
weights = [[1, 2, 3, 4]]

[projections.supervised]
pre = "y"
post = "units"
into = "I_in"
weight = "0.1*randn()"
p = 0.5

[readouts.out]
sources = "units"
weights = "0.1*randn()/sqrt(N) + 0.1*i"
outputs = 1
alpha_P = 0.1
update_every = 2

[task]
name = "recorded"
file = "y.npy"
"""


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "v0.npy", -0.06 + 0.01 * rng.random(6))
    pre, post = np.repeat(np.arange(9), 2), np.concatenate([[k % 6, (k + 2) % 6] for k in range(9)])
    weight = np.where(np.isin(pre, [3, 4, 5]), -1, 1) * rng.random(18)
    np.savez(tmp_path / "weights.npz", pre=pre, post=post, weight=weight, shape=[9, 6])
    np.save(tmp_path / "j.npy", rng.normal(size=(4, 4)))
    np.savetxt(tmp_path / "go.csv", rng.normal(size=(60, 2)), delimiter=",")
    np.save(tmp_path / "y.npy", rng.normal(size=(60, 9)))
    (tmp_path / "spiking.toml").write_text(SPIKING)
    (tmp_path / "rates.toml").write_text(RATES)
    return tmp_path


def spiking_network(folder):
    rng = np.random.default_rng(0)
    v0 = -0.06 + 0.01 * rng.random(6)
    arrays = np.load(folder / "weights.npz")
    dense = np.zeros((9, 6))
    dense[arrays["pre"], arrays["post"]] = arrays["weight"]
    from tension_sim import SparseKernel

    static = np.zeros((6, 6))
    static[[0, 1, 3, 4], [1, 2, 0, 1]] = [1, 1, 2, 3]
    return Network(
        dt="0.1*ms", dtype="float64", seed=5, balanced=[["drawn", "inhibition"]],
        populations={
            "exc": Population("lif", 6, parameters={"tau_mem": "12*ms", "bias": "-38*mV"}, initial={"v": v0},
                              filters=["single_exponential", "double_exponential"]),
            "noise": Population("poisson", 3),
        },
        projections=[
            Projection(["exc", "noise"], "exc", name="plastic", synapse="single_exponential",
                       weights=SparseKernel(9, arrays["pre"], arrays["post"], arrays["weight"], 6),
                       parameters={"tau_decay": "5*ms"}, at_spikes=True,
                       learning=Learning(1e-3, update_every=10, start=50, stop=250),
                       error="unit*(out - y) + 0*other", variables={"other": "2*mV"}, supervisor="out",
                       signs=[1, 1, 1, -1, -1, -1, 1, 1, 1], alpha_P=[1e-3] * 6 + [5e-4] * 3,
                       groups=[0] * 6 + [-1] * 3, row_sum=[0.1]),
            Projection("exc", "exc", weights=static, delay="1*ms", sign=1),
            Projection("exc", "exc", name="drawn", into="I_fb",
                       weights=Connector("fixed_indegree", "2*mV*rand()", indegree=2, self_connections=True,
                                         inhibitory=0.5, inhibitory_indegree=1, balanced=True)),
            Projection("noise", "exc", name="inhibition", into="I_fb", weights=Connector("all_to_all", "-1*mV*rand()")),
        ],
        readouts={
            "out": Readout("exc", np.zeros((6, 1)), synapse="single_exponential", parameters={"tau_decay": "10*ms"},
                           learning=Learning(1e-5, "undivided", 5, probability=0.5, relaxation=1e-3, stop=300),
                           feedback={"exc.I_fb": [[1, 2, 3, 4, 5, 6]]}),
            "slow": Readout(["exc"], [[1], [2], [3]], supervisor="out", traces=Traces([0, 1, 0], [0.1, 0.1, 0.005]),
                            learning=Learning(0.2, forgetting=0.99, stop=300)),
        },
    )  # fmt: skip


def rate_network(folder):
    from tension_sim import Connector

    rule, factor = Learning(0.1, update_every=2, stop=60), np.ones((4, 4))
    factor[2, :2] = 0
    return Network(
        dt="1*ms", external_inputs={"cue": 1, "go": 2}, outputs={"rate": "units.r"}, targets={"wanted": "units"},
        populations={"units": Population("echo_state", 4, activation="tanh", initial={"a": "0.1*randn()"})},
        projections=[
            Projection("units", "units", name="recurrent", weights=np.load(folder / "j.npy"), learning=rule,
                       error="unit*(out - y)"),
            Projection("units", "units", name="aim", weights=Connector("all_to_all", 0, self_connections=True),
                       learning=Learning(1.0, stop=60), error="z - unit*y", supervisor="wanted", factor=factor,
                       divide_by_source=True, when="start"),
            Projection("cue", "units", name="cue_in", into="I_in", weights=[[1, 2, 3, 4]]),
            Projection("y", "units", name="supervised", into="I_in",
                       weights=Connector("pairwise_bernoulli", "0.1*randn()", p=0.5)),
        ],
        readouts={"out": Readout("units", "0.1*randn()/sqrt(N) + 0.1*i", learning=rule)},
        shared_P=[["out", "recurrent"]],
    )  # fmt: skip


def assert_same_bits(found, expected):
    assert {*found.state} == {*expected.state}
    for name, value in expected.state.items():
        np.testing.assert_array_equal(found.state[name], value, err_msg=name)
    np.testing.assert_array_equal(found.output, expected.output)
    assert {*found.weights} == {*expected.weights}


def test_a_recipe_of_spiking_neurons_and_the_same_in_python(folder):
    recipe = load_recipe(folder / "spiking.toml")
    found = run_outcome(recipe, target="numpy").results
    net = spiking_network(folder)
    y = make_task("sine", 300, net.dt, frequency="50*Hz").target
    rates = np.tile([200.0, 100.0, 50.0], (300, 1))
    record = Record(variables={"exc.v": range(6), "exc.r": range(6)})
    expected = Simulation(net, target="numpy", record=record).run(y, rates=rates)
    assert len(expected.spikes()[0]) > 10
    assert_same_bits(found, expected)
    np.testing.assert_array_equal(found.recorded["exc.r"].values, expected.recorded["exc.r"].values)


def test_a_recipe_of_rate_units_and_the_same_in_python(folder):
    found = run_outcome(load_recipe(folder / "rates.toml"), target="numpy").results
    cue = (np.arange(60) < 20).astype(float)
    x = np.column_stack([cue, np.loadtxt(folder / "go.csv", delimiter=",")])
    expected = Simulation(rate_network(folder), target="numpy").run(np.load(folder / "y.npy"), x)
    assert np.ptp(expected.output) > 0.1
    assert_same_bits(found, expected)


#: What a recipe says elsewhere, or cannot say.
ELSEWHERE = {
    ("Network", "seed"): ("run", "seed"),
    ("Projection", "name"): None,  # the name of its table, or the key "name" of an item of a list
}


def _sections(recipe):
    """Return the sections of a recipe, and which class has what they say."""
    parts = {"populations": Population, "projections": Projection, "readouts": Readout}
    below = {"learning": Learning, "traces": Traces}
    for section in recipe.protocol.keys(recipe.settings):
        kind, _, name = section.partition(".")
        if kind in parts and "." not in name:
            yield section, parts[kind]
        elif section.rpartition(".")[2] in below and kind in parts:
            yield section, below[section.rpartition(".")[2]]
    yield "network", Network


@pytest.mark.parametrize("cls", [Network, Population, Projection, Readout, Learning, Traces, Connector])
def test_each_option_of_a_declaration_is_one_of_a_recipe(folder, cls):
    recipes = [load_recipe(folder / f"{name}.toml") for name in ("spiking", "rates")]
    written, unknown = set(), {each.name for each in fields(cls)}
    for recipe in recipes:
        keys = recipe.protocol.keys(recipe.settings)
        for section, of in _sections(recipe):
            # rules stand in the table of a projection, and learning may stand in that of a readout
            if of is not cls and (cls, of) not in {(Connector, Projection), (Learning, Readout)}:
                continue
            for name in [each.name for each in fields(cls)]:
                table = name if cls is Network else f"{section}.{name}"
                elsewhere = ELSEWHERE.get((cls.__name__, name), (section, name))
                if elsewhere is None or any(key.partition(".")[0] == table or key == table for key in keys):
                    unknown.discard(name)
                if elsewhere is not None and elsewhere[1] in keys[elsewhere[0]]:
                    unknown.discard(name)
                if elsewhere is None or elsewhere[1] in recipe.settings.get(elsewhere[0], {}):
                    written.add(name)
                if any(key.startswith((table, f"{table}.")) for key in recipe.settings):
                    written.add(name)
    assert not unknown
    assert written == {each.name for each in fields(cls)}, "an option that no test declares from a file"


@declared()
class Wider(Declared):
    """A declaration with options that no class of ours has."""

    lag: Converted[float, str] = Converted(0.0, "second")
    note: str = ""
    many: tuple[str, ...] = ()


def test_a_new_option_is_one_of_a_recipe_without_another_line():
    found = options_of(Wider)
    assert [found[name].key.setting.unit for name in ("lag", "note", "many")] == ["second", "text", "text"]
    assert found["many"].key.setting.many


def test_a_setting_of_any_depth(folder):
    settings = {
        "populations.exc.n": "6", "projections.plastic.learning.alpha_P": "2", "readouts.slow.traces.tau": "[1, 2, 3]",
        "readouts.out.feedback.exc.I_fb": "[[0, 0, 0, 0, 0, 1]]", "rates.noise": "10*Hz",
        "projections.drawn.weight": "1*mV",
    }  # fmt: skip
    recipe = load_recipe(folder / "spiking.toml", settings)
    net = recipe.sketch
    assert net.projections[0].learning.alpha_P == 2
    assert net.readouts["slow"].traces.tau.tolist() == [1, 2, 3]
    assert net.feedback_kernels["out", "exc", "I_fb"].tolist() == [[0, 0, 0, 0, 0, 1]]
    assert recipe.task().rates.tolist() == [[10, 10, 10]]
    assert net.projections[2].weights.weight == "1*mV"
    assert "projections.plastic.learning.alpha_P" in recipe.changed
    assert "--set projections.plastic.learning.alpha_P=2" in repeat_command(recipe)
    assert "'readouts.out.feedback.exc.I_fb=[[0, 0, 0, 0, 0, 1]]'" in repeat_command(recipe)
    assert load_recipe(folder / "spiking.toml", {"gain": "divided"}).sketch.readouts["out"].learning.gain == "divided"
    other = load_recipe(folder / "spiking.toml", {"task.name": "sawtooth"})
    assert other.task().target[:, 0].max() != recipe.task().target[:, 0].max()


def test_files_of_a_recipe_are_part_of_what_it_is(folder):
    before = identity_of_recipe(load_recipe(folder / "spiking.toml"))
    np.save(folder / "v0.npy", np.full(6, -0.06))
    after = identity_of_recipe(load_recipe(folder / "spiking.toml"))
    assert {name for name in after if after[name] != before[name]} == {"file of populations.exc.initial.v"}


def test_forecast_and_dry_run(folder):
    recipe = load_recipe(folder / "rates.toml")
    needs = forecast(recipe)
    # P of the readout and the recurrent weights is one, of aim another: 10 numbers each; 32 weights, 9 inputs
    assert needs.steps == 60
    learned = 2 * 10 * 8
    assert needs.memory == pytest.approx((4 * 4 * 2 + 4 + 36 / 2) * 25 + learned + 4 * 60 * 5 * 8 + 60 * 3 * 8, abs=16)
    check_run(recipe, target="numpy")
    check_run(load_recipe(folder / "spiking.toml"), target="numpy")


def test_a_network_without_readouts_needs_no_task(tmp_path):
    text = RATES.partition("[external_inputs]")[0].replace('shared_P = [["out", "recurrent"]]', "")
    text += '[populations.units]\nneuron = "echo_state"\nn = 3\n[populations.units.initial]\na = 1\n'
    (tmp_path / "mine.toml").write_text(text)
    results = run_outcome(load_recipe(tmp_path / "mine.toml"), target="numpy").results
    assert results.n_steps == 60
    assert results.output.shape[1] == 0


WRONG = [
    ("rates", 'cue = "int(t < 20*ms)"', 'cue = "t"', UnitsError, "mine.toml: inputs.cue: expected a quantity in 1"),
    ("rates", 'cue = "int(t < 20*ms)"', 'cuee = "1"', UnknownNameError,
     "mine.toml: inputs: expected a known external input (cue, go).\nReceived: 'cuee'\nFix: did you mean 'cue'?"),
    ("rates", 'cue = "int(t < 20*ms)"', "", InvalidValueError,
     'mine.toml: inputs.cue: expected a value, it has no default.\nReceived: None\nFix: as in cue = "int(t < 50*ms)"'),
    ("rates", 'cue = "int(t < 20*ms)"', "cue = [1, 2]", InvalidValueError,
     "inputs.cue: expected one value, one for each of 1 channels, or samples of shape (60, 1).\nReceived: 'shape (2"),
    ("rates", 'go = "go.csv"', 'go = "gone.csv"', InvalidValueError, "gone.csv"),
    ("rates", 'weights = "j.npy"', 'weights = "go.csv"', InvalidValueError,
     "mine.toml: projections.recurrent.weights: expected an array of shape (4, 4)"),
    ("rates", 'weights = "j.npy"', 'weights = "j.npy"\np = 0.1', InvalidValueError,
     "mine.toml: projections.recurrent.p: expected weights, or a rule that draws them.\nReceived: 'both'"),
    ("rates", 'weights = "j.npy"', "", InvalidValueError,
     'projections.recurrent.weight: expected a value, it has no default.\nReceived: None\nFix: add the key "weight"'),
    ("rates", 'wanted = "units"', 'wanted = "unit"', UnknownNameError, "mine.toml: targets.wanted: expected a known"),
    ("rates", "cue = 1\n", "cue = 0\n", InvalidValueError, "mine.toml: external_inputs.cue: expected a whole number"),
    ("rates", '"recurrent"]]', '"recurent"]]', UnknownNameError, "network.shared_P: expected a known learned"),
    ("rates", "update_every = 2}", "update_every = 0}", InvalidValueError,
     "projections.recurrent.learning.update_every: expected a whole number of time steps, at least 1"),
    ("rates", "update_every = 2}", "update_evry = 2}", UnknownNameError, "Fix: did you mean 'update_every'?"),
    ("rates", '[task]\nname = "recorded"\nfile = "y.npy"', "", InvalidValueError,
     'task.name: expected a supervisor, as weights learn.\nReceived: None\nFix: write [task] with its name'),
    ("rates", 'name = "recorded"\nfile = "y.npy"', "", InvalidValueError, "task.name: expected a value"),
    ("spiking", "noise = [", "exc = [", UnknownNameError, "rates: expected a known population of Poisson units (noise"),
    ("spiking", 'noise = ["200*Hz"', 'noise = ["200*mV"', UnitsError, "rates.noise"),
    ("spiking", 'bias = "-38*mV"', 'bias = "-38*pA"', UnitsError, "mine.toml: populations.exc.parameters.bias"),
    ("spiking", 'v = "v0.npy"', 'vv = "v0.npy"', UnknownNameError,
     "mine.toml: populations.exc.initial: expected a known state variable"),
    ("spiking", 'tau_decay = "5*ms"', 'tau_decay = "5*mV"', UnitsError,
     "mine.toml: projections.plastic.parameters.tau_decay: expected a quantity in second"),
    ("spiking", 'other = "2*mV"', 'other = "ex.v"', UnknownNameError, "projections.plastic.variables.other"),
    ("spiking", 'delay = "1*ms"', "delay = 1", UnitsError, "projections.exc_to_exc.delay: expected a quantity in"),
    ("spiking", "alpha_P = 1e-5\n", "alpha_P = 1e-5\nlearning = {alpha_P = 2}\n", InvalidValueError,
     "readouts.out.alpha_P: expected learning stated once"),
    ("spiking", "weights = [[1], [2], [3]]", "weights = [[1], [2], [3]]\noutputs = 1", InvalidValueError,
     "readouts.slow.outputs: expected nothing beside an array of weights"),
    ("rates", '"0.1*randn()/sqrt(N) + 0.1*i"', '"0.1*randm()"', UnknownNameError,
     "mine.toml: readouts.out.weights: expected a known "),
    ("rates", '"0.1*randn()/sqrt(N) + 0.1*i"', '"1*mV"', UnitsError,
     "mine.toml: readouts.out.weights: expected a quantity in 1.\nReceived: '1*mV, in volt'"),
    ("rates", "outputs = 1", "outputs = 0", InvalidValueError, "mine.toml: readouts.out.outputs: expected "),
    ("spiking", "row_sum = [0.1]", "row_sum = [true]", InvalidTypeError, "plastic.row_sum: expected a number"),
    ("spiking", "row_sum = [0.1]", 'row_sum = ["a"]', InvalidTypeError, "expected plain numbers in a list"),
    ("spiking", "tau = [0.1, 0.1, 0.005]", "tau = [0.1, 0.1, 0]", InvalidValueError,
     "mine.toml: readouts.slow.traces.tau: expected times above 0 seconds"),
    ("spiking", 'neuron = "lif"', "neuron = 3", InvalidTypeError, "populations.exc.neuron: expected a text"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "error", "text"), WRONG)
def test_wrong_options(folder, name, old, new, error, text):
    whole = (folder / f"{name}.toml").read_text()
    assert old in whole
    (folder / "mine.toml").write_text(whole.replace(old, new, 1))
    with pytest.raises(error) as caught:
        load_recipe(folder / "mine.toml")
    assert text in str(caught.value)


def test_files_that_hold_something_else(folder):
    np.savez(folder / "weights.npz", a=1, b=2)
    with pytest.raises(InvalidValueError, match=r"weights: expected one array, or the pre, post, weight and shape of"):
        load_recipe(folder / "spiking.toml")
    np.savez(folder / "weights.npz", pre=[0], post=[0], weight=[1.0], shape=[9, 6, 1])
    with pytest.raises(InvalidValueError, match=r"weights: expected the shape of a matrix \(pre, post\), two whole"):
        load_recipe(folder / "spiking.toml")
    np.savez(folder / "weights.npz", format=np.array(b"csr"), a=1)
    with pytest.raises(InvalidValueError, match=r"weights: expected a matrix that scipy.sparse.save_npz wrote"):
        load_recipe(folder / "spiking.toml")


def test_a_matrix_of_scipy(folder):
    import scipy.sparse

    arrays = np.load(folder / "weights.npz")
    matrix = scipy.sparse.coo_array((arrays["weight"], (arrays["pre"], arrays["post"])), (9, 6))
    scipy.sparse.save_npz(folder / "weights.npz", scipy.sparse.csr_array(matrix))
    assert PROTOCOL.nested == ("populations", "projections", "readouts")
    kernel = load_recipe(folder / "spiking.toml").sketch.kernels[0]
    np.testing.assert_array_equal(kernel.to_dense(), matrix.toarray())
