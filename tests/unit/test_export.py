"""The Neo block against the run's own arrays, NIX against neo's reader and writer."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import h5py
import neo
import numpy as np
import pytest
import quantities as pq
from neo.io import NixIO
from neo.test.tools import assert_neo_object_is_compliant
from synthetic import SILENT, synthetic_results

from tension_sim.errors import InvalidValueError, OutputError
from tension_sim.results.export import load_results, read_nix, to_neo, write_nix
from tension_sim.results.nixfile import nix_image
from tension_sim.results.results import Phase, Results


def assert_same_block(found, expected):
    """Everything that neo keeps: names, values, units, times and annotations, in order."""

    def annotations(thing):
        return {key: value for key, value in thing.annotations.items() if key != "nix_name"}

    def same(a, b):
        assert a.name == b.name
        assert annotations(a) == annotations(b)
        if not isinstance(a, neo.Segment | neo.Block):
            assert a.units == b.units
            assert a.units.dimensionality.string == b.units.dimensionality.string
            np.testing.assert_array_equal(a.magnitude, b.magnitude, strict=True)
            assert a.t_start == b.t_start
            assert set(a.array_annotations) == set(b.array_annotations)
            for key, value in a.array_annotations.items():
                np.testing.assert_array_equal(value, b.array_annotations[key])

    same(found, expected)
    assert found.description == expected.description
    assert len(found.segments) == len(expected.segments)
    for mine, other in zip(found.segments, expected.segments, strict=True):
        same(mine, other)
        assert len(mine.spiketrains) == len(other.spiketrains)
        assert len(mine.analogsignals) == len(other.analogsignals)
        for a, b in zip(mine.spiketrains, other.spiketrains, strict=True):
            same(a, b)
            assert a.t_stop == b.t_stop
        for a, b in zip(mine.analogsignals, other.analogsignals, strict=True):
            same(a, b)
            assert a.sampling_rate == b.sampling_rate


@pytest.fixture(scope="module")
def run():
    return synthetic_results(n_outputs=2)


@pytest.fixture(scope="module")
def block(run):
    return to_neo(run)


@pytest.mark.filterwarnings("ignore")  # the check builds old-style objects of its own
def test_neo_finds_the_block_compliant(block):
    assert_neo_object_is_compliant(block)


def test_a_segment_per_phase_with_shared_bounds(run, block):
    assert [segment.name for segment in block.segments] == ["before", "learning", "test"]
    for segment, phase in zip(block.segments, run.phases, strict=True):
        for train in segment.spiketrains:
            assert train.t_start == run.dt * phase.start * pq.s
            assert train.t_stop == run.dt * phase.stop * pq.s


def test_spike_times_are_those_of_the_run(run, block):
    for segment, phase in zip(block.segments, run.phases, strict=True):
        assert len(segment.spiketrains) == run.n_recorded_neurons
        for neuron, train in enumerate(segment.spiketrains):
            steps = [
                k
                for k, i in zip(run.spike_step, run.spike_neuron, strict=True)
                if i == neuron and phase.start <= k < phase.stop
            ]
            np.testing.assert_array_equal(train.magnitude, run.dt * np.array(steps))
            assert train.units == pq.s
            assert (len(train) == 0) == (neuron in SILENT)


def test_neurons_are_named_as_pynn_names_them(block):
    for segment in block.segments:
        for neuron, train in enumerate(segment.spiketrains):
            assert train.name == f"neurons_{neuron}"
            own = {key: train.annotations[key] for key in ("source_population", "source_index", "channel_id")}
            assert own == {"source_population": "neurons", "source_index": neuron, "channel_id": neuron}
            np.testing.assert_array_equal(train.array_annotations["neuron_id"], np.full(len(train), neuron))


def test_no_two_objects_share_annotations(block):
    things = [thing for seg in block.segments for thing in (seg, *seg.spiketrains, *seg.analogsignals)]
    assert len({id(thing.annotations) for thing in things}) == len(things)


def test_signals_have_units_rates_and_the_time_of_each_sample(run, block):
    for segment, phase in zip(block.segments, run.phases, strict=True):
        output, target, v = segment.analogsignals
        assert [s.name for s in (output, target, v)] == ["output", "target", "v"]
        assert output.units == target.units == pq.dimensionless
        assert v.units == pq.mV
        assert output.sampling_rate.rescale("Hz").item() == pytest.approx(1 / (run.dt * 2))
        assert v.sampling_rate.rescale("Hz").item() == pytest.approx(1 / (run.dt * 5))
        np.testing.assert_array_equal(output.magnitude, run.output[run.rows(phase)])
        np.testing.assert_allclose(
            output.times.rescale("s").magnitude, run.times[run.rows(phase)], rtol=1e-12, atol=1e-15
        )
        steps = [k for k in range(phase.start, phase.stop) if k % 5 == 0]
        np.testing.assert_allclose(v.times.rescale("s").magnitude, run.dt * np.array(steps), rtol=1e-12, atol=1e-15)
        np.testing.assert_array_equal(v.magnitude, run.recorded["v"].values[np.array(steps) // 5])
        np.testing.assert_array_equal(v.array_annotations["neuron_id"], [2, 5])
        np.testing.assert_array_equal(output.array_annotations["channel_id"], [0, 1])


def test_a_run_that_goes_on_keeps_its_clock():
    run = synthetic_results(first_step=6001, record_every=5)
    segment = to_neo(run).segments[0]
    assert segment.spiketrains[0].t_start == run.dt * 6001 * pq.s
    assert segment.analogsignals[0].t_start.item() == pytest.approx(run.dt * 6005)


def test_provenance_is_flat_and_of_nix_types(block):
    found = block.annotations
    assert found["seed"] == 1
    assert found["versions.tension_sim"] == "0.1.0"
    assert found["parameters.tau_decay"] == "20*ms"
    assert found["name_"] == "kept"  # a key called name would be taken for the block's name
    assert found["odd"] == ""
    assert all(isinstance(value, bool | int | float | str) for value in found.values())


def test_lists_and_huge_numbers_become_text():
    found = to_neo(synthetic_results(provenance={"a": [1, 2], "b": 2**70, "c/d": {"e": np.float32(0.5)}}))
    assert found.annotations["a"] == "[1, 2]"
    assert found.annotations["b"] == str(2**70)
    assert found.annotations["c.d.e"] == 0.5


def test_empty_phases_and_missing_targets_are_left_out():
    run = synthetic_results(target=None, phases=(Phase("before", 0, 0), Phase("learning", 0, 6000)))
    block = to_neo(run)
    assert [segment.name for segment in block.segments] == ["learning"]
    assert [signal.name for signal in block.segments[0].analogsignals] == ["output", "v"]
    assert [segment.name for segment in to_neo(synthetic_results(phases=())).segments] == ["run"]


# ---- NIX


def test_nix_reads_back_equal_with_neo_alone(run, block, tmp_path):
    path = write_nix(run, tmp_path / "results.nix")
    with NixIO(str(path), "ro") as file:
        blocks = file.read_all_blocks()
    assert len(blocks) == 1
    assert_same_block(blocks[0], block)
    assert_same_block(read_nix(path), block)


def tree(path):
    """All groups, datasets, values and attributes of a file, without ids, dates and our own additions."""
    found = {}

    def plain(text):
        text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID", str(text))
        return re.sub(r"(neo\.\w+)\.[0-9a-f]{32}", r"\1", text)

    def visit(place, trail):
        order = {}
        for key in place:
            name = plain(key)
            if "tension_sim" in key or name == "nix_name":
                continue
            order[name] = order.get(name, -1) + 1
            where = (*trail, f"{name}#{order[name]}")
            item = place[key]
            attributes = {k: plain(v) for k, v in item.attrs.items() if k not in ("created_at", "updated_at")}
            if isinstance(item, h5py.Group):
                found[where] = attributes
                visit(item, where)
            else:
                found[where] = {**attributes, "": (item.dtype, item.shape, plain(np.array(item).tolist()))}

    with h5py.File(path) as file:
        visit(file, ())
    return found


def test_layout_is_that_of_neos_own_writer(run, tmp_path):
    write_nix(run, tmp_path / "mine.nix")
    with NixIO(str(tmp_path / "neo.nix"), "ow") as file:
        file.write_block(to_neo(run))
    mine, other = tree(tmp_path / "mine.nix"), tree(tmp_path / "neo.nix")
    assert len(mine) > 500
    assert set(mine) == set(other)
    assert mine == other


def test_trains_with_other_annotations_or_units_are_written_too(tmp_path):
    block = neo.Block(name="mixed")
    segment = neo.Segment(name="only")
    block.segments.append(segment)
    for number, more in enumerate([{}, {"a": 1, "b": "x"}, {"b": "longer text", "a": 7}, {"a": 2.5, "b": "x"}]):
        labels = {"quality": np.array([0.5, number]), "text": np.array(["p", "q"])}
        segment.spiketrains.append(
            neo.SpikeTrain([1.0, 2.0], units="ms", t_stop=5 + number, array_annotations=labels, **more)
        )
    block.check_relationships()
    (tmp_path / "a.nix").write_bytes(nix_image(block))
    for train, other in zip(read_nix(tmp_path / "a.nix").segments[0].spiketrains, segment.spiketrains, strict=True):
        assert train.t_stop == other.t_stop
        assert train.units == other.units == pq.ms
        assert {k: v for k, v in train.annotations.items() if k != "nix_name"} == other.annotations
        np.testing.assert_array_equal(train.array_annotations["quality"], other.array_annotations["quality"])
        np.testing.assert_array_equal(train.array_annotations["text"], other.array_annotations["text"])


def test_results_load_as_they_were_saved(run, tmp_path):
    run.save(tmp_path / "results.nix")
    found = Results.load(tmp_path / "results.nix")
    for key in ("spike_step", "spike_neuron", "output", "target"):
        np.testing.assert_array_equal(getattr(found, key), getattr(run, key), strict=True)
    for group in ("weights", "learning_curve", "state"):
        assert set(getattr(found, group)) == set(getattr(run, group))
        for key, value in getattr(run, group).items():
            np.testing.assert_array_equal(getattr(found, group)[key], value, strict=True)
    for key in ("name", "dt", "first_step", "n_steps", "n_neurons", "n_recorded_neurons", "record_every"):
        assert getattr(found, key) == getattr(run, key)
    assert found.phases == run.phases
    assert found.provenance == run.provenance
    assert found.timings == run.timings
    assert vars(found.recorded["v"]).keys() == vars(run.recorded["v"]).keys()
    np.testing.assert_array_equal(found.recorded["v"].values, run.recorded["v"].values)
    assert_same_block(found.to_neo(), run.to_neo())


def test_results_without_spikes_target_and_state(tmp_path):
    run = synthetic_results(rate=0.0, target=None, recorded={})
    found = load_results(run.save(tmp_path / "results.nix", state=False))
    assert found.target is None
    assert len(found.spike_step) == 0
    assert found.state == {}
    assert_same_block(read_nix(tmp_path / "results.nix"), run.to_neo())


def test_an_existing_file_is_replaced_or_refused(run, tmp_path):
    path = tmp_path / "results.nix"
    path.write_text("earlier")
    with pytest.raises(OutputError, match=r"write_nix.path: expected a file that does not exist yet[\s\S]*results"):
        write_nix(run, path, overwrite=False)
    assert path.read_text() == "earlier"
    write_nix(run, path)
    assert [p.name for p in tmp_path.iterdir()] == ["results.nix"]
    assert len(read_nix(path).segments) == 3


def test_a_missing_folder_is_refused(run, tmp_path):
    with pytest.raises(OutputError, match=r"write_nix.path[\s\S]*Fix: create the folder first"):
        write_nix(run, tmp_path / "none" / "results.nix")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_permission_is_refused(run, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match=r"Fix: you may not write there"):
        write_nix(run, tmp_path / "results.nix")


def test_a_full_disk_leaves_the_earlier_file_whole(run, tmp_path):
    """The kernel refuses to let any file of a child process grow, as a full disk would."""
    path = tmp_path / "results.nix"
    write_nix(run, path)
    earlier = path.read_bytes()
    code = (
        "import sys; from synthetic import synthetic_results\n"
        "from tension_sim.errors import OutputError\n"
        "run = synthetic_results(n_neurons=40)\n"
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "try:\n    run.save(sys.argv[1])\nexcept OutputError as error:\n    print(error)\n"
    )
    here = Path(__file__).resolve()
    environment = {
        **os.environ,
        "PYTHONPATH": f"{here.parents[1]}:{here.parents[2]}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "Results.save.path: expected a file that can be written (File too large)" in done.stdout
    assert path.read_bytes() == earlier
    assert [p.name for p in tmp_path.iterdir()] == ["results.nix"]


def test_files_that_are_not_ours_are_refused(run, tmp_path):
    with pytest.raises(InvalidValueError, match=r"read_nix.path: expected a file that exists"):
        read_nix(tmp_path / "none.nix")
    whole = write_nix(run, tmp_path / "results.nix").read_bytes()
    (tmp_path / "half.nix").write_bytes(whole[: len(whole) // 2])
    for what, function in (
        ("read_nix.path: expected a whole NIX", read_nix),
        ("load_results.path: expected a whole .nix", load_results),
    ):
        with pytest.raises(InvalidValueError, match=f"{what} file"):
            function(tmp_path / "half.nix")
    with h5py.File(tmp_path / "other.nix", "w") as file:
        file["a"] = 1
    with pytest.raises(InvalidValueError, match=r"load_results.path: expected a whole .nix file"):
        load_results(tmp_path / "other.nix")


def test_thousands_of_neurons_are_written_much_faster_than_by_neos_own_writer(tmp_path):
    def seconds_per_train(n_neurons, write):
        run = synthetic_results(n_neurons=n_neurons, dt=5e-4, seconds=1.0, recorded={})
        start = time.process_time()
        write(run)
        return (time.process_time() - start) / (3 * n_neurons)

    def write_by_neo(run):
        with NixIO(str(tmp_path / "neo.nix"), "ow") as file:
            file.write_block(to_neo(run))

    # measured: 0.8 ms against 14 ms
    mine = seconds_per_train(1000, lambda run: write_nix(run, tmp_path / "results.nix"))
    assert mine < seconds_per_train(20, write_by_neo) / 6
