"""Things that the detector has no name for, on roads that the memory has just learned.

    python -m training.bench.unknown [--split dev|test] [--scenes N] [--first SEED] [--quiet N] [--details]

`--scenes` of the kind `later` of training/bench/learned_scenes.py and `--quiet` of the kind `quiet`, judged by the
whole pipeline. Hours count from the end of the learning time on. Wayside without the memory is the baseline, on the
same boxes.
"""

import argparse
from collections.abc import Sequence

from shared.messages import Detections
from training.bench.learned_options import add_options, backend_of, headline, scenes_of
from training.bench.learned_score import Score, judge
from training.intervals import percentile, wilson
from training.scenes.scene import Scene

_CLASSES = ((8, 16), (16, 24), (24, 32), (32, 80), (16, 1000), (32, 1000))


def scores_of(scene: Scene, rows: Sequence[Detections]) -> dict[str, Score]:
    """With the memory, and without it."""
    without = [row.model_copy(update={"surface": None}) for row in rows]
    return {"with the memory": judge(scene, rows), "without it": judge(scene, without)}


def table(name: str, score: Score) -> list[str]:
    """Markdown: a row per size."""
    lines = []
    for low, high in _CLASSES:
        group = [after for pixels, after in score.found if low <= pixels < high]
        hits = [after for after in group if after is not None]
        interval = wilson(len(hits), len(group))
        share = "-" if interval is None else f"{len(hits) / len(group):.0%} ({interval[0]:.0%}-{interval[1]:.0%})"
        size = f"{low}-{high}" if high < 1000 else f"{low} and more"
        late = percentile(hits, 95)
        seconds = "-" if late is None else f"{late:.1f}"
        lines.append(f"| {size} | {name} | {len(group)} | {len(hits)} | {share} | {seconds} |")
    return lines


def alarms(name: str, score: Score, details: bool) -> list[str]:
    """A line with the rate of false alarms, and each of them."""
    lines = ["", f"{name}: {len(score.others)} other alerts in {score.hours:.2f} h: {score.rate(2)} per hour"]
    return lines + [f"  {text}" for text in score.others] + [f"  missed {text}" for text in score.missed if details]


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, scenes=40, quiet=16)
    options = parser.parse_args()
    backend = backend_of(options)
    sums: dict[str, Score] = {}
    times = []
    for scene, seen in scenes_of(options, backend):
        times.append(seen.memory_ms)
        for name, score in scores_of(scene, seen.plain).items():
            sums.setdefault(name, Score()).add(score)
    print(headline(options, backend))
    print("| height, px | contestant | staged | found within 10 s | rate (95 %) | p95 s |")
    print("| --- | --- | --: | --: | --- | --: |")
    for name, score in sums.items():
        print("\n".join(table(name, score)))
    for name, score in sums.items():
        print("\n".join(alarms(name, score, options.details)))
    print(f"\nmemory: {sum(times) / len(times):.2f} ms per frame, beside other work on every core")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
