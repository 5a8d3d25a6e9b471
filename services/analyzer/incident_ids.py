"""Ids of the incidents of one type on one camera."""

from shared.clock import incident_id

# Causes that are remembered; one that begins on the frame of an older one gets its id again.
_MOST = 256

Starts = list[tuple[str, int, int]]
"""Zone, start (UTC ns) and the number of the last incident that began there then, the oldest use first."""


class IncidentIds:
    """The same in every run of the same stream, and different for all causes that began on one frame in one zone."""

    def __init__(self, site: str, name: str) -> None:
        self._site, self._name = site, name
        self._ordinals: dict[tuple[str, int], int] = {}

    def new(self, run: str | None, camera: str, zone: str, since: int) -> str:
        """The id of the next incident; `since`: when its cause began, UTC ns."""
        ordinal = self._ordinals.pop((zone, since), -1) + 1
        self._ordinals[zone, since] = ordinal
        if len(self._ordinals) > _MOST:
            del self._ordinals[next(iter(self._ordinals))]
        return incident_id(run, self._site, camera, zone, self._name, since, ordinal)

    def state(self) -> Starts:
        """What the next id depends on."""
        return [(zone, since, ordinal) for (zone, since), ordinal in self._ordinals.items()]

    def restore(self, value: Starts) -> None:
        """Go on from a `state()`."""
        self._ordinals = {(zone, since): ordinal for zone, since, ordinal in value}
