"""Camera faults of 30 s in staged scenes: how many are told, how soon, and how many are told wrongly.

    python -m training.bench.health [--split dev|test] [--scenes N]

Every case is put into every scene: 20 s as it is, 30 s with the fault, 15 s as it is. Thresholds were chosen on dev.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from statistics import median

import cv2
import numpy as np

from services.detector.health import HealthMeter
from shared.clock import NS
from shared.condition import PictureFaultKind
from shared.jpeg import decode_jpeg, encode_jpeg
from training.faults.camera import CASES, Case, Picture, staged
from training.scenes.render import frames
from training.scenes.scene import FPS
from training.scenes.staged import compose

_START_S, _END_S, _SECONDS = 20.0, 50.0, 65.0
_KINDS = ("traffic", "queue", "shadow", "wet", "light", "birds", "insect")
_WIDTH = 640


@dataclass(frozen=True, slots=True)
class Told:
    """What the meter told in one case of one scene.

    Attributes:
        first: seconds since the fault's begin until each kind was first told during it.
        before: kinds told before it.
        after: kinds still open at the end, 15 s after it.
    """

    case: str
    first: dict[PictureFaultKind, float]
    before: tuple[PictureFaultKind, ...]
    after: tuple[PictureFaultKind, ...]


def judge(pictures: Iterator[Picture], case: Case) -> Told:
    """Run a meter over a staged case."""
    meter = HealthMeter()
    first: dict[PictureFaultKind, float] = {}
    before: set[PictureFaultKind] = set()
    after: tuple[PictureFaultKind, ...] = ()
    for index, picture in enumerate(pictures):
        time_s = index / FPS
        health = meter.step(picture, index * NS // FPS)
        if health is None:
            continue
        after = tuple(fault.kind for fault in health.faults)
        for kind in after:
            if time_s < _START_S:
                before.add(kind)
            else:
                first.setdefault(kind, time_s - _START_S)
    return Told(case.name, first, tuple(sorted(before)), after)


def run_scene(request: tuple[str, str, int]) -> list[Told]:
    """Every case in one scene."""
    cv2.setNumThreads(1)
    scene = compose(*request)
    pictures = [_smaller(picture) for picture in islice(frames(scene), round(_SECONDS * FPS))]
    quality = scene.conditions.quality
    told = []
    for case in CASES:
        changed = staged(pictures, case, FPS, _START_S, _END_S, request[2])
        told.append(judge((_through_jpeg(picture, quality) for picture in changed), case))
    return told


def requests_of(split: str, scenes: int) -> list[tuple[str, str, int]]:
    """So many scenes, in turn of each kind; every one has its own light, weather and road."""
    return [(split, _KINDS[number % len(_KINDS)], number // len(_KINDS)) for number in range(scenes)]


def table(told: Sequence[Told]) -> str:
    """Markdown: a row per case."""
    rows = [
        "| case | scenes | told as such | told at all | median s | 95 % s | other kinds told |",
        "|---|---|---|---|---|---|---|",
    ]
    for case in CASES:
        own = [item for item in told if item.case == case.name]
        others = sorted({kind for item in own for kind in (*item.first, *item.before) if kind != case.kind})
        counts = ", ".join(f"{kind} {sum(kind in (*i.first, *i.before) for i in own)}" for kind in others) or "none"
        if case.kind is None:
            rows.append(f"| {case.name} | {len(own)} | | | | | {counts} |")
            continue
        times = [item.first[case.kind] for item in own if case.kind in item.first]
        any_kind = sum(bool(item.first) for item in own)
        middle, late = (f"{median(times):.1f}", f"{np.quantile(times, 0.95):.1f}") if times else ("", "")
        shares = f"{len(times) / len(own):.0%} | {any_kind / len(own):.0%}"
        rows.append(f"| {case.name} | {len(own)} | {shares} | {middle} | {late} | {counts} |")
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--scenes", type=int, default=28)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args(arguments)
    with ProcessPoolExecutor(options.processes) as pool:
        told = [item for one in pool.map(run_scene, requests_of(options.split, options.scenes)) for item in one]
    clean = [item for item in told if next(case for case in CASES if case.name == item.case).kind is None]
    print(table(told))
    print(f"\nkinds told before the fault: {sum(bool(item.before) for item in told)} of {len(told)} runs; "
          f"in clean runs: {sum(bool(item.first) for item in clean)} of {len(clean)} "
          f"({len(clean) * _SECONDS / 3600:.2f} h); "
          f"still open 15 s after the fault: {sum(bool(item.after) for item in told)}")  # fmt: skip
    return 0


def _smaller(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    size = _WIDTH, round(height * _WIDTH / width)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _through_jpeg(picture: Picture, quality: int) -> Picture:
    return decode_jpeg(encode_jpeg(picture, quality=quality))


if __name__ == "__main__":
    sys.exit(main())
