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
from training.data.overhead import Overhead
from training.data.roadside import Labels, Roadside

_BLOCK = 40
# So many of each period's frames are seen from straight above. The period has no factor in common with the one in
# twelve frames that judges a training (training/detector/dataset.py): so both hold the same share.
_ABOVE, _PERIOD = 5, 23
Drawers = tuple[Roadside, Overhead]
_drawers: Drawers | None = None


def draw_frames(seen: Sequence[LabelledPicture], count: int, seed: int, folder: Path) -> list[tuple[Path, Labels]]:
    """Write `folder/drawn-NNNNNN.jpg` and return their paths with labels whose boxes are in 0..1.

    Args:
        seen: pictures whose objects may be cut out.
    """
    with _pool() as pool:
        cutouts = [item for part in pool.map(_cut, seen) for item in part]
    blocks = [(first, min(_BLOCK, count - first), seed, folder) for first in range(0, count, _BLOCK)]
    with _pool((Roadside(cutouts, seed), Overhead(seed))) as pool:
        parts = track(pool.map(_draw_block, blocks), "drawing frames", len(blocks), transient=True)
        return [frame for part in parts for frame in part]


def _pool(drawers: Drawers | None = None) -> ProcessPoolExecutor:
    # Not forked: PyTorch and OpenCV may hold threads by now, which do not survive a fork.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(len(os.sched_getaffinity(0)), context, _begin, (drawers,))


def _cut(item: LabelledPicture) -> list[Labelled]:
    return list(cut_all([(item.path, item.objects)]))


def _begin(drawers: Drawers | None) -> None:
    global _drawers
    cv2.setNumThreads(1)
    _drawers = drawers


def _draw_block(block: tuple[int, int, int, Path]) -> list[tuple[Path, Labels]]:
    assert _drawers is not None
    return list(draw_block(_drawers, *block))


def draw_block(drawers: Drawers, first: int, count: int, seed: int, folder: Path) -> Iterator[tuple[Path, Labels]]:
    """Write and yield the frames of one block, of which one in five is seen from above."""
    roadside, overhead = drawers
    for drawer in drawers:
        drawer.restart((seed, first))
    for number in range(first, first + count):
        picture, labels, quality = (overhead if number % _PERIOD < _ABOVE else roadside).frame()
        path = folder / f"drawn-{number:06d}.jpg"
        cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        height, width = picture.shape[:2]
        yield path, Labels(labels.classes, labels.boxes / [width, height, width, height])
