"""How sure the detector is of cars that stopped below the camera, by the size of its input, and with an overview.

    python -m training.bench.from_above [--split dev|test] [--first SEED] [--stops N] [--backend NAME]

A score is the median over the seconds of a stop of the best box on the car; the table has the mean and the least of
the stops, in how many of them the car is mostly called one, and the time of a frame as a share of the whole look's.
"""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean, median

from services.detector.backends.base import Backend
from services.detector.found import Found
from services.detector.stage import DetectorStage
from shared.settings import load_settings
from training.bench.detections import scene_frames
from training.bench.learned_options import add_backend, backend_of, told
from training.bench.machine import describe
from training.bench.places import iou
from training.scenes.scene import FPS, Scene
from training.scenes.staged import compose

_SIZES = (384, 320, 256, 192, 160, 128)
_WITH_OVERVIEW = "whole and overview"
_IOU = 0.4


@dataclass
class Seen:
    """What one look has seen of one stop, second by second."""

    scores: list[float] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)


def watch(backend: Backend, scene: Scene, sizes: Sequence[int]) -> dict[str, Seen]:
    """Show the seconds of the stops of a scene to every look; the first one is the whole look of the settings."""
    cameras = [camera.model_copy(update={"closeups": 0}) for camera in scene.place.site(scene.id, FPS).cameras]
    stages = {f"{size} px": DetectorStage(backend, imgsz=size, cameras=cameras, decode_threads=1) for size in sizes}
    stages[_WITH_OVERVIEW] = next(iter(stages.values()))
    seen = {name: Seen() for name in stages}
    for frame in scene_frames(scene):
        stopped = [item for item in scene.truth if item.box and item.start_s <= frame.seq / FPS <= item.end_s]
        if frame.seq % FPS or not stopped:
            continue
        for name, stage in stages.items():
            item = stage.decode(frame)
            begin = time.perf_counter()
            (found,) = stage.infer([item]) if name == _WITH_OVERVIEW else stage.see([item])
            seen[name].seconds.append(time.perf_counter() - begin)
            for stop in stopped:
                assert stop.box is not None
                score, label = best_on(found, stop.box, backend.labels)
                seen[name].scores.append(score)
                seen[name].labels[label] += 1
    for stage in {id(stage): stage for stage in stages.values()}.values():
        stage.close()
    return seen


def best_on(found: Found, box: tuple[float, float, float, float], labels: Sequence[str]) -> tuple[float, str]:
    """The best score of what lies on a box, and its name; 0 and no name where nothing does."""
    rows = zip(found.xyxy.tolist(), found.scores.tolist(), found.classes.tolist(), strict=True)
    return max(
        ((score, labels[index]) for xyxy, score, index in rows if iou(tuple(xyxy), box) >= _IOU), default=(0.0, "")
    )


def table(stops: Sequence[dict[str, Seen]]) -> list[str]:
    """Markdown: a row per look."""
    lines = [
        "| look | score: mean | least | called a car | time of a frame / whole look's |",
        "| --- | --: | --: | --: | --: |",
    ]
    whole = median(second for stop in stops for second in next(iter(stop.values())).seconds)
    for name in stops[0]:
        scores = [median(stop[name].scores) for stop in stops]
        cars = sum(stop[name].labels.most_common(1)[0][0] == "car" for stop in stops)
        took = median(second for stop in stops for second in stop[name].seconds) / whole
        lines.append(f"| {name} | {mean(scores):.2f} | {min(scores):.2f} | {cars} of {len(stops)} | {took:.2f} |")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--first", type=int, default=0, help="seed of the first scene")
    parser.add_argument("--stops", type=int, default=10, help="scenes, of one stop or more each")
    add_backend(parser)
    options = parser.parse_args(arguments)
    backend = backend_of(options)
    seeds = range(options.first, options.first + options.stops)
    sizes = (load_settings().imgsz, *_SIZES)
    stops = [watch(backend, compose(options.split, "overhead-stop", seed), sizes) for seed in seeds]
    print(f"Split {options.split}, seeds {seeds.start} to {seeds.stop - 1}, {told(backend)}. {describe()}\n")
    print("\n".join(table(stops)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
