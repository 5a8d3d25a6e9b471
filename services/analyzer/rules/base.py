"""What all rules share: the interface, and the zones that a rule watches with the site's overrides."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Protocol
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from services.analyzer.scene import Scene, TrackView
from shared.catalogue import CATALOGUE, NOT_OBSTACLES, IncidentType, Severity
from shared.clock import NS, to_ns
from shared.messages import Incident
from shared.site import Camera, Site, Window, Zone


@dataclass(frozen=True, slots=True)
class Watch:
    """How a rule treats one zone.

    Attributes:
        after_ns: how long the cause must last before the incident opens.
        classes: the classes that count; None: all that are not in `NOT_OBSTACLES`.
        schedule: windows of local time in which an incident may open; empty: always.
    """

    zone: Zone
    after_ns: int
    severity: Severity
    classes: frozenset[str] | None
    schedule: tuple[Window, ...]
    timezone: ZoneInfo

    def concerns(self, label: str) -> bool:
        """Whether an object of this class counts."""
        return label not in NOT_OBSTACLES if self.classes is None else label in self.classes

    def may_open(self, now: int) -> bool:
        """Whether the schedule lets an incident open at this event time (UTC ns). An open one lives on outside
        the schedule until its cause ends; a cause that began before the schedule opens when it begins."""
        if not self.schedule:
            return True
        local = datetime.fromtimestamp(now // NS, self.timezone)
        return any(window.covers(local) for window in self.schedule)


Watches = Mapping[str, Watch]
"""By zone id."""

# What a camera without zones has in their place, for the types that are about the camera itself.
_WHOLE = Zone(id="picture", kind="restricted", polygon=[(0, 0), (1, 0), (1, 1), (0, 1)])


class Rule(Protocol):
    """A state machine for one incident type on one camera."""

    incident: ClassVar[str]

    def __init__(self, site: str, watches: Watches) -> None: ...

    def step(self, scene: Scene) -> list[Incident]:
        """Take one frame; returns the incidents that changed on it."""

    def close(self, scene: Scene) -> list[Incident]:
        """Close what is open, at the last frame of a time line (its tracks are not given); returns the changes."""

    def hold(self, elapsed: int) -> None:
        """In place of `step` on a frame that shows nothing (the camera is covered, moved, frozen): nothing opens, and
        what is open waits `elapsed` ns longer for its next evidence."""

    def state(self) -> JsonValue:
        """All that further frames depend on, as plain JSON data: it survives `json.dumps` and `loads` unchanged
        (Python writes a float so that it reads back as the same number)."""

    def restore(self, value: JsonValue) -> None:
        """Go on from the `state()` of a rule of the same type, site and camera, as if it had been this one.

        Raises:
            ValueError: the value is no such state (pydantic's ValidationError is one).
        """


def watches_for(site: Site, camera: Camera, incident: str) -> dict[str, Watch]:
    """The zones of a camera that an incident type watches: its defaults by zone kind, then the site's rules.

    A rule of the site that names zones may add a zone of another kind, with its own `after_s` or the type's
    longest default. Later rules win.
    """
    entry = CATALOGUE[incident]
    zones = camera.zones or ([_WHOLE] if entry.without_zones else [])
    watches = {zone.id: _default(entry, zone, site.timezone) for zone in zones if zone.kind in entry.after_s}
    for rule in site.rules:
        if rule.incident != incident or (rule.cameras is not None and camera.id not in rule.cameras):
            continue
        for zone in zones:
            named = rule.zones is not None and zone.id in rule.zones
            if not named and (rule.zones is not None or zone.id not in watches):
                continue
            if not rule.enabled:
                watches.pop(zone.id, None)
                continue
            base = watches.get(zone.id) or _default(entry, zone, site.timezone)
            watches[zone.id] = replace(
                base,
                after_ns=base.after_ns if rule.after_s is None else to_ns(rule.after_s),
                severity=rule.severity or base.severity,
                classes=base.classes if rule.classes is None else frozenset(rule.classes),
                schedule=base.schedule if rule.schedule is None else tuple(rule.schedule),
            )
    return watches


def _default(entry: IncidentType, zone: Zone, timezone: str) -> Watch:
    after_s = entry.after_s.get(zone.kind, max(entry.after_s.values()))
    classes = entry.kind_classes.get(zone.kind, entry.classes)
    return Watch(zone, to_ns(after_s), entry.severity, classes, (), ZoneInfo(timezone))


def watched_zone(track: TrackView, watches: Watches) -> Watch | None:
    """The first watched zone that the track stands in and whose classes it belongs to."""
    for zone in track.zones:
        watch = watches.get(zone.id)
        if watch is not None and watch.concerns(track.label):
            return watch
    return None
