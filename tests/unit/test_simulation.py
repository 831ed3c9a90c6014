"""Simulation: the same on every target, going on where it stopped, and what it refuses.

All compiled runs share one program: what differs between them are values.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import warnings

import numpy as np
import pytest
from lif_network import STEPS, N, Y, assert_same, net
from targets import assert_close, skip_unless_here

from tension_sim.circuit import parts as circuit
from tension_sim.declare.network import ForceNetwork, Learning, SparseKernel
from tension_sim.declare.record import Record
from tension_sim.errors import (
    CompilerNotFoundError,
    DivergenceError,
    InvalidTypeError,
    InvalidValueError,
    RunFailedError,
    UnknownNameError,
)
from tension_sim.results.results import Phase
from tension_sim.run.program import Program
from tension_sim.run.simulation import Simulation
from tension_sim.system.children import run_program
from tension_sim.tasks import Task

TARGETS = ("numpy", "cython", "cpp_standalone")


@pytest.fixture(params=[*TARGETS, pytest.param("tensorflow", marks=pytest.mark.slow)])
def target(request):
    skip_unless_here(request.param)
    return request.param


RULES = {
    "waiting terms": Learning(alpha_P=5e-6, gain="undivided", update_every=3),
    "everything": Learning(alpha_P=1e-4, update_every=2, start=11, stop=200, forgetting=0.98, probability=0.6),
}


@pytest.mark.parametrize("rule", RULES)
def test_two_parts_are_one_long_run(target, rule):
    task = Task("demo", STEPS, Y[:50, None], period=50)
    simulation = Simulation(net(learning=RULES[rule]), target=target)
    whole = simulation.run(task)
    first = simulation.run(task, steps=97)
    second = simulation.run(task, state=first.state)
    if target in ("cython", "cpp_standalone"):
        assert first.state["rls.pending"][0] > 0
    assert (second.first_step, second.n_steps) == (97, STEPS - 97)
    for name in whole.state:
        assert np.array_equal(second.state[name], whole.state[name]), name
    for name in ("output", "target", "spike_step", "spike_neuron"):
        joined = np.concatenate([getattr(first, name), getattr(second, name)])
        assert np.array_equal(joined, getattr(whole, name)), name
    assert whole.state["rls.n_updates"][0] > 20
    assert len(whole.spike_step) > N / 2


@pytest.mark.parametrize("rule", RULES)
def test_targets_agree(rule):
    runs = {}
    for name in TARGETS:
        skip_unless_here(name)
        runs[name] = Simulation(net(learning=RULES[rule]), target=name).run(Y)
    wanted = runs.pop("numpy")
    for name, found in runs.items():
        assert np.array_equal(found.spike_step, wanted.spike_step), name
        for key in ("output", "target"):
            assert_close(getattr(found, key), getattr(wanted, key), what=f"{name} {key}")
        for key in ("neurons.v", "neurons.r", "neurons.I_rec", "neurons.I_fb", "readout.w", "rls.n_updates"):
            assert_close(found.state[key], wanted.state[key], what=f"{name} {key}")


def test_single_precision():
    double = Simulation(net(), target="numpy").run(Y)
    single = Simulation(net(dtype="float32"), target="numpy").run(Y)
    assert single.state["neurons.v"].dtype == single.state["rls.P_packed"].dtype == np.float32
    assert np.abs(single.output[:100] - double.output[:100]).max() < 1e-4


class TestLearning:
    def test_off_leaves_weights_and_P_alone(self, target):
        simulation = Simulation(net(), target=target)
        trained = simulation.run(Y)
        assert trained.weights["output_kernel"].any()
        still = simulation.run(steps=50, learning=False, state=trained.state)
        for name in ("readout.w", "rls.P_packed", "rls.n_updates", "rls.fresh"):
            assert np.array_equal(still.state[name], trained.state[name]), name
        assert still.target is None
        assert still.output.any()

    def test_initial_weights(self):
        kernel = np.random.default_rng(0).standard_normal((N, 1))
        base = net()
        network = ForceNetwork(
            "lif",
            "double_exponential",
            N,
            base.dt,
            base.recurrent,
            base.feedback_kernel,
            kernel,
            initial={"r": 0.5},
        )
        found = Simulation(network, target="numpy").run(steps=1)
        assert np.array_equal(found.weights["output_kernel"], kernel)
        assert_close(found.output, kernel.T @ found.state["neurons.r"][:, None])

    def test_values_of_numpy_types(self, target):
        rules = (
            Learning(alpha_P=1e-4, update_every=3, start=5, stop=200, forgetting=0.75, probability=0.5),
            Learning(
                alpha_P=np.float64(1e-4), update_every=np.int64(3), start=np.int32(5), stop=np.uint8(200),
                forgetting=np.float32(0.75), probability=np.float16(0.5),
            ),
        )  # fmt: skip
        first, second = (Simulation(net(learning=rule), target=target).run(Y) for rule in rules)
        assert_same(first, second)

    def test_large_seeds_draw_the_same(self, target):
        rule = Learning(alpha_P=1e-4, probability=0.5)
        found = Simulation(net(seed=2**63 - 1, learning=rule), target=target).run(Y)
        wanted = Simulation(net(seed=2**63 - 1, learning=rule), target="numpy").run(Y)
        assert found.state["rls.n_updates"] == wanted.state["rls.n_updates"]
        assert 0.3 * STEPS < found.state["rls.n_updates"][0] < 0.7 * STEPS


class TestKernels:
    @pytest.mark.parametrize("kernel", [SparseKernel(N, [], [], []), SparseKernel(N, [0], [1], [3.0])])
    def test_few_synapses(self, kernel, target):
        base = net()
        network = ForceNetwork(
            "lif", "double_exponential", N, base.dt, kernel, base.feedback_kernel, base.output_kernel,
            learning=base.learning,
        )  # fmt: skip
        found = Simulation(network, target=target).run(Y)
        current = found.state["neurons.h_rec"]
        assert np.all(current[2:] == 0)
        assert (current[1] != 0) == len(kernel)

    def test_without_recurrence(self):
        found = Simulation(net(G=0), target="numpy").run(Y)
        assert not found.state["neurons.I_rec"].any()

    def test_inputs(self):
        """One step of Izhikevich neurons by hand, in mV, pA, pF and ms."""
        network = net(neuron="izhikevich", n=20, n_inputs=2, E2=500.0)
        x = np.random.default_rng(0).standard_normal((STEPS, 2))
        simulation = Simulation(network, target="numpy", record=Record(variables={"v": tuple(range(20))}))
        found = simulation.run(Y, x)
        v = network.initial_values["v"] * 1e3
        current = x[0] @ network.input_kernel + 1000
        wanted = v + 0.05 * (2.5 * (v + 60) * (v + 19.2) + current) / 250
        assert found.recorded["v"].values[0] == pytest.approx(np.where(wanted >= 30, -65, wanted), rel=1e-12)
        assert_same(simulation.run(Task("demo", STEPS, Y[:, None], inputs=x)), found)


class TestRecords:
    def test_every_so_many_steps(self):
        full = Simulation(net(), target="numpy").run(Y)
        simulation = Simulation(
            net(), target="numpy", record=Record(every=7, variables={"v": (3, 0), "r": (1,)}, spikes_of=5)
        )
        part = simulation.run(Y)
        rows = np.arange(0, STEPS, 7)
        assert np.array_equal(part.output, full.output[rows])
        assert np.array_equal(part.target[:, 0], Y[rows])
        assert (part.recorded["v"].unit, part.recorded["r"].unit) == ("mV", "1")
        assert part.recorded["v"].values.shape == (len(rows), 2)
        kept = full.spike_neuron < 5
        assert np.array_equal(part.spike_step, full.spike_step[kept])
        assert np.array_equal(part.spike_neuron, full.spike_neuron[kept])
        last = simulation.run(Y[-1:], state=simulation.run(Y[:-1]).state)
        assert last.output.shape == (0, 1)  # step 239 is no multiple of 7
        same_row = simulation.run(Y[:1])
        assert same_row.recorded["v"].values[0] == pytest.approx(same_row.state["neurons.v"][[3, 0]] * 1e3)

    def test_no_spikes(self):
        found = Simulation(net(), target="numpy", record=Record(spikes_of=0)).run(Y[:20])
        assert found.n_recorded_neurons == len(found.spike_step) == 0

    @pytest.mark.parametrize(
        ("rule", "start", "steps", "names"),
        [
            (None, 0, 50, [("test", 0, 50)]),
            (
                Learning(alpha_P=1.0, start=10, stop=30),
                0,
                50,
                [("before", 0, 10), ("learning", 10, 30), ("test", 30, 50)],
            ),
            (Learning(alpha_P=1.0, start=10), 0, 50, [("before", 0, 10), ("learning", 10, 50)]),
            (Learning(alpha_P=1.0, start=100), 0, 50, [("before", 0, 50)]),
            (Learning(alpha_P=1.0, stop=0), 0, 50, [("test", 0, 50)]),
            (Learning(alpha_P=1.0, start=10, stop=30), 20, 50, [("learning", 20, 30), ("test", 30, 70)]),
        ],
    )
    def test_phases(self, rule, start, steps, names):
        found = Simulation(net(n=10, learning=rule), target="numpy").run(np.zeros(steps), state={"step": start})
        assert [(p.name, p.start, p.stop) for p in found.phases] == names

    def test_a_run_without_learning_is_a_test(self):
        rule = Learning(alpha_P=1.0, start=10, stop=30)
        found = Simulation(net(n=10, learning=rule), target="numpy").run(np.zeros(50), learning=False)
        assert [(p.name, p.start, p.stop) for p in found.phases] == [("test", 0, 50)]

    def test_phases_of_ones_own(self):
        found = Simulation(net(n=10), target="numpy").run(Y[:20], phases=(Phase("a", 0, 5), Phase("b", 5, 500)))
        assert [(p.name, p.start, p.stop) for p in found.phases] == [("a", 0, 5), ("b", 5, 20)]

    def test_provenance_and_timings(self):
        found = Simulation(net(n=10, seed=5), target="numpy", name="demo").run(Y[:5])
        assert found.name == "demo"
        assert (found.provenance["seed"], found.provenance["target"]) == (5, "numpy")
        assert found.provenance["parameters"]["tau_decay"] == 0.02
        assert found.provenance["interrupted"] is False
        assert found.timings["run"] > 0


class TestProgress:
    def test_is_told_how_far(self, target):
        skip_unless_here(target)
        seen = []
        steps = {"numpy": 2000, "cython": 6000, "cpp_standalone": 300_000, "tensorflow": 2000}[target]
        task = Task("demo", steps, Y[:, None], period=STEPS)
        Simulation(net(), target=target, record=Record(every=1000)).run(task, progress=lambda *a: seen.append(a))
        assert len(seen) > 1
        done = [d for d, _ in seen]
        assert done == sorted(done)
        assert 0 <= done[0] and done[-1] <= steps
        assert {total for _, total in seen} == {steps}


class TestDiverges:
    Y = np.where(np.arange(STEPS) < 100, np.sin(np.arange(STEPS) / 20), 1e308)

    @pytest.mark.parametrize(
        ("rule", "step"),
        [
            (Learning(alpha_P=1e-3, gain="undivided"), None),  # z grows until it overflows
            (Learning(alpha_P=1e6, gain="undivided", start=100), 100),  # the first update would overflow W
        ],
    )
    def test_step_is_named_and_weights_are_kept(self, target, rule, step):
        """A target near the largest number."""
        simulation = Simulation(net(learning=rule), target=target)
        with pytest.raises(
            DivergenceError, match=r"RLS: learning diverged at time step \d+ \(t = 0\.0\d+ s\): "
        ) as caught:
            simulation.run(self.Y)
        error, results = caught.value, caught.value.results
        assert results.n_steps == error.step + 1
        assert error.step >= 100 if step is None else error.step == step
        assert np.all(np.isfinite(results.weights["output_kernel"]))
        assert np.all(np.isfinite(results.state["rls.P_packed"]))
        assert results.state["rls.n_updates"] == error.step - rule.start
        if step is None:  # by then feedback has driven the voltages out of all bounds
            with pytest.raises(DivergenceError, match=r"neurons.v is .* at the end, beyond 1e\+06 volt") as caught:
                simulation.run(self.Y[: error.step])
            before = caught.value.results
        else:
            before = simulation.run(self.Y[: error.step])
        assert np.array_equal(before.weights["output_kernel"], results.weights["output_kernel"])
        assert results.provenance["interrupted"] is False

    def test_output_that_is_not_finite(self, target):
        base = net()
        kernel = np.full((N, 1), 1e308)
        network = ForceNetwork(
            "lif", "double_exponential", N, base.dt, base.recurrent, base.feedback_kernel, kernel,
            learning=Learning(alpha_P=1.0, stop=0),
        )  # fmt: skip
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(
                DivergenceError, match=r"Simulation: the output is not finite from time step \d+ on"
            ) as caught:
                Simulation(network, target=target).run(Y)
        results, step = caught.value.results, caught.value.step
        assert np.isfinite(results.output[step - 1])
        assert not np.isfinite(results.output[step])


class TestFailures:
    def test_killed_program(self, monkeypatch):
        skip_unless_here("cpp_standalone")
        children = []

        class Popen(subprocess.Popen):
            def __init__(self, *args, **options):
                super().__init__(*args, **options)
                children.append(self)

        monkeypatch.setattr(subprocess, "Popen", Popen)
        simulation = Simulation(net(), target="cpp_standalone", record=Record(every=1000))
        earlier = simulation.run(Y)
        kept = {name: np.copy(values) for name, values in earlier.state.items()}
        task = Task("demo", 10**8, Y[:, None], period=STEPS)
        with pytest.raises(
            RunFailedError, match=r"ended with signal 9 before its run was complete\.\nIts log is .*log\.txt"
        ):
            simulation.run(task, progress=lambda done, steps: children[-1].kill())
        assert all(np.array_equal(kept[name], values) for name, values in earlier.state.items())
        assert_same(simulation.run(Y), earlier)

    def test_the_program_writes_what_is_read_and_no_more(self, monkeypatch):
        skip_unless_here("cpp_standalone")
        told = []

        def listening(*arguments):
            told.append(run_program(*arguments))
            return told[0]

        monkeypatch.setattr("tension_sim.run.program.run_program", listening)
        simulation = Simulation(net(), target="cpp_standalone", record=Record(every=1000))
        simulation.run(Y)
        files = {name: entry["file"] for name, entry in simulation.build().manifest["arrays"].items()}
        written = {name for name, file in files.items() if file in told[0].written}
        assert written == {*simulation.wiring.circuit.results, circuit.STEPS}
        assert len(told[0].written) == len(written)

    @pytest.mark.parametrize(
        ("name", "what"),
        [
            ("output.values", "237 of 240 rows of its output"),
            ("recorded_v.values", "477 of 480 values of v"),
            ("spikes.i", r"\d+ times and \d+ neurons of spikes"),
        ],
    )
    def test_rows_that_were_not_written(self, monkeypatch, name, what):
        skip_unless_here("cpp_standalone")
        whole = Program._read

        def cut(*arguments):
            arrays = whole(*arguments)
            return arrays | {name: arrays[name][:-3]}

        monkeypatch.setattr(Program, "_read", cut)
        record = Record(variables={"v": (0, 2)})
        with pytest.raises(RunFailedError, match=rf"The compiled program wrote {what}\.\nFix: make room on the disk\."):
            Simulation(net(), target="cpp_standalone", record=record).run(Y)

    def test_without_a_compiler_numpy_serves_with_a_warning(self, monkeypatch, tmp_path):
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("TENSION_SIM_CACHE", str(tmp_path / "cache"))
        with pytest.warns(UserWarning, match=r"Running on numpy, which is slower: .*a C\+\+ compiler \(g\+\+\)"):
            simulation = Simulation(net())
        assert simulation.target == "numpy"

    def test_without_a_compiler_a_program_that_is_there_serves(self, monkeypatch, tmp_path):
        skip_unless_here("cpp_standalone")
        wanted = Simulation(net(), target="cpp_standalone").run(Y)
        monkeypatch.setenv("PATH", str(tmp_path))
        simulation = Simulation(net())
        assert simulation.target == "cpp_standalone"
        np.testing.assert_array_equal(simulation.run(Y).output, wanted.output)

    @pytest.mark.parametrize(("name", "needs"), [("cpp_standalone", r"and make "), ("cython", "")])
    def test_without_a_compiler_compiled_targets_are_refused(self, name, needs, monkeypatch, tmp_path):
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("TENSION_SIM_CACHE", str(tmp_path / "cache"))
        with pytest.raises(CompilerNotFoundError, match=rf"a C\+\+ compiler \(g\+\+\) {needs}on the PATH for {name}\."):
            Simulation(net(), target=name).run(Y)
        assert not list(tmp_path.iterdir())

    def test_with_a_compiler_it_is_cpp(self):
        skip_unless_here("cpp_standalone")
        assert Simulation(net()).target == "cpp_standalone"


class TestInterrupted:
    SCRIPT = """
        import sys
        import numpy as np
        from tension_sim.declare.network import ForceNetwork, Learning
        from tension_sim.run.simulation import Simulation
        from tension_sim.declare.record import Record
        from tension_sim.tasks import Task

        learning = Learning(alpha_P=5e-6, gain="undivided", update_every=3)
        net = ForceNetwork.random("lif", n=300, seed=1, learning=learning)
        y = np.sin(np.arange(240) / 20)[:, None]
        simulation = Simulation(net, target=sys.argv[1])

        def progress(done, steps):
            if done:
                print("started", flush=True)

        results = simulation.run(Task("demo", 10**8, y, period=240), progress=progress)
        again = simulation.run(Task("demo", results.n_steps, y, period=240))
        alike = all(np.array_equal(results.state[name], again.state[name]) for name in again.state)
        alike = alike and np.array_equal(results.output, again.output)
        interrupted = [found.provenance["interrupted"] for found in (results, again)]
        print("ended", results.n_steps, len(results.output), *interrupted, alike)
    """

    @pytest.mark.parametrize(
        ("name", "number"),
        [
            ("numpy", signal.SIGTERM),
            ("cpp_standalone", signal.SIGINT),
            pytest.param("numpy", signal.SIGINT, marks=pytest.mark.slow),
            pytest.param("tensorflow", signal.SIGINT, marks=pytest.mark.slow),
            pytest.param("cython", signal.SIGHUP, marks=pytest.mark.slow),
            pytest.param("cpp_standalone", signal.SIGTERM, marks=pytest.mark.slow),
            pytest.param("cpp_standalone", signal.SIGHUP, marks=pytest.mark.slow),
        ],
    )
    def test_an_interrupt_gives_what_was_reached(self, name, number):
        skip_unless_here(name)
        command = [sys.executable, "-c", textwrap.dedent(self.SCRIPT), name]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stdout.readline() == "started\n"
            process.send_signal(number)
            rest, errors = process.communicate(timeout=100)
        finally:
            process.kill()
            process.communicate(timeout=30)  # a program that outlives it would keep the pipes open
        assert process.returncode == 0, errors
        found = re.fullmatch(r"(?:started\n)*ended (\d+) \1 True False True\n", rest)
        assert found, rest
        assert 0 < int(found[1]) < 10**8

    def test_one_after_the_last_step_is_told(self):
        def progress(done, steps):
            if done == steps:
                signal.raise_signal(signal.SIGINT)

        results = Simulation(net(), target="numpy").run(Y, progress=progress)
        assert (results.provenance["interrupted"], results.n_steps) == (True, STEPS)

    def test_one_after_the_last_step_of_a_program_is_told(self, monkeypatch):
        skip_unless_here("cpp_standalone")
        read = Program._read

        def interrupted(*arguments):
            signal.raise_signal(signal.SIGINT)
            return read(*arguments)

        monkeypatch.setattr(Program, "_read", interrupted)
        results = Simulation(net(), target="cpp_standalone").run(Y)
        assert (results.provenance["interrupted"], results.n_steps) == (True, STEPS)


class TestRefused:
    @pytest.fixture(autouse=True)
    def nothing_is_built(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TENSION_SIM_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
        yield
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("options", "error", "text"),
        [
            (
                {"net": "lif_sine"},
                InvalidTypeError,
                "Simulation.net: expected a ForceNetwork.\nReceived: 'lif_sine'",
            ),
            (
                {"target": "cpp_standalon"},
                UnknownNameError,
                "Simulation.target: expected a known target "
                "(cpp_standalone, cuda_standalone, cython, numpy, tensorflow).\n"
                "Received: 'cpp_standalon'\nFix: did you mean 'cpp_standalone'?",
            ),
            ({"record": {"every": 2}}, InvalidTypeError, "Simulation.record: expected a Record."),
            (
                {"record": Record(variables={"w": [0]})},
                UnknownNameError,
                "Record.variables: expected a known state variable",
            ),
            ({"threads": 0}, InvalidValueError, "Simulation.threads: expected a whole number, at least 1."),
        ],
    )
    def test_declarations(self, options, error, text):
        with pytest.raises(error, match=re.escape(text)):
            Simulation(**({"net": net(n=10), "target": "cpp_standalone"} | options))

    @pytest.mark.parametrize(
        ("data", "error", "text"),
        [
            (
                {},
                InvalidValueError,
                "Simulation.run.y: the network learns, and there is no target.\nReceived: None\nFix: pass y, or",
            ),
            (
                {"y": [0, np.nan]},
                InvalidValueError,
                "Simulation.run.y: expected finite values.\nReceived: nan\nFix: correct",
            ),
            (
                {"y": "sine"},
                InvalidTypeError,
                "Simulation.run.y: expected an array of shape (timesteps, channels).",
            ),
            (
                {"y": np.zeros((5, 2))},
                InvalidValueError,
                "Simulation.run.y: expected shape (timesteps, 1).\nReceived: (5, 2)",
            ),
            (
                {"x": np.zeros(5)},
                InvalidValueError,
                "Simulation.run.x: expected shape (timesteps, 2).\nReceived: (5, 1)",
            ),
            (
                {"x": np.zeros((4, 2))},
                InvalidValueError,
                "Simulation.run.x: expected as many samples as y (5).\nReceived: 4",
            ),
            ({"x": np.full((5, 2), np.inf)}, InvalidValueError, "Simulation.run.x: expected finite values."),
            (
                {"x": None},
                InvalidValueError,
                "Simulation.run.x: expected input of 2 channels.\nReceived: None",
            ),
            (
                {"steps": 6},
                InvalidValueError,
                "Simulation.run.steps: expected at most the 5 samples that are given.",
            ),
            (
                {"steps": 0},
                InvalidValueError,
                "Simulation.run.steps: expected a whole number of time steps, at least 1.",
            ),
            (
                {"steps": 2.5},
                InvalidValueError,
                "Simulation.run.steps: expected a whole number of time steps",
            ),
            (
                {"state": {"neurons.v": [1]}},
                InvalidValueError,
                "Simulation.state['neurons.v']: expected 10 values.",
            ),
            ({"state": {"v": 1}}, UnknownNameError, "Simulation.state: expected a known state variable"),
            (
                {"y": Task("demo", 5, np.zeros((5, 1)))},
                InvalidValueError,
                "Simulation.run.x: a Task brings its own inputs.",
            ),
            (
                {"y": Task("demo", 5, np.zeros((5, 1))), "x": None},
                InvalidValueError,
                "expected input of 2 channels.",
            ),
            (
                {
                    "y": Task("demo", 5, np.zeros((5, 1)), inputs=np.zeros((5, 2))),
                    "x": None,
                    "state": {"step": 5},
                },
                InvalidValueError,
                "Simulation.run.state: the Task has ended, it lasts 5 steps.\nReceived: 'a state of step 5'",
            ),
            (
                {"y": Task("demo", 5, np.zeros((5, 1))), "x": None, "every": {"y": 2}},
                InvalidValueError,
                "Simulation.run.every: the samples of a Task are those of single steps.\nReceived: {'y': 2}",
            ),
            (
                {"y": Task("demo", 5, np.zeros((5, 1)), inputs=np.zeros((5, 2))), "x": None, "steps": 6},
                InvalidValueError,
                "Simulation.run.steps: expected at most the 5 samples that are given.\nReceived: 6",
            ),
        ],
    )
    def test_data(self, data, error, text):
        network = net(n=10, n_inputs=2)
        data = ({"y": np.zeros(5), "x": np.zeros((5, 2))} if data else {"x": np.zeros((5, 2))}) | data
        with pytest.raises(error, match=re.escape(text)):
            Simulation(network, target="cpp_standalone").run(**data)

    def test_input_where_there_is_none(self):
        with pytest.raises(
            InvalidValueError, match=r"the network takes no input \(input_kernel; of a Network, external_inputs\)"
        ):
            Simulation(net(n=10), target="cpp_standalone").run(np.zeros(5), np.zeros(5))

    def test_steps_without_data(self):
        with pytest.raises(
            InvalidValueError, match=r"Simulation\.run\.steps: expected steps, where no samples are given"
        ):
            Simulation(net(n=10, learning=None), target="cpp_standalone").run()
