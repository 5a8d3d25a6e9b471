"""A finite source, once, losslessly and the same every time: for `wayside run`, `up --once` and benchmarks."""

from collections.abc import Iterator
from dataclasses import dataclass

from services.producer.encode import encode_frame, load_picture
from services.producer.pacing import RateLimiter
from services.producer.sources import Kind, Source, picture_times, resolve
from services.producer.video import open_video
from shared.exceptions import InputError, PoisonMessageError
from shared.frames import Frame
from shared.jpeg import decode_jpeg
from shared.site import Camera
from shared.telemetry import metrics
from shared.telemetry.logs import logger


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of a source before it is read.

    Attributes:
        frames_expected: analysed frames at the camera's rate; None when the source does not say.
        finite: it comes to an end of itself.
    """

    width: int
    height: int
    frames_expected: int | None
    duration_s: float | None
    finite: bool


def probe(camera: Camera) -> SourceInfo:
    """Open the source and look at its first frame (network sources are not opened).

    Raises:
        InputError: it is missing, or no video or picture.
    """
    source = resolve(camera)
    if not source.finite:
        return SourceInfo(0, 0, None, None, finite=False)
    if source.kind is Kind.PICTURES:
        count = len(source.files)
        return SourceInfo(0, 0, count, count / camera.fps, finite=True)
    with open_video(source) as video:
        if next(video.frames(), None) is None:
            raise InputError(f"{source.shown}: is no video: it holds no frame")
        info = video.info()
    frames = info.frames
    if info.duration_s is not None and info.fps is not None and info.fps > camera.fps:
        frames = round(info.duration_s * camera.fps)
    return SourceInfo(info.width, info.height, frames, info.duration_s, finite=True)


def read_once(camera: Camera, *, start_ns: int = 0, run: str | None = None) -> Iterator[Frame]:
    """The camera's analysed frames, as fast as they can be read.

    Capture times are `start_ns` plus the frame's time since the first one. A clip whose end is broken gives
    what can be decoded, with a warning.

    Raises:
        InputError: the source cannot be read at all, or is not finite.
    """
    source = resolve(camera)
    if not source.finite:
        raise InputError(f"{source.shown}: is live, so it cannot be read once")
    pictures = picture_series(source, camera) if source.kind is Kind.PICTURES else video_series(source, camera)
    for seq, (pts_ns, jpeg, width, height) in enumerate(pictures):
        yield Frame(camera.id, seq, start_ns + pts_ns, width, height, jpeg, run)


Encoded = tuple[int, bytes, int, int]
"""Time since the first frame in ns, JPEG, width, height."""


def video_series(source: Source, camera: Camera) -> Iterator[Encoded]:
    """The frames of a video file at the camera's rate."""
    limiter = RateLimiter(camera.fps)
    first: int | None = None
    with open_video(source) as video:
        try:
            for pts_ns, frame in video.frames():
                first = pts_ns if first is None else first
                if limiter.admits(pts_ns):
                    yield pts_ns - first, *encode_frame(frame, camera)
        except InputError as error:
            if first is None:
                raise
            metrics.ERRORS.labels("producer", "broken-video").inc()
            logger("producer").warning("clip is broken", camera=camera.id, reason=str(error))


def picture_series(source: Source, camera: Camera) -> Iterator[Encoded]:
    """The pictures of a folder or glob, one every 1/fps; those that are broken are counted and left out."""
    for path, pts_ns in zip(source.files, picture_times(len(source.files), camera.fps), strict=True):
        try:
            jpeg, width, height = load_picture(path.read_bytes(), camera)
            decode_jpeg(jpeg, min_width=1, min_height=1)  # an eighth of its size: finds a truncated file
        except (PoisonMessageError, OSError) as error:
            metrics.ERRORS.labels("producer", "broken-picture").inc()
            logger("producer").warning("picture left out", camera=camera.id, file=path.name, reason=str(error))
            continue
        yield pts_ns, jpeg, width, height
