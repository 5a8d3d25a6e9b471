"""What was told of the things on a scene, and what else: the whole analyzer judges, the same for every contestant."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.analyzer.stage import CameraAnalyzer
from shared.clock import NS
from shared.messages import Detections, Incident
from training.bench.learned_scenes import LEARN_S
from training.intervals import garwood
from training.scenes.scene import FPS, Scene, box_at

# Found within 10 s of coming to rest; an alert near the thing counts.
WITHIN_S, _NEAR = 10.0, 0.02


@dataclass(slots=True)
class Score:
    """Of some scenes.

    Attributes:
        found: per thing its height in pixels, and the seconds from its rest until it was told, None when not in time.
        missed: a line for each that was not told in time.
        others: a line for whatever else was told, but for congestion.
        hours: of event time since the learning.
    """

    found: list[tuple[float, float | None]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    hours: float = 0.0

    def add(self, other: "Score") -> None:
        """Take another scene's."""
        self.found += other.found
        self.missed += other.missed
        self.others += other.others
        self.hours += other.hours

    @property
    def hits(self) -> int:
        """Things that were told in time."""
        return sum(after is not None for _, after in self.found)

    def rate(self, digits: int) -> str:
        """What else was told per hour, with its 95 % interval; `-` without hours."""
        interval = garwood(len(self.others), self.hours) if self.hours else None
        if interval is None:
            return "-"
        low, high = interval
        return f"{len(self.others) / self.hours:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def judge(scene: Scene, rows: Iterable[Detections]) -> Score:
    """An alert near a thing counts once, everything else is a false alarm."""
    site = scene.place.site(scene.id, FPS)
    analyzer, score = CameraAnalyzer(site, site.cameras[0]), Score(hours=(scene.seconds - LEARN_S) / 3600)
    told: dict[int, float] = {}
    for row in rows:
        for incident in analyzer.step(row).incidents:
            if incident.change != "opened" or incident.incident == "congestion":
                continue
            number = thing_of(scene, incident)
            if number is None or number in told:
                at = f"{scene.id} {incident.detected_at / NS:.1f} s"
                score.others.append(f"{at} {incident.incident} {incident.label} {incident.box}")
            else:
                told[number] = incident.detected_at / NS - scene.truth[number].start_s
    for number, item in enumerate(scene.truth):
        after = told.get(number)
        within = after if after is not None and after <= WITHIN_S else None
        score.found.append((item.pixels, within))
        if within is None:
            score.missed.append(f"{scene.id} {scene.conditions.extra or 'plain'} {item.pixels:.0f} px: {after}")
    return score


def thing_of(scene: Scene, incident: Incident) -> int | None:
    """Which staged thing an incident is about."""
    x1, y1, x2, y2 = incident.box
    for number, item in enumerate(scene.truth):
        box = box_at(scene, item.actor, incident.detected_at / NS) if item.actor else None
        if box and x1 < box[2] + _NEAR and x2 > box[0] - _NEAR and y1 < box[3] + _NEAR and y2 > box[1] - _NEAR:
            return number
    return None
