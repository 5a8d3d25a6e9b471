"""A car that stops straight below the camera, with the shipped model: seen as a car, and told once."""

from pathlib import Path
from statistics import median

import numpy as np
import pytest

from services.analyzer.stage import CameraAnalyzer
from services.detector.backends.load import Wanted, load
from services.detector.stage import DetectorStage
from services.detector.weights import find_weights
from shared.geometry import iou
from shared.messages import Detections, FrameRef
from training.bench.detections import scene_frames
from training.scenes.scene import FPS
from training.scenes.staged import compose


@pytest.mark.shared
def test_it_is_a_car_in_the_overview_and_told_once(shared_dir: Path) -> None:
    scene = compose("dev", "overhead-stop", 5)
    site = scene.place.site(scene.id, FPS)
    (stop,) = scene.truth
    assert stop.box is not None
    backend = load("openvino", Wanted(find_weights("wayside-n"), device="cpu", precision="float32"))
    stage, analyzer = DetectorStage(backend, cameras=site.cameras), CameraAnalyzer(site, site.cameras[0])
    whole, both, told = list[float](), list[float](), list[tuple[str, str]]()

    there = np.array([stop.box])

    def score(row: Detections) -> float:
        cars = [item for item in row.objects if item.label == "car"]
        return max((item.score for item in cars if iou(there, np.array([item.box]))[0, 0] >= 0.5), default=0.0)

    for frame in scene_frames(scene):
        decoded = stage.decode(frame)
        ref = FrameRef(topic="frames", partition=0, offset=frame.seq, captured_at=frame.captured_at)
        seen = stage.see([decoded])
        row = stage.describe(decoded, ref, stage.step_back([decoded], seen)[0])
        told += [(item.incident, item.label) for item in analyzer.step(row).incidents if item.change == "opened"]
        if stop.start_s <= frame.seq / FPS <= stop.end_s and frame.seq % FPS == 0:
            whole.append(score(stage.describe(decoded, ref, seen[0])))
            both.append(score(row))
    stage.close()
    assert median(whole) < 0.3
    assert median(both) > 0.5
    assert told == [("stopped-vehicle", "car")]
