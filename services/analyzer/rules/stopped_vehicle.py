"""`stopped-vehicle`: a vehicle that has not moved for the zone's time (10 s on a lane, 30 s on a shoulder)."""

from typing import ClassVar

from services.analyzer.rules.base import Watches
from services.analyzer.rules.resting import RestingRule
from services.analyzer.scene import Scene, TrackView
from shared.catalogue import ROAD_VEHICLES

# Far cars of 15 px score 0.3 to 0.5; a lamp post that is taken for a vehicle now and then stays below.
_MIN_SCORE = 0.3


class StoppedVehicle(RestingRule):
    """Opens when a vehicle rests in a watched zone; holds through occlusion; closes when it has driven on."""

    incident: ClassVar[str] = "stopped-vehicle"

    def __init__(self, site: str, watches: Watches) -> None:
        super().__init__(self.incident, site, watches, min_score=_MIN_SCORE, concerns=_is_vehicle)


def _is_vehicle(track: TrackView, scene: Scene) -> bool:
    return track.label in ROAD_VEHICLES
