"""A lane's inspection: the question, the answer with its reasons, a person's word; docs/inspection.md has the rules."""

from typing import Annotated, Literal

from pydantic import Field

from shared.clock import Ns, incident_id
from shared.heads import Unit
from shared.messages import Box, FrameRef, Incident, IncidentId, Message

Verdict = Literal["clear", "not-clear", "cannot-tell"]
# Why a lane is not clear.
Danger = Literal["object-at-rest", "person", "animal", "unfamiliar", "incident"]
# Why nobody can tell.
Doubt = Literal[
    "no-frames", "frames-missing", "picture-fault", "not-measured", "no-memory", "learning", "view-changed",
    "not-known", "not-proven", "hidden", "may-pass", "visibility", "doubtful", "late",
]  # fmt: skip
# With a camera's id behind it, it names a picture.
InspectionId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")]
LaneName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
AskedBy = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,64}$", description="who asked, or says so")]

UNSAFE, CLEAR = "lane-unsafe", "lane-clear"
SCHEDULE = "schedule"


class InspectionRequest(Message):
    """Somebody asks whether a lane is clear."""

    schema_: Literal["wayside.inspection-request/1"] = Field("wayside.inspection-request/1", alias="schema")
    request_id: InspectionId = Field(description="also the inspection's id; the same request twice gives one answer")
    lane: LaneName = Field(description="id of a lane, shoulder, runway or taxiway zone, on all cameras that have it")
    run: str | None = None
    at: Ns = Field(description="capture time from which on the lane is watched; as a rule that of the newest frame")
    asked_at: Ns | None = Field(None, description="by the asker's clock; none: nobody waits for it, such as a schedule")
    by: AskedBy


class Reason(Message):
    """One thing that keeps a camera from saying clear."""

    code: Danger | Doubt
    verdict: Literal["not-clear", "cannot-tell"] = Field(description="what it leads to")
    text: str = Field(description="for a person")
    box: Box | None = Field(None, description="where in the picture, if it is a part of it")
    score: Unit | None = Field(None, description="how sure the finding is, if it has a measure")


class CameraInspection(Message):
    """What one camera says of the lane."""

    camera: str
    verdict: Verdict
    reasons: list[Reason] = Field(description="none where it is clear")
    frames: int = Field(ge=0, description="frames of the time that was watched")
    last_frame_at: Ns | None = Field(description="capture time of the last of them")
    last_object_at: Ns | None = Field(description="when something was last seen on the lane, at any time until then")
    known: Unit | None = Field(description="least share of the lane whose empty look is known; docs/obstacles.md")
    proven: Unit | None = Field(description="least share of the lane that was proven empty since it is known")
    hidden: Unit | None = Field(description="share of the lane that was hidden at the end")
    faults: list[str] = Field(description="kinds of camera faults that were measured, or open as incidents")
    visibility: str | None = Field(description="worst label of the visibility head; none where none runs")
    frame: FrameRef | None = Field(description="the frame that shows it")
    picture: str | None = Field(None, description="URI of the evidence picture, such as evidence/….jpg")


class Inspection(Message):
    """The answer. All that a report needs is in it."""

    schema_: Literal["wayside.inspection/1"] = Field("wayside.inspection/1", alias="schema")
    inspection_id: InspectionId
    site: str
    lane: LaneName
    run: str | None = None
    by: AskedBy
    requested_at: Ns = Field(description="capture time from which on the lane was watched")
    judged_at: Ns = Field(description="capture time up to which it was watched; the answer is true for this time only")
    asked_at: Ns | None = None
    verdict: Verdict
    summary: str = Field(description="the verdict and its reason in one line")
    cameras: list[CameraInspection] = Field(description="in the order of the site file")
    incidents: list[Incident] = Field(description="the changes that it caused on the topic incidents")


class Confirmation(Message):
    """A person has looked at a camera's picture: nothing is on the lane. The memory may count its patches as proven."""

    schema_: Literal["wayside.confirmation/1"] = Field("wayside.confirmation/1", alias="schema")
    confirmation_id: IncidentId
    site: str
    camera: str
    lane: LaneName
    run: str | None = None
    confirmed_at: Ns = Field(description="capture time of the picture that the person looked at")
    frame: FrameRef = Field(description="that picture")
    by: AskedBy


def scheduled_id(run: str | None, site: str, lane: str, at: int) -> str:
    """The id of a scheduled inspection: the same in every run of the same stream, and for every instance."""
    return incident_id(run, site, "", lane, SCHEDULE, at)
