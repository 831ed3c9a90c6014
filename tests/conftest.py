"""Fixtures that every test may use: a Brian2 target, and where compiled programs are kept."""

from __future__ import annotations

import os

# before numpy loads: threads of BLAS gain nothing on small matrices and lose much on busy machines
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cython_headers import shared_headers
from targets import TARGETS, Target, activated, skip_unless_here

_WEEK = 7 * 24 * 3600


@pytest.fixture(scope="session", autouse=True)
def program_cache(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Keep compiled programs in pytest's cache; their names change with the code."""
    if "TENSION_SIM_CACHE" in os.environ:
        yield Path(os.environ["TENSION_SIM_CACHE"])
        return
    folder = request.config.cache.mkdir("tension_sim_programs")
    for program in folder.iterdir():
        if time.time() - program.stat().st_mtime > _WEEK:
            shutil.rmtree(program, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENSION_SIM_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def cython_modules(program_cache: Path) -> Iterator[None]:
    """Keep cython's modules there as well, compiled without optimisation: their numbers count, not their speed."""
    from brian2 import prefs
    from brian2.codegen.runtime.cython_rt import cython_rt

    compiler_and_args = cython_rt.get_compiler_and_args

    def quick() -> tuple[str, list[str]]:
        compiler, flags = compiler_and_args()
        flags = [*flags, "-O0", "-g0"]
        return compiler, [*flags, *shared_headers(program_cache, tuple(flags))]

    prefs["codegen.runtime.cython.cache_dir"] = str(program_cache / "cython")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cython_rt, "get_compiler_and_args", quick)
        yield


@pytest.fixture(scope="session", autouse=True)
def signals_of_a_terminal() -> Iterator[None]:
    """Take Ctrl-C and a hang-up as in a terminal; in the background and under nohup, children too ignore them."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.slow if name != "numpy" else ()) for name in TARGETS])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    """Activate each Brian2 target for a user's Network: ``target.run(network, duration)``.

    A network of a user's own compiles anew each time, so the compiled targets are slow ones.
    """
    skip_unless_here(request.param)
    with activated(request.param, tmp_path / "project") as active:
        yield active


@pytest.fixture
def numpy_target(tmp_path: Path) -> Iterator[Target]:
    """Activate numpy, for what does not depend on the target."""
    with activated("numpy", tmp_path / "project") as active:
        yield active
