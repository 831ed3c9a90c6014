"""What objects show of themselves: one short line, and a small table in a notebook."""

from __future__ import annotations

import brian2
import numpy as np
import pytest
from html_pages import ATTACK, Page
from synthetic import synthetic_results

from tension_sim import (
    Condition,
    DataConstrainedNetwork,
    FittedNetwork,
    ForceNetwork,
    Learning,
    Results,
    Simulation,
    SparseKernel,
    Trials,
    load_recipe,
)
from tension_sim.brian import RLS, LinearMap, Recorder, Signal, Trainer
from tension_sim.results.comparison import Comparison


def fitted():
    filters = ("euler_exponential", "euler_exponential")
    kernel = SparseKernel(2, [0, 1], [1, 0], [0.1, 0.1])
    return FittedNetwork("lif_normalized", *filters, 2, "0.1*ms", None, kernel, Learning(alpha_P=1.0))


def brian_objects():
    x, y = Signal([0.0], name="x"), Signal([0.0], name="y")
    units = brian2.NeuronGroup(3, "dr/dt = -r/(1*ms) : 1\nI : 1", threshold="r > 1", method="euler")
    readout = LinearMap(units, "r", weights=np.zeros((1, 3)), name="readout")
    rule = RLS(readout, target=y, alpha_P=1.0, update_every=1 * brian2.ms, name="force")
    recorder = Recorder(readout, readout.output[1], name="recorder")
    network = brian2.Network(x, y, units, readout, rule)
    trainer = Trainer(network, inputs=x, target=y, output=readout)
    return {"signal": x, "map": readout, "rls": rule, "recorder": recorder, "trainer": trainer}


def shown():
    net = ForceNetwork.random("lif", n=20, seed=1)
    run = synthetic_results()
    model = DataConstrainedNetwork(np.sin(np.arange(20)[:, None] / 3 + np.arange(4)), "10*ms", target="numpy")
    simulation = Simulation(net, target="numpy")
    found = {
        "results": run,
        "force": net,
        "fitted": fitted(),
        "model": model,
        "simulation": simulation,
        "trials": Trials(Simulation(fitted(), target="numpy"), [Condition("one", y=np.ones((20, 2)))]),
        "recipe": load_recipe("lif_sine", {"n": "20"}),
        "comparison": Comparison({"a": run, "b": run}),
    }
    return found | brian_objects()


@pytest.fixture(scope="module")
def objects():
    return shown()


NAMES = ["results", "force", "fitted", "model", "simulation", "trials", "recipe", "comparison",
         "signal", "map", "rls", "recorder", "trainer"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_one_line_and_a_small_table(objects, name):
    one = objects[name]
    line = repr(one)
    assert line.startswith(f"{type(one).__name__}(") and "\n" not in line and len(line) < 300
    page = Page(one._repr_html_())
    assert {tag for tag, _ in page.elements} <= {"table", "caption", "tr", "th", "td"}
    assert len(one._repr_html_()) < 4000


def test_what_matters_is_said(objects):
    assert "neurons=12" in repr(objects["results"]) and "seconds=6.0" in repr(objects["results"])
    assert "changed='network.n'" in repr(objects["recipe"])
    assert (
        repr(objects["rls"]) == "RLS(name='force', maps='readout', gain='divided', update_every=1. * msecond, start=0)"
    )
    assert "output='readout.out'" in repr(objects["trainer"]) or "rules='force'" in repr(objects["trainer"])
    assert repr(objects["comparison"]) == "Comparison(a, b)"


def test_a_model_says_how_well_it_fits():
    model = DataConstrainedNetwork(np.sin(np.arange(20)[:, None] / 3 + np.arange(4)), "10*ms", target="numpy")
    model.fit(2)
    assert f"runs=2, explained variance={round(float(model.history.p_var[-1]), 4)}" in repr(model)


def test_texts_of_files_stay_texts():
    run = synthetic_results(name=ATTACK)
    for html in (run._repr_html_(), Comparison({ATTACK: run, "b": run})._repr_html_()):
        assert not {"script", "img"} & {tag for tag, _ in Page(html).elements}
    assert isinstance(run, Results)
