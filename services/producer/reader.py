"""A finite source, once, losslessly and the same every time: for `wayside run`, `up --once` and benchmarks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from services.producer.encode import Encoded, encode_frame
from services.producer.pacing import ClipClock
from services.producer.pictures import load_picture
from services.producer.sources import Kind, Source, resolve
from services.producer.stillness import FrameChooser
from services.producer.video import open_video
from shared.clock import NS
from shared.exceptions import InputError, PoisonMessageError
from shared.frames import Frame
from shared.site import Camera
from shared.telemetry import metrics
from shared.telemetry.logs import logger

SERVICE = "producer"


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of a source before it is read.

    Attributes:
        width: of the first frame that `read_once` gives, pixels; 0 for a source that is not opened.
        height: likewise.
        frames_expected: analysed frames at the camera's rate; None when the source does not say.
        finite: it comes to an end of itself.
    """

    width: int
    height: int
    frames_expected: int | None
    duration_s: float | None
    finite: bool


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame chosen for analysis, not yet encoded.

    Attributes:
        elapsed_ns: time since the source's first frame.
        encode: gives the JPEG; None, counted and logged, when the picture is broken. Call it before taking
            the next shot.
    """

    elapsed_ns: int
    encode: Callable[[], Encoded | None]


def probe(camera: Camera) -> SourceInfo:
    """Open the source and look at its first frame (network sources and devices are not opened).

    Raises:
        InputError: it is missing, or no video or picture.
    """
    source = resolve(camera)
    if not source.finite:
        return SourceInfo(0, 0, None, None, finite=False)
    if source.kind is Kind.PICTURES:
        return _probe_pictures(source, camera)
    with open_video(source) as video:
        first = next(video.frames(), None)
        if first is None:
            raise InputError(f"{source.shown}: not a video: it holds no frame")
        try:
            _, width, height = encode_frame(first[1], camera)
        except PoisonMessageError as error:
            raise InputError(f"{source.shown}: {error}") from None
        info = video.info()
    frames = info.frames
    if info.duration_s is not None and info.fps is not None and info.fps > camera.fps:
        frames = round(info.duration_s * camera.fps)
    return SourceInfo(width, height, frames, info.duration_s, finite=True)


def _probe_pictures(source: Source, camera: Camera) -> SourceInfo:
    problem = ""
    for path in source.files:
        try:
            _, width, height = load_picture(path.read_bytes(), camera)
        except (PoisonMessageError, OSError) as error:
            problem = problem or f"{path.name}: {error}"
            continue
        count = len(source.files)
        return SourceInfo(width, height, count, count / camera.fps, finite=True)
    raise InputError(f"{source.shown}: no picture can be read: {problem}")


def read_once(camera: Camera, *, start_ns: int = 0, run: str | None = None) -> Iterator[Frame]:
    """The camera's analysed frames, as fast as they can be read.

    Capture times are `start_ns` plus the frame's time since the first one; `seq` counts from 0. A clip whose
    end is broken gives what can be decoded, with a warning; a broken picture of a folder is left out.

    Raises:
        InputError: the source cannot be read at all, or is not finite.

    Example:
        >>> for frame in read_once(camera):                                   # doctest: +SKIP
        ...     print(frame.seq, frame.captured_at, len(frame.jpeg))
    """
    source = resolve(camera)
    if not source.finite:
        raise InputError(f"{source.shown}: is live, so it cannot be read once")
    seq = 0
    for shot in shots(source, camera):
        if (encoded := shot.encode()) is not None:
            jpeg, width, height = encoded
            yield Frame(camera.id, seq, start_ns + shot.elapsed_ns, width, height, jpeg, run)
            seq += 1


def shots(source: Source, camera: Camera, *, live: bool = False) -> Iterator[Shot]:
    """The frames of a finite source at the camera's rate; `live` as in `open_video`.

    Raises:
        InputError: it cannot be read at all.
    """
    return _picture_shots(source, camera) if source.kind is Kind.PICTURES else _video_shots(source, camera, live)


def _video_shots(source: Source, camera: Camera, live: bool) -> Iterator[Shot]:
    chooser = FrameChooser(camera)
    given = False
    with open_video(source, live=live) as video:
        clock = ClipClock(video.period_ns)
        try:
            for pts_ns, frame in video.frames():
                elapsed_ns = clock.elapsed(pts_ns)
                if chooser.admits(elapsed_ns, frame):
                    given = True
                    yield Shot(
                        elapsed_ns, partial(_counted, camera, source.shown, partial(encode_frame, frame, camera))
                    )
        except InputError as error:
            if not given:
                raise
            metrics.ERRORS.labels(SERVICE, "broken-video").inc()
            logger(SERVICE).warning("clip is broken", camera=camera.id, reason=str(error))


def _picture_shots(source: Source, camera: Camera) -> Iterator[Shot]:
    for index, path in enumerate(source.files):
        load = partial(_load, path, camera)
        yield Shot(round(index * NS / camera.fps), partial(_counted, camera, path.name, load))


def _load(path: Path, camera: Camera) -> Encoded:
    return load_picture(path.read_bytes(), camera)


def _counted(camera: Camera, name: str, encode: Callable[[], Encoded]) -> Encoded | None:
    try:
        return encode()
    except (PoisonMessageError, OSError) as error:
        metrics.ERRORS.labels(SERVICE, "broken-picture").inc()
        logger(SERVICE).warning("picture left out", camera=camera.id, file=name, reason=str(error))
        return None
