"""Decoding video with PyAV: files, network streams and devices."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from services.producer.sources import Kind, Source
from shared.clock import NS
from shared.exceptions import ConfigError, InputError
from shared.telemetry import metrics
from shared.telemetry.logs import redact

# Connecting over a slow line takes seconds; a camera that has said nothing for 10 s is gone.
_OPEN_S = 10.0
_READ_S = 10.0
# A stream's first frames may need this much to find the codec; the default 5 s would delay every reconnect.
_ANALYSE_US = "2000000"
# These keep no presentation times (AVI only decoding ones): their frames are counted instead.
_COUNTED = ("avi", "h264", "hevc")
# These neither, and come at the pace of the camera.
_UNTIMED = ("mpjpeg", "mjpeg", "jpeg_pipe")
CPU = "cpu"
# For a stream that does not say: PAL's rate.
_GUESSED_RATE = Fraction(25)


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

    @property
    def timed(self) -> bool:
        """Whether its presentation times mean anything: motion JPEG has none, FFmpeg makes them up."""
        return self._container.format.name not in _UNTIMED

    @property
    def clocked(self) -> bool:
        """Whether its presentation times come from the camera, and not from counting its frames here."""
        return self.timed and self._container.format.name not in _COUNTED

    @property
    def period_ns(self) -> int:
        """The usual step between two frames."""
        return round(NS / (self._stream.average_rate or _GUESSED_RATE))

    def frames(self) -> Iterator[tuple[int, VideoFrame]]:
        """Frames in presentation order with their PTS in ns; what cannot be decoded is counted and left out.

        Raises:
            InputError: the stream broke off.
        """
        last = -self.period_ns
        counted = self._container.format.name in _COUNTED
        for frame in self._decoded():
            if counted or frame.pts is None or frame.time_base is None:
                last += self.period_ns
            else:
                last = round(frame.pts * frame.time_base * NS)
            yield last, frame

    def _decoded(self) -> Iterator[VideoFrame]:
        try:
            for packet in self._container.demux(self._stream):
                try:
                    yield from packet.decode()
                except av.InvalidDataError:
                    metrics.ERRORS.labels("producer", "decode").inc()
        except (av.FFmpegError, OSError) as error:
            yield from self._held_back()
            raise InputError(f"{self._source.shown}: the video breaks off: {_reason(error)}") from None

    def _held_back(self) -> Iterator[VideoFrame]:
        """What the decoder's threads still hold, so that a broken file gives the same frames on any machine."""
        try:
            yield from self._stream.codec_context.decode(None)
        except av.FFmpegError:
            return


def check_decoder(decoder: str) -> None:
    """See at the start whether videos can be decoded by `cpu` or a device, and not camera by camera.

    Raises:
        ConfigError: there is no such device here.
    """
    if decoder == CPU:
        return
    try:
        HWAccel(decoder, allow_software_fallback=True).create(av.Codec("h264", "r"))
    except (av.FFmpegError, NotImplementedError) as error:  # no such device; or FFmpeg has no decoder for it
        raise ConfigError(
            f"setting video_decoder (WAYSIDE_VIDEO_DECODER): {decoder} cannot decode video here "
            f"({str(error).splitlines()[0]}); set it to cpu"
        ) from None


@contextmanager
def open_video(source: Source, *, live: bool = False, decoder: str = CPU) -> Iterator[Video]:
    """Open a source for decoding.

    Args:
        live: at its own pace, and else as fast as it goes.
        decoder: `cpu`, or a device; what that cannot decode the CPU does.

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
            hwaccel=None if decoder == CPU else HWAccel(decoder, allow_software_fallback=True),
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        what = "not a video" if source.kind is Kind.VIDEO_FILE else "cannot be opened"
        raise InputError(f"{source.shown}: {what}: {_reason(error)}") from None
    with container:
        streams = container.streams.video
        if not streams:
            raise InputError(f"{source.shown}: not a video: it has no video stream")
        stream = streams[0]
        # Frame threads decode faster than real time, but each holds a frame back and keeps pictures of its own, 9 MB of
        # 720p on two cores and more on more: right for reading a file once, wrong for many cameras that play.
        stream.thread_type = "SLICE" if live else "AUTO"
        yield Video(container, stream, source)


def _reason(error: Exception) -> str:
    strerror = getattr(error, "strerror", None)
    return redact(str(strerror or error)).splitlines()[0]
