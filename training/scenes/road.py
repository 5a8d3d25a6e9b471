"""The staged road scene: a fixed camera, flowing traffic, and three incidents with their truth.

    python -m training.scenes road --out DIR

It needs no file but a picture that Ultralytics ships, and the same seed gives the same clip.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import yaml
from rich.console import Console
from rich.progress import track

from training.scenes.canvas import LANE_WIDTH, LANES, ROAD_LEFT, ROAD_RIGHT, SHOULDER_WIDTH, Canvas, Placed, empty_road
from training.scenes.clip import ClipWriter
from training.scenes.conditions import Conditions, Weather
from training.scenes.cutouts import Cutout, bus, man_in_black, man_in_coat
from training.scenes.ground import GroundCamera
from training.scenes.things import ball

CAMERA_ID = "road"
SECONDS = 44.0
FPS = 10
_FAR, _NEAR = 110.0, 9.0

Position = tuple[float, float] | None
Path2D = Callable[[float], Position]
"""Time in seconds → x, z in metres, or None while it is not in the scene."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Something that moves through the scene."""

    cutout: Cutout
    height: float
    path: Path2D


@dataclass(frozen=True, slots=True)
class StagedIncident:
    """What was staged, for the truth file."""

    incident: str
    zone: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SceneFiles:
    """The files of a built scene."""

    clip: Path
    site: Path
    truth: Path


def lane_centre(lane: int) -> float:
    """Metres to the right of the road's middle; lane 1 is the leftmost."""
    return ROAD_LEFT + (lane - 0.5) * LANE_WIDTH


def build_road_scene(
    out: Path, *, seed: int = 1, seconds: float = SECONDS, fps: int = FPS, rain: float = 0.0
) -> SceneFiles:
    """Render the scene into a folder: clip.mp4, site.yaml and truth.json; `rain` is 0 to 1."""
    out.mkdir(parents=True, exist_ok=True)
    camera = GroundCamera()
    actors, incidents = stage(seed)
    canvas = Canvas(camera, empty_road(camera, seed), seed)
    weather = Weather(_rainy(rain, seed), (camera.height, camera.width, 3)) if rain else None
    files = SceneFiles(out / "clip.mp4", out / "site.yaml", out / "truth.json")
    frames: Iterable[int] = range(round(seconds * fps))
    if Console().is_terminal:
        frames = track(frames, description="staging")
    with ClipWriter(files.clip, camera.width, camera.height, fps) as clip:
        for index in frames:
            picture = canvas.render(index, place(actors, index / fps))
            clip.write(weather.apply(picture, index) if weather else picture)
    files.site.write_text(yaml.safe_dump(site_of(camera, files.clip.name), sort_keys=False))
    files.truth.write_text(json.dumps(truth_of(incidents, seconds), indent=2) + "\n")
    return files


def truth_of(incidents: Iterable[StagedIncident], seconds: float) -> dict[str, object]:
    """The truth file of the scene, of which this much is shown."""
    staged = [{"camera": CAMERA_ID, **asdict(item)} for item in incidents if item.start_s < seconds]
    return {"incidents": staged, "duration_s": {CAMERA_ID: seconds}}


def _rainy(rain: float, seed: int) -> Conditions:
    """Rain takes light away, and the more of it falls the less is left."""
    light = 1 - 0.4 * rain
    return Conditions((light, light, light), 1.0, 2.0, 0.0, 85, rain, "", seed)


def place(actors: Iterable[Actor], time_s: float) -> list[Placed]:
    """Everything that is in the scene at this time."""
    return [
        Placed(actor.cutout, *position, actor.height)
        for actor in actors
        if (position := actor.path(time_s)) is not None
    ]


def stage(seed: int) -> tuple[list[Actor], list[StagedIncident]]:
    """The cast: traffic on every lane while nothing happens there, and the three incidents."""
    random = np.random.default_rng(seed)
    # Lane 1 is kept free around the person and then the stopped vehicle, lane 3 while the ball lies there.
    closed = {1: ((0.0, 40.0),), 2: (), 3: ((2.0, 25.0),)}
    actors = [
        Actor(vehicle(random), float(random.uniform(2.2, 2.9)), drive(lane_centre(lane), start, speed))
        for lane in range(1, LANES + 1)
        for start, speed in timetable(random, closed[lane])
    ]
    person = walk([(3.0, -11.5), (6.5, lane_centre(1) + 0.4), (9.5, lane_centre(1) + 0.4), (13.0, -11.5)], z=27.0)
    actors.append(Actor(man_in_coat() if seed % 2 else man_in_black(), 1.85, person))
    fallen = hold(lane_centre(3), 21.0, 8.0, 24.0)
    actors.append(Actor(ball(), 1.0, fallen))
    actors.append(Actor(vehicle(random), 2.6, stop(lane_centre(1), 34.0, arrive=17.0, leave=34.0)))
    incidents = [
        StagedIncident("person-on-lane", "lane-1", 5.0, 11.0),
        StagedIncident("obstacle-on-lane", "lane-3", 8.0, 24.0),
        StagedIncident("stopped-vehicle", "lane-1", 17.0, 34.0),
    ]
    return actors, incidents


def vehicle(random: np.random.Generator) -> Cutout:
    """A vehicle of some colour, facing either side."""
    painted = bus().recoloured(int(random.choice([0, 60, 75, 120, 160])), float(random.uniform(0.85, 1.15)))
    return painted.mirrored() if random.random() < 0.5 else painted


def timetable(random: np.random.Generator, closed: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """Start times (s) and speeds (m/s) of one lane's vehicles; the first ones are already on their way."""
    speed = float(random.uniform(14, 18))
    ride = (_FAR - _NEAR) / speed
    times, now = [], -ride + float(random.uniform(0, 3))
    while now < SECONDS:
        if not any(now + ride > begin and now < end for begin, end in closed):
            times.append((now, speed))
        now += float(random.uniform(2.5, 4.5))
    return times


def drive(x: float, start: float, speed: float) -> Path2D:
    """Comes along a lane at constant speed and leaves the picture below."""

    def path(time_s: float) -> Position:
        z = _FAR - speed * (time_s - start)
        return (x, z) if time_s >= start and z > _NEAR else None

    return path


def stop(x: float, z: float, *, arrive: float, leave: float) -> Path2D:
    """Brakes evenly, stands at `z` from `arrive` to `leave`, then accelerates away."""
    braking = 4.0  # m/s²: firm, not an emergency
    needed = (2 * (_FAR - z) / braking) ** 0.5

    def path(time_s: float) -> Position:
        if time_s < arrive - needed:
            return None
        if time_s < arrive:
            return x, z + braking / 2 * (arrive - time_s) ** 2
        if time_s < leave:
            return x, z
        gone = z - 1.5 / 2 * (time_s - leave) ** 2
        return (x, gone) if gone > _NEAR else None

    return path


def walk(points: list[tuple[float, float]], z: float) -> Path2D:
    """Walks across the road through (time, x) points at a constant distance."""
    times, places = [point[0] for point in points], [point[1] for point in points]

    def path(time_s: float) -> Position:
        inside = times[0] <= time_s <= times[-1]
        return (float(np.interp(time_s, times, places)), z) if inside else None

    return path


def hold(x: float, z: float, start: float, end: float) -> Path2D:
    """Lies at one place from start to end."""
    return lambda time_s: (x, z) if start <= time_s < end else None


def site_of(camera: GroundCamera, clip: str) -> dict[str, object]:
    """The site file of the scene: lanes, shoulder, directions and calibration, all known exactly."""

    near = camera.distance_of_row(camera.height)

    def zone(name: str, kind: str, left: float, right: float) -> dict[str, object]:
        corners = [(left, near), (left, 80.0), (right, 80.0), (right, near)]
        polygon = [[round(part, 4) for part in camera.normalised(*corner)] for corner in corners]
        return {"id": name, "kind": kind, "polygon": polygon}

    zones = [
        {
            **zone(f"lane-{lane}", "lane", left, left + LANE_WIDTH),
            "direction": _downwards(camera, left + LANE_WIDTH / 2),
        }
        for lane in range(1, LANES + 1)
        for left in (ROAD_LEFT + (lane - 1) * LANE_WIDTH,)
    ]
    zones.append(zone("shoulder", "shoulder", ROAD_RIGHT, ROAD_RIGHT + SHOULDER_WIDTH))
    metres = [(ROAD_LEFT, 20.0), (ROAD_LEFT, 60.0), (ROAD_RIGHT, 60.0), (ROAD_RIGHT, 20.0)]
    ground = {
        "pixels": [[round(part, 5) for part in camera.normalised(*point)] for point in metres],
        "metres": [list(point) for point in metres],
    }
    entry = {"id": CAMERA_ID, "source": clip, "fps": FPS, "zones": zones, "ground": ground}
    return {"site": "staged-road", "cameras": [entry]}


def _downwards(camera: GroundCamera, x: float) -> list[float]:
    far, near = camera.normalised(x, 60.0), camera.normalised(x, 20.0)
    return [round(near[0] - far[0], 3), round(near[1] - far[1], 3)]
