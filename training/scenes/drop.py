"""A real clip on whose lanes things lie that the detector has no name for, from a moment on.

    python -m training.scenes drop CLIP --site SITE --at 60 --out staged.mp4 --truth truth.json

Drawn tyres, boxes, boards and bags at random places of the site's lanes; nearer traffic passes in front of them. The
memory of the road learns it for most of a minute, so `at` should not be sooner.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.catalogue import CATALOGUE
from shared.exceptions import ConfigError
from shared.geometry import inside_polygon
from shared.site import Camera, Zone
from training.scenes.clip import ClipWriter
from training.scenes.debris import debris
from training.scenes.footage import empty_road, foreground, nearer, pictures_of, rate_of
from training.scenes.sprites import Sprite, draw, sprite_of
from training.truth import TrueIncident, Truth

_INCIDENT = "obstacle-on-lane"
# Nearer to each other, in their own heights, they are one obstacle.
_APART = 4.0
_TRIES = 20_000


@dataclass(frozen=True, slots=True)
class Drop:
    """What is staged.

    Attributes:
        at_s: seconds since the first frame at which all things lie there, until the clip ends.
        things: how many.
        heights: of the lowest and the tallest, pixels of the clip.
    """

    at_s: float
    things: int
    heights: tuple[float, float]
    seed: int


@dataclass(frozen=True, slots=True)
class _Thing:
    zone: str
    column: float
    row: float
    height: float
    sprite: Sprite


def drop(clip: Path, out: Path, camera: Camera, staged: Drop) -> Truth:
    """Write the staged clip; returns its truth.

    Raises:
        InputError: the clip cannot be read.
        ConfigError: the clip ends before `at_s`, or the camera's zones have no room for so many things.
    """
    rate, count = rate_of(clip)
    seconds = float(count / rate)
    if staged.at_s >= seconds:
        raise ConfigError(f"--at {staged.at_s:g}: {clip} ends after {seconds:.1f} s")
    background = empty_road(clip)
    height, width = (side // 2 * 2 for side in background.shape[:2])
    things = _placed(camera, width, height, staged)
    with ClipWriter(out, width, height, rate) as writer:
        for index, picture in enumerate(pictures_of(clip)):
            if index / rate >= staged.at_s:
                moving = foreground(picture, background)
                result = picture.copy()
                for thing in sorted(things, key=lambda thing: thing.row):
                    draw(result, thing.sprite, thing.column, thing.row)
                    before = nearer(moving, thing.row)
                    result[before] = picture[before]
                picture = result
            writer.write(np.ascontiguousarray(picture[:height, :width]))
    incidents = [
        TrueIncident.model_validate(
            {
                "camera": camera.id, "incident": _INCIDENT, "zone": thing.zone, "start_s": staged.at_s,
                "end_s": seconds, "size_px": thing.height, "at": (thing.column / width, thing.row / height),
            }
        )
        for thing in things
    ]  # fmt: skip
    return Truth(incidents=incidents, duration_s={camera.id: seconds})


def _placed(camera: Camera, width: int, height: int, staged: Drop) -> list[_Thing]:
    zones = [zone for zone in camera.zones if zone.kind in CATALOGUE[_INCIDENT].after_s and zone.kind != "stand"]
    if not zones:
        raise ConfigError(f"camera {camera.id}: has no zone that is watched for {_INCIDENT}")
    random = np.random.default_rng(staged.seed)
    things: list[_Thing] = []
    for _ in range(_TRIES):
        if len(things) == staged.things:
            return things
        point, tall = random.uniform(0, (width, height)), float(random.uniform(*staged.heights))
        zone = _zone_of(zones, point, tall, (width, height))
        if zone is None or any(
            np.hypot(thing.column - point[0], thing.row - point[1]) < _APART * max(tall, thing.height)
            for thing in things
        ):
            continue
        cutout, _ = debris(random)
        things.append(_Thing(zone.id, float(point[0]), float(point[1]), tall, sprite_of(cutout, tall, shadow=True)))
    raise ConfigError(f"--things {staged.things}: the zones of camera {camera.id} have room for {len(things)}")


def _zone_of(zones: Sequence[Zone], point: np.ndarray, tall: float, size: tuple[int, int]) -> Zone | None:
    """The zone that holds the whole of a thing, which may be twice as wide as tall."""
    corners = (point + np.array([(-tall, 0), (tall, 0), (-tall, -tall), (tall, -tall), (0, 0)])) / size
    return next((zone for zone in zones if inside_polygon(corners, np.array(zone.polygon)).all()), None)
