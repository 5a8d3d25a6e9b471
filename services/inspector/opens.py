"""The incidents that are open, or were a moment ago, as far as they concern lanes; from the topic incidents."""

from services.inspector.findings import DANGERS, DOUBTS, OF_CAMERA
from shared.messages import Incident

# A closed one is kept for this long behind the newest change, so that a time that has just passed can be judged.
_KEEP_NS = 300 * 10**9


class OpenIncidents:
    """The last change of each incident that speaks against "clear", with the time of its opening."""

    def __init__(self) -> None:
        self._last: dict[str, Incident] = {}

    def hear(self, incident: Incident) -> None:
        """Take in one change; repeats and older ones change nothing."""
        if incident.incident not in DANGERS | DOUBTS:
            return
        known = self._last.get(incident.incident_id)
        if known is not None and known.revision >= incident.revision:
            return
        self._last[incident.incident_id] = incident
        if incident.change == "closed":
            limit = incident.changed_at - _KEEP_NS
            self._last = {
                key: item
                for key, item in self._last.items()
                if item.change != "closed" or item.changed_at >= limit or item.run != incident.run
            }

    def during(self, run: str | None, camera: str, lane: str, start: int, end: int) -> list[Incident]:
        """Those of a lane on one camera that were open at some time from `start` to `end`, UTC ns."""
        return [
            item
            for item in self._last.values()
            if (item.run, item.camera) == (run, camera)
            and (item.zone == lane or item.incident in OF_CAMERA)
            and item.detected_at <= end
            and (item.change != "closed" or item.changed_at >= start)
        ]
