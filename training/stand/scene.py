"""A turnaround of one minute: an airliner taxies in, a bus and a pick-up come and go, it is pushed back.

A real one takes half an hour; here the site's rules ask for seconds where they usually ask for more (`after_s`), so
that a test can afford it. Frames are few for the same reason.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from training.scenes.canvas import Canvas, Placed
from training.scenes.clip import ClipWriter
from training.scenes.cutouts import Cutout
from training.stand.apron import CAMERA, apron, stand_polygon
from training.stand.cast import AIRCRAFT_M, BUS_M, PICKUP_M, aircraft, bus, pickup

CAMERA_ID, STAND_ID = "apron", "stand-4"
FPS = 3
SECONDS = 61.0
IN_BLOCK_S, OFF_BLOCK_S = 12.0, 42.0
# The airliner stands 75 m ahead, sideways; it brakes as pilots do at a stand and is pushed at a walking pace, m/s².
_AIRCRAFT_Z, _TAXI_BRAKING, _PUSH, _PUSH_SPEED = 75.0, 1.0, 0.5, 2.5
_VEHICLE_BRAKING = 1.5


@dataclass(frozen=True, slots=True)
class Visit:
    """A vehicle at rest at `x`, `z` (metres) from `arrive` to `leave` (seconds)."""

    label: str
    cutout: Cutout
    metres: float
    x: float
    z: float
    arrive: float
    leave: float


@dataclass(frozen=True, slots=True)
class StandFiles:
    """The files of a built scene."""

    clip: Path
    site: Path
    truth: Path


def visits() -> list[Visit]:
    """The service vehicles; both come from the right and leave to the left, as they face."""
    return [
        Visit("bus", bus(), BUS_M, -9.0, 42.0, 16.0, 30.0),
        Visit("truck", pickup(), PICKUP_M, 7.0, 38.0, 20.0, 36.0),
    ]


def place(time_s: float) -> list[Placed]:
    """Everything that is in the scene at this time."""
    things = [
        Placed(visit.cutout, x, visit.z, visit.metres)
        for visit in visits()
        if (x := visit.x + _offset(time_s, visit.arrive, visit.leave)) < 60
    ]
    x = -_braking(IN_BLOCK_S - time_s, _TAXI_BRAKING) - _pushed(time_s - OFF_BLOCK_S)
    return [*things, Placed(aircraft(), x, _AIRCRAFT_Z, AIRCRAFT_M)]


def _offset(time_s: float, arrive: float, leave: float) -> float:
    """Metres to the right of where the vehicle stands: comes with an even braking, leaves as it came."""
    return _braking(arrive - time_s, _VEHICLE_BRAKING) - _braking(time_s - leave, _VEHICLE_BRAKING)


def _braking(left_s: float, braking: float) -> float:
    return braking / 2 * max(left_s, 0.0) ** 2


def _pushed(since_s: float) -> float:
    """Metres that the aircraft has been pushed."""
    rising = _PUSH_SPEED / _PUSH
    since_s = max(since_s, 0.0)
    return _PUSH / 2 * min(since_s, rising) ** 2 + _PUSH_SPEED * max(since_s - rising, 0.0)


def build_stand_scene(out: Path, *, seed: int = 1, seconds: float = SECONDS) -> StandFiles:
    """Render the scene into a folder: clip.mp4, site.yaml and truth.json.

    Raises:
        InputError: the COCO pictures of the shared folder are not there.
    """
    out.mkdir(parents=True, exist_ok=True)
    canvas = Canvas(CAMERA, apron(seed), seed)
    files = StandFiles(out / "clip.mp4", out / "site.yaml", out / "truth.json")
    with ClipWriter(files.clip, CAMERA.width, CAMERA.height, FPS) as clip:
        for index in range(round(seconds * FPS)):
            clip.write(canvas.render(index, place(index / FPS)))
    files.site.write_text(yaml.safe_dump(_site(files.clip.name), sort_keys=False))
    files.truth.write_text(json.dumps(_truth(seconds), indent=2) + "\n")
    return files


def _site(clip: str) -> dict[str, object]:
    zone = {"id": STAND_ID, "kind": "stand", "polygon": [list(corner) for corner in stand_polygon()]}
    rules = [
        {"incident": "stand-occupied", "after_s": 5},
        {"incident": "stand-vacated", "after_s": 5},
        {"incident": "service-vehicle", "after_s": 4},
    ]
    return {
        "site": "staged-apron",
        "cameras": [{"id": CAMERA_ID, "source": clip, "fps": FPS, "zones": [zone]}],
        "rules": rules,
    }


def _truth(seconds: float) -> dict[str, object]:
    def incident(kind: str, start_s: float, end_s: float) -> dict[str, object]:
        return {"camera": CAMERA_ID, "incident": kind, "zone": STAND_ID, "start_s": start_s, "end_s": end_s}

    return {
        "incidents": [
            incident("stand-occupied", IN_BLOCK_S, OFF_BLOCK_S),
            *(incident("service-vehicle", visit.arrive, visit.leave) for visit in visits()),
            incident("stand-vacated", OFF_BLOCK_S, seconds),
        ],
        "duration_s": {CAMERA_ID: seconds},
    }
