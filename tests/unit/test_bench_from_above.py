"""How sure the looks are of cars from above: what counts, and the table."""

from collections import Counter

import numpy as np

from services.detector.found import Found
from training.bench.from_above import Seen, best_on, table


def test_the_best_box_on_the_car_counts_whatever_it_is_called() -> None:
    boxes = [(0.1, 0.1, 0.3, 0.5), (0.1, 0.12, 0.3, 0.5), (0.6, 0.1, 0.8, 0.5)]
    found = Found(np.array(boxes), np.array([0.2, 0.4, 0.9], np.float32), np.array([0, 1, 0]))
    score, label = best_on(found, (0.1, 0.1, 0.3, 0.5), ["car", "object"])
    assert (round(score, 2), label) == (0.4, "object")
    assert best_on(found, (0.3, 0.6, 0.5, 0.9), ["car", "object"]) == (0.0, "")


def test_each_stop_counts_once_by_the_median_of_its_seconds() -> None:
    def seen(scores: list[float], label: str, second: float) -> Seen:
        return Seen(scores, Counter({label: len(scores)}), [second] * len(scores))

    stops = [
        {"640 px": seen([0.1, 0.3, 0.2], "object", 2.0), "192 px": seen([0.7], "car", 0.5)},
        {"640 px": seen([0.4], "car", 2.0), "192 px": seen([0.9], "car", 0.5)},
    ]
    assert table(stops)[2:] == ["| 640 px | 0.30 | 0.20 | 1 of 2 | 1.00 |", "| 192 px | 0.80 | 0.70 | 2 of 2 | 0.25 |"]
