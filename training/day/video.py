"""The camera and its video: a mast that settles, infrared, a clock in the picture, a codec that is short of bits."""

from collections.abc import Iterator
from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from training.day.frames import Change, clipped, grain
from training.scenes.canvas import Picture
from training.scenes.scene import FPS, Scene

_KEY_S = 10


def settled(scene: Scene) -> Change:
    """The view has moved by two pixels."""
    move = np.array([[1, 0, 1.6], [0, 1, -1.2]])

    def change(picture: Picture, time_s: float, index: int) -> Picture:
        size = picture.shape[1], picture.shape[0]
        return np.asarray(cv2.warpAffine(picture, move, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)

    return change


def infrared(scene: Scene) -> Change:
    """The filter before the sensor swings away: grey, red things bright, some noise."""
    weights = np.array([0.45, 0.225, 0.075], np.float32)

    def change(picture: Picture, time_s: float, index: int) -> Picture:
        return clipped(((picture @ weights + 10)[..., None] + grain(picture, 3.0, index)).repeat(3, axis=2))

    return change


def clock(scene: Scene) -> Change:
    """The time of day is written over the lanes."""

    def change(picture: Picture, time_s: float, index: int) -> Picture:
        shown, (height, width) = picture.copy(), picture.shape[:2]
        minutes, seconds = divmod(index // FPS, 60)
        text, at = f"2026-11-28 07:{minutes:02d}:{seconds:02d}", (int(0.3 * width), int(0.93 * height))
        cv2.putText(shown, text, at, cv2.FONT_HERSHEY_SIMPLEX, 1.1 * width / 1280, (240, 240, 240), 2, cv2.LINE_AA)
        return shown

    return change


def coded(pictures: Iterator[Picture], bits_per_s: int) -> Iterator[Picture]:
    """Through H.264 at a low rate: things get their detail late, and each key frame, every 10 s, draws all anew."""
    encoder, decoder = None, _codec("h264", "r")
    for number, picture in enumerate(pictures):
        encoder = encoder or _encoder(picture.shape[1], picture.shape[0], bits_per_s)
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = number
        for packet in encoder.encode(frame):
            yield from map(_picture, decoder.decode(packet))
    for packet in encoder.encode(None) if encoder is not None else ():
        yield from map(_picture, decoder.decode(packet))
    yield from map(_picture, decoder.decode(None))


def _picture(frame: VideoFrame) -> Picture:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _encoder(width: int, height: int, bits_per_s: int) -> VideoCodecContext:
    encoder = _codec("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS, 1)
    encoder.bit_rate, encoder.gop_size = bits_per_s, _KEY_S * FPS
    encoder.options = {"preset": "veryfast", "tune": "zerolatency", "sc_threshold": "0"}
    return encoder


def _codec(name: str, mode: str) -> VideoCodecContext:
    """With one thread, so that the pixels are the same each time."""
    codec = av.CodecContext.create(name, mode)  # type: ignore[call-overload]
    assert isinstance(codec, VideoCodecContext)
    codec.thread_count = 1
    return codec
