"""`person-on-lane`: a person on foot on a lane, runway or taxiway for 1 s.

Opens, holds and closes as `presence.PresenceRule` says.
"""

from typing import ClassVar

from pydantic import JsonValue

from services.analyzer.pace import KNOWN, TrafficPace
from services.analyzer.rules.base import Watch, Watches
from services.analyzer.rules.presence import PresenceRule, Sighting
from services.analyzer.scene import Point, Scene, TrackView
from shared.clock import NS
from shared.messages import Incident

# A track has no velocity of its own in its first half second; the sighting that it goes on with has one after as long.
_LEAST_NS = NS // 2
# A far rider is a person of 0.2 to 0.4 to the detector. Who scores less than this in the mean may well be one, and the
# pace of a single vehicle of free traffic is enough to say so.
_SURE = 0.45
_FIRST = 1


class PersonOnLane(PresenceRule):
    """Opens for persons who do not ride; people who stand together are one incident."""

    incident: ClassVar[str] = "person-on-lane"

    def __init__(self, site: str, watches: Watches) -> None:
        super().__init__(site, watches)
        # On runways and taxiways whoever has no vehicle around is told, however fast.
        self._pace = TrafficPace({key: watch.zone for key, watch in watches.items() if watch.zone.kind == "lane"})

    def step(self, scene: Scene) -> list[Incident]:
        """See `Rule.step`."""
        self._pace.update(scene)
        return super().step(scene)

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return {"persons": super().state(), "pace": self._pace.state()}

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        if not isinstance(value, dict):  # of a version that knew no pace
            super().restore(value)
            return
        super().restore(value.get("persons"))
        self._pace.restore(value.get("pace"))

    def _on_foot(self, sighting: Sighting, track: TrackView, watch: Watch, scene: Scene) -> bool:
        """Who keeps the pace of the traffic is no pedestrian."""
        velocity = _velocity(sighting, track, scene.captured_at)
        least = KNOWN if sighting.score_sum >= _SURE * sighting.seen else _FIRST
        return velocity is None or not self._pace.keeps(
            velocity, track.ground, track.size, watch.zone, scene.aspect, least
        )


def _velocity(sighting: Sighting, track: TrackView, now: int) -> Point | None:
    """Picture heights per second: over the last second, or as long as it has been seen; None when that is too short."""
    if track.velocity is not None:
        return track.velocity[0] * track.size, track.velocity[1] * track.size
    seconds = (now - sighting.began) / NS
    if now - sighting.began < _LEAST_NS:
        return None
    return (track.ground[0] - sighting.first[0]) / seconds, (track.ground[1] - sighting.first[1]) / seconds
