"""The shipped heads against what their cards say, on pictures that their training never saw."""

from pathlib import Path

import pytest

from services.detector.heads.file import load_head
from services.detector.weights import find_weights
from shared.settings import load_settings
from training.data.problems import Problems
from training.data.trained import picture_digest, read_trained, record_of
from training.heads.crackforest import read_crackforest
from training.models.heads import head_figures, load


@pytest.mark.shared
def test_the_pavement_head_finds_cracks_as_its_card_says(shared_dir: Path) -> None:
    path = find_weights("wayside-n").parent / "heads" / "pavement.safetensors"
    data = read_crackforest("pavement", shared_dir / "data" / "crackforest", Problems())
    seen = read_trained(record_of(path))
    assert seen
    held_out = [picture.source for picture in data.of("test")]
    assert not seen & {picture_digest(source) for source in held_out if source is not None}

    figures = head_figures(load(path, "pavement", ["wayside-n"], load_settings()), data)
    f1 = figures["f1"].value
    assert f1 >= 0.95, f"F1 {f1:.3f} on {len(held_out)} pictures"
    assert f1 == pytest.approx(load_head(path)[1].metrics["f1"], abs=0.005)
