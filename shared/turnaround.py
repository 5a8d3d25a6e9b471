"""One aircraft's stay at a stand as the camera saw it: the message of the topic `turnarounds`.

Names and durations are those of the Airport CDM Implementation Manual (EUROCONTROL), and only those that a camera can
tell; docs/stands.md says what each is taken from and which it cannot tell. Times are UTC nanoseconds since the epoch.
"""

from typing import Literal

from pydantic import Field

from shared.clock import Ns
from shared.messages import IncidentId, Message

MilestoneName = Literal["AIBT", "ACGT", "AEGT", "AOBT"]
MILESTONES: dict[MilestoneName, str] = {
    "AIBT": "Actual In-Block Time",
    "ACGT": "Actual Commence of Ground Handling Time",
    "AEGT": "Actual End of Ground Handling Time",
    "AOBT": "Actual Off-Block Time",
}
"""In the order in which they come."""
StayStatus = Literal["occupied", "vacated", "lost"]


class Milestone(Message):
    """One moment of a turnaround."""

    name: MilestoneName
    at: Ns


class VehicleVisit(Message):
    """A vehicle that stood at the stand while an aircraft was on it."""

    incident_id: IncidentId = Field(description="of its service-vehicle incident")
    label: str
    track_ids: list[int]
    first_seen: Ns = Field(description="at rest there no later than this")
    arrived: Ns | None = Field(description="none when it stood there as the observation began")
    left: Ns | None = Field(None, description="when it was last seen at rest there; none while it stands there")
    duration_s: float | None = Field(None, description="left - arrived, seconds")


class Turnaround(Message):
    """What is known of one stay. Each revision replaces those before it."""

    schema_: Literal["wayside.turnaround/1"] = Field("wayside.turnaround/1", alias="schema")
    turnaround_id: IncidentId = Field(
        description="id of its stand-occupied incident: from run, site, camera, stand and in-block, so always the same"
    )
    revision: int = Field(0, ge=0, description="0 when the stay is first told, then counts its changes")
    site: str
    camera: str
    zone: str = Field(description="id of the stand")
    run: str | None = None
    status: StayStatus = Field(
        "occupied", description="lost: hidden for too long, or the camera's clock was set back; nobody saw it leave"
    )
    label: str = Field(description="class of the aircraft")
    first_seen: Ns = Field(description="at rest at the stand no later than this")
    last_seen: Ns | None = Field(None, description="last seen at its place; none while the stay lasts")
    changed_at: Ns = Field(description="capture time of the frame on which this was known")
    milestones: list[Milestone] = Field([], description="those that are known, in order of time")
    vehicles: list[VehicleVisit] = Field([], description="by arrival; of more than 200 the first and the last")
    vehicle_count: int = Field(0, ge=0, description="all vehicles, also those left out of `vehicles`")
    turn_round_s: float | None = Field(None, description="ATTT, Actual Turn-round Time: AOBT - AIBT")
    ground_handling_s: float | None = Field(None, description="AGHT, Actual Ground Handling Time: AEGT - ACGT")

    def at(self, name: MilestoneName) -> int | None:
        """UTC ns of a milestone; None when it is not known."""
        return next((item.at for item in self.milestones if item.name == name), None)
