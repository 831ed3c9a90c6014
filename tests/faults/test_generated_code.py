"""The source that a file becomes: nothing of it but names, numbers and operators, and the same on every target."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tension_sim.brian import build
from tension_sim.circuit.wiring import ForceWiring
from tension_sim.declare.network import ForceNetwork, Learning
from tension_sim.declare.record import Record
from tension_sim.run.simulation import Simulation

pytestmark = pytest.mark.slow

#: Everything that a neuron file may hold, at once.
EVERYTHING = '''
kind = "neuron"
equations = """
dv/dt = (I - v + gap*sign(x)*exprel(v/mV) + noise)/tau*int(t > last + rest and not quiet) : volt
dx/dt = (clip(x**2 - 0.5, -1, 1) - x + y % 3 + n//2 + erf(x)*cosh(x/7))/(2*tau) : 1
y = floor(t/tau)*cos(2*pi*x)*k + int(v <= gap or x != 2.5) : 1
noise = gap*standard_normal(noise_seed, t_in_timesteps, i) : volt
I = I_rec + I_fb + I_in : volt  # QUXMARK
last : second
n : integer
quiet : boolean
scale_of_unit : volt (constant)
"""
threshold = "v >= gap/2 and (x < 100 or quiet)"
reset = "last = t; n += 1; quiet = n % 3 == 0; w = v - gap; v = w/10 + scale_of_unit; x -= 0.1"
method = "rk2"
membrane = "v"
[inputs]
recurrent = "I_rec"
feedback = "I_fb"
external = "I_in"
[units]
current = "mV"
rate = "1/second"
[parameters]
tau = "9*ms"
gap = "2*mV"
rest = "1*ms"
k = 1.5
[initial]
v = "rand()*mV"
x = "0.2*randn()"
last = "-1*second"
scale_of_unit = "0.1*mV"
'''


def network(path: str | Path) -> ForceNetwork:
    learning = Learning(alpha_P=1e-3)
    return ForceNetwork.random(path, n=20, n_inputs=1, p=0.5, E2=3.0, seed=4, learning=learning)


def sources(path: str | Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Generate the C++ program of a network, without compiling it."""
    monkeypatch.setattr(build, "compile_sources", lambda *arguments: None)
    build.build_cpp(ForceWiring(network(path), Record(variables={"v": (0,)})).circuit, folder)
    return "\n".join(file.read_text() for file in sorted(folder.rglob("*")) if file.suffix in (".cpp", ".h"))


def foreign(source: str) -> set[str]:
    """Return texts in quotes, comments and preprocessor lines, without names of variables."""
    found = re.findall(r'"(?:[^"\\\n]|\\.)*"|^\s*#.*$', source, re.MULTILINE)
    return {re.sub(r"\w+|\s+", "", piece) for piece in found}


def test_a_file_adds_no_text_no_comment_and_no_directive(tmp_path, monkeypatch):
    path = tmp_path / "mine.toml"
    path.write_text(EVERYTHING)
    plain = sources("lif", tmp_path / "plain", monkeypatch)
    rich = sources(path, tmp_path / "rich", monkeypatch)
    assert "QUXMARK" not in rich
    assert len(rich) > len(plain)
    assert foreign(rich) <= foreign(plain)


def test_every_target_computes_the_same(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(EVERYTHING)
    steps = 400
    y, x = np.sin(np.arange(steps) / 20)[:, None], np.cos(np.arange(steps) / 30)[:, None]
    found = {
        target: Simulation(network(path), target=target, record=Record(variables={"v": (0, 1), "x": (2,)})).run(y, x)
        for target in ("numpy", "cython", "cpp_standalone")
    }
    one = found["numpy"]
    assert len(one.spike_step) > 20
    for other in (found["cython"], found["cpp_standalone"]):
        assert np.array_equal(other.spike_step, one.spike_step)
        assert np.array_equal(other.spike_neuron, one.spike_neuron)
        for name in (name for name in one.state if name.startswith("neurons.")):
            values = one.state[name]
            assert other.state[name] == pytest.approx(values, rel=1e-8, abs=1e-12), name
