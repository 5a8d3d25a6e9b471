"""Memory over time and by cameras: what grows is told from what only trembles."""

import random

import pytest

from training.bench.producer_memory import per_camera
from training.bench.soak import trend

MINUTES = [number / 30 for number in range(300)]


def _memory(slope: float, noise: float = 1.0) -> list[float]:
    rng = random.Random(5)
    return [200 + slope * minute + rng.gauss(0, noise) for minute in MINUTES]


def test_noise_around_a_level_is_flat() -> None:
    found = trend(MINUTES, _memory(0.0))
    assert found.flat
    assert abs(found.slope) < 0.05
    assert found.low < found.slope < found.high


def test_a_leak_within_the_noise_grows() -> None:
    # 0.5 MB a minute are 5 MB in ten minutes, of 205: 2.4 %.
    found = trend(MINUTES, _memory(0.5))
    assert not found.flat
    assert found.slope == pytest.approx(0.5, abs=0.05)
    assert found.last - found.first == pytest.approx(4.5, abs=1.0)


def test_a_few_outliers_are_no_trend() -> None:
    memory = _memory(0.0)
    memory[-20:] = [value + 60 for value in memory[-20:]]
    assert trend(MINUTES, memory).flat


def test_one_step_is_no_leak_and_several_are() -> None:
    steady = _memory(0.0, noise=0.05)
    assert trend(MINUTES, [value + 10 * (minute > 4) for minute, value in zip(MINUTES, steady, strict=True)]).flat
    assert not trend(MINUTES, [value + int(minute) for minute, value in zip(MINUTES, steady, strict=True)]).flat


def test_what_shrinks_is_flat() -> None:
    assert trend(MINUTES, _memory(-2.0)).flat


def test_what_a_camera_takes_is_the_slope_and_not_the_share() -> None:
    assert per_camera([1, 2, 4, 8], [112, 124, 148, 196]) == pytest.approx(12.0)
