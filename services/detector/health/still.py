"""Whether the picture stands still as no live picture does: a sensor always has some noise, a road some traffic."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.detector.health.field import Grey
from services.detector.health.measures import changes
from shared.clock import NS

# Grey levels by which blocks of equal pictures differ at most.
_EQUAL = 0.02
# Cameras whose pictures differ by this much from one to the next (median block) have noise that would be missed.
_NOISY = 0.6
# A frozen picture that is encoded anew differs from itself by the codec's noise: less than this share of the camera's.
_CODEC = 0.5
# Blocks that may have changed since the stretch began: the camera's clock goes on in a corner of a frozen picture.
_CAPTION = 0.04
# How long equality must last. With noise, equality is impossible in a live picture.
_NOISY_NS = 6 * NS
# Without noise (heavy compression, a dark picture) encoders repeat an empty road's blocks for a key frame's interval.
_PLAIN_NS = 20 * NS
# Nearly equal pictures may come from a camera that changed to night mode while nobody passes.
_NEARLY_NS = 15 * NS
# So many times the longest still stretch that ended by itself; longer ones were faults.
_TIMES, _LONGEST_NS = 3, 40 * NS
# A still picture counts as free of noise for this long; after that it may be frozen, and says nothing of the camera.
_LEARN_NS = 2 * NS
# Measures after which the noise is known. Of the first ones the least counts, then it follows the calm moments: ten
# measures above it raise it as much as one below lowers it. A lorry that fills the picture for seconds is no noise.
_KNOWN = 15
_RISE, _FALL, _LEAST = 1.005, 0.95, 0.05


@dataclass(slots=True, eq=False)
class _Stretch:
    """Pictures in a row that equal the first one, but for a few blocks."""

    first: Grey | None = None
    since: int = 0
    changed: NDArray[np.bool_] | None = None

    def take(self, sample: Grey, tolerance: float, now: int) -> int:
        """Returns for how long the picture has been still, ns."""
        if self.first is not None and self.first.shape == sample.shape:
            changed = changes(self.first, sample) > tolerance
            self.changed = changed if self.changed is None else self.changed | changed
            if self.changed.mean() <= _CAPTION:
                return now - self.since
        self.first, self.since, self.changed = sample, now, None
        return 0


@dataclass(slots=True, eq=False)
class Stillness:
    """The camera's noise, and how long its picture has been the same.

    Attributes:
        noise: change from one measured picture to the next in calm moments, grey levels of the median block.
        known: measures that the noise comes from.
        longest: ns of the longest still stretch that ended by itself.
    """

    noise: float = 0.0
    known: int = 0
    longest: int = 0
    _equal: _Stretch = field(default_factory=_Stretch)
    _nearly: _Stretch = field(default_factory=_Stretch)
    _before: Grey | None = None
    _lasted: int = 0

    def take(self, sample: Grey, dim: bool, now: int) -> int | None:
        """One measured picture; `dim`: hardly anything is to be seen on it.

        Returns:
            since when the picture is frozen, UTC ns; None: it is not.
        """
        equal = self._equal.take(sample, _EQUAL, now)
        noisy = self.known >= _KNOWN and self.noise >= _NOISY and not dim
        nearly = self._nearly.take(sample, max(_EQUAL, self.noise * _CODEC), now) if noisy else 0
        self._learn(sample, equal, nearly)
        if equal >= (_NOISY_NS if noisy else max(_PLAIN_NS, _TIMES * self.longest)):
            return now - equal
        return now - nearly if noisy and nearly >= _NEARLY_NS else None

    def _learn(self, sample: Grey, equal: int, nearly: int) -> None:
        if equal == 0 and self._lasted < _LONGEST_NS / _TIMES:
            self.longest = max(self.longest, self._lasted)
        self._lasted = equal
        before, self._before = self._before, sample
        if before is None or before.shape != sample.shape or max(equal, nearly) > _LEARN_NS:
            return
        change = float(np.median(changes(before, sample)))
        self.known += 1
        if self.known <= _KNOWN:
            self.noise = change if self.known == 1 else min(self.noise, change)
        else:
            self.noise = max(_LEAST, self.noise * (_RISE if change > self.noise else _FALL))

    def pause(self) -> None:
        """After a gap: what was before it is not compared with what comes."""
        self._equal, self._nearly, self._before, self._lasted = _Stretch(), _Stretch(), None, 0
