"""The tracker goes on from its saved state as if nothing had happened: the same ids and labels for ever after."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analyzer import tracker_state
from services.analyzer.tracking import CameraTracker
from shared.exceptions import ConfigError
from shared.messages import DetectedObject


def _frames(seed: int, count: int) -> list[tuple[float, list[DetectedObject]]]:
    """Objects that move, jitter, vanish for a while, cross and change their label; frames at uneven times."""
    chance = random.Random(seed)
    movers = [
        (chance.uniform(0, 0.8), chance.uniform(0, 0.8), chance.gauss(0, 0.03), chance.gauss(0, 0.03), size)
        for size in [chance.uniform(0.03, 0.13) for _ in range(chance.randint(1, 8))]
    ]
    time_s, frames = 1.7e9 + chance.random(), []
    for _ in range(count):
        time_s += chance.choice([0.1, 0.1, 0.1, 0.0333, 0.04, 0.5, 2.5])
        objects = []
        for x, y, vx, vy, size in movers:
            if chance.random() < 0.25:
                continue
            left = min(max(x + vx * (time_s % 20) + chance.gauss(0, 0.004), 0), 0.85)
            top = min(max(y + vy * (time_s % 20) + chance.gauss(0, 0.004), 0), 0.85)
            label = chance.choice(["car", "car", "car", "truck"])
            box = (left, top, left + size, top + size)
            objects.append(DetectedObject(label=label, score=chance.uniform(0.1, 1.0), box=box))
        frames.append((time_s, objects))
    return frames


def _restored(tracker: CameraTracker) -> CameraTracker:
    other = CameraTracker()
    other.restore(json.loads(json.dumps(tracker.state())))
    return other


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), cut=st.integers(0, 25))
def test_a_restored_tracker_gives_exactly_the_same_further_output(seed: int, cut: int) -> None:
    frames = _frames(seed, 50)
    tracker = CameraTracker()
    for time_s, objects in frames[:cut]:
        tracker.update(objects, 1280, 720, time_s)
    other = _restored(tracker)
    for time_s, objects in frames[cut:]:
        assert other.update(objects, 1280, 720, time_s) == tracker.update(objects, 1280, 720, time_s)
        assert other.state() == tracker.state()


def _used() -> CameraTracker:
    tracker = CameraTracker()
    for time_s, objects in _frames(3, 20):
        tracker.update(objects, 1280, 720, time_s)
    assert tracker.next_id > 0
    return tracker


def test_another_version_of_the_library_starts_anew_but_never_reuses_an_id() -> None:
    state = json.loads(json.dumps(_used().state()))
    state["bytetrack"]["library"] = "trackers 1.0"
    other = CameraTracker()
    assert not other.restore(state)
    assert other.update([], 1280, 720, 1.0) == []
    assert other.next_id == _used().next_id


def test_a_library_that_holds_more_than_is_saved_is_refused() -> None:
    tracker = _used()
    tracker._tracker.tracks[0].appearance = [1.0]
    with pytest.raises(ConfigError, match="appearance"):
        tracker.state()


def test_the_library_holds_no_state_that_is_not_saved() -> None:
    """Everything that a used tracker holds is a setting of its constructor, or saved."""
    used, fresh = vars(_used()._tracker), vars(CameraTracker()._tracker)
    changed = {name for name in used if used[name] != fresh.get(name) and name != "iou"}
    assert changed == {"tracks", "_next_track_id", "_last_timestamp"}
    assert tracker_state.LIBRARY.startswith("trackers 2.")
