"""What the console knows of each stand: the stays of the last week, each at its newest revision."""

import threading
from dataclasses import dataclass, field

from services.console.stand_views import StandView, TurnaroundView, turnaround_view
from shared.clock import NS
from shared.site import Site
from shared.topics import DAY
from shared.turnaround import Turnaround

KEEP_NS = 7 * DAY * NS
# Stays per stand: a week of fourteen a day. The topic has those before.
MOST = 100


@dataclass(slots=True)
class _Stand:
    """One stand; stays by id, in the order in which the first revision of each came."""

    camera: str
    zone: str
    stays: dict[str, Turnaround] = field(default_factory=dict)

    def newest(self) -> list[Turnaround]:
        return sorted(self.stays.values(), key=lambda stay: stay.first_seen, reverse=True)


class StandBook:
    """Thread-safe stays at the site's stands.

    Args:
        run: stays of other runs (replays) are not kept.
    """

    def __init__(self, site: Site, run: str | None) -> None:
        self._run = run
        # A rule of the site may watch a zone of another kind as a stand: it is one once an aircraft was there.
        self._zones = {(camera.id, zone.id) for camera in site.cameras for zone in camera.zones}
        self._stands = {
            (camera.id, zone.id): _Stand(camera.id, zone.id)
            for camera in site.cameras
            for zone in camera.zones
            if zone.kind == "stand"
        }
        self._lock = threading.Lock()

    def take(self, stay: Turnaround) -> bool:
        """Take in one revision; an older one than is known changes nothing. False when the site has no such zone, or
        the run is another."""
        key = (stay.camera, stay.zone)
        if key not in self._zones or stay.run != self._run:
            return False
        with self._lock:
            stays = self._stands.setdefault(key, _Stand(*key)).stays
            known = stays.get(stay.turnaround_id)
            if known is None or known.revision <= stay.revision:
                stays[stay.turnaround_id] = stay
            if len(stays) > MOST:
                del stays[next(iter(stays))]
        return True

    def has(self, camera: str, zone: str) -> bool:
        """Whether the site has this stand."""
        return (camera, zone) in self._stands

    def views(self) -> list[StandView]:
        """All stands in the order of the site file, each with its last stay."""
        with self._lock:
            found = [(stand, stand.newest()[:1]) for stand in self._stands.values()]
        return [
            StandView(camera=stand.camera, zone=stand.zone, latest=turnaround_view(stays[0]) if stays else None)
            for stand, stays in found
        ]

    def stays(self, camera: str, zone: str, limit: int) -> list[TurnaroundView]:
        """The last stays at a stand, newest first.

        Raises:
            KeyError: no such stand.
        """
        with self._lock:
            found = self._stands[(camera, zone)].newest()[:limit]
        return [turnaround_view(stay) for stay in found]
