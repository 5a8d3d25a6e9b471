"""The analyzer of one camera as a plain object: detections in; tracks, incidents, lane statistics, turnarounds out."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, JsonValue

from services.analyzer.following import Following
from services.analyzer.lanes import LaneMeter
from services.analyzer.rules import RULES, build_rules
from services.analyzer.rules.base import Rule
from services.analyzer.rules.camera_fault import CameraFault
from services.analyzer.rules.presence import PresenceRule
from services.analyzer.rules.resting import RestingRule
from services.analyzer.scene import Scene
from services.analyzer.suspension import Suspension
from services.analyzer.tracks_message import tracks_of
from services.analyzer.turnarounds import TurnaroundBook
from shared.clock import NS, to_ns
from shared.messages import Detections, Incident, LaneStats, Tracks
from shared.site import Camera, Site
from shared.turnaround import Turnaround

# A frame that is later in the log but this much earlier in time means that the camera's clock was set back
# (or a clip was started again): the old state no longer applies, and what was open closes on the last frame
# before. Smaller steps are late frames.
_CLOCK_RESET_NS = 2 * NS
# After a gap in the stream tracks and rests mean nothing any more.
_GAP_RESET_NS = 30 * NS


@dataclass(frozen=True, slots=True)
class Analysis:
    """The result of one frame; `ignored` says why there is none (`duplicate`, `late`)."""

    tracks: Tracks | None
    incidents: list[Incident]
    ignored: str | None = None
    lane_stats: list[LaneStats] = field(default_factory=list)
    turnarounds: list[Turnaround] = field(default_factory=list)


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid")

    last: tuple[int, int] | None
    tracker: JsonValue
    motion: JsonValue
    speeds: JsonValue = None
    driven: JsonValue = []
    lanes: JsonValue = None
    turnarounds: JsonValue = None
    rules: dict[str, JsonValue]
    suspension: JsonValue = None


class CameraAnalyzer:
    """Tracker, motion, rules, lane statistics and turnarounds of one camera in one run."""

    def __init__(self, site: Site, camera: Camera) -> None:
        self._site, self._camera = site, camera
        self._following = Following(camera)
        self._turnarounds = TurnaroundBook(camera)
        self._last: tuple[int, int] | None = None
        self._start()

    def _start(self) -> None:
        self._lanes = LaneMeter(self._camera, to_ns(self._site.lane_stats_s))
        self._rules = build_rules(self._site, self._camera)
        self._suspension = Suspension(any(isinstance(rule, CameraFault) for rule in self._rules))

    def state(self) -> JsonValue:
        """All that further frames depend on, as plain JSON data; see `Rule.state`."""
        rules = {rule.incident: rule.state() for rule in self._rules}
        last: JsonValue = None if self._last is None else list(self._last)
        own: dict[str, JsonValue] = {"last": last, "lanes": self._lanes.state(), "rules": rules}
        own |= {"suspension": self._suspension.state(), "turnarounds": self._turnarounds.state()}
        return own | self._following.state()

    def restore(self, value: JsonValue) -> list[str]:
        """Go on from the `state()` of an analyzer of the same camera; call it on a new one only.

        The site may have changed since: open incidents live on and close by their own rules, also those of a
        zone or type that is no longer watched. So no alert stays open because somebody moved a zone.

        Returns:
            the parts that begin anew: `tracker` (another version of the library), `motion`, `driven`, `speeds` (another
            calibration), `lanes` (other lanes), `turnarounds`, or a type of incident.

        Raises:
            ValueError: no such state; nothing of it can be used.
        """
        saved = _State.model_validate(value)
        dropped = self._following.restore(
            tracker=saved.tracker, motion=saved.motion, driven=saved.driven, speeds=saved.speeds
        )
        self._last = saved.last
        if saved.turnarounds is not None:
            dropped += _begins_anew("turnarounds", lambda: self._turnarounds.restore(saved.turnarounds))
        if saved.lanes is not None:
            dropped += _begins_anew("lanes", lambda: self._lanes.restore(saved.lanes))
        dropped += _begins_anew("suspension", lambda: self._suspension.restore(saved.suspension))
        return dropped + self._restore_rules(saved.rules)

    def _restore_rules(self, saved: dict[str, JsonValue]) -> list[str]:
        dropped = []
        watched = {rule.incident: rule for rule in build_rules(self._site, self._camera)}
        for kind in RULES:
            rule = watched.get(kind.incident) or kind(self._site.site, {})
            unused = rule.state()
            if saved.get(kind.incident, unused) == unused:
                continue
            try:
                rule.restore(saved[kind.incident])
                watched[kind.incident] = rule
            except ValueError:
                dropped.append(kind.incident)
                watched.pop(kind.incident, None)
        # Those that failed may be half restored, and those that the site no longer watches finish what they began.
        fresh = {rule.incident: rule for rule in build_rules(self._site, self._camera)}
        self._rules = [found for kind in RULES if (found := watched.get(kind.incident) or fresh.get(kind.incident))]
        return dropped

    def step(self, detections: Detections) -> Analysis:
        """Take the detections of one frame, in the order of the log."""
        now, offset = detections.frame.captured_at, detections.frame.offset
        ended: list[Incident] = []
        elapsed = 0 if self._last is None else now - self._last[0]
        lane_stats: list[LaneStats] = []
        turnarounds: list[Turnaround] = []
        if self._last is not None:
            last_time, last_offset = self._last
            if now <= last_time:
                if offset <= last_offset:
                    return Analysis(None, [], "duplicate")
                if last_time - now < _CLOCK_RESET_NS:
                    return Analysis(None, [], "late")
                lane_stats = self._lanes.close()
                ended = self._close(detections, last_time, last_offset)
                turnarounds = self._turnarounds.close(ended)
                self._following.begin_anew()
                self._start()
                elapsed = 0
            elif now - last_time > _GAP_RESET_NS:
                self._following.begin_anew()
        self._last = (now, offset)
        was_suspended = self._suspension.active
        self._suspension.take(detections.health, now)
        if was_suspended and not self._suspension.active:
            # What was followed meanwhile was elsewhere, or a still picture.
            self._following.begin_anew()
        scene, tracks = self._look(detections)
        incidents = [incident for rule in self._rules for incident in self._ask(rule, scene, elapsed)]
        if not self._suspension.active:
            lane_stats += self._lanes.step(scene)
            turnarounds += self._turnarounds.step(scene, incidents)
        return Analysis(tracks, ended + incidents, None, lane_stats, turnarounds)

    def _ask(self, rule: Rule, scene: Scene, elapsed: int) -> list[Incident]:
        """One rule's answer; while the zones are suspended only the rule that says so has one."""
        if not self._suspension.active or isinstance(rule, CameraFault):
            return rule.step(scene)
        rule.hold(elapsed)
        return []

    def close(self) -> list[LaneStats]:
        """The stream has ended: the lanes' last interval, as far as it was observed."""
        return self._lanes.close()

    def _close(self, detections: Detections, last_time: int, last_offset: int) -> list[Incident]:
        """Close what is open, told with the time and address of the last frame of the old time line.

        The time of the new one may lie before the incidents began.
        """
        frame = detections.frame.model_copy(update={"captured_at": last_time, "offset": last_offset})
        aspect = detections.width / detections.height
        scene = Scene(self._camera.id, detections.run, last_time, aspect, detections.model, frame, ())
        return [incident for rule in self._rules for incident in rule.close(scene)]

    def _look(self, detections: Detections) -> tuple[Scene, Tracks]:
        trusted = not self._suspension.active
        views = self._following.step(detections, zoned=trusted)
        scene = Scene(
            self._camera.id, detections.run, detections.frame.captured_at, detections.width / detections.height,
            detections.model, detections.frame, views, tuple(detections.heads), self._suspension.health,
            detections.surface if trusted else None,
            {rule.incident: rule.places() for rule in self._rules if isinstance(rule, RestingRule | PresenceRule)},
        )  # fmt: skip
        return scene, tracks_of(detections, views)


def _begins_anew(part: str, restore: Callable[[], bool | None]) -> list[str]:
    """The part's name when it cannot go on from what was saved."""
    try:
        return [part] if restore() is False else []
    except ValueError:
        return [part]
