"""A sweep of a network that was declared in Python: each point is the run of a network declared with its values."""

from __future__ import annotations

import re
from dataclasses import replace

import brian2 as b2
import numpy as np
import pytest

from tension_sim import (
    Connector,
    ForceNetwork,
    Learning,
    Network,
    Plastic,
    Population,
    Projection,
    Readout,
    Record,
    Simulation,
    load_results,
    make_task,
    sweep,
)
from tension_sim.declare.edits import edited, places_of
from tension_sim.errors import (
    InvalidTypeError,
    InvalidValueError,
    OutputError,
    TensionError,
    UnitsError,
    UnknownNameError,
)
from tension_sim.sweeps.given import Given, read_given
from tension_sim.sweeps.journal import JOURNAL
from tension_sim.tasks import Task

pytest.importorskip("pandas", reason="sweeps need the extra")
pytest.importorskip("pyarrow", reason="sweeps need the extra")

Y = np.sin(np.arange(60) / 5)
RULE = Learning(alpha_P=1e-3, update_every=2, start=10, stop=40)


def force(**changed):
    return ForceNetwork.random("lif", n=12, seed=3, **{"learning": RULE} | changed)


def populations(p=0.5, alpha_P=1.0, seed=0):
    """Rate units whose synapses are drawn, with a readout and a projection that learn by one rule."""
    rule = Learning(alpha_P=alpha_P)
    drawn = Connector("pairwise_bernoulli", "0.5*randn()", p=p)
    return Network(
        {"exc": Population("echo_state", 8)},
        [Projection("exc", "exc", weights=drawn),
         Projection("exc", "exc", weights=np.zeros((8, 8)), learning=rule, error="unit*(z_out - y)", name="plastic")],
        {"z_out": Readout("exc", np.zeros((8, 1)), learning=rule)},
        dt="1*ms", seed=seed, shared_P=[["z_out", "plastic"]],
    )  # fmt: skip


def last(results):
    """The numbers of a point: what its output ends with, and what it learned."""
    return {"end": results.output[-1, 0], "norm": np.linalg.norm(next(iter(results.weights.values())))}


def how(out, **changed):
    return {"out": out, "client": 0, "target": "numpy", "y": Y, "measure": last} | changed


def alone(net, y=Y):
    return last(Simulation(net, target="numpy").run(y))


def test_each_point_is_the_run_of_a_network_declared_with_its_values(tmp_path):
    grid = {"alpha_P": [1e-3, 0.1], "tau_decay": 0.03 * b2.second, "feedback_scale": [0.5]}
    found = sweep(force(), grid, seeds=[4], settings={"learning.stop": 50}, **how(tmp_path / "out"))
    frame = found.table()
    assert frame["status"].tolist() == ["done"] * 2 and frame["tau_decay"].tolist() == [0.03] * 2
    for row in frame.itertuples():
        net = force(learning=replace(RULE, alpha_P=row.alpha_P, stop=50), parameters={"tau_decay": "30*ms"})
        net = replace(net, seed=row.seed, feedback_kernel=0.5 * net.feedback_kernel)
        assert {"end": row.end, "norm": row.norm} == alone(net)
    assert frame["end"][0] != frame["end"][1]


def test_a_network_of_populations_draws_anew_and_rules_that_share_P_change_together(tmp_path):
    grid = {"alpha_P": [0.1], "projections.exc_to_exc.weights.p": [0.25]}
    frame = sweep(populations(), grid, seeds=2, **how(tmp_path / "out")).table()
    for row in frame.itertuples():
        assert row.status == "done", row.reason
        assert {"end": row.end, "norm": row.norm} == alone(populations(row.p, row.alpha_P, row.seed))
    assert frame["end"][0] != frame["end"][1]


def test_all_points_have_one_program():
    nets = (force(), populations(), force(plastic=Plastic(np.eye(12), RULE)))
    values = {"alpha_P": 0.5, "start": 12, "recurrent_scale": 2.0, "probability": 0.5}
    for net in nets:
        places = places_of(net)
        names = {name.rpartition(".")[2]: name for name in places}
        changed = {places[names[key]]: value for key, value in values.items() if key in names}
        assert len(changed) >= 3
        programs = [Simulation(each, target="numpy").wiring.circuit.digest for each in (net, edited(net, changed))]
        assert programs[0] == programs[1]


def test_a_rule_shared_with_the_plastic_weights_stays_shared():
    net = force(plastic=Plastic(np.eye(12), RULE))
    assert net.shares_P and "plastic.learning.alpha_P" not in places_of(net)
    other = edited(net, {places_of(net)["learning.alpha_P"]: 0.5})
    assert other.shares_P and other.learning.alpha_P == other.plastic.learning.alpha_P == 0.5


def test_weights_of_a_projection_are_scaled_and_texts_are_replaced():
    spiking = Population("lif", 4, parameters={"bias": "-40*mV"})
    net = Network(
        {"exc": spiking, "rate": Population("echo_state", 4, activation="tanh")},
        [Projection("exc", "rate", weights=[[1.0] * 4] * 4, learning=None)],
        {"z": Readout("exc", np.zeros((4, 1)), feedback={"rate": "2*rand() - 1"})},
    )  # fmt: skip
    places = places_of(net)
    assert {"populations.exc.parameters.tau_mem", "populations.rate.activation", "dt"} < set(places)
    changed = {"projections.exc_to_rate.scale": 3.0, "populations.rate.activation": "relu", "dt": "50*us",
               "readouts.z.feedback.rate": "rand()", "populations.exc.parameters.bias": "-41*mV"}  # fmt: skip
    other = edited(net, {places[name]: value for name, value in changed.items()})
    assert (other.kernels[0].to_dense() == 3).all() and other.populations["rate"].activation == "relu"
    assert other.dt == pytest.approx(5e-5) and other.readouts["z"].feedback == {"rate": "rand()"}
    assert float(other.equations["exc"].parameters["bias"].value) == -0.041


@pytest.mark.slow
def test_the_numbers_are_those_of_the_protocol_and_results_are_kept_on_request(tmp_path):
    task = make_task("sine", 200, 5e-5, frequency=100.0)
    options = how(tmp_path / "out", y=task, measure=None, full_results=True, record=Record(every=2))
    found = sweep(force(), {"alpha_P": [1e-3]}, **options)
    (row,) = found.rows
    assert set(row.numbers) <= set(found.numbers) and row.numbers["aligned_rmse"] > 0
    assert found.table().attrs["units"]["firing_rate"] == "hertz"
    stored = load_results(tmp_path / "out" / "points" / row.key / "results.h5")
    assert stored.n_steps == 200 and stored.record_every == 2 and stored.network().learning.alpha_P == 1e-3


def test_samples_may_stay_in_a_file(tmp_path, monkeypatch):
    np.save(tmp_path / "y.npy", Y[:, None])
    monkeypatch.chdir(tmp_path)
    (row,) = sweep(force(), {"alpha_P": [1e-3]}, seeds=[3], **how(tmp_path / "out", y="y.npy")).rows
    assert row.numbers == alone(force())
    (again,) = sweep(force(), {"alpha_P": [1e-3]}, **how(tmp_path / "out")).rows  # the same samples
    assert again.when == row.when


@pytest.mark.slow
def test_workers_read_the_network_from_the_folder(tmp_path):
    distributed = pytest.importorskip("distributed", reason="sweeps need the extra")
    cluster = {"processes": False, "n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**cluster) as cluster, distributed.Client(cluster) as client:
        (row,) = sweep(force(), {"alpha_P": [1e-3]}, **how(tmp_path / "out", client=client)).rows
    assert row.numbers == alone(force())


def test_a_file_that_is_not_that_of_the_sweep_is_not_read(tmp_path):
    path = tmp_path / "network.pickle"
    with pytest.raises(OutputError, match="Fix: let all workers see the folder of the sweep, at the same path."):
        read_given("sweep", path, "0")
    path.write_bytes(b"cos\nsystem\n(S'touch hurt'\ntR.")
    with pytest.raises(OutputError, match="expected the file that the sweep wrote when it began"):
        read_given("sweep", path, "0")


def test_it_goes_on_in_its_folder_and_others_do_not_mix(tmp_path):
    call = {"recipe": force(), "grid": {"alpha_P": [1e-3]}, **how(tmp_path / "out")}
    first = sweep(**call)
    more = sweep(**call | {"grid": {"learning.alpha_P": [1e-3, 1]}})
    assert more.rows[0].when == first.rows[0].when and len(more.rows) == 2
    for changed, text in [
        ({"y": 2 * Y}, "with settings y = sha256 "),
        ({"measure": None}, "with settings measure = "),
        ({"recipe": populations()}, "not Network "),
        ({"recipe": replace(force(), seed=5)}, "with recipe ForceNetwork "),
        ({"recipe": "lif_sine", "y": None, "measure": None}, "not nicola_clopath_2017/lif_sine"),
    ]:
        with pytest.raises(OutputError, match=re.escape(text)):
            sweep(**call | changed)


@pytest.mark.parametrize("value", ["none", np.complex64(1j)])
def test_what_is_measured_are_numbers(tmp_path, value):
    measured = {"measure": lambda results: {"error": value}}
    found = sweep(force(), {"alpha_P": [1.0]}, **how(tmp_path / "out", **measured))
    assert repr(found).endswith("points=1, done=0, refused=1)")
    frame = found.table()
    assert frame["status"].tolist() == ["refused"]
    assert frame["reason"][0].startswith(f"sweep.measure: error: expected a number.\nReceived: {value!r}")


def test_what_a_point_cannot_do_is_its_row(tmp_path):
    frame = sweep(force(), {"start": [5, 20], "stop": [15]}, **how(tmp_path / "two")).table()
    assert frame["status"].tolist() == ["done", "refused"] and "Learning.stop" in frame["reason"][1]


@pytest.mark.parametrize(
    ("changed", "error", "text"),
    [
        ({"grid": {"alpha": [1]}}, UnknownNameError, "ForceNetwork: settings: expected a known setting"),
        ({"grid": {"alpha_P": [-1]}}, InvalidValueError, "Learning.alpha_P: expected"),
        ({"grid": {"tau_mem": ["10*mV"]}}, UnitsError, "tau_mem"),
        ({"grid": {"update_every": [1.5]}}, TensionError, "Learning.update_every: expected a whole number"),
        ({"grid": {"feedback_scale": ["2*mV"]}}, InvalidTypeError, "ForceNetwork: feedback_scale: expected a factor"),
        ({"grid": {"seed": [1]}}, InvalidValueError, "sweep.grid seed: expected a setting other than the seed."),
        ({"settings": {"seed": 1}}, InvalidValueError, "sweep.settings: expected settings other than the seed."),
        ({"settings": [1]}, InvalidTypeError, "sweep.settings: expected names with values."),
        ({"settings": {"alpha_P": 0}}, InvalidValueError, "Learning.alpha_P: expected"),
        ({"settings": {"alpha_P": 1}}, InvalidValueError, "expected a setting without a fixed value."),
        ({"y": None}, InvalidValueError, "Simulation.run.y: the network learns, and there is no target."),
        ({"y": [1, np.nan]}, InvalidValueError, "sweep.y"),
        ({"y": np.ones((60, 2))}, InvalidValueError, "Simulation.run.y: expected shape (timesteps, 1)."),
        ({"steps": 61}, InvalidValueError, "Simulation.run.steps: expected at most the 60 samples"),
        ({"measure": 1}, InvalidTypeError, "sweep.measure: expected a function, called as measure(results), or None."),
        ({"record": 1}, InvalidTypeError, "Simulation.record: expected a Record."),
        ({"protocols": "here"}, InvalidValueError, "sweep.protocols: a network has no protocol and no recipe file."),
        ({"recipe": "lif_sine"}, InvalidValueError, "sweep.y: a recipe says what its runs are given"),
        ({"recipe": 1}, InvalidTypeError, "sweep.recipe: expected a recipe's name or file, or a network."),
        ({"recipe": b2.Network()}, InvalidTypeError, "sweep.recipe: expected a recipe's name or file, or a network."),
        ({"recipe": populations(), "grid": {"error": ["nope"]}}, TensionError, "Network.projections[1].error"),
        (
            {"recipe": populations(), "grid": {"sign": [1]}},
            UnknownNameError,
            "Network: settings: expected a known setting",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_anything_runs(tmp_path, changed, error, text):
    call = {"recipe": force(), "grid": {"alpha_P": [1.0]}, **how(tmp_path / "out")} | changed
    with pytest.raises(error) as raised:
        sweep(**call)
    assert text in str(raised.value)
    assert not (tmp_path / "out" / JOURNAL).exists()


def test_a_name_that_stands_in_several_places_is_refused(tmp_path):
    net = force(plastic=Plastic(np.eye(12), replace(RULE, alpha_P=2.0)))
    with pytest.raises(InvalidValueError, match=re.escape("Fix: write learning.alpha_P or plastic.learning.alpha_P.")):
        sweep(net, {"alpha_P": [1]}, **how(tmp_path / "out"))


def test_a_map_of_a_file_is_refused_with_its_path(tmp_path):
    np.save(tmp_path / "y.npy", Y[:, None])
    with pytest.raises(InvalidTypeError, match=r"sweep.y: expected the path of a .npy file, or an array in memory."):
        sweep(force(), {"alpha_P": [1]}, **how(tmp_path / "out", y=np.load(tmp_path / "y.npy", mmap_mode="r")))


@pytest.mark.parametrize("changed", [{"n_steps": 90}, {"inputs": np.ones((60, 1))}, {"target": -Y[:, None]}])
def test_another_task_is_another_sweep(changed):
    given = {"name": "task", "n_steps": 120, "target": Y[:, None], "inputs": np.zeros((60, 1)), "period": 60}
    one, other = (Given.of("sweep", force(n_inputs=1), None, {"y": Task(**each)}) for each in (given, given | changed))
    assert one.identity == Given.of("sweep", force(n_inputs=1), None, {"y": Task(**given)}).identity
    assert one.identity != other.identity
