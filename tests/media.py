"""Small clips and pictures made at test time."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from shared.jpeg import encode_jpeg

Picture = NDArray[np.uint8]


def picture(index: int, width: int = 160, height: int = 96) -> Picture:
    """A picture that differs per index: a bright block that moves over grey."""
    image = np.full((height, width, 3), 90, np.uint8)
    left = index * 8 % (width - 32)
    image[20:52, left : left + 32] = (220, 60, 40)
    return image


def write_clip(
    path: Path, frames: int, rate: Fraction | int = 10, *, width: int = 160, height: int = 96, codec: str = "libx264"
) -> Path:
    """A clip of `picture`s; the container follows from the path's suffix."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.gop_size = 10
        for index in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(index, width, height), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def write_pictures(folder: Path, count: int, *, width: int = 160, height: int = 96) -> list[Path]:
    """`count` JPEGs named 000.jpg, 001.jpg, …"""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{index:03d}.jpg" for index in range(count)]
    for index, path in enumerate(paths):
        path.write_bytes(encode_jpeg(picture(index, width, height)))
    return paths


def turn_clip(path: Path) -> None:
    """Mark an MP4 as filmed on edge: to be turned by 90° clockwise (ISO/IEC 14496-12, section 8.3.2, tkhd)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    one = 1 << 16
    matrix = (0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    data[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(data)
