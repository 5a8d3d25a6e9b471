"""What a contestant found on the scenes, and what else it told: the analyzer's own rule, the same for all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.analyzer.stage import CameraAnalyzer
from shared.clock import NS
from shared.messages import Detections
from shared.surface import Surface
from training.bench.learned_scenes import LEARN_S
from training.bench.unknown import thing_of
from training.intervals import garwood, percentile, wilson
from training.scenes.scene import FPS, Scene

WITHIN_S = 10.0
SIZES = ((8, 16), (16, 24), (24, 32), (32, 80), (16, 1000))


@dataclass(slots=True)
class Score:
    """Of some scenes.

    Attributes:
        found: per thing its height in pixels, and the seconds from its rest until it was told, None when not in time.
        others: what else was told, but for congestion.
        hours: of event time since the learning.
    """

    found: list[tuple[float, float | None]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    hours: float = 0.0

    def add(self, other: "Score") -> None:
        """Take another scene's."""
        self.found += other.found
        self.others += other.others
        self.hours += other.hours

    @property
    def hits(self) -> int:
        """Things that were told in time."""
        return sum(after is not None for _, after in self.found)


def judge(scene: Scene, rows: Iterable[Detections]) -> Score:
    """As training/bench/unknown.py: near a thing counts once, everything else is a false alarm."""
    site = scene.place.site(scene.id, FPS)
    analyzer, told, score = CameraAnalyzer(site, site.cameras[0]), dict[int, float](), Score()
    for row in rows:
        for incident in analyzer.step(row).incidents:
            if incident.change != "opened" or incident.incident == "congestion":
                continue
            number = thing_of(scene, incident)
            if number is None or number in told:
                score.others.append(f"{scene.id} {incident.detected_at / NS:.1f} s {incident.incident} {incident.box}")
            else:
                told[number] = incident.detected_at / NS - scene.truth[number].start_s
    for number, item in enumerate(scene.truth):
        after = told.get(number)
        score.found.append((item.pixels, after if after is not None and after <= WITHIN_S else None))
    score.hours = (scene.seconds - LEARN_S) / 3600
    return score


def with_names(rows: Sequence[Detections], surfaces: Sequence[Surface | None]) -> list[Detections]:
    """The whole product, with these answers in the memory's place."""
    return [row.model_copy(update={"surface": item}) for row, item in zip(rows, surfaces, strict=True)]


def alone(rows: Sequence[Detections], surfaces: Sequence[Surface | None]) -> list[Detections]:
    """These answers under the same rule, without any box of the detector."""
    return [row.model_copy(update={"objects": []}) for row in with_names(rows, surfaces)]


def table(scores: Sequence[tuple[str, Score]]) -> list[str]:
    """Markdown: a row per contestant."""
    heads = [f"{low}-{high} px" if high < 1000 else f"{low} px and more" for low, high in SIZES]
    lines = [f"| contestant | {' | '.join(heads)} | p95 s | false alarms | per hour (95 %) |"]
    lines.append(f"| --- {'| --- ' * len(heads)}| --: | --: | --- |")
    for name, score in scores:
        cells = [_share([after for pixels, after in score.found if low <= pixels < high]) for low, high in SIZES]
        late = percentile([after for _, after in score.found if after is not None], 95)
        low, high = garwood(len(score.others), score.hours) or (0.0, 0.0)
        rate = f"{len(score.others) / score.hours:.1f} ({low:.1f}-{high:.1f})" if score.hours else "-"
        seconds = "-" if late is None else f"{late:.1f}"
        lines.append(f"| {name} | {' | '.join(cells)} | {seconds} | {len(score.others)} | {rate} |")
    return lines


def _share(group: Sequence[float | None]) -> str:
    hits = sum(after is not None for after in group)
    interval = wilson(hits, len(group))
    return "-" if interval is None else f"{hits}/{len(group)} ({interval[0]:.0%}-{interval[1]:.0%})"
