"""What a detector's training in the same folder goes on with, and when it begins anew."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

from services.detector.weights import find_weights
from shared.exceptions import ConfigError, InputError
from tests.training_data import write_squares
from training.detector import run
from training.detector.dataset import Recipe

SCHEDULE = run.Schedule(
    epochs=3, patience=2, freeze=10, lr=5e-4, batch=4, imgsz=160, keep=0.0, teach=False, device="cpu", seed=1
)


@dataclass
class Fits:
    """Stands for Ultralytics's training: notes what it is given, and leaves its start as the result.

    Attributes:
        resumed: per training, whether it went on from a checkpoint.
        pictures: per training, how many of the data's pictures it was given.
    """

    killed: bool = False
    resumed: list[bool] = field(default_factory=list)
    pictures: list[int] = field(default_factory=list)

    def __call__(
        self, start: Path, network: Any, data: Path, schedule: run.Schedule, folder: Path, last: Path | None,
        console: object,
    ) -> None:  # fmt: skip
        self.resumed.append(last is not None)
        self.pictures.append(len(list((data.parent / "images").iterdir())))
        (folder / "weights").mkdir(exist_ok=True)
        for name in ("best.pt", "last.pt"):
            torch.save({"model": network, "train_args": {}, "epoch": 0}, folder / "weights" / name)
        if self.killed:
            raise KeyboardInterrupt


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> Fits:
    fits = Fits()
    monkeypatch.setattr(run, "_fit", fits)
    return fits


def train(tmp_path: Path, schedule: run.Schedule = SCHEDULE, work: str = "work") -> Path:
    recipe = Recipe((tmp_path / "own",), staged=0, repeat=1, seed=1)
    return run.train(
        "squares", find_weights("wayside-n"), recipe, schedule, tmp_path / work, tmp_path / "models", "command",
        recipe.digest(),
    )  # fmt: skip


def grow(folder: Path, count: int) -> None:
    """Further pictures, as copies of the first."""
    picture, label = cv2.imread(str(folder / "images" / "0.jpg")), (folder / "labels" / "0.txt").read_text()
    assert picture is not None
    for number in range(count):
        cv2.imwrite(str(folder / "images" / f"more-{number}.jpg"), picture)
        (folder / "labels" / f"more-{number}.txt").write_text(label)


def test_grown_data_are_trained_on_and_the_same_data_are_not_trained_twice(
    tmp_path: Path, fits: Fits, capsys: pytest.CaptureFixture[str]
) -> None:
    own = write_squares(tmp_path / "own", count=12)
    train(tmp_path)
    assert train(tmp_path).is_file()
    assert fits.resumed == [False]
    assert "anew" not in capsys.readouterr().err
    grow(own, 12)
    train(tmp_path)
    assert fits.resumed == [False, False]
    assert fits.pictures[1] > fits.pictures[0]
    told = capsys.readouterr().err.splitlines()
    assert told == [f"{tmp_path}/work: the data are not those of its last training; the training begins anew"]


def test_a_killed_training_goes_on_and_begins_anew_when_a_label_has_changed(tmp_path: Path, fits: Fits) -> None:
    own = write_squares(tmp_path / "own", count=12)
    fits.killed = True
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path)
    assert fits.resumed == [False, True]
    for label in (own / "labels").iterdir():
        label.write_text("0 0.5 0.5 0.25 0.25\n")
    fits.killed = False
    train(tmp_path)
    assert fits.resumed == [False, True, False]
    label, *_ = (tmp_path / "work" / "data" / "labels").glob("own-*.txt")
    assert label.read_text().split()[1:] == ["0.500000", "0.500000", "0.250000", "0.250000"]


def test_a_folder_that_does_not_say_its_data_is_not_gone_on_with(
    tmp_path: Path, fits: Fits, capsys: pytest.CaptureFixture[str]
) -> None:
    write_squares(tmp_path / "own", count=12)
    train(tmp_path)
    file = tmp_path / "work" / "options.json"
    options = json.loads(file.read_text())
    del options["data_sha256"]  # as it was written before
    file.write_text(json.dumps(options))
    (tmp_path / "work" / "notes.txt").write_text("of the user")
    train(tmp_path)
    assert fits.resumed == [False, False]
    assert "does not say which data" in capsys.readouterr().err
    assert (tmp_path / "work" / "notes.txt").read_text() == "of the user"


@pytest.mark.parametrize("torn", ["", '{"name": "squa', "[]"])
def test_other_or_torn_options_are_refused_and_nothing_is_deleted(tmp_path: Path, fits: Fits, torn: str) -> None:
    own = write_squares(tmp_path / "own", count=12)
    train(tmp_path)
    grow(own, 1)
    with pytest.raises(ConfigError, match=r"holds a training with other options; give another --work or delete it$"):
        train(tmp_path, run.Schedule(9, 2, 10, 5e-4, 4, 160, 0.0, False, "cpu", 1))
    (tmp_path / "work" / "options.json").write_text(torn)
    with pytest.raises(ConfigError, match="other options"):
        train(tmp_path)
    assert (tmp_path / "work" / "weights" / "best.pt").is_file()


@pytest.mark.parametrize("work", [".", "own", "own/work"])
def test_work_and_data_must_lie_apart(tmp_path: Path, fits: Fits, work: str) -> None:
    write_squares(tmp_path / "own", count=12)
    with pytest.raises(ConfigError, match=r"^--work .*: lies in --data .*own or around it; give a folder apart"):
        train(tmp_path, work=work)
    assert not (tmp_path / work / "options.json").exists()


def test_every_problem_is_in_one_file_that_the_shortened_list_names(
    tmp_path: Path, fits: Fits, capsys: pytest.CaptureFixture[str]
) -> None:
    own = write_squares(tmp_path / "own", count=12)
    for number in range(25):
        (own / "images" / f"bad: {number:02d}.jpg").write_bytes(b"no picture")
    (own / "labels" / "0.txt").write_text("0 1.5 0.5 0.2 0.2\n")
    listed = tmp_path / "work" / "problems.txt"
    told = []
    for _ in range(2):
        train(tmp_path)
        told.append(capsys.readouterr().err)
    assert len(fits.resumed) == 1
    lines = listed.read_text().splitlines()
    assert len(lines) == 26
    assert sum(line.endswith("cannot be decoded") for line in lines) == 25
    assert any("labels/0.txt" in line for line in lines)
    assert told[0] == told[1], "the second run tells them again"
    assert f"left out: … and 6 more, all in {listed}\n26 problems in the data\n" in told[0]
    for path in (own / "images").glob("bad*"):
        path.unlink()
    (own / "labels" / "0.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    train(tmp_path)
    assert not listed.exists()
    assert "left out" not in capsys.readouterr().err


def test_a_training_that_stops_for_its_data_lists_every_problem_too(tmp_path: Path, fits: Fits) -> None:
    own = write_squares(tmp_path / "own", count=30)
    for picture in (own / "images").iterdir():
        picture.write_bytes(b"no picture")
    with pytest.raises(InputError):
        train(tmp_path)
    assert not fits.resumed
    assert (tmp_path / "work" / "problems.txt").read_text().count("cannot be decoded") == 30
