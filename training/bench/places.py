"""Whether an alert is about what was staged: by its box at its detection, or by its lane."""

from collections.abc import Sequence

from shared.clock import NS, from_rfc3339
from shared.messages import Alert, Detections
from training.scenes.scene import FPS, Scene, Staged, staged_box

# An alert whose box overlaps the staged thing less than this is about something else: the detector was seen to
# take the whole road for a train, and that box must not count as having found the car on it.
_SAME_IOU = 0.1
# For "was it seen at all": any box of the detector that lies well on the thing.
_SEEN_IOU = 0.3

BoxTuple = tuple[float, float, float, float]


def iou(a: BoxTuple, b: BoxTuple) -> float:
    """Intersection over union."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    total = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return w * h / (total - w * h)


def handle(index: int, item: Staged) -> str:
    """The zone that truth and alerts share when they are about the same thing."""
    return item.zone or f"staged-{index}"


def placed(scene: Scene, states: Sequence[Alert]) -> list[Alert]:
    """Alerts with the zone of the staged thing that they lie on; the others keep theirs."""
    zones: dict[str, str] = {}
    for alert in states:
        if alert.alert_id not in zones:
            zones[alert.alert_id] = _zone(scene, alert)
    return [alert.model_copy(update={"zone": zones[alert.alert_id]}) for alert in states]


def _zone(scene: Scene, alert: Alert) -> str:
    time_s = from_rfc3339(alert.detected_at) / NS
    best, found = _SAME_IOU, alert.zone
    for index, item in enumerate(scene.truth):
        if item.incident != alert.incident:
            continue
        box = staged_box(scene, item, time_s)
        if box is not None and (overlap := iou(box, alert.box)) >= best:
            best, found = overlap, handle(index, item)
    return found


def how_seen(scene: Scene, index: int, detections: Sequence[Detections]) -> str:
    """How the detector saw a staged thing: share of its frames, labels with their counts and mean score."""
    item = scene.truth[index]
    frames, seen = 0, 0
    labels: dict[str, list[float]] = {}
    for number, row in enumerate(detections):
        time_s = number / FPS
        box = staged_box(scene, item, time_s)
        if not item.start_s <= time_s <= item.end_s or box is None:
            continue
        frames += 1
        near = [found for found in row.objects if iou(box, found.box) >= _SEEN_IOU]
        if near:
            seen += 1
            best = max(near, key=lambda found: found.score)
            labels.setdefault(best.label, []).append(best.score)
    names = ", ".join(
        f"{k} {len(v)}x{sum(v) / len(v):.2f}" for k, v in sorted(labels.items(), key=lambda p: -len(p[1]))
    )
    return f"seen on {seen / frames:.0%} of {frames} frames: {names}" if frames else "never in the picture"
