"""The figures of a group of true incidents and false alarms: rates with intervals, times, precision."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.intervals import Interval, garwood, median, percentile, wilson

# How far `started_at` may lie from the truth and still count as right, seconds.
START_TOLERANCE_S = 2.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one incident type, camera or size class, or of all.

    Attributes:
        staged: true incidents.
        false_alarms: alerts that found nothing, duplicates included.
        duplicates: those of them that reported a found incident again.
        hours: camera-hours analysed.
        time_to_detect_s: of each found incident, `detected_at` − `start_s`.
        start_error_s: of each found incident, `started_at` − `start_s`.
    """

    staged: int
    found: int
    false_alarms: int
    duplicates: int
    hours: float
    time_to_detect_s: tuple[float, ...]
    start_error_s: tuple[float, ...]

    @property
    def rate(self) -> float | None:
        """Share of the true incidents that were found (recall), 0..1."""
        return self.found / self.staged if self.staged else None

    @property
    def rate_interval(self) -> Interval | None:
        """95 % Wilson interval of the rate."""
        return wilson(self.found, self.staged)

    @property
    def per_hour(self) -> float | None:
        """False alarms per camera-hour."""
        return self.false_alarms / self.hours if self.hours else None

    @property
    def per_hour_interval(self) -> Interval | None:
        """Exact 95 % Poisson interval of the false alarms per camera-hour."""
        return garwood(self.false_alarms, self.hours)

    @property
    def precision(self) -> float | None:
        """Share of the alerts that found a true incident, 0..1."""
        alerts = self.found + self.false_alarms
        return self.found / alerts if alerts else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and detection rate."""
        total = self.found + self.staged + self.false_alarms
        return 2 * self.found / total if total else None

    @property
    def start_within(self) -> float | None:
        """Share of the found incidents whose start was told within `START_TOLERANCE_S`."""
        if not self.start_error_s:
            return None
        # A nanosecond of slack: times come from decimal seconds and binary subtraction.
        near = sum(1 for error in self.start_error_s if abs(error) <= START_TOLERANCE_S + 1e-9)
        return near / len(self.start_error_s)

    @property
    def start_error_median_s(self) -> float | None:
        """Median of the absolute error of `started_at`."""
        return median([abs(error) for error in self.start_error_s])

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON; keys with their units."""
        return {
            "staged": self.staged,
            "found": self.found,
            "missed": self.staged - self.found,
            "detection_rate": self.rate,
            "detection_rate_interval_95": self.rate_interval,
            "false_alarms": self.false_alarms,
            "duplicates": self.duplicates,
            "camera_hours": self.hours,
            "false_alarms_per_camera_hour": self.per_hour,
            "false_alarms_per_camera_hour_interval_95": self.per_hour_interval,
            "precision": self.precision,
            "recall": self.rate,
            "f1": self.f1,
            "time_to_detect_median_s": median(self.time_to_detect_s),
            "time_to_detect_p95_s": percentile(self.time_to_detect_s, 95),
            "started_at_within_2_s": self.start_within,
            "started_at_error_median_s": self.start_error_median_s,
        }


def figures(delays: Sequence[tuple[float, float] | None], false_alarms: Sequence[bool], hours: float) -> Figures:
    """Count a group.

    Args:
        delays: per true incident the errors of (`detected_at`, `started_at`) in seconds, None when it was missed.
        false_alarms: per false alarm whether it is a duplicate.
        hours: camera-hours analysed.
    """
    hits = [delay for delay in delays if delay is not None]
    return Figures(
        staged=len(delays),
        found=len(hits),
        false_alarms=len(false_alarms),
        duplicates=sum(false_alarms),
        hours=hours,
        time_to_detect_s=tuple(delay[0] for delay in hits),
        start_error_s=tuple(delay[1] for delay in hits),
    )
