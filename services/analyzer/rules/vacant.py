"""Since when the stands are vacant: what lies on one is debris only when no aircraft is served there."""

from pydantic import JsonValue, TypeAdapter

from services.analyzer.boxes import coverage
from services.analyzer.rules.base import Watch, Watches
from services.analyzer.scene import BoxTuple, Scene
from services.analyzer.state import plain
from shared.catalogue import AIRCRAFT

# An aircraft whose box covers so much of the stand's own is on it, wherever its ground point is: the nose wheel of one
# that is seen from the front stands at the stop line.
_COVERS = 0.2
_STATE: TypeAdapter[dict[str, int]] = TypeAdapter(dict[str, int])


class VacantStands:
    """When an aircraft was last seen on each stand."""

    def __init__(self, watches: Watches) -> None:
        self._boxes = {zone: _around(watch) for zone, watch in watches.items() if watch.zone.kind == "stand"}
        self._occupied: dict[str, int] = {}

    def see(self, scene: Scene) -> None:
        """Take a frame."""
        for track in scene.tracks:
            if track.label not in AIRCRAFT:
                continue
            zones = {zone.id for zone in track.zones}
            for zone, box in self._boxes.items():
                if zone in zones or coverage(box, track.box) >= _COVERS:
                    self._occupied[zone] = scene.captured_at

    def may_open(self, watch: Watch, now: int) -> bool:
        """Whether a thing may be told there: always on a lane, on a stand once no aircraft has been there for the
        zone's time."""
        seen = self._occupied.get(watch.zone.id)
        return seen is None or now - seen >= watch.after_ns

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, self._occupied)

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        self._occupied = _STATE.validate_python(value)


def _around(watch: Watch) -> BoxTuple:
    x, y = zip(*watch.zone.polygon, strict=True)
    return min(x), min(y), max(x), max(y)
