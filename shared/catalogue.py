"""The incident types that Wayside raises, with their defaults. One entry here, one file in analyzer/rules/.

Class groups use the COCO names that the detector gives.
"""

from dataclasses import dataclass
from typing import Literal

ZoneKind = Literal["lane", "shoulder", "runway", "taxiway", "stand", "crossing", "restricted"]
Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")

VEHICLES = frozenset({"car", "truck", "bus", "motorcycle", "bicycle", "train", "airplane", "boat"})
ROAD_VEHICLES = VEHICLES - {"airplane", "boat"}
PERSONS = frozenset({"person"})
ANIMALS = frozenset({"bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"})
# Furniture of the street: it stands beside a lane all day, and a box that touches the zone is no obstacle.
FIXTURES = frozenset({"traffic light", "stop sign", "fire hydrant", "parking meter"})
NOT_OBSTACLES = VEHICLES | PERSONS | ANIMALS | FIXTURES


@dataclass(frozen=True, slots=True)
class IncidentType:
    """Defaults of one incident type; a site's `rules` override them.

    Attributes:
        after_s: seconds (event time) that the cause must last before the incident opens, per zone kind.
            The type watches exactly the zone kinds named here.
    """

    name: str
    severity: Severity
    after_s: dict[ZoneKind, float]
    title: str


CATALOGUE: dict[str, IncidentType] = {
    entry.name: entry
    for entry in (
        # 10 s on a lane: longer than a hesitation, short enough to warn the next platoon of traffic.
        # 30 s on a shoulder: drivers swap seats there; only a stay is an incident.
        IncidentType("stopped-vehicle", "critical", {"lane": 10.0, "shoulder": 30.0}, "Stopped vehicle"),
        # 1 s: one false box does not last that long, and a person on a lane needs help at once.
        IncidentType("person-on-lane", "critical", {"lane": 1.0, "runway": 1.0, "taxiway": 1.0}, "Person on lane"),
        # 3 s at rest: things that blow or roll across do not stay.
        IncidentType("obstacle-on-lane", "critical", {"lane": 3.0, "runway": 3.0, "taxiway": 3.0}, "Obstacle on lane"),
        # 1 s of travel against the lane's direction: an id switch between two cars is over sooner.
        IncidentType("wrong-way", "critical", {"lane": 1.0, "shoulder": 1.0}, "Wrong-way vehicle"),
    )
}
