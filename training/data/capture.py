"""Which camera took a picture and when, from its name: `CAMERA_TIME.jpg`, as `wayside data` writes pictures."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath

from shared.clock import NS

# RFC 3339's basic form, or 19 digits of ns since 1970: fewer digits are a counter's, as in IMG_0001.jpg. A part of
# the picture has a number after it.
_NAME = re.compile(
    r"(?P<camera>[A-Za-z0-9][A-Za-z0-9._-]{0,63})_(?:(?P<ns>\d{19})|(?P<day>\d{8})T(?P<time>\d{6})(?:\.(?P<part>\d{1,9}))?Z)"
    r"(?:-\d+)?"
)


@dataclass(frozen=True, slots=True, order=True)
class Capture:
    """Attributes: time is UTC ns."""

    camera: str
    time: int


def capture_of(path: PurePath | str) -> Capture | None:
    """Camera and time of a picture; None when its name does not say.

    Example:
        >>> capture_of("a2-km41_20260501T063000.25Z.jpg")
        Capture(camera='a2-km41', time=1777617000250000000)
        >>> capture_of("IMG_0001.jpg") is None
        True
    """
    name = PurePath(path).name
    match = _NAME.fullmatch(name[: len(name) - len(PurePath(path).suffix)])
    if match is None:
        return None
    if match["ns"]:
        return Capture(match["camera"], int(match["ns"]))
    try:
        moment = datetime.strptime(match["day"] + match["time"], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return Capture(match["camera"], int(moment.timestamp()) * NS + int((match["part"] or "").ljust(9, "0")))


def picture_name(capture: Capture, suffix: str = ".jpg") -> str:
    """The name of a picture; `capture_of` reads it back.

    Example:
        >>> picture_name(Capture("cam", 1_500_000_000))
        'cam_19700101T000001.500000000Z.jpg'
    """
    seconds, part = divmod(capture.time, NS)
    return f"{capture.camera}_{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%S}.{part:09d}Z{suffix}"
