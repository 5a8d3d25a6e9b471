"""The road plane: exact where the points are, honest beyond them, and refused where they determine none."""

import numpy as np
import pytest
from pydantic import ValidationError

from services.analyzer.speed import SpeedMeter
from shared.clock import NS
from shared.plane import RoadPlane
from shared.site import Ground
from training.scenes.ground import GroundCamera

CAMERA = GroundCamera()
PLACES = [(x, z) for z in (18.0, 30.0, 60.0) for x in (-6.0, 0.0, 6.0)]


def picture(x: float, z: float) -> tuple[float, float]:
    column, row = CAMERA.project(x, z)
    return column / CAMERA.width, row / CAMERA.height


def plane(noise: float = 0.0) -> RoadPlane:
    rng = np.random.default_rng(1)
    shifted = [tuple(np.array(picture(x, z)) + rng.normal(0, noise, 2)) for x, z in PLACES]
    return RoadPlane(shifted, PLACES)


def test_metres_and_back() -> None:
    places = np.array([(-3.0, 20.0), (2.0, 45.0), (0.0, 100.0)])
    points = np.array([picture(x, z) for x, z in places.tolist()])
    assert plane().metres(points) == pytest.approx(places, abs=1e-4)
    assert plane().picture(places) == pytest.approx(points, abs=1e-6)
    assert plane().distance(points[:1], points[1:2]) == pytest.approx([np.hypot(5, 25)])


def test_behind_the_horizon_and_far_beyond_the_points_is_no_road() -> None:
    above = np.array([[0.5, (CAMERA.horizon - 40) / CAMERA.height], [0.5, CAMERA.horizon / CAMERA.height]])
    assert np.isnan(plane().metres(above)).all()
    assert np.isnan(plane().metres(np.array([picture(0.0, 500.0)]))).all()
    assert np.isnan(plane().picture(np.array([[0.0, -50.0]]))).all()


def test_many_points_are_fitted_by_least_squares_and_their_error_told() -> None:
    assert plane().error_m == pytest.approx(0.0, abs=1e-4)
    rough = plane(noise=0.002)
    assert 0.02 < rough.error_m < 1.0
    assert rough.worst_error_m >= rough.error_m


@pytest.mark.parametrize(
    ("pixels", "metres"),
    [
        ([(0.1, 0.1), (0.2, 0.2), (0.3, 0.3), (0.9, 0.1)], [(0, 0), (1, 0), (1, 1), (0, 1)]),
        ([(0, 0), (1, 0), (1, 1), (0, 1)], [(0, 0), (1, 1), (2, 2), (0, 5)]),
        ([(0.1, 0.1)] * 4, [(0, 0), (1, 0), (1, 1), (0, 1)]),
        ([(0, 0), (1, 0), (1, 1), (0, 1)], [(0, 0), (1, 0), (1, 1), (float("nan"), 1)]),
    ],
)
def test_points_that_determine_no_plane_are_refused(
    pixels: list[tuple[float, float]], metres: list[tuple[float, float]]
) -> None:
    with pytest.raises(ValidationError):
        Ground(pixels=pixels, metres=metres)


@pytest.mark.parametrize("kmh", [0.0, 30.0, 110.0])
def test_speed_holds_through_perspective_and_jitter(kmh: float) -> None:
    meter, rng, said = SpeedMeter(plane()), np.random.default_rng(3), []
    for step in range(20):
        z = 70.0 - kmh / 3.6 * step / 10
        x, y = picture(2.0, z)
        (speed,) = meter.update([1], [(x, y + float(rng.normal(0, 0.0005)))], step * NS // 10)
        said.append(speed)
    assert said[:5] == [None] * 5
    assert np.mean(said[10:]) == pytest.approx(kmh, rel=0.05, abs=4.0)  # type: ignore[arg-type]


def test_a_jump_and_a_look_beyond_the_horizon_start_anew_and_state_goes_on() -> None:
    meter = SpeedMeter(plane())
    for step in range(10):
        meter.update([1], [picture(0.0, 60.0 - step)], step * NS // 10)
    other = SpeedMeter(plane())
    other.restore(meter.state())
    following = ([1], [picture(0.0, 50.0)], NS)
    assert meter.update(*following) == other.update(*following) == [pytest.approx(36.0, abs=0.2)]
    assert meter.update([1], [picture(0.0, 20.0)], 11 * NS // 10) == [None]
    assert other.update([1], [(0.5, 0.01)], 11 * NS // 10) == [None]
