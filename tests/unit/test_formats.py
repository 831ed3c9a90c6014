"""Output formats: a run comes back from each as it was, and other programs read the same numbers."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from pathlib import Path

import brian2
import h5py
import neo
import nixio
import numpy as np
import pytest
import quantities as pq
from synthetic import synthetic_results

from tension_sim import ForceNetwork, Learning, Results, Simulation
from tension_sim.errors import InvalidValueError, OutputError, UnknownNameError, UnsupportedError
from tension_sim.neo import save
from tension_sim.results.format import Format, list_formats, load_format

pynwb = pytest.importorskip("pynwb")


def assert_same(found: Results, expected: Results) -> None:
    for key in ("spike_step", "spike_neuron", "output", "target"):
        np.testing.assert_array_equal(getattr(found, key), getattr(expected, key), strict=True)
    for group in ("weights", "learning_curve", "state"):
        assert set(getattr(found, group)) == set(getattr(expected, group))
        for key, value in getattr(expected, group).items():
            np.testing.assert_array_equal(getattr(found, group)[key], np.asarray(value), strict=True)
    for key in ("name", "dt", "first_step", "n_steps", "n_neurons", "n_recorded_neurons", "record_every", "phases"):
        assert getattr(found, key) == getattr(expected, key)
    assert (found.provenance, found.timings) == (expected.provenance, expected.timings)
    assert set(found.recorded) == set(expected.recorded)
    for key, recording in expected.recorded.items():
        np.testing.assert_array_equal(found.recorded[key].values, recording.values, strict=True)
        np.testing.assert_array_equal(found.recorded[key].indices, recording.indices)
        assert (found.recorded[key].unit, found.recorded[key].every) == (recording.unit, recording.every)


RUNS = {
    "usual": synthetic_results(n_outputs=2),
    "later": synthetic_results(first_step=6001, record_every=5),
    "little": synthetic_results(rate=0.0, recorded={}, weights={}, phases=()),
    "no output": synthetic_results(
        target=None, output=np.empty((3000, 0)), n_recorded_neurons=0, spike_step=[], spike_neuron=[]
    ),
    "odd": synthetic_results(
        state={"a/b~c": np.float64(0.1), "step": 3, "on": np.array([True, False]), "none": np.empty((0, 2))},
        provenance={"a/b": {"c~d": [1, "x", None, [True]], "e": {}}, "text": "1", "two\nlines": "Größe µ", "no": ""},
    ),
}


@pytest.mark.parametrize("name", list_formats())
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_run_comes_back_as_it_was(run, name, tmp_path):
    assert_same(Results.load(run.save(tmp_path / f"run.{name}")), run)


@pytest.mark.parametrize("name", list_formats())
def test_the_state_is_left_out_on_demand(name, tmp_path):
    run = RUNS["usual"]
    assert Results.load(run.save(tmp_path / f"run.{name}", state=False)).state == {}


@pytest.mark.parametrize("name", list_formats())
def test_half_a_file_is_refused(name, tmp_path):
    path = RUNS["usual"].save(tmp_path / f"run.{name}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(
        InvalidValueError, match=rf"Results.load.path: expected a whole \.{name} file written by tension-"
    ):
        Results.load(path)


def test_the_suffix_decides_and_an_unknown_one_is_refused(tmp_path):
    with pytest.raises(
        UnknownNameError,
        match=r"Results.save.path: expected a known suffix \(.h5, .nix, .npz, .nwb\).\nReceived: '.nxb'\nFix: did you",
    ):
        RUNS["usual"].save(tmp_path / "run.nxb")
    with pytest.raises(UnknownNameError, match="Results.load.path: expected a known suffix"):
        Results.load(tmp_path / "run")
    assert not list(tmp_path.iterdir())
    assert RUNS["usual"].save(tmp_path / "RUN.H5").read_bytes().startswith(b"\x89HDF")


def test_a_format_whose_module_is_missing_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("tension_sim.results.format.find_spec", lambda name: None)
    with pytest.raises(UnsupportedError, match=r'\(pynwb\)[\s\S]*Fix: pip install "tension-sim\[nwb\]"'):
        RUNS["usual"].save(tmp_path / "run.nwb")


@pytest.mark.parametrize("name", list_formats())
def test_an_existing_file_stays_where_it_may_not_be_replaced(name, tmp_path):
    path = tmp_path / f"run.{name}"
    path.write_text("mine")
    with pytest.raises(OutputError, match="Results.save.path: expected a file that does not exist yet"):
        RUNS["usual"].save(path, overwrite=False)
    assert path.read_text() == "mine"


# ---- NIX


def test_nixio_reads_every_array(tmp_path):
    path = RUNS["odd"].save(tmp_path / "run.nix")
    with nixio.File.open(str(path), "r") as file:
        arrays = {array.name: array[:] for array in file.blocks[0].data_arrays}
    assert arrays["tension_sim.state.step"].tolist() == [3]
    assert all(array.ndim for array in arrays.values())


# ---- NWB


@pytest.fixture(scope="module")
def run():
    return RUNS["usual"]


@pytest.fixture(scope="module")
def path(run, tmp_path_factory):
    return run.save(tmp_path_factory.mktemp("nwb") / "run.nwb")


class TestNwb:
    def test_pynwb_finds_it_valid(self, path):
        assert pynwb.validate(path=str(path)) == []

    @pytest.mark.filterwarnings("ignore")
    def test_nwbinspector_finds_nothing_critical_and_no_violation(self, path):
        inspector = pytest.importorskip("nwbinspector")
        found = list(inspector.inspect_nwbfile(nwbfile_path=str(path)))
        worst = inspector.Importance.BEST_PRACTICE_SUGGESTION
        assert [(one.check_function_name, one.message) for one in found if one.importance is not worst] == []

    def test_units_epochs_and_series(self, run, path):
        with pynwb.NWBHDF5IO(str(path), "r") as io:
            file = io.read()
            assert len(file.units) == run.n_recorded_neurons
            assert file.units.resolution == run.dt
            for neuron in range(run.n_recorded_neurons):
                np.testing.assert_array_equal(
                    file.units.get_unit_spike_times(neuron), run.dt * run.spike_step[run.spike_neuron == neuron]
                )
            epochs = file.epochs.to_dataframe()
            assert [tags[0] for tags in epochs.tags] == ["before", "learning", "test"]
            np.testing.assert_allclose(epochs.start_time, [0, 2, 4])
            output, target, v = file.acquisition["output"], file.stimulus["target"], file.acquisition["v"]
            np.testing.assert_array_equal(output.data[:], run.output)
            np.testing.assert_array_equal(target.data[:], run.target)
            assert (output.unit, output.rate, output.starting_time) == ("n.a.", pytest.approx(500), 0)
            assert (v.unit, v.conversion, v.rate) == ("volt", 1e-3, pytest.approx(200))
            assert "no animal" in file.subject.description

    def test_neo_and_elephant_count_the_same_spikes(self, run, path):
        statistics = pytest.importorskip("elephant.statistics")
        segment = neo.NWBIO(str(path), "r").read_all_blocks()[0].segments[0]
        wanted = np.bincount(run.spike_neuron, minlength=run.n_recorded_neurons)
        assert [len(train) for train in segment.spiketrains] == wanted.tolist()
        rates = [statistics.mean_firing_rate(train).rescale("Hz").item() for train in segment.spiketrains]
        np.testing.assert_allclose(rates, wanted / (run.dt * run.n_steps))

    def test_thousands_of_units_take_no_longer_each(self, tmp_path):
        run = synthetic_results(n_neurons=2000, rate=1.0, dt=5e-3, recorded={}, phases=())
        found = Results.load(run.save(tmp_path / "run.nwb"))
        np.testing.assert_array_equal(found.spike_neuron, run.spike_neuron)


# ---- a format of one's own


EXTENDING = Path(__file__).resolve().parents[2] / "docs" / "EXTENDING.md"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a package that brings a format, and one that cannot be imported."""
    (tmp_path / "site" / "more-1.dist-info").mkdir(parents=True)
    code = re.search(r"```python\n(\"\"\"Spikes as text.*?)```", EXTENDING.read_text(encoding="utf-8"), re.DOTALL)[1]
    (tmp_path / "site" / "more_spikes.py").write_text(code)
    points = "[tension_sim.formats]\nspikes = more_spikes\nbroken = more_missing\nnix = more_missing\n"
    (tmp_path / "site" / "more-1.dist-info" / "METADATA").write_text("Name: more\nVersion: 1\n")
    (tmp_path / "site" / "more-1.dist-info" / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield
    sys.modules.pop("more_spikes", None)


def test_an_installed_package_adds_a_format(installed, tmp_path):
    assert {"broken", "spikes", "nix"} <= set(list_formats())
    run = RUNS["usual"]
    path = run.save(tmp_path / "run.spikes")
    np.testing.assert_array_equal(np.loadtxt(path, delimiter=",")[:, 0], run.spike_step)
    with pytest.raises(UnsupportedError, match="Results.load.path: expected a format that can be read back"):
        Results.load(path)
    assert isinstance(load_format("nix"), Format)  # the package's own formats are not replaced
    with pytest.raises(InvalidValueError, match=r"broken: expected an entry point of tension_sim.formats that can be"):
        run.save(tmp_path / "run.broken")


# ---- the network, and what was not run by Simulation


def test_a_trained_network_goes_on_from_its_file_as_if_it_had_not_stopped(tmp_path):
    learning = Learning(alpha_P=0.1, update_every=5)
    net = ForceNetwork.random(
        "lif", n=30, n_outputs=2, G=0.1, learning=learning, parameters={"tau_ref": 3 * brian2.ms}, seed=4
    )
    y = np.sin(np.arange(400)[:, None] / 30 + np.arange(2))
    whole = Simulation(net, target="numpy").run(y)
    first = Simulation(net, target="numpy").run(y[:250])
    for name in list_formats():
        loaded = Results.load(first.save(tmp_path / f"run.{name}"))
        again = loaded.network()
        assert again.neuron == net.neuron and again.synapse == net.synapse
        np.testing.assert_array_equal(again.output_kernel, first.weights["output_kernel"])
        np.testing.assert_array_equal(again.recurrent.weight, net.recurrent.weight)
        second = Simulation(again, target="numpy").run(y[250:], state=loaded.state)
        np.testing.assert_array_equal(second.output, whole.output[250:])
        np.testing.assert_array_equal(second.weights["output_kernel"], whole.weights["output_kernel"])


def test_a_network_that_was_changed_in_its_file_is_refused(tmp_path):
    net = ForceNetwork.random("lif", n=10, seed=1)
    path = Simulation(net, target="numpy").run(np.zeros(5)).save(tmp_path / "run.h5")
    with h5py.File(path, "r+") as file:
        file["net/recurrent.weight"][0] += 1
    with pytest.raises(
        InvalidValueError, match="a network as it was saved .its digest differs.[\\s\\S]*Fix: run again"
    ):
        Results.load(path)


def test_results_without_their_network_say_so():
    with pytest.raises(
        InvalidValueError, match="Results.network: expected results that hold their network.\nReceived: N"
    ):
        RUNS["usual"].network()


def test_where_a_run_comes_from_is_told():
    found = Simulation(ForceNetwork.random("lif", n=10), target="numpy").run(np.zeros(3)).provenance["machine"]
    assert {"date", "host", "cpu", "command"} <= set(found)
    age = datetime.now().astimezone() - datetime.fromisoformat(found["date"])
    assert 0 <= age.total_seconds() < 60


def test_a_block_of_any_network_becomes_nwb(tmp_path):
    block = neo.Block(name="cells")
    for start in (0, 1):
        segment = neo.Segment(name=f"run {start}")
        for index, times in enumerate(([0.1, 0.5], [])):
            times = start + np.array(times)
            train = neo.SpikeTrain(
                times, units="s", t_start=start, t_stop=start + 1, source_population="a", source_index=index
            )
            segment.spiketrains.append(train)
        signal = neo.AnalogSignal(
            np.zeros((10, 2)), units="mV", t_start=start * pq.s, sampling_rate=10 * pq.Hz, name="v"
        )
        segment.analogsignals.append(signal)
        segment.events.append(neo.Event([start + 0.25] * pq.s, labels=["cue"], name="cues"))
        block.segments.append(segment)
    path = save(block, tmp_path / "cells.nwb")
    assert pynwb.validate(path=str(path)) == []
    found = neo.NWBIO(str(path), "r").read_all_blocks()[0].segments[0]
    assert [train.magnitude.tolist() for train in found.spiketrains] == [[0.1, 0.5, 1.1, 1.5], []]
    assert found.spiketrains[1].t_stop == 2 * pq.s
    assert {signal.name for signal in found.analogsignals} == {"run 0, v", "run 1, v"}
    with pytest.raises(
        UnsupportedError, match=r"neo.save.path: expected a format that holds a neo.Block \(.nix, .nwb\)"
    ):
        save(block, tmp_path / "cells.npz")
