"""Inspections as the API tells them: times as RFC 3339, pictures and reports as paths on this server."""

from typing import Literal

from pydantic import BaseModel, Field

from services.console.views import evidence_path
from shared.clock import to_rfc3339
from shared.inspection import CameraInspection, Confirmation, Inspection, Reason, Verdict


class CameraInspectionView(BaseModel):
    """What one camera says of the lane."""

    camera: str
    verdict: Verdict
    reasons: list[Reason]
    frames: int
    last_frame_at: str | None
    last_object_at: str | None = Field(description="when something was last seen on the lane")
    known: float | None
    proven: float | None
    hidden: float | None
    faults: list[str]
    visibility: str | None
    picture: str | None = Field(description="path of the evidence picture on this server")


class InspectionView(BaseModel):
    """The answer to a question about a lane; docs/inspection.md."""

    inspection_id: str
    site: str
    lane: str
    run: str | None
    by: str
    requested_at: str = Field(description="capture time from which on the lane was watched")
    judged_at: str = Field(description="up to here; the answer is true for this time only")
    verdict: Verdict
    summary: str
    cameras: list[CameraInspectionView]
    alerts: list[str] = Field(description="ids of the alerts that it opened, updated or closed")
    report: str = Field(description="path of the report page")
    pdf: str = Field(description="path of the report as PDF")


class PendingInspection(BaseModel):
    """A question that has no answer yet."""

    inspection_id: str
    lane: str
    state: Literal["pending"] = "pending"
    href: str = Field(description="the answer will be here; 404 until then")


class ConfirmationView(BaseModel):
    """A person's word that was sent."""

    confirmation_id: str
    camera: str
    lane: str
    confirmed_at: str = Field(description="capture time of the picture that it is about")
    by: str


def inspection_view(inspection: Inspection) -> InspectionView:
    """As the API tells it."""
    path = f"/api/inspections/{inspection.inspection_id}/report"
    return InspectionView(
        **inspection.model_dump(include={"inspection_id", "site", "lane", "run", "by", "verdict", "summary"}),
        requested_at=to_rfc3339(inspection.requested_at),
        judged_at=to_rfc3339(inspection.judged_at),
        cameras=[_camera_view(word) for word in inspection.cameras],
        alerts=list(dict.fromkeys(item.incident_id for item in inspection.incidents)),
        report=path,
        pdf=f"{path}.pdf",
    )


def _camera_view(word: CameraInspection) -> CameraInspectionView:
    return CameraInspectionView(
        **word.model_dump(exclude={"last_frame_at", "last_object_at", "frame", "picture"}),
        last_frame_at=_time(word.last_frame_at),
        last_object_at=_time(word.last_object_at),
        picture=evidence_path(word.picture) if word.picture else None,
    )


def confirmation_view(item: Confirmation) -> ConfirmationView:
    """As the API tells it."""
    return ConfirmationView(
        **item.model_dump(include={"confirmation_id", "camera", "lane", "by"}),
        confirmed_at=to_rfc3339(item.confirmed_at),
    )


def _time(ns: int | None) -> str | None:
    return None if ns is None else to_rfc3339(ns)
