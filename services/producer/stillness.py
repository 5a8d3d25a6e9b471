"""Which frames a camera sends while nothing moves before it: `idle_fps` a second instead of `fps`."""

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from services.producer.pacing import RateLimiter
from shared.clock import NS
from shared.site import Camera
from shared.telemetry import metrics

Luma = NDArray[np.float32]
"""(h, w) mean brightness of the blocks of a picture."""

# Blocks across: 16 px of a 1280 px picture. A person 16 px tall, who changes a third of a block, is seen by day.
_ACROSS = 80
# A change in grey levels that is motion: this, and so many times the median block's, which is the sensor's noise (0.67
# of its standard deviation: of 3,600 blocks one gets there by noise once in 200,000 pictures).
_LEAST, _TIMES = 4.0, 9.0
# Half of the picture changes: a lorry that fills it, a camera that turns, light. No noise is that strong.
_MOST_NOISE = 3.0
# After motion every frame is sent for this long: what stops, or is hidden for a moment, is followed.
HOLD_NS = 3 * NS
# Formats whose first plane is the brightness, 8 bits per pixel.
_PLANAR = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "gray")


class FrameChooser:
    """Chooses a camera's frames by the stream's time and, where the camera has an `idle_fps`, by what moves.

    It compares each due frame with the last one that was sent, so that what creeps adds up. The same frames give the
    same choice.
    """

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._limiter = RateLimiter(camera.fps)
        self._gate = MotionGate(camera.fps, camera.idle_fps) if camera.idle_fps is not None else None
        self._to_grey = VideoReformatter()

    def admits(self, time_ns: int, frame: VideoFrame) -> bool:
        """Whether the frame at this time of the stream is analysed; what is left out for stillness is counted."""
        if not self._limiter.admits(time_ns):
            return False
        if self._gate is None or self._gate.admits(time_ns, luma_of(frame, self._to_grey)):
            return True
        metrics.FRAMES_IDLE.labels(self._camera.id).inc()
        return False


class MotionGate:
    """Lets every frame pass while something moves and a while after, else one in `1 / idle_fps` seconds."""

    def __init__(self, fps: float, idle_fps: float) -> None:
        # Half a frame early still counts as due: frames come on the grid of `fps`.
        self._period = round(NS / idle_fps - NS / fps / 2)
        self._sent: Luma | None = None
        self._sent_at = self._moved_at = 0

    def admits(self, time_ns: int, luma: Luma) -> bool:
        """Whether the frame at this time (ns) is sent."""
        before, since = self._sent, time_ns - self._sent_at
        if before is None or since < 0 or before.shape != luma.shape or moves(before, luma):
            self._moved_at = time_ns
        if time_ns - self._moved_at > HOLD_NS and since < self._period:
            return False
        self._sent, self._sent_at = luma, time_ns
        return True


def moves(before: Luma, luma: Luma) -> bool:
    """Whether something moved between two pictures, beyond the sensor's noise."""
    changes = cv2.absdiff(before, luma)
    noise = float(np.median(changes))
    return noise > _MOST_NOISE or bool(changes.max() > max(_LEAST, _TIMES * noise))


def luma_of(frame: VideoFrame, to_grey: VideoReformatter | None = None) -> Luma:
    """The frame's brightness in blocks; every fourth of their pixels in each direction is enough.

    Args:
        to_grey: for formats that hold it with other things; who asks of many frames keeps one.
    """
    if frame.format.name not in _PLANAR:
        frame = (to_grey or VideoReformatter()).reformat(frame, format="gray", threads=1)
    plane = frame.planes[0]
    full = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
    step = max(1, frame.width // (4 * _ACROSS))
    size = _ACROSS, max(1, round(_ACROSS * frame.height / frame.width))
    return np.asarray(cv2.resize(full[::step, ::step].astype(np.float32), size, interpolation=cv2.INTER_AREA))
