"""Rates, spike trains and units of networks that hold rate units too: these have no spikes, wherever they stand."""

from __future__ import annotations

import numpy as np
import pytest

from tension_sim import Network, Population, Record, Results, Simulation
from tension_sim.results.measures import mean_rate, summary
from tension_sim.results.report.facts import facts_of

SIZES = {"units": 6, "cells": 3, "more": 2}
STEPS, DT = 100, 1e-3


def run(*order: str, bias: str = "-20*mV", **record: int) -> Results:
    """A network whose populations are declared in that order, each with the same initial values."""
    made = {
        "units": Population("echo_state", 6, initial={"a": 0.5}),
        "cells": Population("lif", 3, parameters={"bias": bias}, initial={"v": [-0.05, -0.06, -0.045]}),
        "more": Population("echo_state", 2, initial={"a": 0.5}),
    }
    net = Network({name: made[name] for name in order}, dt=DT)
    return Simulation(net, target="numpy", record=Record(**record)).run(steps=STEPS)


@pytest.mark.parametrize("order", [("units", "cells", "more"), ("cells", "units", "more"), ("more", "units", "cells")])
def test_numbers_of_cells_do_not_depend_on_rate_units_declared_before_them(order):
    found, alone = run(*order), run("cells")
    wanted = len(alone.spike_step) / (3 * STEPS * DT)
    assert wanted > 0
    assert mean_rate(found) == pytest.approx(wanted, rel=1e-12)
    assert summary(found)["firing_rate"] == pytest.approx({"test": wanted})
    assert np.nanmean(found.rates["test"]) == pytest.approx(wanted, rel=1e-12)
    assert np.array_equal(found.rates_of("cells")["test"], alone.rates["test"])
    assert np.isnan(found.rates_of("units")["test"]).all()
    assert f"mean: test {wanted:.3g} Hz" in found.plot_rates().axes[0].get_title()


@pytest.mark.parametrize("order", [("units", "cells"), ("cells", "units")])
def test_neo_has_trains_of_what_spikes(order):
    segment = run(*order).to_neo().segments[0]
    assert [train.name for train in segment.spiketrains] == ["cells_0", "cells_1", "cells_2"]
    assert [len(train) for train in segment.spiketrains] == np.bincount(run("cells").spike_neuron, minlength=3).tolist()


@pytest.mark.parametrize("order", [("units", "cells", "more"), ("cells", "units")])
@pytest.mark.parametrize("suffix", ["nwb", "npz"])
def test_files_keep_the_spikes_of_each_neuron(tmp_path, order, suffix):
    pytest.importorskip("pynwb")
    found = run(*order)
    found.save(tmp_path / f"run.{suffix}")
    loaded = Results.load(tmp_path / f"run.{suffix}")
    assert np.array_equal(loaded.spike_neuron, found.spike_neuron)
    assert np.array_equal(loaded.spike_step, found.spike_step)


def test_nwb_has_units_of_what_spikes(tmp_path):
    pynwb = pytest.importorskip("pynwb")
    found = run("units", "cells", "more")
    found.save(tmp_path / "run.nwb")
    with pynwb.NWBHDF5IO(tmp_path / "run.nwb", "r") as file:
        units = file.read().units
        assert list(units["source_population"].data) == ["cells"] * 3
        assert [len(units["spike_times"][k]) for k in range(3)] == np.bincount(found.spike_neuron - 6).tolist()


def test_where_only_rate_units_are_recorded_no_neuron_was_silent(tmp_path):
    found = run("units", "cells", spikes_of=4)
    assert np.isnan(mean_rate(found))
    assert not found.to_neo().segments[0].spiketrains
    assert not any("recorded neurons fired" in text for text in facts_of(found).warnings)
    assert "None of the 3 recorded neurons fired." in facts_of(run("units", "cells", bias="-60*mV")).warnings
    pytest.importorskip("pynwb")
    found.save(tmp_path / "run.nwb")
    assert len(Results.load(tmp_path / "run.nwb").spike_step) == 0
