"""The page of a run says what the run holds, needs nothing from outside, and runs nothing that strangers wrote."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from html_pages import ATTACK, Page, page_of, recipe_like
from synthetic import synthetic_results

from tension_sim import ForceNetwork, Learning, Phase, Results, Simulation, list_recipes, load_recipe
from tension_sim.errors import InvalidTypeError, OutputError
from tension_sim.results.references import bibtex, doi_of, web_address
from tension_sim.results.report import report_html
from tension_sim.system.data_folder import data_folder


@pytest.fixture(scope="module")
def html() -> str:
    return report_html(recipe_like())


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def test_it_says_what_was_run(page):
    for text in (
        "Recipe: 20 neurons learn a sine",
        "Verdict: not as expected: a is too high",
        "error of the test 0.25 0.1 to 0.2 too high",
        "firing rate 31.5 Hz 30 Hz as expected",
        "Expected: three seeds",
        "This run has no test.",
        "network.n 2000 20",
        "tension-sim run demo/sine --set network.n=20",
        "@article{Nicola2017,",
        "build 4 s",
        "run 9.5 s",
        "tension_sim 0.1.0",
        "host here",
        "phase: learning 2 s to 4 s",
    ):
        assert text in page.words, text
    assert {"href": "https://doi.org/10.1038/s41467-017-01827-3", "rel": "noopener noreferrer"} in page.all("a")


def test_it_shows_each_figure_that_the_run_has(page):
    assert page.headings[1:] == [
        "Warnings", "Numbers", "Figures", "Before learning", "End of learning", "Test, after learning",
        "The whole run", "Weights: output kernel", "Firing rates", "What was run",
        "Settings that differ from those of the recipe", "network", "run", "Repeat it", "Source",
        "Time and versions", "Time spent", "Versions", "Machine",
    ]  # fmt: skip
    assert len(page.all("svg")) == 6


def test_it_needs_nothing_from_outside(page):
    assert not {"script", "link", "iframe", "object", "embed"} & {name for name, _ in page.elements}
    addresses = [value for _, given in page.elements for name, value in given.items() if name in ("src", "href")]
    addresses += [given["xlink:href"] for given in page.all("image")]
    assert all(re.match(r"#|data:image/png;base64,|https://doi\.org/", address) for address in addresses)
    assert "default-src 'none'" in page.all("meta")[3]["content"]


def test_ids_are_there_once_and_all_that_is_referred_to(page, html):
    ids = [given["id"] for _, given in page.elements if "id" in given]
    assert len(ids) == len(set(ids)) > 10
    assert set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', html)) <= {(i, "") for i in ids} | {("", i) for i in ids}


def test_texts_of_strangers_stay_texts():
    everywhere = {
        "recipe": ATTACK, "summary": ATTACK, "publication": f"javascript:{ATTACK}", "script": ATTACK, "repeat": ATTACK,
        "settings": {ATTACK: {ATTACK: ATTACK}}, "changed": {ATTACK: [ATTACK, ATTACK]}, "remarks": [ATTACK],
        "verdict": {"as_expected": ATTACK, "text": ATTACK}, "versions": {ATTACK: ATTACK}, "neuron": ATTACK,
        "measured": [{"name": "", "label": ATTACK, "unit": ATTACK, "value": 1.0, "expected": [1], "judged": ATTACK}],
        "machine": {"date": f'">{ATTACK}', ATTACK: ATTACK}, "run": f'">{ATTACK}', "seed": ATTACK,
    }  # fmt: skip
    run = replace(
        recipe_like(**everywhere),
        name=ATTACK,
        phases=(Phase(ATTACK, 0, 6000),),
        weights={ATTACK: np.zeros(3)},
        timings={ATTACK: 1.0},
    )
    page = Page(report_html(run))
    assert not {"script", "img"} & {name for name, _ in page.elements}
    assert not any(name.startswith("on") for _, given in page.elements for name in given)
    assert not any((given.get("href") or "").startswith("javascript") for given in page.all("a"))
    assert page.words.count("document.title='run'") > 20


@pytest.mark.parametrize("name", ["$x$", r"$\bad$ $"])
def test_names_are_no_mathematics(name):
    run = replace(synthetic_results(seconds=1.0), name=name, phases=(Phase(name, 0, 3000),))
    assert report_html(replace(run, weights={name: np.arange(3.0)}, learning_curve={})).count("<svg") >= 3
    assert name.replace("$", r"\$") in run.plot()._suptitle.get_text()
    run.plot()._repr_png_()


@pytest.mark.parametrize(
    "changes",
    [
        {"rate": 0.0},
        {"n_recorded_neurons": 0, "spike_step": [], "spike_neuron": []},
        pytest.param({"target": None}, marks=pytest.mark.slow),
        pytest.param({"phases": ()}, marks=pytest.mark.slow),
        {"learning_curve": {}, "weights": {}, "provenance": {}, "timings": {}},
        {"output": np.full((3000, 1), np.nan)},
        pytest.param({"output": np.zeros((3000, 1)), "target": np.zeros((3000, 1))}, marks=pytest.mark.slow),
        {"output": np.zeros((3000, 0)), "target": None},
        {"target": np.full((3000, 1), np.nan)},
        pytest.param({"n_outputs": 20}, marks=pytest.mark.slow),
        {"provenance": {"verdict": 3, "settings": [1], "changed": None, "machine": "x", "versions": None}},
    ],
    ids=str,
)
def test_whatever_is_missing_there_is_a_page(changes):
    page = Page(report_html(synthetic_results(seconds=2.0, **changes)))
    assert "What was run" in page.headings
    assert ("None of the 12 recorded neurons fired." in page.words) == (changes.get("rate") == 0.0)
    assert ("learning diverged" in page.words) == (np.isnan(changes.get("output", np.zeros(1))).any())


def test_an_interrupted_run_says_so():
    page = Page(report_html(recipe_like(interrupted=True)))
    assert "The run was interrupted: it holds what was reached, up to 6 s." in page.words


def test_a_saved_file_gives_the_same_page(tmp_path, html):
    run = recipe_like()
    run.save(tmp_path / "run.h5")
    written = Results.load(tmp_path / "run.h5").report(tmp_path / "page.html")
    assert written.read_text(encoding="utf-8") == html


def test_files_are_not_replaced_unasked(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("mine")
    with pytest.raises(OutputError, match=r"Results.report.path: expected a file that does not exist yet"):
        recipe_like().report(path, overwrite=False)
    assert path.read_text() == "mine"
    with pytest.raises(OutputError, match=r"Results.report.path[\s\S]*Fix: create the folder first"):
        recipe_like().report(tmp_path / "none" / "page.html")
    with pytest.raises(InvalidTypeError, match=r"Results.report.eigenvalues: expected True or False"):
        recipe_like().report(path, eigenvalues="yes")


class TestEigenvalues:
    """Readout and feedback count; many are left out unless asked for."""

    @staticmethod
    def run(n):
        net = ForceNetwork.random("lif", n=n, seed=1, learning=Learning(alpha_P=0.1, start=0, stop=20))
        return Simulation(net, target="numpy").run(np.ones(20))

    def test_before_and_after(self):
        run = self.run(10)
        (axes,) = run.plot_eigenvalues().axes
        drawn = {line.get_label(): line.get_xydata() @ (1, 1j) for line in axes.lines[2:]}
        static, feedback = run.net.recurrent.to_dense(), run.net.feedback_kernel
        learned = static + np.outer(run.weights["output_kernel"][:, 0], feedback[0])
        assert not np.allclose(static, learned)
        for name, matrix in (("before", static), ("after", learned)):
            np.testing.assert_allclose(np.sort_complex(drawn[name]), np.sort_complex(np.linalg.eigvals(matrix)))

    def test_large_networks_only_when_asked(self):
        run = self.run(201)
        said = "Eigenvalues of more than 200 neurons are left out"
        page = Page(report_html(run))
        assert "Eigenvalues" not in page.headings and said in page.words
        page = Page(report_html(run, eigenvalues=True))
        assert "Eigenvalues" in page.headings and said not in page.words
        assert "Eigenvalues" not in Page(report_html(self.run(10), eigenvalues=False)).headings


def test_every_source_has_an_entry():
    sources = {load_recipe(name).source for name in list_recipes()}
    for source in sources:
        assert doi_of(bibtex(source)) == doi_of(source) != ""
    # of those that are written down; a recipe of another publication needs no second file
    text = (data_folder("models") / "references.bib").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=@)", text)
    known = {doi_of(entry).lower(): entry.strip() for entry in entries}
    assert len(known) == len(entries) == text.count("@") >= 9
    for doi, entry in known.items():
        assert re.match(r"@(article|misc)\{[A-Z]\w+20\d\d,\n  author = \{", entry), doi
        assert re.search(r"year = \{20\d\d\}", entry) and entry.count("{") == entry.count("}")
        (source,) = [one for one in {doi_of(one): one for one in sources}.values() if doi_of(one).lower() == doi]
        assert bibtex(source) == entry


@pytest.mark.parametrize(
    ("source", "entry"),
    [
        ("https://doi.org/10.1000/1", "@misc{source,\n  doi = {10.1000/1}\n}"),
        ("https://example.org/a", "@misc{source,\n  url = {https://example.org/a}\n}"),
        ("a book", ""),
        ("", ""),
    ],
)
def test_sources_without_an_entry(source, entry):
    assert bibtex(source) == entry
    assert web_address(source) == (source if source.startswith("https") else "")


def test_page_of_a_run_folder(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from tension_sim.cli.application import app

    monkeypatch.chdir(tmp_path)
    settings = ["--set", "n=40", "--set", "duration=300*ms", "--set", "start=100*ms", "--set", "stop=200*ms"]
    done = CliRunner().invoke(app, ["run", "lif_sine", *settings, "--target", "numpy", "--out", "one"])
    assert done.exit_code == 0, done.output
    page = page_of(tmp_path / "one" / "report.html")
    stored = Results.load(tmp_path / "one" / "results.h5").provenance
    assert {"name": "run", "content": stored["run"]} in page.all("meta")
    command = "tension-sim run nicola_clopath_2017/lif_sine --set learning.start='100*ms'"
    assert stored["repeat"].startswith(command.replace("learning.start='100*ms'", "'learning.start=100*ms'"))
    assert stored["repeat"] in page.words and "network.n 2000 40" in page.words
    assert Page((tmp_path / "one" / "report.html").read_text()).headings[0] == "nicola_clopath_2017/lif_sine"
    before = (tmp_path / "one" / "report.html").read_text()
    done = CliRunner().invoke(app, ["report", "one", "--out", "again.html"])
    assert done.exit_code == 0 and "written: again.html" in done.stdout
    assert (tmp_path / "again.html").read_text() == before
    for missing, text in (("none", "expected a file or folder that exists"), (".", "or a folder that holds one")):
        done = CliRunner().invoke(app, ["report", missing])
        assert f"report RESULTS: {text.partition('or a')[0]}" in str(done.exception)[:400] or text in str(
            done.exception
        )
