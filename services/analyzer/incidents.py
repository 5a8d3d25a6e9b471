"""From a rule's claims to incidents that open once, live through gaps and close once.

A rule says on every frame which tracks claim an incident. The book joins claims to open incidents (the same
track, else the same place), opens new ones, and closes those whose claims stay away.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue, TypeAdapter

from services.analyzer.claims import Claim
from services.analyzer.incident_ids import IncidentIds, Starts
from services.analyzer.scene import BoxTuple, Point, Scene
from services.analyzer.state import plain
from shared.catalogue import Severity
from shared.clock import NS
from shared.messages import Incident

# Seen elsewhere for this long, a track has really gone; for less, its box only merged with passing traffic.
_DEPARTURE_NS = NS
# A queue is reported again when it has grown by half; every vehicle that joins is no news.
_GROWTH = 1.5


@dataclass(slots=True)
class OpenIncident:
    """State of one open incident; times are UTC ns of frames, `ground` and `size` are in picture heights,
    `anchor` is the box at the opening, `held` the ns since `last_seen` in which the camera showed nothing."""

    incident_id: str
    zone: str
    severity: Severity
    started_at: int
    detected_at: int
    last_seen: int
    track_ids: list[int]
    label: str
    score: float
    box: BoxTuple
    ground: Point
    size: float
    anchor: BoxTuple
    revision: int = 0
    elsewhere_since: int | None = None
    moved_away: bool = False
    held: int = 0
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Hysteresis:
    """How long an open incident waits for its next claim before it closes.

    Attributes:
        elsewhere_ns: once one of its tracks was seen for a second not to fit any more (drove on, left the lane).
        lost_ns: else: none of its tracks is in view (hidden by traffic, missed by the detector).
    """

    elsewhere_ns: int
    lost_ns: int


# Versions that knew the last start only saved it without a list around it.
_STATE: TypeAdapter[tuple[list[OpenIncident], Starts | tuple[str, int, int]]] = TypeAdapter(
    tuple[list[OpenIncident], Starts | tuple[str, int, int]]
)


class IncidentBook:
    """The open incidents of one type on one camera."""

    def __init__(
        self,
        incident: str,
        site: str,
        hysteresis: Hysteresis,
        same_place: Callable[[OpenIncident, Claim, int], bool],
        *,
        kind: str | None = None,
    ) -> None:
        """`same_place(open, claim, now)` says whether an unknown track continues an open incident; `kind` keeps the
        ids of several books of one type apart."""
        self._incident, self._site = incident, site
        self._ids = IncidentIds(site, incident if kind is None else f"{incident}/{kind}")
        self._hysteresis, self._same_place = hysteresis, same_place
        self._open: list[OpenIncident] = []

    def state(self) -> JsonValue:
        """The open incidents, and what the next id depends on, as plain JSON data; see `Rule.state`."""
        return plain(_STATE, (self._open, self._ids.state()))

    def restore(self, value: JsonValue) -> None:
        """Go on from a `state()`; see `Rule.restore`."""
        self._open, starts = _STATE.validate_python(value)
        self._ids.restore([starts] if isinstance(starts, tuple) else starts)

    def open_in(self, zone: str) -> OpenIncident | None:
        """The first open incident of a zone."""
        return next((item for item in self._open if item.zone == zone), None)

    def boxes(self) -> list[BoxTuple]:
        """Where the objects of the open incidents were seen last, 0..1."""
        return [item.box for item in self._open]

    def anchors(self) -> list[BoxTuple]:
        """Where they were at the opening, 0..1: what passes before one that rests may take its box along."""
        return [item.anchor for item in self._open]

    def out_of_view(self, scene: Scene) -> list[BoxTuple]:
        """The `anchors` of those of which no track is in view, and none was seen to leave."""
        visible = {track.track_id for track in scene.tracks}
        return [
            item.anchor
            for item in self._open
            if item.elsewhere_since is None and not item.moved_away and not visible.intersection(item.track_ids)
        ]

    def follows(self, track_id: int) -> bool:
        """Whether an open incident has this track."""
        return any(track_id in item.track_ids for item in self._open)

    def step(self, scene: Scene, claims: Sequence[Claim]) -> list[Incident]:
        """Take one frame's claims; returns the changes of this frame in a fixed order."""
        changes: list[Incident] = []
        # Tracks that an incident knows come first, so that a newcomer cannot take its place.
        for claim in sorted(claims, key=lambda claim: (self._by_track(claim) is None, claim.track.track_id)):
            known = self._by_track(claim) or self._by_place(claim, scene.captured_at)
            if known is not None:
                changes += self._refresh(known, claim, scene)
            elif claim.opens:
                changes.append(self._start(claim, scene))
        visible = {track.track_id for track in scene.tracks}
        for item in list(self._open):
            self._watch_departure(item, visible, scene.captured_at)
            patience = self._hysteresis.elsewhere_ns if item.moved_away else self._hysteresis.lost_ns
            if scene.captured_at - item.last_seen - item.held > patience:
                self._open.remove(item)
                item.revision += 1
                changes.append(self._message(item, "closed", scene))
        return changes

    def hold(self, elapsed: int) -> None:
        """The camera showed nothing for so many ns more: what is open waits for as much longer."""
        for item in self._open:
            item.held += elapsed

    def close(self, scene: Scene) -> list[Incident]:
        """Close all that is open, whatever its hysteresis: no later frame continues the time of this one."""
        closing, self._open = self._open, []
        for item in closing:
            item.revision += 1
        return [self._message(item, "closed", scene) for item in closing]

    def adopt(self, item: OpenIncident, track_id: int, scene: Scene) -> Incident:
        """Another track goes on where one of an open incident was; from now on its departure is the incident's."""
        item.track_ids.append(track_id)
        item.revision += 1
        return self._message(item, "updated", scene)

    @staticmethod
    def _watch_departure(item: OpenIncident, visible: set[int], now: int) -> None:
        if item.last_seen == now:
            item.elsewhere_since, item.moved_away = None, False
        elif visible.intersection(item.track_ids):
            item.elsewhere_since = item.elsewhere_since or now
            item.moved_away = item.moved_away or now - item.elsewhere_since >= _DEPARTURE_NS

    def _by_track(self, claim: Claim) -> OpenIncident | None:
        if claim.members is not None:
            return None
        known = (claim.track.track_id, claim.after)
        return next((item for track_id in known for item in self._open if track_id in item.track_ids), None)

    def _by_place(self, claim: Claim, now: int) -> OpenIncident | None:
        return next((item for item in self._open if self._same_place(item, claim, now)), None)

    def _start(self, claim: Claim, scene: Scene) -> Incident:
        track = claim.track
        item = OpenIncident(
            incident_id=self._ids.new(scene.run, scene.camera, claim.zone, claim.since),
            zone=claim.zone,
            severity=claim.severity,
            started_at=claim.since,
            detected_at=scene.captured_at,
            last_seen=scene.captured_at,
            track_ids=[track.track_id] if claim.members is None else list(claim.members),
            label=track.label,
            score=track.score,
            box=track.box,
            ground=track.ground,
            size=track.size,
            anchor=track.box,
            detail=claim.detail,
        )
        self._open.append(item)
        return self._message(item, "opened", scene)

    def _refresh(self, item: OpenIncident, claim: Claim, scene: Scene) -> list[Incident]:
        track = claim.track
        if item.last_seen < scene.captured_at or item.track_ids[:1] == [track.track_id]:
            item.box, item.ground, item.size = track.box, track.ground, track.size
        item.last_seen, item.held = scene.captured_at, 0
        item.score = max(item.score, track.score)
        if claim.members is not None:
            if len(claim.members) < _GROWTH * max(len(item.track_ids), 1):
                return []
            item.track_ids, item.box = list(claim.members), track.box
        elif track.track_id in item.track_ids:
            return []
        else:
            item.track_ids.append(track.track_id)
        item.revision += 1
        return [self._message(item, "updated", scene)]

    def _message(self, item: OpenIncident, change: Literal["opened", "updated", "closed"], scene: Scene) -> Incident:
        return Incident(
            incident_id=item.incident_id,
            change=change,
            revision=item.revision,
            incident=self._incident,
            site=self._site,
            camera=scene.camera,
            zone=item.zone,
            run=scene.run,
            severity=item.severity,
            started_at=item.started_at,
            detected_at=item.detected_at,
            changed_at=scene.captured_at,
            ended_at=item.last_seen if change == "closed" else None,
            track_ids=list(item.track_ids),
            label=item.label,
            score=item.score,
            box=item.box,
            model=scene.model,
            frame=scene.frame,
            detail=item.detail,
        )
