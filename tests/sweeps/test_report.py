"""The page of a sweep: its best points and figures, from the rows alone."""

from __future__ import annotations

import re
import sys

import pytest
from html_pages import ATTACK
from sweeps.small import SMALL, pretended
from sweeps.test_plot import NUMBERS, made

import tension_sim.sweeps.report as report
import tension_sim.sweeps.work as work
from tension_sim.cli import main
from tension_sim.errors import UnknownNameError
from tension_sim.sweeps.folder import Description
from tension_sim.sweeps.report import sweep_html
from tension_sim.sweeps.table import Sweep
from tension_sim.sweeps.work import Row

pytest.importorskip("pandas", reason="sweeps need the extra")
pytest.importorskip("pyarrow", reason="sweeps need the extra")


def headings(page):
    return re.findall(r"<h3>(.*?)</h3>", page)


def test_a_map_of_mean_and_spread_for_each_value_of_the_other_settings():
    found = made({"alpha": [1.0, 2.0], "Q": [1, 10], "G": [0.1, 0.2]}, [0, 1], lambda a, q, g, seed: a * q * g + seed)
    page = sweep_html(found)
    assert headings(page) == [
        "Mean, alpha = 1",
        "Mean, alpha = 2",
        "Standard deviation over seeds, alpha = 1",
        "Standard deviation over seeds, alpha = 2",
        "Over G, alpha = 1",  # the best point's
    ]
    best = re.findall(r"<td>(.*?)</td>", page)[:6]
    assert best == ["1", "1", "0.1", "0.6", "0.7071", "2"]  # 1 * 1 * 0.1 + 0.5


def test_one_setting_is_drawn_as_lines_and_one_seed_has_no_spread():
    page = sweep_html(made({"G": [1, 2, 3, 4, 5, 6]}, [0, 1], lambda g, seed: g))
    assert headings(page) == ["Over G"] and "as a band" in page
    one = made({"G": [0.1, 0.2], "Q": [1, 2]}, [0], lambda g, q, seed: g)
    assert headings(sweep_html(one)) == ["Mean", "Over Q"]


def test_of_many_maps_the_best_are_drawn(monkeypatch):
    monkeypatch.setattr(report, "_MOST_MAPS", 2)
    found = made({"a": [1, 2, 3, 4], "Q": [1, 2], "G": [1, 2]}, [0], lambda a, q, g, seed: (a - 3.1) ** 2 + q)
    assert headings(sweep_html(found)) == ["Mean, a = 3", "Mean, a = 4", "Over G, a = 3"]


def test_drawn_points_are_dots_over_each_setting_and_each_pair():
    names = ["network.G", "network.Q", "run.seed"]
    rows = [
        Row(str(k), {}, dict(zip(names, [k / 7, k % 5 + k / 11, 0], strict=True)), "done", numbers={"aligned_rmse": k})
        for k in range(10)
    ]
    page = sweep_html(Sweep(None, Description("demo", {}, [], None, names, NUMBERS), rows))
    assert headings(page) == ["Over G", "Over Q", "Over Q and G"]


def test_points_without_numbers_say_why_and_texts_are_escaped():
    rows = [Row("k", {}, {"network.G": 1.0, "run.seed": 0}, "diverged", ATTACK)]
    page = sweep_html(
        Sweep(None, Description(ATTACK, {"a": ATTACK}, [], None, ["network.G", "run.seed"], NUMBERS), rows)
    )
    assert "Points without numbers" in page and "1 diverged" in page and ATTACK not in page and not headings(page)


def test_a_sweep_without_a_row_yet():
    page = sweep_html(Sweep(None, Description("demo", {}, [], None, ["network.G", "run.seed"], NUMBERS), []))
    assert "none yet" in page


def test_an_unknown_number():
    with pytest.raises(UnknownNameError, match=re.escape("report.value: expected a known number (aligned_rmse,")):
        sweep_html(made({"G": [1, 2]}, [0], lambda g, seed: g), "rmse")


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["--value", "firing_rate"], 0, "written: {out}/report.html\n"),
        (["--value", "rmse"], 2, "report.value: expected a known number"),
        (["--eigenvalues"], 2, "report --eigenvalues: expected a run.\nReceived: 'a sweep, {out}'\nFix: leave it out"),
    ],
)
def test_command(tmp_path, monkeypatch, capsys, words, status, text):
    monkeypatch.setattr(work, "_measure", pretended)
    out = tmp_path / "out"
    settings = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    sweep = ["sweep", "lif_sine", "--grid", "Q=1,10", "--workers", "0", "--target", "numpy", "--out", str(out)]
    for arguments, wanted in (([*sweep, *settings], 0), (["report", str(out), *words], status)):
        monkeypatch.setattr(sys, "argv", ["tension-sim", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        assert ended.value.code == wanted, shown.err
    assert text.format(out=out) in shown.out + shown.err
    assert (out / "report.html").exists() == (status == 0)


def test_a_number_of_a_run_cannot_be_chosen(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tension-sim", "report", str(tmp_path), "--value", "rmse"])
    with pytest.raises(SystemExit):
        main()
    assert "report --value: expected the folder of a sweep beside it.\nReceived: 'rmse'" in capsys.readouterr().err
