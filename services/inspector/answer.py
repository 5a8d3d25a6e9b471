"""From the cameras' words to the lane's inspection, and to the incidents that it opens and closes."""

from collections.abc import Sequence
from typing import Literal

from services.inspector.judge import worst
from services.inspector.limits import Limits
from shared import topics
from shared.catalogue import INSPECTION_TYPES, Severity
from shared.clock import NS, in_words, incident_id
from shared.inspection import CLEAR, UNSAFE, CameraInspection, Inspection, InspectionRequest, Reason
from shared.messages import Box, FrameRef, Incident
from shared.topics import DAY

# Whose clock is further off answers about a recording: nobody asks about the road of a year ago.
_RECORDED_NS = 365 * DAY * NS
# No weights make this answer; the cameras' own are in their detections.
_MODEL = "inspection"
# A frame that is not in the log.
_NOWHERE = -1
_CANNOT_TELL: Severity = "warning"


def inspection_of(
    request: InspectionRequest, site: str, judged_at: int, cameras: Sequence[CameraInspection], limits: Limits
) -> Inspection:
    """The answer, still without incidents."""
    words = [_dated(request, camera, limits) for camera in cameras]
    verdict = worst([camera.verdict for camera in words])
    return Inspection(
        inspection_id=request.request_id,
        site=site,
        lane=request.lane,
        run=request.run,
        by=request.by,
        requested_at=request.at,
        judged_at=judged_at,
        asked_at=request.asked_at,
        verdict=verdict,
        summary=_summary(verdict, words, min(judged_at - request.at, limits.window_ns) / NS),
        cameras=words,
        incidents=[],
    )


def _dated(request: InspectionRequest, camera: CameraInspection, limits: Limits) -> CameraInspection:
    """A live answer about a road of some minutes ago is none: what came since has not been seen."""
    behind = (request.asked_at or request.at) - request.at
    if request.run is not None or not limits.late_ns < behind < _RECORDED_NS:
        return camera
    text = f"the pictures are {in_words(behind)} behind the time at which the question was asked"
    reasons = [*camera.reasons, Reason(code="late", verdict="cannot-tell", text=text)]
    return camera.model_copy(update={"reasons": reasons, "verdict": worst([item.verdict for item in reasons])})


def _summary(verdict: str, cameras: Sequence[CameraInspection], watched_s: float) -> str:
    if verdict == "clear":
        count = "1 camera" if len(cameras) == 1 else f"{len(cameras)} cameras"
        return f"clear: {count} saw the whole lane empty of obstacles for {watched_s:.0f} s"
    camera, reason = _gravest(verdict, cameras)
    words = verdict.replace("-", " ")
    return f"{words}: camera {camera.camera}: {reason.text}" if camera and reason else f"{words}: no camera sees it"


def _gravest(verdict: str, cameras: Sequence[CameraInspection]) -> tuple[CameraInspection | None, Reason | None]:
    """The first camera with this verdict, and its first reason of this weight."""
    for camera in cameras:
        for reason in camera.reasons:
            if camera.verdict == reason.verdict == verdict:
                return camera, reason
    return None, None


def open_unsafe(inspection: Inspection | None) -> Incident | None:
    """The incident `lane-unsafe` that a lane's last inspection has left open."""
    last = [item for item in inspection.incidents if item.incident == UNSAFE] if inspection else []
    return last[-1] if last and last[-1].change != "closed" else None


def with_incidents(inspection: Inspection, before: Incident | None, boxes: dict[str, Box]) -> Inspection:
    """The inspection with the changes of incidents that it causes.

    While inspections say the same of a lane, one `lane-unsafe` is open: the next one with another verdict closes it.
    `lane-clear` is opened and closed at once, for it is true of that time only.

    Args:
        before: the `lane-unsafe` that is open on the lane.
        boxes: of the lane on each camera, where a reason has no place of its own.
    """
    changes: list[Incident] = []
    if before is not None and before.label != inspection.verdict:
        changes.append(_next(before, inspection, "closed"))
    if inspection.verdict == "clear":
        changes += _cleared(inspection, boxes)
    elif before is not None and before.label == inspection.verdict:
        changes.append(_next(before, inspection, "updated"))
    else:
        changes.append(_opened(inspection, boxes))
    return inspection.model_copy(update={"incidents": changes})


def _next(before: Incident, inspection: Inspection, change: Literal["updated", "closed"]) -> Incident:
    at = inspection.judged_at
    update = {"change": change, "revision": before.revision + 1, "changed_at": at}
    return before.model_copy(update=update | ({"ended_at": at} if change == "closed" else {}))


def _opened(inspection: Inspection, boxes: dict[str, Box]) -> Incident:
    camera, reason = _gravest(inspection.verdict, inspection.cameras)
    camera = camera or inspection.cameras[0]
    entry = INSPECTION_TYPES[UNSAFE]
    return _incident(
        inspection,
        camera,
        UNSAFE,
        severity=entry.severity if inspection.verdict == "not-clear" else _CANNOT_TELL,
        # Of a finding its own measure; of "cannot tell" none.
        score=(reason.score if reason and reason.score is not None else 1.0)
        if inspection.verdict == "not-clear"
        else 0.0,
        box=(reason.box if reason else None) or boxes[camera.camera],
    )


def _cleared(inspection: Inspection, boxes: dict[str, Box]) -> list[Incident]:
    camera = inspection.cameras[0]
    opened = _incident(
        inspection,
        camera,
        CLEAR,
        severity=INSPECTION_TYPES[CLEAR].severity,
        score=min(item.known or 0.0 for item in inspection.cameras),
        box=boxes[camera.camera],
    )
    return [opened, _next(opened, inspection, "closed")]


def _incident(
    inspection: Inspection, camera: CameraInspection, kind: str, *, severity: Severity, score: float, box: Box
) -> Incident:
    start, at = inspection.requested_at, inspection.judged_at
    return Incident(
        incident_id=incident_id(inspection.run, inspection.site, camera.camera, inspection.lane, kind, start),
        change="opened",
        revision=0,
        incident=kind,
        site=inspection.site,
        camera=camera.camera,
        zone=inspection.lane,
        run=inspection.run,
        severity=severity,
        started_at=start,
        detected_at=at,
        changed_at=at,
        track_ids=[],
        label=inspection.verdict,
        score=score,
        box=box,
        model=_MODEL,
        frame=camera.frame or FrameRef(topic=topics.FRAMES, partition=_NOWHERE, offset=0, captured_at=at),
    )
