"""Things that the detector has no name for, on roads that the memory has just learned.

    python -m training.bench.unknown [--split dev|test] [--scenes N] [--first SEED] [--quiet N] [--details]

`--scenes` of the kind `later` of training/bench/learned_scenes.py and `--quiet` of the kind `quiet`, judged by the
whole pipeline. Hours count from the end of the learning time on. Wayside without the memory is the baseline, on the
same boxes.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from services.analyzer.stage import CameraAnalyzer
from services.detector.backends.torch import TorchBackend
from services.detector.weights import find_weights
from shared.clock import NS
from shared.messages import Detections, Incident
from shared.settings import load_settings
from training.bench.learned import Request, see_all
from training.bench.learned_scenes import LEARN_S
from training.bench.machine import describe
from training.intervals import garwood, percentile, wilson
from training.scenes.scene import FPS, Scene, box_at

# Found within 10 s of coming to rest; an alert near the thing counts.
_WITHIN_S, _NEAR = 10.0, 0.02
_CLASSES = ((8, 16), (16, 24), (24, 32), (32, 80), (16, 1000), (32, 1000))
_NAMES = ("with the memory", "without it")


@dataclass(slots=True)
class Outcome:
    """Of one scene: (height in pixels, seconds until it was told or None) of each thing, what else was told, hours."""

    found: list[tuple[float, float | None]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    hours: float = 0.0


def outcomes(scene: Scene, rows: Sequence[Detections]) -> tuple[Outcome, Outcome]:
    """With the memory, and without it."""
    return _judge(scene, rows), _judge(scene, [row.model_copy(update={"surface": None}) for row in rows])


def _judge(scene: Scene, rows: Sequence[Detections]) -> Outcome:
    site = scene.place.site(scene.id, FPS)
    analyzer, outcome = CameraAnalyzer(site, site.cameras[0]), Outcome(hours=(scene.seconds - LEARN_S) / 3600)
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
        within = after if after is not None and after <= _WITHIN_S else None
        outcome.found.append((item.pixels, within))
        if within is None:
            outcome.missed.append(f"{scene.id} {scene.conditions.extra or 'plain'} {item.pixels:.0f} px: {after}")
    return outcome


def thing_of(scene: Scene, incident: Incident) -> int | None:
    """Which staged thing an incident is about."""
    x1, y1, x2, y2 = incident.box
    for number, item in enumerate(scene.truth):
        box = box_at(scene, item.actor, incident.detected_at / NS) if item.actor else None
        if box and x1 < box[2] + _NEAR and x2 > box[0] - _NEAR and y1 < box[3] + _NEAR and y2 > box[1] - _NEAR:
            return number
    return None


def table(results: Sequence[Sequence[Outcome]]) -> list[str]:
    """Markdown: rows per size with the memory, then without it."""
    lines = ["| height, px | contestant | staged | found within 10 s | rate (95 %) | p95 s |"]
    lines.append("| --- | --- | --: | --: | --- | --: |")
    for name, part in zip(_NAMES, results, strict=True):
        things = [thing for result in part for thing in result.found]
        for low, high in _CLASSES:
            group = [after for pixels, after in things if low <= pixels < high]
            hits = [after for after in group if after is not None]
            interval = wilson(len(hits), len(group))
            share = "-" if interval is None else f"{len(hits) / len(group):.0%} ({interval[0]:.0%}-{interval[1]:.0%})"
            size = f"{low}-{high}" if high < 1000 else f"{low} and more"
            late = percentile(hits, 95)
            seconds = "-" if late is None else f"{late:.1f}"
            lines.append(f"| {size} | {name} | {len(group)} | {len(hits)} | {share} | {seconds} |")
    return lines


def false_alarms(name: str, results: Sequence[Outcome], details: bool) -> list[str]:
    """A line with the rate, and each of them."""
    others, hours = [text for result in results for text in result.others], sum(result.hours for result in results)
    low, high = garwood(len(others), hours) or (0.0, 0.0)
    rate = f"{len(others) / hours:.2f} ({low:.2f}-{high:.2f}) per hour"
    missed = [f"  missed {text}" for result in results for text in result.missed] if details else []
    return [
        "",
        f"{name}: {len(others)} other alerts in {hours:.2f} h: {rate}",
        *(f"  {text}" for text in others),
        *missed,
    ]


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="seed of the first of these scenes")
    parser.add_argument("--quiet", type=int, default=16, help="scenes of four minutes without a thing")
    parser.add_argument("--details", action="store_true", help="list what was missed")
    arguments = parser.parse_args()
    backend = TorchBackend(find_weights(load_settings().model))
    later: list[Request] = [
        (arguments.split, "later", seed) for seed in range(arguments.first, arguments.first + arguments.scenes)
    ]
    quiet: list[Request] = [(arguments.split, "quiet", seed) for seed in range(arguments.quiet)]
    results, times = [], []
    for scene, seen in chain(see_all(backend, later), see_all(backend, quiet)):
        results.append(outcomes(scene, seen.plain))
        times.append(seen.memory_ms)
    parts = list(zip(*results, strict=True))
    shown = f"{arguments.scenes} + {arguments.quiet} scenes from seed {arguments.first}"
    print(f"Split {arguments.split}, {shown}, {backend.version}, {FPS} frames/s. {describe()}\n")
    print("\n".join(table(parts)))
    for name, part in zip(_NAMES, parts, strict=True):
        print("\n".join(false_alarms(name, part, arguments.details)))
    print(f"\nmemory: {sum(times) / len(times):.2f} ms per frame, beside other work on every core")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
