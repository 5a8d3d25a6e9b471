"""What kind a camera's source is, and which files belong to it."""

import glob
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from shared.exceptions import InputError
from shared.site import Camera
from shared.telemetry.logs import redact

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


class Kind(StrEnum):
    """What a source is."""

    VIDEO_FILE = "video file"
    PICTURES = "pictures"
    STREAM = "stream"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Source:
    """A camera's source, resolved.

    Attributes:
        address: what PyAV opens; for pictures the folder, glob or file.
        shown: the address without credentials, for logs and errors.
        files: the pictures in order, for `Kind.PICTURES`.
    """

    kind: Kind
    address: str
    shown: str
    files: tuple[Path, ...] = ()

    @property
    def finite(self) -> bool:
        """Whether it comes to an end of itself: files do, cameras do not."""
        return self.kind in (Kind.VIDEO_FILE, Kind.PICTURES)

    @property
    def paced(self) -> bool:
        """Whether it may arrive faster than it happened, as recordings and HLS segments over HTTP do."""
        return self.kind is Kind.STREAM and not self.address.lower().startswith("rtsp")


def resolve(camera: Camera) -> Source:
    """Say what a camera's source is; files must be there.

    Raises:
        InputError: a missing file, an empty folder or a glob that matches no picture.
    """
    address = camera.source
    shown = redact(address)
    if address.startswith("file://"):
        address = address.removeprefix("file://")
    if "://" in address:
        return Source(Kind.STREAM, address, shown)
    path = Path(address)
    if address.isdigit() and not path.exists():
        return Source(Kind.DEVICE, f"/dev/video{address}", shown)
    if path.is_char_device():
        return Source(Kind.DEVICE, address, shown)
    if path.is_dir():
        return _pictures(address, shown, sorted(path.iterdir()))
    if path.is_file():
        if path.suffix.lower() in PICTURES:
            return _pictures(address, shown, [path])
        return Source(Kind.VIDEO_FILE, address, shown)
    if glob.has_magic(address):
        return _pictures(address, shown, _matches(path))
    raise InputError(f"{shown}: no such file or folder (source of camera {camera.id})")


def _pictures(address: str, shown: str, candidates: list[Path]) -> Source:
    files = tuple(path for path in candidates if path.suffix.lower() in PICTURES and path.is_file())
    if not files:
        raise InputError(f"{shown}: holds no picture ({', '.join(sorted(PICTURES))})")
    return Source(Kind.PICTURES, address, shown, files)


def _matches(pattern: Path) -> list[Path]:
    anchor = Path(pattern.anchor) if pattern.anchor else Path()
    return sorted(anchor.glob(str(pattern.relative_to(pattern.anchor) if pattern.anchor else pattern)))
