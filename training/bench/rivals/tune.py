"""The rivals' settings, tried on scenes of `dev`, by themselves; the best first.

    python -m training.bench.rivals.tune [--scenes N]

Best is what finds most, less two for each false alarm; training/bench/unknown_baselines.py takes it to `test`.
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
from training.bench.learned_score import Score, judge
from training.bench.machine import describe
from training.bench.rivals.autoencoder import Schedule
from training.bench.rivals.dual import KINDS, DualSettings
from training.bench.rivals.feed import show
from training.bench.rivals.judge import alone, table
from training.bench.rivals.reconstruct import Limits
from training.scenes.scene import Scene

DUALS = {
    f"{kind}, {threshold:g} variances": DualSettings(kind, threshold=threshold)
    for kind, threshold in product(KINDS, (16.0, 36.0))
}
CODERS = {
    "autoencoder": (
        Schedule(),
        {f"autoencoder, margin {margin:g}": Limits(margin) for margin in (0.7, 1.0, 1.5, 2.0, 3.0)},
    )
}


def tried(scene: Scene, rows: Sequence[Detections]) -> dict[str, Score]:
    """Each setting by itself."""
    told = show(scene, rows, DUALS, CODERS)
    return {name: judge(scene, alone(rows, item.surfaces)) for name, item in told.items()}


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=8)
    arguments = parser.parse_args()
    backend = TorchBackend(find_weights(load_settings().model))
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    sums: dict[str, Score] = {}
    requests: list[Request] = [("dev", "later", seed) for seed in range(arguments.scenes)]
    for scene, seen in see_all(backend, requests):
        for name, score in tried(scene, seen.plain).items():
            sums.setdefault(name, Score()).add(score)
    best = sorted(sums.items(), key=lambda item: 2 * len(item[1].others) - item[1].hits)
    print(f"Split dev, {arguments.scenes} scenes, {backend.version}. {describe()}\n")
    print("\n".join(table(best)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
