"""The memory of the empty road beside dual background models and an autoencoder, on the same frames.

    python -m training.bench.unknown_baselines [--split dev|test] [--scenes N] [--first SEED] [--quiet N] [--details]

The scenes, the lanes and the rule are those of training/bench/unknown.py: what has stayed for 6 s is told, and found
when that is within 10 s of its rest. Every method is judged by itself, and in the memory's place in the whole product,
where things with a name belong to the detector. The settings were found by training/bench/rivals/tune.py.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import torch

from training.bench.learned import Seen
from training.bench.learned_options import add_options, backend_of, headline, scenes_of
from training.bench.learned_score import Score, judge
from training.bench.rivals.autoencoder import Schedule
from training.bench.rivals.dual import DualSettings
from training.bench.rivals.feed import Told, show
from training.bench.rivals.judge import alone, table, with_names
from training.bench.rivals.reconstruct import Limits
from training.scenes.scene import Scene

# The best of their kind on `dev`.
DUALS = {
    "dual background, mixtures": DualSettings("mog2", threshold=36),
    "dual background, means": DualSettings("mean", threshold=16),
}
CODERS = {"autoencoder": (Schedule(), {"autoencoder": Limits(margin=1.5)})}


@dataclass(frozen=True, slots=True)
class Result:
    """Of one scene: scores by contestant, and per method ms of CPU per frame and seconds of training."""

    scores: Mapping[str, Score]
    costs: Mapping[str, tuple[float, float]]


def compete(scene: Scene, seen: Seen) -> Result:
    """Every contestant on one scene."""
    rows = seen.plain
    told = {"memory": Told([row.surface for row in rows], seen.memory_ms * len(rows) / 1000)}
    told |= show(scene, rows, DUALS, CODERS)
    scores = {f"{name}, by itself": judge(scene, alone(rows, item.surfaces)) for name, item in told.items()}
    scores |= {f"{name}, in the product": judge(scene, with_names(rows, item.surfaces)) for name, item in told.items()}
    scores["the product without any"] = judge(scene, with_names(rows, [None] * len(rows)))
    return Result(scores, {name: (1000 * item.seconds / len(rows), item.learning_s) for name, item in told.items()})


def report(results: Sequence[Result], details: bool = False) -> list[str]:
    """Markdown: what was found, what it costs, and with `details` each false alarm."""
    sums: dict[str, Score] = {}
    for result in results:
        for name, score in result.scores.items():
            sums.setdefault(name, Score()).add(score)
    lines = [
        *table(list(sums.items())),
        "",
        "| method | ms per frame | training per camera, s |",
        "| --- | --: | --: |",
    ]
    for name in results[0].costs:
        costs = [result.costs[name] for result in results]
        frame, training = (sum(part) / len(costs) for part in zip(*costs, strict=True))
        lines.append(f"| {name} | {frame:.1f} | {f'{training:.0f}' if training else '-'} |")
    if details:
        lines += [f"  {name}: {text}" for name, score in sums.items() for text in score.others]
    return lines


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, scenes=12, quiet=0)
    options = parser.parse_args()
    backend = backend_of(options)
    # Each method's time is that of one thread.
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    results = [compete(scene, seen) for scene, seen in scenes_of(options, backend)]
    print(headline(options, backend))
    print("\n".join(report(results, options.details)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
