"""Draw training frames on all cores; the same seed gives the same frames on any number of them."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
from rich.progress import track

from training.data.auto_cutouts import Labelled, cut_all
from training.data.labelled import LabelledPicture
from training.data.roadside import Labels, Roadside

_BLOCK = 40
_roadside: Roadside | None = None


def draw_frames(seen: Sequence[LabelledPicture], count: int, seed: int, folder: Path) -> list[tuple[Path, Labels]]:
    """Write `folder/drawn-NNNNNN.jpg` and return their paths with labels whose boxes are in 0..1.

    Args:
        seen: pictures whose objects may be cut out.
    """
    with _pool() as pool:
        cutouts = [item for part in pool.map(_cut, seen) for item in part]
    blocks = [(first, min(_BLOCK, count - first), seed, folder) for first in range(0, count, _BLOCK)]
    with _pool(Roadside(cutouts, seed)) as pool:
        parts = track(pool.map(_draw_block, blocks), "drawing frames", len(blocks), transient=True)
        return [frame for part in parts for frame in part]


def _pool(roadside: Roadside | None = None) -> ProcessPoolExecutor:
    # Not forked: PyTorch and OpenCV may hold threads by now, which do not survive a fork.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(len(os.sched_getaffinity(0)), context, _begin, (roadside,))


def _cut(item: LabelledPicture) -> list[Labelled]:
    return list(cut_all([(item.path, item.objects)]))


def _begin(roadside: Roadside | None) -> None:
    global _roadside
    cv2.setNumThreads(1)
    _roadside = roadside


def _draw_block(block: tuple[int, int, int, Path]) -> list[tuple[Path, Labels]]:
    assert _roadside is not None
    return list(_frames(_roadside, *block))


def _frames(roadside: Roadside, first: int, count: int, seed: int, folder: Path) -> Iterator[tuple[Path, Labels]]:
    roadside.restart((seed, first))
    for number in range(first, first + count):
        picture, labels, quality = roadside.frame()
        path = folder / f"drawn-{number:06d}.jpg"
        cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        height, width = picture.shape[:2]
        yield path, Labels(labels.classes, labels.boxes / [width, height, width, height])
