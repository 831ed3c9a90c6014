"""Which fast test reaches which line: the default tests are run once under coverage, a context for each test."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import coverage
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "tension_sim"
SCRATCH = ROOT / "build" / "mutation"

#: A test that takes the processor longer is left out.
MOST_SECONDS = 5.0
#: Tests of these files are left out: their subject is another, or they load TensorFlow first.
ELSEWHERE = ("cli", "cuda", "faults/test_k", "keras", "mutation", "typing", "unit/test_tensorflow")
_NOT = tuple(f"tests/{name}" for name in ELSEWHERE)
#: Events of a test that starts a process, which would not see a change of this one.
STARTS = {"subprocess.Popen", "os.posix_spawn", "os.fork", "os.system"}


@dataclass
class Reach:
    """Seconds of each test, and the tests that reach each line of each file."""

    seconds: dict[str, float]
    lines: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    #: lines that run at import, or while tests are collected
    at_import: dict[str, set[int]] = field(default_factory=dict)

    def tests(self, file: str, lines: range) -> list[list[str]]:
        """Return the tests for a change of some lines: those that reach one, then the others of their modules.

        A line that runs at import is reached by no test: then all count that reach the file, or all there are. The
        others of a module count because a fixture, or a network kept for several tests, runs the line for the first
        of them alone.
        """
        of_file = self.lines.get(file, {})
        reaching = set().union(*(of_file.get(line, ()) for line in lines))
        reaching = reaching or set().union(*of_file.values()) or set(self.seconds)
        modules = {module_of(test) for test in reaching}
        others = {test for test in self.seconds if module_of(test) in modules} - reaching
        return [sorted(tests, key=lambda test: (self.seconds[test], test)) for tests in (reaching, others)]


def module_of(test: str) -> str:
    """Return the file of a test."""
    return test.partition("::")[0]


@cache
def imports_of(file: str) -> frozenset[tuple[str, str]]:
    """Return module and name of each ``from module import name`` of a file; ``import module`` has no name."""
    found: set[tuple[str, str]] = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {(node.module, each.name) for each in node.names}
        elif isinstance(node, ast.Import):
            found |= {(each.name, "") for each in node.names}
    return frozenset(found)


def nearness(test_file: str, module: str, names: frozenset[str]) -> int:
    """Say how near a file of tests is to a module: 2, it imports it; 1, names of it, or a package that holds it."""
    package, _, last = module.rpartition(".")
    imported = imports_of(test_file)
    if any(of == module or (of, name) == (package, last) for of, name in imported):
        return 2
    above = ((f"{of}.", f"{of}.{name}.", name in names) for of, name in imported)
    return int(any(module.startswith(held) or (named and module.startswith(of)) for of, held, named in above))


class _Watch:
    """Plugin of pytest: tells coverage each test, notes its time on the processor, and lets none start a process."""

    def __init__(self, watched: coverage.Coverage) -> None:
        self.watched = watched
        self.seconds: dict[str, float] = {}
        self.left_out: set[str] = set()
        self.now: str | None = None
        sys.addaudithook(self.hear)

    def hear(self, event: str, _: tuple[object, ...]) -> None:
        if event in STARTS and self.now is not None:
            self.left_out.add(self.now)
            raise PermissionError(f"{self.now} is left out: it starts a process")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.now, begin = item.nodeid, time.process_time()
        self.watched.switch_context(item.nodeid)
        result = yield
        self.watched.switch_context("")
        self.seconds[item.nodeid], self.now = time.process_time() - begin, None
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.left_out.add(report.nodeid)

    def fast(self) -> dict[str, float]:
        return {t: round(s, 3) for t, s in self.seconds.items() if s <= MOST_SECONDS and t not in self.left_out}


def _digest() -> str:
    """Return what the lines of the package depend on."""
    found = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


def measure(paths: list[str]) -> None:
    """Run the default tests of some paths, or of all, and keep what they reach; of other paths it is known already."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    known, digest = SCRATCH / "seconds.json", _digest()
    before = json.loads(known.read_text(encoding="utf-8")) if known.exists() else {}
    if before.get("package") != digest:
        if paths:
            sys.exit("The package has changed since: measure all tests, without paths.")
        before = {"seconds": {}}
        (SCRATCH / "coverage").unlink(missing_ok=True)
    watched = coverage.Coverage(data_file=str(SCRATCH / "coverage"), source=[str(PACKAGE)], config_file=False)
    watched.set_option("run:relative_files", True)
    watched.load()
    watch = _Watch(watched)
    ignored = [f"--ignore-glob={ROOT / each}*" for each in _NOT]
    os.environ["TENSION_SIM_CACHE"] = str(SCRATCH / "programs")
    os.chdir(ROOT)
    watched.start()
    pytest.main(["-n", "0", "-q", "--tb=line", "--show-capture=no", *ignored, *paths], plugins=[watch])
    watched.stop()
    watched.save()
    seconds = {**before["seconds"], **watch.fast()}
    known.write_text(json.dumps({"package": digest, "seconds": seconds}, indent=0), encoding="utf-8")


def measured() -> bool:
    """Say whether the package is the one that was measured last."""
    known = SCRATCH / "seconds.json"
    return known.exists() and json.loads(known.read_text(encoding="utf-8"))["package"] == _digest()


def load() -> Reach:
    """Return what was measured last."""
    seconds = json.loads((SCRATCH / "seconds.json").read_text(encoding="utf-8"))["seconds"]
    data = coverage.CoverageData(str(SCRATCH / "coverage"))
    data.read()
    seconds = {test: took for test, took in seconds.items() if not test.startswith(_NOT)}
    reach = Reach(seconds)
    for file in data.measured_files():
        contexts = data.contexts_by_lineno(file)
        reach.at_import[file] = {line for line, tests in contexts.items() if "" in tests}
        reach.lines[file] = {line: {test for test in tests if test in seconds} for line, tests in contexts.items()}
    return reach


if __name__ == "__main__":
    measure(sys.argv[1:])
