"""Schedules against their formulas."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from vaelab import Constant, Cosine, Cyclical, Linear
from vaelab.schedules import Progress


def over(epochs: int, steps: int = 10) -> list[Progress]:
    return [Progress(epoch, step, steps, epochs) for epoch in range(1, epochs + 1) for step in range(steps)]


def test_the_studys_warm_up_is_min_1_t_over_10_of_the_epoch() -> None:
    for progress in over(30):
        assert Linear(epochs=10)(progress) == pytest.approx(min(1, progress.epoch / 10))


def test_smooth_warm_up_rises_with_every_step() -> None:
    values = [Linear(epochs=4, smooth=True)(progress) for progress in over(4)]
    assert values[0] == 0
    assert all(a < b for a, b in pairwise(values))


def test_cyclical_returns_to_its_start_and_reaches_its_stop() -> None:
    values = [Cyclical(cycles=3, rise=0.5)(progress) for progress in over(12)]
    starts = [0, len(values) // 3, 2 * len(values) // 3]
    assert [values[start] for start in starts] == pytest.approx([0, 0, 0], abs=1e-9)
    assert all(value == 1 for start in starts for value in values[start + 20 : start + 40])


def test_cosine_warms_up_and_falls_to_its_stop() -> None:
    schedule = Cosine(start=2.0, stop=0.5, warmup=0.1)
    values = [schedule(progress) for progress in over(10, steps=100)]
    assert 0 < values[0] < 0.1
    assert max(values) == pytest.approx(2.0)
    assert values.index(max(values)) in (99, 100)
    assert values[-1] == pytest.approx(0.5, abs=1e-3)
    halfway = 0.5 + 1.5 * (1 + math.cos(math.pi * 0.5)) / 2
    assert values[550] == pytest.approx(halfway)


@given(
    st.sampled_from([Constant(0.7), Linear(3), Linear(3, smooth=True), Cyclical(), Cosine(1, 0, 0.1), Cosine()]),
    st.integers(1, 40),
    st.integers(1, 9),
)
def test_schedules_stay_between_their_ends(schedule: Constant, epochs: int, steps: int) -> None:
    assert all(0 <= schedule(progress) <= 1 for progress in over(epochs, steps))
