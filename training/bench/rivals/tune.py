"""The rivals' settings, tried on scenes of `dev`: a few of each, one table.

    python -m training.bench.rivals.tune [--scenes N]

What is best here is what training/bench/unknown_baselines.py takes to `test`: most found, less two for each false
alarm, as a part of the whole product.
"""

import argparse
from collections.abc import Sequence
from itertools import product

import cv2
import torch

from services.detector.backends.torch import TorchBackend
from services.detector.weights import find_weights
from shared.messages import Detections
from shared.settings import load_settings
from training.bench.learned import Request, see_all
from training.bench.machine import describe
from training.bench.rivals.autoencoder import Schedule
from training.bench.rivals.dual import DualSettings
from training.bench.rivals.feed import show
from training.bench.rivals.judge import Score, alone, judge, table, with_names
from training.bench.rivals.reconstruct import Limits
from training.scenes.scene import Scene

DUALS = {
    f"{kind}, {threshold:g} variances, {area} px": DualSettings(kind, threshold=threshold, area=area)
    for kind, threshold, area in product(("mog2", "mean"), (9.0, 16.0, 36.0), (6, 16))
}
CODERS = {
    f"autoencoder, {latent}": (
        Schedule(latent),
        {f"autoencoder, {latent} numbers, margin {margin:g}": Limits(margin) for margin in (1.0, 1.5, 2.0, 3.0)},
    )
    for latent in (8, 32)
}


def tried(scene: Scene, rows: Sequence[Detections]) -> dict[str, tuple[Score, Score]]:
    """Each setting alone, and in the whole product."""
    told = show(scene, rows, DUALS, CODERS)
    return {
        name: (judge(scene, alone(rows, item.surfaces)), judge(scene, with_names(rows, item.surfaces)))
        for name, item in told.items()
    }


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=8)
    arguments = parser.parse_args()
    backend = TorchBackend(find_weights(load_settings().model))
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    sums: dict[str, tuple[Score, Score]] = {}
    requests: list[Request] = [("dev", "later", seed) for seed in range(arguments.scenes)]
    for scene, seen in see_all(backend, requests, with_faults=True):
        for name, pair in tried(scene, seen.plain).items():
            for total, score in zip(sums.setdefault(name, (Score(), Score())), pair, strict=True):
                total.add(score)
    best = sorted(sums.items(), key=lambda item: 2 * len(item[1][1].others) - item[1][1].hits)
    print(f"Split dev, {arguments.scenes} scenes, {backend.version}. {describe()}\n")
    for title, place in (("alone", 0), ("with names", 1)):
        print(f"\n{title}\n" + "\n".join(table([(name, pair[place]) for name, pair in best])))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
