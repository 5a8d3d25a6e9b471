"""Labelled frames for training: vehicles seen from straight or nearly straight above, on generated ground.

Most are drawn as solids, some are cut-outs of parking-overhead.mp4: of its first vehicle for the dev split, of the
others for the test split, which is for evaluation. No frame of the clip's tarmac is in either. People are in neither:
there is no picture of one from above to cut out.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.drawn import shape
from training.data.overhead_cars import car, van
from training.data.overhead_ground import Ground, ground
from training.data.overhead_solids import Solid
from training.data.overhead_trucks import bus, truck
from training.data.overhead_vehicles import Sun, draw_cutout, draw_solid, placed_box
from training.data.overhead_view import DownwardView, Points, Random
from training.data.roadside import Labels
from training.scenes import parking_vehicles
from training.scenes.canvas import Picture
from training.scenes.conditions import Conditions, Weather
from training.scenes.cutouts import Cutout
from training.scenes.debris import debris

_EMPTY, _MOST_VEHICLES, _MOST_THINGS = 0.1, 14, 4
_FROM_CLIP = {"dev": 0.2, "test": 0.5}
# What is cut off by the picture's edge by more than this is not placed there.
_LEAST_SEEN, _LEAST_PIXELS, _OVERLAP = 0.3, 6, 0.12
_CAR_METRES = (4.2, 4.9)


class Overhead:
    """Draws frames; the same seed gives the same frames."""

    def __init__(self, seed: int, split: str = "dev") -> None:
        self._split = split
        self._cutouts = parking_vehicles.vehicles(split)
        self.restart((seed,))

    def restart(self, seed: Sequence[int]) -> None:
        """Begin anew with another seed."""
        self._random = np.random.default_rng([*seed, 77, self._split == "test"])

    def frame(self) -> tuple[Picture, Labels, int]:
        """The next frame, its labels, and its JPEG quality."""
        random = self._random
        view, sun = DownwardView.draw(random), Sun.draw(random)
        conditions = Conditions.draw(random, str(random.choice(["", "", "", "shadow", "wet", "light"])))
        place = ground(random, view)
        classes, boxes = self._things(place, view)
        if random.random() >= _EMPTY:
            self._vehicles(place, view, sun, classes, boxes)
        picture = Weather(conditions, place.picture.shape).apply(place.picture, int(random.integers(100)))
        whole = np.array(boxes).reshape(-1, 4)
        return picture, Labels(classes, np.clip(whole, 0, [*picture.shape[1::-1]] * 2)), conditions.quality

    def _vehicles(self, place: Ground, view: DownwardView, sun: Sun, classes: list[str], boxes: list[Points]) -> None:
        random = self._random
        share = float(random.uniform(0.15, 0.95))
        seen = place.places[_in_picture(view, place.places)]
        if len(seen) < 4:  # a close view of the ground between the places
            spots = view.ground(random.uniform(0, [view.width, view.height], (6, 2)))
            seen = np.concatenate([seen, np.column_stack([spots, random.uniform(0, 2 * np.pi, 6)])])
        chosen = random.permutation(seen)[: max(3, round(share * len(seen)))]
        most = 0.9 * view.width / view.scale if view.elevation > 9 else 5.2
        drawn = 0
        for spot in chosen:
            if drawn >= _MOST_VEHICLES:
                break
            if random.random() < _FROM_CLIP[self._split]:
                drawn += self._from_clip(place.picture, view, spot, classes, boxes)
                continue
            solid = _vehicle(random, most)
            box = placed_box(view, solid, spot)
            if _fits(place.picture, box, boxes):
                draw_solid(random, place.picture, view, solid, spot, sun)
                classes.append(solid.label)
                boxes.append(box)
                drawn += 1

    def _from_clip(
        self, picture: Picture, view: DownwardView, spot: Points, classes: list[str], boxes: list[Points]
    ) -> bool:
        random = self._random
        cutout = self._cutouts[int(random.integers(len(self._cutouts)))]
        if random.random() < 0.5:
            cutout = cutout.mirrored()
        length = view.scale * float(random.uniform(*_CAR_METRES))
        cutout = _turned(_painted(random, cutout), np.pi / 2 - float(spot[2]), length)
        column, row = view.flat(spot[None, :2])[0]
        height, width = cutout.alpha.shape
        left, top = round(column - width / 2), round(row - height / 2)
        box = np.array([left, top, left + width, top + height], float)
        if not _fits(picture, box, boxes):
            return False
        draw_cutout(picture, cutout.colour, cutout.alpha, left, top, float(random.uniform(0.15, 0.5)))
        classes.append("car")
        boxes.append(box)
        return True

    def _things(self, place: Ground, view: DownwardView) -> tuple[list[str], list[Points]]:
        """Cones and lost things on the ground."""
        random, picture = self._random, place.picture
        classes: list[str] = []
        boxes: list[Points] = []
        for _ in range(int(random.integers(0, _MOST_THINGS + 1))):
            metres = float(random.uniform(0.3, 1.3))
            if random.random() < 0.3:
                label, cutout, metres = "cone", _cone_from_above(random), float(random.uniform(0.35, 0.5))
            else:
                label = "debris"
                cutout = debris(random)[0] if self._split == "test" else shape(random, picture)
            cutout = _turned(cutout, float(random.uniform(0, 2 * np.pi)), max(metres * view.scale, 9.0))
            height, width = cutout.alpha.shape
            left, top = (int(random.integers(0, side)) for side in (view.width - 8, view.height - 8))
            box = np.array([left, top, left + width, top + height], float)
            if _fits(picture, box, boxes):
                draw_cutout(picture, cutout.colour, cutout.alpha, left, top, float(random.uniform(0.1, 0.4)))
                classes.append(label)
                boxes.append(box)
        return classes, boxes


def _in_picture(view: DownwardView, places: Points) -> NDArray[np.bool_]:
    middle = view.flat(places[:, :2])
    return np.asarray(((middle >= -20) & (middle <= [view.width + 20, view.height + 20])).all(axis=1))


def _vehicle(random: Random, most: float) -> Solid:
    """A car, a van, a truck or a bus that is at most so many metres long."""
    kind = str(random.choice(["car", "van", "truck", "bus"], p=[0.66, 0.12, 0.14, 0.08]))
    if kind == "truck" and most > 7:
        return truck(random, float(random.uniform(6.0, min(most, 16.5))))
    if kind == "bus" and most > 9:
        return bus(random, float(random.uniform(8.5, min(most, 18.0))))
    return van(random) if kind == "van" and most > 5 else car(random)


def _fits(picture: Picture, box: Points, others: Sequence[Points]) -> bool:
    """Whether enough of the box is in the picture, and it covers none of the others much."""
    height, width = picture.shape[:2]
    size = box[2:] - box[:2]
    inside = np.clip(box, 0, [width, height, width, height])
    seen = inside[2:] - inside[:2]
    if seen.prod() < _LEAST_SEEN * size.prod() or seen.min() < _LEAST_PIXELS:
        return False
    for other in others:
        overlap = np.clip(np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2]), 0, None).prod()
        if overlap > _OVERLAP * min(size.prod(), (other[2:] - other[:2]).prod()):
            return False
    return True


def _painted(random: Random, cutout: Cutout) -> Cutout:
    """Another paint: the light parts multiplied by a colour, glass and lamps hardly."""
    paint = random.uniform(0.08, 1.0, 3) if random.random() < 0.6 else np.full(3, float(random.uniform(0.12, 1.05)))
    light = np.clip(cutout.colour.mean(axis=2, keepdims=True) / 110 - 0.7, 0, 1)
    colour = cutout.colour * (1 + light * (paint - 1)) * float(random.uniform(0.75, 1.15))
    return Cutout(np.clip(colour, 0, 255).astype(np.uint8), cutout.alpha)


def _turned(cutout: Cutout, angle: float, length: float) -> Cutout:
    """Its longer side at so many pixels, turned clockwise, cut to what is left."""
    height, width = cutout.alpha.shape
    scale = length / max(height, width)
    side = int(np.ceil(np.hypot(height, width) * scale)) + 4
    move = cv2.getRotationMatrix2D((width / 2, height / 2), -np.degrees(angle), scale)
    move[:, 2] += [side / 2 - width / 2, side / 2 - height / 2]
    how = cv2.INTER_LINEAR
    source, cover = cutout.colour, cutout.alpha
    if scale < 0.6:  # averaged first, or pixels are left out
        source, cover = (cv2.GaussianBlur(item, (0, 0), 0.4 / scale) for item in (source, cover))  # type: ignore[assignment]
    colour = np.asarray(
        cv2.warpAffine(source, move, (side, side), flags=how, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
    alpha = np.asarray(cv2.warpAffine(cover, move, (side, side), flags=how), np.float32)
    x, y, w, h = cv2.boundingRect((alpha > 0.35).astype(np.uint8))
    part = np.s_[y : y + h, x : x + w]
    return Cutout(np.ascontiguousarray(colour[part]), np.ascontiguousarray(alpha[part]))


def _cone_from_above(random: Random) -> Cutout:
    """Its square foot and the rings around its tip."""
    side = 48
    colour, mask = np.zeros((side, side, 3), np.float32), np.zeros((side, side), np.uint8)
    mask[3:-3, 3:-3] = 255
    paint = np.array((235.0, 90.0, 30.0)) * random.uniform(0.7, 1.1) + random.normal(0, 12, 3)
    colour[:] = (42, 42, 44) if random.random() < 0.5 else paint * 0.85
    shift = random.normal(0, 3, 2)
    for radius, share, ring in (
        (18, 0.0, paint),
        (14, 0.3, np.full(3, 220.0)),
        (10, 0.6, paint),
        (4, 1.0, paint * 0.5),
    ):
        middle = (side / 2 + shift * share).round().astype(int).tolist()
        cv2.circle(colour, middle, radius, ring.tolist(), -1, cv2.LINE_AA)
    alpha = cv2.GaussianBlur(mask.astype(np.float32) / 255, (3, 3), 0)
    return Cutout(np.clip(colour, 0, 255).astype(np.uint8), np.asarray(alpha, np.float32))
