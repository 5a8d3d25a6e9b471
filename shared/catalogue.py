"""The incident types that Wayside raises, with their defaults. One entry here, one file in analyzer/rules/.

Class groups hold the names of our own model (docs/training.md) and those of COCO.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

ZoneKind = Literal["lane", "shoulder", "runway", "taxiway", "stand", "crossing", "restricted"]
Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")

AIRCRAFT = frozenset({"aircraft", "airplane"})
# What drives and is as wide as a vehicle, whatever the detector calls it.
UNKNOWN_VEHICLE = "vehicle"
ROAD_VEHICLES = frozenset({"car", "truck", "bus", "motorcycle", "bicycle", "train", UNKNOWN_VEHICLE})
VEHICLES = ROAD_VEHICLES | AIRCRAFT | {"boat"}
PERSONS = frozenset({"person"})
ANIMALS = frozenset({"animal", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"})
# What goes where it likes; whatever else lies on a road was brought there.
MOVES = VEHICLES | PERSONS | ANIMALS
# Furniture of the street: it stands beside a lane all day, and a box that touches the zone is no obstacle.
FIXTURES = frozenset({"fixture", "traffic light", "stop sign", "fire hydrant", "parking meter"})
# Which classes are counted on which kinds of zones; the other kinds are no ways that traffic runs along.
COUNTED: dict[ZoneKind, frozenset[str]] = {
    "lane": ROAD_VEHICLES,
    "shoulder": ROAD_VEHICLES,
    "runway": ROAD_VEHICLES | AIRCRAFT,
    "taxiway": ROAD_VEHICLES | AIRCRAFT,
}
NOT_OBSTACLES = MOVES | FIXTURES
# A box of more than this share of the picture is the scenery itself, which a detector now and then takes for a train or
# an aircraft; of a thing, one of more than the second.
SCENERY, SCENERY_THING = 0.5, 0.15


def is_scenery(label: str, share: float) -> bool:
    """Whether a box of this share of the picture is the road itself, whatever the detector calls it."""
    return share > (SCENERY if label in MOVES else SCENERY_THING)


@dataclass(frozen=True, slots=True)
class IncidentType:
    """Defaults of one incident type; a site's `rules` override them.

    Attributes:
        after_s: seconds (event time) that the cause must last before the incident opens, per zone kind.
            The type watches exactly the zone kinds named here.
        classes: what it is about; None: everything that is not in `NOT_OBSTACLES`.
        kind_classes: where a zone kind differs from `classes`.
        without_zones: it is about the camera itself, and so told of a camera without zones too, as zone `picture`.
    """

    name: str
    severity: Severity
    after_s: dict[ZoneKind, float]
    title: str
    classes: frozenset[str] | None
    kind_classes: dict[ZoneKind, frozenset[str]] = field(default_factory=dict)
    without_zones: bool = False


CAMERA_FAULT = "camera-fault"
_LANES: tuple[ZoneKind, ...] = ("lane", "runway", "taxiway")
_PAVED: tuple[ZoneKind, ...] = (*_LANES, "shoulder")
# Heads judge these, not the detector's classes.
_NO_CLASSES: frozenset[str] = frozenset()

CATALOGUE: dict[str, IncidentType] = {
    entry.name: entry
    for entry in (
        # 10 s on a lane: longer than a hesitation, short enough to warn the next platoon of traffic.
        # 30 s on a shoulder: drivers swap seats there; only a stay is an incident.
        IncidentType("stopped-vehicle", "critical", {"lane": 10.0, "shoulder": 30.0}, "Stopped vehicle", ROAD_VEHICLES),
        # 1 s: one false box does not last that long, and a person on a lane needs help at once.
        IncidentType("person-on-lane", "critical", dict.fromkeys(_LANES, 1.0), "Person on lane", PERSONS),
        # As for persons. Birds fly by: a box of one over the lane is no incident, unless a site says so.
        IncidentType("animal-on-lane", "critical", dict.fromkeys(_LANES, 1.0), "Animal on lane", ANIMALS - {"bird"}),
        # 3 s at rest: things that blow or roll across do not stay. 30 s on a stand, and only while no aircraft is
        # there: crews put down their gear for a moment.
        IncidentType(
            "obstacle-on-lane", "critical", dict.fromkeys(_LANES, 3.0) | {"stand": 30.0}, "Obstacle on lane", None
        ),
        # 1 s of travel against the lane's direction: an id switch between two cars is over sooner.
        IncidentType("wrong-way", "critical", {"lane": 1.0, "shoulder": 1.0}, "Wrong-way vehicle", ROAD_VEHICLES),
        # 20 s: longer than a platoon needs to pass one slow lorry.
        IncidentType("congestion", "warning", {"lane": 20.0}, "Congestion", ROAD_VEHICLES - {"bicycle"}),
        # 10 s: steam, spray and a cloud of exhaust are gone by then; fog and a fire are not.
        IncidentType("smoke-or-fog", "warning", dict.fromkeys(get_args(ZoneKind), 10.0), "Smoke or fog", _NO_CLASSES),
        # 0 s: a fault counts only once it has lasted, 3 to 20 s by its kind (docs/camera-health.md).
        IncidentType(
            CAMERA_FAULT,
            "warning",
            dict.fromkeys(get_args(ZoneKind), 0.0),
            "Camera fault",
            _NO_CLASSES,
            without_zones=True,
        ),
        # 60 s: nobody mends the road in a minute, and a minute of traffic shows every patch of it often.
        IncidentType("pavement-damage", "warning", dict.fromkeys(_PAVED, 60.0), "Pavement damage", _NO_CLASSES),
        # 1 s as for persons. On a runway persons are person-on-lane, so that one cause gives one alert.
        IncidentType(
            "intrusion",
            "critical",
            {"restricted": 1.0, "runway": 1.0},
            "Intrusion",
            PERSONS | ROAD_VEHICLES,
            {"runway": ROAD_VEHICLES},
        ),
        # 20 s at rest: longer than the halt of an aircraft that waits for the marshaller.
        IncidentType("stand-occupied", "info", {"stand": 20.0}, "Stand occupied", AIRCRAFT),
        IncidentType("stand-vacated", "info", {"stand": 20.0}, "Stand vacated", AIRCRAFT),
        # 10 s at rest: a vehicle that only crosses the stand or gives way does not serve the aircraft.
        IncidentType("service-vehicle", "info", {"stand": 10.0}, "Service vehicle at stand", ROAD_VEHICLES),
    )
}

# Told by inspections of a lane, not by rules: they watch no zone by themselves (docs/inspection.md).
INSPECTION_TYPES: dict[str, IncidentType] = {
    entry.name: entry
    for entry in (
        IncidentType("lane-unsafe", "critical", {}, "Lane unsafe", _NO_CLASSES),
        IncidentType("lane-clear", "info", {}, "Lane clear", _NO_CLASSES),
    )
}
# Zones of one id on several cameras are one lane, and can be inspected.
LANE_KINDS: tuple[ZoneKind, ...] = tuple(COUNTED)
