"""What lies before the lens, also behind the noise of the camera; and what only veils the view."""

import numpy as np
import pytest

from services.detector.health.cover import COVERED_LIMIT, CoverWatch, Light
from services.detector.health.field import Fit
from shared.clock import NS

ROWS, COLUMNS = 7, 12
LIGHT = Light(np.full((ROWS, COLUMNS), 100, np.float32), np.ones((ROWS, COLUMNS), np.float32))
GREY = np.full((90, 160), 100, np.float32)
STEP = 2 * NS // 5


def fit(hidden: float, presence: float, alignment: float, others: float = 1.0) -> Fit:
    """The left part of a view has lost its structure down to so much, and the rest of it is as before, or less."""
    cells = np.full((ROWS, COLUMNS, 2), (others, 1.0), np.float32)
    cells[:, : round(hidden * COLUMNS)] = presence, alignment
    return Fit(1.0, 1.0, cells, np.ones((ROWS, COLUMNS), np.bool_))


def watch(*fits: Fit) -> list[tuple[float, bool]]:
    cover = CoverWatch()
    return [cover.take(one, LIGHT, GREY, number * STEP) for number, one in enumerate(fits)]


def test_half_of_a_view_that_is_gone_from_one_moment_to_the_next_is_a_cover_behind_noise_too() -> None:
    noisy = [fit(0.5, 0.9, 0.8), fit(0.5, 0.72, 0.44)]
    results = watch(fit(0.0, 1, 1), fit(0.0, 1, 1), *noisy, *[noisy[-1]] * 40)
    assert results[:3] == [(0.0, False)] * 3
    assert results[3] == (0.5, True)
    # After ten seconds it is covered or not, and no longer a suspicion.
    assert results[-1] == (0.5, False)


@pytest.mark.parametrize(
    "fits",
    [
        pytest.param([fit(share, 0.7, 0.4) for share in np.repeat(np.linspace(0, 0.5, 7), 6)], id="by and by, as fog"),
        pytest.param([fit(0, 1, 1), *[fit(0.5, 0.7, 0.4, others=0.8)] * 20], id="all of the view, as blur"),
        pytest.param([fit(0.5, 0.7, 0.4)] * 20, id="as it always was"),
        pytest.param([fit(0, 1, 1), *[fit(0.5, 1.1, 0.1)] * 20], id="behind other structure, as a queue"),
    ],
)
def test_what_only_veils_a_view_is_none(fits: list[Fit]) -> None:
    assert watch(*fits) == [(0.0, False)] * len(fits)


def test_a_small_part_is_suspected_for_a_while_and_no_cover() -> None:
    results = watch(fit(0, 1, 1), *[fit(2 / COLUMNS, 0.6, 0.2)] * 40)
    assert results[1] == (pytest.approx(2 / COLUMNS), True)
    assert results[-1] == (pytest.approx(2 / COLUMNS), False)
    assert results[-1][0] < COVERED_LIMIT


def test_after_a_gap_nothing_is_sudden() -> None:
    cover = CoverWatch()
    cover.take(fit(0, 1, 1), LIGHT, GREY, 0)
    cover.pause()
    assert cover.take(fit(0.5, 0.7, 0.4), LIGHT, GREY, STEP) == (0.0, False)
