"""Fixtures of the tests of faults."""

from __future__ import annotations

from pathlib import Path

import pytest
from targets import skip_unless_here


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty cache folder, the user's choice."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("TENSION_SIM_CACHE", str(folder))
    return folder


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Make programs at once instead of compiling them, and count how often."""
    skip_unless_here("cpp_standalone")
    from faults.programs import builder

    import tension_sim.brian.build as build

    made: list[Path] = []
    monkeypatch.setattr(build, "build_cpp", builder(made))
    return made
