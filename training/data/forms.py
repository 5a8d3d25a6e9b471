"""Read and write labelled pictures in any of the formats; which one a folder has is seen from what lies in it."""

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from shared.exceptions import InputError
from training.data.class_folders import looks_like, read_class_folders, write_crops
from training.data.coco_file import find_files, read_coco, write_coco
from training.data.labelled import Form, LabelledPicture, LabelledSet
from training.data.problems import Problems
from training.data.voc_folder import places, read_voc, write_voc
from training.data.yolo_folder import own_names, read_folder, write_labels

_SHOWN = 8
LAYOUTS = (
    "images/ and labels/ (YOLO), a JSON file with annotations (COCO), XML files in Annotations/ (Pascal VOC), or one "
    "sub-folder of pictures per class"
)


def form_of(source: Path) -> Form:
    """The format of a folder, or of a COCO file.

    Raises:
        InputError: it has none; says what each looks like.
    """
    if not source.exists():
        raise InputError(f"{source}: no such folder; it needs {LAYOUTS}")
    if source.is_file():
        if find_files(source):
            return "coco"
    elif (source / "labels").is_dir() and (source / "images").is_dir():
        return "yolo"
    elif find_files(source):
        return "coco"
    elif any(places(source)[0].rglob("*.xml")):
        return "voc"
    elif (source / "images").is_dir():
        return "yolo"
    elif looks_like(source):
        return "folders"
    raise InputError(f"{source}: holds no labelled pictures; it needs {LAYOUTS}")


def read_set(source: Path, problems: Problems, names: Sequence[str] = ()) -> LabelledSet:
    """All usable pictures; every problem is noted.

    Args:
        names: of a YOLO folder's classes by number, where it has no `data.yaml`.

    Raises:
        InputError: no such format, or no picture can be used.
    """
    form = form_of(source)
    own: Sequence[str] | None
    if form == "yolo":
        own = own_names(source)
        if own is None and not names and (source / "labels").is_dir():
            raise InputError(f"{source}: has no data.yaml with `names: [class, …]`; write one, or give --names")
        pictures = read_folder(source, names, problems)
    elif form == "coco":
        pictures, own = read_coco(find_files(source), problems)
    elif form == "voc":
        pictures, own = read_voc(source, problems)
    else:
        pictures, own = read_class_folders(source, problems)
    seen = {label for item in pictures for label in item.classes}
    if empty := [name for name in own or () if name not in seen]:
        more = f" and {len(empty) - _SHOWN} more" if len(empty) > _SHOWN else ""
        problems.add(source, f"empty class: nothing is labelled {', '.join(empty[:_SHOWN])}{more}")
    listed = list(own) if own else [name for name in names if name in seen]
    return LabelledSet(form, list(dict.fromkeys(listed)), pictures)


def read_boxes(source: Path, problems: Problems, names: Sequence[str] = ()) -> LabelledSet:
    """As `read_set`, of a format with boxes.

    Raises:
        InputError: also for folders of classes.
    """
    found = read_set(source, problems, names)
    if found.form == "folders":
        raise InputError(f"{source}: has classes without boxes; `wayside train head` learns from those")
    return found


def convert(source: Path, form: Form, out: Path, problems: Problems, names: Sequence[str] = ()) -> LabelledSet:
    """Write the pictures of `source` and their labels in another format; pictures are copied.

    Raises:
        InputError: nothing to read, labels that the format cannot hold, or `out` is not empty.
    """
    empty_folder(out)
    found = read_boxes(source, problems, names)
    write_set(found, form, out)
    return found


def write_set(found: LabelledSet, form: Form, out: Path) -> None:
    """Copy the pictures and write their labels.

    Raises:
        InputError: two pictures would share one file of labels.
    """
    if form == "folders":
        write_crops(found.pictures, out)
        return
    if form != "coco":
        _own_label_files(found.pictures)
    images = out / ("JPEGImages" if form == "voc" else "images")
    for item in found.pictures:
        target = images / item.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(item.path, target)
    writers: dict[str, Callable[[], None]] = {
        "yolo": lambda: write_labels(found.pictures, found.names, out),
        "coco": lambda: write_coco(found.pictures, found.names, out),
        "voc": lambda: write_voc(found.pictures, out),
    }
    writers[form]()


def empty_folder(out: Path) -> None:
    """Make `out`, so that nothing of an earlier command mixes with what is written.

    Raises:
        InputError: it holds something, or cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise InputError(f"--out {out}: is not empty; give a new folder")
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written ({error.strerror})") from None


def _own_label_files(pictures: Sequence[LabelledPicture]) -> None:
    stems = Counter(Path(item.name).with_suffix("").as_posix() for item in pictures)
    if shared := [stem for stem, count in stems.items() if count > 1]:
        raise InputError(f"{shared[0]}: {stems[shared[0]]} pictures differ only in their suffix; rename one")
