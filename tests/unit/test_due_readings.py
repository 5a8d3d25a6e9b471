"""Which of the frames that are seen the heads and the memory of the road read."""

from itertools import pairwise

import numpy as np
import pytest

from services.detector.letterbox import Letterbox
from services.detector.stage import Decoded
from shared.frames import Frame

BOX = Letterbox(64, 32, 64, 32, 0, 0)


def read(seen: list[int], every: int) -> list[int]:
    """The numbers of the frames that are read."""
    picture = np.zeros((32, 64, 3), np.uint8)
    pairs = zip([None, *seen], seen, strict=False)
    items = [Decoded(Frame("cam", seq, seq, 64, 32, b""), BOX, picture, [], 64, 32, last) for last, seq in pairs]
    return [item.frame.seq for item in items if item.due(every)]


@pytest.mark.parametrize("every", [1, 4, 10])
def test_of_all_frames_those_with_a_multiple_are_read_wherever_one_begins(every: int) -> None:
    for start in range(12):
        assert read(list(range(start, 60)), every) == [seq for seq in range(start, 60) if seq % every == 0]


@pytest.mark.parametrize("step", [2, 3, 7])
@pytest.mark.parametrize("offset", [0, 1])
def test_if_frames_are_shed_the_next_one_is_read_instead(step: int, offset: int) -> None:
    """Every second frame from the first on is never a multiple of 4, and yet a fourth of the time must be read."""
    seen = list(range(offset, 400, step))
    due = read(seen, 4)
    assert len(due) >= min(len(seen), 100) - 1
    assert max(after - before for before, after in pairwise(due)) < 4 + step


def test_a_producer_that_starts_again_is_read_again() -> None:
    assert read([*range(990, 1000), *range(25)], 10) == [990, 0, 10, 20]
