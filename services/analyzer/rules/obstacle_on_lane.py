"""`obstacle-on-lane`: a thing of a known class that lies on a lane, runway or taxiway for 3 s."""

from typing import ClassVar

from services.analyzer.motion import box_area, coverage
from services.analyzer.rules.base import Watches
from services.analyzer.rules.resting import RestingRule
from services.analyzer.scene import Scene, TrackView
from shared.catalogue import PERSONS, VEHICLES

# Higher than for vehicles: the 80 classes hold many things that a patch of asphalt resembles for a moment.
_MIN_SCORE = 0.35
# A box of more than this share of the picture is the road itself, taken for something by the detector.
_MAX_AREA = 0.15
# A thing that lies this far inside the box of a vehicle or person is carried by it.
_CARRIED = 0.5
_CARRIERS = VEHICLES | PERSONS


class ObstacleOnLane(RestingRule):
    """Opens when a thing rests in a watched zone; closes when it is gone."""

    incident: ClassVar[str] = "obstacle-on-lane"

    def __init__(self, site: str, watches: Watches) -> None:
        super().__init__(self.incident, site, watches, min_score=_MIN_SCORE)

    def _concerns(self, track: TrackView, scene: Scene) -> bool:
        return box_area(track.box) <= _MAX_AREA and not any(
            other.label in _CARRIERS and coverage(track.box, other.box) >= _CARRIED
            for other in scene.tracks
            if other is not track
        )
