"""Where a second, closer look pays: the far stretch of the lanes, where things are small in the model's input.

The picture is scaled down to the model's input, and what stands far away is then a few pixels tall. A close-up is a
part of the picture at a larger scale, in an input of the same shape. Where it must look follows from the zones alone:
a lane is about as wide everywhere, so its width in the picture says how tall a person on it is (Akyon et al., "Slicing
aided hyper inference", ICIP 2022, cuts the whole picture into such parts; here only the part that needs it costs).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from services.detector.letterbox import Letterbox
from shared.catalogue import ZoneKind
from shared.site import Zone

# What is usual: motorway lanes 3.5 to 3.75 m, emergency lanes 2.5 m, runways 45 m, taxiways 23 m (ICAO Annex 14, code
# letter E). Other kinds have no usual width, and what matters there stands close.
_WIDTH_M: dict[ZoneKind, float] = {"lane": 3.5, "shoulder": 2.5, "runway": 45.0, "taxiway": 23.0}
_PERSON_M = 1.75
# A person of fewer pixels in the input is often missed by the models (COCO counts less than 32 x 32 as small).
_TALL_ENOUGH = 32.0
# The rows above and beside the lane that a lorry on it needs, in heights of a person.
_ABOVE, _BESIDE, _BELOW = 2.3, 0.75, 0.3
# Pixels of the input per pixel of the picture: enlarging more shows nothing new.
_MOST_SCALE = 2.0
# A close-up that enlarges by less than the first is not worth its pass; it gives up near rows to reach the second.
_WORTH, _ENOUGH = 1.2, 1.5


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the picture, pixels."""

    left: int
    top: int
    width: int
    height: int

    def cut(self, picture: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
        """Scale this part of the (H, W, 3) picture into all of `out`, (h, w, 3)."""
        part = picture[self.top : self.top + self.height, self.left : self.left + self.width]
        method = cv2.INTER_AREA if out.shape[1] < self.width else cv2.INTER_LINEAR
        cv2.resize(part, (out.shape[1], out.shape[0]), dst=out, interpolation=method)


@dataclass(frozen=True, slots=True)
class Rows:
    """Per row of the input that a zone crosses: the zones' extent and the height of a person, pixels of the input."""

    row: NDArray[np.int64]
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    person: NDArray[np.float64]


def plan(zones: Sequence[Zone], width: int, height: int, letterbox: Letterbox, count: int) -> list[Region]:
    """The close-ups of one camera, each farther and larger than the one before; none where all is close.

    Args:
        width, height: of the picture, pixels.
        count: how many at most.
    """
    rows = rows_of(zones, letterbox)
    found: list[Region] = []
    scale = 1.0
    for _ in range(count):
        far = np.flatnonzero(rows.person * scale < _TALL_ENOUGH)
        if len(far) == 0:
            break
        box, zoom = _frame(
            rows, int(far[0]), int(far[-1]), scale, letterbox, _MOST_SCALE * width / letterbox.inner_width
        )
        if zoom < _WORTH * scale:
            break
        found.append(_region(box, zoom, letterbox, width, height))
        scale = zoom
    return found


def rows_of(zones: Sequence[Zone], letterbox: Letterbox) -> Rows:
    """The rows of the input that lanes cross; zones of no usual width are left out."""
    shape = letterbox.inner_height, letterbox.inner_width
    left, right, person = (np.full(shape[0], fill) for fill in (np.inf, -np.inf, np.inf))
    for zone in zones:
        if zone.kind not in _WIDTH_M:
            continue
        mask = np.zeros(shape, np.uint8)
        corners = np.array(zone.polygon) * shape[::-1]
        cv2.fillPoly(mask, [corners.round().astype(np.int32)], 1)
        at = np.flatnonzero(mask.any(axis=1))
        inside = mask[at]
        left[at] = np.minimum(left[at], inside.argmax(axis=1))
        right[at] = np.maximum(right[at], shape[1] - inside[:, ::-1].argmax(axis=1))
        # A lane that crosses the picture from side to side is as wide as it is high.
        across = np.minimum(inside.sum(axis=1), (inside * mask.sum(axis=0)).max(axis=1))
        person[at] = np.minimum(person[at], across * (_PERSON_M / _WIDTH_M[zone.kind]))
    row = np.flatnonzero(np.isfinite(person))
    return Rows(row, left[row], right[row], person[row])


Box = tuple[float, float, float, float]


def _frame(rows: Rows, first: int, last: int, scale: float, letterbox: Letterbox, most: float) -> tuple[Box, float]:
    """What a close-up of these rows must show (pixels of the input), and the scale at which that fills an input."""
    while True:
        person = rows.person[last]
        x1 = float(rows.left[first : last + 1].min() - _BESIDE * person)
        x2 = float(rows.right[first : last + 1].max() + _BESIDE * person)
        y1 = float(rows.row[first] - _ABOVE * rows.person[first])
        y2 = float(rows.row[last] + _BELOW * person)
        zoom = min(letterbox.width / (x2 - x1), letterbox.height / max(y2 - y1, 1.0), most)
        if zoom >= min(_ENOUGH * scale, most) or last - first < 4:
            return (x1, y1, x2, y2), zoom
        last -= max(1, (last - first) // 16)


def _region(box: Box, zoom: float, letterbox: Letterbox, width: int, height: int) -> Region:
    x1, y1, x2, _ = box
    unit = width / letterbox.inner_width
    w, h = min(width, round(letterbox.width / zoom * unit)), min(height, round(letterbox.height / zoom * unit))
    left = round((x1 + x2) / 2 * unit - w / 2)
    return Region(min(max(left, 0), width - w), min(max(round(y1 * unit), 0), height - h), w, h)
