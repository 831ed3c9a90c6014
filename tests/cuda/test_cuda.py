"""The target cuda_standalone: refusals, generated code, that it compiles; numbers where there is a GPU."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from cuda_emulation import NETWORKS, part, samples_for, small_network

from tension_sim import ForceNetwork, Learning, Network, Population, Projection, Record, Simulation
from tension_sim.circuit.network_wiring import NetworkWiring
from tension_sim.circuit.parts import STEPS
from tension_sim.circuit.wiring import ForceWiring
from tension_sim.errors import CompilerNotFoundError, DivergenceError
from tension_sim.system import cuda

# brian2cuda 1.0b1 has invalid escapes, old imports, and does not close the sources it writes
pytestmark = pytest.mark.filterwarnings(
    "ignore::SyntaxWarning", "ignore::DeprecationWarning", "ignore:unclosed file:ResourceWarning"
)


@pytest.fixture
def toolkit() -> None:
    """Skip where nothing can be generated for CUDA, with the reason."""
    try:
        cuda.build_preferences()
    except CompilerNotFoundError as error:
        pytest.skip(str(error).partition("\n")[0])
    pytest.importorskip("brian2cuda")


@pytest.fixture
def gpu(toolkit: None) -> None:
    if shutil.which("nvidia-smi") is None or subprocess.run(["nvidia-smi", "-L"], capture_output=True).returncode:
        pytest.skip("no CUDA GPU; the numbers are those of test_emulated.py, where the CPU plays the GPU")


def source_of(folder: Path, name: str) -> str:
    """Return the source of a code object; Brian2 numbers them while older ones are in use."""
    (path,) = [
        p for p in (folder / "code_objects").glob("*.cu") if re.fullmatch(rf"{name}_codeobject(_\d+)?\.cu", p.name)
    ]
    return path.read_text()


# ---- refusals, before anything is generated


def test_without_brian2cuda(monkeypatch):
    monkeypatch.setattr(cuda, "find_spec", lambda name: None)
    with pytest.raises(
        CompilerNotFoundError,
        match=r"(?s)^Simulation\.target: expected the package brian2cuda for cuda_standalone\.\n"
        r"Received: 'no brian2cuda in Python 3\.\d+'\n"
        r"Fix: on Python 3\.12 or newer, pip install 'tension-sim\[cuda\]', which replaces a Brian2 that is newer than "
        r"brian2cuda takes \(2\.10\.1\), or choose target=\"cpp_standalone\"\.$",
    ):
        Simulation(small_network(), target="cuda_standalone")


def test_without_nvcc(monkeypatch, tmp_path):
    monkeypatch.setattr(cuda, "find_spec", lambda name: name)
    monkeypatch.setattr(cuda, "_TOOLKITS", (str(tmp_path / "no toolkit"),))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_PATH", raising=False)
    with pytest.raises(
        CompilerNotFoundError,
        match=r"(?s)^Simulation\.target: expected the CUDA compiler nvcc on the PATH, or CUDA_PATH, for "
        r"cuda_standalone\.\nReceived: 'no nvcc'\n"
        r"Fix: install the CUDA toolkit, or choose target=\"cpp_standalone\"\.$",
    ):
        Simulation(small_network(), target="cuda_standalone")


def fake_nvcc(folder: Path, answer: str) -> Path:
    """Write a program that answers like nvcc, but knows no header."""
    program = folder / "bin" / "nvcc"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "{answer}" && exit 0\nexit 1\n')
    program.chmod(0o755)
    return program


def test_cuda_path_goes_before_the_path(monkeypatch, tmp_path):
    mine, other = fake_nvcc(tmp_path / "mine", ""), fake_nvcc(tmp_path / "other", "")
    monkeypatch.setenv("PATH", str(other.parent))
    monkeypatch.delenv("CUDA_PATH", raising=False)
    assert cuda.nvcc() == str(other)
    monkeypatch.setenv("CUDA_PATH", str(tmp_path / "mine"))
    assert cuda.nvcc() == str(mine)


@pytest.mark.parametrize(("release", "wheel"), [("13.0", "nvidia-curand"), ("12.6", "nvidia-curand-cu12")])
def test_a_toolkit_without_curand(monkeypatch, tmp_path, release, wheel):
    fake_nvcc(tmp_path / "toolkit", f"Cuda compilation tools, release {release}, V{release}.88")
    monkeypatch.setenv("CUDA_PATH", str(tmp_path / "toolkit"))
    monkeypatch.setattr(cuda, "find_spec", lambda name: None if name == "nvidia" else name)
    with pytest.raises(
        CompilerNotFoundError,
        match=r"(?s)expected the library cuRAND for cuda_standalone\.\nReceived: 'no curand\.h in the CUDA toolkit'\n"
        rf"Fix: install the toolkit's cuRAND, or pip install {wheel}\.$",
    ):
        cuda.build_preferences()


def test_a_compiler_without_a_version(tmp_path):
    silent = fake_nvcc(tmp_path, "who asks?")
    with pytest.raises(CompilerNotFoundError, match=r"(?s)expected a CUDA compiler that tells its version.*who asks"):
        cuda._runtime_version(str(silent))


def test_the_first_gpu_decides_the_architecture(monkeypatch, tmp_path):
    tool = tmp_path / "nvidia-smi"
    for text, capability in (("echo 8.6; echo 7.5", 8.6), ("echo 'N/A'", 9.0), ("exit 9", 9.0)):
        tool.write_text(f"#!/bin/sh\n{text}\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        cuda.compute_capability.cache_clear()
        assert cuda.compute_capability() == capability
    tool.unlink()
    cuda.compute_capability.cache_clear()
    assert cuda.compute_capability() == 9.0
    cuda.compute_capability.cache_clear()


def test_a_script_without_a_toolkit_is_told_so_before_anything_changes(monkeypatch):
    import brian2

    from tension_sim.brian import set_cuda_device

    preferences, device = brian2.prefs.as_file, brian2.get_device()
    monkeypatch.setattr(cuda, "find_spec", lambda name: None)
    with pytest.raises(
        CompilerNotFoundError,
        match=r"(?s)^set_cuda_device: expected the package brian2cuda for cuda_standalone\.\n"
        r"Received: 'no brian2cuda in Python 3\.\d+'\n"
        r"Fix: on Python 3\.12[^\n]*, pip install 'tension-sim\[cuda\]', which [^\n]*, or set_device"
        r"\(\"cpp_standalone\"\)\.$",
    ):
        set_cuda_device()
    assert brian2.prefs.as_file == preferences
    assert brian2.get_device() is device


@pytest.mark.parametrize("group", ["no group", "silent"])
def test_spike_order_wants_a_group_that_spikes(group):
    import brian2

    from tension_sim.brian import SpikeOrder
    from tension_sim.errors import TensionError

    silent = brian2.NeuronGroup(2, "v : 1", name="silent")
    wanted = {"no group": "a Brian2 group that spikes", "silent": "a group that spikes"}[group]
    with pytest.raises(TensionError, match=f"^SpikeOrder.group: expected {wanted}.\nReceived: '{group}'"):
        SpikeOrder(silent if group == "silent" else group)
    brian2.Network(silent)


# ---- what is generated; nothing is compiled


@pytest.fixture
def generated(toolkit, monkeypatch, tmp_path):
    """Generate a network with everything that assembly knows, and return it, its record and the folder."""
    from tension_sim.brian.build_cuda import build_cuda

    monkeypatch.setattr("tension_sim.brian.build_cuda.compile_sources", lambda *args: None)
    net, record = small_network(), Record(variables={"v": (0, 3)})
    build_cuda(ForceWiring(net, record).circuit, tmp_path)
    return net, record, tmp_path


def test_delays_of_learned_synapses_and_parameters_of_neurons_are_taken_from_arguments(toolkit, monkeypatch, tmp_path):
    from tension_sim.brian.build_cuda import build_cuda

    monkeypatch.setattr("tension_sim.brian.build_cuda.compile_sources", lambda *args: None)
    delay, rule = np.arange(9.0).reshape(3, 3) * 1e-4, {"learning": Learning(1.0), "error": "z"}
    net = Network(
        {"cells": Population("lif", 3, parameters={"tau_mem": [0.01, 0.02, 0.03], "bias": "-39*mV + mV*rand()"})},
        [
            Projection("cells", "cells", weights=np.ones((3, 3)), delay=delay, name="each_step", **rule),
            Projection("cells", "cells", weights=np.ones((3, 3)), delay=delay, name="at_spikes", at_spikes=True,
                       synapse="single_exponential", **rule),
        ],
    )  # fmt: skip
    wiring = NetworkWiring(net, Record())
    build_cuda(wiring.circuit, tmp_path)
    main = (tmp_path / "main.cu").read_text()
    taken = set(re.findall(r'tsim::(?:take|load_array|load_vector)\(args, "([\w.]+)=?"', main))
    brought = {*wiring.values(), *wiring.initial_state(None), *wiring.circuit.state_sizes}
    assert {"recurrent_at_spikes.delay_steps", "recurrent_at_spikes.ring", "neurons_cells.tau_mem"} <= brought
    assert sum(name.startswith("delayed_") and name.endswith(".delay_steps") for name in brought) == 2
    assert brought - {"step"} <= taken


def test_every_value_of_a_run_is_taken_from_its_argument(generated):
    net, record, folder = generated
    wiring = ForceWiring(net, record)
    main = (folder / "main.cu").read_text()
    taken = set(re.findall(r'tsim::(?:take|load_array|load_vector)\(args, "([\w.]+)=?"', main))
    brought = {*wiring.values(), *wiring.initial_state(None), *wiring.circuit.state_sizes}
    brought |= {"target.samples", "target.first_step", "target.periodic", "inputs.samples", "inputs.first_step"}
    assert brought - {"step"} <= taken
    assert {"network.t", "conductor.stop_step", "recurrent.out_start", "recurrent.post"} <= taken


def test_the_order_within_a_step_is_the_published_one(generated):
    main = (generated[2] / "main.cu").read_text()
    order = re.findall(r"tsim_network\.add\(&network_clock, _run_(\w+?)(?:_codeobject)?(?:_\d+)?\);", main)
    assert order == [
        "random_number_buffer",
        "inputs", "target", "input",
        "neurons_stateupdater", "neurons_spike_thresholder", "neurons_spike_order", "spikes",
        "recurrent", "neurons_spike_resetter",
        "readout", "rls_error_0", "rls", "feedback", "output", "recorded_v", "conductor",
    ]  # fmt: skip
    start = main.index("_array_network_clock_t[0] = brian::tsim_network.t;")
    assert main.rindex("_array_network_clock_t[0] = 0.0;") < start < main.index("tsim_network.run(")


def test_the_program_writes_what_is_read_of_it(generated):
    import json

    net, record, folder = generated
    listed = json.loads((folder / "manifest.json").read_text())["arrays"]
    objects = (folder / "objects.cu").read_text()
    written = re.findall(r'tsim::write_(?:array|vector)\(results_dir, "([^"]+)"', objects)
    read = {*ForceWiring(net, record).circuit.results, STEPS}
    assert sorted(written) == sorted(listed[name]["file"] for name in read)


def test_sums_over_synapses_have_a_fixed_order(generated):
    source = source_of(generated[2], "recurrent")
    assert "TSIM_LAUNCH(tsim::deliver, " in source
    assert "atomic" not in source[source.index("void _run_recurrent") :]  # before it are brian2cuda's helpers
    assert "rank_events" in source_of(generated[2], "neurons_spike_order")


def test_the_rest_of_neurons_is_part_of_their_state(toolkit, monkeypatch, tmp_path):
    import json

    from tension_sim.brian.build_cuda import build_cuda

    monkeypatch.setattr("tension_sim.brian.build_cuda.compile_sources", lambda *args: None)
    build_cuda(ForceWiring(small_network("refractory"), Record()).circuit, tmp_path)
    arrays = json.loads((tmp_path / "manifest.json").read_text())["arrays"]
    assert arrays["neurons.lastspike"]["dtype"] == "float64"
    assert arrays["neurons.not_refractory"]["dtype"] == "bool"
    taken = re.findall(r'tsim::load_array\(args, "([\w.]+)=?"', (tmp_path / "main.cu").read_text())
    for name in ("lastspike", "not_refractory"):
        assert f"neurons.{name}" in taken
        assert f"_ptr_array_neurons_{name}[_idx] = " in source_of(tmp_path, "neurons_spike_thresholder")


def test_a_build_leaves_the_users_brian2_alone(toolkit, monkeypatch, tmp_path):
    import brian2
    from brian2cuda.utils import gputools

    from tension_sim.brian.build_cuda import build_cuda

    monkeypatch.setattr("tension_sim.brian.build_cuda.compile_sources", lambda *args: None)
    preferences, device = brian2.prefs.as_file, brian2.get_device()
    dt, gpu = brian2.defaultclock.dt, dict(gputools._gpu_selection)
    for name in ("one", "two"):
        build_cuda(ForceWiring(small_network(), Record()).circuit, tmp_path / name)
    assert brian2.prefs.as_file == preferences
    assert brian2.get_device() is device
    assert brian2.defaultclock.dt == dt
    assert gputools._gpu_selection == gpu
    one, two = (
        re.sub(r"(codeobject|push_spikes)_\d+", r"\1", (tmp_path / name / "main.cu").read_text())
        for name in ("one", "two")
    )
    assert one == two


def test_each_build_has_all_flags(toolkit, monkeypatch, tmp_path):
    """brian2cuda takes those that name an architecture out of the list it is given."""
    from tension_sim.brian.build_cuda import build_cuda

    monkeypatch.setattr("tension_sim.brian.build_cuda.compile_sources", lambda *args: None)
    flag = "-gencode=arch=compute_80,code=[sm_80,sm_90,compute_80]"
    changed = {"devices.cuda_standalone.cuda_backend.extra_compile_args_nvcc": ["-w", "-std=c++17", flag]}
    for name in ("one", "two"):
        build_cuda(ForceWiring(small_network(), Record()).circuit, tmp_path / name, changed)
        rules = (tmp_path / name / "makefile").read_text()
        assert flag in rules.partition("NVCCFLAGS = ")[2].partition("\n")[0]
        assert flag in rules.partition("LFLAGS = ")[2].partition("\n")[0].replace("NVCCFLAGS", "")


def test_single_precision_keeps_the_constants_of_chance(toolkit, monkeypatch, tmp_path):
    """brian2cuda rewrites numbers in the source for float32; the hexadecimal ones must stay whole."""
    from tension_sim.brian.build_cuda import build_cuda

    monkeypatch.setattr("tension_sim.brian.build_cuda.compile_sources", lambda *args: None)
    net = ForceNetwork.random("lif", n=10, dtype="float32", learning=Learning(alpha_P=1.0), seed=1)
    build_cuda(ForceWiring(net, Record()).circuit, tmp_path)
    source = source_of(tmp_path, "rls")
    for constant in (
        "0xD1342543DE82EF95ULL",
        "0x9E3779B97F4A7C15ULL",
        "0xBF58476D1CE4E5B9ULL",
        "0x94D049BB133111EBULL",
    ):
        assert constant in source
    assert "tsim::rls::Problem<float, float, 1>" in source


# ---- it compiles and links


def assert_cuda_program(path: Path) -> None:
    """Check that a program is whole: it starts, and its libraries are found."""
    assert os.access(path, os.X_OK)
    assert "not found" not in subprocess.run(["ldd", str(path)], capture_output=True, text=True).stdout


@pytest.mark.slow
def test_an_assembled_network_compiles_and_is_cached(toolkit, monkeypatch, tmp_path):
    monkeypatch.setenv("TENSION_SIM_CACHE", str(tmp_path / "cache"))
    simulation = Simulation(small_network(), target="cuda_standalone", record=Record(variables={"v": (0, 1)}))
    program = simulation.build()
    assert program.built
    assert_cuda_program(program.folder / "main")
    assert not simulation.build().built


@pytest.mark.slow
def test_a_users_network_with_every_primitive_compiles(toolkit, tmp_path):
    import brian2 as b2
    import brian2cuda  # noqa: F401
    from brian2.devices.device import reset_device

    from tension_sim import SparseKernel
    from tension_sim.brian import RLS, LinearMap, Recorder, Signal, SpikeMap, SpikeOrder, set_cuda_device

    before = {name: b2.prefs[name] for name in cuda.build_preferences()}
    set_cuda_device(build_on_run=False)
    try:
        mask = np.random.default_rng(1).random((8, 8)) < 0.5
        group = b2.NeuronGroup(8, "dx/dt = (tanh(h) - x)/(5*ms) : 1\nh : 1", method="euler", name="group")
        follower = b2.NeuronGroup(8, "dx/dt = (z - x)/(5*ms) : 1\nz : 1 (linked)", method="euler", name="follower")
        goal = Signal(np.zeros((9, 2)), periodic=True, name="goal")
        readout = LinearMap(group, "x", weights=np.zeros((2, 8)), name="readout")
        recurrent = LinearMap(
            group, "x", weights=np.zeros((8, 8)), mask=mask, target=group, target_variable="h", name="recurrent"
        )
        follower.z = b2.linked_var(readout, "z", index=np.arange(8) % 2)
        both = RLS(
            [readout, recurrent], goal, alpha_P=1.0, error=["z - y", "out - h"],
            variables={"out": (group, "x"), "h": (group, "h")}, forgetting=0.99, name="both",
        )  # fmt: skip
        # code of the user's own that switches learning: the schedule is then read on the device only
        part = LinearMap(group[2:6], "x", weights=np.zeros((1, 4)), name="part")
        switched = RLS(part, Signal(np.zeros(5), name="other"), alpha_P=1.0, probability=0.5, name="switched")
        switched.run_regularly("learning = 1 - learning", dt=1 * b2.ms)
        recorder = Recorder(group[1:], "x", every=3, indices=[0, 6], name="recorder")
        clause = {"threshold": "v > 1", "reset": "v = 0", "refractory": "2*ms + 1*ms*(i % 2)"}
        cells, others = (
            b2.NeuronGroup(8, "dv/dt = (1.2 - v)/(5*ms) : 1 (unless refractory)", method="euler", name=name, **clause)
            for name in ("cells", "others")
        )
        kicks = [
            SpikeMap(cells[:4], weights=SparseKernel(4, [0, 3], [1, 7], [0.1, 0.2], 8), target=cells,
                     target_variable="v", name=name) for name in ("kicks", "more")
        ]  # fmt: skip
        order = SpikeOrder(others, name="order")
        members = [group, follower, goal, readout, recurrent, both, part, switched, switched.target, recorder]
        members += [cells, others, *kicks, order]
        b2.Network(*members).run(10 * b2.ms, namespace={})
        b2.get_device().build(directory=str(tmp_path), compile=True, run=False, with_output=False)
    finally:
        b2.get_device().reinit()
        reset_device()
        for name, value in before.items():
            b2.prefs[name] = value
    assert_cuda_program(tmp_path / "main")
    assert "if (tsim::rls::due(_step, _on_host))" in source_of(tmp_path, "both")
    assert "if (tsim::rls::due(_step, _on_host))" not in source_of(tmp_path, "switched")
    main = (tmp_path / "main.cu").read_text()
    run = re.findall(r"add\(&defaultclock, _run_(\w+?)(?:_codeobject)?(?:_\d+)?\);", main)
    for name, order in (("cells", "cells_spike_order"), ("others", "order")):  # once, however many read the spikes
        assert run.index(f"{name}_spike_thresholder") < run.index(order) < run.index(f"{name}_spike_resetter")
        assert run.count(order) == 1
        assert "rank_events" in source_of(tmp_path, order)


@pytest.mark.slow
def test_the_weights_of_synapses_compile(toolkit, tmp_path):
    """Whose the rate is, which learn, how fast: all that is generated differently. Its numbers: test_emulated.py."""
    import brian2 as b2
    import brian2cuda  # noqa: F401
    from brian2.devices.device import reset_device

    from tension_sim.brian import RLS, Signal, set_cuda_device
    from tension_sim.brian.build_cuda import compile_cuda

    before = {name: b2.prefs[name] for name in cuda.build_preferences()}
    set_cuda_device(build_on_run=False)
    try:
        cells = b2.NeuronGroup(
            4, "dr/dt = -r/(5*ms) : 1\ng : siemens", threshold="r < 0.1", reset="r = 1", method="exact", name="cells"
        )
        slow, fast = (
            b2.Synapses(
                cells, cells, "w : siemens\ns : 1\nspeed : 1\nplastic : boolean", on_pre="g_post += w; s += 1",
                delay=1 * b2.ms, name=name,
            )
            for name in ("slow", "fast")
        )  # fmt: skip
        for synapses in (slow, fast):
            synapses.connect(i=[0, 1, 2], j=[1, 2, 2])
        goal = Signal([1.0] * b2.nS, name="goal")
        rule = RLS(
            [slow, fast], goal, weight="w", trace=["s", "r_pre"], trainable=[None, "plastic"], factor=["speed", None],
            alpha_P=1.0, name="rule",
        )  # fmt: skip
        b2.Network(cells, slow, fast, goal, rule).run(1 * b2.ms, namespace={})
        b2.get_device().build(directory=str(tmp_path), compile=False, run=False, with_output=False)
    finally:
        b2.get_device().reinit()
        reset_device()
        for name, value in before.items():
            b2.prefs[name] = value
    compile_cuda(tmp_path)
    assert_cuda_program(tmp_path / "main")
    for name in ("rule_synapses", "rule_learned"):  # no update is due, as the host knows: nothing is launched
        assert "if (tsim::rls::due(_step, _on_host))" in source_of(tmp_path, name)


# ---- its numbers


@pytest.mark.gpu
@pytest.mark.slow
@pytest.mark.parametrize("neuron", NETWORKS)
def test_cuda_agrees_with_cpp(gpu, neuron):
    net = small_network(neuron)
    wanted, found = (
        Simulation(net, target=target).run(**samples_for(net, 2000)) for target in ("cpp_standalone", "cuda_standalone")
    )
    assert len(wanted.spike_step) > 50
    for name in ("spike_step", "spike_neuron"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name))
    np.testing.assert_allclose(found.output, wanted.output, rtol=0, atol=1e-10)
    kernel = wanted.weights["output_kernel"]
    np.testing.assert_allclose(found.weights["output_kernel"], kernel, rtol=0, atol=1e-10 * np.abs(kernel).max())


@pytest.mark.gpu
@pytest.mark.slow
def test_two_runs_are_one_long_run_and_equal_runs_are_equal(gpu):
    net = small_network()
    simulation, samples = Simulation(net, target="cuda_standalone"), samples_for(net, 600)
    whole, again = simulation.run(**samples), simulation.run(**samples)
    first = simulation.run(**part(samples, slice(300)))
    second = simulation.run(**part(samples, slice(300, None)), state=first.state)
    assert whole.output.tobytes() == again.output.tobytes()
    assert np.array_equal(np.concatenate([first.output, second.output]), whole.output)


@pytest.mark.gpu
@pytest.mark.slow
def test_a_state_that_cpp_left_goes_on(gpu):
    net = small_network()
    samples = samples_for(net, 600)
    cpp, on_gpu = (Simulation(net, target=target) for target in ("cpp_standalone", "cuda_standalone"))
    first = cpp.run(**part(samples, slice(303)))
    assert first.state["rls.pending"].any()
    wanted, found = (s.run(**part(samples, slice(303, None)), state=first.state) for s in (cpp, on_gpu))
    np.testing.assert_allclose(found.output, wanted.output, rtol=0, atol=1e-10)


@pytest.mark.gpu
@pytest.mark.slow
def test_divergence_ends_the_run_at_its_step(gpu):
    net = small_network()
    simulation, samples = Simulation(net, target="cuda_standalone"), samples_for(net, 400)
    state = simulation.run(**part(samples, slice(203))).state
    state["rls.P_packed"] = -1e6 * np.abs(state["rls.P_packed"]) - 1
    with pytest.raises(DivergenceError, match="time step 205 ") as caught:
        simulation.run(**part(samples, slice(203, None)), state=state)
    assert caught.value.results.n_steps == 3
