"""How two versions of a head differ on the same picture."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.detector.sums import Sums
from shared.heads import HeadResult

Pair = tuple[str, str, str]
"""A head's name, its version in production and the candidate's."""


@dataclass(frozen=True, slots=True)
class HeadTally(Sums):
    """The frames that both judged.

    Attributes:
        agreed: of them those with the same label.
        only_production, only_candidate: those that one alone calls not normal.
        difference: sum of the probability of any state but the normal one, candidate minus production.
    """

    frames: int = 0
    agreed: int = 0
    only_production: int = 0
    only_candidate: int = 0
    difference: float = 0.0


def compare_heads(production: Iterable[HeadResult], candidate: Iterable[HeadResult]) -> dict[Pair, HeadTally]:
    """The differences on one frame, for each head that judged it in both."""
    others = {result.name: result for result in candidate}
    return {
        (old.name, old.version, new.version): _tally(old, new)
        for old in production
        if (new := others.get(old.name)) is not None
    }


def _tally(old: HeadResult, new: HeadResult) -> HeadTally:
    wrong = _is_wrong(old), _is_wrong(new)
    return HeadTally(
        frames=1,
        agreed=int(old.label == new.label),
        only_production=int(wrong == (True, False)),
        only_candidate=int(wrong == (False, True)),
        difference=_wrong(new) - _wrong(old),
    )


def _normal(result: HeadResult) -> str:
    """The first class is the normal state."""
    return next(iter(result.probabilities))


def _is_wrong(result: HeadResult) -> bool:
    return result.label != _normal(result)


def _wrong(result: HeadResult) -> float:
    return 1.0 - result.probabilities[_normal(result)]
