"""Things that the detector has no name for, on roads that the memory has just learned.

    python -m training.bench.unknown [--split dev|test] [--scenes N]

Each scene is 64 s of ordinary traffic, in which the memory learns, then a drawn or cut-out thing on one or two lanes
for at least 14 s, with traffic on the others; in turns with a moving shadow, a wet patch that grows, a spot of light,
birds, an insect on the lens, or a queue on the lanes without a thing. The whole pipeline judges it. Wayside without the
memory is the baseline, on the same boxes.
"""

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from services.analyzer.stage import CameraAnalyzer
from services.detector.backends.torch import TorchBackend
from services.detector.health import HealthWatch
from services.detector.memory.keeper import Memories
from services.detector.stage import DetectorStage
from services.detector.weights import find_weights
from shared.clock import NS
from shared.messages import Detections, FrameRef, Incident
from shared.settings import load_settings
from training.bench.detections import scene_frames
from training.bench.machine import describe
from training.intervals import garwood, percentile, wilson
from training.scenes.casts import distance, queue, traffic
from training.scenes.coco_cutouts import chosen
from training.scenes.conditions import Conditions
from training.scenes.debris import debris
from training.scenes.paths import hold
from training.scenes.places import lit
from training.scenes.scene import FPS, SIZES, Actor, Scene, Staged, box_at
from training.scenes.staged import place_of
from training.scenes.things import ball

_LEARN_S, _SECONDS = 64.0, 84.0
_EXTRAS = ("", "shadow", "wet", "light", "", "birds", "insect", "queue")
# Found within 10 s of coming to rest; an alert near the thing counts.
_WITHIN_S, _NEAR = 10.0, 0.02
_CLASSES = ((8, 16), (16, 24), (24, 32), (32, 80))


@dataclass(slots=True)
class Outcome:
    """Of one scene: (height in pixels, seconds until it was told or None) of each thing, and what else was told."""

    found: list[tuple[float, float | None]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def staged(split: str, seed: int) -> Scene:
    """One scene; the same split and seed give the same pixels."""
    random = np.random.default_rng([7, split == "test", seed])
    conditions = Conditions.draw(random, _EXTRAS[seed % len(_EXTRAS)])
    place, view = place_of(split, random)
    place = replace(place, plate=lit(place.plate, random))
    scene = Scene(split, "unknown", seed, _SECONDS, place, view, conditions)
    for number, lane in enumerate(random.permutation(place.lanes)[:2].tolist()):
        things = [(ball(tuple(random.integers(30, 240, 3).tolist())), 0.6), *chosen(split, "thing")]
        cutout, metres = things[int(random.integers(len(things)))] if random.random() < 0.3 else debris(random)
        z, pixels = distance(place, metres, SIZES[(seed + 2 * number) % 4], random)
        start = _LEARN_S + 3 + float(random.uniform(0, 3))
        scene.actors.append(Actor(cutout, metres, hold(lane + 0.5, z, start)))
        scene.truth.append(Staged("obstacle-on-lane", "unknown", pixels, start, _SECONDS, scene.actors[-1]))
        scene.closed[lane].append((start - 4, _SECONDS))
    if conditions.extra == "queue":
        for lane in set(range(place.lanes)) - {lane for lane, times in scene.closed.items() if times}:
            queue(scene, random, lane)
        scene.truth = [item for item in scene.truth if item.actor]  # congestion is not asked about here
    traffic(scene, random)
    return scene


def detections_of(scene: Scene, backend: TorchBackend, seconds: list[float]) -> Iterator[Detections]:
    """Every frame through decoder, detector, camera health and memory; `seconds` gets the memory's time for each."""
    cameras = scene.place.site(scene.id, FPS).cameras
    stage = DetectorStage(backend, cameras=cameras, decode_threads=1, memory_every_s=load_settings().memory_every_s)
    health, memories = HealthWatch(cameras), Memories()
    for frame in scene_frames(scene):
        decoded = stage.decode(frame)
        found = stage.infer([decoded])[0]
        begin = time.perf_counter()
        surface = memories.see(decoded, found, stage)
        seconds.append(time.perf_counter() - begin)
        ref = FrameRef(topic="frames", partition=0, offset=frame.seq, captured_at=frame.captured_at)
        yield stage.describe(decoded, ref, found, health.see(decoded), surface)
    stage.close()


def outcomes(scene: Scene, rows: list[Detections]) -> tuple[Outcome, Outcome]:
    """With the memory, and without it."""
    return _judge(scene, rows), _judge(scene, [row.model_copy(update={"surface": None}) for row in rows])


def _judge(scene: Scene, rows: list[Detections]) -> Outcome:
    site = scene.place.site(scene.id, FPS)
    analyzer, outcome = CameraAnalyzer(site, site.cameras[0]), Outcome()
    told: dict[int, float] = {}
    for row in rows:
        for incident in analyzer.step(row).incidents:
            if incident.change != "opened":
                continue
            number = thing_of(scene, incident)
            if number is None or number in told:
                if incident.incident != "congestion":
                    at = f"{scene.id} {incident.detected_at / NS:.1f} s"
                    outcome.others.append(f"{at} {incident.incident} {incident.label} {incident.box}")
            else:
                told[number] = incident.detected_at / NS - scene.truth[number].start_s
    for number, item in enumerate(scene.truth):
        after = told.get(number)
        outcome.found.append((item.pixels, after if after is not None and after <= _WITHIN_S else None))
    return outcome


def thing_of(scene: Scene, incident: Incident) -> int | None:
    """Which staged thing an incident is about."""
    x1, y1, x2, y2 = incident.box
    for number, item in enumerate(scene.truth):
        box = box_at(scene, item.actor, incident.detected_at / NS) if item.actor else None
        if box and x1 < box[2] + _NEAR and x2 > box[0] - _NEAR and y1 < box[3] + _NEAR and y2 > box[1] - _NEAR:
            return number
    return None


def table(name: str, results: list[Outcome]) -> list[str]:
    """Rows of the tables, in Markdown."""
    lines = []
    things = [thing for result in results for thing in result.found]
    for low, high in (*_CLASSES, (16, 1000), (32, 1000)):
        group = [after for pixels, after in things if low <= pixels < high]
        hits = [after for after in group if after is not None]
        interval = wilson(len(hits), len(group))
        share = "-" if interval is None else f"{len(hits) / len(group):.0%} ({interval[0]:.0%}-{interval[1]:.0%})"
        size = f"{low}-{high}" if high < 1000 else f"{low} and more"
        late = percentile(hits, 95)
        lines.append(
            f"| {size} | {name} | {len(group)} | {len(hits)} | {share} | {'-' if late is None else f'{late:.1f}'} |"
        )
    return lines


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--scenes", type=int, default=24)
    arguments = parser.parse_args()
    backend = TorchBackend(find_weights(load_settings().model))
    seconds: list[float] = []
    scenes = [staged(arguments.split, seed) for seed in range(arguments.scenes)]

    def one(scene: Scene) -> tuple[Outcome, Outcome]:
        return outcomes(scene, list(detections_of(scene, backend, seconds)))

    with ThreadPoolExecutor(backend.parallel, "scene", backend.join_parallel) as pool:
        results = list(pool.map(one, scenes))
    hours = arguments.scenes * _SECONDS / 3600
    print(f"Split {arguments.split}, {arguments.scenes} scenes, {backend.version}, {FPS} frames/s. {describe()}\n")
    print("| height, px | contestant | staged | found within 10 s | rate (95 %) | p95 s |")
    print("| --- | --- | --: | --: | --- | --: |")
    names = ("with the memory", "without it")
    for name, part in zip(names, zip(*results, strict=True), strict=True):
        print("\n".join(table(name, list(part))))
    for name, part in zip(names, zip(*results, strict=True), strict=True):
        others = [text for result in part for text in result.others]
        low, high = garwood(len(others), hours) or (0.0, 0.0)
        rate = f"{len(others) / hours:.2f} ({low:.2f}-{high:.2f}) per hour"
        print(f"\n{name}: {len(others)} other alerts in {hours:.2f} h: {rate}")
        for text in others:
            print(f"  {text}")
    print(f"\nmemory: {1000 * sum(seconds) / len(seconds):.2f} ms per frame, beside other work on every core")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
