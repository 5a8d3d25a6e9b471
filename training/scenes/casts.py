"""What each kind of scene has on its lanes, with its truth; lanes are closed where something stands."""

from dataclasses import replace

import numpy as np

from training.scenes import clip_vehicles
from training.scenes.coco_cutouts import chosen
from training.scenes.cutouts import Cutout
from training.scenes.debris import debris
from training.scenes.paths import brake, creep, cross, drive, hold, pull_in, reverse, walk
from training.scenes.places import Place
from training.scenes.scene import SIZES, Actor, Scene, Staged, box_at
from training.scenes.things import ball

Random = np.random.Generator
# Lanes per second of a person who walks at 1.4 m/s.
_PACE = 1.4 / 3.7
# A patrol car stops so far past the stopped one, metres, and hides it so long, seconds.
_GAP, _HIDDEN_S = 5.5, 5.0


def cast(scene: Scene, random: Random) -> None:
    """Adds to the scene what its kind stages."""
    kind = scene.kind
    if kind == "stopped-vehicle":
        _stopped(scene, random)
    elif kind == "pause":
        _pauses(scene, random)
    elif kind == "wrong-way":
        (_ghosts if scene.seed % 2 else _reversing)(scene, random)
    elif kind in ("person-on-lane", "animal-on-lane"):
        _walkers(scene, random)
    elif kind == "birds":
        _birds(scene, random)
    elif kind == "obstacle-on-lane":
        _obstacles(scene, random)
    elif kind == "queue":
        for lane in range(scene.place.lanes):
            queue(scene, random, lane)


def traffic(scene: Scene, random: Random) -> None:
    """Adds vehicles that flow through the lanes wherever and whenever these are open.

    The cut-outs face the camera, so lanes whose traffic drives away stay empty.
    """
    place = scene.place
    for lane in set(range(place.lanes)) - place.away:
        speed = float(random.uniform(16, 26))
        ride = (place.farthest - place.nearest) / speed + 0.5
        now = -ride
        while now < scene.seconds:
            if not any(now + ride > begin and now < end for begin, end in scene.closed[lane]):
                cutout, metres = vehicle(scene, random)
                across = lane + 0.5 + float(random.normal(0, 0.04))
                scene.actors.append(Actor(cutout, metres, drive(across, now, speed, place)))
            now += float(random.uniform(1.6, 5.0))


def vehicle(scene: Scene, random: Random) -> tuple[Cutout, float]:
    """A vehicle of the clip, and its height in metres."""
    found = clip_vehicles.vehicles(scene.split, scene.view.mirror)
    return found[int(random.integers(len(found)))]


def distance(place: Place, metres: float, size: tuple[int, int], random: Random) -> tuple[float, float]:
    """Metres ahead for a height drawn from the class, inside the picture; and that height."""
    wanted = place.distance_for(float(random.uniform(*size)), metres)
    z = float(np.clip(wanted, place.nearest * 1.05, place.farthest * 0.97))
    return z, _pixels(place, metres, z)


def _pixels(place: Place, metres: float, z: float) -> float:
    return metres * place.scale_of_row(place.row_of(z))


def _two_lanes(scene: Scene, random: Random) -> list[tuple[int, int, tuple[int, int]]]:
    """(number, lane, size class) of the things that are staged on two different lanes."""
    lanes = random.permutation(scene.place.lanes)[:2].tolist()
    return [(number, lane, SIZES[(scene.seed + 2 * number) % 4]) for number, lane in enumerate(lanes)]


def _stopped(scene: Scene, random: Random) -> None:
    """Two vehicles brake and stay; in every third scene one, which a patrol car hides for some seconds later on."""
    place, hides = scene.place, scene.seed % 3 == 2
    for _, lane, size in _two_lanes(scene, random)[: 1 if hides else 2]:
        cutout, metres = vehicle(scene, random)
        z, _ = distance(place, metres, size, random)
        z = max(z, place.nearest * 1.05 + _GAP) if hides else z
        arrive, pixels = float(random.uniform(7, 10)), _pixels(place, metres, z)
        actor = Actor(cutout, metres, brake(lane + 0.5, z, place, arrive, None))
        staged = Staged("stopped-vehicle", "stopped-vehicle", pixels, arrive, scene.seconds, actor)
        if hides:
            comes = arrive + float(random.uniform(13, 16))
            staged = _hidden(scene, staged, lane, z, (comes, comes + _HIDDEN_S))
        scene.actors.append(actor)
        scene.truth.append(staged)
        scene.closed[lane].append((arrive - 4, scene.seconds))


def _hidden(scene: Scene, staged: Staged, lane: int, z: float, stands: tuple[float, float]) -> Staged:
    """The split's tallest vehicle comes down the lane beside, pulls in before the stopped one and hides it."""
    cutout, metres = max(clip_vehicles.vehicles(scene.split, scene.view.mirror), key=lambda item: item[1])
    place, beside = scene.place, lane - 1 if lane else lane + 1
    near, far = place.row_of(z - _GAP), place.row_of(z)
    # In the line of sight, as far as the lane is wide enough for that.
    left, right = place.column(lane, near), place.column(lane + 1, near)
    across = float(np.clip((place.column(lane + 0.5, far) - left) / (right - left), 0.25, 0.75))
    actor = Actor(cutout, metres, pull_in(lane + across, beside + 0.5, z - _GAP, place, *stands))
    scene.actors.append(actor)
    scene.closed[beside].append((stands[0] - 16, stands[0] + 1))
    return replace(staged, hidden_s=stands, hidden_share=round(_covered(scene, staged.actor, actor, stands[0] + 1), 2))


def _covered(scene: Scene, far: Actor | None, near: Actor, time_s: float) -> float:
    """The share of one box that another one covers."""
    a, b = box_at(scene, far, time_s) if far else None, box_at(scene, near, time_s)
    if a is None or b is None:
        return 0.0
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(w, 0.0) * max(h, 0.0) / ((a[2] - a[0]) * (a[3] - a[1]))


def _pauses(scene: Scene, random: Random) -> None:
    for _, lane, size in _two_lanes(scene, random):
        cutout, metres = vehicle(scene, random)
        z, _ = distance(scene.place, metres, size, random)
        stops = float(random.uniform(7, 10))
        scene.actors.append(Actor(cutout, metres, brake(lane + 0.5, z, scene.place, stops, stops + 5)))
        scene.closed[lane].append((stops - 4, stops + 14))


def _reversing(scene: Scene, random: Random) -> None:
    """Vehicles stop, then drive back up their lane until they leave it at its far end."""
    place = scene.place
    for _, lane, size in _two_lanes(scene, random):
        cutout, metres = vehicle(scene, random)
        z = min(distance(place, metres, size, random)[0], place.farthest - 20)
        start = float(random.uniform(7, 10)) + 4.0
        scene.actors.append(Actor(cutout, metres, reverse(lane + 0.5, z, place, start - 4.0, start)))
        way = place.farthest - z
        end = start + (way**0.5 if way < 16 else 4 + (way - 16) / 8)
        scene.truth.append(
            Staged(scene.kind, "wrong-way, reverses", _pixels(place, metres, z), start, end, scene.actors[-1])
        )
        scene.closed[lane].append((start - 8, scene.seconds))


def _ghosts(scene: Scene, random: Random) -> None:
    """Vehicles face us on lanes that lead away from us, at 8 to 25 m/s.

    On highway.mp4 the whole carriageway is taken to lead away, on generated roads its right lane. The zone begins
    where the first is as tall as its size class says: that moment is the incident's start.
    """
    place = scene.place
    away = range(place.lanes) if place.name == "highway" else (place.lanes - 1,)
    cast = [vehicle(scene, random) for _ in range(2)]
    pixels = float(random.uniform(*SIZES[scene.seed // 2 % 4]))
    enters = max(place.distance_for(pixels, cast[0][1]), place.nearest + 30)
    row = max(round(place.row_of(enters)), place.far)
    scene.place = place = replace(place, away=frozenset(away), watched=row)
    enters = place.distance_of_row(row)
    for number, (cutout, metres) in enumerate(cast):
        lane = int(random.choice(list(away)))
        speed = min(float(random.uniform(8, 25)), (enters - place.nearest) / 3.5)
        start = 5.0 + 15.0 * number + float(random.uniform(0, 2))
        begin = start - (place.farthest - enters) / speed
        scene.actors.append(Actor(cutout, metres, drive(lane + 0.5, begin, speed, place)))
        end = start + (enters - place.nearest) / speed
        name, pixels = "wrong-way, drives towards us", _pixels(place, metres, enters)
        scene.truth.append(Staged(scene.kind, name, pixels, start, end, scene.actors[-1]))


def _walkers(scene: Scene, random: Random) -> None:
    """One after the other steps onto an outer lane, stays for 3 s and goes back."""
    place, kind = scene.place, scene.kind
    choices = chosen(scene.split, kind.removesuffix("-on-lane"))
    order = random.permutation(len(choices))
    for number in range(3):
        cutout, metres = choices[int(order[number % len(choices)])]
        if random.random() < 0.5:
            cutout = cutout.mirrored()
        z, pixels = distance(place, metres, SIZES[(scene.seed + number) % 4], random)
        begin, right = 3.0 + 11.0 * number, bool(random.random() < 0.5)
        lane = place.lanes - 1 if right else 0
        edge, sign = (place.lanes, -1) if right else (0, 1)
        into = begin + 0.6 / _PACE
        out = into + 1.1 / _PACE + 3.0
        points = [
            (begin, edge - sign * 0.6),
            (into + 0.5 / _PACE, edge + sign * 0.5),
            (out - 0.5 / _PACE, edge + sign * 0.5),
            (out + 0.6 / _PACE, edge - sign * 0.6),
        ]
        scene.actors.append(Actor(cutout, metres, walk(points, z)))
        scene.closed[lane].append((begin - 3, out + 1))
        scene.truth.append(Staged(kind, kind, pixels, into, out, scene.actors[-1]))


def _birds(scene: Scene, random: Random) -> None:
    """Dev: birds sit on an outer lane; test: they fly over the road."""
    place, choices = scene.place, chosen(scene.split, "bird")
    for number in range(8):
        cutout, metres = choices[int(random.integers(len(choices)))]
        z, _ = distance(place, metres, SIZES[(scene.seed + number) % 4], random)
        begin, right = 3.0 + 11.0 * number, bool(random.random() < 0.5)
        if scene.split == "test":
            path = cross(z, begin, float(random.uniform(1.2, 3.5)), place.lanes, leftwards=right)
            scene.actors.append(
                Actor(cutout.mirrored() if right else cutout, metres, path, float(random.uniform(0.5, 4)))
            )
            continue
        lane = place.lanes - 1 if right else 0
        at = lane + float(random.uniform(0.2, 0.8))
        scene.actors.append(
            Actor(cutout, metres, walk([(begin, at), (begin + 4, at), (begin + 5, at + 0.1), (begin + 9, at)], z))
        )
        scene.closed[lane].append((begin - 3, begin + 10))


def _obstacles(scene: Scene, random: Random) -> None:
    """On one lane a thing of one of the model's classes, on another one that it has no name for."""
    known = [(ball(tuple(random.integers(30, 240, 3).tolist())), 0.6), *chosen(scene.split, "thing")]
    for number, lane in enumerate(random.permutation(scene.place.lanes)[:2].tolist()):
        cutout, metres = known[int(random.integers(len(known)))] if number == 0 else debris(random)
        z, pixels = distance(scene.place, metres, SIZES[(scene.seed + number) % 4], random)
        start = float(random.uniform(4, 8))
        scene.actors.append(Actor(cutout, metres, hold(lane + 0.5, z, start)))
        row = f"{scene.kind}, {'a' if number == 0 else 'no'} class of the model"
        scene.truth.append(Staged(scene.kind, row, pixels, start, scene.seconds, scene.actors[-1]))
        scene.closed[lane].append((start - 4, scene.seconds))


def queue(scene: Scene, random: Random, lane: int) -> None:
    """Stop and go: the whole lane stands for 6 to 14 s, moves up 8 m in 3 s, and so on."""
    times, places, now, moved = [0.0], [0.0], 0.0, 0.0
    while now < scene.seconds:
        now += float(random.uniform(6, 14))
        times += [now, now + 3.0]
        places += [moved, moved + 8.0]
        now, moved = now + 3.0, moved + 8.0
    z = scene.place.nearest + 2
    while z < scene.place.farthest + moved:
        cutout, metres = vehicle(scene, random)
        scene.actors.append(Actor(cutout, metres, creep(lane + 0.5, z, times, places, scene.place)))
        z += float(random.uniform(8, 11))
    scene.closed[lane].append((0.0, scene.seconds))
    zone = f"lane-{lane + 1}"
    scene.truth.append(Staged("congestion", "congestion", 24.0, 0.0, scene.seconds, zone=zone))
