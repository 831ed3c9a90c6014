"""The documentation site: a page for each recipe and public name, and commands that pass their checks."""

import importlib
import json
import re
import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import tension_sim
from tension_sim import Steering, load_recipe, run_recipe
from tension_sim.cli.application import app

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
RECIPES = sorted(path.relative_to(ROOT / "models").with_suffix("").as_posix() for path in ROOT.glob("models/*/*.toml"))
STORED = sorted((DOCS / "gallery").glob("*/*.json"))
SWEEPS = sorted((DOCS / "gallery").glob("*/*/*.json"))


def extension(name, monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module(name)


def test_gallery_has_every_recipe(monkeypatch):
    recipe_pages = extension("recipe_pages", monkeypatch)
    pages = dict(recipe_pages.pages(DOCS / "gallery"))
    assert sorted(name for name in pages if name.count("/") == 2 and not name.endswith("/index")) == [
        f"recipes/{name}" for name in RECIPES
    ]
    for name in RECIPES:
        recipe, page = tension_sim.load_recipe(name), pages[f"recipes/{name}"]
        assert all(text in page for text in (recipe.summary, recipe.source, f"tension-sim run {name}", recipe.notes))
        assert all(f"`{section}.{key}`" in page for section, keys in recipe.settings.items() for key in keys)
        assert page.count(" to ") >= sum(len(recipe.expected.get(key, ())) == 2 for key in recipe.protocol.expected)
        assert f":link: recipes/{name}\n" in pages["gallery"]
        assert f"{{doc}}`{name.rpartition('/')[2]}`" in pages[f"recipes/{name.rpartition('/')[0]}/index"]


def test_page_of_a_recipe_has_what_it_leaves_out(monkeypatch):
    recipe_pages = extension("recipe_pages", monkeypatch)
    page = recipe_pages.page("kim_2023/licking", "Kim et al. (2023)", DOCS / "gallery")
    assert "| `target.data` | not set |\n" in page
    assert "| `learning.gain` | `divided` |\n" in page


def test_options_in_the_notes_of_recipes_stay_options():
    smartquotes = pytest.importorskip("docutils.utils.smartquotes", reason="the site needs the extra docs")
    action = re.search(r'^smartquotes_action = "(\w+)"', (DOCS / "conf.py").read_text(), re.MULTILINE)
    notes = [load_recipe(name).notes for name in RECIPES]
    assert sum(text.count("--set") for text in notes) > 5
    for text in notes:
        shown = smartquotes.smartyPants(text, action[1] if action else "qDe")
        assert re.findall(r"--\w+", shown) == re.findall(r"--\w+", text)


def test_gallery_has_a_figure_of_every_recipe():
    assert {path.relative_to(DOCS / "gallery").with_suffix("").as_posix() for path in STORED} == set(RECIPES)


def short_settings(name):
    """Return the settings of the shorter run that a recipe states, as texts."""
    short = load_recipe(name, short=True)
    return {key: str(short.settings[key.partition(".")[0]][key.partition(".")[2]]) for key in short.changed}


def test_page_of_a_shorter_run_says_what_is_shorter(monkeypatch, tmp_path):
    recipe_pages = extension("recipe_pages", monkeypatch)
    name, folder = "kim_2023/licking", tmp_path / "kim_2023"
    folder.mkdir()
    (folder / "licking.png").touch()
    facts = {"date": "2026-01-02", "version": "1", "seed": 1, "seconds": 9.0, "numbers": {"correlation": 0.0588}}
    for changed in ({}, {"changed": {"run.loops": ["200", "10"]}}):
        (folder / "licking.json").write_text(json.dumps(facts | changed))
        page = recipe_pages.page(name, "Kim et al. (2023)", tmp_path)
        assert "takes about 39 minutes. A shorter run: `tension-sim run kim_2023/licking --short`" in page
        assert (
            ("| `run.loops` | `200` | `10` |" in page)
            == ("A shorter run than the published one" in page)
            == bool(changed)
        )
        assert "| 0.0588 |" in page and "expected at published size" in page


@pytest.mark.parametrize("facts", STORED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_stored_figures(facts):
    name = facts.relative_to(DOCS / "gallery").with_suffix("").as_posix()
    assert name in RECIPES, "the figure of a recipe that is no more"
    figure = facts.with_suffix(".png")
    assert figure.read_bytes()[:4] == b"\x89PNG"
    assert figure.stat().st_size <= 150_000
    stored = json.loads(facts.read_text(encoding="utf-8"))
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", stored["date"])
    assert set(stored) - {"changed", "seconds"} == {"date", "version", "seed", "numbers"}
    changed = stored.get("changed", {})
    assert not changed or load_recipe(name).short is not None
    # what the file says now is what was run
    assert {key: new for key, (_, new) in changed.items()} == (short_settings(name) if changed else {})
    assert all(isinstance(value, int | float) for value in stored["numbers"].values())


@pytest.mark.parametrize("facts", SWEEPS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_stored_sweeps(facts, monkeypatch):
    name = facts.parent.relative_to(DOCS / "gallery").as_posix()
    assert facts.stem in load_recipe(name).sweeps, "the figure of a sweep that is no more"
    assert facts.with_suffix(".png").read_bytes()[:4] == b"\x89PNG"
    assert facts.with_suffix(".png").stat().st_size <= 150_000
    stored = json.loads(facts.read_text(encoding="utf-8"))
    assert set(stored) == {"date", "version", "points", "done", "seeds"}
    page = extension("recipe_pages", monkeypatch).page(name, "A & B (2000)", DOCS / "gallery")
    assert f"gallery/{name}/{facts.stem}.png\n" in page and f": {stored['points']} points, " in page


def test_every_recipe_with_sweeps_shows_one():
    with_sweeps = {name for name in RECIPES if load_recipe(name).sweeps}
    assert {path.parent.relative_to(DOCS / "gallery").as_posix() for path in SWEEPS} == with_sweeps


def test_publications_are_named(monkeypatch):
    publication = extension("recipe_pages", monkeypatch).publication
    assert publication("kim_chow_2018") == "Kim & Chow (2018)"
    assert publication("depasquale_2018", "a program of DePasquale, DEPASQUALE") == "DePasquale et al. (2018)"


def test_reference_has_every_public_name(monkeypatch, tmp_path):
    pytest.importorskip("sphinx", reason="the reference is written by Sphinx")
    api_pages = extension("api_pages", monkeypatch)
    for module in api_pages.MODULES:
        page = api_pages._module_page(module, tmp_path)
        public = [name for name in importlib.import_module(module).__all__ if not name.startswith("_")]
        assert public
        for name in public:
            described = (tmp_path / module / f"{name}.rst").exists() or f"autoexception:: {module}.{name}\n" in page
            assert described and f"   {name}\n" in page


def test_modules_of_the_pages_are_in_the_reference(monkeypatch):
    """A page tells users to import nothing that the reference does not describe."""
    pytest.importorskip("sphinx", reason="the reference is written by Sphinx")
    api_pages = extension("api_pages", monkeypatch)
    known = {*api_pages.MODULES, *api_pages.KERAS_MODULES}
    pages = [path for path in DOCS.glob("**/*.md") if path.parent.name in ("first_hour", "howto", "theory")]
    assert len(pages) > 8
    for path in pages:
        for module in re.findall(r"^from (tension_sim[.\w]*) import", path.read_text(encoding="utf-8"), re.MULTILINE):
            assert module in known, f"{path.name}: {module}"


def commands():
    """Yield the commands of this package in the shell blocks of hand-written pages."""
    for path in sorted(DOCS.glob("**/*.md")):
        if not {"generated", "_build"} & set(path.relative_to(DOCS).parts):
            for block in re.findall(r"```bash\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
                for line in block.splitlines():
                    found = re.search(r"(?:^|\s|/)tension-sim ([^#]*)", line)
                    if found and not line.startswith("#"):
                        yield pytest.param(found[1].strip(), id=f"{path.name}: {found[1].strip()}")


@pytest.mark.parametrize("command", list(commands()))
def test_commands_of_the_pages(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TENSION_SIM_CACHE", str(tmp_path / "cache"))
    words = shlex.split(re.sub(r"\$\w+", "1", command))
    if words[0] == "run" and "--dry-run" not in words:
        words.append("--dry-run")
    if "--from" in words:  # what an earlier command of the page left
        stored = Path(words[words.index("--from") + 1])
        stored.parent.mkdir(parents=True)
        run_recipe(load_recipe("lif_sine", {"n": "10", "duration": "2*ms"}), target="numpy").save(stored)
    if "--steering" in words:
        script = Path(words[words.index("--steering") + 1])
        script.parent.mkdir(parents=True)
        Steering().save(script)
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 0, outcome.output


def test_links_of_the_site_are_checked(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    check_links = importlib.import_module("check_links")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "page.html").write_text('<h1 id="here"></h1><a href="../index.html">up</a>')
    (tmp_path / "llms.txt").write_text("[a](index.html) [b](gone.html)")
    (tmp_path / "index.html").write_text(
        '<a href="deep/page.html#here"></a><a href="deep/page.html#there"></a><img src="lost.png">'
        '<a href="https://example.org/x"></a><a href="#nowhere"></a><a href="../outside.html"></a>'
    )
    assert check_links.broken_links(tmp_path) == [
        "index.html: #nowhere",
        "index.html: ../outside.html",
        "index.html: deep/page.html#there",
        "index.html: lost.png",
        "llms.txt: gone.html",
    ]
