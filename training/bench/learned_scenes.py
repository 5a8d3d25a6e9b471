"""Scenes for the memory of the empty road: it learns from 64 s of ordinary traffic, and is asked afterwards.

- `later`: then a drawn or cut-out thing comes to rest on one or two lanes; traffic goes on on the others.
- `start`: the thing has lain there since before the first frame.
- `quiet`: nothing comes for four more minutes.
- `day`: two and a half minutes after the first frame, when the light or the weather has changed (training/day).

The first three in turns with a moving shadow, a wet patch that grows, a spot of light, birds, an insect on the lens, or
a queue on the lanes without a thing. Seeds fix every scene; `dev` and `test` have other vehicles, things and roads.
"""

from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from services.inspector.place import Place
from shared.site import Zone
from training.scenes.casts import Random, distance, queue, traffic
from training.scenes.coco_cutouts import chosen
from training.scenes.conditions import Conditions
from training.scenes.debris import debris
from training.scenes.paths import hold
from training.scenes.places import lit
from training.scenes.scene import SIZES, Actor, Scene, Staged, staged_box
from training.scenes.staged import place_of
from training.scenes.things import ball

Kind = Literal["later", "start", "quiet", "day"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LEARN_S, SECONDS, QUIET_S, DAY_S = 64.0, 96.0, 304.0, 184.0
# When a thing comes, at the earliest.
_COMES_S: dict[Kind, float] = {"later": LEARN_S + 3, "day": 150.0}
_EXTRAS = ("", "shadow", "wet", "light", "", "birds", "insect", "queue")


def compose(split: str, kind: Kind, seed: int) -> Scene:
    """One scene; the same arguments give the same pixels."""
    random = np.random.default_rng([7, split == "test", KINDS.index(kind), seed])
    conditions = Conditions.draw(random, _EXTRAS[seed % len(_EXTRAS)] if kind != "day" else "")
    place, view = place_of(split, random)
    place = replace(place, plate=lit(place.plate, random))
    seconds = {"quiet": QUIET_S, "day": DAY_S}.get(kind, SECONDS)
    scene = Scene(split, kind, seed, seconds, place, view, conditions)
    if kind != "quiet":
        _strew(scene, random, _COMES_S.get(kind))
    if conditions.extra == "queue":
        for lane in set(range(place.lanes)) - {lane for lane, times in scene.closed.items() if times}:
            queue(scene, random, lane)
        scene.truth = [item for item in scene.truth if item.actor]  # congestion is not asked about here
    traffic(scene, random)
    return scene


def _strew(scene: Scene, random: Random, comes_s: float | None) -> None:
    """Something on two lanes, which are closed to traffic from shortly before it comes; None: it was always there."""
    for number, lane in enumerate(random.permutation(scene.place.lanes)[:2].tolist()):
        things = [(ball(tuple(random.integers(30, 240, 3).tolist())), 0.6), *chosen(scene.split, "thing")]
        cutout, metres = things[int(random.integers(len(things)))] if random.random() < 0.3 else debris(random)
        z, pixels = distance(scene.place, metres, SIZES[(scene.seed + 2 * number) % 4], random)
        start = comes_s + float(random.uniform(0, 3)) if comes_s is not None else -1.0
        scene.actors.append(Actor(cutout, metres, hold(lane + 0.5, z, start)))
        scene.truth.append(Staged("obstacle-on-lane", "unknown", pixels, start, scene.seconds, scene.actors[-1]))
        scene.closed[lane].append((start - 4, scene.seconds))


def lies_on(scene: Scene, zone: Zone, time_s: float) -> float | None:
    """The height in pixels of the largest thing whose picture touches a zone; None: nothing lies there."""
    place = Place(zone)
    boxes = [(item.pixels, box) for item in scene.truth if (box := staged_box(scene, item, time_s)) is not None]
    inside = [(pixels, np.clip(box, 0, 1).tolist()) for pixels, box in boxes]
    return max((pixels for pixels, (x1, y1, x2, y2) in inside if place.touches((x1, y1, x2, y2))), default=None)
