"""The plain filter gives the library's numbers, and so the library's track ids."""

import numpy as np
import pytest
from trackers.core.bytetrack.tracklet import ByteTrackTracklet
from trackers.utils.iou import IoU
from trackers.utils.predict_timing import PredictTiming
from trackers.utils.state_representations import XYXYStateEstimator

from services.analyzer.kalman import EdgeFilter
from services.analyzer.tracking import CameraTracker
from shared.messages import DetectedObject


def test_same_box_and_covariance_as_the_library() -> None:
    rng = np.random.default_rng(0)
    box = np.array([100.0, 100.0, 160.0, 150.0], np.float32)
    ours, theirs = ByteTrackTracklet(box, EdgeFilter), ByteTrackTracklet(box, XYXYStateEstimator)
    for step in range(200):
        frame_step = float(rng.choice([1.0, 1.05, 3.0, 0.5, 7.5]))
        timing = PredictTiming(frame_step, frame_step / 30, frame_rate=30.0)
        for tracklet in (ours, theirs):
            tracklet.predict(timing)
        if rng.random() < 0.7:
            seen = (box + 3 * step + rng.normal(0, 2, 4)).astype(np.float32)
            for tracklet in (ours, theirs):
                tracklet.update(seen)
        assert ours.get_state_bbox() == pytest.approx(theirs.get_state_bbox(), rel=1e-9, abs=1e-6)
        full = theirs.state_estimator.kf.state_covariance
        block = [full[0, 0], full[0, 4], full[4, 4]]
        assert list(ours.state_estimator.covariance) == pytest.approx(block, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_same_ids_on_random_streams(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ours, theirs = CameraTracker(), CameraTracker()
    theirs._tracker.state_estimator_class, theirs._tracker.iou = XYXYStateEstimator, IoU()
    places, speeds = rng.uniform(0.1, 0.8, (25, 2)), rng.normal(0, 0.02, (25, 2))
    time_s, given = 0.0, 0
    for _ in range(120):
        time_s += float(rng.choice([0.1, 0.1, 0.033, 0.5]))
        places = (places + speeds) % 0.9
        seen = places[rng.random(25) < 0.85] + rng.normal(0, 0.002, 2)
        objects = [
            DetectedObject(label="car", score=float(rng.uniform(0.1, 0.95)), box=(x, y, x + 0.08, y + 0.06))
            for x, y in np.clip(seen, 0, 0.9).tolist()
        ]
        found = ours.update(objects, 1280, 720, time_s)
        assert found == theirs.update(objects, 1280, 720, time_s)
        given += sum(match is not None for match in found)
    assert given > 500


def test_state_is_plain_and_exact() -> None:
    one = EdgeFilter(np.array([1, 2, 3, 4], np.float32))
    one.predict(3.0, 30.0)
    one.update(np.array([1.5, 2.5, 3.5, 4.5], np.float32))
    other = EdgeFilter(np.zeros(4, np.float32))
    other.set_state(one.get_state())
    assert other.get_state() == one.get_state()
