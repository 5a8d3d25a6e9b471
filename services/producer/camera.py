"""One live camera: reads its source for ever and gives each frame its capture time."""

import random
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from services.producer.encode import Encoded, encode_frame
from services.producer.pacing import Backoff, CaptureClock
from services.producer.reader import SERVICE, shots
from services.producer.sources import Source, resolve
from services.producer.stillness import FrameChooser
from services.producer.video import CPU, open_video
from services.producer.vitals import Vitals
from shared.camera_status import CLOCK_RESET_NS
from shared.clock import NS, to_ns
from shared.exceptions import InputError, PoisonMessageError
from shared.frames import Frame
from shared.site import Camera
from shared.telemetry import metrics
from shared.telemetry.logs import logger

# A connection that held this long was good: the next failure begins with a short wait again.
_GOOD_S = 60.0
# A clip's frame that is this late is shed: the machine is too slow for the clip, and the next one counts more.
_LATE_NS = NS
# This late, the clip's time starts anew: decoding alone is too slow (or the process slept), and shedding
# would go on for ever.
_LOST_NS = 5 * NS


class LiveCamera:
    """Reads one camera until `stop` is set; every failure of the source leads to a new attempt after a while.

    Example:
        >>> camera = LiveCamera(site.cameras[0], emit=outbox.put, stop=stop)       # doctest: +SKIP
        >>> threading.Thread(target=camera.serve).start()                         # doctest: +SKIP
    """

    def __init__(
        self,
        camera: Camera,
        emit: Callable[[Frame], None],
        stop: threading.Event,
        *,
        run: str | None = None,
        vitals: Vitals | None = None,
        encoders: Executor | None = None,
        decoder: str = CPU,
        clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`emit` takes each frame, `vitals` hears how the source does; `clock` gives UTC ns, `monotonic` seconds.

        `encoders` turn frames into JPEG; without any the camera's own thread does. Many cameras share a few: what a
        thread has once used to convert a picture it keeps, 6 MB of 720p. `decoder` is what decodes a stream's video.
        """
        self._camera, self._emit, self._stop, self._run = camera, emit, stop, run
        self._encoders, self._decoder = encoders, decoder
        self._now, self._monotonic = clock, monotonic
        self._vitals = vitals or Vitals(camera, run)
        self._stamps = CaptureClock()
        self._seq = 0
        self._last = -1
        self._up = False
        self._log = logger(SERVICE, camera=camera.id)
        self._gauge = metrics.SOURCE_UP.labels(camera.id)
        self._gauge.set(0)

    @property
    def up(self) -> bool:
        """Whether the source delivers."""
        return self._up

    def serve(self) -> None:
        """Connect, read, and connect again."""
        backoff = Backoff()
        while not self._stop.is_set():
            began = self._monotonic()
            try:
                source = resolve(self._camera)
                (self._play if source.finite else self._receive)(source)
                if source.finite and not self._camera.loop:
                    self._log.info("source is at its end", source=source.shown)
                    self._vitals.ended()
                    break
            except InputError as error:
                if not self._up:  # it never delivered: the attempt failed, else the connection was lost
                    metrics.SOURCE_CONNECTS.labels(self._camera.id, "failed").inc()
                self._set_up(False)
                self._vitals.failed(str(error))
                if self._monotonic() - began > _GOOD_S:
                    backoff.reset()
                wait_s = backoff.wait_s(random.random())
                self._log.warning("source lost", reason=str(error), retry_in_s=round(wait_s, 1))
                self._stop.wait(wait_s)
        self._set_up(False)

    def _receive(self, source: Source) -> None:
        """Read a network stream or a device until it ends, which a camera never should.

        Raises:
            InputError: it ended or broke off.
        """
        chooser = FrameChooser(self._camera)
        with open_video(source, live=True, decoder=self._decoder) as video:
            self._stamps.connected()
            self._vitals.connected()
            for pts_ns, frame in video.frames():
                arrived = self._now()
                if not video.timed:
                    pts_ns = arrived
                if source.paced:
                    arrived += self._stamps.early_ns(pts_ns, arrived)
                    self._stop.wait(max(0, arrived - self._now()) / NS)
                if self._stop.is_set():
                    return
                self._connected(source)
                if video.clocked:
                    self._vitals.stream_time(pts_ns, paced=source.paced)
                captured_at = self._stamps.stamp(pts_ns, max(arrived, self._now()))
                if chooser.admits(captured_at, frame):
                    self._encode_and_send(captured_at, partial(encode_frame, frame, self._camera))
        raise InputError(f"{source.shown}: the stream ended")

    def _play(self, source: Source) -> None:
        """Play a file at its own pace; its first frame is captured now. Where the clock is set meanwhile, what is left
        of it is captured by the new time.

        Raises:
            InputError: it cannot be read, or holds no frame.
        """
        now = self._now()
        # One frame after the last of the round before, so that time goes on across the seam.
        start = max(now, self._last + round(NS / self._camera.fps))
        if start > now + CLOCK_RESET_NS + NS / self._camera.fps:
            start = now
        # By the clock that nobody sets: one that is set back would stop the clip until it has caught up.
        began = to_ns(self._monotonic()) + start - now
        sent = self._seq
        for shot in shots(source, self._camera, live=True):
            wait_s = (began + shot.elapsed_ns) / NS - self._monotonic()
            if (wait_s > 0 and self._stop.wait(wait_s)) or self._stop.is_set():
                return
            self._connected(source)
            late = to_ns(self._monotonic()) - began - shot.elapsed_ns
            set_by = self._now() - start - shot.elapsed_ns - late
            if abs(set_by) > CLOCK_RESET_NS:
                self._log.warning("the clock was set; the clip follows it", by_s=round(set_by / NS, 1))
                start += set_by
            if late > _LOST_NS:
                self._log.warning("clip plays too slowly; its time starts anew", late_s=round(late / NS, 1))
                start, began = start + late, began + late
            elif late > _LATE_NS:
                metrics.FRAMES_SHED.labels(SERVICE, self._camera.id, "late").inc()
                continue
            self._encode_and_send(start + shot.elapsed_ns, shot.encode)
            del shot  # it holds a picture, and several frames may pass until the next is chosen
        if self._seq == sent:
            raise InputError(f"{source.shown}: no frame of it can be read")

    def _encode_and_send(self, captured_at: int, encode: Callable[[], Encoded | None]) -> None:
        try:
            encoded = encode() if self._encoders is None else self._encoders.submit(encode).result()
        except PoisonMessageError as error:
            metrics.ERRORS.labels(SERVICE, "broken-picture").inc()
            self._log.warning("frame left out", reason=str(error))
            return
        if encoded is None:
            return
        jpeg, width, height = encoded
        set_back = captured_at < self._last - CLOCK_RESET_NS
        self._last = captured_at if set_back else max(captured_at, self._last + 1)
        frame = Frame(self._camera.id, self._seq, self._last, width, height, jpeg, self._run, new_traceparent())
        self._seq += 1
        self._emit(frame)
        self._vitals.picture(self._last)

    def _connected(self, source: Source) -> None:
        if not self._up:
            metrics.SOURCE_CONNECTS.labels(self._camera.id, "connected").inc()
            self._log.info("source connected", source=source.shown)
            self._set_up(True)

    def _set_up(self, up: bool) -> None:
        self._up = up
        self._gauge.set(int(up))


def new_traceparent() -> str:
    """A sampled root span, as W3C Trace Context (level 1, section 3.2) writes it."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
