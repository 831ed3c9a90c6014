"""Progress from Python: a function of one's own, or a bar on stderr; anything else is refused."""

from __future__ import annotations

import itertools

import brian2
import numpy as np
import pytest
from synthetic import synthetic_results

from tension_sim import (
    Condition,
    DataConstrainedNetwork,
    FittedNetwork,
    ForceNetwork,
    Learning,
    Simulation,
    SparseKernel,
    Trials,
    load_recipe,
    run_outcome,
    run_recipe,
)
from tension_sim.brian import RLS, LinearMap, Signal, Trainer
from tension_sim.errors import InvalidTypeError
from tension_sim.system.progress import Bar

SMALL = {"n": "20", "duration": "5*ms"}


def simulation(n=20):
    return Simulation(ForceNetwork.random("lif", n=n), target="numpy", name="my network")


def trials():
    kernel = SparseKernel(2, [0, 1], [1, 0], [0.1, 0.1])
    filters = ("euler_exponential", "euler_exponential")
    net = FittedNetwork("lif_normalized", *filters, 2, "0.1*ms", None, kernel, Learning(alpha_P=1.0, update_every=5))
    return Trials(Simulation(net, target="numpy", name="my network"), [Condition("one", y=np.ones((20, 2)))])


def model():
    data = np.sin(np.arange(20)[:, None] / 3 + np.arange(4))
    return DataConstrainedNetwork(data, "10*ms", target="numpy", name="my network")


def trainer():
    x, y = Signal([0.0]), Signal([0.0])
    units = brian2.NeuronGroup(3, "dr/dt = -r/(1*ms) : 1", method="euler")
    readout = LinearMap(units, "r", weights=np.zeros((1, 3)))
    network = brian2.Network(x, y, units, readout, RLS(readout, target=y, alpha_P=1.0), name="my_network*")
    return Trainer(network, inputs=x, target=y, output=readout)


@pytest.fixture(autouse=True)
def nothing_is_compiled(monkeypatch):
    monkeypatch.setitem(brian2.prefs, "codegen.target", "numpy")


RUNS = {
    "Trainer.fit": lambda progress: trainer().fit(
        np.ones(50), np.ones(50), epochs=2, verbose="auto" if progress is True else 0, progress=progress
    ),
    "Simulation.run": lambda progress: simulation().run(np.zeros(100), progress=progress),
    "Trials.train": lambda progress: trials().train(2, progress=progress),
    "DataConstrainedNetwork.fit": lambda progress: model().fit(2, progress=progress),
    "run": lambda progress: run_outcome(load_recipe("lif_sine", SMALL), target="numpy", progress=progress),
}


@pytest.mark.parametrize("name", RUNS)
def test_true_is_a_bar_that_ends_full(name, capsys):
    RUNS[name](True)
    captured = capsys.readouterr()
    assert captured.out == ""
    shown = {"run": "nicola_clopath_2017/lif_sine", "Trainer.fit": "my_network"}.get(name, "my network")
    assert shown in captured.err and "100 %" in captured.err


@pytest.mark.parametrize("name", RUNS)
def test_a_function_is_called_up_to_the_end(name, capsys):
    calls = []
    RUNS[name](lambda done, total: calls.append((done, total)))
    assert len({total for _, total in calls}) == 1
    done = [done for done, _ in calls]
    assert done == sorted(done) and calls[-1][0] == calls[-1][1]
    for silent in (None, False):
        RUNS[name](silent)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("progress", ["yes", 1, 0.5])
def test_anything_else_is_refused(name, progress):
    expected = rf"^{name}.progress: expected True, or a function, called as progress\("
    with pytest.raises(InvalidTypeError, match=expected):
        RUNS[name](progress)


def test_run_recipe_takes_it_too(capsys):
    run_recipe(load_recipe("lif_sine", SMALL), target="numpy", progress=True)
    assert "100 %" in capsys.readouterr().err


def test_bars_do_not_meet(capsys):
    with Bar("outer") as outer, Bar("inner") as inner:
        for bar in (outer, inner):
            bar(1, 2)
    shown = capsys.readouterr().err
    assert "outer" in shown and "inner" in shown and "50 %" in shown


class TestInterrupts:
    """What was reached is returned, from each way to run."""

    @staticmethod
    def interrupting(after):
        """Return a function for `progress` that interrupts as Ctrl-C does, at its call number `after`."""
        import signal

        counter = itertools.count(1)

        def progress(done, total):
            if next(counter) == after:
                signal.raise_signal(signal.SIGINT)

        return progress

    def test_a_run_returns_what_was_reached(self):
        run = simulation(5).run(np.zeros(300_000), progress=self.interrupting(2))
        assert run.interrupted and run.provenance["interrupted"]
        assert 0 < run.n_steps < 300_000 and len(run.output) == run.n_steps
        assert not simulation().run(np.zeros(10)).interrupted

    def test_a_recipe_returns_what_was_reached(self):
        recipe = load_recipe("lif_sine", {"n": "5"})
        outcome = run_outcome(recipe, target="numpy", progress=self.interrupting(2))
        assert outcome.results.interrupted and 0 < outcome.results.n_steps < 300_000
        assert outcome.verdict.text == "not compared: the run was interrupted"

    def test_trials_keep_their_loops(self):
        found = trials()
        found.train(5, progress=self.interrupting(2))
        assert found.interrupted and found.loops == 2
        found.train(1)
        assert not found.interrupted and found.loops == 3

    def test_a_fit_keeps_its_runs(self, monkeypatch):
        fitted, real = model(), DataConstrainedNetwork.explained_variance
        calls = itertools.count(1)

        def interrupted(self, rates):
            if next(calls) == 3:
                raise KeyboardInterrupt
            return real(self, rates)

        monkeypatch.setattr(DataConstrainedNetwork, "explained_variance", interrupted)
        assert len(fitted.fit(9).p_var) == 2
        assert len(fitted.history.p_var) == 2 and len(fitted.results.learning_curve["p_var"]) == 2


def test_results_say_it():
    run = synthetic_results()
    assert run.interrupted is False
    assert synthetic_results(provenance={"interrupted": True}).interrupted is True
