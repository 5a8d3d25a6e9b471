"""Speeds on a calibrated camera: what the tracks say of the staged traffic against how fast it was staged."""

import json
import statistics
from pathlib import Path

import pytest

from training.scenes.road import lane_centre, stage

pytestmark = pytest.mark.shared

# Traffic of the middle lane is never held up; nearer than 45 m a box's lower edge is known to a fifth of a metre.
LANE = 2
NEAR_M, FAR_M = 12.0, 45.0


def test_vehicles_have_the_speed_at_which_they_were_staged(first_run: Path) -> None:
    found = [
        item["speed_kmh"]
        for line in (first_run / "tracks.jsonl").read_text().splitlines()
        for item in json.loads(line)["objects"]
        if item["zones"] == [f"lane-{LANE}"] and item["speed_kmh"] is not None
    ]
    assert len(found) > 50
    assert statistics.median(found) == pytest.approx(staged_kmh(), rel=0.1)


def staged_kmh(seed: int = 1) -> float:
    """Of the lane's vehicles, by where they are a tenth of a second apart."""
    speeds = []
    for actor in stage(seed)[0]:
        for tick in range(400):
            now, later = actor.path(tick / 10), actor.path(tick / 10 + 0.1)
            if now and later and now[0] == lane_centre(LANE) and NEAR_M < now[1] < FAR_M:
                speeds.append((now[1] - later[1]) * 10 * 3.6)
    return statistics.median(speeds)
