"""A result folder is of one run, whole, whatever ends the process that writes it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tension_sim import Phase, Results, load_recipe
from tension_sim.errors import InvalidTypeError, InvalidValueError, OutputError
from tension_sim.protocols import Outcome
from tension_sim.recipes import run as runs
from tension_sim.recipes.result_folder import check_folder, result_files, save_outcome, usable_folder
from tension_sim.results import report
from tension_sim.system import folder_exchange as exchange
from tension_sim.system.files import check_path, read_regular, read_toml
from tension_sim.system.folder_exchange import replaced_as_one, settle
from tension_sim.system.interrupts import interrupts_wait

FILES = result_files(["h5"])
SMALL = {"n": "10", "duration": "2*ms", "start": "0*second", "stop": "1*ms"}


def outcome(**provenance) -> Outcome:
    output = np.zeros((4, 1))
    run = Results(
        "demo", 1e-3, 0, 4, 3, [0, 2], [1, 1], 2, 1, output, None, (Phase("all", 0, 4),), provenance=provenance
    )
    return Outcome(run)


def runs_of(folder: Path) -> set[str]:
    """Return the numbers of the runs that the files of a folder tell."""
    stored = Results.load(folder / "results.h5").provenance["run"]
    with Image.open(folder / "figure.png") as image:
        figure = image.text["Run"]
    return {stored, figure, json.loads((folder / "summary.json").read_text())["run"]}


class TestSave:
    def test_every_file_tells_its_run_and_others_stay(self, tmp_path):
        folder = usable_folder(tmp_path / "out")
        first = save_outcome(outcome(), folder)["run"]
        assert runs_of(folder) == {first}
        assert Results.load(folder / "results.h5").provenance["run"] == first
        (folder / "notes.txt").write_text("mine")
        second = save_outcome(outcome(), folder)["run"]
        assert second != first and runs_of(folder) == {second}
        assert (folder / "notes.txt").read_text() == "mine"
        assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "notes.txt"])
        assert [path.name for path in tmp_path.iterdir()] == ["out"]

    def test_a_fault_of_the_page_does_not_cost_the_results(self, tmp_path, monkeypatch):
        def broken(*_, **__):
            raise ZeroDivisionError("no page")

        monkeypatch.setattr(report, "write_report", broken)
        folder = usable_folder(tmp_path / "out")
        with pytest.warns(
            UserWarning, match=r"could not be made \(ZeroDivisionError: no page\); its results are saved"
        ):
            save_outcome(outcome(), folder)
        assert sorted(path.name for path in folder.iterdir()) == sorted(set(FILES) - {"report.html"})
        assert len(runs_of(folder)) == 1

    def test_a_write_that_fails_names_the_file_and_leaves_the_earlier_run(self, tmp_path, monkeypatch):
        folder = usable_folder(tmp_path / "out")
        first = save_outcome(outcome(), folder)["run"]
        real, calls = os.fsync, []

        def full(descriptor):
            calls.append(descriptor)
            if len(calls) == 2:
                raise OSError(28, os.strerror(28))
            real(descriptor)

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(
            OutputError, match=r"No space left on device; .* MB are free\)[\s\S]*out/figure.png'"
        ) as info:
            save_outcome(outcome(), folder)
        assert info.value.errno == 28
        assert runs_of(folder) == {first} and [path.name for path in tmp_path.iterdir()] == ["out"]

    @pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
    def test_signals_wait_until_all_is_written(self, tmp_path, monkeypatch, number):
        code = f"""
            import signal, sys
            from test_result_folder import outcome
            from tension_sim.system import files
            from tension_sim.recipes.result_folder import save_outcome, usable_folder
            write = files.write_whole

            def interrupted(*arguments, **options):
                signal.raise_signal(signal.Signals({int(number)}))
                return write(*arguments, **options)

            files.write_whole = interrupted
            save_outcome(outcome(), usable_folder(sys.argv[1]))
        """
        paths = [str(Path(__file__).parent), str(Path(runs.__file__).parents[2])]
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "out")],
            capture_output=True, text=True, env=os.environ | {"PYTHONPATH": ":".join(paths)}, timeout=120,
        )  # fmt: skip
        assert "KeyboardInterrupt" in done.stderr if number == signal.SIGINT else done.returncode == -number
        assert len(runs_of(tmp_path / "out")) == 1


class TestExchange:
    """The steps that a kill can fall between, one by one."""

    @pytest.fixture
    def folder(self, tmp_path):
        folder = tmp_path / "out"
        folder.mkdir()
        (folder / "a").write_text("old")
        (folder / "b").write_text("old")
        return folder

    @staticmethod
    def replace(folder):
        with replaced_as_one(folder, ["a", "b"]) as part:
            (part / "a").write_text("new")
            (part / "b").write_text("new")

    @staticmethod
    def content(folder):
        return {path.name: path.read_text() for path in folder.iterdir()}

    @pytest.mark.parametrize("swaps", [True, False])
    @pytest.mark.parametrize("more", [{}, {"mine": "kept"}])
    def test_replaced(self, folder, monkeypatch, swaps, more):
        if not swaps:
            monkeypatch.setattr(exchange, "_swap", lambda a, b: False)
        for name, text in more.items():
            (folder / name).write_text(text)
        folder.chmod(0o750)
        self.replace(folder)
        assert self.content(folder) == {"a": "new", "b": "new"} | more
        assert folder.stat().st_mode & 0o777 == 0o750
        assert [path.name for path in folder.parent.iterdir()] == ["out"]

    def test_the_current_folder_stays_the_current_folder(self, folder, monkeypatch):
        monkeypatch.chdir(folder)
        self.replace(Path())
        assert {path.name: path.read_text() for path in Path().iterdir()} == {"a": "new", "b": "new"}

    def test_a_failure_leaves_the_old_files(self, folder):
        with pytest.raises(ZeroDivisionError), replaced_as_one(folder, ["a", "b"]) as part:
            (part / "a").write_text("new")
            1 / 0  # noqa: B018
        assert self.content(folder) == {"a": "old", "b": "old"}
        assert [path.name for path in folder.parent.iterdir()] == ["out"]

    @pytest.mark.parametrize("inside", [False, pytest.param(True, marks=pytest.mark.slow)])
    def test_kills_at_every_step(self, folder, inside):
        """A child is killed at its k-th call of the system that changes names or files; the next run clears."""
        if inside:
            (folder / "mine").write_text("kept")
        code = """
            import os, signal, sys
            from pathlib import Path
            from tension_sim.system import folder_exchange as exchange

            left = [int(sys.argv[2])]

            def counted(function):
                def call(*arguments, **options):
                    left[0] -= 1
                    if left[0] < 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return function(*arguments, **options)

                return call

            for owner, name in ((os, "replace"), (os, "rename"), (os, "unlink"), (os, "rmdir"), (exchange, "_swap")):
                setattr(owner, name, counted(getattr(owner, name)))
            with exchange.replaced_as_one(Path(sys.argv[1]), ["a", "b"]) as part:
                (part / "a").write_text("new")
                (part / "b").write_text("new")
        """
        statuses = []
        for k in range(12):
            for name in ("a", "b"):
                (folder / name).write_text("old")
            command = [sys.executable, "-c", textwrap.dedent(code), str(folder), str(k)]
            environment = os.environ | {"PYTHONPATH": str(Path(runs.__file__).parents[2])}
            statuses.append(subprocess.run(command, env=environment, timeout=120).returncode)
            settle(folder, ["a", "b"])
            found = self.content(folder)
            assert found.pop("mine", "kept") == "kept" and len(found) == 2
            assert set(found.values()) in ({"old"}, {"new"})
            assert [path.name for path in folder.parent.iterdir()] == ["out"]
            if statuses[-1] == 0:
                break
        assert statuses[0] == -signal.SIGKILL and statuses[-1] == 0

    def test_what_a_living_process_writes_is_left_alone(self, folder):
        part = folder.parent / f".out.{exchange._host()}-{os.getppid()}-abc.part"
        part.mkdir()
        settle(folder, ["a", "b"])
        assert part.exists()


class TestFolders:
    def test_other_settings_ask_for_overwrite(self, tmp_path):
        recipe = load_recipe("lif_sine", SMALL)
        folder = usable_folder(tmp_path)
        check_folder(folder, recipe, overwrite=False)
        save_outcome(runs.run_outcome(recipe, target="numpy"), folder)
        check_folder(folder, recipe, overwrite=False)  # the same settings: replaced without a word
        other = load_recipe("lif_sine", SMALL | {"G": "0.05"})
        with pytest.raises(
            OutputError,
            match=r"run.out: expected a folder without results of other settings.\nReceived: .*summary.json'\n"
            r"Fix: choose another one by --out, or replace these by --overwrite.",
        ):
            check_folder(folder, other, overwrite=False)
        check_folder(folder, other, overwrite=True)
        (folder / "summary.json").write_text("[" * 10_000)  # nobody knows whose results these are
        with pytest.raises(OutputError, match="results of other settings"):
            check_folder(folder, recipe, overwrite=False)

    def test_what_is_in_the_way_is_named_and_nothing_is_created(self, tmp_path):
        (tmp_path / "file").write_text("mine")
        for path in (tmp_path / "file", tmp_path / "file" / "out"):
            with pytest.raises(OutputError, match="run.out: expected a folder that can be created"):
                check_folder(path)
        check_folder(tmp_path / "a" / "b")
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    def test_a_planted_link_is_not_followed(self, tmp_path):
        victim = tmp_path / "victim"
        victim.write_text("precious")
        folder = tmp_path / "out"
        folder.mkdir()
        for name in (".tension_sim_probe", "summary.json", "figure.png", "results.h5"):
            (folder / name).symlink_to(victim)
        save_outcome(outcome(), usable_folder(folder))
        assert victim.read_text() == "precious"
        assert not any((folder / name).is_symlink() for name in FILES)


class TestPaths:
    @pytest.mark.parametrize(
        ("value", "error", "text"),
        [
            (None, InvalidTypeError, "A.b: expected a path.\nReceived: None"),
            (b"x", InvalidTypeError, "A.b: expected a path."),
            ("", InvalidValueError, "A.b: expected a path that a file can have."),
            ("a\0b", InvalidValueError, "A.b: expected a path that a file can have."),
            ("x" * 300, InvalidValueError, "A.b: expected a path that a file can have."),
            ("\ud800", InvalidValueError, "A.b: expected a path that a file can have."),
            ("~nosuchuser/x", InvalidValueError, "A.b: expected the home of a user of this machine."),
        ],
    )
    def test_what_is_no_path_is_refused(self, value, error, text):
        with pytest.raises(error) as info:
            check_path("A.b", value)
        assert str(info.value).startswith(text)

    def test_what_never_ends_is_no_file(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path / "pipe", "/dev/zero", tmp_path):
            with pytest.raises(
                InvalidValueError, match="A.b: expected a file .*\nReceived: .*a folder, pipe or device'"
            ):
                read_regular("A.b", path, 10)
        (tmp_path / "long").write_bytes(b"x" * 11)
        with pytest.raises(InvalidValueError, match="A.b: expected a file of at most"):
            read_regular("A.b", tmp_path / "long", 10)

    @pytest.mark.parametrize(
        ("content", "text"),
        [
            (b"a = " + b"[" * 20_000 + b"]" * 20_000, "brackets nested too deep"),
            (b"a = " + b"9" * 5_000, "Exceeds the limit"),
            (b"\xff", "in UTF-8"),
            (b"a = ", "expected a file in TOML"),
        ],
    )
    def test_toml_that_no_sane_file_holds(self, tmp_path, content, text):
        path = tmp_path / "a.toml"
        path.write_bytes(content)
        with pytest.raises(InvalidValueError, match=text):
            read_toml("A.b", path)


def test_signals_are_delivered_once_after_the_block():
    before, seen = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number)), []
    try:
        with interrupts_wait():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            assert seen == []
        assert seen == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)
