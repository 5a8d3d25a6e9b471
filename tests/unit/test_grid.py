"""`wayside grid` draws where the plane says, and says what is missing."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from services.check import calibration
from services.grid import run_grid
from shared.exceptions import ConfigError, InputError
from shared.site import Camera, Ground, Site, Zone
from tests.unit.test_plane import PLACES, picture


def make_site(ground: Ground | None) -> Site:
    zone = Zone(id="lane", kind="lane", polygon=[picture(-2, 20), picture(-2, 60), picture(2, 60), picture(2, 20)])
    return Site(site="s", cameras=[Camera(id="c", source="none.mp4", zones=[zone], ground=ground)])


def ground(shift: float = 0.0) -> Ground:
    pixels = [picture(x, z) for x, z in PLACES]
    pixels[4] = (pixels[4][0] + shift, pixels[4][1])
    return Ground(pixels=pixels, metres=PLACES)


def test_lines_lie_where_the_metres_are(tmp_path: Path) -> None:
    blank = np.zeros((720, 1280, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "blank.png"), blank)
    said = run_grid(make_site(ground()), "c", tmp_path / "grid.png", tmp_path / "blank.png", 5.0)
    assert "each 5 m" in said
    drawn = cv2.imread(str(tmp_path / "grid.png"))
    assert drawn is not None
    for x, z in ((5.0, 22.0), (-2.0, 30.0), (-2.0, 25.0)):
        column, row = (round(value * size) for value, size in zip(picture(x, z), (1280, 720), strict=True))
        assert drawn[row - 2 : row + 3, column - 2 : column + 3].max() > 100
    column, row = (round(value * size) for value, size in zip(picture(2.5, 22.5), (1280, 720), strict=True))
    assert drawn[row - 2 : row + 3, column - 2 : column + 3].max() == 0
    assert drawn[170, 640, 2] > 200  # the horizon, red
    assert drawn[:165].max() == 0  # nothing above it


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no ground"):
        run_grid(make_site(None), "c", tmp_path / "g.jpg", None, None)
    with pytest.raises(ConfigError, match="one of: c"):
        run_grid(make_site(None), "d", tmp_path / "g.jpg", None, None)
    with pytest.raises(InputError, match="--image"):
        run_grid(make_site(ground()), "c", tmp_path / "g.jpg", None, None)


def test_check_warns_of_points_that_disagree() -> None:
    (good,) = calibration(make_site(ground()))
    assert "off by 0.00 m" in good
    assert "WARNING" not in good
    (poor,) = calibration(make_site(ground(0.1)))
    assert "WARNING" in poor
