"""Networks that cannot be: every mistake is refused before anything is compiled, by name and with its mending."""

from __future__ import annotations

from dataclasses import replace

import brian2 as b2
import numpy as np
import pytest
import scipy.sparse

from tension_sim import (
    InvalidTypeError,
    InvalidValueError,
    Learning,
    Network,
    OutOfMemoryError,
    Population,
    Projection,
    Readout,
    Record,
    Simulation,
    SparseKernel,
    Traces,
    UnitsError,
    UnknownNameError,
)

EXC, INH = np.ones((4, 3)), np.ones((3, 4))
LEARNING = Learning(alpha_P=1.0)


def net(projections=(), readouts=None, **changes) -> Network:
    populations = {"exc": Population("adex", 4), "inh": Population("lif", 3)}
    settings = {"dt": "0.1*ms", "populations": populations, "projections": projections, "readouts": readouts or {}}
    return Network(**(settings | changes))


def refused(error: type[Exception], text: str, build) -> None:
    with pytest.raises(error) as caught:
        build()
    assert text in str(caught.value)


def to_inh(**changes):
    return [Projection(**({"pre": "exc", "post": "inh", "weights": EXC} | changes))]


def to_exc(**changes):
    return [Projection("inh", "exc", **({"weights": INH, "into": "g_exc"} | changes))]


def learned(**changes):
    return Projection("exc", "inh", **({"weights": EXC, "learning": LEARNING, "error": "unit*(output - y)"} | changes))


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda: Population("adx", 4), UnknownNameError, "Fix: did you mean 'adex'?"),
        (lambda: Population("adex", 0), InvalidValueError, "Population.n: expected a whole number, at least 1."),
        (lambda: Population("lif", 4, activation="relu"), InvalidValueError,
         "Population.activation: 'lif' spikes, and spiking neurons have no activation.\nReceived: 'relu'\n"
         "Fix: leave activation out."),
        (lambda: Population("echo_state", 4, activation="rely"), UnknownNameError, "Fix: did you mean 'relu'?"),
        (lambda: Population("echo_state", 4, filters="double_exponential"), InvalidValueError,
         "Population.filters: 'echo_state' has no spikes to filter.\nReceived: 'double_exponential'"),
        (lambda: Population("lif", 4, filters=["tsodyks_markram"]), InvalidValueError,
         "Population.filters: expected filters of spikes, without presynaptic state.\nReceived: 'tsodyks_markram'"),
        (lambda: Population("lif", 4, filters=[3]), InvalidTypeError, "expected the name of a filter, or a path"),
        (lambda: Population("lif", 4, parameters=[1]), InvalidTypeError,
         "Population.parameters: expected a dictionary of names and values.\nReceived: [1]"),
        (lambda: Projection("a", "b", weights=EXC, synapse="gaba"), UnknownNameError, "Fix: did you mean 'gaba_a'?"),
        (lambda: Projection("a", 1, weights=EXC), InvalidTypeError, "Projection.post: expected a text.\nReceived: 1"),
        (lambda: Projection("a", "b", weights=EXC, sign=0), InvalidValueError,
         "Projection.sign: expected +1, -1 or None.\nReceived: 0"),
        (lambda: Projection("a", "b", weights=EXC, learning=LEARNING), InvalidValueError,
         "Projection.error: expected learning and error together.\nReceived: ''\nFix: as in error="),
        (lambda: Projection("a", "b", weights=EXC, learning=3, error="z"), InvalidTypeError,
         "Projection.learning: expected a Learning or None.\nReceived: 3"),
        (lambda: Projection("a", "b", weights=EXC, parameters=3), InvalidTypeError,
         "Projection.parameters: expected a dictionary of names and values.\nReceived: 3"),
        (lambda: Projection("a", "b", weights=EXC, when="start"), InvalidValueError,
         "Projection.when: the weights do not learn.\nReceived: 'start'\nFix: leave when out, or pass learning."),
        (lambda: Projection("a", "b", weights=EXC, factor=EXC), InvalidValueError,
         "Projection.factor: the weights do not learn."),
        (lambda: Projection("a", "b", weights=EXC, divide_by_source=True), InvalidValueError,
         "Projection.divide_by_source: the weights do not learn.\nReceived: True"),
        (lambda: Projection("a", "b", weights=EXC, variables=3), InvalidTypeError,
         "Projection.variables: expected a dictionary of names.\nReceived: 3"),
        (lambda: Projection("a", "b", weights=EXC, supervisor="z"), InvalidValueError,
         "Projection.supervisor: the weights do not learn.\nReceived: 'z'"),
        (lambda: Projection([], "b", weights=EXC), InvalidValueError,
         "Projection.pre: expected one or more populations, each once.\nReceived: []"),
        (lambda: Projection(["a", 3], "b", weights=EXC), InvalidTypeError,
         "Projection.pre: expected a text.\nReceived: 3"),
        (lambda: Projection("a", "b", weights=EXC, at_spikes=1), InvalidTypeError, "Projection.at_spikes: expected "),
        (lambda: Projection("a", "b", weights=EXC, alpha_P=[1.0]), InvalidValueError,
         "Projection.alpha_P: the weights do not learn."),
        (lambda: learned(when="now"), InvalidValueError, "Projection.when: expected one of 'end', 'start'."),
        (lambda: learned(variables={"lambda": "1*mV"}), InvalidValueError,
         "Projection.variables: expected a name that is free.\nReceived: 'lambda'"),
        (lambda: Readout("a", np.ones((4, 1)), traces=3), InvalidTypeError,
         "Readout.traces: expected a Traces or None.\nReceived: 3"),
        (lambda: Readout("a", np.ones((4, 1)), supervisor=3), InvalidTypeError, "Readout.supervisor: expected a text"),
        (lambda: Readout([], np.ones((4, 1))), InvalidTypeError, "Readout.sources: expected names of populations"),
        (lambda: Readout(["a", "a"], np.ones((4, 1))), InvalidValueError, "sources: expected each population once"),
        (lambda: Readout("a", np.ones((4, 1)), feedback=[1]), InvalidTypeError,
         "Readout.feedback: expected a dictionary of populations.\nReceived: [1]\nFix: as in"),
        (lambda: Readout("a", np.ones((4, 1)), learning=1), InvalidTypeError, "Readout.learning: expected a Learning"),
    ],
)  # fmt: skip
def test_parts(build, error, text):
    refused(error, text, build)


@pytest.mark.parametrize(
    ("projections", "error", "text"),
    [
        ([Projection("exz", "inh", weights=EXC)], UnknownNameError,
         "Network.projections[0].pre: expected a known population (exc, inh).\nReceived: 'exz'\n"
         "Fix: did you mean 'exc'?"),
        ([Projection("exc", "in", weights=EXC)], UnknownNameError, "Network.projections[0].post: expected a known"),
        (to_exc(into="g_ex"), UnknownNameError,
         "Network.projections[0].into: expected a known input of 'adex' (I_fb, I_in, I_rec, g_exc, g_inh).\n"
         "Received: 'g_ex'\nFix: did you mean 'g_exc'?"),
        (to_inh(weights=INH), InvalidValueError, "Network.projections[0].weights: expected an array of shape (4, 3)"),
        (to_inh(weights=None), InvalidTypeError, "Network.projections[0].weights: expected weights of shape (4, 3)"),
        (to_inh(weights=SparseKernel.from_dense(INH)), InvalidValueError,
         "Network.projections[0].weights: expected weights of shape (4, 3) (pre, post).\nReceived: (3, 4)"),
        (to_inh(weights=scipy.sparse.csr_array(INH)), InvalidValueError, "weights: expected weights of shape (4,"),
        (to_inh(weights=EXC * np.nan), InvalidValueError, "Network.projections[0].weights: expected finite values"),
        (to_inh(weights=EXC * b2.nS), UnitsError,
         "Network.projections[0].weights: expected plain numbers, or a quantity in mV.\nReceived: "
         "'a quantity in siemens'"),
        (to_exc(weights=INH * b2.pA), UnitsError, "expected plain numbers, or a quantity in nS.\n"),
        (to_exc(weights=-INH), InvalidValueError,
         "Network.projections[0].weights: expected conductances of at least 0.\n"
         "Received: '-1 from neuron 0 to 0, the first of 12'\n"
         "Fix: the reversal potential of the input makes a synapse inhibitory."),
        (to_inh(weights=-EXC, sign=1), InvalidValueError,
         "Network.projections[0].weights: expected weights of the sign +1.\n"
         "Received: '-1 from neuron 0 to 0, the first of 12'\nFix: change the sign, or them."),
        (to_inh(sign=1) + [Projection("exc", "exc", weights=-np.ones((4, 4)), sign=-1)], InvalidValueError,
         "Network.projections[1].sign: expected +1, the sign of the other projections of 'exc' (Dale's law).\n"
         "Received: -1"),
        (to_inh(name="a") + to_exc(name="a"), InvalidValueError,
         "Network.projections[1].name: expected a name used once.\nReceived: 'a'\nFix: give one"),
        (to_inh(name="a b"), InvalidValueError, "Network.projections[0].name: expected names of at most 40 letters"),
        (to_inh(parameters={"tau": "3*ms"}), UnknownNameError, "Network(double_exponential): parameters"),
        (to_inh(parameters={"tau_rise": "3*mV"}), UnitsError, "Network(double_exponential): parameters.tau_rise"),
        (to_inh(parameters={"tau_rise": "0*ms"}), InvalidValueError, "tau_rise: expected a time constant above 0"),
        ([3], InvalidTypeError, "projections[0]: expected a Projection.\nReceived: 3"),
        (3, InvalidTypeError, "Network.projections: expected a list of Projection.\nReceived: 3"),
        (to_inh(learning=LEARNING, error="unit*(outpt - y)"), UnknownNameError, "Fix: did you mean 'output'?"),
        (to_inh(learning=LEARNING, error="output - y"), UnitsError,
         "Network.projections[0].error: expected an error in volt.\nReceived: 'output - y'\n"
         "Fix: its unit is 1 (no unit)."),
        (to_inh(learning=LEARNING, error="unit*v"), UnitsError, "expected an error in volt.\nReceived: 'unit*v'"),
        (to_inh(learning=LEARNING, error="z - unit*y"), InvalidValueError,
         "Network.projections[0].error: expected one readout beside y, which is its supervisor.\n"
         "Received: 'z - unit*y'\nFix: as in \"unit*(output - y)\"."),
        (to_inh(learning=LEARNING, error="unit*(two - y)"), InvalidValueError,
         "expected a readout with one output, which every neuron learns from.\nReceived: 'two, with 2'"),
        ([learned(error="z - unit*y", supervisor="two")], InvalidValueError,
         "Network.projections[0].error: expected a supervisor of one value, or of 3, one for each postsynaptic neuron."
         "\nReceived: 'that of two, with 2'"),
        ([learned(supervisor="outpt")], UnknownNameError,
         "Network.projections[0].supervisor: expected a known readout or output (output, two).\nReceived: 'outpt'\n"
         "Fix: did you mean 'output'?"),
        ([learned(factor=INH)], InvalidValueError,
         "Network.projections[0].factor: expected an array of shape (4, 3) (n_pre, n_post).\nReceived: (3, 4)"),
        ([learned(alpha_P=[1, 2, 0, 1])], InvalidValueError,
         "Network.projections[0].alpha_P: expected numbers above 0."),
        ([learned(signs=[1, 2, 1, 1])], InvalidValueError,
         "Network.projections[0].signs: expected +1 or -1 for each source of a plastic synapse.\nReceived: 2"),
        ([learned(signs=[1, 1, 1, 1], sign=1)], InvalidValueError,
         "Network.projections[0].signs: all weights have one sign.\nReceived: 'an array'\nFix: leave signs out."),
        ([learned(groups=[0, 0, 1, 1])], InvalidValueError,
         "Network.projections[0].row_sum: expected row_sum and groups together.\nReceived: None"),
        ([learned(groups=[0, 0, 1, 1], row_sum=[1.0])], InvalidValueError,
         "Network.projections[0].row_sum: expected an array of shape (2,)"),
        ([learned(at_spikes=True)], InvalidValueError,
         "Network.projections[0].synapse: expected a synapse whose spikes add to its output, where weights learn and "
         "act at spikes.\nReceived: 'double_exponential'"),
        ([learned(at_spikes=True, synapse="single_exponential", error="z_now - unit*y")], UnknownNameError,
         "Network.projections[0].error: expected a known "),
        ([learned(at_spikes=True, synapse="single_exponential", delay=[1e-3] * 4)], InvalidValueError,
         "Network.projections[0].delay: expected one time, one for each of 12 synapses, or shape (4, 3).\n"
         "Received: (4,)"),
        ([Projection("exc", "exc", weights=np.ones((4, 4)), into="I_fb", learning=LEARNING, error="z",
                     delay=np.arange(16.0).reshape(4, 4) * 1e-4,
                  divide_by_source=True)], InvalidValueError,
         "Network.projections[0].divide_by_source: a neuron whose synapses have several delays has no one trace, by "
         "whose P they could be divided.\nReceived: True\n"
         "Fix: give all synapses of a neuron one delay, or leave divide_by_source out."),
        (to_inh(pre=["exc", "inz"], weights=np.ones((7, 3))), UnknownNameError,
         "Network.projections[0].pre: expected a known population (exc, inh).\nReceived: 'inz'"),
        (to_inh(pre=["exc", "inh"]), InvalidValueError,
         "Network.projections[0].weights: expected an array of shape (7, 3)"),
        (to_inh(pre=["exc", "inh"], weights=np.ones((7, 3)), delay={"exz": "1*ms"}), UnknownNameError,
         "Network.projections[0].delay: expected a known source of the projection (exc, inh).\nReceived: 'exz'"),
        (to_inh(pre=["exc", "y"], weights=np.ones((7, 3))), InvalidValueError,
         "Network.projections[0].pre: expected populations that spike.\nReceived: 'y, which does not'"),
        ([learned(divide_by_source=True)], InvalidValueError,
         "Network.projections[0].divide_by_source: the presynaptic neurons have no weights of this rule, whose P could "
         "divide.\nReceived: True\nFix: leave divide_by_source out."),
        ([learned(variables={"v": "1*mV"})], InvalidValueError,
         "Network.projections[0].variables['v']: expected a name that the error does not know already.\nReceived: 'v'"),
        ([learned(variables={"a": "exz.v"})], UnknownNameError,
         "Network.projections[0].variables['a']: expected a known population or projection (exc, exc_to_inh, inh)."),
        ([learned(variables={"a": "inh.w"})], UnknownNameError, "expected a known variable of 'inh' ("),
        ([learned(variables={"a": "exc.v"})], InvalidValueError,
         "Network.projections[0].variables['a']: expected 3 values, one for each postsynaptic neuron.\n"
         "Received: 'exc.v, with 4'"),
        ([learned(variables={"a": "other.z"}), *to_inh(name="other")], InvalidValueError,
         "variables['a']: expected a projection whose weights act in each step: of rates, inputs or presynaptic state, "
         "or learned.\nReceived: 'other'"),
        ([learned(variables={"a": "2*mW"})], UnknownNameError, "Network.projections[0].variables['a']"),
    ],
)  # fmt: skip
def test_projections(projections, error, text):
    readouts = {"output": Readout("exc", np.zeros((4, 1))), "two": Readout("exc", np.zeros((4, 2)))}
    refused(error, text, lambda: net(projections, readouts))


@pytest.mark.parametrize(
    ("readouts", "error", "text"),
    [
        ({"z": Readout("ex", np.zeros((4, 1)))}, UnknownNameError,
         "Network.readouts['z'].sources: expected a known population (exc, inh).\nReceived: 'ex'"),
        ({"z": Readout(["exc", "inh"], np.zeros((4, 1)))}, InvalidValueError,
         "Network.readouts['z'].weights: expected an array of shape (7, n_outputs).\nReceived: (4, 1)"),
        ({"z": Readout("exc", np.zeros((4, 1)), feedback={"exz": 1})}, UnknownNameError,
         "Network.readouts['z'].feedback['exz']: expected a known population"),
        ({"z": Readout("exc", np.zeros((4, 1)), feedback={"exc.I_f": np.ones((1, 4))})}, UnknownNameError,
         "Network.readouts['z'].feedback['exc.I_f']: expected a known input of 'adex'"),
        ({"z": Readout("exc", np.zeros((4, 1)), feedback={"exc": np.ones((4, 1))})}, InvalidValueError,
         "Network.readouts['z'].feedback['exc']: expected an array of shape (1, 4) (n_outputs, n).\nReceived: (4, 1)"),
        ({"z": Readout("exc", np.zeros((4, 1)), feedback={"exc": np.ones((1, 4)) * b2.mV})}, UnitsError,
         "Network.readouts['z'].feedback['exc']: expected plain numbers, or a quantity in pA."),
        ({"z": Readout("exc", np.zeros((4, 1)), feedback={"exc": np.ones((1, 4)), "exc.I_fb": np.ones((1, 4))})},
         InvalidValueError, "Network.readouts['z'].feedback['exc.I_fb']: expected one feedback into each input"),
        ({"lambda": Readout("exc", np.zeros((4, 1)))}, InvalidValueError,
         "Network.readouts: expected a name that is free.\nReceived: 'lambda'"),
        ({"z": Readout("exc", np.zeros((2, 1)), traces=Traces([0, 4], [0.1, 0.1]))}, InvalidValueError,
         "Network.readouts['z'].traces: expected neurons from 0 to 3.\nReceived: 4"),
        ({"z": Readout("exc", np.zeros((4, 1)), supervisor="a")}, UnknownNameError,
         "Network.readouts['z'].supervisor: expected a known readout that has a supervisor"),
        ({"a": Readout("exc", np.zeros((4, 1))), "z": Readout("exc", np.zeros((4, 2)), supervisor="a")},
         InvalidValueError,
         "Network.readouts['z'].supervisor: expected a readout with 2 outputs.\nReceived: 'one with 1'"),
        ({"z": 3}, InvalidTypeError, "Network.readouts['z']: expected a Readout.\nReceived: 3"),
        ([3], InvalidTypeError, "Network.readouts: expected a dictionary of names and Readout.\nReceived: [3]"),
    ],
)  # fmt: skip
def test_readouts(readouts, error, text):
    refused(error, text, lambda: net(readouts=readouts))


@pytest.mark.parametrize("name", ["y", "z", "error"])
def test_a_variable_of_neurons_that_an_error_would_name_twice(tmp_path, name):
    lines = (
        'kind = "neuron"', 'summary = "A"', f'equations = "dv/dt = (I - v)/tau : 1\\nd{name}/dt = -{name}/tau : 1"',
        'threshold = "v > 1"', 'reset = "v = 0"', 'method = "euler"', 'membrane = "v"', "[inputs]",
        'I = {unit = "1", meaning = "current"}', "[units]", 'current = "1"', 'rate = "1/second"', "[parameters]",
        'tau = "10*ms"',
    )  # fmt: skip
    path = tmp_path / "mine.toml"
    path.write_text("\n".join(lines))
    populations = {"exc": Population(path, 4), "inh": Population(path, 3)}
    outputs = {"readouts": {"out": Readout("exc", np.zeros((4, 1)))}, "populations": populations}
    given = {"into": "I", "learning": LEARNING, "synapse": "ampa"}
    assert net(to_inh(**given, error="unit*out"), **outputs)
    text = (
        f"Network.projections[0].error: expected names with one meaning.\nReceived: {name!r}\n"
        f"Fix: give the variable {name!r} of 'mine' another name."
    )
    refused(InvalidValueError, text, lambda: net(to_inh(**given, error=f"unit*(out - {name})"), **outputs))


@pytest.mark.parametrize("at_spikes", [False, True])
def test_nothing_to_learn(at_spikes):
    nothing = to_inh(
        weights=SparseKernel(4, [], [], [], 3), learning=LEARNING, error="0*z", synapse="ampa", at_spikes=at_spikes
    )
    text = "Network.projections[0].weights: expected at least one weight to learn.\nReceived: 0"
    refused(InvalidValueError, text, lambda: net(nothing))


def test_delays_of_as_many_neurons_as_synapses():
    """Where the two would differ, which they are has to be said; where weights act at spikes, it is synapses."""
    crossed = SparseKernel(4, [2, 0, 3, 1], [0, 1, 2, 0], np.ones(4), 3)
    delays = 1e-4 * np.array([1, 2, 3, 4])
    given = {"weights": crossed, "learning": LEARNING, "error": "0*z"}
    text = (
        "Network.projections[0].delay: expected delays that are those of neurons or of synapses, of which there are as "
        "many here.\nReceived: (4,)\n"
        "Fix: for synapses an array of shape (4, 3), for neurons as in {name: delays}."
    )
    refused(InvalidValueError, text, lambda: net(to_inh(**given, delay=delays)))
    of_synapses = np.zeros((4, 3))
    of_synapses[crossed.pre, crossed.post] = delays
    for delay, wanted in ((of_synapses, [1, 2, 3, 4]), ({"exc": delays}, [3, 1, 4, 2])):
        found = net(to_inh(**given, delay=delay))
        assert found.delayed_traces[0].of_synapses(found.kernels[0]).tolist() == wanted
    assert net(to_inh(**given, delay=np.full(4, 2e-4)))
    static = net(to_inh(weights=crossed, delay=delays))
    assert static.delays[0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("name", ["z", "y", "z_now", "unit", "I_rec", "v"])
def test_a_readout_that_an_error_would_name_twice(name):
    readouts = {name: Readout("exc", np.zeros((4, 1)))}
    assert net(to_inh(learning=LEARNING, error="0*z" if name != "z" else "0*unit"), readouts).readouts
    text = f"Network.projections[0].error: expected names with one meaning.\nReceived: {name!r}\nFix: give the readout"
    refused(InvalidValueError, text, lambda: net(to_inh(learning=LEARNING, error=f"z*unit*{name}"), readouts))


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"populations": {}}, InvalidValueError, "Network.populations: expected at least one population."),
        ({"populations": {"a": "lif"}}, InvalidTypeError, "Network.populations['a']: expected a Population"),
        ({"populations": {"a__b": Population("lif", 2)}}, InvalidValueError, "Network.populations: expected names of"),
        ({"populations": {1: Population("lif", 2)}}, InvalidTypeError, "Network.populations: expected names in quotes"),
        ({"populations": {"a": Population("lif", 2, parameters={"tau": 1})}}, UnknownNameError,
         "Network.populations['a'](lif): parameters: expected a known parameter"),
        ({"populations": {"a": Population("lif", 2, parameters={"tau_mem": "3*mV"})}}, UnitsError,
         "Network.populations['a'](lif): parameters.tau_mem: expected a quantity in second"),
        ({"populations": {"a": Population("lif", 2, initial={"w": 0})}}, UnknownNameError,
         "Network.populations['a'].initial: expected a known state variable"),
        ({"populations": {"a": Population("lif", 2, initial={"v": [1, 2, 3]})}}, InvalidValueError,
         "Network.populations['a'].initial['v']: expected an array of shape (2,) (neurons)"),
        ({"dt": "11*ms", "populations": {"a": Population("lif", 2)}}, InvalidValueError,
         "Network.populations['a'](lif): parameters.tau_mem: expected a time constant of at least one time step"),
        ({"external_inputs": [2]}, InvalidTypeError,
         "Network.external_inputs: expected a dictionary of names and channels.\nReceived: [2]"),
        ({"external_inputs": {"cue": 0}}, InvalidValueError,
         "Network.external_inputs['cue']: expected a whole number, at least 1.\nReceived: 0"),
        ({"external_inputs": {"exc": 1}}, InvalidValueError,
         "Network.external_inputs: expected names that no population has.\nReceived: 'exc'"),
        ({"external_inputs": {"cue": 2}, "projections": [Projection("cue", "inh", weights=INH)]}, InvalidValueError,
         "Network.projections[0].weights: expected an array of shape (2, 3)"),
        ({"external_inputs": {"cue": 3}, "projections": [Projection("cue", "inh", weights=INH[:, :3], delay="1*ms")]},
         InvalidValueError, "Network.projections[0].delay: 'cue' has no spikes.\n"),
        ({"outputs": ["exc.v"]}, InvalidTypeError, "Network.outputs: expected a dictionary of names and variables."),
        ({"outputs": {"v": 3}}, InvalidTypeError, "Network.outputs['v']: expected a variable of the network."),
        ({"outputs": {"v": "exz.v"}}, UnknownNameError, "Network.outputs['v']: expected a known population (exc, inh)"),
        ({"outputs": {"v": "exc.g_inh"}}, InvalidValueError,
         "Network.outputs['v']: expected a variable of 'exc' that is stored for each neuron.\nReceived: 'exc.g_inh'\n"
         "Fix: nothing comes into it."),
        ({"outputs": {"v": "exc.b"}}, UnknownNameError, "Network.outputs['v']: expected a known variable of 'exc' ("),
        ({"targets": 3}, InvalidTypeError, "Network.targets: expected a dictionary of names and populations."),
        ({"targets": {"a": "exz"}}, UnknownNameError, "Network.targets['a']: expected a known population (exc, inh)"),
        ({"targets": {"a": "exc"}, "outputs": {"a": "exc.v"}}, InvalidValueError,
         "Network.targets['a']: expected a name used once.\nReceived: 'a'\nFix: give one of them another name."),
        ({"shared_P": 3}, InvalidTypeError, "Network.shared_P: expected a list of groups of names.\nReceived: 3\nFix"),
        ({"shared_P": [["z"]]}, InvalidTypeError, "Network.shared_P: expected groups of two or more names."),
        ({"shared_P": [["z", "y"]]}, UnknownNameError, "shared_P: expected a known learned readout or projection"),
        ({"dt": "1*mV"}, UnitsError, "Network.dt: expected a time.\nReceived: '1*mV'"),
        ({"dtype": "int"}, InvalidValueError, "Network.dtype: expected one of 'float64', 'float32'.\nReceived: 'int'"),
        ({"seed": -1}, InvalidValueError, "Network.seed: expected a whole number, at least 0.\nReceived: -1"),
    ],
)  # fmt: skip
def test_networks(changes, error, text):
    refused(error, text, lambda: net(**changes))


@pytest.mark.parametrize(
    ("projection", "text"),
    [
        (learned(learning=Learning(alpha_P=2.0)), "the same learning as 'output'.\nReceived: 'learned, with another'"),
        (learned(synapse="single_exponential"), "names with the same source as 'output'"),
        (learned(error="unit*(other - y)"), "names with the same supervisor as 'output'"),
        (learned(sign=1), "names with the same sign as 'output'"),
        (learned(when="start"), "rules that can share P.\nReceived: 'learned, with when=\"start\"'"),
        (
            learned(at_spikes=True, synapse="single_exponential"),
            "rules that can share P.\nReceived: 'learned, which acts",
        ),
        (learned(delay="1*ms"), "rules that can share P.\nReceived: 'learned, which has a delay'"),
    ],
)
def test_rules_that_cannot_share_P(projection, text):
    readouts = {name: Readout("exc", np.zeros((4, 1)), learning=LEARNING) for name in ("output", "other")}
    projections, shared = [replace(projection, name="learned")], [["output", "learned"]]
    refused(InvalidValueError, text, lambda: net(projections, readouts, shared_P=shared))


def test_rules_behind_a_readout_that_cannot_share_P():
    """The error of a readout names nothing: those after it are compared with each other too."""
    readouts = {"output": Readout("exc", np.zeros((4, 1)), learning=LEARNING)}
    own = Projection(
        "exc", "exc", weights=np.ones((4, 4)), learning=LEARNING, error="unit*(output - y)", name="recurrent"
    )  # whose unit is pA, and that of the other mV
    text = "Network.shared_P: expected names with the same meaning of names as 'learned'.\nReceived: 'recurrent, with"
    projections, shared = [learned(name="learned"), own], [["output", "learned", "recurrent"]]
    refused(InvalidValueError, text, lambda: net(projections, readouts, shared_P=shared))
    apart = net(projections, readouts, shared_P=[["output", "learned"]])
    assert len(Simulation(apart, target="numpy").run(np.ones(5)).weights) == 3


def test_a_name_shares_P_once():
    readouts = {name: Readout("exc", np.zeros((4, 1)), learning=LEARNING) for name in ("output", "other")}
    shared = [["output", "other"], ["other", "output"]]
    same = [replace(readouts["output"], supervisor=""), replace(readouts["other"], supervisor="output")]
    readouts = dict(zip(readouts, same, strict=True))
    text = "Network.shared_P: expected each name once.\nReceived: 'other'"
    refused(InvalidValueError, text, lambda: net(readouts=readouts, shared_P=shared))
    assert net(readouts=readouts, shared_P=shared[:1]).shared_P == (("output", "other"),)


def test_weights_of_a_readout_that_no_memory_holds():
    text = r"Network.readouts\['z'\].outputs: expected what fits into the memory of [\s\S]*Fix: choose fewer outputs\."
    with pytest.raises(OutOfMemoryError, match=text):
        net(readouts={"z": Readout("exc", weights=0.0, outputs=10**12)})


def test_a_supervisor_that_only_a_readout_has():
    with pytest.raises(UnknownNameError, match=r"projections\[0\].pre: expected a known population"):
        net([Projection("y", "inh", weights=np.ones((1, 3)))])
    assert net([Projection("y", "inh", weights=np.ones((3, 3)))], outputs={"out": "inh.v"}).n_outputs == 3


@pytest.mark.parametrize(
    ("variables", "error", "text"),
    [
        ({"v": [0]}, UnknownNameError, "Record.variables: expected a known state variable"),
        ({"exc.u": [0]}, UnknownNameError, "Record.variables: expected a known state variable"),
        ({"inh.v": [3]}, InvalidValueError, "Record.variables['inh.v']: expected neurons from 0 to 2.\nReceived: (3,)"),
    ],
)
def test_records(variables, error, text):
    refused(error, text, lambda: Simulation(net(), target="numpy", record=Record(variables=variables)))


def test_runs():
    refused(
        InvalidValueError,
        "Simulation.run.y: the network has no readout to give a target to.\nReceived: (5, 1)\nFix: leave y out.",
        lambda: Simulation(net(), target="numpy").run(np.zeros(5)),
    )
    readouts = {"a": Readout("exc", np.zeros((4, 1))), "b": Readout("exc", np.zeros((4, 2)))}
    refused(
        InvalidValueError,
        "Simulation.run.y: expected shape (timesteps, 3).\nReceived: (5, 2)",
        lambda: Simulation(net(readouts=readouts), target="numpy").run(np.zeros((5, 2))),
    )
    with pytest.raises(UnknownNameError, match="Results.populations: expected a known population"):
        Simulation(net(), target="numpy").run(steps=2).spikes(population="ext")
