"""One camera's word on a lane: pure, from the frames of the time that was watched. "Clear" is what is left when every
reason against it has been looked for; a false one can kill, so what was not measured counts against it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.inspector import findings
from services.inspector.limits import Limits
from services.inspector.look import Look
from services.inspector.place import Place
from shared.catalogue import CAMERA_FAULT
from shared.clock import NS, in_words
from shared.heads import CLEAR as CLEAR_VIEW
from shared.inspection import CameraInspection, Doubt, Reason, Verdict
from shared.messages import FrameRef, Incident
from shared.site import Camera, Zone

# What a slow camera may miss, in its own frames.
_MISSED_FRAMES = 3
_WORST_FIRST: tuple[Verdict, ...] = ("not-clear", "cannot-tell", "clear")


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of a lane on one camera when the time is up.

    Attributes:
        looks: every frame from `start` to `end` (UTC ns, both included), in order of time.
        last_object_at: when something was last seen on the lane, up to `end`.
        incidents: those that were open at some time between the two and concern this lane on this camera.
    """

    camera: Camera
    zone: Zone
    place: Place
    start: int
    end: int
    looks: Sequence[Look]
    last_object_at: int | None
    incidents: Sequence[Incident]


def judge_camera(watched: Watched, limits: Limits) -> CameraInspection:
    """The camera's verdict with all its reasons, the gravest first."""
    looks, zone = watched.looks, watched.zone.id
    found = [
        *findings.of_incidents(watched.incidents),
        *findings.of_objects(looks, zone, watched.end, limits),
        *findings.of_surface(looks, zone, watched.place, _doubted_since(looks), limits),
        *((reason, None) for reason in _unseen(watched, limits)),
    ]
    found.sort(key=lambda item: _WORST_FIRST.index(item[0].verdict))
    reasons = [reason for reason, _ in found]
    parts = [part for look in looks if look.surface for part in look.surface.zones if part.zone == zone]
    return CameraInspection(
        camera=watched.camera.id,
        verdict=reasons[0].verdict if reasons else "clear",
        reasons=reasons,
        frames=len(looks),
        last_frame_at=looks[-1].captured_at if looks else None,
        last_object_at=watched.last_object_at,
        known=min((part.known for part in parts), default=None),
        proven=min((part.proven for part in parts), default=None),
        hidden=parts[-1].hidden if parts else None,
        faults=sorted(_kinds_of_faults(watched)),
        visibility=_visibility(looks),
        frame=_evidence(found, looks),
    )


def _unseen(watched: Watched, limits: Limits) -> Iterator[Reason]:
    """What keeps the camera from seeing, or from being believed."""
    looks, start, end = watched.looks, watched.start, watched.end
    silent = max(limits.silent_ns, round(_MISSED_FRAMES / watched.camera.fps * NS))
    if not looks:
        yield _doubt("no-frames", "the camera gave no picture in this time")
        return
    gap = findings.longest_gap([look.captured_at for look in looks], start, end)
    if gap > silent:
        yield _doubt("frames-missing", f"no picture for {in_words(gap)} of this time")
    measured = [look for look in looks if look.health is not None]
    yield from _faults(measured)
    last = measured[-1].health if measured else None
    if last and last.suspected and not last.faults:
        yield _doubt("may-pass", f"the picture may be {last.suspected[0]}")
    # What is not asked on every frame is due a little after the frame that it waits for.
    unasked = max(limits.unasked_ns, silent)
    if findings.longest_gap([look.captured_at for look in measured], start, end) > unasked:
        yield _doubt("not-measured", "the condition of the pictures was not measured all the time")
    asked = [look.captured_at for look in looks if look.surface is not None]
    if findings.longest_gap(asked, start, end) > unasked:
        yield _doubt("no-memory", "the memory of the empty lane was not asked all the time")
    for label in dict.fromkeys(_bad_views(looks, limits)):
        yield _doubt("visibility", f"the view is not clear: {label}")


def _doubted_since(looks: Sequence[Look]) -> int | None:
    """Capture time from which on the picture was, or may have been, at fault: then all of it looks unfamiliar."""
    begun = [fault.since for look in looks if look.health for fault in look.health.faults]
    begun += [look.captured_at for look in looks if look.health and look.health.suspected]
    return min(begun, default=None)


def _faults(measured: Sequence[Look]) -> Iterator[Reason]:
    told: set[str] = set()
    for look in measured:
        for fault in look.health.faults if look.health else ():
            if fault.kind not in told:
                told.add(fault.kind)
                yield _doubt("picture-fault", f"the picture is {fault.kind}: {fault.detail}")


def _kinds_of_faults(watched: Watched) -> set[str]:
    """Those that were measured in this time, and those that no picture shows (lost, clock), as incidents."""
    measured = {fault.kind for look in watched.looks if look.health for fault in look.health.faults}
    return measured | {item.label for item in watched.incidents if item.incident == CAMERA_FAULT}


def _bad_views(looks: Sequence[Look], limits: Limits) -> Iterator[str]:
    for look in looks:
        if look.visibility is None:
            continue
        for label, probability in look.visibility.probabilities.items():
            if label != CLEAR_VIEW and probability >= limits.bad_view:
                yield label


def _visibility(looks: Sequence[Look]) -> str | None:
    """The label of the answer in which a clear view was least probable."""
    told = [look.visibility for look in looks if look.visibility is not None]
    worst = min(told, key=lambda head: head.probabilities.get(CLEAR_VIEW, 0.0), default=None)
    return worst.label if worst else None


def _evidence(found: Sequence[tuple[Reason, int | None]], looks: Sequence[Look]) -> FrameRef | None:
    """The frame that shows the gravest reason that a picture can show; else the last one."""
    shown = next((index for _, index in found if index is not None), len(looks) - 1)
    return looks[shown].frame if looks else None


def _doubt(code: Doubt, text: str) -> Reason:
    return Reason(code=code, verdict="cannot-tell", text=text)


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict over all cameras: clear only if each says so, and there is one."""
    return min(verdicts, key=_WORST_FIRST.index, default="cannot-tell")
