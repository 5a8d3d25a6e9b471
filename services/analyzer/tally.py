"""What is summed up of one lane over one interval, and the message that it becomes."""

import math
from dataclasses import dataclass, field

from services.analyzer.scene import TrackView
from shared.clock import NS
from shared.messages import LaneClass, LaneStats

# Speeds are kept as a histogram: whatever the traffic and the interval, it has a few hundred steps at most.
_STEP_KMH = 1.0
# Over less observed time than this a flow per hour would be made up: one vehicle in 2 s is not 1800 an hour.
_LEAST_FLOW_NS = 10 * NS


@dataclass(slots=True)
class _Class:
    """One class of vehicles; `kmh` and `sizes` are sums over `known_kmh` and `known_sizes` vehicles."""

    count: int = 0
    occupied: int = 0
    kmh: float = 0.0
    known_kmh: int = 0
    sizes: float = 0.0
    known_sizes: int = 0


@dataclass(slots=True)
class Tally:
    """The sums of one lane; times in ns.

    Attributes:
        occupied: time in which any vehicle stood or drove over the line.
        present: vehicles in the zone, summed over the observed time.
        histogram: vehicles by speed, in steps of 1 km/h.
    """

    classes: dict[str, _Class] = field(default_factory=dict)
    occupied: int = 0
    present: int = 0
    histogram: dict[int, int] = field(default_factory=dict)

    def passed(self, track: TrackView) -> None:
        """A vehicle has passed."""
        own = self._of(track.label)
        own.count += 1
        if track.speed_kmh is not None:
            own.kmh += track.speed_kmh
            own.known_kmh += 1
            step = round(track.speed_kmh / _STEP_KMH)
            self.histogram[step] = self.histogram.get(step, 0) + 1
        if (speed := track.speed) is not None:
            own.sizes += speed
            own.known_sizes += 1

    def hold(self, labels: list[str], vehicles: int, elapsed: int) -> None:
        """For `elapsed` ns vehicles of these classes were over the line, and so many in the zone."""
        self.present += vehicles * elapsed
        if labels:
            self.occupied += elapsed
            for label in labels:
                self._of(label).occupied += elapsed

    def _of(self, label: str) -> _Class:
        own = self.classes.get(label)
        if own is None:
            own = self.classes[label] = _Class()
        return own

    def message(
        self, camera: str, zone: str, run: str | None, start: int, end: int, observed: int, *, has_line: bool
    ) -> LaneStats:
        """The interval as a message; `has_line` says whether there was a fixed line that could be covered."""
        count = sum(item.count for item in self.classes.values())
        known = sum(item.known_kmh for item in self.classes.values())
        sizes = sum(item.known_sizes for item in self.classes.values())

        def share(time: int) -> float | None:
            return round(time / observed, 4) if has_line and observed else None

        return LaneStats(
            camera=camera,
            zone=zone,
            run=run,
            start=start,
            end=end,
            observed_s=round(observed / NS, 3),
            count=count,
            flow_per_h=round(count * 3600 * NS / observed, 1) if observed >= _LEAST_FLOW_NS else None,
            occupancy=share(self.occupied),
            mean_vehicles=round(self.present / observed, 3) if observed else None,
            mean_speed_kmh=_mean(sum(item.kmh for item in self.classes.values()), known),
            p15_speed_kmh=self._percentile(0.15, known),
            p85_speed_kmh=self._percentile(0.85, known),
            mean_speed_sizes_per_s=_mean(sum(item.sizes for item in self.classes.values()), sizes),
            classes=[
                LaneClass(
                    label=label,
                    count=item.count,
                    occupancy=share(item.occupied),
                    occupied_s=round(item.occupied / NS, 3),
                    speeds=item.known_kmh,
                    mean_speed_kmh=_mean(item.kmh, item.known_kmh),
                    mean_speed_sizes_per_s=_mean(item.sizes, item.known_sizes),
                )
                for label, item in sorted(self.classes.items())
            ],
        )

    def _percentile(self, share: float, known: int) -> float | None:
        """Nearest rank."""
        rank = math.ceil(share * known)
        for step in sorted(self.histogram):
            rank -= self.histogram[step]
            if rank <= 0:
                return step * _STEP_KMH
        return None


def _mean(total: float, count: int) -> float | None:
    return round(total / count, 2) if count else None
