"""ByteTrack per camera, by roboflow's `trackers` (Zhang et al., ECCV 2022), driven by event time."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import supervision as sv
from numpy.typing import NDArray
from pydantic import JsonValue
from trackers import ByteTrackTracker
from trackers.utils.iou import BaseIoU

from services.analyzer import tracker_state
from services.analyzer.kalman import EdgeFilter
from shared.geometry import iou
from shared.messages import DetectedObject

# A detection of this score may start a track and is matched first; weaker ones (down to the detector's
# `min_score`) only continue tracks. 0.2: far persons of 25 px score 0.2 to 0.35 with YOLO11n. What a track of such
# scores means is the rules' business.
_START_SCORE = 0.2
# A track without a match lives this long: a gap in the detections of a passing object is shorter, and a
# longer one would let the track jump to the next vehicle.
_LOST_S = 2.0
# Boxes that overlap less are not the same object. ByteTrack's own default.
_MIN_IOU = 0.1


class _Iou(BaseIoU):
    """The library's IoU without its general path: a fifth of the time on tens of boxes."""

    def _compute(self, boxes_1: NDArray[np.float64], boxes_2: NDArray[np.float64]) -> NDArray[np.float64]:
        return iou(boxes_1, boxes_2.astype(np.float64))


class CameraTracker:
    """Tracks the objects of one camera.

    Example:
        >>> tracker = CameraTracker()
        >>> car = DetectedObject(label="car", score=0.8, box=(0.1, 0.1, 0.2, 0.2))
        >>> [tracker.update([car], 1280, 720, time_s) for time_s in (0.0, 0.1, 0.2)][-1]
        [(0, 'car')]
    """

    def __init__(self, first_id: int = 0) -> None:
        """`first_id` is the id of the first track: higher than those that open incidents remember."""
        self._tracker = ByteTrackTracker(
            # The library counts its buffer in frames at 30 per second and converts to time.
            lost_track_buffer=round(_LOST_S * 30),
            track_activation_threshold=_START_SCORE,
            high_conf_det_threshold=_START_SCORE,
            minimum_consecutive_frames=2,
            minimum_iou_threshold=_MIN_IOU,
            state_estimator_class=EdgeFilter,
            iou=_Iou(),
        )
        self._tracker._next_track_id = first_id
        self._votes: dict[int, defaultdict[str, float]] = {}
        self._seen_s: dict[int, float] = {}

    @property
    def next_id(self) -> int:
        """The id that the next track will get."""
        return int(self._tracker._next_track_id)

    def state(self) -> JsonValue:
        """All that further frames depend on, as plain JSON data; see `Rule.state`."""
        votes: list[JsonValue] = [[key, self._seen_s[key], dict(labels)] for key, labels in self._votes.items()]
        return {"bytetrack": tracker_state.export(self._tracker), "votes": votes}

    def restore(self, value: JsonValue) -> bool:
        """Go on from a `state()`.

        Returns:
            False when it is of another version of the library: then only the ids go on from it.

        Raises:
            ValueError: no such state.
        """
        saved = tracker_state.VOTES.validate_python(value)
        if not tracker_state.load(self._tracker, saved.bytetrack):
            return False
        for track_id, seen_s, labels in saved.votes:
            self._seen_s[track_id] = seen_s
            self._votes[track_id] = defaultdict(float, labels)
        return True

    def update(
        self, objects: Sequence[DetectedObject], width: int, height: int, time_s: float
    ) -> list[tuple[int, str] | None]:
        """Match one frame's objects.

        Args:
            width, height: of the picture, pixels.
            time_s: event time in seconds; must grow.

        Returns:
            per object its track id and the label that its track has by majority (weighted by score), or
            None while it belongs to no confirmed track.
        """
        scale = np.array([width, height, width, height], np.float32)
        boxes: NDArray[np.float32] = np.array([item.box for item in objects], np.float32).reshape(-1, 4) * scale
        tracked = self._tracker.update(
            sv.Detections(
                xyxy=boxes,
                confidence=np.array([item.score for item in objects], np.float32),
                class_id=np.arange(len(objects)),  # the tracker reorders; this remembers who is who
            ),
            timestamp=time_s,
        )
        result: list[tuple[int, str] | None] = [None] * len(objects)
        if tracked.class_id is None or tracked.tracker_id is None:
            return result
        for index, track_id in zip(tracked.class_id.tolist(), tracked.tracker_id.tolist(), strict=True):
            if track_id >= 0:
                result[index] = (track_id, self._vote(track_id, objects[index], time_s))
        self._forget(time_s)
        return result

    def _vote(self, track_id: int, item: DetectedObject, time_s: float) -> str:
        votes = self._votes.setdefault(track_id, defaultdict(float))
        votes[item.label] += item.score
        self._seen_s[track_id] = time_s
        return max(votes, key=lambda label: (votes[label], label))

    def _forget(self, time_s: float) -> None:
        for track_id in [key for key, seen in self._seen_s.items() if time_s - seen > 2 * _LOST_S]:
            del self._seen_s[track_id], self._votes[track_id]
