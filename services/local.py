"""`wayside run`: the whole pipeline on files, as fast as it goes, without a broker.

The stages are those of the services, and every frame passes through the same JPEG, so the alerts are those
that the streaming services give on the same clip.

    reader thread per source: video → chosen frames → JPEG
    main thread:              merged by capture time → batches, handed out and collected in order
    one thread per core:      decoded at the model's scale → forward pass → boxes
    writer thread:            boxes → detections → tracks → incidents → alerts → files
"""

import heapq
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from services.analyzer.stage import CameraAnalyzer
from services.detector.health import HealthWatch
from services.detector.memory.keeper import Memories
from services.detector.stage import Decoded, DetectorStage, Look, Outcome
from services.inspecting import RunInspections
from services.outputs import RunOutputs
from services.producer import read_once
from shared import topics
from shared.exceptions import InputError, PoisonMessageError
from shared.frames import Frame
from shared.inspection import InspectionRequest
from shared.messages import FrameRef
from shared.site import Camera, Site
from shared.telemetry.logs import logger

# Frames that wait per source: two batches, so that the model never waits for the reader.
_READ_AHEAD = 24
# Frames that are looked at together at least. Nobody waits for a single one, and the larger the batches, the less often
# the cores wait for each other: OpenVINO does a fifth more per second than by twos.
RUN_BATCH = 12
# Batches handed out per core: one in work, two that wait, so that no core waits for the oldest to be collected.
_IN_FLIGHT = 3
# Batches that the writer may be behind; more would only hide that it is the slowest.
_WRITE_BEHIND = 2
# There is no bus here, so a frame has no address in a log.
NO_PARTITION = -1


@dataclass(slots=True)
class RunReport:
    """What a run did: frames and problems per camera, and the alerts that it opened."""

    frames: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    alerts_opened: int = 0

    def skip(self, frame: Frame, reason: PoisonMessageError) -> None:
        """Count a picture that cannot be decoded."""
        self.skipped[frame.camera] = self.skipped.get(frame.camera, 0) + 1
        logger("run").warning("frame skipped", camera=frame.camera, seq=frame.seq, reason=str(reason))


def run_pipeline(
    site: Site,
    cameras: Sequence[Camera],
    stage: DetectorStage,
    outputs: RunOutputs,
    *,
    run: str | None = None,
    start_ns: int = 0,
    batch: int = RUN_BATCH,
    inspect: Sequence[InspectionRequest] = (),
    on_frame: Callable[[str], None] = lambda camera: None,
) -> RunReport:
    """Run every camera's source once, from start to end.

    Args:
        cameras: with the sources to read; zones and rules come from the site.
        start_ns: UTC ns of each source's first frame.
        inspect: questions beside those that the site plans.
        batch: frames that are looked at together.
        on_frame: called with the camera's id after each frame, for a progress bar.

    Returns:
        the report; a source that broke half way stands in `failures`, the others were finished.
    """
    report = RunReport()
    analyzers = {camera.id: CameraAnalyzer(site, camera) for camera in cameras}
    inspections = RunInspections(site, run, inspect, outputs)
    health, memories = HealthWatch(cameras), Memories()
    readers = [_Reader(camera, report, start_ns, run) for camera in cameras]

    def finish(outcomes: Sequence[Outcome], frames: Sequence[Frame]) -> None:
        for outcome, frame in zip(outcomes, frames, strict=True):
            if isinstance(outcome, PoisonMessageError):
                report.skip(frame, outcome)
                continue
            item, one = outcome
            condition = health.see(item, one, stage.backend.labels)
            detections = stage.describe(item, _address(item), one, condition, memories.see(item, one, stage))
            analysis = analyzers[item.frame.camera].step(detections)
            report.alerts_opened += outputs.write(item.frame, detections, analysis.tracks, analysis.incidents)
            report.alerts_opened += inspections.step(item.frame, analysis.tracks, analysis.incidents)
            outputs.write_lanes(analysis.lane_stats)
            outputs.write_turnarounds(analysis.turnarounds)
            report.frames[item.frame.camera] = report.frames.get(item.frame.camera, 0) + 1
            on_frame(item.frame.camera)

    merged = heapq.merge(*readers, key=lambda frame: frame.captured_at)
    try:
        with ThreadPoolExecutor(1, "writer") as writer:
            running: deque[tuple[list[Frame], Future[Look]]] = deque()
            written: list[Future[None]] = []

            def collect() -> None:
                frames, look = running.popleft()
                written.append(writer.submit(finish, look.result().outcomes, frames))
                if len(written) > _WRITE_BEHIND:
                    written.pop(0).result()  # an error there ends the run here

            for frames in _batches(merged, batch):
                running.append((frames, stage.start(frames)))
                if len(running) > _IN_FLIGHT * stage.backend.parallel:
                    collect()
            while running:
                collect()
            for future in written:
                future.result()
            report.alerts_opened += inspections.close()
            for analyzer in analyzers.values():
                outputs.write_lanes(analyzer.close())
    finally:
        for reader in readers:
            reader.close()
    return report


def _address(item: Decoded) -> FrameRef:
    return FrameRef(
        topic=topics.FRAMES, partition=NO_PARTITION, offset=item.frame.seq, captured_at=item.frame.captured_at
    )


def _batches(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    batch: list[Frame] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


class _Reader:
    """Reads one source ahead on its own thread; iterates over its frames in order."""

    def __init__(self, camera: Camera, report: RunReport, start_ns: int, run: str | None) -> None:
        self._camera, self._report = camera, report
        self._start_ns, self._run = start_ns, run
        self._queue: queue.Queue[Frame | BaseException | None] = queue.Queue(_READ_AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name=f"read-{camera.id}", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for frame in read_once(self._camera, start_ns=self._start_ns, run=self._run):
                if not self._put(frame):
                    return
            self._put(None)
        except InputError as error:
            logger("run").warning("source ended early", camera=self._camera.id, reason=str(error))
            self._report.failures.append(str(error))
            self._put(None)
        except BaseException as error:
            self._put(error)  # a bug: it belongs on the main thread, not into a silent end of the clip
            raise

    def _put(self, item: Frame | BaseException | None) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def __iter__(self) -> Iterator[Frame]:
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def close(self) -> None:
        """Stop reading, also in the middle."""
        self._stop.set()
        self._thread.join(timeout=5)


def cameras_for(site: Site, sources: Sequence[str], site_path: Path) -> list[Camera]:
    """Which camera each SOURCE of the command line belongs to.

    `id=source` says it. Else the camera whose own source this is, or whose id is the file's stem; else, when
    there are as many sources as cameras, by order. Without sources every camera reads its own.

    Raises:
        InputError: a source that belongs to no camera, with the remedy.
    """
    if not sources:
        return list(site.cameras)
    chosen: dict[str, Camera] = {}
    for index, text in enumerate(sources):
        camera_id, _, path = text.partition("=")
        if not path or site.camera(camera_id) is None:
            camera_id, path = "", text
        own = (camera for camera in site.cameras if _same_file(camera.source, path))
        camera = site.camera(camera_id) or next(own, None) or site.camera(Path(path).stem)
        if camera is None and len(sources) == len(site.cameras):
            camera = site.cameras[index]
        if camera is None or camera.id in chosen:
            ids = ", ".join(camera.id for camera in site.cameras)
            raise InputError(f"{path}: which camera of {site_path} is it? Say ID={path} with one of: {ids}")
        chosen[camera.id] = camera.model_copy(update={"source": path})
    return list(chosen.values())


def _same_file(source: str, path: str) -> bool:
    return source == path or Path(source).resolve() == Path(path).resolve()
