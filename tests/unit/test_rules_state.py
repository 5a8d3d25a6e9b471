"""Motion, incident books and rules go on from their JSON state as if nothing had happened."""

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analyzer.motion import MotionMemory
from services.analyzer.rules import build_rules
from shared.messages import Detections, Incident
from shared.site import Zone
from tests.unit.analyzer_helpers import LANE, LANE_2, SHOULDER, analyzer, frame, make_site, thing

FRAMES = 250
LABELS = ("car", "car", "car", "truck", "truck", "person", "suitcase", "dog", "airplane", "airplane")
APRON = Zone(id="apron", kind="taxiway", polygon=[(0, 0), (1, 0), (1, 0.3), (0, 0.3)])
STAND = Zone(id="stand", kind="stand", polygon=[(0.4, 0.3), (1, 0.3), (1, 1), (0.4, 1)])
YARD = Zone(id="yard", kind="restricted", polygon=[(0, 0.5), (0.3, 0.5), (0.3, 1), (0, 1)])
SITE = make_site([LANE.model_copy(update={"direction": None}), LANE_2, SHOULDER, APRON, STAND, YARD])


def random_stream(seed: int) -> list[Detections]:
    """Objects that drive, stop, drive on, stand still, turn round and are missed on up to 40 % of the frames."""
    rng = np.random.default_rng(seed)
    frames: list[list] = [[] for _ in range(FRAMES)]
    for _ in range(int(rng.integers(5, 13))):
        label = LABELS[int(rng.integers(len(LABELS)))]
        x, y = float(rng.uniform(0.15, 0.95)), float(rng.uniform(0.15, 0.9))
        speed = float(rng.choice([0.0, 0.0, 0.1, -0.15]))
        first, stop, go = sorted(int(value) for value in rng.integers(0, FRAMES, 3))
        missed = float(rng.uniform(0, 0.4))
        for index in range(first, FRAMES):
            moving = index < stop or index >= go
            y += speed / 10 * moving
            seen = rng.random() > missed
            if seen and 0.12 < y < 1.0:
                jitter = rng.normal(0, 0.002, 2)
                frames[index].append(thing(label, x + jitter[0], y + jitter[1], score=float(rng.uniform(0.3, 0.9))))
    return [frame(index, objects) for index, objects in enumerate(frames)]


def run(stream: list[Detections], hand_over: frozenset[int]) -> list[Incident]:
    """The incidents of a stream whose motion and rules move to new objects before the given frames."""
    stage = analyzer(SITE)
    changes: list[Incident] = []
    for index, detections in enumerate(stream):
        if index in hand_over:
            follows = stage._following
            states = json.loads(json.dumps([follows._motion.state(), *[rule.state() for rule in stage._rules]]))
            follows._motion, stage._rules = MotionMemory(), build_rules(SITE, SITE.cameras[0])
            for part, value in zip([follows._motion, *stage._rules], states, strict=True):
                part.restore(value)
        changes += stage.step(detections).incidents
    return changes


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cuts=st.frozensets(st.integers(1, FRAMES - 1), min_size=1, max_size=5))
def test_a_new_owner_goes_on_with_the_same_incidents(seed: int, cuts: frozenset[int]) -> None:
    stream = random_stream(seed)
    assert run(stream, cuts) == run(stream, frozenset())


def test_a_hand_over_before_every_frame_changes_nothing_and_the_streams_raise_incidents() -> None:
    changes = [change for seed in range(4) for change in run(random_stream(seed), frozenset())]
    again = [change for seed in range(4) for change in run(random_stream(seed), frozenset(range(1, FRAMES)))]
    assert again == changes
    assert {change.change for change in changes} >= {"opened", "closed"}
    assert len({change.incident for change in changes}) >= 6
