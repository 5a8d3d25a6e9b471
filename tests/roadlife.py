"""Synthetic detections of several cameras with incidents of every type, for tests of the whole analyzer."""

import random
from collections.abc import Iterator

from shared.camera_status import CameraStatus, ClockFault
from shared.catalogue import CATALOGUE
from shared.clock import to_ns
from shared.condition import PictureFault, PictureFaultKind, PictureHealth
from shared.heads import CLEAR, FOG, HeadResult
from shared.messages import DetectedObject, Detections, FrameRef
from shared.site import Camera, Ground, Rule, Site, Zone
from shared.surface import Surface, Unfamiliar
from tests.unit.analyzer_helpers import LANE, LANE_2, SHOULDER, Mover, still, thing, travel
from tests.unit.head_helpers import pavement, visibility

FPS = 3
SECONDS = 27.0
CAMERAS = ("north", "south", "apron")
STAND = Zone(id="stand-7", kind="stand", polygon=[(0.0, 0.0), (0.55, 0.0), (0.55, 1.0), (0.0, 1.0)])
YARD = Zone(id="yard", kind="restricted", polygon=[(0.55, 0.0), (1.0, 0.0), (1.0, 1.0), (0.55, 1.0)])
GROUND = Ground(pixels=[(0.2, 0.1), (0.8, 0.1), (0.8, 1.0), (0.2, 1.0)], metres=[(0, 80), (8, 80), (8, 0), (0, 0)])


def make_site() -> Site:
    """Two cameras at a road, one calibrated, and one at a stand; all opens within 3 s, to keep the streams short."""
    road = [LANE, LANE_2, SHOULDER]
    cameras = [
        Camera(
            id=name,
            source="clip.mp4",
            zones=[STAND, YARD] if name == "apron" else road,
            ground=GROUND if name == "south" else None,
        )
        for name in CAMERAS
    ]
    rules = [Rule(incident=name, after_s=min(3.0, min(entry.after_s.values()))) for name, entry in CATALOGUE.items()]
    return Site(site="test", cameras=cameras, rules=rules, lane_stats_s=10)


def stream(seed: int, *, start_s: float = 0.0, run: str | None = None) -> Iterator[Detections]:
    """Detections of all cameras in the order of time; the same for the same seed."""
    chance = random.Random(seed)
    casts = {"north": _road(chance), "south": _road(chance)[:3], "apron": _apron(chance)}
    for index in range(round(SECONDS * FPS)):
        for name in CAMERAS:
            time_s = index / FPS
            if chance.random() < 0.03:
                continue  # a lost frame
            seen = [item for mover in casts[name] if (item := mover(time_s)) is not None and chance.random() > 0.1]
            ref = FrameRef(topic="frames", partition=0, offset=index, captured_at=to_ns(start_s + time_s))
            yield Detections(
                camera=name, seq=index, run=run, frame=ref, width=1280, height=720, model="test@0", objects=seen,
                heads=_heads(time_s) if name == "north" else [],
                health=_health(time_s, start_s) if name == "south" else None,
                surface=_surface(time_s, start_s) if name == "south" and index % 2 == 0 else None,
            )  # fmt: skip


def _heads(t: float) -> list[HeadResult]:
    """Damage far up the first lane, and fog for some seconds."""
    fog = 14 <= t < 21
    return [visibility(FOG if fog else CLEAR), pavement((1, 7), (1, 8), (2, 7), (2, 8))]


def _health(t: float, start_s: float) -> PictureHealth:
    """Blurred for some seconds, and then moved, which suspends the zones."""
    spells: tuple[tuple[PictureFaultKind, float, float], ...] = (("blurred", 5, 12), ("moved", 20, 24))
    faults = [
        PictureFault(kind=kind, since=to_ns(start_s + begin - 2), detail=f"{kind}!")
        for kind, begin, end in spells
        if begin <= t < end
    ]
    return PictureHealth(faults=faults, brightness=0.4, contrast=0.2, sharpness=1.0)


def _surface(t: float, start_s: float) -> Surface:
    """Something without a name lies on the second lane."""
    lies = [Unfamiliar(box=(0.6, 0.6, 0.64, 0.66), score=0.8, since=to_ns(start_s + 2))] if 4 <= t < 17 else []
    return Surface(state="watching", zones=[], regions=lies)


def _road(chance: random.Random) -> list[Mover]:
    def stays(label: str, x: float, top: float, bottom: float) -> Mover:
        return still(label, x, chance.uniform(top, bottom), start=chance.uniform(1, 6), end=chance.uniform(10, 16))

    return [
        stays("car", 0.35, 0.3, 0.9),
        stays("suitcase", 0.27, 0.3, 0.5),
        stays("person", 0.45, 0.5, 0.9),
        stays("cow", 0.24, 0.6, 0.9),
        stays("truck", 0.9, 0.4, 0.9),
        travel("car", (0.65, 0.95), (0.0, -0.12), start=chance.uniform(1, 4)),
        *[_crawling(0.58 + 0.14 * side, 0.25 + 0.22 * row, 9 + row * 0.2) for side in (0, 1) for row in range(3)],
    ]


def _crawling(x: float, y: float, start: float) -> Mover:
    """One of a queue that creeps for 10 s and then goes."""

    def mover(t: float) -> DetectedObject | None:
        return thing("car", x, y + 0.004 * (t - start), width=0.1, height=0.12) if start <= t < start + 10 else None

    return mover


def _apron(chance: random.Random) -> list[Mover]:
    arrives, leaves = chance.uniform(1, 3), chance.uniform(12, 15)
    return [
        _aircraft(arrives, leaves),
        still("truck", 0.48, 0.9, start=arrives + 2, end=leaves - chance.uniform(1, 3)),
        still("person", 0.8, 0.6, start=chance.uniform(1, 8), end=chance.uniform(9, 14)),
    ]


def _aircraft(arrives: float, leaves: float) -> Mover:
    """Stands at the stand, then rolls off to the right."""

    def mover(t: float) -> DetectedObject | None:
        x = 0.3 + 0.1 * max(0.0, t - leaves)
        return thing("airplane", x, 0.7, width=0.3, height=0.3) if t >= arrives and x < 0.85 else None

    return mover


def reports(seed: int, *, start_s: float = 0.0, run: str | None = None) -> Iterator[CameraStatus]:
    """Reports of the same cameras: one is lost twice, one has a wrong clock for a while, one clock is set back."""
    chance = random.Random(seed)
    first, jump = chance.uniform(2, 6), chance.uniform(20, 40)
    for index in range(22):
        time_s = 4.0 * index
        for name in CAMERAS:
            gone = name == "north" and (first <= time_s < first + 20 or 55 <= time_s < 70)
            back = 30.0 if name == "south" and time_s >= jump else 0.0
            wrong = name == "apron" and 20 <= time_s < 34
            yield CameraStatus(
                camera=name, run=run, by="analyzer" if gone and time_s > 60 else "producer",
                at=to_ns(start_s + 100 + time_s - back), state="lost" if gone else "connected",
                since=to_ns(start_s + 100 + (55 if time_s >= 55 else first)) if gone else 0,
                reason="gone" if gone else None,
                clock=ClockFault(since=to_ns(start_s + 118), detail="jumps") if wrong else None,
            )  # fmt: skip
