"""Pictures of good and bad visibility, made from clear pictures and clips.

COCO pictures that `training.data.coco_split` holds out, and the second half of each clip, are for the test only.
"""

import hashlib
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np

from shared.exceptions import InputError
from training.data.coco_split import held_out
from training.data.pictures import is_picture
from training.data.problems import Problems
from training.data.split import coco_number
from training.heads.dataset import DataSet, Picture, Pixels, Split, load_checked, read_picture, split_of
from training.heads.degrade import DEGRADATIONS

_NOT_STATED = "not stated"
_COCO = "COCO: CC-BY and alike, by picture; clips: see their provenance"
_LONGER = 640
_CLIPS = {".mp4", ".mkv", ".avi", ".mov"}
# Frames of a clip, evenly spaced; the gap in the middle keeps the halves' pictures apart.
_FRAMES, _GAP = 30, 0.04


def read_degraded(name: str, sources: list[Path], problems: Problems, licence: str = _NOT_STATED) -> DataSet:
    """Pictures of the classes, made of each source picture and of some frames of each clip.

    Args:
        sources: folders of pictures, or clips.
        licence: of the pictures, for the card; those of COCO have theirs.

    Raises:
        InputError: nothing usable; lists every problem.
    """
    pictures: list[Picture] = []
    for source in sources:
        clips = [source] if source.suffix.lower() in _CLIPS else []
        if not source.exists():
            raise InputError(f"--data {source}: no such folder or clip")
        for path in sorted(source.rglob("*")) if source.is_dir() else []:
            if path.suffix.lower() in _CLIPS:
                clips.append(path)
            elif is_picture(path):
                if read_picture(path) is None:
                    problems.add(path, "corrupt picture; left out")
                else:
                    pictures += _kinds(path.stem, _split(path.stem), partial(load_checked, path), path)
        for clip in clips:
            pictures += _frames(clip, problems)
    if {picture.split for picture in pictures} < {"train", "val", "test"}:
        listed = ", ".join(map(str, sources))
        raise problems.stop(f"--data {listed}: too few pictures to split them for training, validation and test")
    return DataSet(
        name, "image", list(DEGRADATIONS), pictures,
        f"clear pictures of {', '.join(source.name for source in sources)}, degraded by training/heads/degrade.py",
        _COCO if licence == _NOT_STATED and any(map(_of_coco, pictures)) else licence,
        [
            "rain, fog, smoke, darkness and dirt are synthetic; no picture of real bad weather was seen",
            "degradations so mild that people would call the picture clear are neither trained nor tested",
            "pictures taken to be clear were not looked at one by one; a few are dim or blurred by themselves",
            *problems.lines(),
        ],
        variants=0, photometric=False,
    )  # fmt: skip


def _of_coco(picture: Picture) -> bool:
    return picture.source is not None and coco_number(picture.source.stem) is not None


def _split(stem: str) -> Split:
    if stem.isdigit():
        # Not the stem alone: its hash has already decided what is held out.
        return "test" if held_out(int(stem)) else split_of(f"visibility {stem}", val=0.2, test=0)
    return split_of(stem)


def _kinds(group: str, split: Split, load: partial[Pixels], source: Path | None = None) -> list[Picture]:
    """All five kinds for training and validation; for the test two, by a hash: scenes differ more than kinds."""
    kinds = list(DEGRADATIONS)
    chosen = list(range(len(kinds)))
    if split == "test":
        first = hashlib.sha256(f"kinds {group}".encode()).digest()
        one = first[0] % len(kinds)
        chosen = sorted([one, (one + 1 + first[1] % (len(kinds) - 1)) % len(kinds)])
    return [
        Picture(
            f"{group} {kinds[index]}", group, split, partial(degraded, load, kinds[index], group), np.array(index),
            source,
        )
        for index in chosen
    ]  # fmt: skip


def degraded(load: partial[Pixels], kind: str, group: str) -> Pixels:
    """The picture at 640 px, degraded, through JPEG as from a camera; the same for the same arguments."""
    pixels = load()
    scale = _LONGER / max(pixels.shape[:2])
    size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
    resized = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    rng = np.random.default_rng(list(f"{group} {kind}".encode()))
    result = DEGRADATIONS[kind](resized.astype(np.float32) / np.float32(255), rng)
    bgr = (result[:, :, ::-1] * 255).round().astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 96))])
    decoded = cv2.imdecode(jpeg, cv2.IMREAD_COLOR_RGB)
    assert decoded is not None  # it was encoded one line above
    return decoded.astype(np.uint8, copy=False)


def _frames(clip: Path, problems: Problems) -> list[Picture]:
    frames: list[Pixels] = []
    try:
        with av.open(str(clip)) as container:
            total = container.streams.video[0].frames or sum(1 for _ in container.decode(video=0))
            container.seek(0)
            every = max(1, total // _FRAMES)
            for number, frame in enumerate(container.decode(video=0)):
                if number % every == 0:
                    frames.append(frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False))
    except (av.FFmpegError, OSError, IndexError) as error:
        problems.add(clip, f"unreadable clip ({str(error).splitlines()[0]}); left out")
        return []
    pictures = []
    for index, pixels in enumerate(frames):
        share = index / max(1, len(frames) - 1)
        if abs(share - 0.5) < _GAP:
            continue
        split: Split = "test" if share > 0.5 else "val" if share > 0.4 else "train"
        pictures += _kinds(f"{clip.stem} frame {index}", split, partial(_same, pixels))
    return pictures


def _same(pixels: Pixels) -> Pixels:
    return pixels
