"""Near-duplicates: the same picture in another size or quality is one; another car on the same road is none."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from training.data.near import Looks, alike, duplicates, look, looks


def road(seed: int) -> NDArray[np.uint8]:
    """A textured scene of its own."""
    random = np.random.default_rng(seed)
    coarse = random.integers(20, 230, (9, 16), np.uint8)
    return np.asarray(cv2.resize(coarse, (640, 360), interpolation=cv2.INTER_CUBIC), np.uint8)


def encoded(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def pair(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    return bool(alike(looks([look(one)]), looks([look(other)]))[0, 0])


@pytest.mark.parametrize("seed", range(5))
def test_compression_scale_and_exposure_do_not_make_another_picture(seed: int) -> None:
    picture = road(seed)
    assert pair(picture, encoded(picture, 40))
    assert pair(picture, np.asarray(cv2.resize(picture, (320, 180), interpolation=cv2.INTER_AREA), np.uint8))
    assert pair(picture, np.asarray(np.clip(picture.astype(int) + 6, 0, 255), np.uint8))


@pytest.mark.parametrize("seed", range(5))
def test_a_car_that_moves_on_a_fixed_camera_and_another_road_do(seed: int) -> None:
    empty = road(seed)
    moved = empty.copy()
    moved[200:225, 300:340] = 255 - moved[200:225, 300:340] // 2
    bits = [look(item)[0] for item in (empty, moved)]
    assert (bits[0] != bits[1]).sum() <= 6, "the hash alone would call them duplicates"
    assert not pair(empty, moved)
    assert not pair(empty, road(seed + 100))


def test_of_what_remains_no_two_are_alike_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.data.near._BLOCK", 7)  # several blocks
    pictures = [road(seed) for seed in range(12)]
    rows = [look(encoded(pictures[index % 12], 60 + index // 12)) for index in range(30)]
    order = np.random.default_rng(3).permutation(30)
    items = looks([rows[index] for index in order])
    pairs = list(duplicates(items))
    dropped = {first for first, _ in pairs}
    assert len(dropped) == 18
    assert all(kept < first and kept not in dropped and order[kept] % 12 == order[first] % 12 for first, kept in pairs)
    rest = np.array([index for index in range(30) if index not in dropped])
    remaining = Looks(items.bits[rest], items.thumbs[rest])
    assert (alike(remaining, remaining) == np.eye(12, dtype=bool)).all()


def test_no_pictures_have_no_duplicates() -> None:
    assert list(duplicates(looks([]))) == []
