"""A road of made descriptors for the memory of it: empty, with a thing, with vehicles, in another light."""

import copy
from functools import cache

import numpy as np

from services.detector.boxes import Boxes
from services.detector.letterbox import Letterbox
from services.detector.memory.cells import Cells, cells_of
from services.detector.memory.watch import RoadWatch
from shared.clock import NS
from shared.site import Zone
from shared.surface import Surface

EVERY = 2 * NS // 5
LANE = Zone(id="lane", kind="lane", polygon=[(0.3, 0.2), (0.7, 0.2), (0.7, 0.9), (0.3, 0.9)])
NO_BOXES = Boxes(
    np.zeros((0, 4)), np.zeros(0, np.float32), np.zeros(0, np.bool_), np.zeros(0, np.bool_), np.zeros(0, np.bool_)
)


class Road:
    """Descriptors of unit length with noise; `light` turns all of them, a thing replaces those below its box.

    `even`: all patches at one height look alike, as on asphalt; else each has a look of its own. `luma`, when it is
    set, is the picture that they are said to be of.
    """

    def __init__(self, seed: int = 1, *, even: bool = False) -> None:
        cells = cells_of([LANE], Letterbox.fit(1280, 720, 640))
        assert cells is not None
        self.cells: Cells = cells
        self.watch = RoadWatch(cells)
        self.now = 0
        self.luma: np.ndarray | None = None
        self._random = np.random.default_rng(seed)
        self._base = self._unit(self._random.standard_normal((len(cells), 96)))
        if even:
            self._base = self._base[cells.index // cells.shape[1]]
        self._thing = self._unit(self._random.standard_normal((len(cells), 96)))
        self._lit = self._unit(self._random.standard_normal((len(cells), 96)))

    def change(self) -> None:
        """The thing has another look from now on."""
        self._thing = self._unit(self._random.standard_normal((len(self.cells), 96)))

    @staticmethod
    def _unit(values: np.ndarray) -> np.ndarray:
        return values / np.linalg.norm(values, axis=1, keepdims=True)

    def show(
        self,
        seconds: float,
        thing: tuple[float, ...] | None = None,
        boxes: Boxes = NO_BOXES,
        light: float = 0.0,
        faint: float = 1.0,
        foot: tuple[float, ...] | None = None,
    ) -> list[Surface]:
        """`foot`: patches that a thing hides a little of."""
        told = []
        for _ in range(round(seconds * NS / EVERY)):
            look = self._base + 0.03 * self._random.standard_normal(self._base.shape) + light * self._lit
            if thing is not None:
                hit = self.cells.under(np.array([thing]))
                look[hit] += faint * (self._thing[hit] - look[hit])
            if foot is not None:
                hit = self.cells.under(np.array([foot]))
                look[hit] += 0.35 * (self._thing[hit] - look[hit])
            self.watch.follow(boxes, self.now)
            told.append(self.watch.read(self._unit(look).astype(np.float32), boxes, self.now, self.luma))
            self.now += EVERY
        return told


@cache
def _minute() -> Road:
    road = Road()
    road.show(60)
    return road


def learned() -> Road:
    """A road that was empty for a minute."""
    return copy.deepcopy(_minute())


def box(*xyxy: float, score: float = 0.8, drives: bool = False, moves: bool = True) -> Boxes:
    return Boxes(
        np.array([xyxy]), np.array([score], np.float32), np.array([drives]), np.array([moves]), np.zeros(1, np.bool_)
    )


THING = (0.45, 0.5, 0.5, 0.56)
