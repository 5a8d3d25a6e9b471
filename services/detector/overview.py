"""Where a second, smaller look pays: cameras so near to the road that vehicles are larger than the model knows them.

Straight above a lane a car fills half of the model's input, and a model that learned cars from the side and from afar
takes it for a thing, or for nothing. At a smaller scale the same car has its usual size, and the same model is sure of
it; such a look costs a quarter to a third of the first. As for close-ups, the zones say where: by the width of lanes.
"""

from collections.abc import Sequence

import numpy as np

from services.detector.backends.base import Boxes
from services.detector.closeups import rows_of
from services.detector.found import Found
from services.detector.letterbox import Letterbox
from shared.site import Zone

# Height of a person on the lanes, pixels of the input: from the first on cars of 200 px and more, of which half the
# size raises the scores of yolo11n and of our own model by 0.1 and more; and what an overview makes of it.
_NEAR, _USUAL = 80.0, 36.0
# What is smaller in the overview's input is seen better in the whole look.
_LEAST = 24.0


def overview_of(zones: Sequence[Zone], width: int, height: int, letterbox: Letterbox, stride: int) -> Letterbox | None:
    """The input of a camera's overview; None where its lanes are not near over most of their length.

    Args:
        width, height: of the picture, pixels.
        letterbox: of the whole look.
        stride: sides of an input are multiples of this, pixels.
    """
    rows = rows_of(zones, letterbox)
    person = float(np.median(rows.person)) if len(rows.person) else 0.0
    if person < _NEAR:
        return None
    longer = max(letterbox.inner_width, letterbox.inner_height) * _USUAL / person
    return Letterbox.fit(width, height, max(2, round(longer / stride)) * stride, stride)


def in_overview(boxes: Boxes, letterbox: Letterbox) -> Found:
    """An overview's boxes in the picture's coordinates, without those of small things."""
    sides = boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]
    large = np.flatnonzero(sides.prod(axis=1) >= _LEAST**2)
    return Found(letterbox.normalise(boxes), boxes.scores, boxes.classes).only(large)
