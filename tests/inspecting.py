"""Frames of a lane on two cameras as the analyzer tells them, and what can be wrong with them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from services.inspector.desk import Desk
from services.inspector.opens import OpenIncidents
from shared.clock import NS, to_ns
from shared.condition import PictureFault, PictureHealth
from shared.heads import HeadResult
from shared.inspection import Inspection, InspectionRequest
from shared.messages import FrameRef, Incident, TrackedObject, Tracks
from shared.site import Camera, Site, Zone
from shared.surface import Surface, Unfamiliar, ZoneSurface

START = to_ns(1_785_585_600)  # 2026-08-01T12:00:00Z
LANE = "rush-hour-lane"
CAMERAS = ("km41", "km42")
POLYGON = [(0.30, 0.98), (0.46, 0.30), (0.52, 0.30), (0.62, 0.98)]
# On the lane, and beside it.
ON_LANE = (0.44, 0.60, 0.50, 0.70)
BESIDE = (0.05, 0.60, 0.11, 0.70)
FPS = 5
HEALTHY = PictureHealth(faults=[], brightness=0.4, contrast=0.2, sharpness=1.0)


def site(**changes: object) -> Site:
    cameras = [
        Camera(
            id=name,
            source="clip.mp4",
            fps=FPS,
            zones=[
                Zone(id=LANE, kind="lane", polygon=POLYGON),
                Zone(id="verge", kind="restricted", polygon=[(0.0, 0.5), (0.2, 0.5), (0.2, 0.9), (0.0, 0.9)]),
            ],
        )
        for name in CAMERAS
    ]
    return Site.model_validate({"site": "a2-north", "cameras": cameras} | changes)


def surface(**changes: object) -> Surface:
    """A lane that is known, proven, in full view and empty."""
    zone = {"zone": LANE, "known": 0.99, "proven": 0.98, "hidden": 0.01}
    zone |= {name: changes.pop(name) for name in ("zone", "known", "proven", "hidden") if name in changes}
    return Surface.model_validate({"state": "watching", "zones": [ZoneSurface(**zone)], "regions": []} | changes)


def thing(label: str, box: tuple[float, float, float, float] = ON_LANE, **changes: object) -> TrackedObject:
    fields = {"track_id": 7, "label": label, "score": 0.8, "box": box, "zones": [LANE], "speed": 0.0}
    return TrackedObject.model_validate(fields | changes)


def unfamiliar(score: float, box: tuple[float, float, float, float] = ON_LANE, since: int = START) -> Unfamiliar:
    return Unfamiliar(box=box, score=score, since=since)


def faulty(kind: str) -> PictureHealth:
    fault = PictureFault.model_validate({"kind": kind, "since": START, "detail": "0.2 of 0.1"})
    return HEALTHY.model_copy(update={"faults": [fault]})


def view(label: str, probability: float) -> HeadResult:
    return HeadResult(
        name="visibility", version="v@1", label=label, score=probability, probabilities={label: probability}
    )


def frame(camera: str, at: int, **changes: object) -> Tracks:
    """One frame of an empty lane that all is known about."""
    fields: dict[str, object] = {
        "camera": camera, "seq": at // NS, "width": 1280, "height": 720, "objects": [], "surface": surface(),
        "frame": FrameRef(topic="frames", partition=-1, offset=at // 1000, captured_at=at), "health": HEALTHY,
    }  # fmt: skip
    return Tracks.model_validate(fields | changes)


def frames(camera: str, begin_s: float = -2, end_s: float = 22, **changes: object) -> list[Tracks]:
    """Frames of an empty lane; the memory is asked on every second one."""
    made = []
    for step in range(round(begin_s * FPS), round(end_s * FPS) + 1):
        item = frame(camera, START + step * NS // FPS, **changes)
        made.append(item.model_copy(update={"surface": item.surface if step % 2 == 0 else None}))
    return made


def passing(at: int, period_s: float = 1.6) -> list[TrackedObject]:
    """Traffic that flows: a car somewhere on the lane, away from the camera."""
    phase = (at - START) / NS / period_s % 1
    far = min(phase * 1.2, 1.0)
    size = 0.12 * (1 - 0.75 * far)
    bottom = 0.95 - 0.6 * far
    box = (0.48 - size / 2, bottom - size, 0.48 + size / 2, bottom)
    number = round((at - START) / NS // period_s) + 100
    return [thing("car", box, track_id=number, score=0.8, speed=2.0)] if phase < 0.9 else []


def question(at_s: float = 0, **changes: object) -> InspectionRequest:
    fields = {"request_id": f"q{at_s:g}", "lane": LANE, "at": START + to_ns(at_s), "by": "operator"}
    return InspectionRequest.model_validate(fields | changes)


def incident(kind: str, opened_s: float, change: str = "opened", **changes: object) -> Incident:
    at = START + to_ns(opened_s)
    fields: dict[str, object] = {
        "incident_id": f"i-{kind}", "change": change, "revision": 0 if change == "opened" else 1, "incident": kind,
        "site": "a2-north", "camera": "km42", "zone": LANE, "severity": "critical", "started_at": at, "detected_at": at,
        "changed_at": at, "ended_at": None, "track_ids": [], "label": "car", "score": 0.9, "box": ON_LANE,
        "model": "m@1", "frame": FrameRef(topic="frames", partition=-1, offset=0, captured_at=at),
    }  # fmt: skip
    return Incident.model_validate(fields | changes)


Change = Callable[[Tracks], Tracks | None]


@dataclass(frozen=True)
class Trouble:
    """Something that must keep a lane from being called clear.

    Attributes:
        change: what it does to a frame; None takes the frame away.
        least_s: how long it has to last at least to count.
        more_s: how much longer it may last.
        stays: until the end; what passes is waited for.
    """

    name: str
    change: Change
    least_s: float = 0.0
    gravest: str = "cannot-tell"
    more_s: float = 2.0
    stays: bool = False


def also(**changes: object) -> Change:
    return lambda tracks: tracks.model_copy(update=changes)


def with_surface(**changes: object) -> Change:
    return lambda tracks: tracks.model_copy(update={"surface": surface(**changes)})


def with_thing(item: TrackedObject) -> Change:
    return lambda tracks: tracks.model_copy(update={"objects": [*tracks.objects, item]})


def troubles() -> Iterator[Trouble]:
    for kind in ("frozen", "black", "overexposed", "blurred", "covered", "moved"):
        yield Trouble(kind, also(health=faulty(kind)))
    yield Trouble("learning", with_surface(state="learning"))
    yield Trouble("changed", with_surface(state="changed"))
    yield Trouble("not known", with_surface(known=0.9))
    yield Trouble("not proven", with_surface(proven=0.9))
    yield Trouble("another zone only", with_surface(zone="verge"))
    yield Trouble("perhaps something", with_surface(regions=[unfamiliar(0.45)]), stays=True)
    lies = unfamiliar(0.5, since=START - 10 * NS)
    yield Trouble("something lies there", with_surface(regions=[lies]), gravest="not-clear")
    at_edge = unfamiliar(0.9, (0.20, 0.90, 0.34, 0.99), START - 10 * NS)
    yield Trouble("something at the edge", with_surface(regions=[at_edge]), gravest="not-clear")
    yield Trouble("fog", also(heads=[view("fog-or-smoke", 0.8)]))
    yield Trouble("dirty lens", also(heads=[view("dirty-lens", 0.6)]))
    yield Trouble("person", with_thing(thing("person")), 0.6, "not-clear")
    yield Trouble("person for a moment", with_thing(thing("person", score=0.3)), more_s=0.4)
    yield Trouble("dog", with_thing(thing("dog")), 0.6, "not-clear")
    yield Trouble("car at rest", with_thing(thing("car")), 4.8, "not-clear")
    yield Trouble("unknown thing at rest", with_thing(thing("suitcase", score=0.4)), 4.8, "not-clear")
    yield Trouble("weak box at rest", with_thing(thing("car", score=0.12)), 4.8)
    yield Trouble("no pictures", lambda tracks: None, 2.4)
    yield Trouble("memory not asked", also(surface=None), 3.8)
    yield Trouble("health not measured", also(health=None), 3.6)


def struck(stream: Sequence[Tracks], trouble: Trouble, begin: int, end: int) -> list[Tracks]:
    """The stream with a trouble from `begin` to `end`, UTC ns, both included."""
    made = []
    for tracks in stream:
        hit = trouble.change(tracks) if begin <= tracks.frame.captured_at <= end else tracks
        if hit is not None:
            made.append(hit)
    return made


def inspect(streams: list[list[Tracks]], incidents: list[Incident] | None = None, **asked: object) -> Inspection:
    """The answer to one question at 0 s."""
    opens = OpenIncidents()
    for change in incidents or []:
        opens.hear(change)
    desk = Desk(site(), None, opens)
    desk.ask(question(**asked))
    for tracks in sorted((item for stream in streams for item in stream), key=lambda item: item.frame.captured_at):
        desk.see(tracks)
        for pending in desk.due():
            answer = desk.judge(pending)
            if answer is not None:
                return answer
    (answer,) = desk.close()
    return answer


def codes(answer: Inspection) -> set[str]:
    return {reason.code for camera in answer.cameras for reason in camera.reasons}
