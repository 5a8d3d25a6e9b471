"""Heads on feature maps: what they see of the input, and what their answers look like."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from services.detector.heads.panel import Panel, seen_part
from services.detector.letterbox import Letterbox
from shared.exceptions import PoisonMessageError
from shared.heads import MOST_COLUMNS, MOST_ROWS, HeadGrid, HeadResult
from shared.messages import Detections
from tests.detector_heads import CHANNELS, LAYERS, random_head

CPU = torch.device("cpu")
WIDE = Letterbox.fit(1280, 720, 640)


def maps(shape: tuple[int, int], pictures: int, seed: int = 0) -> dict[int, torch.Tensor]:
    """Random features of the layers that the test's heads take."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [
        (channels, shape[0] // stride, shape[1] // stride) for channels, stride in zip(CHANNELS, (8, 16), strict=True)
    ]
    return {
        layer: torch.randn((pictures, *size), generator=generator) for layer, size in zip(LAYERS, sizes, strict=True)
    }


def ask(features: dict[int, torch.Tensor], letterboxes: list[Letterbox], **changes: object) -> list[list[HeadResult]]:
    heads = [random_head("patch", **changes), random_head("image", seed=1)]
    answers = Panel(heads, CPU).ask(features, letterboxes[0].shape, [box.inner for box in letterboxes])
    return [list(row) for row in answers]


def test_each_picture_gets_one_answer_per_head() -> None:
    ((pavement, visibility),) = ask(maps(WIDE.shape, 1), [WIDE])
    assert (pavement.name, pavement.version) == ("pavement", "pavement@00000000")
    assert (visibility.name, visibility.grid) == ("visibility", None)
    for result in (pavement, visibility):
        assert sum(result.probabilities.values()) == pytest.approx(1.0, abs=3e-4)
        assert result.score == result.probabilities[result.label]
    assert list(visibility.probabilities) == ["clear", "rain", "fog-or-smoke", "dark", "dirty-lens"]


def test_the_grid_covers_the_picture_but_for_the_cells_that_the_padding_cuts() -> None:
    ((pavement, _),) = ask(maps(WIDE.shape, 1), [WIDE])
    grid = pavement.grid
    assert grid is not None
    # 12 px of padding above and below: whole cells of 16 px from 16 to 368, answers every 2 cells of 16 px.
    assert (grid.rows, grid.columns) == (11, 20)
    assert grid.box == pytest.approx((0.0, 4 / 360, 1.0, 356 / 360), abs=1e-5)
    assert pavement.probabilities["damaged"] == pytest.approx(float(grid.probabilities.max()), abs=1 / 255)


@given(st.integers(16, 4000), st.integers(16, 4000))
def test_the_part_that_heads_see_holds_no_padding_and_is_nearly_all(width: int, height: int) -> None:
    box = Letterbox.fit(width, height, 640)
    x1, y1, x2, y2 = seen_part(box.inner, box.shape, [box.height // 8, box.height // 16])
    assert x1 % 16 == y1 % 16 == x2 % 16 == y2 % 16 == 0
    assert 0 <= x1 < x2 <= box.width
    assert 0 <= y1 < y2 <= box.height
    if min(box.inner_width, box.inner_height) >= 32:
        assert box.left <= x1 < box.left + 16
        assert box.top <= y1 < box.top + 16
        assert box.left + box.inner_width - 16 < x2 <= box.left + box.inner_width
        assert box.top + box.inner_height - 16 < y2 <= box.top + box.inner_height


def test_what_lies_in_the_padding_changes_no_answer() -> None:
    features = maps(WIDE.shape, 1)
    before = ask(features, [WIDE])
    for feature, stride in zip(features.values(), (8, 16), strict=True):
        feature[:, :, : -(-12 // stride)] = 1e3
        feature[:, :, 372 // stride :] = 1e3
    assert ask(features, [WIDE]) == before
    features[4][:, :, 20, 30] = 1e3
    assert ask(features, [WIDE]) != before


def test_an_answer_does_not_depend_on_the_neighbours_in_the_batch() -> None:
    other = Letterbox(640, 384, 640, 380, 0, 2)
    letterboxes = [WIDE, other, WIDE, WIDE]
    features = maps(WIDE.shape, 4)
    together = ask(features, letterboxes)
    for index, box in enumerate(letterboxes):
        alone = ask({layer: array[index : index + 1] for layer, array in features.items()}, [box])
        assert alone == [together[index]]


def test_a_group_of_pictures_at_once_as_on_a_gpu_gives_the_same_answers_but_for_rounding() -> None:
    heads = [random_head("patch"), random_head("image", seed=1)]
    panel = Panel(heads, CPU)
    features, inner = maps(WIDE.shape, 3), [WIDE.inner, (0, 2, 640, 380), WIDE.inner]
    one_by_one = panel.ask(features, WIDE.shape, inner)
    panel._exact = False
    grouped = panel.ask(features, WIDE.shape, inner)
    for a, b in zip(one_by_one, grouped, strict=True):
        for one, other in zip(a, b, strict=True):
            assert one.probabilities == pytest.approx(other.probabilities, abs=1.1e-4)
            if one.grid is not None and other.grid is not None:
                assert np.abs(one.grid.probabilities - other.grid.probabilities).max() < 1.5 / 255


def test_a_large_input_gives_a_coarse_grid_that_keeps_the_worst_patches() -> None:
    large = Letterbox.fit(1920, 1080, 1920)
    features = maps(large.shape, 1)
    ((fine, _),) = ask(features, [large], window=2, step=2)
    grid = fine.grid
    assert grid is not None
    assert grid.rows <= MOST_ROWS
    assert grid.columns <= MOST_COLUMNS
    assert fine.probabilities["damaged"] == pytest.approx(float(grid.probabilities.max()), abs=1 / 255)
    assert len(fine.model_dump_json()) < 2000
    # The worst of all patches is still there: nothing is averaged away.
    net = random_head("patch", window=2, step=2).net
    x1, y1, x2, y2 = seen_part(large.inner, large.shape, [large.height // 8, large.height // 16])
    cut = [features[4][:, :, y1 // 8 : y2 // 8, x1 // 8 : x2 // 8], features[6][:, :, y1 // 16 : y2 // 16]]
    cut[1] = cut[1][:, :, :, x1 // 16 : x2 // 16]
    assert float(grid.probabilities.max()) == pytest.approx(float(net.probabilities(cut)[0, 1].max()), abs=1 / 255)


@pytest.mark.parametrize(("threshold", "label"), [(0.9999, "intact"), (0.01, "damaged")])
def test_the_heads_own_threshold_decides_its_label(threshold: float, label: str) -> None:
    ((pavement, _),) = ask(maps(WIDE.shape, 1), [WIDE], threshold=threshold)
    assert pavement.label == label
    assert pavement.grid is not None
    assert pavement.grid.threshold == threshold


def test_without_heads_every_picture_has_no_answers() -> None:
    assert Panel([], CPU).ask({}, WIDE.shape, [WIDE.inner, WIDE.inner]) == [(), ()]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"rows": 3}, "a grid of 3 x 2 has 2 values"),
        ({"values": "%%"}, "not base64"),
        ({"box": [0, 0, 0, 1]}, "no area"),
    ],
)
def test_a_grid_that_is_none_is_refused(changes: dict[str, object], text: str) -> None:
    grid = HeadGrid.of(np.array([[0.1, 0.9]], np.float32), threshold=0.5).model_dump()
    head = {"name": "pavement", "version": "p@0", "label": "damaged", "score": 0.9, "probabilities": {"damaged": 0.9}}
    frame = {"topic": "frames", "partition": 0, "offset": 0, "captured_at": 0}
    message = {"camera": "c", "seq": 0, "frame": frame, "width": 2, "height": 1, "model": "m", "objects": []}
    whole = message | {"heads": [head | {"grid": grid}]}
    (result,) = Detections.from_bytes(json.dumps(whole).encode()).heads
    assert result.grid is not None
    assert result.grid.probabilities[0].tolist() == pytest.approx([0.1, 0.9], abs=1 / 255)
    broken = message | {"heads": [head | {"grid": grid | changes}]}
    with pytest.raises(PoisonMessageError, match=text):
        Detections.from_bytes(json.dumps(broken).encode())


def ask_boxes(features: dict[int, torch.Tensor], letterboxes: list[Letterbox]) -> list[HeadResult]:
    """Of a head with boxes whose answers differ from cell to cell; at this threshold it tells some."""
    head = random_head(
        "patch", boxes=True, window=3, step=1, classes=["none", "cone", "sign"], temperature=0.2, threshold=0.05
    )
    answers = Panel([head], CPU).ask(features, letterboxes[0].shape, [box.inner for box in letterboxes])
    return [result for (result,) in answers]


def test_a_head_with_boxes_tells_them_in_the_picture_and_the_heat_map_as_well() -> None:
    (told,) = ask_boxes(maps(WIDE.shape, 1), [WIDE])
    assert told.grid is not None
    assert (told.grid.rows, told.grid.columns) == (22, 40)
    assert told.boxes
    assert len(told.boxes) <= 100
    assert {found.label for found in told.boxes} <= {"cone", "sign"}
    assert [found.score for found in told.boxes] == sorted((found.score for found in told.boxes), reverse=True)
    for found in told.boxes:
        x1, y1, x2, y2 = found.box
        assert 0 <= x1 < x2 <= 1
        assert 0 <= y1 < y2 <= 1
    again = HeadResult.model_validate_json(told.model_dump_json())
    assert again == told


def test_boxes_do_not_depend_on_the_neighbours_in_the_batch() -> None:
    other = Letterbox(640, 384, 640, 380, 0, 2)
    letterboxes = [WIDE, other, WIDE, WIDE, WIDE]
    features = maps(WIDE.shape, 5)
    together = ask_boxes(features, letterboxes)
    assert len({result.model_dump_json() for result in together}) == 5
    for index, box in enumerate(letterboxes):
        alone = ask_boxes({layer: array[index : index + 1] for layer, array in features.items()}, [box])
        assert alone == [together[index]]


def test_a_head_without_boxes_tells_none() -> None:
    ((pavement, visibility),) = ask(maps(WIDE.shape, 1), [WIDE])
    assert pavement.boxes is None
    assert visibility.boxes is None
