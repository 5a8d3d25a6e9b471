"""Who rides in or on a vehicle, and so is not on foot."""

from collections.abc import Iterable
from typing import Protocol

BoxTuple = tuple[float, float, float, float]

# A driver shows at least this share of the vehicle's height; a smaller person stands far behind it.
_LEAST_RIDER = 0.15
_TWO_WHEELERS = frozenset({"motorcycle", "bicycle"})


class Seen(Protocol):
    """Something that was seen: a label and a box, normalised 0..1."""

    @property
    def label(self) -> str:
        """Its class."""

    @property
    def box(self) -> BoxTuple:
        """x1, y1, x2, y2."""


def is_aboard(rider: Seen, vehicles: Iterable[Seen]) -> bool:
    """Whether a person or animal rides or sits in one of the vehicles.

    A rider's box overlaps the two-wheeler's. Driver and passengers lie inside the vehicle's box with their
    lower edge well above the vehicle's; someone who stands before the vehicle has it at the same height or below.
    """
    for vehicle in vehicles:
        if _height(rider.box) < _LEAST_RIDER * _height(vehicle.box):
            continue
        inside = _coverage(rider.box, vehicle.box)
        if vehicle.label in _TWO_WHEELERS:
            if inside >= 0.3:
                return True
        elif inside >= 0.6 and rider.box[3] < vehicle.box[3] - 0.15 * _height(vehicle.box):
            return True
    return False


def _coverage(part: BoxTuple, whole: BoxTuple) -> float:
    """Share of `part` that lies in `whole`, 0..1."""
    own = max(0.0, part[2] - part[0]) * max(0.0, part[3] - part[1])
    width = min(part[2], whole[2]) - max(part[0], whole[0])
    height = min(part[3], whole[3]) - max(part[1], whole[1])
    return max(0.0, width) * max(0.0, height) / own if own > 0 else 0.0


def _height(box: BoxTuple) -> float:
    return box[3] - box[1]
