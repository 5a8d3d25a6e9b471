"""The CrackForest data set: pictures of asphalt with masks of cracks, as a grid of patches.

Shi et al., "Automatic road crack detection using random structured forests", IEEE T-ITS 17(12), 2016.

A patch is a square of 64 px; patches lie 32 px apart. It is *damaged* when at least 72 px of crack lie in its middle
48 px, *intact* when it holds none at all. Between the two, where a crack only touches the margin, nothing is asked:
such patches are left out of training and of every figure, and counted in the data card.
"""

import zlib
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from shared.exceptions import InputError
from training.data.problems import Problems
from training.heads.dataset import IGNORED, DataSet, Picture, Pixels, load_checked, read_picture, split_of

PATCH, STEP, INNER = 64, 32, 48
# Crack pixels in the middle from which a patch counts as damaged: a crack 3 px wide through half of it.
_ENOUGH = 72
_CRACK = 2  # 1 is the ground; 3, what cracks enclose, and 4, a doubtful crack, are neither intact nor a crack
_LEAST_PICTURES = 8
# scipy's reader promises no error of its own: this is what it was seen to raise on files that are cut or have bytes
# changed, and on MATLAB 7.3. Caught around its call alone, so that no mistake of ours hides in it.
_UNREADABLE = (MatReadError, zlib.error, OSError, ValueError, TypeError, IndexError, NotImplementedError)


def is_crackforest(folder: Path) -> bool:
    """Whether a folder has the data set's form."""
    return (folder / "image").is_dir() and (folder / "groundTruth").is_dir()


def read_crackforest(name: str, folder: Path, problems: Problems) -> DataSet:
    """Read `folder/image/*.jpg` with `folder/groundTruth/*.mat`; a picture without a mask is not used.

    Raises:
        InputError: too few usable pictures; lists every problem.
    """
    pictures, ignored = [], 0
    paths = {path.stem: path for path in sorted((folder / "image").iterdir()) if path.is_file()}
    masks = {path.stem: path for path in sorted((folder / "groundTruth").glob("*.mat"))}
    for stem in sorted(set(masks) - set(paths)):
        problems.add(masks[stem], "annotation without a picture; left out")
    for stem in sorted(set(masks) & set(paths)):
        pixels = read_picture(paths[stem])
        if pixels is None:
            problems.add(paths[stem], "corrupt picture; left out")
            continue
        mask = _mask(masks[stem], pixels, problems)
        if mask is not None:
            label = grid_of(mask)
            ignored += int((label[1:-1, 1:-1] == IGNORED).sum())
            load, split = partial(load_checked, paths[stem]), split_of(stem, val=0.1)
            pictures.append(Picture(stem, stem, split, load, label, paths[stem]))
    if len(pictures) < _LEAST_PICTURES:
        raise problems.stop(f"--data {folder}: {len(pictures)} pictures with a mask, {_LEAST_PICTURES} are needed")
    unlabelled = len(set(paths) - set(masks))
    result = DataSet(
        name, "patch", ["intact", "damaged"], pictures, "CrackForest: asphalt, 480x320 px, with crack masks",
        "CrackForest, non-commercial research only",
        [
            f"patches of {PATCH} px, {STEP} px apart; damaged: {_ENOUGH} px of crack in the middle {INNER} px",
            f"{ignored} patches left out: a crack touches their margin only, or a doubtful or enclosed part",
            f"{unlabelled} pictures without a mask not used",
            *problems.lines(),
        ],
        variants=8, mirrored=True,
    )  # fmt: skip
    empty = [key for key, count in result.counts().items() if not count]
    if empty:
        raise InputError(f"--data {folder}: no patches for {', '.join(empty)}; add pictures")
    return result


def _segmentation(path: Path) -> NDArray[np.uint8]:
    """The regions of an annotation.

    Raises:
        ValueError: no MATLAB file, or one that holds something else.
    """
    try:
        content = loadmat(path)
    except _UNREADABLE as error:
        raise ValueError(str(error).splitlines()[0] if str(error) else type(error).__name__) from None
    truth = content.get("groundTruth")
    if truth is None or not truth.size or "Segmentation" not in (truth.dtype.names or ()):
        raise ValueError("no groundTruth.Segmentation in it")
    return np.asarray(truth.flat[0]["Segmentation"])


def _mask(path: Path, pixels: Pixels, problems: Problems) -> NDArray[np.uint8] | None:
    """(H, W) uint8 of the picture's size; None, with the reason noted, when it cannot be used."""
    try:
        mask = _segmentation(path)
    except ValueError as error:
        problems.add(path, f"unreadable annotation ({error}); left out")
        return None
    height, width = pixels.shape[:2]
    if mask.ndim != 2 or mask.shape != (height, width):
        size = "x".join(map(str, mask.shape[::-1]))
        problems.add(path, f"mask of {size} px reaches outside its picture of {width}x{height} px; left out")
        return None
    if width % STEP or height % STEP:
        problems.add(path, f"picture of {width}x{height} px: its sides must be multiples of {STEP}; left out")
        return None
    if crack_contrast(pixels, mask) <= 0:
        problems.add(path, "mask lies on nothing darker than its surroundings: of another picture? left out")
        return None
    return mask.astype(np.uint8)


def crack_contrast(pixels: Pixels, mask: NDArray[np.uint8]) -> float:
    """How much darker the masked cracks are than the 8 px around them, in standard deviations; 1 without cracks."""
    grey = cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1)
    crack = (mask == _CRACK).astype(np.uint8)
    ring = (cv2.dilate(crack, np.ones((21, 21), np.uint8)) > 0) & ~(cv2.dilate(crack, np.ones((5, 5), np.uint8)) > 0)
    if not crack.any() or not ring.any():
        return 1.0
    return float((grey[ring].mean() - grey[crack > 0].mean()) / max(1e-6, grey[ring].std()))


def grid_of(mask: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(H / 32, W / 32): 1 damaged, 0 intact, `IGNORED` between; the outermost cells' patches leave the picture.

    Cell (i, j) is the patch of 64 px around the middle of the cell of 32 px, as `HeadNet` sees it.
    """
    rows, columns = mask.shape[0] // STEP, mask.shape[1] // STEP
    result = np.full((rows, columns), IGNORED, np.int64)
    crack = _windows(mask == _CRACK, PATCH)
    inner = _windows(mask == _CRACK, INNER)
    doubtful = _windows(mask > _CRACK, PATCH)
    inside = result[1:-1, 1:-1]
    inside[(crack == 0) & (doubtful == 0)] = 0
    inside[inner >= _ENOUGH] = 1
    return result


def _windows(mask: NDArray[np.bool_], side: int) -> NDArray[np.int64]:
    """Pixels set in the squares of this side around the middles of all cells but the outermost."""
    first = STEP + STEP // 2 - side // 2
    views = np.lib.stride_tricks.sliding_window_view(mask, (side, side))[first::STEP, first::STEP]
    rows, columns = mask.shape[0] // STEP - 2, mask.shape[1] // STEP - 2
    sums: NDArray[np.int64] = views[:rows, :columns].sum(axis=(2, 3), dtype=np.int64)
    return sums
