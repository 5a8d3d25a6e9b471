"""Which patches lie under boxes, their descriptors and their distance from known looks, beside the plain ways."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from services.detector.letterbox import Letterbox
from services.detector.memory.cells import STRIDE, Cells, cells_of
from services.detector.memory.descriptors import LAYERS, describe_patches
from services.detector.memory.road import EmptyRoad
from shared.clock import NS
from shared.site import Zone

LANES = [
    Zone(id="left", kind="lane", polygon=[(0.0, 0.3), (0.25, 0.1), (0.3, 0.1), (0.4, 1.0), (0.0, 1.0)]),
    Zone(id="right", kind="shoulder", polygon=[(0.6, 0.2), (0.9, 0.2), (0.9, 0.9), (0.6, 0.9)]),
]


def patches(width: int = 1280, height: int = 720) -> Cells:
    cells = cells_of(LANES, Letterbox.fit(width, height, 320))
    assert cells is not None
    return cells


def corner(least: float = -0.2, most: float = 1.2) -> st.SearchStrategy[float]:
    return st.one_of(st.floats(least, most), st.sampled_from(patches().columns.tolist() + patches().rows.tolist()))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(corner(), corner(), corner(), corner()), max_size=12), st.sampled_from([0.0, 0.25]))
def test_a_patch_is_under_a_box_when_its_middle_is_inside(rows: list[tuple[float, ...]], grow: float) -> None:
    cells, boxes = patches(), np.array(rows, np.float64).reshape(-1, 4)
    wanted = np.zeros(len(cells), np.bool_)
    for x1, y1, x2, y2 in boxes:
        beside, above = (x2 - x1) * grow, (y2 - y1) * grow
        x, y = cells.centres.T
        wanted |= (x >= x1 - beside) & (x <= x2 + beside) & (y >= y1 - above) & (y <= y2 + above)
    assert (cells.under(boxes, grow) == wanted).all()


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280), (100, 90)])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_descriptors_are_means_over_the_road_of_maps_at_the_patches_scale(
    width: int, height: int, kind: torch.dtype
) -> None:
    torch.manual_seed(1)
    cells = patches(width, height)
    rows, columns = cells.shape
    maps = {LAYERS[0]: torch.randn(2, 24, rows, columns), LAYERS[1]: torch.randn(2, 40, rows // 2, columns // 2)}
    maps = {layer: one.to(kind) for layer, one in maps.items()}
    assert 0 < cells.inside.mean() < 1
    whole = []
    for one in maps.values():
        fine = functional.interpolate(one[1:].float(), size=cells.shape, mode="bilinear", align_corners=False)
        pooled = torch.zeros(len(cells), one.shape[1])
        for own in (cells.inside, ~cells.inside):  # what lies above the zones is no road
            mask = torch.from_numpy(cells.grid(own).astype(np.float32))[None, None]
            mean = functional.avg_pool2d(fine * mask, 3, 1, 1) / functional.avg_pool2d(mask, 3, 1, 1)
            pooled[own] = mean.flatten(2)[0][:, cells.index].T[own]
        whole.append(functional.normalize(pooled, dim=1))
    joined = torch.cat(whole, dim=1) * 0.5**0.5
    given = describe_patches(maps, 1, cells)
    # The projection keeps the products of all of them where it only turns them: fewer channels than its dimensions.
    assert np.allclose(given @ given.T, (joined @ joined.T).numpy(), atol=1e-5)
    arrays = {layer: one.float().numpy() for layer, one in maps.items()}
    assert (describe_patches(arrays, 1, cells) == given).all()


def test_the_distance_is_that_to_the_nearest_look_of_the_road() -> None:
    random = np.random.default_rng(3)
    road = EmptyRoad(5, 96)
    looks = []
    for number in range(3):
        now = random.normal(0, 0.1, (5, 96)).astype(np.float32)
        which = np.array([True, True, number > 0, True, False])
        road.learn(now, which, number * NS)
        looks.append(np.where(which[:, None], now, np.inf))
    now = random.normal(0, 0.1, (5, 96)).astype(np.float32)
    wanted = np.min([((look - now) ** 2).sum(axis=1) / 2 for look in looks], axis=0)
    assert np.allclose(road.distance(now), wanted, atol=1e-6)
    assert np.isinf(road.distance(now)[4])
    assert road.distance(looks[2].astype(np.float32))[0] < 1e-6
    again = EmptyRoad.from_bytes(road.to_bytes(), 5).distance(now)
    assert np.allclose(again, wanted, atol=0.02)


def test_patches_are_eight_pixels_of_the_model_s_input() -> None:
    cells = patches()
    assert np.diff(cells.columns) == pytest.approx(STRIDE / 320)
    assert cells.shape == (len(cells.rows), 40)
