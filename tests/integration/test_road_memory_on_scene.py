"""The memory of the empty road with the real detector, on a staged scene, with a change of workers in the middle."""

from pathlib import Path

import pytest

from services.analyzer.stage import CameraAnalyzer
from services.detector.backends.load import Wanted, load
from services.detector.memory.descriptors import LAYERS
from services.detector.memory.keeper import Memories
from services.detector.stage import DetectorStage
from services.detector.weights import find_weights
from shared.clock import NS
from shared.messages import FrameRef
from shared.store import Store
from training.bench.detections import scene_frames
from training.bench.learned_scenes import compose
from training.bench.learned_score import thing_of
from training.scenes.scene import FPS


@pytest.mark.shared
def test_things_without_a_name_are_told_also_by_the_worker_that_takes_over(redis_url: str, shared_dir: Path) -> None:
    store = Store.connect(redis_url)
    scene = compose("dev", "later", 1)
    site = scene.place.site(scene.id, FPS)
    # The whole picture alone: half the time, and the memory looks at nothing else.
    cameras = [camera.model_copy(update={"closeups": 0}) for camera in site.cameras]
    backend = load("openvino", Wanted(find_weights("wayside-n"), device="cpu", precision="float32", layers=LAYERS))
    stage = DetectorStage(backend, cameras=cameras, memory_every_s=0.4)
    memories, analyzer = Memories(store), CameraAnalyzer(site, cameras[0])
    handed_over, told, states = False, set(), []
    for frame in scene_frames(scene):
        if frame.captured_at > 65 * NS and not handed_over:
            memories.save()
            memories, handed_over = Memories(store), True
        decoded = stage.decode(frame)
        found = stage.infer([decoded])[0]
        surface = memories.see(decoded, found, stage)
        ref = FrameRef(topic="frames", partition=0, offset=frame.seq, captured_at=frame.captured_at)
        row = stage.describe(decoded, ref, found, None, surface)
        states += [surface.state] if surface else []
        for incident in analyzer.step(row).incidents:
            if incident.change == "opened":
                told.add((incident.incident, thing_of(scene, incident)))
        if frame.captured_at > 78 * NS:
            break
    stage.close()
    store.close()
    assert told == {("obstacle-on-lane", 0), ("obstacle-on-lane", 1)}
    assert states[0] == "learning"
    assert states[-1] == "watching"
