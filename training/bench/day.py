"""What changes over a day, light, weather, lens and video: what is told wrongly, and what is told of things then.

    python -m training.bench.day [--split dev|test] [--scenes N] [--first SEED] [--only NAME,…] [--details]

Each change of training/day in as many scenes of the kind `day` of training/bench/learned_scenes.py: 64 s of ordinary
traffic, the change from 84 s on (a night, a clock and a codec from the first frame on), and from 150 s on a thing on
two lanes. The whole pipeline judges. Hours count from the end of the learning time on.
"""

import argparse
from collections.abc import Sequence

from training.bench.learned import Request, see_all
from training.bench.learned_options import add_backend, backend_of, told
from training.bench.learned_score import Score, judge
from training.bench.machine import describe
from training.day.changes import CHANGES
from training.intervals import percentile, wilson
from training.scenes.scene import FPS

# Smaller things are asked about elsewhere.
_LEAST_PX = 16.0


def row(name: str, score: Score) -> str:
    """Markdown: of one change."""
    found = [after for pixels, after in score.found if pixels >= _LEAST_PX]
    hits = [after for after in found if after is not None]
    interval, late = wilson(len(hits), len(found)), percentile(hits, 95)
    share = "-" if interval is None else f"{len(hits)} of {len(found)} ({interval[0]:.0%}-{interval[1]:.0%})"
    return f"| {name} | {len(score.others)} | {score.hours:.2f} | {share} | {'-' if late is None else f'{late:.1f}'} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--scenes", type=int, default=4, help="of each change")
    parser.add_argument("--first", type=int, default=0, help="seed of the first scene")
    parser.add_argument("--only", default=",".join(CHANGES), help="changes, by their names")
    parser.add_argument("--details", action="store_true", help="list false alarms and what was missed")
    add_backend(parser)
    options = parser.parse_args(arguments)
    unknown = [name for name in options.only.split(",") if name not in CHANGES]
    if unknown:
        parser.error(f"no change {unknown[0]!r}; there are {', '.join(CHANGES)}")
    backend, whole, details = backend_of(options), Score(), list[str]()
    print(f"Split {options.split}, {options.scenes} scenes from seed {options.first}, {told(backend)}, {FPS} frames/s. "
          f"{describe()}\n")  # fmt: skip
    print("| what changes | false alarms | hours | things from 16 px told within 10 s (95 %) | p95 s |")
    print("| --- | --: | --: | --- | --: |")
    requests: list[Request] = [(options.split, "day", options.first + number) for number in range(options.scenes)]
    for name in options.only.split(","):
        score = Score()
        for scene, seen in see_all(backend, requests, change=name):
            score.add(judge(scene, seen.plain))
        print(row(name, score), flush=True)
        whole.add(score)
        details += [f"{name}: {text}" for text in score.others] + [f"{name}: missed {text}" for text in score.missed]
    print(row("all", whole))
    print(f"\n{whole.rate(2)} false alarms per hour")
    print("\n".join(details if options.details else []))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
