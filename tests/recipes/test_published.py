"""Every recipe gives what it expects, at published size or, above ten minutes, at the shorter one that it states.

All of them: ``pytest -m published``, about an hour on two cores by the forecasts. The quick ones are among the slow
tests, too.
"""

import math
from dataclasses import replace
from functools import cache

import pytest

from tension_sim import list_recipes, load_recipe, run_outcome
from tension_sim.recipes.protocol import Outcome
from tension_sim.recipes.run import forecast

LONGEST = 600  # seconds of a run, by its forecast
QUICK, ALL_QUICK = 20, 60  # seconds: of one that is among the slow tests, and of these together


@cache
def run_of(name):
    """Return a recipe, or the shorter run that stands for it."""
    recipe = load_recipe(name)
    return recipe if recipe.short is None else load_recipe(name, short=True)


def cases():
    """Yield all recipes, the quickest first."""
    ends = 0.0
    for seconds, name in sorted((forecast(run_of(name)).seconds, name) for name in list_recipes()):
        ends += seconds
        quick = seconds < QUICK and ends < ALL_QUICK
        yield pytest.param(name, marks=[pytest.mark.published, *[pytest.mark.slow] * quick])


def check(outcome):
    """Refuse a run that was cut off, that measured nothing, or whose numbers are not as expected."""
    assert not outcome.results.interrupted
    assert outcome.numbers and all(math.isfinite(value) for value in outcome.numbers.values()), outcome.numbers
    assert outcome.verdict.as_expected is True, (outcome.verdict.text, dict(outcome.numbers))


#: What the seed of a recipe gives beyond what is expected of any seed.
BEYOND = {
    "kim_chow_2018/sines": lambda done: done.numbers["correlation"] >= 0.9,
    "hadjiabadi_2021/calcium": lambda done: (
        done.results.learning_curve["training_mae"][0] > 2 * done.numbers["training_mae"] > 0.2
    ),
}


@pytest.mark.timeout(12 * LONGEST)
@pytest.mark.parametrize("name", list(cases()))
def test_recipes_give_what_they_expect(name):
    outcome = run_outcome(run_of(name))
    check(outcome)
    assert name not in BEYOND or BEYOND[name](outcome), dict(outcome.numbers)


def test_recipes_that_no_other_test_runs_as_they_stand_are_among_the_slow_ones():
    slow = {case.values[0] for case in cases() if any(mark.name == "slow" for mark in case.marks)}
    assert {*BEYOND, "brette_gerstner_2005/ei_adex_force"} <= slow
    assert {"nicola_clopath_2017/lif_sine", "sussillo_abbott_2009/four_sines"} <= slow


def test_every_recipe_expects_numbers():
    assert not [name for name in list_recipes() if not run_of(name).expected]


def test_a_recipe_of_more_than_ten_minutes_states_a_shorter_run_and_no_other_does():
    long = {name for name in list_recipes() if forecast(load_recipe(name)).seconds > LONGEST}
    assert long == {name for name in list_recipes() if load_recipe(name).short is not None}
    assert len(long) > 3
    assert max(forecast(run_of(name)).seconds for name in long) < LONGEST / 2


def test_a_run_that_is_not_as_expected_fails():
    small = {"n": "20", "duration": "30*ms", "learning.start": "10*ms", "learning.stop": "20*ms"}
    outcome = run_outcome(load_recipe("lif_sine", small), target="numpy")
    with pytest.raises(AssertionError, match="not as expected: the expected numbers"):
        check(outcome)
    with pytest.raises(AssertionError):
        check(replace(outcome, numbers={}))
    with pytest.raises(AssertionError, match="nan"):
        check(Outcome(outcome.results, {"firing_rate": math.nan}, None, outcome.verdict))
