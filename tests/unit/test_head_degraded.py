"""Pictures that bad visibility is made from: whose they are stands in the head's card."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data.problems import Problems
from training.heads.visibility import read_degraded


@pytest.mark.parametrize(
    ("names", "given", "told"),
    [
        ("own-{}", ["our own"], "our own"),
        ("own-{}", [], "not stated"),
        ("{:012d}", [], "COCO: CC-BY and alike, by picture; clips: see their provenance"),
    ],
)
def test_the_licence_is_that_of_the_pictures(tmp_path: Path, names: str, given: list[str], told: str) -> None:
    for number in range(40):
        cv2.imwrite(str(tmp_path / f"{names.format(number)}.png"), np.full((16, 16, 3), number, np.uint8))
    data = read_degraded("visibility", [tmp_path], Problems(), *given)
    assert data.licence == told
    assert {picture.split for picture in data.pictures} == {"train", "val", "test"}
