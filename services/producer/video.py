"""Decoding video with PyAV: files, network streams and devices."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from services.producer.sources import Kind, Source
from shared.clock import NS
from shared.exceptions import InputError
from shared.telemetry.logs import redact

# Connecting over a slow line takes seconds; a camera that has said nothing for 10 s is gone.
_OPEN_S = 10.0
_READ_S = 10.0
# A stream's first frames may need this much to find the codec; the default 5 s would delay every reconnect.
_ANALYSE_US = "2000000"


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video says of itself; `frames` and `duration_s` are None when it does not know."""

    width: int
    height: int
    fps: float | None
    frames: int | None
    duration_s: float | None


class Video:
    """An open video.

    Example:
        >>> with open_video(source) as video:                       # doctest: +SKIP
        ...     times = [pts_ns for pts_ns, frame in video.frames()]
    """

    def __init__(self, container: InputContainer, stream: VideoStream, source: Source) -> None:
        self._container, self._stream, self._source = container, stream, source

    def info(self) -> VideoInfo:
        """Size, rate and length."""
        stream = self._stream
        duration = None
        if stream.duration is not None and stream.time_base is not None:
            duration = float(stream.duration * stream.time_base)
        elif self._container.duration is not None:
            duration = self._container.duration / av.time_base
        rate = stream.average_rate or stream.guessed_rate
        frames = stream.frames or (round(duration * rate) if duration and rate else None)
        context = stream.codec_context
        return VideoInfo(context.width, context.height, float(rate) if rate else None, frames, duration)

    def frames(self) -> Iterator[tuple[int, VideoFrame]]:
        """Frames in presentation order with their PTS in ns.

        Raises:
            InputError: the stream broke off or cannot be decoded any further.
        """
        rate = self._stream.average_rate or Fraction(25)
        try:
            for index, frame in enumerate(self._container.decode(self._stream)):
                if frame.pts is None or frame.time_base is None:
                    yield round(index * NS / rate), frame
                else:
                    yield round(Fraction(frame.pts) * frame.time_base * NS), frame
        except (av.FFmpegError, OSError) as error:
            raise InputError(f"{self._source.shown}: the video breaks off: {_reason(error)}") from None


@contextmanager
def open_video(source: Source) -> Iterator[Video]:
    """Open a source for decoding.

    Raises:
        InputError: it is not there, does not answer, or is no video.
    """
    options = {}
    if source.address.startswith("rtsp"):
        options = {"rtsp_transport": "tcp", "analyzeduration": _ANALYSE_US}
    try:
        container = av.open(
            source.address,
            format="v4l2" if source.kind is Kind.DEVICE else None,
            options=options,
            timeout=(_OPEN_S, _READ_S) if source.kind is Kind.STREAM else None,
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        what = "is no video" if source.kind is Kind.VIDEO_FILE else "cannot be opened"
        raise InputError(f"{source.shown}: {what}: {_reason(error)}") from None
    with container:
        streams = container.streams.video
        if not streams:
            raise InputError(f"{source.shown}: is no video: it has no video stream")
        stream = streams[0]
        # Frame threads decode faster than real time but hold frames back: right for files, wrong for live.
        stream.thread_type = "AUTO" if source.kind is Kind.VIDEO_FILE else "SLICE"
        yield Video(container, stream, source)


def _reason(error: Exception) -> str:
    strerror = getattr(error, "strerror", None)
    return redact(str(strerror or error)).splitlines()[0]
