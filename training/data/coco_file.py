"""Pictures with boxes in COCO's JSON (https://cocodataset.org/#format-data): `images`, `annotations`, `categories`.

Own reader, since those at hand stop at the first bad entry, name no file and take boxes outside the picture.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from shared.exceptions import InputError
from training.data.labelled import LabelledPicture, labelled, sound_box
from training.data.pictures import measure
from training.data.problems import Problems

Row = tuple[str, NDArray[np.float64]]
_WRITTEN = Path("annotations") / "instances.json"


class _Image(BaseModel):
    id: int
    file_name: Annotated[str, Field(min_length=1)]
    width: int | None = None
    height: int | None = None


class _Category(BaseModel):
    id: int
    name: Annotated[str, Field(min_length=1)]


class _Annotation(BaseModel):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0


_Entry = TypeVar("_Entry", _Image, _Category, _Annotation)


def find_files(folder: Path) -> list[Path]:
    """The JSON files with annotations in the folder, its `annotations/` and its `images/`; or the file itself."""
    if folder.is_file():
        return [folder] if folder.suffix.lower() == ".json" else []
    places = (folder, folder / "annotations", folder / "images")
    files = (file for place in places for file in sorted(place.glob("*.json")))
    return [file for file in files if b'"annotations"' in file.read_bytes()]


def read_coco(files: Sequence[Path], problems: Problems) -> tuple[list[LabelledPicture], list[str]]:
    """The pictures of all files, and the names of their categories.

    A picture lies beside its file, in `images/` beside it or above it, or in a folder named as the file's last word
    (`instances_val2017.json`: `val2017/`). Crowd annotations are boxes around many things: left out and counted.

    Raises:
        InputError: a file is no COCO JSON, or no picture can be used.
    """
    names: dict[str, None] = {}
    pictures = [item for file in files for item in _read(file, names, problems)]
    if not pictures:
        raise problems.stop(f"{files[0]}: no picture can be used")
    return pictures, list(names)


def _read(file: Path, names: dict[str, None], problems: Problems) -> list[LabelledPicture]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        parts = [content[key] for key in ("images", "categories", "annotations")]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"{file}: is no COCO JSON with images, annotations, categories ({type(error).__name__}: {error})"
        ) from None
    images = _entries(_Image, parts[0], "images", file, problems)
    categories = {item.id: item.name for item in _entries(_Category, parts[1], "categories", file, problems)}
    names.update(dict.fromkeys(categories.values()))
    known = {image.id for image in images}
    per_image: dict[int, list[tuple[int, _Annotation]]] = {}
    crowds: Counter[str] = Counter()
    for number, item in enumerate(_entries(_Annotation, parts[2], "annotations", file, problems)):
        if item.image_id not in known:
            problems.add(file, f"annotation {number}: image_id {item.image_id} is not among the images")
        elif item.category_id not in categories:
            problems.add(
                file, f"annotation {number}: unknown class: category_id {item.category_id} is not among the categories"
            )
        elif item.iscrowd:
            crowds[categories[item.category_id]] += 1
        else:
            per_image.setdefault(item.image_id, []).append((number, item))
    if crowds:
        told = ", ".join(f"{count} of {name}" for name, count in sorted(crowds.items()))
        problems.add(file, f"crowd annotations: {told}")
    found = (_picture(image, per_image.get(image.id, []), categories, file, problems) for image in images)
    return [item for item in found if item is not None]


def _entries(kind: type[_Entry], rows: Any, key: str, file: Path, problems: Problems) -> list[_Entry]:
    if not isinstance(rows, list):
        raise InputError(f"{file}: {key} is no list")
    good: list[_Entry] = []
    for number, row in enumerate(rows):
        try:
            good.append(kind.model_validate(row))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            problems.add(file, f"{key}[{number}].{where}: {first['msg']}")
    return good


def _picture(
    image: _Image, rows: list[tuple[int, _Annotation]], categories: dict[int, str], file: Path, problems: Problems
) -> LabelledPicture | None:
    name = PurePosixPath(image.file_name.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts:
        problems.add(file, f"image {image.id}: file_name {image.file_name!r} leads out of the folder")
        return None
    path = _place(file, name)
    if path is None:
        problems.add(file, f"image {image.id}: {image.file_name}: no such picture")
        return None
    size = measure(path)
    if isinstance(size, str):
        problems.add(path, size)
        return None
    # The boxes count the pixels that the file states; a picture that was scaled since keeps its labels only then.
    width, height = image.width or size[0], image.height or size[1]
    if (width, height) != size:
        problems.add(path, f"is {size[0]}x{size[1]} pixels, {file.name} says {width}x{height}")
        return None
    objects: list[Row] = []
    for number, item in rows:
        x, y, w, h = item.bbox
        box = sound_box(x / width, y / height, (x + w) / width, (y + h) / height)
        if isinstance(box, str):
            problems.add(file, f"annotation {number} of {image.file_name}: {box}")
        else:
            objects.append((categories[item.category_id], box))
    return labelled(path, name.as_posix(), size, objects)


def picture_paths(file: Path, images: Any) -> dict[int, Path]:
    """Where the pictures of a COCO file's `images` lie, by id; without those that are not there."""
    rows = _entries(_Image, images, "images", file, Problems())
    found = {row.id: _place(file, PurePosixPath(row.file_name.replace("\\", "/"))) for row in rows}
    return {number: path for number, path in found.items() if path is not None}


def _place(file: Path, name: PurePosixPath) -> Path | None:
    here, above, word = file.parent, file.parent.parent, file.stem.rpartition("_")[2]
    roots = [here / "images", here, above / "images", above, above / word, here / word]
    return next((root / name for root in roots if (root / name).is_file()), None)


def write_coco(pictures: Sequence[LabelledPicture], names: Sequence[str], out: Path) -> None:
    """`annotations/instances.json` for pictures in `out/images`; boxes to a thousandth of a pixel, ids from 1."""
    annotations: list[dict[str, Any]] = []
    for number, item in enumerate(pictures, 1):
        for label, box in item.objects:
            x1, y1, x2, y2 = (box * [item.width, item.height, item.width, item.height]).tolist()
            bbox = [round(value, 3) for value in (x1, y1, x2 - x1, y2 - y1)]
            annotations.append(
                {
                    "id": len(annotations) + 1, "image_id": number, "category_id": names.index(label) + 1,
                    "bbox": bbox, "area": round(bbox[2] * bbox[3], 3), "iscrowd": 0, "segmentation": [],
                }
            )  # fmt: skip
    images = [
        {"id": number, "file_name": item.name, "width": item.width, "height": item.height}
        for number, item in enumerate(pictures, 1)
    ]
    categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    file = out / _WRITTEN
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"images": images, "annotations": annotations, "categories": categories}
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
