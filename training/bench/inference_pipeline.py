"""A clip through Roboflow's InferencePipeline with Ultralytics as its model; run by `training.bench.loops`.

For an environment of its own (`pip install inference ultralytics`), so it imports nothing of Wayside. Its own models
come from a server, with a key; a pipeline with `on_video_frame` is what its documentation gives for others.
"""

import json
import os
import sys
import time
from typing import Any

os.environ.setdefault("YOLO_OFFLINE", "true")

import supervision as sv
import torch
from inference import InferencePipeline
from trackers import ByteTrackTracker
from ultralytics.models import YOLO


def main(clip: str, weights: str, imgsz: int, threads: int) -> None:
    """Print frames, seconds and CPU seconds as JSON; reading the model is not in them."""
    model: Any = YOLO(weights)
    next(model(clip, imgsz=imgsz, verbose=False, stream=True))
    torch.set_num_threads(threads)
    tracker, seen = ByteTrackTracker(), 0

    def look(frames: list[Any]) -> list[Any]:
        results = model([frame.image for frame in frames], imgsz=imgsz, verbose=False)
        return [sv.Detections.from_ultralytics(result) for result in results]

    def track(detections: Any, frame: Any) -> None:
        nonlocal seen
        tracker.update(detections)
        seen += 1

    begun, cpu = time.perf_counter(), time.process_time()
    pipeline = InferencePipeline.init_with_custom_logic(video_reference=clip, on_video_frame=look, on_prediction=track)
    pipeline.start()
    pipeline.join()
    print(
        json.dumps({"frames": seen, "seconds": time.perf_counter() - begun, "cpu_s": time.process_time() - cpu}),
        flush=True,
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
