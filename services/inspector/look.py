"""What one frame says of the lanes on it, cut down to what an inspection asks."""

from dataclasses import dataclass

from shared.catalogue import FIXTURES, VEHICLES
from shared.condition import PictureHealth
from shared.heads import VISIBILITY, HeadResult
from shared.messages import FrameRef, TrackedObject, Tracks
from shared.riders import is_aboard
from shared.surface import Surface


@dataclass(frozen=True, slots=True)
class Look:
    """One analysed frame of one camera.

    Attributes:
        captured_at: UTC ns.
        aspect: picture width over height.
        objects: the tracked objects that stand in some zone; who rides in or on one of them is part of it, and the
            furniture of the street is none.
        surface, health, visibility: None on a frame on which it was not asked.
    """

    captured_at: int
    frame: FrameRef
    aspect: float
    objects: tuple[TrackedObject, ...]
    surface: Surface | None
    health: PictureHealth | None
    visibility: HeadResult | None

    def on_lane(self, zone: str) -> list[TrackedObject]:
        """The objects that stand in a zone."""
        return [item for item in self.objects if zone in item.zones]


def look_of(tracks: Tracks) -> Look:
    """What is kept of one frame's tracks."""
    vehicles = [item for item in tracks.objects if item.label in VEHICLES]
    objects = tuple(
        item
        for item in tracks.objects
        if item.zones and item.label not in FIXTURES and (item.label in VEHICLES or not is_aboard(item, vehicles))
    )
    return Look(
        captured_at=tracks.frame.captured_at,
        frame=tracks.frame,
        aspect=tracks.width / max(tracks.height, 1),
        objects=objects,
        surface=tracks.surface,
        health=tracks.health,
        visibility=next((head for head in tracks.heads if head.name == VISIBILITY), None),
    )
