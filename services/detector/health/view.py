"""Whether the camera still shows its reference view: moved, or parts of it covered.

The reference is learned over ten seconds of a steady view and follows the light slowly. So that it never follows the
camera as well, the first reference is kept: how far the slow one has drifted from it counts into the shift.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.detector.health.cover import COVERED_LIMIT, CoverWatch, Light
from services.detector.health.field import AHEAD, CLEAR, Field, Fit, Reference, cells_of, grid_of, without
from services.detector.health.measures import Measures
from shared.clock import NS

# Share of the longer side. Shake of 2.5 px at 1280 is 0.002; from 0.018 (23 px at 1280) on, a lane's edge lies in the
# next lane at middle distance.
SHIFT_LIMIT = 0.018
# Share of the usual alignment below which it is another view. Dense queues over most of the picture leave 0.55.
ALIGNMENT_LIMIT = 0.4
# A covered lens leaves less than half of the reference's structure in a picture, another view most of it.
_OTHER = 0.6
# No edge in the picture is stronger: a bag over the lens. Fog that hides all but the nearest has twice as much.
NO_EDGE = 2.0
# Weight of a picture in the mean that covered cells are looked for in: over a second. The noise of a smooth surface is
# taken out, and so is what passes.
_MEAN = 0.3
_LEARN_NS, _LEARN_LEAST = 10 * NS, 8
# Length of the mean field over the mean length: 0.7 and more for a fixed camera, 0.25 hand-held.
_STEADY = 0.5
# The registration is asked this often while all seems well; the reference takes a picture this often.
_REGISTER_NS, _BLEND_NS, _DRIFT_NS = NS, 2 * NS, 60 * NS
# Follows the light within minutes: clouds and dusk are no slower.
_BLEND = 0.02
# Without a reference the view is compared with that of a second ago.
_BACK_NS = NS


# (K, 4) float64, 0..1 of the picture.
Rows = NDArray[np.float64]
NOTHING: Rows = np.zeros((0, 4))


@dataclass(frozen=True, slots=True)
class Seen:
    """What one measured picture says of the view; None: it cannot tell.

    Attributes:
        shift: where the scene lies now, of the reference view's sides, x right, y down.
        lost: share of the structured cells that are covered.
        why: for a person, when it is moved.
        hides: whether something may have begun to cover the lens.
    """

    moved: bool | None = None
    covered: bool | None = None
    shift: tuple[float, float] | None = None
    lost: float = 0.0
    why: str = ""
    hides: bool = False


class ViewWatch:
    """Learns the reference view and registers pictures with it.

    Attributes:
        own: (rows, columns) share of each cell's structure that is of the view, not of cars that stand there.
    """

    def __init__(self) -> None:
        self.reference: Reference | None = None
        self.first: Reference | None = None
        self.light: NDArray[np.float32] | None = None
        self.own: NDArray[np.float32] | None = None
        self.usual, self.peak = 0.0, 0.0
        self.drift = (0.0, 0.0)
        self._learned = _Learning()
        self._recent: deque[tuple[int, Field]] = deque()
        self._at = (0.0, 0.0, 0.0, 0.0)
        self._mean: Field | None = None
        self._registered = self._blended = self._drifted = 0
        self._cover = CoverWatch()

    def take(self, measures: Measures, usable: bool, now: int, things: Rows = NOTHING) -> Seen:
        """One measured picture.

        Args:
            usable: it is neither black nor overexposed.
            things: what is in it that may leave.
        """
        reference = self.reference
        if reference is not None and reference.field.shape != measures.field.shape:
            return Seen(moved=True, why="the picture has another shape than the reference view")
        if not usable:
            self._recent.clear()
            return Seen()
        if measures.edge < NO_EDGE:
            return Seen(covered=True, lost=1.0)
        if reference is None:
            return self._learn(measures, now, things)
        return self._compare(reference, measures, now, things)

    def _learn(self, measures: Measures, now: int, things: Rows) -> Seen:
        moving = self._moves(measures.field, now)
        if moving:
            self._learned = _Learning()
            return Seen(moved=True, covered=False, why="the view keeps moving")
        learned = self._learned
        learned.add(measures, now, things)
        if now - learned.began >= _LEARN_NS and learned.count >= _LEARN_LEAST:
            mean = learned.field / learned.count
            if float(np.abs(mean).sum()) >= _STEADY * learned.length / learned.count:
                self.reference = self.first = Reference(mean.astype(np.complex64))
                self.light = (learned.light / learned.count).astype(np.float32)
                self.own = self.reference.share(learned.own / learned.count)
                fit = self.reference.fit(measures.field)
                self.usual, self.peak = fit.alignment, self.reference.shift(measures.field)[2]
                self._recent.clear()
            self._learned = _Learning()
        return Seen(moved=False, covered=False)

    def _moves(self, field: Field, now: int) -> bool:
        """Whether the whole view lies elsewhere than a second ago."""
        recent = self._recent
        recent.append((now, field))
        while len(recent) > 1 and now - recent[1][0] >= _BACK_NS:
            recent.popleft()
        before = recent[0][1]
        if before is field or before.shape != field.shape:
            return False
        dx, dy, peak, here = Reference(before).shift(field)
        return float(np.hypot(dx, dy)) >= SHIFT_LIMIT * max(field.shape) and peak >= here + AHEAD

    def _compare(self, reference: Reference, measures: Measures, now: int, things: Rows) -> Seen:
        fit = reference.fit(measures.field)
        if self._mean is None:
            self._mean = measures.field
        low = fit.alignment < (1 + ALIGNMENT_LIMIT) / 2 * self.usual
        if low or now - self._registered >= _REGISTER_NS:
            self._at, self._registered = reference.shift(measures.field), now
        dx, dy, peak, here = self._at
        height, width = measures.field.shape
        limit = SHIFT_LIMIT * max(height, width)
        x, y = dx + self.drift[0], dy + self.drift[1]
        elsewhere = peak >= CLEAR and peak >= here + AHEAD
        self._mean = self._mean + _MEAN * (measures.field - self._mean)
        assert self.light is not None
        assert self.own is not None
        light = Light(self.light, self.own)
        lost, hides = self._cover.take(reference.fit(self._mean), light, measures.grey, now)
        if float(np.hypot(x, y)) >= limit and (elsewhere or float(np.hypot(dx, dy)) < limit):
            off = x / width, y / height
            return Seen(True, None, off, lost, f"the view lies {_way(off)} of its reference view")
        # A smooth surface may fit here and there by chance.
        if low and fit.presence >= _OTHER and reference.turned(measures.field, limit):
            return Seen(True, None, None, lost, "the view is turned or zoomed against its reference view")
        home = peak >= CLEAR and float(np.hypot(x, y)) < limit
        strays = fit.alignment < ALIGNMENT_LIMIT * self.usual and not home
        covered = lost >= COVERED_LIMIT
        if strays:
            share = fit.alignment / max(self.usual, 1e-6)
            why = f"the view does not fit its reference view: {max(0.0, share):.0%} of its usual alignment is left"
            # Another view has structure of its own. The mean over a view that keeps moving looks covered too.
            other = fit.presence >= _OTHER or not covered
            return Seen(True if other else None, None if other else covered, None, lost, why)
        if not (covered or hides or low):
            self._follow(reference, fit, measures, now, things)
        return Seen(False, covered, (x / width, y / height), lost, hides=hides)

    def _follow(self, reference: Reference, fit: Fit, measures: Measures, now: int, things: Rows) -> None:
        """Follow the light, and look now and then how far the reference has followed the camera."""
        dx, dy, peak, _ = self._at
        self.usual += _BLEND * (fit.alignment - self.usual)
        self.peak += _BLEND * (peak - self.peak)
        if now - self._blended < _BLEND_NS or float(np.hypot(dx, dy)) > 0.5:
            return
        assert self.light is not None
        assert self.own is not None
        assert self.first is not None
        self._blended = now
        self.light += _BLEND * (cells_of(measures.grey, self.light.shape) - self.light)
        self.own += _BLEND * (reference.share(without(reference.field, things)) - self.own)
        self.reference = reference.blended(measures.field, _BLEND)
        if now - self._drifted >= _DRIFT_NS:
            self._drifted = now
            x, y, found, _ = self.first.shift(self.reference.field)
            if found >= CLEAR:
                self.drift = x, y

    def pause(self) -> None:
        """After a gap: nothing is compared with what was before it."""
        self._learned = _Learning()
        self._recent.clear()
        self._mean = None
        self._cover.pause()
        self._registered = self._blended = 0


class _Learning:
    """Sums over the pictures that the reference is learned from."""

    def __init__(self) -> None:
        self.began, self.count, self.length = 0, 0, 0.0
        self.field: NDArray[np.complex64] = np.zeros((1, 1), np.complex64)
        self.light: NDArray[np.float32] = np.zeros((1, 1), np.float32)
        self.own: NDArray[np.complex64] = np.zeros((1, 1), np.complex64)

    def add(self, measures: Measures, now: int, things: Rows) -> None:
        """One more picture; one of another shape begins anew."""
        if not self.count or self.field.shape != measures.field.shape:
            self.__init__()  # type: ignore[misc]
            self.began = now
            self.field = np.zeros_like(measures.field)
            self.light = np.zeros(grid_of(*measures.field.shape), np.float32)
            self.own = np.zeros_like(measures.field)
        self.count += 1
        self.length += float(np.abs(measures.field).sum())
        self.field = self.field + measures.field
        self.light = self.light + cells_of(measures.grey, self.light.shape)
        self.own = self.own + without(measures.field, things)


def _way(off: tuple[float, float]) -> str:
    """A shift in words.

    >>> _way((0.1, -0.02))
    '10.0 % right and 2.0 % up'
    """
    x, y = off
    return f"{abs(x) * 100:.1f} % {'right' if x > 0 else 'left'} and {abs(y) * 100:.1f} % {'down' if y > 0 else 'up'}"
