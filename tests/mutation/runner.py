"""Tries mutants, each in a process of its own that runs the tests which reach the change.

Where a change lies in a function that only runs when it is called, a process that has collected all tests parts, and
puts the changed code into that function. Else (a table, a default, a decorator) the process imports the changed text.
"""

from __future__ import annotations

import ast
import gc
import importlib
import importlib.machinery
import json
import os
import resource
import select
import shutil
import signal
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import _lru_cache_wrapper
from itertools import accumulate
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
from mutants import Mutant
from reach import ROOT, SCRATCH, Reach, module_of, nearness

#: Tests are tried in two rounds: most mutants fall at once.
FIRST_ROUND = 25
#: A process that imports the change collects tests of so many modules alone, which takes most of its time; of more
#: where a mutant is given more than so many seconds of tests.
FEW_MODULES, FEW_SECONDS = 4, 10.0
#: After these seconds, and this multiple of what was measured, the tests are in an endless loop.
PATIENCE = (120.0, 20.0)
MEMORY = 12 * 2**30
OPTIONS = [
    "-n",
    "0",
    "-q",
    "-s",
    "--tb=line",
    "--show-capture=no",
    "--hypothesis-seed=0",
    f"--basetemp={SCRATCH / 'tests'}",
]


@dataclass
class Verdict:
    """What became of a mutant, how many tests saw it at most, and the test that noticed it with its error."""

    outcome: str
    tests: int
    by: str = ""
    error: str = ""

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


class Runner:
    """Tries one mutant after the other.

    Parameters
    ----------
    known : Reach
        Which tests reach what.
    most : float
        Seconds of tests, as measured, that are tried at most on one mutant.
    changed : bool
        Whether code is changed at all; False: the control, in which no test may fail.
    """

    def __init__(self, known: Reach, most: float = 10.0, changed: bool = True) -> None:
        self.known, self.most, self.changed = known, most, changed
        os.chdir(ROOT)
        temporary = SCRATCH / "temporary"  # processes that end at once leave theirs
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        os.environ |= {"TENSION_SIM_CACHE": str(SCRATCH / "programs"), "TMPDIR": str(temporary)}
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        sys.dont_write_bytecode = True
        for name in ("h5py", "jinja2", "matplotlib.pyplot", "neo", "scipy.signal", "scipy.special", "sympy"):
            importlib.import_module(name)
        if "tension_sim" in sys.modules:
            raise RuntimeError("the package is imported already: no change would be seen")
        self._collected = _Collected(sorted({module_of(test) for test in known.seconds}))

    def try_mutant(self, mutant: Mutant) -> Verdict:
        """Run the tests that reach a mutant until one fails."""
        called, tried = _function(mutant), 0
        text = mutant.text if self.changed else (ROOT / mutant.file).read_text(encoding="utf-8")
        taken = self._tests(mutant)
        rounds = [
            (tests, called) for tests in (taken[:FIRST_ROUND], _by_module(taken[FIRST_ROUND:])) if called and tests
        ]
        if not called or mutant.runs_at_import(self.known.at_import):
            rounds += [(tests, None) for tests in (self._nearest(mutant),) if tests]
        for tests, place in rounds:
            tried += len(tests)
            seconds = PATIENCE[0] + PATIENCE[1] * sum(self.known.seconds[test] for test in tests)
            if place:
                found = self._collected.ask([mutant.file, *place, text], tests, seconds)
            else:
                found = in_a_process(lambda given=(mutant.module, text, tests): _imported(*given), seconds)
            if found["by"]:
                outcome = "time-out" if found["by"] == "the clock" else "killed"
                return Verdict(outcome, tried, found["by"], found["error"])
        return Verdict("survived", tried)

    def _tests(self, mutant: Mutant) -> list[str]:
        """Return the tests to try: the fastest that reach the change, then others of their modules."""
        return self._affordable([test for some in self.known.tests(mutant.file, mutant.lines) for test in some])

    def _nearest(self, mutant: Mutant) -> list[str]:
        """Return the tests of few modules: first of those that import the changed one, or names of it.

        What is compared with a table, or calls a function with its defaults, need not reach the line that makes them.
        """
        reaching = [test for some in self.known.tests(mutant.file, mutant.lines) for test in some]
        reached, name = Counter(map(module_of, reaching)), mutant.module.rpartition(".")[2]
        names, modules = mutant.defined, {module_of(test) for test in self.known.seconds}
        near = {each: nearness(each, mutant.module, names) for each in modules}
        ranked = sorted(modules, key=lambda each: (-near[each], name not in each, -reached[each], each))
        kept = ranked[: max(FEW_MODULES, round(FEW_MODULES * self.most / FEW_SECONDS))]
        order = {test: i for i, test in enumerate(reaching)}
        tests = [test for test in self.known.seconds if test in order or near[module_of(test)]]
        tests = [test for test in tests if module_of(test) in kept]
        last = len(order)
        return self._affordable(
            sorted(tests, key=lambda t: (-near[module_of(t)], order.get(t, last), self.known.seconds[t]))
        )

    def _affordable(self, tests: list[str]) -> list[str]:
        seconds = accumulate(self.known.seconds[test] for test in tests)
        return [test for test, spent in zip(tests, seconds, strict=True) if spent <= self.most]


def _by_module(tests: list[str]) -> list[str]:
    """Sort tests so that those of one module, and of its fixtures, follow each other."""
    first = {module: i for i, module in enumerate(dict.fromkeys(map(module_of, tests)))}
    return sorted(tests, key=lambda test: first[module_of(test)])


def in_a_process(task: Callable[[], dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Return what a task finds in a process of its own: the code of pytest, the test that failed, and its error."""
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            log = os.open(SCRATCH / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1), os.dup2(log, 2)
            os.write(there, json.dumps(task()).encode())
        except BaseException:  # whatever a mutant brings about: this process must not go on as if it were the first
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(1)
    os.close(there)
    ready, _, _ = select.select([here], [], [], seconds)
    text = os.read(here, 2**16) if ready else b""
    os.close(here)
    if not ready:
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if text:
        return json.loads(text)
    if not os.WIFSIGNALED(status):
        raise RuntimeError(f"the tests did not run: see {SCRATCH / 'log.txt'}")
    return {"code": 1, "by": "a crash" if ready else "the clock", "error": signal.Signals(os.WTERMSIG(status)).name}


class _Failure:
    """Plugin of pytest: keeps the first test that fails."""

    def __init__(self) -> None:
        self.by = self.error = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.by:
            crash = getattr(report.longrepr, "reprcrash", None)
            self.by, self.error = report.nodeid, crash.message[:300] if crash else str(report.longrepr)[-300:]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.by:
            self.by, self.error = report.nodeid, str(report.longrepr)[-300:]


def _compiled(text: str, path: str) -> CodeType:
    """Compile without warnings, which are errors in tests: `x is 1` is no mistake of a mutant that is to be noticed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(text, path, "exec", dont_inherit=True)


# -- changed text, imported


class _Changed(importlib.machinery.SourceFileLoader):
    """Loads another text than that of the file."""

    text: str

    def get_code(self, fullname: str) -> CodeType:
        return _compiled(self.text, self.path)


class _Finder:
    """Finds one module, for which the changed text stands."""

    def __init__(self, module: str, text: str) -> None:
        self.module, self.text = module, text

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Changed(name, spec.origin)
            spec.loader.text = self.text
        return spec


class _Chosen(_Failure):
    """Plugin of pytest: runs the chosen tests in their order, on the changed text."""

    def __init__(self, tests: list[str], finder: _Finder) -> None:
        super().__init__()
        self.finder = finder
        sys.meta_path.insert(0, finder)
        self.order = {test: i for i, test in enumerate(tests)}

    def pytest_sessionstart(self) -> None:
        # before pytest's own, which takes the files that are named to it
        sys.meta_path.insert(0, self.finder)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((i for i in items if i.nodeid in self.order), key=lambda i: self.order[i.nodeid])


def _imported(module: str, text: str, tests: list[str]) -> dict[str, Any]:
    """Import the changed text and run tests, in a process that has imported nothing of the package."""
    chosen = _Chosen(tests, _Finder(module, text))
    code = pytest.main([*OPTIONS, "-x", *dict.fromkeys(module_of(test) for test in tests)], plugins=[chosen])
    return {"code": int(code), "by": chosen.by, "error": chosen.error}


# -- changed code, put into a function


def _function(mutant: Mutant) -> tuple[str, int] | None:
    """Return name and first line of the outermost function whose body holds all of a change; None: there is none."""

    def search(body: list[ast.stmt], name: str) -> tuple[str, int] | None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                if found := search(node.body, f"{name}{node.name}."):
                    return found
            elif isinstance(node, ast.FunctionDef):
                if node.body[0].lineno <= mutant.first and mutant.last <= (node.end_lineno or 0):
                    return name + node.name, min([node.lineno, *(each.lineno for each in node.decorator_list)])
        return None

    return search(ast.parse((ROOT / mutant.file).read_text(encoding="utf-8")).body, "")


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _codes(const)


def _put(file: str, name: str, line: int, text: str) -> None:
    """Put the changed code into a function, wherever it is kept, and forget what functions of the package found."""
    path, objects, place = str(ROOT / file), gc.get_objects(), (name, line)
    codes = _codes(_compiled(text, path))
    code = next(each for each in codes if (each.co_qualname, each.co_firstlineno) == place)
    functions = [f for f in objects if type(f) is FunctionType and f.__code__.co_filename == path]
    kept = [f for f in functions if (f.__qualname__, f.__code__.co_firstlineno) == place]
    if not kept:
        raise LookupError(f"{name} of {file} is nowhere")
    for function in kept:
        function.__code__ = code
    for each in objects:
        if type(each) is _lru_cache_wrapper and each.__module__.startswith("tension_sim"):
            each.cache_clear()


class _Collected(_Failure):
    """A process that has collected all tests, and parts for each mutant."""

    def __init__(self, modules: list[str]) -> None:
        super().__init__()
        self._requests, requests = os.pipe()
        answers, self._answers = os.pipe()
        if os.fork() == 0:
            os.close(requests), os.close(answers)
            # Brian2 opens a second log in a process that parted, and leaves the first to garbage collection
            quiet = ["-W", "ignore::pytest.PytestUnraisableExceptionWarning"]
            os._exit(pytest.main([*OPTIONS, *quiet, *modules], plugins=[self]))
        os.close(self._requests), os.close(self._answers)
        self._ask, self._hear = os.fdopen(requests, "w"), os.fdopen(answers)

    def ask(self, change: list[Any], tests: list[str], seconds: float) -> dict[str, Any]:
        """Return what tests find."""
        print(json.dumps([change, tests, seconds]), file=self._ask, flush=True)
        return json.loads(self._hear.readline())

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        gc.collect()
        with os.fdopen(self._requests) as requests, os.fdopen(self._answers, "w") as answers:
            for line in requests:
                change, tests, seconds = json.loads(line)
                chosen = [items[test] for test in tests if test in items]
                found = in_a_process(lambda given=(change, chosen): self._run(*given), seconds)
                print(json.dumps(found), file=answers, flush=True)
        return True

    def _run(self, change: list[Any], items: list[pytest.Item]) -> dict[str, Any]:
        _put(*change)
        for item, later in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=later)
            if self.by:
                return {"code": 1, "by": self.by, "error": self.error}
        return {"code": 0, "by": "", "error": ""}
