"""`wayside grid`: the metre grid of a camera's calibration on its picture, so that a person can judge it."""

from itertools import pairwise
from math import ceil, floor, hypot
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from services.producer import read_once
from shared.exceptions import ConfigError, InputError
from shared.geometry import Floats
from shared.jpeg import Picture, decode_jpeg
from shared.plane import RoadPlane
from shared.site import Camera, Site
from shared.telemetry.logs import redact

_GRID, _AXIS, _ZONE, _SKY, _POINT = (255, 255, 0), (255, 140, 0), (0, 220, 0), (255, 0, 0), (255, 0, 255)
# The calibrated stretch is drawn and this share of it more on each side, to see where it stops being true.
_MARGIN = 0.5
_STEPS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_MOST_LINES = 60
# Short enough that a line which leaves the picture or reaches the horizon is cut where it does.
_PIECES = 200


def run_grid(site: Site, camera_id: str, out: Path, image: Path | None, step: float | None) -> str:
    """The body of `wayside grid`; returns what it did, in words.

    Raises:
        ConfigError: no such camera, or one without `ground:`.
        InputError: no picture can be read, or the result cannot be written.
    """
    camera = site.camera(camera_id)
    if camera is None:
        known = ", ".join(item.id for item in site.cameras)
        raise ConfigError(f"site {site.site}: no camera has the id {camera_id!r}; one of: {known}")
    if camera.ground is None:
        raise ConfigError(f"camera {camera_id}: it has no ground: to draw; see docs/site-file.md")
    plane = camera.ground.plane()
    picture = _read(image) if image else _first(camera)
    steps = (step, step) if step else _fitting(*_stretch(plane, camera))
    drawn = draw(picture, camera, plane, steps)
    done, data = cv2.imencode(out.suffix or ".jpg", drawn[..., ::-1])
    try:
        out.write_bytes(data.tobytes() if done else b"")
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}") from None
    return f"{out}: a line each {steps[0]:g} m (x) and {steps[1]:g} m (y); off by {plane.error_m:.2f} m at its points"


def _first(camera: Camera) -> Picture:
    try:
        frame = next(read_once(camera), None)
    except InputError as error:
        raise InputError(f"{error}; give a picture of the camera with --image") from None
    if frame is None:
        raise InputError(f"{redact(camera.source)}: holds no picture; give one with --image")
    return decode_jpeg(frame.jpeg)


def _read(path: Path) -> Picture:
    decoded = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if decoded is None:
        raise InputError(f"{path}: is no picture that can be read")
    return np.asarray(decoded[..., ::-1], np.uint8)


def _stretch(plane: RoadPlane, camera: Camera) -> tuple[Floats, Floats]:
    """Least and greatest metres of what is drawn: the calibrated stretch with a margin, and the zones."""
    low, high = plane.extent
    margin = _MARGIN * (high - low)
    low, high = low - margin, high + margin
    corners = plane.metres(np.array([point for zone in camera.zones for point in zone.polygon]).reshape(-1, 2))
    corners = corners[np.isfinite(corners).all(axis=1)]
    return np.vstack([corners, low[None]]).min(axis=0), np.vstack([corners, high[None]]).max(axis=0)


def _fitting(low: Floats, high: Floats) -> tuple[float, float]:
    """About a dozen lines, per axis."""
    x, y = (next((step for step in _STEPS if size / step <= 12), _STEPS[-1]) for size in (high - low).tolist())
    return x, y


def draw(picture: Picture, camera: Camera, plane: RoadPlane, steps: tuple[float, float]) -> Picture:
    """A copy of the picture with grid, horizon, zones and the given points drawn in.

    Args:
        steps: metres between the lines of equal x and of equal y.
    """
    canvas = np.ascontiguousarray(picture).copy()
    size = np.array([canvas.shape[1], canvas.shape[0]], np.float64)
    for zone in camera.zones:
        corners = np.rint(np.array(zone.polygon) * size).astype(np.int32)
        cv2.polylines(canvas, [corners], True, _ZONE, 1, cv2.LINE_AA)
    low, high = _stretch(plane, camera)
    for axis in (0, 1):
        for value in _lines(float(low[axis]), float(high[axis]), steps[axis]):
            ends = np.linspace(low, high, _PIECES + 1)
            ends[:, axis] = value
            _line(canvas, plane.picture(ends) * size, _AXIS if value == 0 else _GRID, f"{'xy'[axis]} {value:g} m")
    _horizon(canvas, plane, size)
    assert camera.ground is not None
    for point in camera.ground.pixels:
        x, y = (np.array(point) * size).round().astype(int).tolist()
        cv2.drawMarker(canvas, (x, y), _POINT, cv2.MARKER_CROSS, 12, 2)
    return canvas


def _lines(low: float, high: float, step: float) -> list[float]:
    numbers = range(ceil(low / step), floor(high / step) + 1)
    if len(numbers) > _MOST_LINES:
        numbers = numbers[:: ceil(len(numbers) / _MOST_LINES)]
    return [number * step for number in numbers]


def _line(canvas: NDArray[np.uint8], points: Floats, colour: tuple[int, int, int], label: str) -> None:
    """The pieces that lie in the picture; the label at the one nearest to the camera (lowest)."""
    height, width = canvas.shape[:2]
    visible = []
    for start, end in pairwise(points):
        # Far outside, coordinates would overflow OpenCV's integers.
        if not np.isfinite([*start, *end]).all() or np.abs([*start, *end]).max() > 20 * max(width, height):
            continue
        inside, first, last = cv2.clipLine(
            (0, 0, width, height), tuple(map(int, start.round())), tuple(map(int, end.round()))
        )
        if inside:
            cv2.line(canvas, first, last, colour, 1, cv2.LINE_AA)
            visible += [first, last]
    if len(visible) > 1 and hypot(visible[0][0] - visible[-1][0], visible[0][1] - visible[-1][1]) > 40:
        x, y = max(visible, key=lambda place: (place[1], place[0]))
        at = (min(max(x - 20, 2), width - 70), min(max(y - 4, 12), height - 4))
        cv2.putText(canvas, label, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(canvas, label, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)


def _horizon(canvas: NDArray[np.uint8], plane: RoadPlane, size: Floats) -> None:
    a, b, c = plane.horizon()
    if abs(b) < 1e-9:
        return  # seen from straight above, or a camera on its side: no level horizon
    left, right = -c / b * size[1], -(a + c) / b * size[1]
    if max(abs(left), abs(right)) < 20 * size[1]:
        cv2.line(canvas, (0, round(left)), (int(size[0]), round(right)), _SKY, 2, cv2.LINE_AA)
