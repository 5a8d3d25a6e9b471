"""A site with two stands, and a turnaround at one of them in its revisions."""

from services.analyzer.stay import begun, ended, with_visit
from shared.clock import NS
from shared.messages import FrameRef, Incident
from shared.site import Camera, Site, Zone
from shared.turnaround import Turnaround, VehicleVisit

MINUTE = 60 * NS
_LEFT = [(0.05, 0.95), (0.1, 0.5), (0.48, 0.5), (0.48, 0.95)]
_RIGHT = [(0.52, 0.95), (0.52, 0.5), (0.9, 0.5), (0.95, 0.95)]
APRON = Site(
    site="ehbk",
    cameras=[
        Camera(
            id="apron",
            source="apron.mp4",
            zones=[
                Zone(id="stand-4", kind="stand", polygon=_LEFT),
                Zone(id="stand-5", kind="stand", polygon=_RIGHT),
                Zone(id="taxilane", kind="taxiway", polygon=[(0.0, 0.4), (1.0, 0.4), (1.0, 0.5), (0.0, 0.5)]),
            ],
        )
    ],
)


def occupied(at: int, run: str | None = None, zone: str = "stand-4", camera: str = "apron") -> Incident:
    """The stand-occupied incident of an aircraft that came to rest at this time (UTC ns)."""
    ref = FrameRef(topic="frames", partition=0, offset=0, captured_at=at)
    return Incident(
        incident_id=f"stay-{at}", change="opened", revision=0, incident="stand-occupied", site="ehbk", camera=camera,
        zone=zone, run=run, severity="info", started_at=at, detected_at=at + 20 * NS, changed_at=at + 20 * NS,
        track_ids=[1], label="airplane", score=0.9, box=(0.1, 0.5, 0.4, 0.7), model="wayside-n@3", frame=ref,
    )  # fmt: skip


def visit(number: int, label: str, arrived: int, left: int | None = None) -> VehicleVisit:
    """A vehicle that was seen to come."""
    return VehicleVisit(
        incident_id=f"vehicle-{number}", label=label, track_ids=[number], first_seen=arrived, arrived=arrived,
        left=left, duration_s=None if left is None else (left - arrived) / NS,
    )  # fmt: skip


def revisions(start: int, *, seen: bool = True, **of: str) -> list[Turnaround]:
    """A turnaround of 38 minutes: a bus and two lorries, one after the other; five revisions.

    Args:
        seen: whether the aircraft was seen to arrive.
    """
    told = [begun(occupied(start, **of), start if seen else None, [])]
    for number, (label, arrived, left) in enumerate((("bus", 3, 14), ("truck", 5, 22), ("truck", 15, 31))):
        told.append(with_visit(told[-1], visit(number, label, start + arrived * MINUTE, start + left * MINUTE)))
    told.append(ended(told[-1], "vacated", start + 38 * MINUTE))
    return [
        stay.model_copy(update={"revision": number, "changed_at": start + (3 + 9 * number) * MINUTE})
        for number, stay in enumerate(told)
    ]
