"""What the figure shows is what the run holds, and nothing overlaps."""

import itertools
import sys
import threading
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from synthetic import synthetic_results

from tension_sim import plotting
from tension_sim.errors import InvalidTypeError, InvalidValueError, OutputError
from tension_sim.results.plots import figure_run, plot_prediction, plot_raster, plot_training, save_figure
from tension_sim.results.results import Phase

PNG = b"\x89PNG\r\n\x1a\n"


def lines_of(axes, label):
    handles, labels = axes.get_legend_handles_labels()
    return handles[labels.index(label)]


def test_windows_show_the_output_and_the_target_of_the_run():
    run = synthetic_results(seconds=3.0)
    figure = figure_run(run)
    bounds = [(2.0, 3.0), (5.0, 6.0), (6.0, 7.0)]
    for axes, (start, stop) in zip(figure.axes[:3], bounds, strict=True):
        assert axes.get_xlim() == pytest.approx((start, stop))
        rows = (run.times >= start) & (run.times < stop + 1e-9)
        for label in ("output", "target"):
            x, y = lines_of(axes, label).get_data()
            np.testing.assert_allclose(x, run.times[rows])
            np.testing.assert_allclose(y, getattr(run, label)[rows, 0])


def test_raster_shows_the_spikes_of_a_hundred_neurons():
    run = synthetic_results(n_neurons=130, seconds=2.0)
    raster = figure_run(run).axes[3]
    times, neurons = run.spikes()
    inside = (times >= 1.0) & (times < 2.0) & (neurons < 100)
    x, y = raster.lines[0].get_data()
    np.testing.assert_allclose(x.reshape(-1, 3), np.repeat(times[inside], 3).reshape(-1, 3))
    np.testing.assert_allclose(y.reshape(-1, 3)[:, :2], neurons[inside][:, None] + [-0.42, 0.42])
    assert np.isnan(y.reshape(-1, 3)[:, 2]).all()


def test_error_over_time_is_the_root_mean_square_of_its_bins():
    run = synthetic_results(seconds=4.0)
    axes = next(axes for axes in figure_run(run).axes if axes.get_ylabel() == "RMS error")
    times, error = axes.lines[0].get_data()
    squares = ((run.output - run.target) ** 2)[:, 0]
    # one bin is a period of the 5 Hz target
    assert times[1] - times[0] == pytest.approx(0.2, abs=0.01)
    edges = np.searchsorted(run.times, [times[3] - 0.1 + 1e-6, times[3] + 0.1 + 1e-6])
    assert error[3] == pytest.approx(np.sqrt(squares[slice(*edges)].mean()), rel=0.02)


def test_training_is_the_error_of_the_whole_run():
    run = synthetic_results(seconds=4.0)
    whole = next(axes for axes in figure_run(run).axes if axes.get_ylabel() == "RMS error")
    figure = plot_training(run)
    for found, wanted in zip(figure.axes[0].lines[0].get_data(), whole.lines[0].get_data(), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert figure.axes[-1].get_xlabel() == "time (s)"


def test_prediction_and_raster_show_the_whole_run():
    run = synthetic_results(seconds=2.0)
    x, y = lines_of(plot_prediction(run).axes[0], "output").get_data()
    np.testing.assert_allclose(x, run.times)
    np.testing.assert_allclose(y, run.output[:, 0])
    times, neurons = run.spikes()
    x, _ = plot_raster(run).axes[0].lines[0].get_data()
    np.testing.assert_allclose(x[::3], times[neurons < 100])


def test_figures_refused():
    silent = replace(synthetic_results(seconds=1.0), n_recorded_neurons=0, spike_step=[], spike_neuron=[])
    with pytest.raises(InvalidValueError, match=r"plot_raster\.results: expected a run with recorded spikes\."):
        plot_raster(silent)
    with pytest.raises(InvalidValueError, match=r"plot_training\.results: expected a run with a target\."):
        plot_training(replace(silent, target=None, learning_curve={}))


def test_learning_is_shaded():
    run = synthetic_results(seconds=2.0)
    shaded = [axes for axes in figure_run(run).axes if axes.patches]
    assert {axes.get_ylabel() for axes in shaded} == {"RMS error", "output kernel norm"}
    for axes in shaded:
        box = axes.patches[0].get_extents().transformed(axes.transData.inverted())
        assert (box.x0, box.x1) == pytest.approx((2.0, 4.0))


def test_several_outputs_stand_apart():
    run = synthetic_results(n_outputs=5)
    axes = figure_run(run).axes[0]
    outputs = [line.get_ydata() for line in axes.lines[5:]]
    assert len(outputs) == 5
    for upper, lower in itertools.pairwise(outputs):
        assert np.nanmedian(upper) > np.nanmedian(lower) + 1.5
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"$z_{{{k}}}$" for k in range(1, 6)]


def test_many_outputs_are_cut_to_twelve_and_said_so():
    axes = figure_run(synthetic_results(n_outputs=20)).axes[0]
    assert "12 of 20" in axes.get_ylabel()
    assert len(axes.lines) == 24


def test_a_slow_target_gets_two_periods():
    axes = figure_run(synthetic_results(seconds=9.0, frequency=0.5)).axes[1]
    start, stop = axes.get_xlim()
    assert stop - start == pytest.approx(4.0, rel=0.1)


@pytest.mark.parametrize(
    "changes",
    [
        {"rate": 0.0},
        {"n_recorded_neurons": 0},
        {"target": None},
        {"phases": ()},
        {"phases": (Phase("run", 0, 6000),)},
        {"learning_curve": {}},
        {"output": np.full((3000, 1), np.nan)},
        {"output": np.zeros((3000, 1)), "target": np.zeros((3000, 1))},
        {"first_step": 6001},
    ],
    ids=str,
)
def test_whatever_is_missing_there_is_a_figure(changes, tmp_path):
    figure = figure_run(synthetic_results(**changes))
    assert save_figure(figure, tmp_path / "figure.png").read_bytes().startswith(PNG)
    shows_none = any(text.get_text() == "no spikes" for axes in figure.axes for text in axes.texts)
    assert shows_none == (changes.get("rate") == 0.0)


LONG = "nicola_clopath_2017/theta_tau50_van_der_pol_harmonic"
LONGER = "/home/someone/recipes/that_are_her_own/and_have_$long_names" + "/which_do_not_fit" * 4 + "/mine.toml"


@pytest.mark.parametrize(("n_outputs", "name"), [(1, None), (5, None), (20, None), (1, LONG), (1, LONGER)])
def test_nothing_overlaps(n_outputs, name):
    run = synthetic_results(n_outputs=n_outputs, n_neurons=120)
    figure = figure_run(run if name is None else replace(run, name=name))
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    boxes = []
    for axes in figure.axes:
        boxes.append(axes.get_window_extent(renderer))
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
            if text.get_text():
                boxes.append(text.get_window_extent(renderer))
    boxes += [figure._suptitle.get_window_extent(renderer), figure.legends[0].get_window_extent(renderer)]
    page = figure.bbox
    for box in boxes:
        assert page.x0 <= box.x0 < box.x1 <= page.x1
        assert page.y0 <= box.y0 < box.y1 <= page.y1
    for one, other in itertools.combinations(boxes, 2):
        overlap = min(one.x1, other.x1) - max(one.x0, other.x0), min(one.y1, other.y1) - max(one.y0, other.y0)
        assert min(overlap) < 1.0, (one, other)


@pytest.mark.parametrize("name", [LONG, LONGER])
def test_a_long_title_stays_within_a_narrow_figure_and_keeps_its_words(name):
    figure = replace(synthetic_results(seconds=1.0), name=name).plot_rates()
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    box, page = figure._suptitle.get_window_extent(renderer), figure.bbox
    assert page.x0 <= box.x0 < box.x1 <= page.x1
    assert box.y0 >= figure.axes[0].title.get_window_extent(renderer).y1
    words = figure.get_suptitle().replace(r"\$", "$").replace("\n", "")
    assert words.startswith(name) and words.endswith("seed 1")


def test_global_settings_and_pyplot_stay_untouched(tmp_path):
    before = dict(mpl.rcParams)
    loaded = "matplotlib.pyplot" in sys.modules
    save_figure(figure_run(synthetic_results()), tmp_path / "figure.png")
    assert dict(mpl.rcParams) == before
    assert ("matplotlib.pyplot" in sys.modules) == loaded


def test_figures_can_be_drawn_in_threads(tmp_path):
    failures = []

    def draw(number):
        try:
            save_figure(figure_run(synthetic_results(seconds=1.0)), tmp_path / f"{number}.png")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=draw, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(("ending", "start"), [("png", PNG), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_format_follows_the_ending(ending, start, tmp_path):
    path = save_figure(figure_run(synthetic_results(seconds=1.0)), tmp_path / f"figure.{ending}")
    assert path.read_bytes().startswith(start)
    assert [p.name for p in tmp_path.iterdir()] == [f"figure.{ending}"]


@pytest.mark.parametrize("draw", [getattr(plotting, name) for name in plotting.__all__ if name != "save_figure"])
def test_what_is_drawn_are_results(draw):
    text = rf"{draw.__name__}.results: expected Results\.\nReceived: 'results.h5'\nFix: Simulation.run returns them"
    with pytest.raises(InvalidTypeError, match=text):
        draw("results.h5")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"figure": "a.png"}, r"save_figure.figure: expected a matplotlib Figure\.\nReceived: 'a.png'"),
        ({"path": None}, r"save_figure.path: expected a path"),
        ({"metadata": {"Title": 1}}, r"save_figure.metadata: expected names with texts"),
        ({"overwrite": "no"}, r"save_figure.overwrite: expected True or False"),
    ],
)
def test_what_is_written_is_a_figure(tmp_path, given, text):
    figure = figure_run(synthetic_results(seconds=1.0))
    with pytest.raises(InvalidTypeError, match=text):
        save_figure(**{"figure": figure, "path": tmp_path / "figure.png"} | given)
    assert not [*tmp_path.iterdir()]


def test_bad_paths_are_refused(tmp_path):
    figure = figure_run(synthetic_results(seconds=1.0))
    with pytest.raises(InvalidValueError, match=r"save_figure.path: expected an ending among[\s\S]*'figure.xyz'"):
        save_figure(figure, "figure.xyz")
    with pytest.raises(OutputError, match=r"save_figure.path[\s\S]*Fix: create the folder first"):
        save_figure(figure, tmp_path / "none" / "figure.png")
    (tmp_path / "figure.png").write_bytes(b"earlier")
    with pytest.raises(OutputError, match=r"save_figure.path: expected a file that does not exist yet"):
        save_figure(figure, tmp_path / "figure.png", overwrite=False)
    assert (tmp_path / "figure.png").read_bytes() == b"earlier"
