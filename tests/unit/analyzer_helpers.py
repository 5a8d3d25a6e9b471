"""Synthetic detections for the analyzer's tests: objects on a 1280x720 picture, by function of time."""

from collections.abc import Callable, Iterable, Sequence

from services.analyzer.stage import CameraAnalyzer
from shared.clock import to_ns
from shared.messages import DetectedObject, Detections, FrameRef, Incident
from shared.site import Camera, Rule, Site, Zone

FPS = 10
Box = tuple[float, float, float, float]
Mover = Callable[[float], DetectedObject | None]

LANE = Zone(id="lane-1", kind="lane", polygon=[(0.2, 0.0), (0.5, 0.0), (0.5, 1.0), (0.2, 1.0)], direction=(0, 1))
LANE_2 = Zone(id="lane-2", kind="lane", polygon=[(0.5, 0.0), (0.8, 0.0), (0.8, 1.0), (0.5, 1.0)], direction=(0, 1))
SHOULDER = Zone(id="shoulder", kind="shoulder", polygon=[(0.8, 0.0), (1.0, 0.0), (1.0, 1.0), (0.8, 1.0)])


def make_site(zones: Sequence[Zone] = (LANE, LANE_2, SHOULDER), rules: Sequence[Rule] = ()) -> Site:
    return Site(site="test", cameras=[Camera(id="cam", source="clip.mp4", zones=list(zones))], rules=list(rules))


def analyzer(site: Site | None = None) -> CameraAnalyzer:
    site = site or make_site()
    return CameraAnalyzer(site, site.cameras[0])


def thing(
    label: str, x: float, y: float, width: float = 0.06, height: float = 0.1, score: float = 0.8
) -> DetectedObject:
    """An object whose ground point (middle of the lower edge) is at x, y."""
    box = (x - width / 2, y - height, x + width / 2, y)
    clipped = tuple(min(max(value, 0.0), 1.0) for value in box)
    return DetectedObject(label=label, score=score, box=clipped)  # type: ignore[arg-type]


def frame(index: int, objects: Iterable[DetectedObject], time_s: float | None = None) -> Detections:
    captured_at = to_ns(index / FPS if time_s is None else time_s)
    ref = FrameRef(topic="frames", partition=0, offset=index, captured_at=captured_at)
    return Detections(camera="cam", seq=index, frame=ref, width=1280, height=720, model="test@0", objects=list(objects))


def play(seconds: float, *movers: Mover, stage: CameraAnalyzer | None = None, start: int = 0) -> list[Incident]:
    """Run the analyzer over `seconds` of synthetic detections; returns every incident change."""
    stage = stage or analyzer()
    changes: list[Incident] = []
    for index in range(start, start + round(seconds * FPS)):
        objects = [item for mover in movers if (item := mover(index / FPS)) is not None]
        changes += stage.step(frame(index, objects)).incidents
    return changes


def still(label: str, x: float, y: float, *, start: float = 0.0, end: float = 1e9, score: float = 0.8) -> Mover:
    """Stands at x, y from start to end, with a detector's jitter."""

    def mover(t: float) -> DetectedObject | None:
        wobble = 0.002 * ((round(t * FPS) * 7) % 5 - 2)
        return thing(label, x + wobble, y - wobble, score=score) if start <= t < end else None

    return mover


def travel(label: str, origin: tuple[float, float], velocity: tuple[float, float], start: float = 0.0) -> Mover:
    """Moves from `origin` at `velocity` (per second) until it leaves the picture."""

    def mover(t: float) -> DetectedObject | None:
        x, y = origin[0] + velocity[0] * (t - start), origin[1] + velocity[1] * (t - start)
        return thing(label, x, y) if t >= start and 0.05 < x < 0.95 and 0.1 < y <= 1.0 else None

    return mover


def stopping(label: str, x: float, *, stop_y: float, stop_s: float, speed: float = 0.2, go_s: float = 1e9) -> Mover:
    """Drives down the picture, stops at `stop_y` at `stop_s` and drives on at `go_s`."""

    def mover(t: float) -> DetectedObject | None:
        if t < stop_s:
            y = stop_y - speed * (stop_s - t)
        else:
            y = stop_y + speed * max(0.0, t - go_s)
        wobble = 0.001 * ((round(t * FPS) * 7) % 5 - 2)
        return thing(label, x + wobble, y) if 0.1 < y <= 1.0 else None

    return mover


def summary(changes: Iterable[Incident]) -> list[tuple[str, str]]:
    return [(change.incident, change.change) for change in changes]
