"""A folder that is split after a first training holds out pictures that training saw: a promotion leaves them out."""

import hashlib
import re
import shutil
from pathlib import Path

import pytest

from services.detector.backends.network import load_network
from shared.exceptions import InputError
from shared.registry import Registry
from tests.commands import Wayside, call
from tests.training_data import draw_stripes, write_squares
from training.data.coco_split import held_out
from training.data.problems import Problems
from training.data.split import read_split
from training.data.trained import picture_digest, read_trained, record_of, write_trained
from training.detector.dataset import RECORD, Recipe, is_held_out, write_dataset
from training.detector.rows import names_of
from training.models.history import history_of

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "wayside-n.safetensors"
QUICK = ["--slower", "1000", "--imgsz", "160", "--incidents", "0", "--start", str(SHIPPED)]


@pytest.fixture
def wayside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wayside:
    """Runs the command; an error that is told in one line is raised."""
    monkeypatch.setenv("WAYSIDE_REGISTRY", str(tmp_path / "registry"))
    monkeypatch.chdir(tmp_path)

    return call


def trained_without_a_split(folder: Path, out: Path) -> Path:
    """The shipped weights under another name, with the record of a training on the folder."""
    out.mkdir()
    write_dataset(Recipe((folder,), 0, 1, 1), names_of(load_network(SHIPPED)), out / "data", Problems())
    weights = out / "squares.safetensors"
    shutil.copy(SHIPPED, weights)
    shutil.copy(out / "data" / RECORD, record_of(weights))
    return weights


def test_a_split_made_after_the_training_judges_no_picture_that_the_training_saw(
    wayside: Wayside, tmp_path: Path
) -> None:
    own = write_squares(tmp_path / "own", 40)
    images = own / "images"
    weights = trained_without_a_split(own, tmp_path / "first")
    seen = {path.name for path in images.iterdir() if not is_held_out(path)}
    assert read_trained(record_of(weights)) == {picture_digest(images / name) for name in seen}

    wayside("data", "split", "own", "--share", "0.5")
    split = read_split(own)
    assert split is not None
    held = {Path(name).name for name in split.test}
    assert len(held & seen) > len(held - seen) > 0, "the split would not show the mistake"

    wayside("models", "add", str(weights), "--name", "squares")
    told = wayside("models", "promote", "squares", "--data", "own", *QUICK).output
    assert (
        f"{len(held & seen)} of {len(held)} held-out pictures left out: they were in the training of squares@1" in told
    )
    assert f"squares@1: measuring on {len(held - seen)} pictures that training never saw" in told


def test_what_production_saw_is_left_out_for_the_candidate_too_and_who_tells_nothing_is_named(
    wayside: Wayside, tmp_path: Path
) -> None:
    own = write_squares(tmp_path / "own", 40)
    weights = trained_without_a_split(own, tmp_path / "first")
    wayside("models", "add", str(weights), "--name", "squares")
    wayside("models", "promote", "squares", "--force", "the first")
    record_of(weights).unlink()
    wayside("models", "add", str(weights), "--name", "squares")
    wayside("data", "split", "own", "--share", "0.5")
    told = wayside("models", "promote", "squares", "--data", "own", *QUICK, "--class-tolerance", "1").output
    assert "squares@2: does not tell which pictures it was trained on" in told
    assert "they were in the training of squares@1\n" in told
    counts = set(re.findall(r"squares@\d: measuring on (\d+) pictures", told))
    assert len(counts) == 1, "both are measured on the same pictures"


def test_nothing_is_promoted_on_pictures_that_were_all_trained_on(wayside: Wayside, tmp_path: Path) -> None:
    own = write_squares(tmp_path / "own", 40)
    weights = trained_without_a_split(own, tmp_path / "first")
    write_trained(record_of(weights), map(picture_digest, (own / "images").iterdir()))
    wayside("models", "add", str(weights), "--name", "squares")
    with pytest.raises(InputError, match="held-out pictures none with labels is left that no version was trained on"):
        wayside("models", "promote", "squares", "--data", "own", *QUICK)
    (version,) = Registry("registry").versions("squares")
    assert version.aliases == {"candidate"}
    assert history_of(version) == []
    record_of(weights).write_text("no digest\n")
    wayside("models", "add", str(weights), "--name", "squares")
    with pytest.raises(InputError, match=r"squares\.trained:1: is no digest of a picture; copy the file anew"):
        wayside("models", "promote", "squares", "--data", "own", *QUICK)


def test_a_head_is_not_judged_on_what_it_learned_either(wayside: Wayside, tmp_path: Path) -> None:
    draw_stripes(tmp_path / "road", 30)
    wayside(
        "train", "head", "--name", "road", "--data", "road", "--out", "heads", "--start", str(SHIPPED), "--imgsz",
        "160", "--epochs", "4", "--candidates", "head", "--register",
    )  # fmt: skip
    record = read_trained(tmp_path / "heads" / "road.trained") or frozenset()
    files = list((tmp_path / "road").rglob("*.png"))
    tested = [path for path in files if _share(path) < 0.25]
    assert record == {picture_digest(path) for path in files if path not in tested}
    wayside("data", "split", "road", "--share", "0.5")
    split = read_split(tmp_path / "road")
    assert split is not None
    held = [tmp_path / "road" / name for name in split.test]
    known = sum(picture_digest(path) in record for path in held)
    assert 0 < known < len(held)
    told = wayside("models", "promote", "road", "--data", "road", *QUICK).output
    assert f"{known} of {len(held)} held-out pictures left out: they were in the training of road@1" in told
    assert f"road@1: measuring on {len(held) - known} pictures" in told


@pytest.mark.shared
def test_the_shipped_models_tell_the_half_of_coco256_that_they_learned_from(shared_dir: Path) -> None:
    pictures = (shared_dir / "data" / "coco256" / "images").rglob("*.jpg")
    seen = {picture_digest(path) for path in pictures if not held_out(int(path.stem))}
    for name in ("wayside-n", "heads/visibility"):
        assert read_trained(SHIPPED.parent / f"{name}.trained") == seen


def _share(path: Path) -> float:
    """Where a head's picture falls without a split: below a quarter into the test."""
    name = f"{path.parent.name}/{path.name}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) / 2**32
