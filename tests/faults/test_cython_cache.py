"""A failure outside of the equations blames no equation file."""

from __future__ import annotations

import brian2 as b2
import numpy as np
import pytest
from brian2.codegen.runtime.cython_rt import cython_rt
from brian2.core.base import BrianObjectException
from brian2.equations.equations import EquationError
from targets import skip_unless_here

from tension_sim.brian import runtime
from tension_sim.brian.assemble import blaming_the_files
from tension_sim.declare.network import ForceNetwork
from tension_sim.errors import InvalidValueError, OutputError, RunFailedError
from tension_sim.run.simulation import Simulation


@pytest.fixture
def simulation():
    skip_unless_here("cython")
    return Simulation(ForceNetwork.random("lif", n=11, seed=1), target="cython")


def test_a_cython_cache_that_cannot_be_written(simulation, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setitem(b2.prefs.prefs, "codegen.runtime.cython.cache_dir", str(tmp_path / "file" / "cython"))
    monkeypatch.setattr(cython_rt.cython_extension_manager, "_code_cache", {})
    with pytest.raises(OutputError) as caught:
        simulation.run(np.zeros(3))
    text = str(caught.value)
    assert text.startswith(f"The cache of Brian2's Cython modules {tmp_path}/file/cython cannot be used: ")
    assert "\nFix: set CYTHON_CACHE_DIR, or brian2.prefs.codegen.runtime.cython.cache_dir, to a folder" in text
    assert "toml" not in text


def test_without_a_home_folder_cython_has_a_place(simulation, tmp_path, monkeypatch):
    (tmp_path / "home").write_text("no folder")
    monkeypatch.delenv("CYTHON_CACHE_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(runtime, "get_cython_cache_dir", lambda: "~/.cython/brian_extensions")  # Cython asks only once
    monkeypatch.setenv("TENSION_SIM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(b2.prefs.prefs, "codegen.runtime.cython.cache_dir", None)
    monkeypatch.setattr(cython_rt.cython_extension_manager, "_code_cache", {})
    seen = []

    def look(**options):
        seen.append(b2.prefs["codegen.runtime.cython.cache_dir"])
        raise RuntimeError("enough seen")

    monkeypatch.setattr(cython_rt.cython_extension_manager, "create_extension", lambda *args, **kwds: look())
    with pytest.raises(RunFailedError, match=r"could not prepare the network's code: RuntimeError: enough seen\.\nFix"):
        simulation.run(np.zeros(3))
    assert seen == [str(tmp_path / "cache" / "cython")]
    assert b2.prefs["codegen.runtime.cython.cache_dir"] is None


class _Object:
    name = "neurons"
    _creation_stack = ""
    _full_creation_stack = ""


def _wrapped(cause: Exception) -> BrianObjectException:
    error = BrianObjectException("An error occurred when preparing an object.", _Object())
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("cause", [KeyError("'tau' is unknown"), EquationError("no"), SyntaxError("no")])
def test_what_brian2_says_of_equations_blames_their_file(cause):
    with pytest.raises(InvalidValueError, match=r"^my\.toml: equations, threshold or reset: expected Brian2 code"):
        with blaming_the_files(("my.toml",)):
            raise _wrapped(cause)


@pytest.mark.parametrize(
    "cause", [OSError(28, "No space left"), MemoryError("much"), RuntimeError("make failed"), AttributeError("x")]
)
def test_what_has_another_cause_says_so(cause):
    pattern = rf"^Brian2 could not prepare the network's code: {type(cause).__name__}: .*\nFix: "
    with pytest.raises(RunFailedError, match=pattern) as caught:
        with blaming_the_files(("my.toml",)):
            raise _wrapped(cause)
    assert "my.toml" not in str(caught.value)


def test_a_cause_further_down_counts():
    error = ValueError("a wrapper")
    error.__cause__ = PermissionError(13, "denied")
    with pytest.raises(RunFailedError, match="PermissionError"):
        with blaming_the_files(("my.toml",)):
            raise _wrapped(error)
