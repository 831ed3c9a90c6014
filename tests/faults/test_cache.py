"""The cache of programs: damage is noticed, others' programs are not run, and every place is usable or refused."""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pytest
from faults.programs import FILES, circuit, write_program
from lif_network import Y, assert_same, net
from targets import skip_unless_here

from tension_sim.errors import CompilerNotFoundError, InvalidValueError, OutputError
from tension_sim.run import cache as program_cache
from tension_sim.run.cache import cache_folder, find_or_build, program_key
from tension_sim.run.seal import load
from tension_sim.run.simulation import Simulation
from tension_sim.system import places, toolchain
from tension_sim.system.make import compile_sources
from tension_sim.system.trust import why_others_can_change

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def run_script(script: str, *arguments: object, cwd: Path | None = None, **environment: object) -> str:
    """Return what a script prints that runs in a process of its own."""
    tests = Path(__file__).parents[1]
    more = {"PYTHONPATH": f"{tests.parent}{os.pathsep}{tests}"} | {
        name: str(text) for name, text in environment.items()
    }
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=os.environ | more)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def flip(path: Path, place: int) -> None:
    """Change a bit of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << place % 8
    path.write_bytes(bytes(data))


class TestSeal:
    def test_nothing_stays_that_is_not_needed(self, cache, builds):
        folder = find_or_build(circuit()).folder
        assert {path.name for path in folder.iterdir()} == FILES
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in files_in(folder)} == {0o700, 0o600}
        assert [path.name for path in cache.iterdir()] == [folder.name]

    @pytest.mark.parametrize("places", [8, pytest.param(50, marks=pytest.mark.slow)])
    def test_flipped_bits_are_noticed(self, places, cache, builds):
        folder, rng = find_or_build(circuit()).folder, random.Random(5)
        files = files_in(folder)
        sizes = [path.stat().st_size for path in files]
        for number in range(places):
            path = rng.choices(files, sizes)[0] if number >= len(files) else files[number]
            flip(path, rng.randrange(path.stat().st_size))
            assert find_or_build(circuit()).built, path.name
            assert not find_or_build(circuit()).built
        assert len(builds) == places + 1

    @pytest.mark.parametrize(
        "damage",
        [
            lambda folder: (folder / "main").chmod(0o600),
            lambda folder: (folder / "static_arrays" / "rows").unlink(),
            lambda folder: (folder / "static_arrays" / "more").write_text("x"),
            lambda folder: (folder / "static_arrays" / "rows").write_bytes(b""),
            lambda folder: ((folder / "main").rename(folder / "real"), (folder / "main").symlink_to("real")),
        ],
        ids=["run bit", "array missing", "array added", "array cut", "link"],
    )
    def test_damage(self, damage, cache, builds):
        damage(find_or_build(circuit()).folder)
        assert find_or_build(circuit()).built
        assert {path.name for path in find_or_build(circuit()).folder.iterdir()} == FILES

    def test_what_is_named_as_a_program_may_be_anything(self, cache, builds):
        folder = find_or_build(circuit()).folder
        for path in files_in(folder):
            path.unlink()
        (folder / "static_arrays").rmdir()
        folder.rmdir()
        folder.symlink_to(cache.parent)
        assert find_or_build(circuit()).built
        assert not folder.is_symlink()
        assert cache.parent.exists()

    @pytest.mark.slow
    def test_a_real_program(self, cache):
        """50 flips: built anew each time would take too long, so what is asked is whether it would be run."""
        skip_unless_here("cpp_standalone")
        simulation, rng = Simulation(net(), target="cpp_standalone"), random.Random(3)
        program = simulation.build()
        wanted = simulation.run(Y)
        files = files_in(program.folder)
        for number in range(50):
            path = files[number % len(files)]
            whole, times = path.read_bytes(), path.stat()
            flip(path, rng.randrange(len(whole)))
            assert load(program.folder) is None, path.name
            path.write_bytes(whole)
            assert path.stat().st_mode == times.st_mode
            assert load(program.folder) is not None
        assert not simulation.build().built
        assert_same(simulation.run(Y), wanted)


class TestOthers:
    @as_root
    @pytest.mark.parametrize("what", [".", "main", "manifest.json", "complete", "static_arrays", "static_arrays/rows"])
    def test_files_of_another_user_are_not_run(self, what, cache, builds, caplog):
        folder = find_or_build(circuit()).folder
        os.chown(folder / what, NOBODY, NOBODY)
        program = find_or_build(circuit())
        assert program.built
        assert f"The compiled program in {folder} is not run: {folder / what} belongs to nobody." in caplog.messages
        assert all(path.lstat().st_uid == 0 for path in [folder, *folder.rglob("*")])

    @pytest.mark.parametrize("what", [".", "main", "manifest.json", "complete", "static_arrays", "static_arrays/rows"])
    @pytest.mark.parametrize("who", [stat.S_IWGRP, stat.S_IWOTH])
    def test_files_that_others_may_write_are_not_run(self, what, who, cache, builds, caplog):
        folder = find_or_build(circuit()).folder
        (folder / what).chmod((folder / what).stat().st_mode | who)
        assert find_or_build(circuit()).built
        told = [text for text in caplog.messages if text.startswith(f"The compiled program in {folder} is not run: ")]
        assert any(f"may write into {folder / what}" in text for text in told)
        assert not find_or_build(circuit()).built

    def test_a_folder_open_to_all_has_one_for_each_user(self, cache, builds):
        cache.mkdir()
        cache.chmod(0o1777)
        folder = find_or_build(circuit()).folder
        assert folder.parent == cache / str(os.geteuid())
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
        assert not find_or_build(circuit()).built

    @pytest.mark.parametrize("umask", [0o002, 0o022, 0o077])
    def test_folders_that_are_made_are_the_users_own(self, umask, tmp_path, monkeypatch, builds):
        monkeypatch.setenv("TENSION_SIM_CACHE", str(tmp_path / "a" / "b" / "c"))
        before = os.umask(umask)
        try:
            folder = find_or_build(circuit()).folder
        finally:
            os.umask(before)
        made = [folder, *list(folder.parents)[:3]]
        assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o700] * 4
        assert not find_or_build(circuit()).built

    @as_root
    def test_a_folder_of_roots_serves_and_hers_takes_what_is_new(self, cache, builds, monkeypatch, tmp_path):
        """As another user sees it; which programs root built, an administrator lets all read."""
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "hers"))
        first, access = find_or_build(circuit()), os.access
        os.chown(tmp_path, NOBODY, NOBODY)
        monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
        monkeypatch.setattr(os, "access", lambda path, mode: path != cache and access(path, mode))
        assert find_or_build(circuit()).folder == first.folder
        monkeypatch.setattr(places.Place, "prepare", lambda place: place.path.mkdir(parents=True))
        assert find_or_build(circuit(8)).folder.parent == tmp_path / "hers" / "tension_sim"

    @as_root
    def test_a_planted_program_in_a_folder_open_to_all(self, cache, builds, caplog):
        folder = find_or_build(circuit()).folder
        cache.chmod(0o1777)
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
        assert find_or_build(circuit()).folder.parent == cache / "0"
        assert f"The compiled program in {folder} is not run: {folder} belongs to nobody." in caplog.messages

    @pytest.mark.parametrize("mode", [0o777, 0o775])
    def test_a_folder_that_others_can_change_is_not_used(self, mode, cache, builds, monkeypatch, tmp_path, caplog):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "hers"))
        places._tell.cache_clear()
        cache.mkdir()
        if mode == 0o775:
            if os.geteuid() != 0:
                pytest.skip("needs a group of others")
            os.chown(cache, 0, NOBODY)
        cache.chmod(mode)
        assert find_or_build(circuit()).folder.parent == tmp_path / "hers" / "tension_sim"
        assert not find_or_build(circuit()).built
        assert not list(cache.iterdir())
        writers = "everybody" if mode == 0o777 else "the group nogroup"
        assert caplog.messages == [
            f"Compiled programs are kept in {tmp_path}/hers/tension_sim, for {writers} may write into {cache}.\n"
            "Fix: set TENSION_SIM_CACHE to a folder that can be written, where programs may be started, and that other "
            "users cannot change."
        ]

    def test_every_folder_above_counts(self, tmp_path):
        folder = tmp_path / "a" / "b"
        folder.mkdir(parents=True)
        assert why_others_can_change(folder) is None
        (tmp_path / "a").chmod(0o777)
        assert why_others_can_change(folder) == f"everybody may write into {tmp_path}/a"
        (tmp_path / "a").chmod(0o1777)
        assert why_others_can_change(folder) is None
        if os.geteuid() == 0:
            os.chown(tmp_path / "a", NOBODY, NOBODY)
            assert why_others_can_change(folder) == f"{tmp_path}/a belongs to nobody"

    @as_root
    def test_a_group_shares_a_cache(self, cache, builds, monkeypatch, tmp_path):
        """By a file that root put there; files of other members are run, and nobody but the group can write."""
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path.parent / "hers"))
        cache.mkdir()
        os.chown(cache, 0, NOBODY)
        cache.chmod(0o2770)
        (cache / places.SHARED).touch()
        folder = find_or_build(circuit()).folder
        assert folder.parent == cache
        assert stat.S_IMODE(folder.stat().st_mode) & 0o777 == 0o750
        assert {stat.S_IMODE(path.stat().st_mode) for path in files_in(folder)} == {0o750, 0o640}
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
        assert not find_or_build(circuit()).built
        (folder / "main").chmod(0o770)
        assert find_or_build(circuit()).built
        cache.parent.chmod(0o770)
        os.chown(cache.parent, NOBODY - 1, NOBODY)  # the group's folder, whoever made it
        assert not find_or_build(circuit()).built
        os.chown(cache.parent, 0, 0)
        os.chown(cache / places.SHARED, NOBODY, NOBODY)  # a member's own word is none
        assert find_or_build(circuit()).folder.parent == tmp_path.parent / "hers" / "tension_sim"

    @pytest.mark.slow
    @as_root
    @pytest.mark.skipif(not hasattr(os, "setresuid"), reason="cannot become another user")
    def test_a_second_user_of_a_folder_open_to_all(self):
        """Real users: the second is neither refused nor served by the first, the first finds what she built."""
        script = """
            import os, sys
            import filelock, tension_sim.brian.build as build
            from faults.programs import builder, circuit
            from tension_sim.run.cache import find_or_build

            user = int(sys.argv[1])
            os.setgroups([]), os.setresgid(user, user, user), os.setresuid(user, user, user)
            build.build_cpp = builder([])
            program = find_or_build(circuit())
            print(program.built, program.folder.parent)
        """
        cache = Path(tempfile.mkdtemp())  # pytest's folders are root's own
        try:
            cache.chmod(0o1777)
            found = [run_script(script, user, TENSION_SIM_CACHE=cache) for user in (NOBODY, NOBODY - 1, NOBODY)]
            folders = [cache / str(user) for user in (NOBODY, NOBODY - 1, NOBODY)]
            wanted = zip((True, True, False), folders, strict=True)
            assert found == [f"{built} {folder}" for built, folder in wanted]
        finally:
            shutil.rmtree(cache)


class TestPlaces:
    def test_relative(self, monkeypatch, tmp_path, builds):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("TENSION_SIM_CACHE", "relative/cache")
        folder = find_or_build(circuit()).folder
        assert folder.parent == tmp_path / "relative" / "cache"

    def test_home_sign(self, monkeypatch, tmp_path, builds):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("TENSION_SIM_CACHE", "~/programs")
        assert find_or_build(circuit()).folder.parent == tmp_path / "home" / "programs"
        assert [path.name for path in tmp_path.iterdir()] == ["home"]

    def test_home_of_nobody(self, monkeypatch, builds):
        monkeypatch.setenv("TENSION_SIM_CACHE", "~nosuchuser/cache")
        with pytest.raises(InvalidValueError) as caught:
            find_or_build(circuit())
        assert str(caught.value) == (
            "TENSION_SIM_CACHE: expected a folder.\nReceived: '~nosuchuser/cache'\nFix: write the whole path."
        )
        assert not builds

    @pytest.mark.parametrize("home", ["a file", "no user"])
    def test_no_home_that_can_be_written(self, home, monkeypatch, tmp_path, builds, caplog):
        for name in ("TENSION_SIM_CACHE", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        places._tell.cache_clear()
        monkeypatch.chdir(tmp_path)
        (tmp_path / "temporary").mkdir()
        monkeypatch.setattr(places.tempfile, "tempdir", str(tmp_path / "temporary"))
        if home == "a file":
            (tmp_path / "file").write_text("")
            monkeypatch.setenv("HOME", str(tmp_path / "file"))
        else:
            import platformdirs

            def unknown(*args, **kwds):
                raise RuntimeError("no home folder")

            monkeypatch.setattr(platformdirs, "user_cache_path", unknown)
        folder = find_or_build(circuit()).folder
        assert folder.parent == tmp_path / "temporary" / f"tension_sim-{os.geteuid()}"
        assert not find_or_build(circuit()).built
        assert not (tmp_path / "~").exists()
        told = [text for text in caplog.messages if text.startswith("Compiled programs are kept in ")]
        assert len(told) == (home == "a file")

    def test_programs_that_cannot_be_started(self, cache, builds, monkeypatch):
        """As on a mount without exec, where the system denies what the run bit allows."""
        access = os.access
        monkeypatch.setattr(os, "access", lambda path, mode: "probe." not in str(path) and access(path, mode))
        with pytest.raises(OutputError, match=r"cannot be started \(mounted with noexec\?\)\.\nFix: set TENSION_SIM_"):
            find_or_build(circuit())
        assert not builds
        assert not list(cache.iterdir())

    @as_root
    def test_a_mount_without_exec(self, tmp_path):
        """The same of the real thing, in a mount namespace of its own."""
        script = (
            f"mount -t tmpfs -o noexec none {tmp_path} && exec {sys.executable} -c "
            "'from tension_sim.system.places import place_to_build; place_to_build()'"
        )
        command = ["unshare", "--mount", "sh", "-c", script]
        environment = os.environ | {"TENSION_SIM_CACHE": str(tmp_path / "cache")}
        try:
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
        except FileNotFoundError:
            pytest.skip("no unshare")
        if "unshare:" in done.stderr or "mount:" in done.stderr:
            pytest.skip(f"no rights to mount: {done.stderr.strip()}")
        assert "OutputError: The cache of compiled programs" in done.stderr
        assert "cannot be started (mounted with noexec?)" in done.stderr


class TestKey:
    @pytest.mark.parametrize(
        ("cxx", "words"),
        [
            (None, ["g++"]),
            ("", ["g++"]),
            ("ccache g++", ["ccache", "g++"]),
            ("g++ -m64 '-DA=b c'", ["g++", "-m64", "-DA=b c"]),
            ("'/opt/my gcc/bin/g++'", ["/opt/my gcc/bin/g++"]),
        ],
    )
    def test_cxx_is_a_command(self, cxx, words, monkeypatch):
        monkeypatch.delenv("CXX", raising=False) if cxx is None else monkeypatch.setenv("CXX", cxx)
        assert toolchain.compiler_command() == words

    def test_cxx_with_an_open_quote(self, monkeypatch, builds):
        monkeypatch.setenv("CXX", "'g++")
        with pytest.raises(
            InvalidValueError, match=r"CXX: expected a command as a shell reads it \(No closing quotation"
        ):
            find_or_build(circuit())

    def test_a_wrapped_compiler_with_flags_compiles(self, monkeypatch, tmp_path, cache):
        """Brian2's makefile gets it too; a wrapper that counts stands for ccache."""

        skip_unless_here("cpp_standalone")

        wrapper = tmp_path / "my cache"
        wrapper.write_text('#!/bin/sh\necho "$@" >> "$LOG"\nexec "$@"\n')
        wrapper.chmod(0o755)
        monkeypatch.setenv("LOG", str(tmp_path / "log"))
        monkeypatch.setenv("CXX", f"'{wrapper}' g++ '-DNAME=\"a b\"'")
        folder = tmp_path / "sources"
        folder.mkdir()
        (folder / "main.cpp").write_text("#include <cstdio>\nint main() { return puts(NAME) < 0; }\n")
        (folder / "makefile").write_text("main: main.cpp\n\t$(CXX) main.cpp -o main\n")
        compile_sources(folder, "C++")
        assert subprocess.run([folder / "main"], capture_output=True, text=True).stdout == "a b\n"
        assert "main.cpp" in (tmp_path / "log").read_text()

    def test_flags_and_compiler_decide(self, cache, builds, monkeypatch):
        import brian2 as b2

        find_or_build(circuit())
        monkeypatch.setenv("CXX", "g++ -m64")
        assert find_or_build(circuit()).built
        monkeypatch.delenv("CXX")
        assert not find_or_build(circuit()).built
        key = program_key(circuit(), "cpp_standalone")
        for name, value in {
            "codegen.cpp.extra_compile_args_gcc": ["-O1"],
            "codegen.cpp.extra_link_args": ["-lm"],
            "codegen.cpp.define_macros": [("A", "1")],
            "codegen.cpp.include_dirs": ["/opt"],
            "codegen.cpp.libraries": ["m"],
            "codegen.generators.cpp.flush_denormals": True,
        }.items():
            with monkeypatch.context() as patch:
                patch.setitem(b2.prefs.prefs, name, value)
                assert program_key(circuit(), "cpp_standalone") != key, name
        for name, value in {"codegen.target": "numpy", "core.default_float_dtype": np.float32}.items():
            with monkeypatch.context() as patch:
                patch.setitem(b2.prefs.prefs, name, value)
                assert program_key(circuit(), "cpp_standalone") == key, name

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("processor\t: 0\nflags\t\t: sse\ncpu MHz\t: 3.1\n\nprocessor\t: 1\nflags\t\t: sse\n", ["flags\t\t: sse"]),
            (
                "BogoMIPS\t: 38.40\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n\n"
                "BogoMIPS\t: 48.00\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n",
                ["CPU implementer\t: 0x41", "CPU part\t: 0xd08", "CPU part\t: 0xd0b", "Features\t: fp asimd"],
            ),
            ("processor\t: 0\ncpu\t\t: POWER9\nclock\t: 2.3\n", ["cpu\t\t: POWER9"]),
        ],
        ids=["x86", "ARM", "POWER"],
    )  # fmt: skip
    def test_the_cpu_decides(self, text, found, monkeypatch):
        monkeypatch.setattr(Path, "read_text", lambda path, **options: text)
        assert toolchain._cpu().splitlines() == found

    def test_a_cached_program_needs_no_compiler(self, cache, builds, monkeypatch, tmp_path):
        first = find_or_build(circuit())
        monkeypatch.setenv("PATH", str(tmp_path))
        assert find_or_build(circuit()).folder == first.folder
        with pytest.raises(CompilerNotFoundError):
            find_or_build(circuit(8))
        assert len(builds) == 1

    @pytest.mark.slow
    def test_a_compiled_program_needs_no_compiler(self, cache, monkeypatch, tmp_path):
        skip_unless_here("cpp_standalone")
        simulation = Simulation(net(), target="cpp_standalone")
        wanted = simulation.run(Y)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert_same(Simulation(net(), target="cpp_standalone").run(Y), wanted)

    @pytest.mark.slow
    def test_preference_files_count_without_brian2(self, tmp_path):
        script = """
            import sys
            from faults.programs import circuit
            from tension_sim.run.cache import program_key

            print(program_key(circuit(), "cpp_standalone"), "brian2" in sys.modules)
        """
        before = run_script(script, cwd=tmp_path, HOME=tmp_path).split()
        (tmp_path / "brian_preferences").write_text("codegen.cpp.extra_compile_args_gcc = ['-O1']\n")
        after = run_script(script, cwd=tmp_path, HOME=tmp_path).split()
        assert (before[1], after[1]) == ("False", "True")
        assert before[0] != after[0]


def test_the_manifest_says_what_a_program_is_for(cache, builds):
    folder = find_or_build(circuit(), made_for="my_recipe").folder
    made = json.loads((folder / "manifest.json").read_text())["made"]
    assert (made["for"], made["target"]) == ("my_recipe", "cpp_standalone")
    assert made["compilers"] == toolchain.describe_compiler()


def test_cache_folder_makes_nothing(cache):
    assert cache_folder() == cache
    assert not cache.exists()


def test_drafts_of_dead_builds_go_with_the_next_build(cache, builds):
    folder = find_or_build(circuit()).folder
    dead = cache / f"{folder.name}.123.abc{program_cache.DRAFT}"
    other = cache / f"{'0' * 24}.{'0' * 8}.123.abc{program_cache.DRAFT}"
    for draft in (dead, other):
        draft.mkdir()
        write_program(draft)
    (cache / f"{folder.name}.lock").touch()
    find_or_build(circuit(8))
    assert not dead.exists()
    assert not other.exists()
    assert all(len(path.name) == 33 for path in cache.iterdir())


def test_nothing_is_logged_where_all_is_well(cache, builds, caplog):
    with caplog.at_level(logging.INFO, "tension_sim"):
        find_or_build(circuit())
        find_or_build(circuit())
    assert not [record for record in caplog.records if record.name == "tension_sim"]
