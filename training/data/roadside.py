"""Labelled frames for training: vehicles, people, animals and things on generated roads, in every light and size.

Those of the dev split have the roads, vehicles and people of the benchmark's dev split; those of the test split, for
evaluation, have its test split's. No frame of the clips' roads is in either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.auto_cutouts import Labelled
from training.data.drawn import cone, shape, stain
from training.detector.classes import COCO, own_class
from training.scenes import clip_vehicles
from training.scenes.canvas import Picture
from training.scenes.coco_cutouts import CHOSEN, chosen, class_number
from training.scenes.conditions import Conditions, Weather
from training.scenes.cutouts import Cutout
from training.scenes.debris import debris
from training.scenes.places import Place, generated, lit
from training.scenes.sprites import draw, sprite_of

Random = np.random.Generator
_FRAMES_PER_ROAD = 8
# Metres of height when a cut-out's own are not known.
_METRES = {
    "person": (1.5, 1.95), "animal": (0.35, 1.7), "bird": (0.25, 0.6), "luggage": (0.4, 0.8), "cone": (0.45, 0.9),
    "object": (0.25, 1.2), "car": (1.3, 1.9), "truck": (2.2, 3.8), "bus": (2.8, 3.5), "motorcycle": (1.2, 1.6),
    "bicycle": (1.0, 1.3),
}  # fmt: skip
# How often each kind is drawn; vehicles come on top.
_SHARES = {
    "person": 0.33, "animal": 0.24, "object": 0.19, "luggage": 0.06, "cone": 0.08, "bird": 0.05, "motorcycle": 0.02,
    "bicycle": 0.02, "truck": 0.01,
}  # fmt: skip
_CLOSE_UP = (640, 384)
_HIDDEN, _LEAST_PIXELS = 0.6, 6


@dataclass(frozen=True, eq=False)
class Labels:
    """Objects of one picture: classes, and (N, 4) x1, y1, x2, y2 in pixels."""

    classes: list[str]
    boxes: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Standing:
    label: str
    cutout: Cutout
    metres: float
    across: float
    z: float


class Roadside:
    """Draws frames; the same seed gives the same frames."""

    def __init__(self, found: Sequence[Labelled], seed: int, split: str = "dev") -> None:
        """`found`: further cut-outs, of pictures of the same split."""
        self._split = split
        self.restart((seed,))
        self._cutouts: dict[str, list[tuple[str, Cutout, float | None]]] = {}
        for item in found:
            self._cutouts.setdefault(own_class(item.label), []).append((item.label, item.cutout, None))
        for kind, rows in CHOSEN[split].items():
            for (cutout, metres), (picture, line, _) in zip(chosen(split, kind), rows, strict=True):
                label = COCO[class_number(picture, line)]
                self._cutouts.setdefault(own_class(label), []).append((label, cutout, metres))
        self._cars: list[tuple[Cutout, float]] = clip_vehicles.vehicles(split)

    def restart(self, seed: Sequence[int]) -> None:
        """Begin anew with another seed."""
        self._random = np.random.default_rng(seed)
        self._count = 0
        self._road: Place | None = None

    def frame(self) -> tuple[Picture, Labels, int]:
        """The next frame: the whole view, or as often a close-up of it; its labels; and its JPEG quality."""
        random = self._random
        if self._road is None or self._count % _FRAMES_PER_ROAD == 0:
            self._road = self._new_road()
        self._count += 1
        kind = str(random.choice(["", "", "", "shadow", "wet", "light"]))
        conditions = Conditions.draw(random, kind)
        picture = lit(self._road.plate, random).copy()
        for _ in range(int(random.integers(0, 5))):
            row = float(random.uniform(self._road.far, len(picture)))
            column = self._road.column(float(random.uniform(0, self._road.lanes)), row)
            stain(random, picture, column, row, self._road.scale_of_row(row))
        labels = _draw(picture, self._road, self._things(self._road))
        picture = Weather(conditions, picture.shape).apply(picture, int(random.integers(100)))
        if random.random() < 0.5:
            picture, labels = _closer(random, picture, labels)
        return picture, labels, conditions.quality

    def _new_road(self) -> Place:
        random, testing = self._random, self._split == "test"
        curve = float(random.uniform(-0.0012, 0.0012)) if random.random() < 0.5 else 0.0
        lanes = int(random.integers(1, 5))
        elevation = float(random.uniform(10.0, 13.0) if testing else random.uniform(4.5, 9.0))
        horizon, aside = float(random.uniform(60, 260)), float(random.uniform(-4, 4))
        return generated(lanes, elevation, horizon, curve, aside, int(random.integers(2**20)) * 2 + testing)

    def _things(self, place: Place) -> list[_Standing]:
        random = self._random
        things = []
        for _ in range(int(random.integers(0, 6))):
            cutout, metres = self._cars[int(random.integers(len(self._cars)))]
            if random.random() < 0.5:
                cutout = cutout.recoloured(int(random.integers(180)), float(random.uniform(0.6, 1.3)))
            z = float(random.uniform(place.nearest, place.farthest))
            across = int(random.integers(place.lanes)) + 0.5 + float(random.normal(0, 0.06))
            label = "truck" if metres > 2.6 else "car"
            things.append(_Standing(label, self._varied(cutout), metres, across, z))
        for kind in random.choice(list(_SHARES), int(random.integers(1, 9)), p=list(_SHARES.values())):
            things.append(self._thing(place, str(kind)))
        return things

    def _thing(self, place: Place, kind: str) -> _Standing:
        random = self._random
        metres: float | None = None
        if kind == "cone":
            label, cutout = kind, cone(random)
        elif kind == "object" and random.random() < 0.6:
            label = "debris"
            if self._split == "test":
                cutout, metres = debris(random)
            else:
                cutout = shape(random, self._texture())
        else:
            own = self._cutouts.get(kind) or self._cutouts["object"]
            label, cutout, metres = own[int(random.integers(len(own)))]
        if metres is None:
            metres = float(random.uniform(*_METRES[kind]))
        # By height in pixels, even on a logarithmic scale: as many of 12 to 24 px as of 24 to 48 px.
        pixels = float(np.exp(random.uniform(np.log(9), np.log(150))))
        z = float(np.clip(place.distance_for(pixels, metres), place.nearest * 1.02, place.farthest * 1.3))
        return _Standing(label, self._varied(cutout), metres, float(random.uniform(-0.9, place.lanes + 0.9)), z)

    def _texture(self) -> Picture:
        own = self._cutouts["object"]
        return own[int(self._random.integers(len(own)))][1].colour

    def _varied(self, cutout: Cutout) -> Cutout:
        random = self._random
        if random.random() < 0.5:
            cutout = cutout.mirrored()
        light = float(random.uniform(0.6, 1.25))
        return Cutout(cv2.convertScaleAbs(cutout.colour, alpha=light), cutout.alpha)  # type: ignore[arg-type]


def _draw(picture: Picture, place: Place, things: Sequence[_Standing]) -> Labels:
    """Draw the things in place, the farthest first; labels of those that can be seen."""
    height, width = picture.shape[:2]
    near_first: list[tuple[str, NDArray[np.float64]]] = []
    for thing in sorted(things, key=lambda item: -item.z):
        row = float(np.clip(place.row_of(thing.z), place.horizon + 4, len(picture) * 1.1))
        tall = thing.metres * place.scale_of_row(row)
        column = place.column(thing.across, row)
        draw(picture, sprite_of(thing.cutout, tall, shadow=True), column, row)
        rows, columns = thing.cutout.alpha.shape
        half = tall * columns / rows / 2
        box = np.array([column - half, row - tall, column + half, row])
        near_first.insert(0, (thing.label, box))
    classes, boxes = [], []
    for index, (label, box) in enumerate(near_first):
        inside = np.clip(box, 0, [width, height, width, height])
        size = inside[2:] - inside[:2]
        seen = size.prod() / (box[2:] - box[:2]).prod()
        covered = max((_share(inside, other) for _, other in near_first[:index]), default=0.0)
        if size.max() >= _LEAST_PIXELS and seen > 0.4 and covered < _HIDDEN:
            classes.append(label)
            boxes.append(inside)
    return Labels(classes, np.array(boxes).reshape(-1, 4))


def _share(box: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    overlap = np.clip(np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2]), 0, None).prod()
    return float(overlap / max((box[2:] - box[:2]).prod(), 1e-6))


def _closer(random: Random, picture: Picture, labels: Labels) -> tuple[Picture, Labels]:
    """A part of the picture at its own scale, as the detector's close-ups see it, around one of the things."""
    width, height = _CLOSE_UP
    full = picture.shape[1], picture.shape[0]
    centre = np.array([random.uniform(0, full[0]), random.uniform(0, full[1])])
    if len(labels.boxes):
        box = labels.boxes[int(random.integers(len(labels.boxes)))]
        centre = (box[:2] + box[2:]) / 2 + random.normal(0, 80, 2)
    left = int(np.clip(centre[0] - width / 2, 0, full[0] - width))
    top = int(np.clip(centre[1] - height / 2, 0, full[1] - height))
    moved = labels.boxes - [left, top, left, top]
    inside = np.clip(moved, 0, [width, height, width, height])
    size = inside[:, 2:] - inside[:, :2]
    whole = (moved[:, 2:] - moved[:, :2]).prod(axis=1)
    keep = (size.prod(axis=1) > 0.4 * whole) & (size.max(axis=1, initial=0) >= _LEAST_PIXELS)
    classes = [label for label, kept in zip(labels.classes, keep, strict=True) if kept]
    return np.ascontiguousarray(picture[top : top + height, left : left + width]), Labels(classes, inside[keep])
