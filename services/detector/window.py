"""The comparison of two models summed over the frames of one camera and minute."""

from dataclasses import dataclass, field

from services.detector.compare import MIN_SCORE, Tally
from services.detector.compare_heads import HeadTally, Pair
from services.detector.sums import total
from shared.clock import NS
from shared.comparison import ClassComparison, HeadComparison, ModelComparison
from shared.messages import Detections

_MINUTE = 60 * NS


@dataclass(slots=True)
class Window:
    """What belongs together: frames of one camera, run and minute of event time, and the same two versions."""

    first: Detections
    candidate: str
    end: int = 0
    frames: int = 0
    production_s: float = 0.0
    candidate_s: float = 0.0
    tallies: dict[str, Tally] = field(default_factory=dict)
    heads: dict[Pair, HeadTally] = field(default_factory=dict)

    def takes(self, production: Detections, candidate: str) -> bool:
        """Whether a frame of this camera and run still belongs to this window."""
        minutes = self.first.frame.captured_at // _MINUTE, production.frame.captured_at // _MINUTE
        return minutes[0] == minutes[1] and (self.first.model, self.candidate) == (production.model, candidate)

    def add(
        self, production: Detections, tallies: dict[str, Tally], heads: dict[Pair, HeadTally], *, production_s: float,
        candidate_s: float,
    ) -> None:  # fmt: skip
        """One more frame, with the seconds that each model took for it."""
        self.end = production.frame.captured_at
        self.frames += 1
        self.production_s += production_s
        self.candidate_s += candidate_s
        self.tallies = total([self.tallies, tallies])
        self.heads = total([self.heads, heads])

    def message(self) -> ModelComparison:
        """The sums as they are published."""
        return ModelComparison(
            camera=self.first.camera,
            run=self.first.run,
            start=self.first.frame.captured_at,
            end=self.end,
            production=self.first.model,
            candidate=self.candidate,
            frames=self.frames,
            min_score=MIN_SCORE,
            production_ms=round(self.production_s / self.frames * 1000, 2),
            candidate_ms=round(self.candidate_s / self.frames * 1000, 2),
            classes=[_class(label, tally) for label, tally in self.tallies.items()],
            heads=[_head(pair, tally) for pair, tally in self.heads.items()],
        )


def _class(label: str, tally: Tally) -> ClassComparison:
    agreed = tally.agreed
    return ClassComparison(
        label=label,
        agreed=agreed,
        only_production=tally.only_production,
        only_candidate=tally.only_candidate,
        mean_iou=round(tally.iou / agreed, 4) if agreed else None,
        mean_score_difference=round(tally.score / agreed, 4) if agreed else None,
    )


def _head(pair: Pair, tally: HeadTally) -> HeadComparison:
    name, production, candidate = pair
    return HeadComparison(
        name=name,
        production=production,
        candidate=candidate,
        frames=tally.frames,
        agreed=tally.agreed,
        only_production=tally.only_production,
        only_candidate=tally.only_candidate,
        mean_difference=round(tally.difference / tally.frames, 4),
    )
