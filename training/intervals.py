"""Confidence intervals, a test and order statistics of an evaluation; pure functions."""

import statistics
from collections.abc import Sequence
from math import ceil, comb, sqrt

from scipy.special import gammaincinv

# Two-sided 95 %: the normal quantile of 0.975.
_Z95 = 1.959963984540054
Interval = tuple[float, float]


def wilson(hits: int, total: int) -> Interval | None:
    """95 % score interval of a share (Wilson, JASA 1927); None without any trial.

    Unlike the textbook interval it stays within 0..1 and has a width also where all trials or none hit.

    Example:
        >>> [round(edge, 3) for edge in wilson(19, 20)]
        [0.764, 0.991]
    """
    if total <= 0:
        return None
    share, z2 = hits / total, _Z95**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z95 / (1 + z2 / total) * sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    low = 0.0 if hits == 0 else max(0.0, middle - half)
    high = 1.0 if hits == total else min(1.0, middle + half)
    return low, high


def garwood(count: int, exposure: float) -> Interval | None:
    """Exact 95 % interval of a Poisson rate (Garwood, Biometrika 1936); None without exposure.

    Args:
        count: events seen.
        exposure: what the rate is per, such as camera-hours.

    Example:
        >>> [round(edge, 2) for edge in garwood(0, 2.0)]  # two quiet hours prove no less than this
        [0.0, 1.84]
    """
    if exposure <= 0:
        return None
    # chi2.ppf(p, 2k) / 2 is the inverse of the regularised incomplete gamma function of k.
    low = float(gammaincinv(count, 0.025)) if count else 0.0
    return low / exposure, float(gammaincinv(count + 1, 0.975)) / exposure


def most_by_chance(against: int, chance: float) -> int:
    """How many events of one kind chance still explains beside `against` of another that is as likely.

    By the exact one-sided sign test (of pairs: McNemar, Psychometrika 1947): one more would be seen with a probability
    of at most `chance`.

    Args:
        chance: 0.001..0.5; with 0.5 none more than `against`.

    Example:
        >>> [most_by_chance(gained, 0.2) for gained in (0, 1, 2)]  # 3 lost and none gained is more than chance
        [2, 3, 5]
    """
    most = against
    while _tail(most + 1, most + 1 + against) > chance:
        most += 1
    return most


def _tail(heads: int, tosses: int) -> float:
    """Probability of at least so many heads of a fair coin."""
    return sum(comb(tosses, count) for count in range(heads, tosses + 1)) / (1 << tosses)


def median(values: Sequence[float]) -> float | None:
    """The middle value; None of nothing."""
    return statistics.median(values) if values else None


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Nearest rank: the smallest value that at least `percent` % do not exceed; None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, ceil(percent * len(values) / 100) - 1)]
