"""Changes of light, weather, lens and video: the same each time, nothing before they begin, and something after."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.bench.learned_scenes import compose
from training.day.changes import BEGIN_S, CHANGES
from training.scenes.canvas import Picture
from training.scenes.render import frames
from training.scenes.scene import FPS, Scene

pytestmark = pytest.mark.shared
# A codec changes every picture, and these are there from the first one.
FROM_THE_START = {"night with headlights", "clock in the picture", "H.264 at 500 kbit/s", "H.264 at 200 kbit/s"}


@pytest.fixture(scope="module")
def scene() -> Scene:
    return compose("dev", "day", 1)


@pytest.fixture(scope="module")
def pictures(shared_dir: Path, scene: Scene) -> list[Picture]:
    scene.seconds = 3.0
    return list(frames(scene))


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_the_same_each_time_and_comes_when_it_should(
    scene: Scene, pictures: list[Picture], name: str
) -> None:
    whole = CHANGES[name] if name in FROM_THE_START else replace(CHANGES[name], begin_s=1.0)
    once, again = (list(whole(scene, (picture.copy() for picture in pictures))) for _ in range(2))
    assert len(once) == len(pictures)
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    same = [np.array_equal(a, b) for a, b in zip(once, pictures, strict=True)]
    assert all(same[:FPS]) == (name not in FROM_THE_START)
    assert not any(same[2 * FPS :])


def test_things_come_after_the_change(shared_dir: Path) -> None:
    scene = compose("dev", "day", 2)
    assert scene.conditions.extra == ""
    assert scene.truth
    assert all(BEGIN_S + 60 < item.start_s < scene.seconds - 20 for item in scene.truth)
    assert compose("dev", "quiet", 2).truth == []
