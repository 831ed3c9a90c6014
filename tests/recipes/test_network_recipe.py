"""Recipes of populations, projections and readouts."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest

from tension_sim import InvalidTypeError, InvalidValueError, UnitsError, UnknownNameError, load_recipe, run_outcome
from tension_sim.recipes.run import check_run, forecast
from tension_sim.system.data_folder import data_folder

NAME = "brette_gerstner_2005/ei_adex_force"
SMALL = {
    "populations.exc.n": "40",
    "populations.inh.n": "10",
    "duration": "60*ms",
    "readouts.output.start": "10*ms",
    "readouts.output.stop": "40*ms",
}
TEXT = (data_folder("models") / f"{NAME}.toml").read_text()


def own(tmp_path, old="", new=""):
    assert old in TEXT
    (tmp_path / "mine.toml").write_text(TEXT.replace(old, new, 1))
    return load_recipe(tmp_path / "mine.toml", SMALL)


def test_a_recipe_declares_its_network():
    recipe = load_recipe(NAME)
    net = recipe.network()
    assert net.sizes == {"exc": 800, "inh": 200}
    assert net.projection_names == ("exc_to_exc", "exc_to_inh", "inh_to_exc", "inh_to_inh")
    assert [int(steps) for steps in net.delays] == [15, 15, 8, 8]
    assert [len(kernel) for kernel in net.kernels] == pytest.approx(list(recipe.synapses().values()), rel=0.05)
    assert all(np.all(kernel.weight > 0) for kernel in net.kernels)
    assert net.kernels[2].weight.mean() == pytest.approx(2, rel=0.02)
    assert net.equations["exc"].parameters["bias"].value == pytest.approx(800e-12)
    assert {into for _, _, into in net.feedback_kernels} == {"I_fb"}
    assert recipe.phases() == tuple(recipe.phases())
    assert [phase.name for phase in recipe.phases()] == ["before", "learning", "test"]


def test_settings_of_each_population_and_projection():
    recipe = load_recipe(NAME, SMALL | {"projections.exc_to_inh.delay": "1*ms", "readouts.output.feedback.exc": "0*pA"})
    net = recipe.network()
    assert net.sizes == {"exc": 40, "inh": 10}
    assert int(net.delays[1]) == 10
    assert not net.feedback_kernels["output", "exc", "I_fb"].any()
    assert "projections.exc_to_inh.delay" in recipe.changed
    needs, more = forecast(recipe), forecast(load_recipe(NAME))
    assert needs.steps == 600
    assert needs.memory < more.memory
    assert more.seconds < 60
    assert more.memory == pytest.approx(
        1000 * 1001 / 2 * 8 + 100_000 * 33 + 26 * 1000 * 21 * 12 + 2 * 231_000 * 8, rel=0.05
    )


def test_runs_learns_and_knows_its_populations():
    outcome = run_outcome(load_recipe(NAME, SMALL), target="numpy")
    results = outcome.results
    assert results.populations == {"exc": 40, "inh": 10}
    assert results.state["rls_output.n_updates"][0] == 15
    assert np.any(results.weights["output"])
    assert set(results.recorded) == {"exc.v", "inh.v"}
    assert "firing_rate" in outcome.numbers


def test_a_dry_run_checks_it_all():
    assert check_run(load_recipe(NAME, SMALL), target="numpy").steps == 600


def test_projections_may_be_tables_too(tmp_path):
    data = tomllib.loads(TEXT)
    assert isinstance(data["projections"], list)
    text = TEXT
    for name in ("ee", "ei", "ie", "ii"):
        text = text.replace("[[projections]]", f"[projections.{name}]", 1)
    (tmp_path / "mine.toml").write_text(text)
    assert load_recipe(tmp_path / "mine.toml", SMALL).network().projection_names == ("ee", "ei", "ie", "ii")


@pytest.mark.parametrize(
    ("old", "new", "error", "text"),
    [
        ('neuron = "adex"', 'neuron = "adx"', UnknownNameError, "populations.exc.neuron: expected a known neuron"),
        ('neuron = "adex"', 'neuron = "adx"', UnknownNameError, "Fix: did you mean 'adex'?"),
        ('pre = "exc"', 'pre = "ex"', UnknownNameError,
         "mine.toml: projections.ex_to_exc.pre: expected a known population (exc, inh).\nReceived: 'ex'\nFix: did you"),
        ('into = "g_exc"', 'into = "g_exz"', UnknownNameError, "Fix: did you mean 'g_exc'?"),
        ('synapse = "ampa"', 'synapse = "amp"', UnknownNameError, "Fix: did you mean 'ampa'?"),
        ('synapse = "ampa"', 'synapse = "amp"', UnknownNameError, "projections.exc_to_exc.synapse: expected a known f"),
        ('delay = "1.5*ms"', 'delay = "1.55*ms"', InvalidValueError, "delay: expected multiples of the time step"),
        ('delay = "1.5*ms"', 'dely = "1.5*ms"', UnknownNameError, "Fix: did you mean 'delay'?"),
        ("p = 0.1", "p = 1.1", InvalidValueError, "projections.exc_to_exc.p: expected a number in (0, 1]"),
        ("p = 0.1", "indegree = 5", InvalidValueError, "projections.exc_to_exc.p: expected a number for the rule"),
        ("sign = 1", "sign = 2", InvalidValueError, "exc_to_exc.sign: expected +1, -1 or None.\nReceived: 2"),
        ("sign = 1", "sign = -1", InvalidValueError, "(Dale's law)"),
        ('b = "40*pA"', 'bb = "40*pA"', UnknownNameError, "populations.exc.parameters"),
        ('sources = ["exc", "inh"]', 'sources = ["exc", "in"]', UnknownNameError,
         "mine.toml: readouts.output.sources: expected a known population"),
        ("[readouts.output.feedback]\nexc", "[readouts.output.feedback]\nexz", UnknownNameError,
         "readouts.output.feedback.exz: expected a known population (exc, inh)"),
        ('alpha_P = 1e-5', 'alpha_P = 1e-5\noutputs = 2', InvalidValueError,
         "task.name: expected a supervisor of 2 channels, one for each output, and no inputs.\nReceived: '1 channels"),
        ('[populations.exc]', '[population.exc]', UnknownNameError, "Fix: did you mean 'populations'?"),
        ('[[projections]]\npre = "exc"\npost = "inh"', '[[projections]]\npre = "exc"\npost = "exc"', InvalidValueError,
         "projections: expected names used once.\nReceived: 'exc_to_exc'\nFix: give it a name."),
    ],
)  # fmt: skip
def test_wrong_recipes(tmp_path, old, new, error, text):
    with pytest.raises(error) as caught:
        own(tmp_path, old, new)
    assert text in str(caught.value)


def test_tables_must_be_tables(tmp_path):
    (tmp_path / "mine.toml").write_text(TEXT.split("[populations.exc]")[0] + "[populations]\nexc = 3\n")
    with pytest.raises(InvalidTypeError) as caught:
        load_recipe(tmp_path / "mine.toml")
    assert "mine.toml: populations.exc: expected a table.\nReceived: 3\nFix: write [populations.NAME]" in str(
        caught.value
    )


def test_weights_that_do_not_fit_are_refused_before_any_is_drawn(tmp_path):
    with pytest.raises(UnitsError) as caught:
        own(tmp_path, 'weight = "0.3*nS*(0.5 + rand())"', 'weight = "0.3*mV"')
    assert "projections.exc_to_exc.weight: expected a quantity in nS" in str(caught.value)
    with pytest.raises(UnknownNameError, match=r"record.variables: expected a known state variable \(exc.I_fb, "):
        load_recipe(NAME, {"record.variables": "x"})
