"""The analyzer of one camera as a plain object: detections in; tracks, incidents, lane statistics, turnarounds out."""

from dataclasses import dataclass, field

import numpy as np
from pydantic import BaseModel, ConfigDict, JsonValue

from services.analyzer.driven import DrivenThings
from services.analyzer.lanes import LaneMeter
from services.analyzer.motion import MotionMemory, Observation, box_area
from services.analyzer.rules import RULES, build_rules
from services.analyzer.rules.base import Rule
from services.analyzer.rules.camera_fault import CameraFault
from services.analyzer.scene import Scene, TrackView
from services.analyzer.speed import SpeedMeter, ground_state, restore_on_ground
from services.analyzer.suspension import Suspension
from services.analyzer.tracking import CameraTracker
from services.analyzer.tracks_message import tracks_of
from services.analyzer.turnarounds import TurnaroundBook
from services.analyzer.zones import ZoneMap
from shared.catalogue import AIRCRAFT, UNKNOWN_VEHICLE
from shared.clock import NS, to_ns
from shared.messages import DetectedObject, Detections, Incident, LaneStats, Tracks
from shared.site import Camera, Site
from shared.turnaround import Turnaround

# A frame that is later in the log but this much earlier in time means that the camera's clock was set back
# (or a clip was started again): the old state no longer applies, and what was open closes on the last frame
# before. Smaller steps are late frames.
_CLOCK_RESET_NS = 2 * NS
# After a gap in the stream tracks and rests mean nothing any more.
_GAP_RESET_NS = 30 * NS
# A box of more than this share of the picture is the road itself, now and then taken for a train by the detector; a
# lorry right before the camera has a third. An aircraft on its stand may well fill the picture.
_SCENERY = 0.5


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
        self._zones = ZoneMap(camera)
        self._turnarounds = TurnaroundBook(camera)
        self._plane = camera.ground.plane() if camera.ground else None
        self._last: tuple[int, int] | None = None
        self._start()

    def _start(self, first_id: int = 0) -> None:
        self._follow_anew(first_id)
        self._lanes = LaneMeter(self._camera, to_ns(self._site.lane_stats_s))
        self._rules = build_rules(self._site, self._camera)
        self._suspension = Suspension(any(isinstance(rule, CameraFault) for rule in self._rules))

    def _follow_anew(self, first_id: int = 0) -> None:
        self._tracker = CameraTracker(first_id)
        self._motion = MotionMemory()
        self._driven = DrivenThings()
        self._speeds = SpeedMeter(self._plane) if self._plane else None

    def state(self) -> JsonValue:
        """All that further frames depend on, as plain JSON data; see `Rule.state`."""
        rules = {rule.incident: rule.state() for rule in self._rules}
        last: JsonValue = None if self._last is None else list(self._last)
        parts: dict[str, JsonValue] = {"last": last, "tracker": self._tracker.state(), "motion": self._motion.state()}
        parts["driven"], parts["suspension"] = self._driven.state(), self._suspension.state()
        parts |= {"speeds": ground_state(self._camera.ground, self._speeds), "turnarounds": self._turnarounds.state()}
        return parts | {"lanes": self._lanes.state(), "rules": rules}

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
        tracker = CameraTracker()
        dropped = [] if tracker.restore(saved.tracker) else ["tracker"]
        motion = MotionMemory()
        try:
            motion.restore(saved.motion)
        except ValueError:
            motion = MotionMemory()
            dropped.append("motion")
        self._last, self._tracker, self._motion = saved.last, tracker, motion
        try:
            self._driven.restore(saved.driven)
        except ValueError:
            dropped.append("driven")
        try:
            if saved.turnarounds is not None:
                self._turnarounds.restore(saved.turnarounds)
        except ValueError:
            dropped.append("turnarounds")
        dropped += restore_on_ground(self._camera.ground, self._speeds, saved.speeds) + self._restore_lanes(saved.lanes)
        dropped += self._restore_suspension(saved.suspension)
        return dropped + self._restore_rules(saved.rules)

    def _restore_lanes(self, saved: JsonValue) -> list[str]:
        try:
            return [] if saved is None or self._lanes.restore(saved) else ["lanes"]
        except ValueError:
            return ["lanes"]

    def _restore_suspension(self, saved: JsonValue) -> list[str]:
        try:
            self._suspension.restore(saved)
        except ValueError:
            return ["suspension"]
        return []

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
                self._start(self._tracker.next_id)
                elapsed = 0
            elif now - last_time > _GAP_RESET_NS:
                self._follow_anew(self._tracker.next_id)  # open incidents remember the ids until now
        self._last = (now, offset)
        was_suspended = self._suspension.active
        self._suspension.take(detections.health, now)
        if was_suspended and not self._suspension.active:
            # What was followed meanwhile was elsewhere, or a still picture.
            self._follow_anew(self._tracker.next_id)
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
        now = detections.frame.captured_at
        objects = [item for item in detections.objects if box_area(item.box) <= _SCENERY or item.label in AIRCRAFT]
        matches = self._tracker.update(objects, detections.width, detections.height, now / NS)
        pairs = [(item, match) for item, match in zip(objects, matches, strict=True) if match]
        aspect = detections.width / detections.height
        observations = [_observation(item, match[0], aspect) for item, match in pairs]
        motions = self._motion.update(observations, now)
        speeds = self._kmh(observations, aspect, now)
        boxes = np.array([item.box for item, _ in pairs], np.float64).reshape(-1, 4)
        zones = [()] * len(pairs) if self._suspension.active else self._zones.of(boxes)
        labels = [
            self._driven.label(track_id, label, item.box, inside, aspect, now)
            for (item, (track_id, label)), inside in zip(pairs, zones, strict=True)
        ]
        self._driven.forget(now)
        views = tuple(
            TrackView(
                track_id=seen.track_id,
                label=label,
                score=item.score,
                box=item.box,
                ground=seen.ground,
                size=seen.size,
                zones=inside,
                rest_since=motion.rest_since,
                settled_since=motion.settled_since,
                rest_score=motion.rest_score,
                rest_seen=motion.rest_seen,
                velocity=motion.velocity,
                speed_kmh=kmh if motion.velocity else None,  # a track that has just jumped has no speed yet
                called=label if label == UNKNOWN_VEHICLE else item.label,
                came=self._driven.came(seen.track_id),
            )
            for (item, _), label, seen, inside, motion, kmh in zip(
                pairs, labels, observations, zones, motions, speeds, strict=True
            )
        )
        heads = tuple(detections.heads)
        health = self._suspension.health
        surface = None if self._suspension.active else detections.surface
        scene = Scene(
            self._camera.id, detections.run, now, aspect, detections.model, detections.frame, views, heads, health,
            surface,
        )  # fmt: skip
        return scene, tracks_of(detections, views)

    def _kmh(self, observations: list[Observation], aspect: float, now: int) -> list[float | None]:
        if self._speeds is None:
            return [None] * len(observations)
        points = [(seen.ground[0] / aspect, seen.ground[1]) for seen in observations]
        return self._speeds.update([seen.track_id for seen in observations], points, now)


def _observation(item: DetectedObject, track_id: int, aspect: float) -> Observation:
    x1, y1, x2, y2 = item.box
    size = ((x2 - x1) * aspect * (y2 - y1)) ** 0.5
    return Observation(track_id, item.score, item.box, ((x1 + x2) / 2 * aspect, y2), size)
