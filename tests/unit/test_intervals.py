"""The intervals agree with published values and with the distributions that define them."""

import pytest
from scipy.stats import poisson

from training.intervals import garwood, median, percentile, wilson


def test_wilson_known_values() -> None:
    # Newcombe, Statistics in Medicine 1998, table I, method 3.
    for hits, total, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        assert wilson(hits, total) == pytest.approx((low, high), abs=5e-5)
    assert wilson(20, 20) == pytest.approx((0.8389, 1.0), abs=5e-5)
    assert wilson(0, 0) is None


@pytest.mark.parametrize("count", [0, 1, 3, 12, 200])
def test_garwood_is_where_the_tails_are_a_fortieth(count: int) -> None:
    low, high = garwood(count, 4.0) or (-1.0, -1.0)
    assert poisson.cdf(count, high * 4) == pytest.approx(0.025)
    assert low == 0 if count == 0 else poisson.sf(count - 1, low * 4) == pytest.approx(0.025)


def test_no_exposure_no_interval() -> None:
    assert garwood(0, 0.0) is None


def test_percentile_is_the_nearest_rank() -> None:
    assert percentile(range(1, 21), 95) == 19
    assert percentile([3.0], 95) == 3.0
    assert percentile([], 95) is None
    assert median([4.0, 1.0, 2.0]) == 2.0
    assert median([]) is None
