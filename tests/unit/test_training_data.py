"""Labelled pictures for training: what is wrong with them is told, what is held out stays out."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.exceptions import InputError
from training.data.coco_split import held_out
from training.data.problems import Problems
from training.data.yolo_folder import read_folder
from training.detector.classes import own_class, rows_for
from training.detector.dataset import Recipe, is_held_out, write_dataset
from training.scenes.coco_cutouts import CHOSEN

COCO = ["person", "car", "dog", "sheep", "pizza"]


def picture(folder: Path, name: str, labels: str | None) -> Path:
    file = folder / "images" / f"{name}.jpg"
    file.parent.mkdir(parents=True, exist_ok=True)
    (folder / "labels").mkdir(exist_ok=True)
    cv2.imwrite(str(file), np.full((48, 64, 3), 120, np.uint8))
    if labels is not None:
        (folder / "labels" / f"{name}.txt").write_text(labels)
    return file


def test_every_problem_is_named_in_one_report_and_the_rest_is_used(tmp_path: Path) -> None:
    picture(tmp_path, "good", "0 0.5 0.5 0.2 0.4\n2 0.3 0.3 0.1 0.1\n")
    picture(tmp_path, "empty", None)
    picture(tmp_path, "outside", "0 0.9 0.5 0.4 0.4\n1 0.5 0.5 0.2 0.2\n")
    picture(tmp_path, "class", "7 0.5 0.5 0.2 0.2\n")
    picture(tmp_path, "words", "car 0.5 0.5 0.2 0.2\n0 0.5 0.5 0 0.2\n")
    picture(tmp_path, "corrupt", "0 0.5 0.5 0.2 0.4\n").write_bytes(b"no picture")
    (tmp_path / "labels" / "empty.txt").write_bytes(b"\xff\xfe\xff")
    problems = Problems()
    found = {item.path.stem: item.classes for item in read_folder(tmp_path, COCO, problems)}
    assert found == {"good": ["person", "dog"], "outside": ["car"], "class": [], "words": []}
    told = "\n".join(problems.lines())
    for text in (
        "corrupt.jpg: cannot be decoded", "empty.txt: cannot be read (UnicodeDecodeError)",
        "outside.txt: line 1: the box lies outside the picture", "class.txt: line 1: class 7 is none of the 5",
        "words.txt: line 1: 'car 0.5 0.5 0.2 0.2' is not class", "words.txt: line 2: the box has no size",
    ):  # fmt: skip
        assert text in told
    assert len(problems.lines()) == 6


def test_nothing_usable_and_no_layout_stop_the_training(tmp_path: Path) -> None:
    picture(tmp_path, "corrupt", None).write_bytes(b"no picture")
    problems = Problems()
    with pytest.raises(InputError, match="no picture can be used"):
        read_folder(tmp_path, COCO, problems)
    assert problems.lines() == [f"{tmp_path}/images/corrupt.jpg: cannot be decoded"]
    with pytest.raises(InputError, match=r"nowhere: has no folder images/"):
        read_folder(tmp_path / "nowhere", COCO, problems)


def test_a_folder_names_its_own_classes(tmp_path: Path) -> None:
    picture(tmp_path, "a", "0 0.5 0.5 0.2 0.4\n")
    (tmp_path / "data.yaml").write_text("names: [cone]\n")
    assert read_folder(tmp_path, COCO, Problems())[0].classes == ["cone"]
    (tmp_path / "data.yaml").write_text("train: x\n")
    with pytest.raises(InputError, match=r"data\.yaml: field names"):
        read_folder(tmp_path, COCO, Problems())


def test_cocos_classes_fall_into_ours() -> None:
    assert [own_class(name) for name in (*COCO, "cone", "airplane")] == [
        "person", "car", "animal", "animal", "object", "cone", "aircraft",
    ]  # fmt: skip
    assert rows_for(COCO, ["cone", "dog", "cone", "debris"]) == [*COCO, "cone", "debris"]


def test_what_the_test_split_is_cut_from_is_held_out_and_what_dev_is_cut_from_is_not() -> None:
    used = {split: {row[0] for rows in kinds.values() for row in rows} for split, kinds in CHOSEN.items()}
    assert all(held_out(number) for number in used["test"])
    assert not any(held_out(number) for number in used["dev"])
    share = sum(held_out(number) for number in range(10_000)) / 10_000
    assert 0.4 < share < 0.55


def test_the_dataset_holds_every_picture_but_those_held_out(tmp_path: Path) -> None:
    own = tmp_path / "own"
    for number in range(40):
        picture(own, f"road-{number}", "2 0.5 0.5 0.2 0.4\n")
    out = tmp_path / "data"
    write_dataset(Recipe((own,), staged=0, repeat=3, seed=1), COCO, out, Problems())
    lists = {name: (out / f"{name}.txt").read_text().split() for name in ("train", "val")}
    paths = [Path(line) for line in lists["train"] + lists["val"]]
    assert all(path.is_file() and path.parent == out / "images" for path in paths)
    originals = {path.resolve() for path in paths}
    expected = {file.resolve() for file in (own / "images").iterdir() if not is_held_out(file)}
    assert originals == expected
    assert 0 < len(expected) < 40
    assert len(lists["train"]) == 3 * len(set(lists["train"]))
    assert not set(lists["train"]) & set(lists["val"])
    labels = (out / "labels" / f"{paths[0].stem}.txt").read_text()
    assert labels == f"{COCO.index('dog')} 0.500000 0.500000 0.200000 0.400000\n"


def test_nothing_to_train_on_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^nothing to train on; give --data FOLDER or --staged COUNT$"):
        write_dataset(Recipe((), staged=0, repeat=1, seed=1), COCO, tmp_path / "data", Problems())


def test_data_that_stop_a_training_are_named_one_and_all() -> None:
    problems = Problems()
    for number in range(30):
        problems.add(Path(f"{number}.jpg"), "cannot be decoded")
    assert str(problems.stop("nothing to train on")).count("cannot be decoded") == 30
