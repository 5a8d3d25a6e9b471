"""The threads of one live camera, between its source and the bus, and its reports."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor

from services.producer.camera import LiveCamera
from services.producer.outbox import Outbox
from services.producer.reader import SERVICE
from services.producer.vitals import Vitals
from shared import topics
from shared.bus.base import Producer
from shared.camera_status import BEAT_S, CameraStatus
from shared.exceptions import BusError
from shared.frames import Frame
from shared.site import Camera
from shared.telemetry import metrics
from shared.telemetry.logs import logger

# How soon a thread sees that the service stops.
_WAIT_S = 0.5
# After a refusal by the bus: it is overloaded or away, and the outbox sheds meanwhile.
_REFUSED_S = 1.0


def send(producer: Producer, frame: Frame) -> None:
    """Hand a frame to the bus.

    Raises:
        BusError: the bus does not take it.
    """
    producer.send(
        topics.FRAMES,
        frame.jpeg,
        key=frame.camera,
        timestamp_ms=frame.captured_at // 1_000_000,
        headers=frame.headers(),
    )
    metrics.FRAMES_OUT.labels(SERVICE, frame.camera).inc()


class Crew:
    """The two threads of a live camera: one reads the source, one hands its frames to the bus."""

    def __init__(
        self,
        camera: Camera,
        producer: Producer,
        run: str | None,
        stop: threading.Event,
        encoders: Executor,
        decoder: str,
    ) -> None:
        self._vitals = Vitals(camera, run)
        self._reported: CameraStatus | None = None
        self._next_report = 0.0
        self.camera = LiveCamera(
            camera, self._take, stop, run=run, vitals=self._vitals, encoders=encoders, decoder=decoder
        )
        self._id, self._producer, self._stop = camera.id, producer, stop
        self._outbox = Outbox(camera.id)
        self._failure: BaseException | None = None
        # Daemons: a reader that waits for a silent network must not hold up the end of the process.
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=f"{name}-{camera.id}", daemon=True)
            for name, work in (("read", self._read), ("send", self._forward))
        ]
        for thread in self._threads:
            thread.start()

    def check(self) -> None:
        """Raise what ended a thread, if anything did: a bug, for sources and the bus may fail."""
        if self._failure is not None:
            raise self._failure

    def report(self) -> None:
        """Send how the camera is, when that has changed or it is time again.

        A bus that does not take it is told of by the next flush, and the watchdog hears the silence.
        """
        status, before = self._vitals.report(), self._reported
        changed = before is None or (status.state, status.clock) != (before.state, before.clock)
        if not changed and time.monotonic() < self._next_report:
            return
        try:
            self._producer.send(
                topics.CAMERA_STATUS, status.to_bytes(), key=status.camera, timestamp_ms=status.at // 1_000_000
            )
        except BusError as error:
            metrics.ERRORS.labels(SERVICE, "bus").inc()
            logger(SERVICE).warning("report not sent", camera=self._id, reason=str(error))
            return
        self._reported, self._next_report = status, time.monotonic() + BEAT_S

    def join(self, until: float) -> None:
        """Wait for the frames that are under way, but not beyond this time of `time.monotonic`."""
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _take(self, frame: Frame) -> None:
        metrics.FRAMES_IN.labels(SERVICE, frame.camera).inc()
        self._outbox.put(frame)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self._failure = error
            raise

    def _read(self) -> None:
        try:
            self.camera.serve()
        finally:
            self._outbox.close()

    def _forward(self) -> None:
        while not self._outbox.finished and not self._stop.is_set():
            frame = self._outbox.take(timeout_s=_WAIT_S)
            if frame is None:
                continue
            try:
                send(self._producer, frame)
            except BusError as error:
                metrics.FRAMES_SHED.labels(SERVICE, self._id, "bus-error").inc()
                logger(SERVICE).warning("frame not sent", camera=self._id, reason=str(error))
                self._stop.wait(_REFUSED_S)
