"""Lanes on which vehicles wait one behind the other. Between them the road is seen as it never is otherwise, and one of
them may be missed, or show no more than its roof at the picture's edge: what has no name there may be of the queue."""

from collections import Counter

from pydantic import JsonValue, TypeAdapter

from services.analyzer.rules.base import Watch, Watches
from services.analyzer.rules.standing import Stands
from services.analyzer.scene import Scene
from services.analyzer.state import plain
from shared.clock import NS

# So many vehicles that stand on one lane are a queue. Two may have met with what lies there.
_QUEUE = 3
# A queue that moves up stands again before this time is over.
_MOVES_UP_NS = 12 * NS
# Nobody stands for as long in stop and go.
_PATIENCE_NS = 30 * NS

_STATE: TypeAdapter[tuple[JsonValue, dict[str, int]]] = TypeAdapter(tuple[JsonValue, dict[str, int]])


class WaitingLanes:
    """When vehicles last waited on each zone."""

    def __init__(self, watches: Watches) -> None:
        self._stands = Stands(watches)
        self._waited: dict[str, int] = {}

    def see(self, scene: Scene) -> None:
        """Take a frame."""
        self._stands.update(scene)
        # Only who is seen there now: one that moves up leaves its old place behind.
        counts = Counter(zone for stand in self._stands.seen(scene.captured_at, 0) for zone in stand.zones)
        self._waited |= {zone: scene.captured_at for zone, count in counts.items() if count >= _QUEUE}

    def patience_ns(self, watch: Watch, now: int) -> int:
        """How long at least a thing without a name must lie on the zone before it is told."""
        waited = self._waited.get(watch.zone.id)
        return 0 if waited is None or now - waited > _MOVES_UP_NS else _PATIENCE_NS

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, (self._stands.state(), self._waited))

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        stands, self._waited = _STATE.validate_python(value)
        self._stands.restore(stands)
