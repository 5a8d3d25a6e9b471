"""What the console knows of each lane: the statistics of the last 24 hours, kept as they came from the topic."""

import threading
from dataclasses import dataclass, field

from services.console.views import LaneInterval, LaneView
from shared.catalogue import COUNTED
from shared.clock import NS, to_rfc3339
from shared.messages import LaneStats
from shared.site import Site, Zone
from shared.topics import DAY

KEEP_NS = DAY * NS
# A day of minutes, some 700 KB. Shorter intervals reach less far back: the topic has them all.
MOST = 1440
# Intervals in the list of lanes: an hour of minutes shows whether the traffic grows or dies away.
HISTORY = 60


@dataclass(slots=True)
class _Kept:
    flow: float | None
    value: bytes


@dataclass(slots=True)
class _Lane:
    """One lane; intervals by their start in UTC ns, `last` is that which came last."""

    camera: str
    zone: Zone
    intervals: dict[int, _Kept] = field(default_factory=dict)
    last: LaneStats | None = None


class LaneBook:
    """Thread-safe statistics of the site's lanes.

    Args:
        run: statistics of other runs (replays) are not kept.
    """

    def __init__(self, site: Site, run: str | None) -> None:
        self._run = run
        self._lanes = {
            (camera.id, zone.id): _Lane(camera.id, zone)
            for camera in site.cameras
            for zone in camera.zones
            if zone.kind in COUNTED
        }
        self._lock = threading.Lock()

    def take(self, stats: LaneStats) -> bool:
        """Take in one interval; a repeat replaces what it repeats. False when the site has no such lane, or the
        run is another."""
        lane = self._lanes.get((stats.camera, stats.zone))
        if lane is None or stats.run != self._run:
            return False
        with self._lock:
            before = lane.last.start if lane.last else stats.start
            lane.intervals[stats.start] = _Kept(stats.flow_per_h, stats.to_bytes())
            lane.last = stats
            # Around what came last, not before the newest: after a clock was set back nothing is newer for long.
            if max(abs(stats.start - before), abs(stats.start - next(iter(lane.intervals)))) >= KEEP_NS:
                lane.intervals = {key: kept for key, kept in lane.intervals.items() if abs(stats.start - key) < KEEP_NS}
            if len(lane.intervals) > MOST:
                del lane.intervals[min(lane.intervals)]
        return True

    def has(self, camera: str, zone: str) -> bool:
        """Whether the site has this lane."""
        return (camera, zone) in self._lanes

    def views(self) -> list[LaneView]:
        """All lanes in the order of the site file, each with its last interval."""
        with self._lock:
            return [
                LaneView(
                    camera=lane.camera,
                    zone=lane.zone.id,
                    kind=lane.zone.kind,
                    latest=interval_view(lane.last) if lane.last else None,
                    flows=_flows(lane),
                )
                for lane in self._lanes.values()
            ]

    def series(self, camera: str, zone: str, begin: int, end: int) -> list[LaneInterval]:
        """The kept intervals of a lane that overlap `begin` to `end` (UTC ns), oldest first.

        Raises:
            KeyError: no such lane.
        """
        with self._lock:
            intervals = self._lanes[(camera, zone)].intervals
            found = [intervals[start].value for start in sorted(intervals) if start < end]
        # Parsed outside the lock, which the feed needs too.
        stats = [LaneStats.from_bytes(value) for value in found]
        return [interval_view(item) for item in stats if item.end > begin]


def interval_view(stats: LaneStats) -> LaneInterval:
    """An interval with its times as RFC 3339."""
    return LaneInterval.model_validate(
        stats.model_dump() | {"start": to_rfc3339(stats.start), "end": to_rfc3339(stats.end)}
    )


def _flows(lane: _Lane) -> list[float | None]:
    """Vehicles per hour of the last intervals, oldest first, up to the lane's last one; None where not known."""
    if lane.last is None:
        return []
    length = lane.last.end - lane.last.start
    starts = range(lane.last.start - (HISTORY - 1) * length, lane.last.end, length)
    return [kept.flow if (kept := lane.intervals.get(start)) else None for start in starts]
