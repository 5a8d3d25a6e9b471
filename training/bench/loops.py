"""`wayside run` against the loops that people write around Ultralytics, supervision and InferencePipeline.

All read the same clip with the same weights, at the same input size, each in a process of its own, and take turns, so
that a drift of the machine meets each; all look once at each frame, except for the row that is `wayside run` as it is
by default. Frames/s depend on what else the machine does; CPU per frame hardly does. One stream, and several, where
every loop is what its own documentation shows for that.
"""

import argparse
import tempfile
from pathlib import Path

from services.detector.backends.load import Wanted
from services.detector.memory.descriptors import LAYERS
from services.detector.weights import find_weights
from training.bench.clips import cut
from training.bench.loop_contestants import many_streams, one_stream
from training.bench.machine import taken
from training.bench.pipeline import highway
from training.bench.ratios import ratio_table
from training.bench.turns import Contestant, take_turns
from training.models.export import make_int8
from training.report import wide_console

# Frames of the clip that a contestant runs first: primitives, graphs compiled for the shape, file cache.
_WARM = 24


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print its tables; exit code 0."""
    parser = argparse.ArgumentParser(
        prog="python -m training.bench.loops", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant")
    parser.add_argument("--frames", type=int, default=450, help="of the clip, one stream")
    parser.add_argument("--streams", type=int, default=4, help="in the second table; 0 leaves it out")
    parser.add_argument("--stream-frames", type=int, default=150, help="of each stream in the second table")
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--model", default="yolo11n-coco")
    parser.add_argument("--only", default="", help="words, with commas between; only contestants that have one of them")
    parser.add_argument(
        "--inference-python",
        type=Path,
        help="Python of an environment with `inference` and `ultralytics`, for InferencePipeline",
    )
    parser.add_argument("--calibrate", type=Path, help="pictures to make int8 with; it then takes part, one stream")
    options = parser.parse_args(arguments)
    others = taken()
    weights = find_weights(options.model)
    if options.calibrate is not None:
        make_int8(Wanted(weights, device="cpu", layers=LAYERS), options.calibrate, options.imgsz)
    site, camera = highway()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short = cut(camera.source, _WARM, folder)
        clip = cut(camera.source, options.frames, folder)
        contest = one_stream(
            site, camera, weights, options.imgsz, folder, options.inference_python, options.calibrate is not None
        )
        _run("one stream", contest, clip, short, options, others)
        if options.streams:
            clip = cut(camera.source, options.stream_frames, folder)
            contest = many_streams(site, camera, weights, options.imgsz, folder, options.streams)
            _run(f"{options.streams} streams", contest, clip, short, options, others)
    return 0


def _run(
    what: str, contestants: dict[str, Contestant], clip: Path, short: Path, options: argparse.Namespace, others: str
) -> None:
    words = [word for word in options.only.split(",") if word]
    chosen = {name: one for name, one in contestants.items() if not words or any(word in name for word in words)}
    if not chosen:
        return
    laps = take_turns(chosen, clip, short, options.rounds)
    rates = {name: [lap.frames / lap.seconds for lap in own] for name, own in laps.items()}
    costs = {name: [1000 * lap.cpu_s / lap.frames for lap in own] for name, own in laps.items()}
    console, base = wide_console(), next(iter(chosen))
    title = f"{what}, {options.model} at {options.imgsz} px, {options.rounds} rounds"
    console.print(
        ratio_table(
            f"frames/s, {title}; {others}", rates, base, lambda own, ours: ours / own, head="first / this",
            digits=(1, 2),
        )
    )  # fmt: skip
    console.print(
        ratio_table(
            f"CPU ms per frame, {title}", costs, base, lambda own, ours: own / ours, head="this / first", digits=(1, 2)
        )
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
