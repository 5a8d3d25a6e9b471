"""How each patch of the road looks when nothing is on it: some dozen looks per patch, and how far they differ."""

import io
import zipfile
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.clock import NS

# Looks that are kept per patch. Half of them are of the last minutes; the others last five times as long, so that a
# light that comes back after an hour is known.
LOOKS = 24
_OLD_EVERY = 5
# A patch is known after so many looks over so long: a minute of ordinary traffic leaves every lane open that often.
_ENOUGH, _LEAST_NS = 8, 45 * NS
# Where vehicles leave it open more seldom than so, as in a queue, what is seen between them is half their shadows: it
# takes all looks to know the patch.
_OPEN = 0.25
# A look that so few of the others resemble is something that passed unseen, not the road.
_RARE, _ALIKE = 0.2, 0.15
# What is farther than this from every look is unfamiliar. Staged things of 17 to 42 px were at 0.26 to 0.6, the empty
# road below 0.15, but for patches that vary by themselves: these need up to so much, twice what they vary by.
LEAST, MOST = 0.2, 0.32
_MARGIN = 2.0
# Descriptors have components well below 1; a byte then keeps them to within 0.4 % of a unit.
_SCALE = 127.0

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def _slots(lessons: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the look of each lesson is kept, by the lesson's number from 0 on."""
    half = LOOKS // 2
    old = lessons % _OLD_EVERY == 0
    ring = np.where(old, half + lessons // _OLD_EVERY % half, (lessons - lessons // _OLD_EVERY - 1) % half)
    # At first there is room for all: none is dropped before every place is taken.
    return np.where(lessons < LOOKS, lessons, ring)


def half_squared(apart: Floats) -> Floats:
    """(..., D) → (...): the distance of two descriptors that are so far apart."""
    return np.asarray(np.einsum("...d,...d->...", apart, apart) / 2, np.float32)


class EmptyRoad:
    """The looks of K patches.

    Attributes:
        known: (K,) whether enough was seen of a patch.
        threshold: (K,) distance from which on it looks unfamiliar; only where it is known.
    """

    def __init__(self, count: int, dimensions: int) -> None:
        self._looks = np.zeros((LOOKS, count, dimensions), np.float32)
        self._valid = np.zeros((LOOKS, count), np.bool_)
        # (LOOKS, K) half the squared length of each; infinite where there is none.
        self._lengths = np.full((LOOKS, count), np.inf, np.float32)
        # (K, D) and (K,) the one that was learned last.
        self._last = np.zeros((count, dimensions), np.float32)
        self._last_length = np.full(count, np.inf, np.float32)
        self._lessons = np.zeros(count, np.int64)
        self._first = np.zeros(count, np.int64)
        self._chances = np.zeros(count, np.int64)
        self.known = np.zeros(count, np.bool_)
        self.threshold = np.full(count, MOST, np.float32)

    @property
    def dimensions(self) -> int:
        """Of a descriptor."""
        return int(self._looks.shape[2])

    def distance(self, now: Floats, asked: Mask | None = None, enough: Floats | float = 0.0) -> Floats:
        """(K,) of (K, D) descriptors to their nearest look; infinite where there is none.

        Args:
            asked: (K,) the patches that it matters for; of others it may be too much.
            enough: where the look that was learned last is no farther than this, it is that one's: most of an empty
                road looks as it did seconds ago, and the looks come from main memory.
        """
        # By their lengths and products: the differences themselves would go through memory three times.
        own = half_squared(now)
        apart = self._last_length - np.einsum("kd,kd->k", self._last, now) + own
        far = ~(apart <= enough)
        rest = np.flatnonzero(far if asked is None else far & asked)
        nearest = self._lengths[:, rest] - np.einsum("lkd,kd->lk", self._looks[:, rest], now[rest])
        apart[rest] = nearest.min(axis=0) + own[rest]
        return np.asarray(np.maximum(apart, 0), np.float32)

    def mean_looks(self) -> Floats:
        """(K, D): the mean of the looks of each patch; zero where there is none."""
        count = np.maximum(self._valid.sum(axis=0), 1)[:, None]
        return np.asarray(np.einsum("lkd,lk->kd", self._looks, self._valid.astype(np.float32)) / count, np.float32)

    def first_seen(self, which: Mask) -> int:
        """When the first look was taken of any of these patches, UTC ns."""
        return int(self._first[which].min())

    def learn(self, now: Floats, which: Mask, at: int) -> None:
        """Take the (K, D) descriptors of some patches as looks of the empty road; `at` is UTC ns."""
        self._chances += 1
        cells = np.flatnonzero(which)
        lessons = self._lessons[cells]
        self._first[cells[lessons == 0]] = at
        slots = _slots(lessons)
        self._looks[slots, cells] = now[cells]
        self._valid[slots, cells] = True
        self._last[cells] = now[cells]
        self._lengths[slots, cells] = self._last_length[cells] = half_squared(now[cells])
        self._lessons[cells] += 1
        enough = (self._lessons >= _ENOUGH) & (self._lessons >= np.minimum(_OPEN * self._chances, LOOKS))
        ripe = np.flatnonzero(~self.known & enough & (at - self._first >= _LEAST_NS))
        if len(ripe):
            self._settle(ripe)

    def _settle(self, cells: NDArray[np.int64]) -> None:
        """Drop what was no road, and see how much each patch varies by itself."""
        looks, valid = self._looks[:, cells], self._valid[:, cells]
        dot = np.einsum("mkd,nkd->kmn", looks, looks, optimize=True)
        own = np.einsum("kmm->km", dot)
        apart = (own[:, :, None] + own[:, None, :]) / 2 - dot
        both = valid.T[:, :, None] & valid.T[:, None, :]
        alike = ((apart < _ALIKE) & both).sum(axis=2)
        common = valid.T & (alike >= np.maximum(2, _RARE * valid.sum(axis=0)[:, None]))
        # A patch of which no look resembles another is not known yet.
        sure = common.sum(axis=1) >= _ENOUGH // 2
        pairs = common[:, :, None] & common[:, None, :] & ~np.eye(LOOKS, dtype=np.bool_)
        nearest = np.where(pairs, apart, np.inf).min(axis=2)
        varies = np.where(common, nearest, 0.0).max(axis=1)
        self._valid[:, cells[sure]] = common[sure].T
        self._lengths[~self._valid] = np.inf
        self._find_last(cells)
        self.threshold[cells[sure]] = np.clip(_MARGIN * varies[sure], LEAST, MOST)
        self.known[cells[sure]] = True

    def _find_last(self, cells: NDArray[np.int64]) -> None:
        """Of these patches the look that was learned last, from among all."""
        slots = _slots(np.maximum(self._lessons[cells] - 1, 0))
        self._last[cells], self._last_length[cells] = self._looks[slots, cells], self._lengths[slots, cells]

    def to_bytes(self) -> bytes:
        """A snapshot, a byte per component. Packed tighter it would be a third smaller at most, and stop the frames
        for 40 ms."""
        buffer = io.BytesIO()
        looks = np.clip(np.rint(self._looks * _SCALE), -127, 127).astype(np.int8)
        np.savez(
            buffer, looks=looks, valid=self._valid, lessons=self._lessons, first=self._first, known=self.known,
            chances=self._chances,
            threshold=self.threshold,
        )  # fmt: skip
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, value: bytes, count: int) -> Self:
        """From `to_bytes`.

        Raises:
            ValueError: no such snapshot, or one of another number of patches.
        """
        try:
            with np.load(io.BytesIO(value), allow_pickle=False) as held:
                looks = held["looks"]
                road = cls(count, looks.shape[2])
                road._looks = looks.astype(np.float32) / np.float32(_SCALE)
                road._valid, road._lessons, road._first = held["valid"], held["lessons"], held["first"]
                road.known, road.threshold, road._chances = held["known"], held["threshold"], held["chances"]
                road._lengths = np.where(road._valid, half_squared(road._looks), np.float32(np.inf))
                road._find_last(np.arange(count))
        except (KeyError, OSError, EOFError, IndexError, zipfile.BadZipFile) as error:
            raise ValueError(f"not a memory of a road: {error}") from None
        if road._looks.shape[:2] != (LOOKS, count) or road.known.shape != (count,):
            raise ValueError(f"a memory of {road._looks.shape[1]} patches; the zones have {count}")
        return road
