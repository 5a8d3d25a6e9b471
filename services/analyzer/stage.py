"""The analyzer of one camera as a plain object: detections in, tracks and incidents out."""

from dataclasses import dataclass

import numpy as np

from services.analyzer.motion import MotionMemory, Observation
from services.analyzer.rules import build_rules
from services.analyzer.scene import Point, Scene, TrackView
from services.analyzer.tracking import CameraTracker
from services.analyzer.zones import RoadPlane, ZoneMap
from shared.clock import NS
from shared.messages import DetectedObject, Detections, Incident, TrackedObject, Tracks
from shared.site import Camera, Site

# A frame that is later in the log but this much earlier in time means that the camera's clock was set back
# (or a clip was started again): the old state no longer applies. Smaller steps are late frames.
_CLOCK_RESET_NS = 2 * NS
# After a gap in the stream tracks and rests mean nothing any more.
_GAP_RESET_NS = 30 * NS


@dataclass(frozen=True, slots=True)
class Analysis:
    """The result of one frame; `ignored` says why there is none (`duplicate`, `late`)."""

    tracks: Tracks | None
    incidents: list[Incident]
    ignored: str | None = None


class CameraAnalyzer:
    """Tracker, motion and rules of one camera in one run."""

    def __init__(self, site: Site, camera: Camera) -> None:
        self._site, self._camera = site, camera
        self._zones = ZoneMap(camera)
        self._plane = RoadPlane(camera.ground) if camera.ground else None
        self._last: tuple[int, int] | None = None
        self._start()

    def _start(self) -> None:
        self._tracker = CameraTracker()
        self._motion = MotionMemory()
        self._rules = build_rules(self._site, self._camera)

    def step(self, detections: Detections) -> Analysis:
        """Take the detections of one frame, in the order of the log."""
        now, offset = detections.frame.captured_at, detections.frame.offset
        if self._last is not None:
            last_time, last_offset = self._last
            if now <= last_time:
                if offset <= last_offset:
                    return Analysis(None, [], "duplicate")
                if last_time - now < _CLOCK_RESET_NS:
                    return Analysis(None, [], "late")
                self._start()
            elif now - last_time > _GAP_RESET_NS:
                self._tracker = CameraTracker()
                self._motion = MotionMemory()
        self._last = (now, offset)
        scene, tracks = self._look(detections)
        return Analysis(tracks, [incident for rule in self._rules for incident in rule.step(scene)])

    def _look(self, detections: Detections) -> tuple[Scene, Tracks]:
        now = detections.frame.captured_at
        matches = self._tracker.update(detections.objects, detections.width, detections.height, now / NS)
        pairs = [(item, match) for item, match in zip(detections.objects, matches, strict=True) if match]
        aspect = detections.width / detections.height
        observations = [_observation(item, match[0], aspect) for item, match in pairs]
        motions = self._motion.update(observations, now)
        zones = self._zones.of(np.array([item.box for item, _ in pairs], np.float64).reshape(-1, 4))
        views = tuple(
            TrackView(
                track_id=seen.track_id,
                label=match[1],
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
                speed_kmh=self._speed_kmh(seen, motion.velocity, aspect),
            )
            for (item, match), seen, inside, motion in zip(pairs, observations, zones, motions, strict=True)
        )
        scene = Scene(self._camera.id, detections.run, now, aspect, detections.model, detections.frame, views)
        return scene, self._message(detections, views)

    def _message(self, detections: Detections, views: tuple[TrackView, ...]) -> Tracks:
        return Tracks.model_construct(
            schema_="wayside.tracks/1",
            camera=detections.camera,
            seq=detections.seq,
            run=detections.run,
            frame=detections.frame,
            width=detections.width,
            height=detections.height,
            objects=[
                TrackedObject.model_construct(
                    track_id=view.track_id,
                    label=view.label,
                    score=view.score,
                    box=view.box,
                    zones=[zone.id for zone in view.zones],
                    speed=round(view.speed or 0.0, 3),
                    speed_kmh=view.speed_kmh,
                )
                for view in views
            ],
        )

    def _speed_kmh(self, seen: Observation, velocity: Point | None, aspect: float) -> float | None:
        if self._plane is None or velocity is None:
            return None
        x, y = seen.ground[0] / aspect, seen.ground[1]
        step = 0.1  # seconds: short enough that the perspective does not change along the way
        ahead = (x + velocity[0] * seen.size * step / aspect, y + velocity[1] * seen.size * step)
        here, there = self._plane.metres(np.array([(x, y), ahead]))
        return round(float(np.hypot(*(there - here))) / step * 3.6, 1)


def _observation(item: DetectedObject, track_id: int, aspect: float) -> Observation:
    x1, y1, x2, y2 = item.box
    size = ((x2 - x1) * aspect * (y2 - y1)) ** 0.5
    return Observation(track_id, item.score, item.box, ((x1 + x2) / 2 * aspect, y2), size)
