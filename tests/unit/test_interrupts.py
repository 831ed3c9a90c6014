"""One handler for Ctrl-C, SIGTERM and SIGHUP: what is noted, what is raised, and what is left alone."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import weakref

import pytest

from tension_sim.sweeps.extra import load
from tension_sim.system import children
from tension_sim.system.interrupts import Interrupts, exit_status

ALL = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def handlers():
    """Give every test Python's own handlers, and check that it leaves them."""
    before = {number: signal.getsignal(number) for number in ALL}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in ALL[1:]:
        signal.signal(number, signal.SIG_DFL)
    yield
    found = [signal.getsignal(number) for number in ALL]
    for number, handler in before.items():
        signal.signal(number, handler)
    assert found == [signal.default_int_handler, signal.SIG_DFL, signal.SIG_DFL]


@pytest.mark.parametrize("number", ALL)
def test_noted(number):
    with Interrupts() as interrupts:
        assert not interrupts.seen
        signal.raise_signal(number)
        assert interrupts.seen
    assert exit_status() == 128 + number


@pytest.mark.parametrize("number", ALL)
def test_raised_where_nothing_can_be_kept(number):
    with pytest.raises(KeyboardInterrupt), Interrupts(at_once=True) as interrupts:
        signal.raise_signal(number)
    assert interrupts.seen


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("taken", [False, True])
def test_raised_at_the_end_where_python_passes_over_it(taken):
    """Python goes on after an exception in what a weak reference calls, of which Brian2 has many."""

    class Something:
        pass

    something = Something()
    reference = weakref.ref(something, lambda _: signal.raise_signal(signal.SIGINT))
    done = []
    with contextlib.nullcontext() if taken else pytest.raises(KeyboardInterrupt):
        with Interrupts(at_once=True) as interrupts:
            del something
            done.append(reference())
            if taken:
                interrupts.defer()
    assert done == [None] and interrupts.seen


def test_a_second_ctrl_c_is_raised_whatever_came_first():
    for first in ALL:
        with pytest.raises(KeyboardInterrupt), Interrupts():
            signal.raise_signal(first)
            signal.raise_signal(signal.SIGINT)


def test_what_batch_systems_send_twice_is_one_interrupt():
    called = []
    with Interrupts() as interrupts:
        interrupts.defer(lambda: called.append(1))
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP):
            signal.raise_signal(number)
    assert called == [1]
    assert exit_status() == 128 + signal.SIGTERM


def test_deferred_from_some_point_on():
    called = []
    with Interrupts(at_once=True) as interrupts:
        interrupts.defer()
        signal.raise_signal(signal.SIGTERM)
        interrupts.defer(lambda: called.append(1))  # there was one already
        assert called == [1]


def test_the_inner_one_hears_it():
    with pytest.raises(KeyboardInterrupt), Interrupts(at_once=True) as outer:
        with Interrupts() as inner:
            signal.raise_signal(signal.SIGTERM)
        assert (inner.seen, outer.seen) == (True, False)
        signal.raise_signal(signal.SIGTERM)
    assert outer.seen


def test_what_is_ignored_or_handled_by_others_stays():
    heard = []

    def own(number, frame):
        heard.append(number)

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    signal.signal(signal.SIGTERM, own)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)
            assert not interrupts.seen
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@pytest.mark.parametrize("active", [True, False])
def test_nothing_changes_in_another_thread_or_where_it_is_off(active):
    found = []

    def within():
        with Interrupts(active):
            found.extend(signal.getsignal(number) for number in ALL)

    if active:
        thread = threading.Thread(target=within)
        thread.start()
        thread.join()
    else:
        within()
    assert found == [signal.default_int_handler, signal.SIG_DFL, signal.SIG_DFL]


def test_a_program_that_has_not_started_yet_gets_the_interrupt_when_it_has(tmp_path, monkeypatch):
    """Before it handles SIGINT, one would kill it, and its run would be an error."""
    starting = "sleep 0.2; trap 'echo stopped; exit 0' INT; : >ready; while :; do sleep 0.02; done"
    monkeypatch.setattr(children, "_takes_signals", lambda pid: (tmp_path / "ready").exists())
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGTERM)
        told = children.run_program(["sh", "-c", starting], tmp_path, dict(os.environ), interrupts, print)
    assert (told.code, told.stopped) == (0, True)


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no /proc")
def test_whether_a_process_takes_signals():
    assert children._takes_signals(os.getpid())
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    assert not children._takes_signals(os.getpid())
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("main", [True, False])
def test_a_package_that_a_sweep_loads_changes_no_handler(tmp_path, monkeypatch, main):
    """dask-jobqueue sets one when it is imported, which Python refuses outside of the main thread."""
    (tmp_path / "sets_a_handler.py").write_text("import signal\nsignal.signal(signal.SIGINT, print)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sets_a_handler", raising=False)
    found = []
    loading = threading.Thread(target=lambda: found.append(load("sets_a_handler", "sweep")))
    if main:
        loading.run()
    else:
        loading.start()
        loading.join()
    assert found[0].__name__ == "sets_a_handler"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
