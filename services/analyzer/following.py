"""What follows a camera's objects from frame to frame: tracker, rests, speeds, and what is known by its driving."""

import numpy as np
from pydantic import JsonValue

from services.analyzer.boxes import box_area
from services.analyzer.driven import DrivenThings
from services.analyzer.motion import MotionMemory, Observation
from services.analyzer.scene import TrackView
from services.analyzer.speed import SpeedMeter, ground_state, restore_on_ground
from services.analyzer.tracking import CameraTracker
from services.analyzer.zones import ZoneMap
from shared.catalogue import AIRCRAFT, PERSONS, UNKNOWN_VEHICLE
from shared.clock import NS
from shared.messages import DetectedObject, Detections
from shared.site import Camera

# A box of more than this share of the picture is the road itself, now and then taken for a train by the detector; a
# lorry right before the camera has a third. An aircraft on its stand may well fill the picture.
_SCENERY = 0.5


class Following:
    """Detections of one frame after the other in, the tracked objects as rules see them out."""

    def __init__(self, camera: Camera) -> None:
        self._ground, self._zones = camera.ground, ZoneMap(camera)
        self._plane = camera.ground.plane() if camera.ground else None
        self._begin(0)

    def _begin(self, first_id: int) -> None:
        self._tracker = CameraTracker(first_id)
        self._motion = MotionMemory()
        self._driven = DrivenThings()
        self._speeds = SpeedMeter(self._plane) if self._plane else None

    def begin_anew(self) -> None:
        """Forget all objects; ids go on, since open incidents remember those until now."""
        self._begin(self._tracker.next_id)

    def state(self) -> dict[str, JsonValue]:
        """All that further frames depend on, by part, as plain JSON data; see `Rule.state`."""
        return {
            "tracker": self._tracker.state(),
            "motion": self._motion.state(),
            "driven": self._driven.state(),
            "speeds": ground_state(self._ground, self._speeds),
        }

    def restore(self, *, tracker: JsonValue, motion: JsonValue, driven: JsonValue, speeds: JsonValue) -> list[str]:
        """Go on from a `state()`; returns the parts that begin anew.

        Raises:
            ValueError: no such state; nothing has changed then.
        """
        restored = CameraTracker()
        dropped = [] if restored.restore(tracker) else ["tracker"]
        self._tracker = restored
        try:
            self._motion.restore(motion)
        except ValueError:
            self._motion = MotionMemory()
            dropped.append("motion")
        try:
            self._driven.restore(driven)
        except ValueError:
            dropped.append("driven")
        return dropped + restore_on_ground(self._ground, self._speeds, speeds)

    def step(self, detections: Detections, *, zoned: bool) -> tuple[TrackView, ...]:
        """The tracked objects of a frame; `zoned`: False while no zone can be trusted, so that they are in none."""
        now, aspect = detections.frame.captured_at, detections.width / detections.height
        objects = [item for item in detections.objects if box_area(item.box) <= _SCENERY or item.label in AIRCRAFT]
        matches = self._tracker.update(objects, detections.width, detections.height, now / NS)
        pairs = [(item, match) for item, match in zip(objects, matches, strict=True) if match]
        observations = [_observation(item, match[0], aspect) for item, match in pairs]
        motions = self._motion.update(observations, now)
        speeds = self._kmh(observations, aspect, now)
        boxes = np.array([item.box for item, _ in pairs], np.float64).reshape(-1, 4)
        zones = self._zones.of(boxes) if zoned else [()] * len(pairs)
        labels = [
            self._driven.label(track_id, label, item.box, inside, aspect, now)
            for (item, (track_id, label)), inside in zip(pairs, zones, strict=True)
        ]
        self._driven.forget(now)
        return tuple(
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
                driven=self._driven.driven(seen.track_id),
                appeared=self._driven.appeared(seen.track_id),
            )
            for (item, _), label, seen, inside, motion, kmh in zip(
                pairs, labels, observations, zones, motions, speeds, strict=True
            )
        )

    def _kmh(self, observations: list[Observation], aspect: float, now: int) -> list[float | None]:
        if self._speeds is None:
            return [None] * len(observations)
        points = [(seen.ground[0] / aspect, seen.ground[1]) for seen in observations]
        return self._speeds.update([seen.track_id for seen in observations], points, now)


def _observation(item: DetectedObject, track_id: int, aspect: float) -> Observation:
    x1, y1, x2, y2 = item.box
    size = ((x2 - x1) * aspect * (y2 - y1)) ** 0.5
    return Observation(track_id, item.score, item.box, ((x1 + x2) / 2 * aspect, y2), size, item.label in PERSONS)
