"""Who takes part in `training.bench.loops`: each runs a clip from start to end."""

import json
import logging
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv
import torch
from trackers import ByteTrackTracker
from ultralytics.models import YOLO
from ultralytics.utils import LOGGER, torch_utils

from services.detector.backends.load import Wanted, load
from services.detector.memory.descriptors import LAYERS
from services.detector.process import tune_process
from services.detector.stage import DetectorStage
from services.local import run_pipeline
from services.outputs import RunOutputs
from shared.exceptions import ModelError
from shared.settings import MEMORY_EVERY_S
from shared.site import Camera, Site
from training.bench.turns import Contestant, Lap, Run, timed

# Of the model's input: multiples of its stride.
_STRIDE = 32
_INFERENCE = Path(__file__).with_name("inference_pipeline.py")
_BACKENDS = ("openvino", "torch")


def one_stream(
    site: Site, camera: Camera, weights: Path, imgsz: int, folder: Path, inference: Path | None = None,
    int8: bool = False,
) -> dict[str, Contestant]:  # fmt: skip
    """Everybody on one stream.

    Args:
        inference: the Python of an environment with InferencePipeline.
        int8: whether Wayside also takes part in whole numbers, which must have been made.

    Raises:
        ModelError: the model cannot be exported.
    """
    loops = {"torch": weights, "its OpenVINO": exported(weights, imgsz, 1, folder)}
    contestants = {
        f"wayside run, {name}": Contestant(wayside, (site, [camera], weights, name, imgsz)) for name in _BACKENDS
    }
    if int8:
        whole_numbers = Contestant(wayside, (site, [camera], weights, "openvino", imgsz, False, "int8"))
        contestants["wayside run, openvino, int8"] = whole_numbers
    whole = Contestant(wayside, (site, [camera], weights, "openvino", imgsz, True))
    contestants["wayside run, openvino, with close-up and memory"] = whole
    for name, model in loops.items():
        contestants[f"ultralytics track, {name}"] = Contestant(track, (model, imgsz))
    for name, model in loops.items():
        contestants[f"supervision + ultralytics, {name}"] = Contestant(supervision, (model, imgsz, camera))
    if inference is not None:
        contestants["InferencePipeline + ultralytics, torch"] = Contestant(pipeline, (inference, weights, imgsz))
    return contestants


def many_streams(
    site: Site, camera: Camera, weights: Path, imgsz: int, folder: Path, count: int
) -> dict[str, Contestant]:
    """Those that take several streams; every stream shows the same clip.

    Raises:
        ModelError: the model cannot be exported.
    """
    cameras = [camera.model_copy(update={"id": f"bench-{number}"}) for number in range(count)]
    site = site.model_copy(update={"cameras": cameras})
    contestants = {
        f"wayside run, {name}": Contestant(wayside, (site, cameras, weights, name, imgsz)) for name in _BACKENDS
    }
    for name, model in {"torch": weights, "its OpenVINO": exported(weights, imgsz, count, folder)}.items():
        contestants[f"ultralytics track, a .streams file, {name}"] = Contestant(
            streams_file, (model, imgsz, folder, count)
        )
    for name, model in {"torch": weights, "its OpenVINO": exported(weights, imgsz, 1, folder)}.items():
        contestants[f"ultralytics track, a thread per stream, {name}"] = Contestant(
            thread_per_stream, (model, imgsz, count)
        )
    return contestants


def exported(weights: Path, imgsz: int, batch: int, folder: Path) -> Path:
    """Folder of Ultralytics's own OpenVINO export, as its documentation makes it, for batches of a fixed size and the
    input shape of a 16:9 picture.

    Raises:
        ModelError: it does not export.
    """
    height = -(-imgsz * 9 // 16 // _STRIDE) * _STRIDE
    # It writes beside the weights.
    copy = folder / f"batch-{batch}" / weights.name
    made = copy.with_name(f"{copy.stem}_openvino_model")
    if not made.is_dir():
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(weights, copy)
        LOGGER.setLevel(logging.ERROR)
        threads = torch.get_num_threads()
        YOLO(str(copy)).export(format="openvino", imgsz=[height, imgsz], batch=batch, device="cpu", verbose=False)
        torch.set_num_threads(threads)  # it takes one less
    if not made.is_dir():
        raise ModelError(f"{weights}: Ultralytics did not export it to OpenVINO")
    return made


def wayside(
    site: Site, cameras: list[Camera], weights: Path, backend: str, imgsz: int, whole: bool = False,
    precision: str = "auto",
) -> Run:  # fmt: skip
    """`wayside run`, results and all; `whole`: with the close-ups and the memory that it has by default."""
    tune_process()
    layered = load(backend, Wanted(weights, device="cpu", precision=precision, layers=LAYERS))
    if whole:
        stage = DetectorStage(layered, imgsz=imgsz, cameras=cameras, memory_every_s=MEMORY_EVERY_S)
    else:
        stage = DetectorStage(layered, imgsz=imgsz)

    def run(clip: Path) -> int:
        shown = [camera.model_copy(update={"source": str(clip)}) for camera in cameras]
        with tempfile.TemporaryDirectory() as folder, RunOutputs(site, Path(folder)) as outputs:
            report = run_pipeline(site, shown, stage, outputs)
        return sum(report.frames.values())

    return timed(run)


def track(model: Path, imgsz: int) -> Run:
    """Ultralytics's `track` on a file."""
    loaded = _yolo(model)
    return timed(lambda clip: _tracked(loaded, str(clip), imgsz))


def streams_file(model: Path, imgsz: int, folder: Path, count: int) -> Run:
    """All streams as batches of one model. Its buffer keeps every frame; without it frames are dropped unseen."""
    loaded = _yolo(model)

    def run(clip: Path) -> int:
        listed = folder / f"{model.stem}.streams"
        listed.write_text(f"{clip}\n" * count)
        return _tracked(loaded, str(listed), imgsz, stream_buffer=True)

    return timed(run)


def thread_per_stream(model: Path, imgsz: int, count: int) -> Run:
    """A model and a thread for each stream, as Ultralytics's guide to multithreaded tracking has it."""
    models = [_yolo(model) for _ in range(count)]

    def run(clip: Path) -> int:
        with ThreadPoolExecutor(count) as pool:
            return sum(pool.map(lambda own: _tracked(own, str(clip), imgsz), models))

    return timed(run)


def supervision(model: Path, imgsz: int, camera: Camera) -> Run:
    """The loop of supervision's documentation: boxes, ByteTrack, which track is in which polygon."""
    loaded = _yolo(model)

    def run(clip: Path) -> int:
        info = sv.VideoInfo.from_video_path(str(clip))
        tracker = ByteTrackTracker(frame_rate=info.fps)
        size = np.array([info.width, info.height])
        zones = [sv.PolygonZone((np.array(zone.polygon) * size).astype(np.int64)) for zone in camera.zones]
        seen = 0
        for frame in sv.get_video_frames_generator(str(clip)):
            result = loaded(frame, imgsz=imgsz, verbose=False)[0]
            detections = tracker.update(sv.Detections.from_ultralytics(result))
            for zone in zones:
                zone.trigger(detections)
            seen += 1
        return seen

    return timed(run)


def pipeline(python: Path, weights: Path, imgsz: int) -> Run:
    """InferencePipeline in its own environment, whose packages do not go together with these."""

    def run(clip: Path) -> Lap:
        command = [str(python), str(_INFERENCE), str(clip), str(weights), str(imgsz), str(torch.get_num_threads())]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return Lap(**json.loads(done.stdout.splitlines()[-1]))

    return run


def _yolo(model: Path) -> Any:
    """The model, with as many threads as everybody has: Ultralytics's predictor would set all cores but one."""
    LOGGER.setLevel(logging.ERROR)
    setattr(torch_utils, "NUM_THREADS", torch.get_num_threads())  # noqa: B010 (the module does not export it)
    return YOLO(str(model), task="detect")


def _tracked(model: Any, source: str, imgsz: int, **options: Any) -> int:
    results = model.track(
        source=source, stream=True, imgsz=imgsz, tracker="bytetrack.yaml", verbose=False, save=False, **options
    )
    return sum(1 for _ in results)
