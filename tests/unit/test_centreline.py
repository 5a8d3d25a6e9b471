"""Which way a zone runs at each of its points."""

import math

import numpy as np
import pytest

from services.analyzer.centreline import Centreline


def degrees(vector: tuple[float, float]) -> float:
    return math.degrees(math.atan2(vector[1], vector[0]))


def test_a_straight_lane_in_perspective_runs_the_same_way_all_along() -> None:
    line = Centreline(np.array([(0.4, 0.3), (0.5, 0.3), (0.9, 1.0), (0.2, 1.0)]), (0.1, 0.7))
    middle = degrees((0.55 - 0.45, 0.7))
    assert [degrees(line.tangent((0.5, y))) for y in (0.35, 0.6, 0.9)] == pytest.approx([middle] * 3, abs=2.0)


def test_a_bend_turns_the_run() -> None:
    angles = np.linspace(0, math.pi / 2, 12)
    outer, inner = (np.stack([r * np.cos(angles), r * np.sin(angles)], axis=1) for r in (1.0, 0.8))
    line = Centreline(np.concatenate([outer, inner[::-1]]), (-1.0, 1.0))
    for angle in (0.35, math.pi / 4, 1.2):
        at = 0.9 * math.cos(angle), 0.9 * math.sin(angle)
        expected = degrees((-math.sin(angle), math.cos(angle)))
        assert degrees(line.tangent(at)) == pytest.approx(expected, abs=8.0)


def test_the_run_points_where_the_axis_points() -> None:
    square = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
    for axis in ((0.0, 1.0), (0.0, -1.0), (1.0, 0.0), (-2.0, 0.0)):
        run = Centreline(square, axis).tangent((0.5, 0.5))
        assert run == pytest.approx(tuple(np.sign(axis)), abs=0.01)


def test_beyond_its_ends_a_zone_runs_as_at_the_end() -> None:
    line = Centreline(np.array([(0.4, 0.3), (0.5, 0.3), (0.6, 1.0), (0.5, 1.0)]), (0.0, 1.0))
    assert line.tangent((0.4, -5.0)) == line.tangent((0.45, 0.32))


def test_a_bend_at_the_far_end_turns_the_run_there() -> None:
    """In perspective a bend far away lies within a tenth of a lane's length."""
    polygon = [(0.8, 0.3), (0.66, 0.36), (0.6, 0.5), (0.4, 1.0), (0.7, 1.0), (0.7, 0.5), (0.73, 0.37), (0.85, 0.3)]
    line = Centreline(np.array(polygon), (-0.2, 0.7))
    assert degrees(line.tangent((0.75, 0.33))) > degrees(line.tangent((0.58, 0.8))) + 20
