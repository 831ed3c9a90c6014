"""Several runs side by side: what differs, their numbers, and where they come from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from html_pages import page_of, recipe_like
from matplotlib.backends.backend_agg import FigureCanvasAgg
from synthetic import synthetic_results
from typer.testing import CliRunner

from tension_sim import Comparison
from tension_sim.cli.application import app
from tension_sim.errors import InvalidTypeError, InvalidValueError, OutputError, UnknownNameError
from tension_sim.results.plots.compared import figure_compared


def runs() -> dict:
    one = recipe_like()
    settings = {"network": {"n": 20, "neuron": "izhikevich"}, "run": {"seed": 1}}
    measured = [row | {"value": 2 * row["value"]} for row in one.provenance["measured"]]
    about = {"settings": settings, "measured": measured, "verdict": {"as_expected": True}, "seed": 7}
    return {"one": one, "two": replace(one, provenance=one.provenance | about, timings={"run": 1.0})}


def values(compared, label):
    (row,) = [row for row in compared.rows if row.label == label]
    return row.values


def test_what_differs_and_what_came_out():
    compared = Comparison(runs())
    assert values(compared, "network.neuron") == ("lif", "izhikevich")
    assert not [row for row in compared.rows if row.label in ("network.n", "run.seed")]
    assert values(compared, "seed") == (1, 7)
    assert values(compared, "error of the test") == (0.25, 0.5)
    assert values(compared, "verdict") == ("not as expected", "as expected")
    assert values(compared, "time to run") == (9.5, 1.0) and values(compared, "time to build") == (4.0, None)
    (row,) = [row for row in compared.rows if row.label == "firing rate"]
    assert row.shown() == ["31.5 Hz", "63 Hz"]


def test_runs_without_a_recipe_are_measured():
    run = synthetic_results(seconds=2.0)
    late = replace(run, output=run.target + 0.5)
    compared = Comparison([run, late])
    assert compared.names == ["demo/sine 1", "demo/sine 2"]
    assert values(compared, "error (RMSE), test")[1] == pytest.approx(0.5)
    rates = [float(np.mean(one.rates["test"])) for one in (run, late)]
    assert values(compared, "firing rate, test") == pytest.approx(rates)
    # one of a recipe beside one without: both by what any run has
    mixed = Comparison([recipe_like(), run])
    assert values(mixed, "error (RMSE), test")[1] == values(compared, "error (RMSE), test")[0]


def test_the_figure_shows_each_run():
    named = {"one": synthetic_results(seconds=2.0), "$two": synthetic_results(seconds=2.0, seed=2)}
    figure = figure_compared(named)
    assert [axes.get_title("left") for axes in figure.axes[:2]] == ["one   ·   seed 1", r"\$two   ·   seed 2"]
    errors, rates = figure.axes[2:]
    assert [line.get_label() for line in errors.lines] == ["one", r"\$two"]
    heights = [patch.get_xy()[:, 1] for patch in rates.patches]
    assert all(drawn.max() <= 100 for drawn in heights) and rates.get_ylabel() == "neurons (%)"


@pytest.mark.parametrize(
    "changes",
    [{"rate": 0.0}, {"n_recorded_neurons": 0, "spike_step": [], "spike_neuron": []}, {"target": None}, {"phases": ()},
     {"output": np.zeros((3000, 0)), "target": None}],
    ids=str,
)  # fmt: skip
def test_whatever_is_missing_there_is_a_figure(changes):
    figure_compared(dict.fromkeys("ab", synthetic_results(seconds=2.0, **changes)))._repr_png_()


def test_long_names_stay_within_the_figure():
    long = [
        "nicola_clopath_2017/theta_tau50_van_der_pol_harmonic",
        "/home/her" + "/which_do_not_fit" * 8 + "/mine.toml",
    ]
    figure = figure_compared({name: synthetic_results(seconds=1.0) for name in long})
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    titles = [axes._left_title for axes in figure.axes[:2]]
    (names,) = figure.legends
    assert [text.get_text().replace("\n", "") for text in names.get_texts()] == long
    boxes = [one.get_window_extent(renderer) for one in (*titles, names, figure.axes[0].get_legend())]
    for box in boxes:
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
    assert not boxes[0].overlaps(boxes[3])


def test_one_run_and_what_is_no_run_are_not_compared():
    run = synthetic_results(seconds=1.0)
    with pytest.raises(InvalidValueError, match=r"Comparison.runs: expected 2 to 12 runs"):
        Comparison([run])
    with pytest.raises(InvalidTypeError, match=r"Comparison.runs: expected Results[\s\S]*Fix: Simulation.run"):
        Comparison([run, "results.h5"])
    with pytest.raises(InvalidTypeError, match=r"Comparison.runs: expected Results"):
        Comparison("ab")
    with pytest.raises(OutputError, match=r"Comparison.report.path"):
        Comparison([run, run]).report("none/page.html")


class TestCommand:
    @pytest.fixture
    def folder(self, tmp_path, monkeypatch) -> Path:
        monkeypatch.chdir(tmp_path)
        for name, run in runs().items():
            (tmp_path / name).mkdir()
            run.save(tmp_path / name / "results.h5")
        runs()["one"].save(tmp_path / "alone.npz")
        return tmp_path

    def test_a_table(self, folder):
        done = CliRunner().invoke(app, ["compare", "one", "two/results.h5", "alone.npz"])
        assert done.exit_code == 0
        lines = [line.split() for line in done.stdout.splitlines()]
        assert lines[0] == ["one", "two", "alone"]
        assert ["network.neuron", "lif", "izhikevich", "lif"] in lines
        assert sorted(path.name for path in folder.iterdir()) == ["alone.npz", "one", "two"]

    def test_json(self, folder):
        done = CliRunner().invoke(app, ["compare", "one", "two", "--json"])
        told = json.loads(done.stdout)
        assert told["runs"] == ["one", "two"] and told["written"] == []
        assert {"kind": "setting", "label": "network.neuron", "unit": "", "values": ["lif", "izhikevich"]} in told[
            "rows"
        ]

    @pytest.mark.parametrize(("out", "page"), [("new/folder", "new/folder/compare.html"), ("a.html", "a.html")])
    def test_page_and_figure(self, folder, out, page):
        done = CliRunner().invoke(app, ["compare", "one", "two", "--out", out])
        assert done.exit_code == 0, done.output
        words = page_of(folder / page).words
        assert "2 runs compared one, two" in words and "network.neuron lif izhikevich" in words
        assert (folder / page).with_suffix(".png").read_bytes()[1:4] == b"PNG"

    def test_what_holds_no_results_is_refused(self, folder):
        (folder / "file").write_text("")
        cases = [
            (["one"], InvalidValueError, "Comparison.runs: expected 2 to 12 runs"),
            (["one", "none"], InvalidValueError, "compare RUN: expected a file or folder that exists"),
            (["one", "."], InvalidValueError, "compare RUN: expected a file of results, or a folder that holds one"),
            (["one", "file"], UnknownNameError, "compare RUN.path: expected a known suffix"),
            (["one", "two", "--out", "file/x"], OutputError, "compare --out: expected a folder that can be created"),
        ]
        for words, kind, text in cases:
            error = CliRunner().invoke(app, ["compare", *words]).exception
            assert isinstance(error, kind) and text in str(error), words
