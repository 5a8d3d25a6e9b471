"""Whether something lies before the lens: cells of the view that show a smooth surface in place of their structure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.detector.health.field import Fit, Grey, cells_of
from shared.clock import NS

# Share of the structured cells that have lost their structure. Queues hide structure behind structure: below 0.1.
COVERED_LIMIT = 0.25
# A cell has lost it below this presence and alignment.
_PRESENT, _ALIGNED = 0.65, 0.35
# Strong noise leaves up to so much behind a cover, as fog and blur do of what they hide. But a cover is there from one
# moment to the next, and beside it all is as before: its share was below the second within so long when it came to the
# first, and the other cells have kept so much of their structure. So soon it may only be one, for so long.
_NOISY_PRESENT, _NOISY_ALIGNED = 0.75, 0.45
_SUDDEN, _BEFORE, _SUDDEN_NS = 0.1, 0.05, 2 * NS
_KEPT = 0.9
_SUSPECTED_NS = 10 * NS
# A cell belongs to the view where this share of its structure is not of things that may leave; unless so few do.
_OWN, _OWN_LEAST = 0.5, 1 / 3
# A dark cell is covered only while the others have kept their light: else it is dusk.
_DARK, _KEPT_LIGHT = 20.0, 0.6

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Light:
    """Of each cell, (rows, columns).

    Attributes:
        usual: grey level in the reference view.
        own: share of the structure there that is of the view, not of cars that stand there.
    """

    usual: NDArray[np.float32]
    own: NDArray[np.float32]


class CoverWatch:
    """Follows from picture to picture how much of a view is hidden."""

    def __init__(self) -> None:
        # When nothing was hidden last, and since when something suddenly is.
        self._open_at: int | None = None
        self._hidden_since: int | None = None

    def take(self, fit: Fit, light: Light, grey: Grey, now: int) -> tuple[float, bool]:
        """One measured picture.

        Args:
            fit: of the mean over about a second, so that the noise of a smooth surface is taken out, and what passes.
            grey: the picture now.

        Returns:
            the share of the structured cells that are covered, and whether they may have begun to be.
        """
        lost, sudden = _lost(fit, light, grey, _PRESENT, _ALIGNED), self._suddenly(fit, light, grey, now)
        begins = sudden > 0 and self._hidden_since is not None and now - self._hidden_since <= _SUSPECTED_NS
        return max(lost, sudden) if sudden >= COVERED_LIMIT else lost, begins

    def pause(self) -> None:
        """After a gap: nothing is compared with what was before it."""
        self._open_at = self._hidden_since = None

    def _suddenly(self, fit: Fit, light: Light, grey: Grey, now: int) -> float:
        """Share of the structured cells that have suddenly lost most of their structure, while the others kept it."""
        lost = _lost(fit, light, grey, _NOISY_PRESENT, _NOISY_ALIGNED)
        others = fit.structured & ~_gone(fit, _NOISY_PRESENT, _NOISY_ALIGNED)
        kept = bool(others.any()) and float(np.median(fit.cells[others, 0])) >= _KEPT
        if lost < _BEFORE:
            self._open_at, self._hidden_since = now, None
        elif lost >= _SUDDEN and kept and self._open_at is not None and now - self._open_at <= _SUDDEN_NS:
            self._hidden_since = self._hidden_since or now
        return lost if lost >= _SUDDEN and kept and self._hidden_since is not None else 0.0


def _lost(fit: Fit, light: Light, grey: Grey, present: float, aligned: float) -> float:
    """Share of the structured cells that have lost their structure, and not for want of light."""
    own = fit.structured & (light.own >= _OWN)
    if own.sum() < _OWN_LEAST * fit.structured.sum():
        own = fit.structured
    gone = _gone(fit, present, aligned) & own
    if not gone.any():
        return 0.0
    now = cells_of(grey, light.usual.shape)
    kept = own & ~gone
    if kept.any() and float(np.median(now[kept] / np.maximum(light.usual[kept], 1.0))) < _KEPT_LIGHT:
        gone &= now >= _DARK
    return float(gone.sum() / own.sum())


def _gone(fit: Fit, present: float, aligned: float) -> Mask:
    """(rows, columns) the cells of less presence and alignment."""
    gone: Mask = (fit.cells[..., 0] < present) & (fit.cells[..., 1] < aligned)
    return gone
