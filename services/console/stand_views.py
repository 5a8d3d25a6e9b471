"""What the console's API says of stands: turnarounds with times as RFC 3339, as in `views`."""

from pydantic import BaseModel, Field

from shared.clock import to_rfc3339
from shared.turnaround import MILESTONES, Milestone, Turnaround, VehicleVisit


class MilestoneView(Milestone):
    """A milestone with its name in full."""

    at: str  # type: ignore[assignment]
    title: str


class VisitView(VehicleVisit):
    """A vehicle's visit."""

    first_seen: str  # type: ignore[assignment]
    arrived: str | None  # type: ignore[assignment]
    left: str | None  # type: ignore[assignment]


class TurnaroundView(Turnaround):
    """One aircraft's stay at a stand; docs/stands.md has the definitions."""

    first_seen: str  # type: ignore[assignment]
    last_seen: str | None  # type: ignore[assignment]
    changed_at: str  # type: ignore[assignment]
    milestones: list[MilestoneView]  # type: ignore[assignment]
    vehicles: list[VisitView]  # type: ignore[assignment]


class StandView(BaseModel):
    """A stand with its last stay."""

    camera: str
    zone: str
    latest: TurnaroundView | None = Field(description="null before the first aircraft")


def turnaround_view(stay: Turnaround) -> TurnaroundView:
    """A stay with its times as RFC 3339, and its milestones named in full."""
    fields = stay.model_dump()
    for name in ("first_seen", "last_seen", "changed_at"):
        fields[name] = _time(fields[name])
    for visit in fields["vehicles"]:
        visit.update({name: _time(visit[name]) for name in ("first_seen", "arrived", "left")})
    fields["milestones"] = [
        {"name": item.name, "at": _time(item.at), "title": MILESTONES[item.name]} for item in stay.milestones
    ]
    return TurnaroundView.model_validate(fields)


def _time(ns: int | None) -> str | None:
    return None if ns is None else to_rfc3339(ns)
