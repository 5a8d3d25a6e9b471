"""Staged scenes: what is in them, when, and the truth. The same (split, kind, seed) gives the same scene."""

from dataclasses import dataclass, field

import numpy as np

from training.scenes import clip_vehicles, debris
from training.scenes.coco_cutouts import chosen
from training.scenes.conditions import Conditions
from training.scenes.cutouts import Cutout
from training.scenes.paths import Path, brake, creep, drive, hold, reverse, walk
from training.scenes.places import Place, View, generated, highway, parking
from training.scenes.things import ball

FPS = 5
INCIDENTS = ("stopped-vehicle", "person-on-lane", "wrong-way", "animal-on-lane", "obstacle-on-lane")
NEGATIVES = ("traffic", "clip", "pause", "queue", "shadow", "wet", "light", "birds", "insect")
SIZES = ((8, 16), (16, 24), (24, 40), (40, 80))


@dataclass(frozen=True, eq=False)
class Actor:
    """A thing of `metres` height on its path; what flies has no contact shadow."""

    cutout: Cutout
    metres: float
    path: Path
    shadow: bool = True


@dataclass(frozen=True, slots=True)
class Staged:
    """One true incident: its type, a finer name for its row, its height in pixels, and seconds.

    An alert must name `zone`, or its box must overlap `actor`'s at its detection.
    """

    incident: str
    row: str
    pixels: float
    start_s: float
    end_s: float
    actor: Actor | None = None
    zone: str | None = None


@dataclass(eq=False)
class Scene:
    """A scene that is ready to be drawn.

    Attributes:
        footage: (clip name, first frame, frames per analysed frame) when real frames are shown as they are.
    """

    split: str
    kind: str
    seed: int
    seconds: float
    place: Place
    view: View
    conditions: Conditions
    actors: list[Actor] = field(default_factory=list)
    truth: list[Staged] = field(default_factory=list)
    footage: tuple[str, int, float] | None = None

    @property
    def id(self) -> str:
        """Names the scene and the camera."""
        return f"{self.split}-{self.kind}-{self.seed}"


def box_at(scene: Scene, actor: Actor, time_s: float) -> tuple[float, float, float, float] | None:
    """Where the thing is drawn: x1, y1, x2, y2 in 0..1 of the picture, unclipped; None while it is not there."""
    at = actor.path(time_s)
    if at is None:
        return None
    rows, columns = actor.cutout.alpha.shape
    row = scene.place.row_of(at[1])
    tall = actor.metres * scene.place.scale_of_row(row)
    wide, column = tall * columns / rows, scene.place.column(at[0], row)
    height, width = scene.place.plate.shape[:2]
    return (column - wide / 2) / width, (row - tall) / height, (column + wide / 2) / width, row / height


def compose(split: str, kind: str, seed: int) -> Scene:
    """Build a scene.

    Dev: highway.mp4 as it is, vehicles and frames of its first half, roads seen from 7 to 9 m. Test: highway.mp4
    mirrored and cut tighter, vehicles and frames of its second half, parking-overhead.mp4, roads from 10 to 13 m.
    """
    random = np.random.default_rng([split == "test", (*INCIDENTS, *NEGATIVES).index(kind), seed])
    conditions = Conditions.draw(random, "" if kind in INCIDENTS else kind)
    if kind == "clip":
        return _footage(split, seed, random, conditions)
    view = View()
    if random.random() < 0.5:
        if split == "test":
            view = View(float(random.uniform(1.0, 1.25)), float(random.uniform(0.2, 0.5)), 1.0, True)
        place = highway().viewed(view)
    else:
        low, high = (10.0, 13.0) if split == "test" else (7.0, 9.0)
        place = generated(
            float(random.uniform(low, high)), float(random.uniform(120, 200)), int(random.integers(2, 4)), seed % 5
        )
    seconds = 90.0 if kind in NEGATIVES else 36.0
    scene = Scene(split, kind, seed, seconds, place, view, conditions)
    closed = _cast(scene, random)
    scene.actors += _traffic(scene, random, closed)
    return scene


def _footage(split: str, seed: int, random: np.random.Generator, conditions: Conditions) -> Scene:
    if split == "test" and seed % 3 == 0:
        step = 2.5 * float(random.uniform(0.6, 1.2))
        return Scene(split, "clip", seed, 376 / step / FPS, parking(), View(), conditions, footage=("parking", 0, step))
    view = View(float(random.uniform(1, 1.25)), float(random.uniform(0, 0.5)), 1.0, split == "test")
    step = 6 * float(random.uniform(0.4, 1.0))
    first = 225 if split == "test" else 0
    return Scene(
        split,
        "clip",
        seed,
        224 / step / FPS,
        highway().viewed(view),
        view,
        conditions,
        footage=("highway", first, step),
    )


def _vehicle(scene: Scene, random: np.random.Generator) -> tuple[Cutout, float]:
    found = clip_vehicles.vehicles(scene.split)
    cutout, metres = found[int(random.integers(len(found)))]
    return (cutout.mirrored() if scene.view.mirror else cutout), metres


def _distance(place: Place, metres: float, size: tuple[int, int], random: np.random.Generator) -> tuple[float, float]:
    """Metres ahead for a height drawn from the class, inside the picture; and that height."""
    zoomed = place.distance_for(float(random.uniform(*size)), metres)
    z = float(np.clip(zoomed, place.nearest * 1.05, place.farthest * 0.97))
    return z, metres * place.scale_of_row(place.row_of(z))


def _cast(scene: Scene, random: np.random.Generator) -> dict[int, list[tuple[float, float]]]:
    """Adds what is staged; returns the times when a lane's through traffic is stopped upstream."""
    place, kind = scene.place, scene.kind
    closed: dict[int, list[tuple[float, float]]] = {lane: [] for lane in range(place.lanes)}
    if kind in ("stopped-vehicle", "pause", "wrong-way"):
        for number, lane in enumerate(random.permutation(place.lanes)[:2].tolist()):
            cutout, metres = _vehicle(scene, random)
            z, pixels = _distance(place, metres, SIZES[(scene.seed + 2 * number) % 4], random)
            arrive, x = float(random.uniform(7, 10)), lane + 0.5
            if kind == "pause":
                scene.actors.append(Actor(cutout, metres, brake(x, z, place, arrive, arrive + 5.0)))
                closed[lane].append((arrive - 4, arrive + 14))
            elif kind == "stopped-vehicle":
                scene.actors.append(Actor(cutout, metres, brake(x, z, place, arrive, None)))
                scene.truth.append(Staged(kind, kind, pixels, arrive, scene.seconds, scene.actors[-1]))
                closed[lane].append((arrive - 4, scene.seconds))
            else:
                scene.actors.append(Actor(cutout, metres, reverse(x, z, place, arrive, arrive + 4.0)))
                end = arrive + 4.0 + min(8.0, 4.0 + max(0.0, (place.farthest - z - 16) / 8))
                scene.truth.append(Staged(kind, kind, pixels, arrive + 4.0, end, scene.actors[-1]))
                closed[lane].append((arrive - 4, scene.seconds))
    elif kind in ("person-on-lane", "animal-on-lane", "birds"):
        _walkers(scene, random, closed)
    elif kind == "obstacle-on-lane":
        _obstacles(scene, random, closed)
    elif kind == "queue":
        for lane in closed:
            closed[lane].append((0.0, scene.seconds))
            _queue(scene, random, lane)
            zone = f"lane-{lane + 1}"
            scene.truth.append(Staged("congestion", "congestion", 24.0, 0.0, scene.seconds, zone=zone))
    return closed


def _walkers(scene: Scene, random: np.random.Generator, closed: dict[int, list[tuple[float, float]]]) -> None:
    place, kind = scene.place, scene.kind
    sort = {"person-on-lane": "person", "animal-on-lane": "animal", "birds": "bird"}[kind]
    for number in range(3):
        choices = chosen(scene.split, sort)
        cutout, metres = choices[int(random.integers(len(choices)))]
        z, pixels = _distance(place, metres, SIZES[(scene.seed + number) % 4], random)
        begin, right = 3.0 + 11.0 * number, bool(random.random() < 0.5)
        lane = place.lanes - 1 if right else 0
        pace = 1.4 / 3.7  # walking, lanes per second
        edge, sign = (place.lanes, -1) if right else (0, 1)
        into, out = begin + 0.6 / pace, begin + 1.2 / pace + 3.0
        out += 0.5 / pace
        points = [
            (begin, edge - sign * 0.6),
            (into + 0.5 / pace, edge + sign * 0.5),
            (out - 0.5 / pace, edge + sign * 0.5),
        ]
        points.append((out + 0.6 / pace, edge - sign * 0.6))
        scene.actors.append(Actor(cutout, metres, walk(points, z), sort != "bird"))
        closed[lane].append((begin - 3, out + 1))
        if sort != "bird":
            scene.truth.append(Staged(kind, kind, pixels, into, out, scene.actors[-1]))


def _obstacles(scene: Scene, random: np.random.Generator, closed: dict[int, list[tuple[float, float]]]) -> None:
    known = [(ball(), 0.6), *chosen(scene.split, "luggage")]
    unknown = [(debris.tyre(), 0.65), (debris.box(), 0.6), (debris.board(), 0.4), (debris.bag(), 0.6)]
    for number, lane in enumerate(random.permutation(scene.place.lanes)[:2].tolist()):
        things = known if number == 0 else unknown
        cutout, metres = things[int(random.integers(len(things)))]
        z, pixels = _distance(scene.place, metres, SIZES[(scene.seed + number) % 4], random)
        start = float(random.uniform(4, 8))
        scene.actors.append(Actor(cutout, metres, hold(lane + 0.5, z, start)))
        row = "obstacle-on-lane, " + ("ball or bag" if number == 0 else "no class of the model")
        scene.truth.append(Staged("obstacle-on-lane", row, pixels, start, scene.seconds, scene.actors[-1]))
        closed[lane].append((start - 4, scene.seconds))


def _queue(scene: Scene, random: np.random.Generator, lane: int) -> None:
    """Stop and go: the whole lane stands for 6 to 14 s, moves up 8 m in 3 s, and so on."""
    times, places, now, moved = [0.0], [0.0], 0.0, 0.0
    while now < scene.seconds:
        now += float(random.uniform(6, 14))
        times.append(now)
        places.append(moved)
        now, moved = now + 3.0, moved + 8.0
        times.append(now)
        places.append(moved)
    z = scene.place.nearest + 2
    while z < scene.place.farthest + moved:
        cutout, metres = _vehicle(scene, random)
        scene.actors.append(Actor(cutout, metres, creep(lane + 0.5, z, times, places, scene.place)))
        z += float(random.uniform(8, 11))


def _traffic(scene: Scene, random: np.random.Generator, closed: dict[int, list[tuple[float, float]]]) -> list[Actor]:
    actors, place = [], scene.place
    for lane in range(place.lanes):
        speed = float(random.uniform(16, 26))
        ride = (place.farthest - place.nearest) / speed + 0.5
        now = -ride
        while now < scene.seconds:
            if not any(now + ride > begin and now < end for begin, end in closed[lane]):
                cutout, metres = _vehicle(scene, random)
                actors.append(
                    Actor(cutout, metres, drive(lane + 0.5 + float(random.normal(0, 0.04)), now, speed, place))
                )
            now += float(random.uniform(1.6, 5.0))
    return actors
