"""Who rides in or on a vehicle, and so is not on foot."""

from collections.abc import Iterable
from typing import Protocol

BoxTuple = tuple[float, float, float, float]

# A driver shows at least this share of the vehicle's height; a smaller person stands far behind it.
_LEAST_RIDER = 0.15
TWO_WHEELERS = frozenset({"motorcycle", "bicycle"})


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
    return any(_rides(rider, vehicle) or _sits_in(rider, vehicle) for vehicle in vehicles)


def is_on_two_wheels(rider: Seen, vehicles: Iterable[Seen]) -> bool:
    """Whether a person or animal rides one of the vehicles that are motorcycles or bicycles."""
    return any(_rides(rider, vehicle) for vehicle in vehicles)


def _rides(rider: Seen, vehicle: Seen) -> bool:
    return vehicle.label in TWO_WHEELERS and _large_enough(rider, vehicle) and _coverage(rider.box, vehicle.box) >= 0.3


def _sits_in(rider: Seen, vehicle: Seen) -> bool:
    if vehicle.label in TWO_WHEELERS or not _large_enough(rider, vehicle):
        return False
    above = rider.box[3] < vehicle.box[3] - 0.15 * _height(vehicle.box)
    return above and _coverage(rider.box, vehicle.box) >= 0.6


def _large_enough(rider: Seen, vehicle: Seen) -> bool:
    return _height(rider.box) >= _LEAST_RIDER * _height(vehicle.box)


def _coverage(part: BoxTuple, whole: BoxTuple) -> float:
    """Share of `part` that lies in `whole`, 0..1."""
    own = max(0.0, part[2] - part[0]) * max(0.0, part[3] - part[1])
    width = min(part[2], whole[2]) - max(part[0], whole[0])
    height = min(part[3], whole[3]) - max(part[1], whole[1])
    return max(0.0, width) * max(0.0, height) / own if own > 0 else 0.0


def _height(box: BoxTuple) -> float:
    return box[3] - box[1]
