"""What all rules share: the interface, and the zones that a rule watches with the site's overrides."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from pydantic import JsonValue

from services.analyzer.scene import Scene, TrackView
from shared.catalogue import CATALOGUE, Severity
from shared.clock import to_ns
from shared.messages import Incident
from shared.site import Camera, Site, Zone


@dataclass(frozen=True, slots=True)
class Watch:
    """How a rule treats one zone.

    Attributes:
        after_ns: how long the cause must last before the incident opens.
    """

    zone: Zone
    after_ns: int
    severity: Severity


Watches = Mapping[str, Watch]
"""By zone id."""


class Rule(Protocol):
    """A state machine for one incident type on one camera."""

    incident: ClassVar[str]

    def __init__(self, site: str, watches: Watches) -> None: ...

    def step(self, scene: Scene) -> list[Incident]:
        """Take one frame; returns the incidents that changed on it."""

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
    watches = {
        zone.id: Watch(zone, to_ns(entry.after_s[zone.kind]), entry.severity)
        for zone in camera.zones
        if zone.kind in entry.after_s
    }
    for rule in site.rules:
        if rule.incident != incident or (rule.cameras is not None and camera.id not in rule.cameras):
            continue
        for zone in camera.zones:
            named = rule.zones is not None and zone.id in rule.zones
            if not named and (rule.zones is not None or zone.id not in watches):
                continue
            if not rule.enabled:
                watches.pop(zone.id, None)
                continue
            base = watches.get(zone.id, Watch(zone, to_ns(max(entry.after_s.values())), entry.severity))
            after = base.after_ns if rule.after_s is None else to_ns(rule.after_s)
            watches[zone.id] = Watch(zone, after, rule.severity or base.severity)
    return watches


def watched_zone(track: TrackView, watches: Watches) -> Watch | None:
    """The first watched zone that the track stands in."""
    return next((watches[zone.id] for zone in track.zones if zone.id in watches), None)
