"""YOLO, COCO, Pascal VOC: what goes in comes out, and everything that is wrong stands in one report."""

import json
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.exceptions import InputError
from training.data.forms import convert, form_of, read_set
from training.data.labelled import Form, labelled
from training.data.problems import Problems
from training.data.yolo_folder import write_labels
from training.detector.dataset import read_all

TENTH_PX = 0.1
LABELS = st.sampled_from(["car", "traffic light", "Straße & <b>", "person"])
SIDES = st.floats(0, 1, width=32)


@st.composite
def objects(draw: st.DrawFn) -> tuple[str, np.ndarray]:
    x1, x2, y1, y2 = *sorted([draw(SIDES), draw(SIDES)]), *sorted([draw(SIDES), draw(SIDES)])
    # A hundredth of the picture at least: what has no size is an error, tested below.
    x1, y1 = min(x1, 0.99), min(y1, 0.99)
    return draw(LABELS), np.array([x1, y1, max(x2, x1 + 0.01), max(y2, y1 + 0.01)])


def put(file: Path, width: int = 64, height: int = 48) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.full((height, width, 3), 120, np.uint8))
    return file


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(objects(), max_size=4), min_size=1, max_size=3), st.sampled_from([(640, 480), (333, 211)]))
def test_yolo_to_coco_to_voc_to_yolo_keeps_classes_and_boxes_to_a_tenth_of_a_pixel(
    rows: list[list[tuple[str, np.ndarray]]], size: tuple[int, int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        start, problems = Path(folder) / "start", Problems()
        names = ["car", "person", "Straße & <b>", "traffic light"]
        written = []
        for index, items in enumerate(rows):
            name = f"night/p.{index}.jpg"
            written.append(labelled(put(start / "images" / name, *size), name, size, items))
        write_labels(written, names, start)
        chain: list[Form] = ["coco", "voc", "yolo"]
        last = start
        for form in chain:
            convert(last, form, Path(folder) / form, problems)
            last = Path(folder) / form
            assert form_of(last) == form
        back = read_set(last, problems)
        assert [line for line in problems.lines() if "empty class" not in line] == []
        assert [item.name for item in back.pictures] == [item.name for item in written]
        for item, original in zip(back.pictures, written, strict=True):
            assert item.classes == original.classes
            assert np.abs((item.boxes - original.boxes) * [*size, *size]).max(initial=0) < TENTH_PX
            assert item.path.read_bytes() == original.path.read_bytes()


def test_voc_counts_pixels_from_one_and_coco_from_zero(tmp_path: Path) -> None:
    put(tmp_path / "yolo" / "images" / "a.jpg")
    (tmp_path / "yolo" / "labels").mkdir()
    (tmp_path / "yolo" / "labels" / "a.txt").write_text("0 0.5 0.5 1 1\n0 0.25 0.25 0.5 0.5\n")
    (tmp_path / "yolo" / "data.yaml").write_text("names: [car]\n")
    convert(tmp_path / "yolo", "coco", tmp_path / "coco", Problems())
    content = json.loads((tmp_path / "coco" / "annotations" / "instances.json").read_text())
    assert [row["bbox"] for row in content["annotations"]] == [[0, 0, 64, 48], [0, 0, 32, 24]]
    convert(tmp_path / "coco", "voc", tmp_path / "voc", Problems())
    xml = (tmp_path / "voc" / "Annotations" / "a.xml").read_text()
    assert "<xmin>1</xmin>" in xml
    assert "<xmax>64</xmax>" in xml
    assert "<ymax>24</ymax>" in xml


def coco(folder: Path, **changes: Any) -> Path:
    content: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
        "categories": [{"id": 3, "name": "car"}, {"id": 4, "name": "cone"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [8, 8, 16, 16]}],
        **changes,
    }
    put(folder / "images" / "a.jpg")
    (folder / "data.json").write_text(json.dumps(content))
    return folder


def test_every_problem_of_a_coco_file_is_named_and_the_rest_is_used(tmp_path: Path) -> None:
    put(tmp_path / "images" / "small.jpg", 32, 24)
    (tmp_path / "images" / "corrupt.jpg").write_bytes(b"no picture")
    whole = put(tmp_path / "images" / "cut.jpg", 640, 480).read_bytes()
    (tmp_path / "images" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    names = ["a.jpg", "small.jpg", "corrupt.jpg", "gone.jpg", "../a.jpg", "cut.jpg"]
    box = {"image_id": 0, "category_id": 3, "bbox": [8, 8, 16, 16]}
    folder = coco(
        tmp_path,
        images=[{"id": n, "file_name": name, "width": 64, "height": 48} for n, name in enumerate(names)] + [{"id": 9}],
        annotations=[
            box, {**box, "category_id": 7}, {**box, "bbox": [60, 8, 16, 16]}, {**box, "bbox": [8, 8, 0, 16]},
            {**box, "image_id": 99}, {**box, "iscrowd": 1}, {**box, "bbox": [1, 2, 3]}, {**box, "bbox": None},
        ],
    )  # fmt: skip
    problems = Problems()
    found = read_set(folder, problems)
    assert [(item.name, item.classes) for item in found.pictures] == [("a.jpg", ["car"])]
    assert found.names == ["car", "cone"]
    told = problems.lines()
    for text in (
        "data.json: images[6].file_name: Field required", "annotations[6].bbox", "annotations[7].bbox",
        "annotation 1: unknown class: category_id 7", "annotation 2 of a.jpg: the box lies outside the picture",
        "annotation 3 of a.jpg: the box has no size", "annotation 4: image_id 99", "crowd annotations: 1 of car",
        "small.jpg: is 32x24 pixels, data.json says 64x48", "corrupt.jpg: cannot be decoded",
        "gone.jpg: no such picture", "'../a.jpg' leads out of the folder",
        "cut.jpg: cannot be decoded (truncated-jpeg)",
        "empty class: nothing is labelled cone",
    ):  # fmt: skip
        assert any(text in line for line in told), text
    assert len(told) == 14


@pytest.mark.parametrize(
    "text", ["{", '{"annotations": 1}', '[1, "annotations"]', '{"images":{},"categories":[],"annotations":[]}']
)
def test_a_file_that_is_no_coco_json_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text if '"annotations"' in text else f'{text} "annotations"')
    with pytest.raises(InputError, match=r"x\.json: "):
        read_set(tmp_path, Problems())


def test_every_problem_of_a_voc_folder_is_named_and_the_rest_is_used(tmp_path: Path) -> None:
    def note(name: str, *parts: str) -> None:
        file = tmp_path / "Annotations" / f"{name}.xml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"<annotation>{''.join(parts)}</annotation>")

    def thing(x2: str, name: str = "car") -> str:
        box = f"<xmin>1</xmin><ymin>1</ymin><xmax>{x2}</xmax><ymax>20</ymax>"
        return f"<object><name>{name}</name><bndbox>{box}</bndbox></object>"

    for name in ("good", "lonely", "bomb", "half", "scaled"):
        put(tmp_path / "JPEGImages" / f"{name}.jpg")
    note("good", thing("20"), thing("90"), thing("wide"), thing("20", ""), thing("0"))
    note("gone", thing("20"))
    note("scaled", "<size><width>640</width><height>480</height></size>", thing("20"))
    (tmp_path / "Annotations" / "half.xml").write_text("<annotation><object>")
    (tmp_path / "Annotations" / "bomb.xml").write_text('<!DOCTYPE a [<!ENTITY x "y">]><annotation>&x;</annotation>')
    problems = Problems()
    found = read_set(tmp_path, problems)
    assert [(item.name, item.classes) for item in found.pictures] == [("good.jpg", ["car"])]
    told = problems.lines()
    for text in (
        "good.xml: object 2: the box lies outside the picture", "good.xml: object 3: bndbox needs xmin",
        "good.xml: object 4: has no name", "good.xml: object 5: the box has no size", "gone.xml: has no picture",
        "lonely.jpg: has no annotation", "half.xml: cannot be read (ParseError)",
        "bomb.xml: cannot be read (EntitiesForbidden)", "scaled.jpg: is 64x48 pixels, scaled.xml says 640x480",
    ):  # fmt: skip
        assert any(text in line for line in told), (text, told)
    assert len(told) == 9


def test_an_outline_is_read_as_its_box_and_labels_without_a_picture_are_named(tmp_path: Path) -> None:
    put(tmp_path / "images" / "a.jpg")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text(
        "0 0.1 0.2 0.5 0.1 0.4 0.6\n0 0.5 0.5 0.2 0.2 0.9\n0 0.1 0.2 0.5 0.1 0.4 0.6 7\n"
    )
    (tmp_path / "labels" / "b.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    problems = Problems()
    (item,) = read_set(tmp_path, problems, ["car"]).pictures
    assert np.abs(item.boxes - [[0.1, 0.1, 0.5, 0.6], [0.4, 0.4, 0.6, 0.6]]).max() < 1e-9
    assert [line.rpartition("/")[2] for line in problems.lines()] == [
        "a.txt: line 3: '0 0.1 0.2 0.5 0.1 0.4 0.6 7' is not class, x, y, width, height", "b.txt: has no picture",
    ]  # fmt: skip


def test_class_folders_are_read_and_written_but_no_detector_learns_from_them(tmp_path: Path) -> None:
    convert(coco(tmp_path / "coco"), "folders", tmp_path / "crops", Problems())
    found = read_set(tmp_path / "crops", Problems())
    assert [(item.name, item.width, item.height) for item in found.pictures] == [("car/a-1.jpg", 24, 24)]
    with pytest.raises(InputError, match=r"classes without boxes; `wayside train head`"):
        read_all([tmp_path / "crops"], [], Problems())


def test_a_training_reads_every_format_with_boxes(tmp_path: Path) -> None:
    convert(coco(tmp_path / "coco"), "voc", tmp_path / "voc", Problems())
    found = read_all([tmp_path / "coco", tmp_path / "coco" / "data.json", tmp_path / "voc"], [], Problems())
    assert [item.classes for item in found] == [["car"]] * 3
    assert all(np.abs(item.boxes - [[0.125, 1 / 6, 0.375, 0.5]]).max() < 1e-4 for item in found)


def test_what_cannot_be_read_or_written_ends_with_one_line(tmp_path: Path) -> None:
    folder = coco(tmp_path / "coco")
    with pytest.raises(InputError, match=r"nowhere: no such folder; it needs images/ and labels/ \(YOLO\)"):
        read_set(tmp_path / "nowhere", Problems())
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: holds no labelled pictures"):
        form_of(tmp_path / "empty")
    with pytest.raises(InputError, match="coco: is not empty"):
        convert(folder, "yolo", folder, Problems())
    put(folder / "images" / "a.png")
    rows = [{"id": n, "file_name": name, "width": 64, "height": 48} for n, name in enumerate(["a.jpg", "a.png"])]
    with pytest.raises(InputError, match="a: 2 pictures differ only in their suffix"):
        convert(coco(folder, images=rows, annotations=[]), "yolo", tmp_path / "yolo", Problems())
