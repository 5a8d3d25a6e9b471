"""Near-duplicates: pictures that show the same thing at nearly the same moment.

A perceptual hash finds the candidates: 64 bits, the signs of the lowest frequencies of the picture's cosine transform
against their median (Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section
3.2.1), compared by Hamming distance. On a fixed camera another car changes few of these bits, so candidates are
compared once more, part by part, on a thumbnail: no part may have changed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

DISTANCE = 6
# Pixels of the thumbnail's sides; a far car covers one or two of them.
_SIDE = 64
# Grey levels that a pixel of it may differ, less the change of all (exposure). On highway.mp4 compression changes it
# by at most 2, the picture at half its size by 1, traffic a fifth of a second later by 30 and more.
_CHANGE = 8
# Blurred by so many pixels of the thumbnail, or the fine detail of a scaled picture would differ.
_BLUR = 1.0
_BLOCK = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What N pictures look like.

    Attributes:
        bits: (N, 64) float32, 1 or -1: the hash.
        thumbs: (N, 64, 64) uint8, grey.
    """

    bits: NDArray[np.float32]
    thumbs: NDArray[np.uint8]


def look(picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Hash (64,) and thumbnail (64, 64) of an (H, W) grey picture."""
    shrunk = cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    thumb: NDArray[np.uint8] = np.asarray(cv2.GaussianBlur(shrunk, (0, 0), _BLUR), np.uint8)
    small = cv2.resize(thumb, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = np.asarray(cv2.dct(small), np.float32)[:8, :8].ravel()
    bits: NDArray[np.float32] = np.where(low > np.median(low[1:]), 1, -1).astype(np.float32)
    return bits, thumb


def look_at(paths: Sequence[Path]) -> tuple[Looks, list[Path]]:
    """The looks of the files that can be decoded, and those files."""
    rows, good = [], []
    for path in paths:
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if picture is not None:
            rows.append(look(np.asarray(picture, np.uint8)))
            good.append(path)
    return looks(rows), good


def looks(rows: Sequence[tuple[NDArray[np.float32], NDArray[np.uint8]]]) -> Looks:
    """Many as one."""
    bits = np.array([row[0] for row in rows], np.float32).reshape(-1, 64)
    return Looks(bits, np.array([row[1] for row in rows], np.uint8).reshape(-1, _SIDE, _SIDE))


def alike(one: Looks, other: Looks, distance: int = DISTANCE) -> NDArray[np.bool_]:
    """(N, M): which are near-duplicates.

    Args:
        distance: bits of the hash that may differ.
    """
    near = one.bits @ other.bits.T >= 64 - 2 * distance
    rows, columns = np.nonzero(near)
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        change = one.thumbs[rows[part]].astype(np.float32) - other.thumbs[columns[part]]
        change -= np.median(change, axis=(1, 2), keepdims=True)
        near[rows[part], columns[part]] = np.abs(change).max(axis=(1, 2)) <= _CHANGE
    return near


def duplicates(items: Looks, distance: int = DISTANCE) -> Iterator[tuple[int, int]]:
    """Pairs (dropped, kept) in order: each picture that is alike to an earlier one that is kept.

    No two that remain are alike.
    """
    kept = np.zeros(len(items.bits), bool)
    for start in range(0, len(kept), _BLOCK):
        block = _part(items, np.arange(start, min(start + _BLOCK, len(kept))))
        before = np.flatnonzero(kept)
        earlier = alike(block, _part(items, before), distance)
        within = alike(block, block, distance)
        for row in range(len(block.bits)):
            index = start + row
            if earlier[row].any():
                yield index, int(before[earlier[row].argmax()])
                continue
            twins = np.flatnonzero(within[row, :row] & kept[start:index])
            if len(twins):
                yield index, start + int(twins[0])
            else:
                kept[index] = True


def _part(items: Looks, indices: NDArray[np.intp]) -> Looks:
    return Looks(items.bits[indices], items.thumbs[indices])
