"""The rules: one file per incident type, each a small event-timed state machine without I/O."""

from services.analyzer.rules.animal_on_lane import AnimalOnLane
from services.analyzer.rules.base import Rule, watches_for
from services.analyzer.rules.camera_fault import CameraFault
from services.analyzer.rules.congestion import Congestion
from services.analyzer.rules.intrusion import Intrusion
from services.analyzer.rules.obstacle_on_lane import ObstacleOnLane
from services.analyzer.rules.pavement_damage import PavementDamage
from services.analyzer.rules.person_on_lane import PersonOnLane
from services.analyzer.rules.smoke_or_fog import SmokeOrFog
from services.analyzer.rules.stand import ServiceVehicle, StandOccupied, StandVacated
from services.analyzer.rules.stopped_vehicle import StoppedVehicle
from services.analyzer.rules.wrong_way import WrongWay
from shared.site import Camera, Site

RULES: tuple[type[Rule], ...] = (
    StoppedVehicle,
    PersonOnLane,
    AnimalOnLane,
    ObstacleOnLane,
    WrongWay,
    Congestion,
    SmokeOrFog,
    CameraFault,
    PavementDamage,
    Intrusion,
    StandOccupied,
    StandVacated,
    ServiceVehicle,
)


def build_rules(site: Site, camera: Camera) -> list[Rule]:
    """The rules that watch some zone of this camera, in a fixed order."""
    built = []
    for kind in RULES:
        watches = watches_for(site, camera, kind.incident)
        if watches:
            built.append(kind(site.site, watches))
    return built
