"""Pictures with boxes in Pascal VOC's layout: `JPEGImages/…` and one XML file each in `Annotations/…`.

VOC counts pixels from 1 and includes the last one (development kit of 2012, section 2.2): a box over the whole of a
64 pixels wide picture has xmin 1 and xmax 64. Fractions are kept, as CVAT writes them.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import parse
from numpy.typing import NDArray

from training.data.labelled import LabelledPicture, labelled, sound_box
from training.data.pictures import is_picture, measure, pictures_below
from training.data.problems import Problems

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def places(folder: Path) -> tuple[Path, Path]:
    """The folders of annotations and of pictures; both are `folder` where the files lie together."""
    notes, pictures = folder / "Annotations", folder / "JPEGImages"
    return notes if notes.is_dir() else folder, pictures if pictures.is_dir() else folder


def read_voc(folder: Path, problems: Problems) -> tuple[list[LabelledPicture], list[str]]:
    """Every picture with its annotation, and the classes in the order of their names, since VOC lists none.

    Raises:
        InputError: no picture can be used.
    """
    notes, images = places(folder)
    found, used = [], set()
    for file in sorted(notes.rglob("*.xml")):
        stem = (images / file.relative_to(notes)).with_suffix("")
        path = next((path for path in _candidates(stem) if path.is_file()), None)
        if path is None:
            problems.add(file, "has no picture")
            continue
        used.add(path)
        if (item := _read(file, path, path.relative_to(images).as_posix(), problems)) is not None:
            found.append(item)
    for path in pictures_below(images):
        if path not in used:
            problems.add(path, "has no annotation")
    if not found:
        raise problems.stop(f"{folder}: no picture can be used")
    return found, sorted({name for item in found for name in item.classes})


def _candidates(stem: Path) -> list[Path]:
    beside = sorted(stem.parent.glob(f"{_literal(stem.name)}.*"))
    return [path for path in beside if is_picture(path) and path.stem == stem.name]


def _literal(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _read(file: Path, path: Path, name: str, problems: Problems) -> LabelledPicture | None:
    size = measure(path)
    if isinstance(size, str):
        problems.add(path, size)
        return None
    try:
        root = parse(file).getroot()
        stated = tuple(int(float(root.findtext(f"size/{side}") or 0)) for side in ("width", "height"))
    except (ElementTree.ParseError, DefusedXmlException, OSError, ValueError, OverflowError) as error:
        problems.add(file, f"cannot be read ({type(error).__name__})")
        return None
    if all(stated) and stated != size:
        problems.add(path, f"is {size[0]}x{size[1]} pixels, {file.name} says {stated[0]}x{stated[1]}")
        return None
    objects = []
    for number, node in enumerate(root.findall("object"), 1):
        row = _object(node, size)
        if isinstance(row, str):
            problems.add(file, f"object {number}: {row}")
        else:
            objects.append(row)
    return labelled(path, name, size, objects)


def _object(node: ElementTree.Element, size: tuple[int, int]) -> tuple[str, NDArray[np.float64]] | str:
    """Class and box, or what is wrong."""
    label = (node.findtext("name") or "").strip()
    if not label:
        return "has no name"
    try:
        x1, y1, x2, y2 = (float(node.findtext(f"bndbox/{corner}") or "") for corner in _CORNERS)
    except ValueError:
        return "bndbox needs xmin, ymin, xmax, ymax"
    box = sound_box((x1 - 1) / size[0], (y1 - 1) / size[1], x2 / size[0], y2 / size[1])
    return box if isinstance(box, str) else (label, box)


def write_voc(pictures: Sequence[LabelledPicture], out: Path) -> None:
    """`Annotations/….xml` for pictures in `out/JPEGImages`; boxes to a thousandth of a pixel."""
    for item in pictures:
        root = ElementTree.Element("annotation")
        _text(root, "folder", "JPEGImages")
        _text(root, "filename", item.name)
        size = ElementTree.SubElement(root, "size")
        for side, length in (("width", item.width), ("height", item.height), ("depth", 3)):
            _text(size, side, str(length))
        _text(root, "segmented", "0")
        for label, box in item.objects:
            node = ElementTree.SubElement(root, "object")
            for key, value in (("name", label), ("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
                _text(node, key, value)
            corners = ElementTree.SubElement(node, "bndbox")
            pixels = box * [item.width, item.height, item.width, item.height] + [1, 1, 0, 0]
            for key, pixel in zip(_CORNERS, pixels.tolist(), strict=True):
                _text(corners, key, f"{pixel:.3f}".rstrip("0").rstrip("."))
        ElementTree.indent(root)
        file = (out / "Annotations" / item.name).with_suffix(".xml")
        file.parent.mkdir(parents=True, exist_ok=True)
        ElementTree.ElementTree(root).write(file, encoding="utf-8")


def _text(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text
