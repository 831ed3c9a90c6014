"""Numbers drawn from a counter: their definition, in Python's own integers, and their law."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tension_sim.declare.noise import chance, key, normal, uniform


def mixed(z: int) -> int:
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = ((z ^ (z >> shift)) * factor) % 2**64
    return z ^ (z >> 31)


@given(st.integers(0, 2**62), st.integers(0, 2**40), st.integers(0, 2**30))
def test_a_number_is_what_the_definition_says(seed: int, step: int, index: int) -> None:
    def draw(i: int) -> float:
        return (mixed((key(seed, step) + (i + 1) * 0x9E3779B97F4A7C15) % 2**64) >> 11) / 2**53

    counted = (seed * 0xD1342543DE82EF95 + (step + 1) * 0x9E3779B97F4A7C15) % 2**64
    assert key(seed, step) == mixed(counted)
    assert chance(seed, step) == (mixed(counted) >> 11) / 2**53
    assert uniform(seed, step, index) == draw(index)
    wanted = math.sqrt(-2 * math.log1p(-draw(2 * index))) * math.cos(2 * math.pi * draw(2 * index + 1))
    np.testing.assert_allclose(normal(seed, step, [[index]]), [[wanted]], rtol=1e-14, atol=1e-14)


def test_numbers_are_independent_and_normal() -> None:
    numbers = np.stack([normal(seed, step, np.arange(200)) for seed in (1, 2) for step in range(200)])
    assert stats.kstest(numbers.ravel(), "norm").pvalue > 0.01
    for other in (numbers[1:], np.roll(numbers, 200, axis=0)):  # the next step, the other seed
        assert abs(np.corrcoef(numbers[: len(other)].ravel(), other.ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(numbers[:, 1:].ravel(), numbers[:, :-1].ravel())[0, 1]) < 0.02
