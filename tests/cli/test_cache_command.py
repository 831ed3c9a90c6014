"""``tension-sim cache``: what is kept is shown, and cleared by age, by recipe, or all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time

import pytest
from faults.programs import circuit, write_program
from targets import skip_unless_here

import tension_sim.brian.build as build
from tension_sim.cli import main
from tension_sim.run.cache import DRAFT, find_or_build


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Two programs, the second not used for ten days, and the other things that may lie there."""
    skip_unless_here("cpp_standalone")
    folder = tmp_path / "cache"
    monkeypatch.setenv("TENSION_SIM_CACHE", str(folder))
    monkeypatch.setattr(build, "build_cpp", lambda circuit, folder: write_program(folder))
    find_or_build(circuit(7), made_for="lif_sine")
    old = find_or_build(circuit(8), made_for="my [b] recipe").folder
    os.utime(old, times=(time.time() - 10 * 86400,) * 2)
    (folder / "notes.txt").write_text("the user's own")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("not ours")
    (folder / f"{'a' * 24}.{'b' * 8}").symlink_to(tmp_path / "elsewhere")
    (folder / "paper.draft").mkdir()
    (folder / "hers.lock").touch()
    draft = folder / f"{'0' * 24}.{'0' * 8}.12.x{DRAFT}"
    draft.mkdir()
    return folder


def run(monkeypatch, capsys, *arguments, status=0):
    """Return what the command prints, and what it complains."""
    monkeypatch.setattr(sys, "argv", ["tension-sim", "cache", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == status
    return capsys.readouterr()


def programs(folder):
    return sorted(
        path.name for path in folder.iterdir() if path.is_dir() and not path.is_symlink() and path.name[0] != "p"
    )


def test_show(cache, monkeypatch, capsys):
    shown = run(monkeypatch, capsys).out
    assert shown.startswith(f"folder: {cache}\nsize: 0.0 MB in 2 programs\n")
    lines = shown.splitlines()[3:]
    today = time.strftime("%Y-%m-%d")
    assert lines[0].split()[1:] == ["lif_sine", "cpp_standalone", "0.0", "MB", today, today]
    assert " my [b] recipe " in lines[1]
    assert lines[1].split()[-1] == time.strftime("%Y-%m-%d", time.localtime(time.time() - 10 * 86400))


def test_json(cache, monkeypatch, capsys):
    shown = json.loads(run(monkeypatch, capsys, "--json").out)
    assert shown["folder"] == str(cache)
    assert [program["for"] for program in shown["programs"]] == ["lif_sine", "my [b] recipe"]
    files = [path for name in (p["key"] for p in shown["programs"]) for path in (cache / name).rglob("*")]
    assert shown["size"] == sum(path.stat().st_size for path in files if path.is_file())
    assert shown["programs"][0]["built"] == pytest.approx(time.time(), abs=60)


def test_names_do_not_steer_the_terminal(cache, monkeypatch, capsys):
    name = "\x1b\x9b\x7f:x:"
    find_or_build(circuit(9), made_for=name)
    assert " \\x1b\\x9b\\x7f:x: " in run(monkeypatch, capsys).out
    shown = run(monkeypatch, capsys, "--json").out
    assert not set(shown) & set("\x1b\x9b\x7f")
    assert name in [program["for"] for program in json.loads(shown)["programs"]]


def test_an_empty_cache(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TENSION_SIM_CACHE", str(tmp_path / "none"))
    assert run(monkeypatch, capsys).out == f"folder: {tmp_path}/none\nsize: 0.0 MB in 0 programs\n"
    assert run(monkeypatch, capsys, "clear", "--all").out == "removed: 0 programs, 0.0 MB\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--all"], []),
        (["--older-than", "5"], ["lif_sine"]),
        (["--recipe", "lif_sine"], ["my [b] recipe"]),
        (["--recipe", "lif_sine", "--older-than", "5"], ["lif_sine", "my [b] recipe"]),
        (["--older-than", "0"], []),
    ],
)
def test_clear(options, left, cache, monkeypatch, capsys, tmp_path):
    before = programs(cache)
    shown = run(monkeypatch, capsys, "clear", *options).out
    assert shown == f"removed: {2 - len(left)} programs, 0.0 MB; 1 unfinished builds\n"
    kept = json.loads(run(monkeypatch, capsys, "--json").out)["programs"]
    assert [program["for"] for program in kept] == left
    assert programs(cache) == sorted(program["key"] for program in kept)
    assert len(before) == 3
    assert (cache / "notes.txt").read_text() == "the user's own"
    assert (tmp_path / "elsewhere" / "file").read_text() == "not ours"  # a link is not followed
    assert (cache / "paper.draft").is_dir()
    assert [path.name for path in cache.glob("*.lock")] == ["hers.lock"]


def test_clear_as_json(cache, monkeypatch, capsys):
    shown = json.loads(run(monkeypatch, capsys, "clear", "--recipe", "lif_sine", "--json").out)
    assert [program["for"] for program in shown["removed"]] == ["lif_sine"]
    assert (shown["left"], shown["unfinished"]) == ([], 1)


def test_a_program_that_runs_is_not_disturbed(cache, monkeypatch, capsys):
    """Its files are gone from the folder, and stay until it ends."""
    folder = find_or_build(circuit(7)).folder
    shutil.copy("/bin/sh" if os.path.exists("/bin/sh") else sys.executable, folder / "main")
    running = subprocess.Popen(
        [folder / "main", "-c", "read line; echo $line"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    run(monkeypatch, capsys, "clear", "--all")
    assert not folder.exists()
    assert running.communicate("still here\n", timeout=10)[0] == "still here\n"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "cache clear: expected --older-than or --recipe or both, or --all.\nReceived: "),
        (["--all", "--recipe", "lif_sine"], "cache clear: expected --older-than or --recipe or both, or --all."),
        (["--older-than", "-1"], "cache clear --older-than: expected a number of days, at least 0.\nReceived: -1.0"),
        (["--older-than", "nan"], "cache clear --older-than: expected a number of days, at least 0.\nReceived: nan"),
        (["--recipe", "lif_sin"], "Received: 'lif_sin'\nFix: did you mean 'lif_sine'?"),
    ],
)
def test_clear_without_a_clear_choice_removes_nothing(options, text, cache, monkeypatch, capsys):
    assert text in run(monkeypatch, capsys, "clear", *options, status=2).err
    assert len(programs(cache)) == 3
