"""The picture of an alert: the frame with the box, its name, place and time."""

import numpy as np
import pytest

from services.alerts.evidence import draw_snapshot
from shared.exceptions import PoisonMessageError
from shared.jpeg import decode_jpeg, encode_jpeg
from tests.alerting import HEIGHT, WIDTH, grey_jpeg, incident


def test_the_box_is_drawn_around_the_object_in_the_colour_of_its_severity() -> None:
    picture = decode_jpeg(draw_snapshot(grey_jpeg(), incident(box=(0.4, 0.5, 0.6, 0.9))))
    assert picture.shape == (HEIGHT, WIDTH, 3)
    x, y = round(0.6 * WIDTH), round(0.7 * HEIGHT)
    red, green, blue = picture[y, x + 2].astype(int)
    assert red > 180 > 120 > max(green, blue)
    inside = picture[round(0.55 * HEIGHT) : round(0.85 * HEIGHT), round(0.43 * WIDTH) : round(0.57 * WIDTH)]
    assert np.abs(inside.astype(int) - 90).max() <= 12, "the object itself stays visible"


def _painted(picture: np.ndarray) -> np.ndarray:
    """Where the colour of critical is, (H, W) bool."""
    red, green, blue = (picture[..., channel].astype(int) for channel in range(3))
    return (red > 150) & (np.maximum(green, blue) < 110)


@pytest.mark.parametrize(
    ("box", "left", "top", "right", "bottom"),
    [
        ((0.4, 0.6, 0.6, 0.8), 126, 106, 194, 146),  # 2 pixels outside 128, 108, 192, 144
        ((0.0, 0.6, 0.5, 0.8), 2, 106, 162, 146),  # at the left edge
        ((0.5, 0.6, 1.0, 0.8), 158, 106, 317, 146),  # at the right edge
        ((0.4, 0.5, 0.6, 0.75), 126, 88, 194, 137),
    ],
)
def test_each_side_of_the_box_is_where_the_object_ends(
    box: tuple[float, ...], left: int, top: int, right: int, bottom: int
) -> None:
    painted = _painted(decode_jpeg(draw_snapshot(grey_jpeg(), incident(box=box))))
    row, column = (top + bottom) // 2, (left + right) // 2
    xs, ys = np.flatnonzero(painted[row]), np.flatnonzero(painted[top + 8 :, column]) + top + 8
    assert abs(xs.min() - left) <= 2, xs
    assert abs(xs.max() - right) <= 2, xs
    assert abs(ys.max() - bottom) <= 2, ys
    assert painted[top, right - 4 : right].any(), "the upper side"
    assert xs.size <= 12, "two lines and nothing between them"


def test_what_fills_the_picture_is_marked_along_its_edges() -> None:
    painted = _painted(decode_jpeg(draw_snapshot(grey_jpeg(), incident(box=(0, 0, 1, 1)))))
    assert painted[60:150, :5].any(axis=1).mean() > 0.9, "left"
    assert painted[60:150, -5:].any(axis=1).mean() > 0.9, "right"
    assert painted[:5, 250:310].any(axis=0).mean() > 0.9, "top, right of the name"
    assert painted[-5:, 250:310].any(axis=0).mean() > 0.9, "foot, right of the place"


def test_name_and_place_stand_on_the_picture() -> None:
    before = decode_jpeg(grey_jpeg()).astype(int)
    after = decode_jpeg(draw_snapshot(grey_jpeg(), incident())).astype(int)
    changed = np.abs(after - before).max(axis=2) > 60
    assert changed[: round(0.5 * HEIGHT)].sum() > 500, "type, label and score above the box"
    assert changed[-24:, : WIDTH // 2].sum() > 500, "camera, zone and time at the foot"


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (0, 0, 0, 0), (1, 1, 1, 1), (0.99, 0.0, 1.0, 0.01)])
@pytest.mark.parametrize("size", [(1, 1), (20, 2000), (2000, 20)])
def test_boxes_and_pictures_of_any_shape_can_be_drawn(box: tuple[float, ...], size: tuple[int, int]) -> None:
    drawn = draw_snapshot(encode_jpeg(np.zeros((*size, 3), np.uint8)), incident(box=box, label="фура \x00"))
    assert decode_jpeg(drawn).shape == (*size, 3)


def test_the_same_incident_gives_the_same_picture() -> None:
    assert draw_snapshot(grey_jpeg(), incident()) == draw_snapshot(grey_jpeg(), incident())


@pytest.mark.parametrize("jpeg", [b"", b"text", grey_jpeg()[:-200]])
def test_a_frame_that_is_no_picture_is_poison(jpeg: bytes) -> None:
    with pytest.raises(PoisonMessageError):
        draw_snapshot(jpeg, incident())
