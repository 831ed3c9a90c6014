"""Building is told to whoever shows it, and only where something is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from tension_sim import ForceNetwork, Simulation
from tension_sim.errors import OutputError
from tension_sim.run import cache, stages
from tension_sim.run.program import Program


@pytest.fixture
def circuit(tmp_path, monkeypatch):
    monkeypatch.setenv("TENSION_SIM_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "_compilers", lambda target: ["a compiler"])
    return Simulation(ForceNetwork.random("lif", n=5), target="numpy").wiring.circuit


def test_a_build_is_told_before_it_begins(circuit, monkeypatch):
    heard = []

    def build(circuit, draft):
        heard.append("the compiler")
        raise OSError("the disk is full")

    monkeypatch.setattr(cache, "_builder", lambda target: build)
    with stages.told(heard.append), pytest.raises(OutputError, match="the disk is full"):
        cache.find_or_build(circuit)
    assert heard == [stages.BUILDING, "the compiler"]


def test_a_program_that_is_there_is_not_built(circuit, monkeypatch):
    heard = []
    there = Program(Path("there"), {}, False)
    monkeypatch.setattr(cache, "_find", lambda key, name: there)
    with stages.told(heard.append):
        assert cache.find_or_build(circuit) is there
    assert heard == []


def test_nobody_need_listen():
    heard = []
    stages.tell("before")
    with stages.told(heard.append):
        stages.tell("within")
    stages.tell("after")
    assert heard == ["within"]
