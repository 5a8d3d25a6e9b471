"""From a decoded picture to the JPEG that travels."""

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame

from shared.exceptions import PoisonMessageError
from shared.jpeg import MAX_PIXELS, Picture, encode_jpeg, jpeg_size
from shared.site import Camera


def encode_frame(frame: VideoFrame, camera: Camera) -> tuple[bytes, int, int]:
    """Scale down to the camera's `max_width`, turn upright and encode.

    One swscale pass to RGB and libjpeg-turbo's own conversion measured no slower than handing over the YUV
    planes, which first need their range and matrix converted.

    Returns:
        JPEG, width and height in pixels.
    """
    # A phone's clip says that it must be turned; PyAV gives the angle counter-clockwise.
    quarter_turns = round(frame.rotation / 90) % 4
    width = frame.height if quarter_turns % 2 else frame.width
    scale = min(1.0, camera.max_width / width)
    if scale < 1.0:
        size = max(2, round(frame.width * scale)), max(2, round(frame.height * scale))
        frame = frame.reformat(width=size[0], height=size[1], format="rgb24", interpolation="AREA")
    picture: Picture = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    if quarter_turns:
        picture = np.rot90(picture, quarter_turns)
    return encode_jpeg(picture, quality=camera.jpeg_quality), picture.shape[1], picture.shape[0]


def load_picture(data: bytes, camera: Camera) -> tuple[bytes, int, int]:
    """A picture file as JPEG: a JPEG of fitting size passes as it is, anything else is encoded.

    Raises:
        PoisonMessageError: empty, too large or no picture.
    """
    if not data:
        raise PoisonMessageError("empty-file", "the file is empty")
    if data[:2] == b"\xff\xd8":
        width, height = jpeg_size(data)
        if width <= camera.max_width:
            return data, width, height
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise PoisonMessageError("not-a-picture", "it cannot be decoded")
    if decoded.shape[0] * decoded.shape[1] > MAX_PIXELS:
        raise PoisonMessageError("too-large", f"{decoded.shape[1]}x{decoded.shape[0]} pixels")
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(decoded, np.uint8), format="bgr24")
    return encode_frame(frame, camera)
