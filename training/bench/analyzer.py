"""Camera-frames/s of the analyzer on one thread: messages parsed, tracked, judged and serialised as the service does.

The stream is synthetic and seeded: on each frame 20 objects, two thirds of them vehicles that drive through three
lanes at their own speeds, the others at rest, with the jitter, misses and confidence of a detector. Beside it the same
work with the tracker's filter and IoU as the library ships them, so that the ratio holds on any machine.
"""

import argparse
import cProfile
import pstats
import random
import statistics
import time
from itertools import pairwise

from rich.table import Table
from trackers.utils.iou import IoU
from trackers.utils.state_representations import XYXYStateEstimator

from services.analyzer.stage import CameraAnalyzer
from shared.clock import NS
from shared.messages import DetectedObject, Detections, FrameRef
from shared.site import Camera, Ground, Site, Zone
from training.bench.machine import describe
from training.report import wide_console

OBJECTS = 20
WANTED = 500.0
_FPS = 10
_SEED = 7


def site() -> Site:
    """Three calibrated lanes and a shoulder."""
    edges = (0.1, 0.3, 0.5, 0.7, 0.9)
    zones = [
        Zone(
            id=f"lane-{number}" if number < 4 else "shoulder",
            kind="lane" if number < 4 else "shoulder",
            polygon=[(left, 0.0), (right, 0.0), (right, 1.0), (left, 1.0)],
            direction=(0.0, 1.0),
        )
        for number, (left, right) in enumerate(pairwise(edges), start=1)
    ]
    ground = Ground(
        pixels=[(0.1, 0.0), (0.9, 0.0), (0.9, 1.0), (0.1, 1.0)], metres=[(0, 80), (14, 80), (14, 0), (0, 0)]
    )
    return Site(site="bench", cameras=[Camera(id="bench", source="bench.mp4", fps=_FPS, zones=zones, ground=ground)])


def stream(frames: int, objects: int = OBJECTS, seed: int = _SEED) -> list[bytes]:
    """Detections messages as they lie in the topic."""
    rng = random.Random(seed)
    moving = objects - objects // 3
    starts = [(rng.random(), rng.uniform(0.02, 0.05)) for _ in range(moving)]
    columns = [0.14 + 0.66 * number / max(moving - 1, 1) for number in range(moving)]
    rests = [(0.12 + 0.76 * (number + 0.5) / (objects // 3), rng.uniform(0.1, 0.9)) for number in range(objects // 3)]
    return [
        _message(
            frame,
            [(x, (start + speed * frame) % 1.0) for x, (start, speed) in zip(columns, starts, strict=True)] + rests,
            rng,
        )
        for frame in range(frames)
    ]


def _message(frame: int, places: list[tuple[float, float]], rng: random.Random) -> bytes:
    now = frame * NS // _FPS
    objects = []
    for x, y in places:
        if rng.random() < 0.02:
            continue  # a miss
        x, y = x + rng.gauss(0, 0.0005), min(1.0, max(0.07, y + rng.gauss(0, 0.0005)))
        box = (x - 0.02, y - 0.06, x + 0.02, y)
        objects.append(DetectedObject(label="car", score=round(rng.uniform(0.25, 0.95), 3), box=box))
    return Detections(
        camera="bench", seq=frame, frame=FrameRef(topic="frames", partition=0, offset=frame, captured_at=now),
        width=1280, height=720, model="bench", objects=objects,
    ).to_bytes()  # fmt: skip


def analyse(messages: list[bytes], *, library_filter: bool = False) -> int:
    """One pass of the service's work per message; returns the bytes written, so that nothing is left out."""
    place = site()
    analyzer = CameraAnalyzer(place, place.cameras[0])
    if library_filter:
        tracker = analyzer._following._tracker._tracker
        tracker.state_estimator_class, tracker.iou = XYXYStateEstimator, IoU()
    written = 0
    for message in messages:
        analysis = analyzer.step(Detections.from_bytes(message))
        if analysis.tracks is not None:
            written += len(analysis.tracks.to_bytes())
        written += sum(len(item.to_bytes()) for item in [*analysis.incidents, *analysis.lane_stats])
    return written


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and print its table; exit code 0. `argv` is the command line's when not given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="print where the time goes instead")
    arguments = parser.parse_args(argv)
    messages = stream(arguments.frames)
    if arguments.profile:
        with cProfile.Profile() as profile:
            analyse(messages)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return 0
    wide_console().print(measure(messages, arguments.rounds))
    return 0


def measure(messages: list[bytes], rounds: int) -> Table:
    """Time both in turns."""
    rates: dict[str, list[float]] = {"wayside": [], "with the library's filter and IoU": []}
    for _ in range(rounds):
        for name, own in rates.items():
            start = time.thread_time()  # CPU seconds: what others do on the machine stays out
            analyse(messages, library_filter=name != "wayside")
            own.append(len(messages) / (time.thread_time() - start))
    table = Table(
        title=f"analyzer, one thread: camera-frames/s at {OBJECTS} objects, {len(messages)} frames, {rounds} rounds",
        caption=describe(),
    )
    for column in ("analyzer", "min", "median", "max", f"median / {WANTED:g}"):
        table.add_column(column, justify="left" if column == "analyzer" else "right", no_wrap=True)
    for name, own in rates.items():
        middle = statistics.median(own)
        table.add_row(name, *(f"{value:.0f}" for value in (min(own), middle, max(own))), f"{middle / WANTED:.2f}")
    return table


if __name__ == "__main__":
    raise SystemExit(main())
