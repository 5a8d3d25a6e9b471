"""The memory's rivals on drawn roads: what comes and stays is told, what passes is not."""

import numpy as np
import pytest

from shared.clock import NS
from shared.jpeg import Picture
from shared.site import Zone
from shared.surface import Unfamiliar
from training.bench.learned_score import Score
from training.bench.rivals.autoencoder import Schedule, train
from training.bench.rivals.dual import KINDS, DualBackground, DualSettings, Kind
from training.bench.rivals.ground import Ground
from training.bench.rivals.judge import table
from training.bench.rivals.reconstruct import Limits, Reader, Reconstruction

FPS = 5
LANE = Zone(id="lane", kind="lane", polygon=[(0.2, 0.2), (0.8, 0.2), (0.8, 0.9), (0.2, 0.9)])
GROUND = Ground.of([LANE], 320, 192, 320)
NOBODY = np.zeros((0, 5))
THING = (150, 100, 166, 116)
BOX = (THING[0] / 320, THING[1] / 192, THING[2] / 320, THING[3] / 192)


class Road:
    """Grey asphalt with noise; `thing` is x1, y1, x2, y2 in pixels."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(3)
        self._plate = self._random.normal(110, 6, (192, 320, 1))
        self.frames = 0

    def picture(self, thing: tuple[int, ...] | None = None) -> tuple[Picture, int]:
        """The next frame and its time."""
        grey = self._plate + self._random.normal(0, 2, (192, 320, 3))
        if thing is not None:
            x1, y1, x2, y2 = thing
            grey[y1:y2, x1:x2] = (210, 60, 40)
        self.frames += 1
        return grey.clip(0, 255).astype(np.uint8), self.frames * NS // FPS


def _driving(frame: int) -> tuple[int, ...] | None:
    """One car per four seconds, that crosses the lane in two."""
    y = 40 + frame % 20 * 12
    return (140, y, 180, y + 30) if y < 160 else None


def _around(region: Unfamiliar) -> bool:
    x1, y1, x2, y2 = region.box
    near = x1 <= BOX[0] and y1 <= BOX[1] and x2 >= BOX[2] and y2 >= BOX[3]
    return near and x2 - x1 < 0.2


def _lasting(regions: list[Unfamiliar], at: int) -> list[Unfamiliar]:
    return [region for region in regions if at - region.since >= 6 * NS]


@pytest.mark.parametrize("kind", KINDS)
def test_two_backgrounds_tell_what_stays_and_not_what_passes(kind: Kind) -> None:
    road, rival = Road(), DualBackground(GROUND, DualSettings(kind, imgsz=320), FPS, learn_s=30)
    for frame in range(36 * FPS):
        picture, at = road.picture(_driving(frame))
        assert not _lasting(rival.see(picture, at), at)
    told = None
    for _ in range(10 * FPS):
        picture, at = road.picture(THING)
        regions = _lasting(rival.see(picture, at), at)
        told = told or (road.frames if regions else None)
    assert told is not None
    assert len(regions) == 1
    assert _around(regions[0])
    for _ in range(20 * FPS):
        picture, at = road.picture()
        regions = rival.see(picture, at)
    assert not regions


def test_an_autoencoder_tells_what_stays_and_not_what_passes() -> None:
    road, reader = Road(), Reader(GROUND, 20.0, Schedule(steps=60), seed=1)
    rival = Reconstruction(reader, Limits())
    for frame in range(30 * FPS):
        car = _driving(frame)
        picture, at = road.picture(car)
        boxes = np.array([(*(np.array(car) / (320, 192, 320, 192)), 0.9)]) if car else NOBODY
        reader.read(picture, boxes, at)
        assert not rival.see(at)
    assert reader.worst is not None
    # One that the detector does not see crosses the lane: no patch stays unfamiliar.
    for frame in range(2 * FPS):
        picture, at = road.picture(_driving(frame))
        reader.read(picture, NOBODY, at)
        assert not _lasting(rival.see(at), at)
    for _ in range(10 * FPS):
        picture, at = road.picture(THING)
        reader.read(picture, NOBODY, at)
        regions = _lasting(rival.see(at), at)
    assert len(regions) == 1
    assert _around(regions[0])


def test_an_autoencoder_learns_nothing_of_a_lane_that_was_never_free() -> None:
    with pytest.raises(ValueError, match="ever seen free"):
        train(np.zeros((0, 3, 32, 32), np.uint8), Schedule(), seed=1)


def test_a_table_counts_by_size() -> None:
    score = Score()
    score.add(Score(found=[(12.0, None), (20.0, 6.0)], others=["somewhere"], hours=0.5))
    score.add(Score(found=[(40.0, 7.0)], others=[], hours=0.5))
    row = table([("it", score)])[-1]
    assert [cell.strip().split(" ")[0] for cell in row.split("|")[2:-1]] == [
        "0/1",
        "1/1",
        "-",
        "1/1",
        "2/2",
        "7.0",
        "1",
        "1.0",
    ]
