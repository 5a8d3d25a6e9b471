"""Where the detector looks closer, and how the two looks become one list of boxes."""

import numpy as np
import pytest

from services.detector.backends.base import Boxes
from services.detector.closeups import Region, plan
from services.detector.found import Found, in_region, merge
from services.detector.letterbox import Letterbox
from shared.site import Zone

# 480 px wide below and 40 px at the far end.
FAR_LANE = [(0.30, 1.0), (0.48, 0.3), (0.511, 0.3), (0.675, 1.0)]
SHAPE = (384, 640)


def lane(polygon: list[tuple[float, float]], kind: str = "lane") -> Zone:
    return Zone.model_validate({"id": "z", "kind": kind, "polygon": polygon})


def found(rows: list[tuple[float, float, float, float]], scores: list[float], classes: list[int]) -> Found:
    return Found(np.array(rows).reshape(-1, 4), np.array(scores, np.float32), np.array(classes, np.int64))


def plan_at(zones: list[Zone], width: int = 1280, height: int = 720, count: int = 1) -> list[Region]:
    return plan(zones, width, height, Letterbox.fit(width, height, 640), count)


def test_a_lane_that_goes_far_away_is_looked_at_from_its_far_end_on() -> None:
    (region,) = plan_at([lane(FAR_LANE)])
    far_row, near_row = 0.3 * 720, 720
    assert region.top < far_row - 30  # a lorry at the far end is not cut
    assert region.top + region.height < near_row
    assert region.left < 0.48 * 1280 < 0.511 * 1280 < region.left + region.width
    assert 640 / region.width >= 1.2 * 640 / 1280
    assert region.width / region.height == pytest.approx(640 / 384, rel=0.02)


def test_each_further_close_up_is_larger_and_lies_at_the_far_end() -> None:
    road = [lane([(x / 4, 1.0), (0.48 + x / 40, 0.3), (0.505 + x / 40, 0.3), (x / 4 + 0.25, 1.0)]) for x in range(4)]
    regions = plan_at(road, count=3)
    assert len(regions) >= 2
    assert [region.width for region in regions] == sorted((region.width for region in regions), reverse=True)
    assert all(region.width >= 640 / 2.0 for region in regions)  # nothing is enlarged more than twice


@pytest.mark.parametrize(
    "zones",
    [
        [],
        [lane([(0.0, 1.0), (0.2, 0.2), (0.8, 0.2), (1.0, 1.0)])],  # close: a person has 96 px at the far end
        [lane(FAR_LANE, "stand")],  # of no usual width
    ],
)
def test_where_nothing_is_far_there_is_no_close_up(zones: list[Zone]) -> None:
    assert plan_at(zones) == []


def test_no_close_up_is_asked_for_and_none_is_planned() -> None:
    assert plan_at([lane(FAR_LANE)], count=0) == []


def test_a_runway_is_wide_so_a_person_on_it_is_small_all_over() -> None:
    polygon = [(0.2, 0.8), (0.45, 0.3), (0.55, 0.3), (0.8, 0.8)]
    assert plan_at([lane(polygon)]) == []
    assert plan_at([lane(polygon, "runway")])


@pytest.mark.parametrize("edge", [0.0, 0.9])
def test_a_close_up_stays_inside_the_picture(edge: float) -> None:
    (region,) = plan_at([lane([(edge, 1.0), (edge, 0.02), (edge + 0.02, 0.02), (edge + 0.1, 1.0)])])
    assert region.left in range(1280 - region.width + 1)
    assert region.top in range(720 - region.height + 1)


def test_a_lane_that_crosses_the_picture_is_as_wide_as_it_is_high() -> None:
    crossing = lane([(0.0, 0.5), (1.0, 0.5), (1.0, 0.54), (0.0, 0.54)])
    rows = plan_at([crossing], count=1)
    assert rows == [] or rows[0].width < 1280  # 29 px high: small things, but it cannot be enlarged as a whole
    high = lane([(0.0, 0.3), (1.0, 0.3), (1.0, 0.7), (0.0, 0.7)])
    assert plan_at([high]) == []


def test_cutting_out_scales_what_lies_in_the_region() -> None:
    picture = np.zeros((720, 1280, 3), np.uint8)
    picture[200:250, 600:650] = 255
    out = np.zeros((*SHAPE, 3), np.uint8)
    Region(500, 100, 320, 192).cut(picture, out)
    rows, columns = np.nonzero(out[..., 0] > 128)
    assert (columns.min(), columns.max() + 1) == (pytest.approx(200, abs=2), pytest.approx(300, abs=2))
    assert (rows.min(), rows.max() + 1) == (pytest.approx(200, abs=2), pytest.approx(300, abs=2))


def test_boxes_of_a_close_up_come_back_to_the_picture_without_those_that_its_edges_cut() -> None:
    boxes = Boxes(
        np.array([[200, 200, 300, 300], [0, 100, 50, 150], [600, 100, 640, 150]], np.float32),
        np.array([0.9, 0.8, 0.7], np.float32),
        np.array([2, 2, 2]),
    )
    placed = in_region(boxes, Region(500, 100, 320, 192), SHAPE, 1280, 720)
    assert placed.xyxy * (1280, 720, 1280, 720) == pytest.approx(np.array([[600, 200, 650, 250]]))
    # Where the close-up ends with the picture, a box at its edge is whole.
    at_border = in_region(boxes, Region(960, 100, 320, 192), SHAPE, 1280, 720)
    assert at_border.scores.tolist() == pytest.approx([0.9, 0.7])


def test_a_box_that_reaches_over_the_pictures_edge_ends_there() -> None:
    """The network places edges freely, so up to some pixels outside; a message with such a box would be refused."""
    boxes = Boxes(np.array([[600, -3, 641.5, 386]], np.float32), np.array([0.9], np.float32), np.array([2]))
    placed = in_region(boxes, Region(960, 0, 320, 720), SHAPE, 1280, 720)
    assert placed.xyxy.tolist() == [[pytest.approx(1260 / 1280), 0.0, 1.0, 1.0]]


def test_the_closer_box_of_the_same_thing_wins_unless_the_other_is_much_surer() -> None:
    whole = found([(0.5, 0.5, 0.6, 0.6), (0.1, 0.1, 0.2, 0.2)], [0.5, 0.4], [7, 2])
    closer = found([(0.505, 0.5, 0.605, 0.6)], [0.45], [2])
    both = merge(whole, closer)
    assert both.scores.tolist() == pytest.approx([0.45, 0.4])
    assert both.classes.tolist() == [2, 2]
    surer = merge(found([(0.5, 0.5, 0.6, 0.6)], [0.9], [7]), closer)
    assert surer.scores.tolist() == pytest.approx([0.9])


def test_two_things_side_by_side_both_stay_and_the_best_comes_first() -> None:
    both = merge(found([(0.1, 0.1, 0.2, 0.2)], [0.3], [0]), found([(0.18, 0.1, 0.28, 0.2)], [0.8], [1]))
    assert both.classes.tolist() == [1, 0]


@pytest.mark.parametrize("first", [True, False])
def test_one_look_that_found_nothing_changes_nothing(first: bool) -> None:
    nothing, something = found([], [], []), found([(0.1, 0.1, 0.2, 0.2)], [0.3], [0])
    assert merge(*(nothing, something) if first else (something, nothing)).scores.tolist() == pytest.approx([0.3])
