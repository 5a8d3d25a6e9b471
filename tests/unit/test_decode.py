"""Boxes from a head's raw numbers, and their suppression over a batch, beside what Ultralytics and plain loops give."""

import numpy as np
import pytest
import torch
from ultralytics.nn.modules import Detect

from services.detector.backends.decode import anchors, candidates, decode, least_logit
from services.detector.backends.select import suppress
from shared.geometry import iou

STRIDES = (8, 16, 32)


@pytest.mark.parametrize("bins", [16, 1])
def test_boxes_and_scores_are_those_of_the_head_itself(bins: int) -> None:
    torch.manual_seed(0)
    head = Detect(nc=5, reg_max=bins, ch=(8, 8, 8)).eval()
    head.stride = torch.tensor(STRIDES)
    maps = [torch.randn(1, 8, 96 // stride, 64 // stride) for stride in STRIDES]
    with torch.inference_mode():
        wanted = head([*maps])
        raw = head.forward_head(maps, head.cv2, head.cv3)
    decoded = (wanted[0] if isinstance(wanted, tuple) else wanted)[0].numpy()
    sides, logits = raw["boxes"][0].numpy(), raw["scores"][0].numpy()
    kept, classes, scores = candidates(logits.T, least_logit(0.0))
    assert len(kept) == decoded.shape[1] == 96 * 64 // 64 + 96 * 64 // 256 + 96 * 64 // 1024
    xyxy = decode(sides.T.reshape(len(kept), 4, bins), anchors(96, 64, STRIDES))
    centre, size = decoded[:2].T, decoded[2:4].T
    assert np.allclose(xyxy, np.concatenate([centre - size / 2, centre + size / 2], axis=1), atol=1e-3)
    assert np.allclose(scores, decoded[4:].max(axis=0), atol=1e-6)
    assert (classes == decoded[4:].argmax(axis=0)).all()


def test_only_what_is_above_the_least_score_is_a_candidate() -> None:
    logits = np.array([[-3.0, -2.0], [0.1, -5.0], [-0.1, 2.0]], np.float32)
    kept, classes, scores = candidates(logits, least_logit(0.5))
    assert kept.tolist() == [1, 2]
    assert classes.tolist() == [0, 1]
    assert scores == pytest.approx([0.525, 0.881], abs=1e-3)
    assert len(candidates(logits, least_logit(1.0))[0]) == 0


def boxes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 500, (count, 2))
    xyxy = np.concatenate([corner, corner + random.uniform(20, 150, (count, 2))], axis=1).astype(np.float32)
    return xyxy, random.uniform(0.1, 1, count).astype(np.float32), random.integers(0, 3, count)


def run(*pictures: tuple[np.ndarray, np.ndarray, np.ndarray]) -> list:
    parts = [torch.from_numpy(np.concatenate([one[part] for one in pictures])) for part in range(3)]
    number = torch.from_numpy(np.repeat(np.arange(len(pictures)), [len(one[1]) for one in pictures]))
    return suppress(parts[0], parts[1], parts[2], number, len(pictures))


def test_suppression_keeps_what_a_plain_loop_keeps() -> None:
    xyxy, scores, classes = boxes(200, 1)
    kept: list[int] = []
    for index in np.argsort(-scores):
        overlap = iou(xyxy[[index]].astype(np.float64), xyxy[kept].astype(np.float64)) if kept else np.zeros(1)
        if overlap.max() <= 0.7:
            kept.append(int(index))
    (found,) = run((xyxy, scores, classes))
    assert 100 < len(kept) < 200
    assert (found.xyxy == xyxy[kept]).all()
    assert (found.scores == scores[kept]).all()
    assert (found.classes == classes[kept]).all()


def test_a_pictures_boxes_are_the_same_to_the_bit_at_any_place_in_the_batch() -> None:
    """Boxes a hair above and below the overlap that suppresses, which a shift in float32 would move across it."""
    width = np.float32(100.0)
    at = np.float32(np.arange(40) * 3.37)
    pairs = [(at, at + width), (at + width * np.float32(3 / 17), at + width * np.float32(20 / 17))]
    xyxy = np.concatenate([np.stack([x1, 600 + at * 0, x2, 640 + at * 0], axis=1) for x1, x2 in pairs])
    one = (xyxy.astype(np.float32), np.linspace(0.9, 0.1, 80).astype(np.float32), np.zeros(80, np.int64))
    (alone,) = run(one)
    crowd = run(*(boxes(30, seed) for seed in range(20)), one, boxes(30, 99))
    assert (crowd[20].xyxy == alone.xyxy).all()
    assert (crowd[20].scores == alone.scores).all()


def test_a_picture_without_boxes_has_an_empty_entry() -> None:
    none = (np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))
    first, second = run(none, boxes(5, 3))
    assert len(first.scores) == 0
    assert first.xyxy.shape == (0, 4)
    assert len(second.scores) > 0
    assert len(run(none)[0].scores) == 0
