"""What the rules see of one frame: the tracked objects with their motion and zones."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.condition import PictureHealth
from shared.heads import HeadResult
from shared.messages import FrameRef
from shared.site import Zone
from shared.surface import Surface

Point = tuple[float, float]
BoxTuple = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class TrackView:
    """One tracked object on one frame.

    Lengths are in picture heights, so that x and y have the same unit: 0.1 is a tenth of the picture's height.

    Attributes:
        box: normalised 0..1 as x1, y1, x2, y2.
        ground: middle of the lower edge, picture heights.
        size: root of the box's area, picture heights.
        zones: zones that the ground point lies in.
        rest_since: UTC ns since when an object has rested where this one is; equals now while it moves.
        settled_since: UTC ns since when this very track has been there.
        rest_score: mean detection score since then.
        rest_seen: share of the frames since then on which it was detected, 0..1.
        velocity: over about the last second, in box sizes per second; None before there is enough to tell.
        speed_kmh: on the road of a calibrated camera; None elsewhere.
        called: what the detector calls it on this frame, where `label` is what the track is called by majority; a thing
            that is known as a vehicle by its driving is called so. None: as `label`.
        came: whether it is as wide as a vehicle and was seen to move; known for things and vehicles only.
        driven: whether it came driving, by its way alone; known for the same.
        appeared: whether it has been where it is since it was first seen: nobody saw it come.
    """

    track_id: int
    label: str
    score: float
    box: BoxTuple
    ground: Point
    size: float
    zones: tuple[Zone, ...]
    rest_since: int
    settled_since: int
    rest_score: float
    rest_seen: float
    velocity: Point | None
    speed_kmh: float | None = None
    called: str | None = None
    came: bool = False
    driven: bool = False
    appeared: bool = False

    @property
    def speed(self) -> float | None:
        """Box sizes per second; None before there is enough to tell."""
        return math.hypot(*self.velocity) if self.velocity else None


def part_of_picture(label: str, score: float, box: BoxTuple, aspect: float, now: int) -> TrackView:
    """What a claim about no tracked object has in its place: smoke, damage. It stands where `box` does.

    Args:
        box: normalised 0..1.
        aspect: picture width over height.
        now: UTC ns.
    """
    x1, y1, x2, y2 = box
    size = ((x2 - x1) * aspect * (y2 - y1)) ** 0.5
    ground = ((x1 + x2) / 2 * aspect, y2)
    return TrackView(-1, label, score, box, ground, size, (), now, now, score, 1.0, None)


@dataclass(frozen=True, slots=True)
class Scene:
    """One analysed frame of one camera.

    Attributes:
        captured_at: UTC ns.
        aspect: picture width over height.
        heads: what the detector's heads say of the picture.
        surface: what the memory of the empty road says; None where it was not asked, or while no zone can be trusted.
        health: the condition of the picture as it was measured last; None where the detector does not measure it.
        told: by incident type, where the open incidents of one object each were before this frame, 0..1: two rules do
            not tell of one thing.
    """

    camera: str
    run: str | None
    captured_at: int
    aspect: float
    model: str
    frame: FrameRef
    tracks: tuple[TrackView, ...]
    heads: tuple[HeadResult, ...] = ()
    health: PictureHealth | None = None
    surface: Surface | None = None
    told: Mapping[str, Sequence[BoxTuple]] = field(default_factory=dict)

    def head(self, name: str) -> HeadResult | None:
        """What the head of this name says; None where there is no such head."""
        return next((result for result in self.heads if result.name == name), None)
