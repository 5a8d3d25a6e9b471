"""`wayside train head` on labelled boxes end to end: from a folder to what the detector tells, and to a promotion."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from services.detector.backends.base import Boxes
from services.detector.backends.torch import TorchBackend
from services.detector.heads.file import load_head, save_head
from services.detector.heads.find import find_heads
from services.detector.letterbox import Letterbox
from shared.exceptions import InputError
from shared.heads import HeadResult
from shared.registry import Registry
from tests.commands import call
from tests.detector_heads import random_net
from training.data.forms import convert
from training.data.labelled import Form
from training.data.problems import Problems
from training.data.trained import read_trained
from training.heads.box_figures import matched
from training.heads.dataset import DataSet, Objects
from training.heads.labelled import read_labelled
from training.models.heads import LoadedHead, head_figures
from training.models.history import history_of

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "wayside-n.safetensors"
IMGSZ = 160
SIZES = ((160, 120), (120, 160), (320, 200))
COLOURS = ((30, 120, 240), (220, 60, 40))


def draw_boxes(folder: Path, count: int, seed: int = 0) -> None:
    """Pictures of three sizes in YOLO's layout: orange cones and blue signs, all rectangles, or nothing."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    (folder / "data.yaml").write_text("names: [cone, sign]\n")
    rng = np.random.default_rng(seed)
    for number in range(count):
        width, height = SIZES[number % 3]
        picture = rng.integers(80, 120, (height, width, 3)).astype(np.uint8)
        lines = ""
        for index in range(int(rng.integers(0, 3))):
            # The one in the left half, the other in the right.
            w, h = (int(side * rng.uniform(0.2, 0.42)) for side in (width, height))
            x, y = index * width // 2 + int(rng.integers(0, width // 2 - w)), int(rng.integers(0, height - h))
            kind = int(rng.integers(2))
            cv2.rectangle(picture, (x, y), (x + w - 1, y + h - 1), COLOURS[kind], -1)
            lines += f"{kind} {(x + w / 2) / width} {(y + h / 2) / height} {w / width} {h / height}\n"
        cv2.imwrite(str(folder / "images" / f"{number:03}.jpg"), picture)
        (folder / "labels" / f"{number:03}.txt").write_text(lines)


@dataclass(frozen=True)
class Trained:
    """A head that learned from the drawn folder, and what the command said."""

    data: Path
    file: Path
    told: str


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("cones")
    data = folder / "road"
    draw_boxes(data, 60)
    (data / "labels" / "000.txt").write_text("0 0.5 0.5\n")
    (data / "labels" / "001.txt").write_text("1 1.4 0.5 0.2 0.2\n7 0.5 0.5 0.2 0.2\n")
    (data / "images" / "broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    result = call(
        "train", "head", "--name", "cones", "--data", str(data), "--out", str(folder / "heads"), "--threads", "1",
        "--start", str(SHIPPED), "--imgsz", str(IMGSZ), "--epochs", "25", "--lr", "0.01", "--candidates", "head",
    )  # fmt: skip
    return Trained(data, folder / "heads" / "cones.safetensors", " ".join(result.output.split()))


def test_bad_annotations_are_named_and_the_rest_becomes_a_head_with_card_and_report(trained: Trained) -> None:
    for line in ("labels/000.txt: line 1: '0 0.5 0.5' is not class, x, y, width, height",
                 "labels/001.txt: line 1: the box lies outside the picture", "labels/001.txt: line 2: class 7 is none",
                 "images/broken.jpg: cannot be decoded"):  # fmt: skip
        assert line in trained.told
    _, spec = load_head(trained.file)
    assert (spec.classes, spec.kind, spec.boxes, spec.imgsz) == (["none", "cone", "sign"], "patch", True, IMGSZ)
    assert spec.metrics["f1"] > 0.8
    assert spec.metrics["box_f1"] > 0.7
    assert spec.metrics["box_f1_low"] <= spec.metrics["box_f1"] <= spec.metrics["box_f1_high"]
    card = trained.file.with_suffix(".md").read_text()
    assert f"{spec.metrics['box_f1']:.3f} (" in card
    page = trained.file.with_suffix(".html").read_text()
    for word in ("AP50", "is not class, x, y, width, height", "Green: labelled; yellow: told"):
        assert word in page
    digests = read_trained(trained.file.with_suffix(".trained"))
    assert digests is not None
    assert 30 < len(digests) < 60


def told_of(head: Path, folder: Path) -> list[tuple[Objects, HeadResult]]:
    """What the detector's head says of each picture, beside what is labelled."""
    data = read_labelled("cones", folder, Problems(), imgsz=IMGSZ)
    backend = TorchBackend(SHIPPED, device="cpu", threads=1, heads=find_heads(str(head)))
    rows = []
    for picture in data.pictures:
        assert picture.objects is not None
        pixels = picture.load()
        letterbox = Letterbox.fit(pixels.shape[1], pixels.shape[0], IMGSZ)
        placed = np.empty((1, *letterbox.shape, 3), np.uint8)
        letterbox.place(pixels, placed[0])
        ((answer,),) = backend.forward(placed, inner=[letterbox.inner]).heads
        rows.append((picture.objects, answer))
    return rows


def test_the_detector_tells_the_boxes_on_pictures_that_training_never_saw(trained: Trained, tmp_path: Path) -> None:
    draw_boxes(tmp_path / "new", 30, seed=1)
    found, labelled, said = 0, 0, 0
    classes = ["none", "cone", "sign"]
    for objects, answer in told_of(trained.file, tmp_path / "new"):
        assert answer.boxes is not None
        assert answer.grid is not None
        assert (answer.label != "none") == bool(answer.boxes)
        boxes = Boxes(
            np.array([box.box for box in answer.boxes], np.float32).reshape(-1, 4),
            np.array([box.score for box in answer.boxes], np.float32),
            np.array([classes.index(box.label) for box in answer.boxes], np.int64),
        )
        found += int((matched(boxes, objects)[0] > 0).sum())
        labelled += len(objects.classes)
        said += len(answer.boxes)
    assert labelled > 20
    assert found / labelled > 0.75
    assert found / said > 0.65


def same(one: DataSet, other: DataSet) -> None:
    assert one.classes == other.classes
    assert len(one.pictures) == len(other.pictures)
    for a, b in zip(one.pictures, other.pictures, strict=True):
        assert (a.name, a.group, a.split) == (b.name, b.group, b.split)
        assert a.objects is not None
        assert b.objects is not None
        assert a.objects.classes.tolist() == b.objects.classes.tolist()
        assert np.abs(a.objects.boxes - b.objects.boxes).max(initial=0) < 0.01


@pytest.mark.parametrize("form", ["coco", "voc"])
def test_every_format_with_boxes_is_the_same_question(tmp_path: Path, form: Form) -> None:
    draw_boxes(tmp_path / "yolo", 48)
    convert(tmp_path / "yolo", form, tmp_path / form, Problems())
    data = read_labelled("cones", tmp_path / form, Problems(), imgsz=IMGSZ)
    same(data, read_labelled("cones", tmp_path / "yolo", Problems(), imgsz=IMGSZ))
    assert {picture.split for picture in data.pictures} == {"train", "val", "test"}


def test_a_voc_annotation_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    draw_boxes(tmp_path / "yolo", 48)
    convert(tmp_path / "yolo", "voc", tmp_path / "voc", Problems())
    (tmp_path / "voc" / "Annotations" / "003.xml").write_text("<annotation><object>")
    problems = Problems()
    data = read_labelled("cones", tmp_path / "voc", problems, imgsz=IMGSZ)
    assert len(data.pictures) == 47
    assert any("003.xml" in line for line in problems.lines())


def test_frames_of_one_camera_stay_together_and_a_split_of_the_folder_is_kept(tmp_path: Path) -> None:
    draw_boxes(tmp_path / "road", 60)
    for number, path in enumerate(sorted((tmp_path / "road" / "images").iterdir())):
        hour, minute = divmod(number, 3)
        name = f"mast_20260501T{hour:02}{minute:02}00Z"
        path.rename(path.with_stem(name))
        label = tmp_path / "road" / "labels" / f"{path.stem}.txt"
        label.rename(label.with_stem(name))
    data = read_labelled("cones", tmp_path / "road", Problems(), imgsz=IMGSZ)
    sides: dict[str, set[str]] = {}
    for picture in data.pictures:
        sides.setdefault(picture.group, set()).add(picture.split)
    assert len(sides) == 20
    assert all(len(splits) == 1 for splits in sides.values())
    call("data", "split", str(tmp_path / "road"), "--share", "0.4")
    split = (tmp_path / "road" / "split.json").read_text()
    again = read_labelled("cones", tmp_path / "road", Problems(), imgsz=IMGSZ)
    assert all((picture.split == "test") == (picture.name in split.partition('"test"')[2].partition("]")[0])
               for picture in again.pictures)  # fmt: skip


def test_a_class_that_cannot_be_judged_is_left_out_and_without_one_it_ends_in_one_error(tmp_path: Path) -> None:
    draw_boxes(tmp_path / "road", 48)
    (tmp_path / "road" / "data.yaml").write_text("names: [cone, sign, drum, post]\n")
    for path in sorted((tmp_path / "road" / "labels").iterdir())[:3]:
        path.write_text("2 0.5 0.5 0.2 0.2\n")
    problems = Problems()
    data = read_labelled("cones", tmp_path / "road", problems, imgsz=IMGSZ)
    assert data.classes == ["none", "cone", "sign"]
    told = "\n".join(problems.lines())
    assert "class drum with 3 boxes, 12 are needed; left out" in told
    assert "empty class: nothing is labelled post" in told
    for path in (tmp_path / "road" / "labels").iterdir():
        path.write_text("")
    with pytest.raises(InputError, match="and a class with 12 boxes"):
        read_labelled("cones", tmp_path / "road", Problems(), imgsz=IMGSZ)


def test_a_head_whose_boxes_are_worse_is_not_promoted(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAYSIDE_REGISTRY", str(tmp_path / "registry"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    registry = Registry(str(tmp_path / "registry"))
    net, spec = load_head(trained.file)
    call("models", "add", str(trained.file))
    call("models", "promote", "cones", "--force", "the first")
    # The same classes cell by cell, but the boxes of a head that nobody trained.
    last, stranger = net.decide[-1], random_net(spec, seed=1).decide[-1]
    assert isinstance(last, torch.nn.Conv2d)
    assert isinstance(stranger, torch.nn.Conv2d)
    with torch.no_grad():
        last.weight[3:] = stranger.weight[3:]
    save_head(tmp_path / "worse.safetensors", net, spec)
    call("models", "add", str(tmp_path / "worse.safetensors"))
    data = ["--data", str(trained.data), "--start", str(SHIPPED), "--slower", "1000", "--imgsz", "160"]
    refused = call("models", "promote", "cones", *data, code=1).output
    assert "cones@2 is not promoted, worse: box_f1 0." in refused
    event = history_of(registry.versions("cones")[1])[-1]
    assert event.figures["f1"] == event.against_figures["f1"]
    for name in ("f1", "box_f1", "box_iou", "box_ap50"):
        assert event.against_figures[name] == pytest.approx(spec.metrics[name], abs=2e-3), name


def test_a_head_without_boxes_is_not_judged_by_them(trained: Trained) -> None:
    data = read_labelled("cones", trained.data, Problems(), imgsz=IMGSZ)
    _, spec = load_head(trained.file)
    plain = spec.model_copy(update={"boxes": False})
    with pytest.raises(
        InputError, match=r"patch with none, cone, sign and boxes; x@1 answers patch with none, cone, sign$"
    ):
        head_figures(LoadedHead(random_net(plain), plain, "x@1", SHIPPED), data)
