"""Which flags of the user's preferences a compiler takes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from brian2 import prefs
from brian2.codegen import cpp_prefs

from tension_sim.brian import compilers


@pytest.fixture
def tried(monkeypatch):
    """Compilers that know no flag whose name begins with -bad; returns what they were called with."""
    calls: list[list[str]] = []

    def compile_it(command, folder, environment):
        calls.append([word for word in command if word.startswith("-")])
        return int(any(word.startswith("-bad") for word in command)), ""

    monkeypatch.setattr(compilers, "run_group", compile_it)
    monkeypatch.setattr(compilers, "_USUAL_TRIAL", lambda compiler, flag: False)
    compilers._compiles.cache_clear()
    yield calls
    compilers._compiles.cache_clear()


def accepted(flags: list[str]) -> list[str]:
    before = prefs["codegen.cpp.extra_compile_args_gcc"]
    prefs["codegen.cpp.extra_compile_args_gcc"] = flags
    compiler = SimpleNamespace(compiler_cxx=["c++"])
    try:
        with compilers.compilers_end_with_this_process():
            return [flag for flag in flags if cpp_prefs._determine_flag_compatibility(compiler, flag)]
    finally:
        prefs["codegen.cpp.extra_compile_args_gcc"] = before


def test_flags_that_the_compiler_takes_are_tried_at_once(tried):
    assert accepted(["-one", "-two", "-three"]) == ["-one", "-two", "-three"]
    assert tried == [["-one", "-two", "-three", "-c", "-o"]]


def test_one_that_it_does_not_take_costs_no_other(tried):
    assert accepted(["-one", "-bad", "-three"]) == ["-one", "-three"]
    assert tried[1:] == [["-one", "-c", "-o"], ["-bad", "-c", "-o"], ["-three", "-c", "-o"]]
