"""The detector's boxes in bfloat16 are those in float32, as far as any rule can tell."""

from pathlib import Path

import numpy as np
import pytest
import torch

from services.detector.backends.torch import TorchBackend, pick_precision
from services.detector.found import Found
from services.detector.stage import DetectorStage
from services.detector.weights import find_weights
from services.producer import read_once
from shared.exceptions import ConfigError
from shared.geometry import iou
from shared.site import Camera

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def looks(shared_dir: Path) -> list[tuple[Found, Found]]:
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("needs a CPU with AVX-512: this one has no bfloat16")
    camera = Camera(id="highway", source=str(shared_dir / "clips" / "highway.mp4"), fps=1)
    frames = list(read_once(camera))[:10]
    both = []
    for precision in ("float32", "bfloat16"):
        backend = TorchBackend(find_weights("yolo11n-coco"), device="cpu", threads=2, precision=precision)
        stage = DetectorStage(backend)
        both.append(stage.infer([stage.decode(frame) for frame in frames]))
        stage.close()
    return list(zip(*both, strict=True))


def test_what_is_sure_in_one_precision_is_found_in_the_other_at_the_same_place(
    looks: list[tuple[Found, Found]],
) -> None:
    overlaps, shifts = [], []
    for one, other in looks:
        for a, b in ((one, other), (other, one)):
            rows = np.flatnonzero(a.scores >= 0.4)
            overlap = iou(a.xyxy[rows], b.xyxy)
            overlaps += overlap.max(axis=1).tolist()
            shifts += np.abs(a.scores[rows] - b.scores[overlap.argmax(axis=1)]).tolist()
    assert len(overlaps) > 100
    # Of two boxes that nearly suppress each other, one precision may keep the one and the other the other.
    assert np.mean(np.array(overlaps) > 0.9) >= 0.97
    assert np.median(overlaps) > 0.97
    assert np.median(shifts) < 0.01


def test_scores_do_not_shift_as_a_whole(looks: list[tuple[Found, Found]]) -> None:
    one, other = (np.concatenate([pair[side].scores for pair in looks]) for side in (0, 1))
    strong = [scores[scores >= 0.3] for scores in (one, other)]
    assert abs(len(strong[0]) - len(strong[1])) <= 0.05 * len(strong[0])
    assert abs(strong[0].mean() - strong[1].mean()) < 0.01


def test_float16_on_a_cpu_is_refused_with_one_line() -> None:
    with pytest.raises(ConfigError, match="float16 needs CUDA"):
        pick_precision("float16", torch.device("cpu"))


def test_bfloat16_on_a_cpu_without_it_is_refused_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    with pytest.raises(ConfigError, match="this CPU has no bfloat16; auto or float32"):
        pick_precision("bfloat16", torch.device("cpu"))
    assert pick_precision("bfloat16", torch.device("cuda")) == torch.bfloat16
