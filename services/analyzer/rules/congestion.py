"""`congestion`: at least three vehicles of a lane crawl or stand, and most of those on it, for 20 s.

One incident per zone. Opens when it has lasted (interruptions of 3 s are forgiven), is updated when the queue has
grown by half, holds through stop-and-go, and closes 20 s after the last frame on which it was so. To hold it, less is
needed than to open it (two vehicles, a higher speed), so that it does not flap.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

from pydantic import JsonValue, TypeAdapter

from services.analyzer.claims import Claim
from services.analyzer.incidents import Hysteresis, IncidentBook, OpenIncident
from services.analyzer.rules.base import Watch, Watches
from services.analyzer.rules.queues import MIN_QUEUE, SLOW
from services.analyzer.scene import Scene, TrackView
from services.analyzer.state import plain
from shared.clock import NS
from shared.messages import Incident

# Calibrated: 20 km/h opens, 30 km/h still holds. Else in box sizes per second, as for queues.
_SLOW_KMH, _HOLD_KMH = 20.0, 30.0
_HOLD = 0.8
_MIN_HOLD = 2
# Slow ones must be most of the vehicles: a row of three beside flowing traffic is no congestion.
_SHARE = 0.5
_GAP_NS = 3 * NS
# A wave of stop-and-go lets traffic flow for less than this.
_CLOSE_NS = 20 * NS


@dataclass(slots=True)
class _Crowd:
    since: int
    last: int


_STATE: TypeAdapter[tuple[dict[str, _Crowd], JsonValue]] = TypeAdapter(tuple[dict[str, _Crowd], JsonValue])


class Congestion:
    """Opens on a lasting crowd of slow vehicles in a zone; one incident per zone."""

    incident: ClassVar[str] = "congestion"

    def __init__(self, site: str, watches: Watches) -> None:
        self._watches = watches
        self._crowds: dict[str, _Crowd] = {}
        self._book = IncidentBook(self.incident, site, Hysteresis(_CLOSE_NS, _CLOSE_NS), _same_zone)

    def step(self, scene: Scene) -> list[Incident]:
        """See `Rule.step`."""
        vehicles: dict[str, list[TrackView]] = {key: [] for key in self._watches}
        for track in scene.tracks:
            if track.velocity is not None:
                for zone in track.zones:
                    watch = self._watches.get(zone.id)
                    if watch is not None and watch.concerns(track.label):
                        vehicles[zone.id].append(track)
        claims = [self._claim(self._watches[key], tracks, scene) for key, tracks in vehicles.items()]
        return self._book.step(scene, [claim for claim in claims if claim])

    def close(self, scene: Scene) -> list[Incident]:
        """See `Rule.close`."""
        return self._book.close(scene)

    def hold(self, elapsed: int) -> None:
        """See `Rule.hold`."""
        self._book.hold(elapsed)

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, (self._crowds, self._book.state()))

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        self._crowds, book = _STATE.validate_python(value)
        self._book.restore(book)

    def _claim(self, watch: Watch, tracks: list[TrackView], scene: Scene) -> Claim | None:
        is_open = self._book.open_in(watch.zone.id) is not None
        slow = [track for track in tracks if _is_slow(track, is_open)]
        if len(slow) < (_MIN_HOLD if is_open else MIN_QUEUE) or len(slow) <= _SHARE * len(tracks):
            return None
        now = scene.captured_at
        crowd = self._crowds.setdefault(watch.zone.id, _Crowd(now, now))
        if now - crowd.last > _GAP_NS and not is_open:
            crowd.since = now
        crowd.last = now
        opens = now - crowd.since >= watch.after_ns and watch.may_open(now)
        members = tuple(track.track_id for track in slow)
        return Claim(_summary(slow), watch.zone.id, watch.severity, crowd.since, opens, members)


def _is_slow(track: TrackView, is_open: bool) -> bool:
    if track.speed_kmh is not None:
        return track.speed_kmh <= (_HOLD_KMH if is_open else _SLOW_KMH)
    return (track.speed or 0.0) <= (_HOLD if is_open else SLOW)


def _summary(slow: list[TrackView]) -> TrackView:
    """The largest of them, with the box around all."""
    x1, y1, x2, y2 = zip(*(track.box for track in slow), strict=True)
    box = (min(x1), min(y1), max(x2), max(y2))
    score = sum(track.score for track in slow) / len(slow)
    return replace(max(slow, key=lambda track: (track.size, -track.track_id)), box=box, score=score)


def _same_zone(item: OpenIncident, claim: Claim, now: int) -> bool:
    return item.zone == claim.zone
