"""Every Prometheus metric of Wayside, in one place; the Grafana dashboard and docs/metrics.md use these names."""

from prometheus_client import Counter, Gauge, Histogram

from shared.messages import LaneStats

# Forward passes take 5 ms (GPU) to 1 s (large batch on a CPU); latencies 20 ms to a minute under overload.
_FAST = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_LATENCY = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60)
_BYTES = tuple(1 << power for power in range(10, 24))  # 1 KiB to 8 MiB, the largest message
_LANE = ("camera", "zone", "class")
_HEAD = ("camera", "head", "label")
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256)

FRAMES_IN = Counter("wayside_frames_in_total", "Frames taken in", ["service", "camera"])
FRAMES_OUT = Counter("wayside_frames_out_total", "Frames handed on or fully processed", ["service", "camera"])
FRAMES_SHED = Counter("wayside_frames_shed_total", "Frames dropped under overload", ["service", "camera", "reason"])
FRAMES_IDLE = Counter("wayside_frames_idle_total", "Frames not sent because nothing moved (`idle_fps`)", ["camera"])
FRAMES_IGNORED = Counter(
    "wayside_frames_ignored_total",
    "Late or duplicate results, seen and skipped",
    ["service", "camera", "reason"],
)
DEAD_LETTERS = Counter("wayside_dead_letters_total", "Messages that could not be processed", ["service", "reason"])
ERRORS = Counter("wayside_errors_total", "Errors that the service went on after", ["service", "kind"])

SOURCE_UP = Gauge("wayside_source_up", "1 while the camera's source delivers", ["camera"])
SOURCE_CONNECTS = Counter("wayside_source_connects_total", "Connections to the camera's source", ["camera", "outcome"])

BATCH_SIZE = Histogram("wayside_batch_frames", "Frames in one forward pass", buckets=_BATCH)
INFERENCE_SECONDS = Histogram("wayside_inference_seconds", "One forward pass with its boxes", buckets=_FAST)
DETECTION_LATENCY = Histogram(
    "wayside_capture_to_detection_seconds",
    "From capture to published detections, live frames",
    buckets=_LATENCY,
)
ALERT_LATENCY = Histogram(
    "wayside_detected_to_alert_seconds",
    "From the deciding frame's capture to the published alert, live",
    buckets=_LATENCY,
)
# A counter, not a gauge of the last label: it adds up over workers, and its rate says how much of an hour was foggy.
HEAD_FRAMES = Counter("wayside_head_frames_total", "Live frames by the label that a head gave them", _HEAD)
# Role: production, or shadow.
MODEL_INFO = Gauge("wayside_model_info", "1 for each version of weights and heads that runs", ["role", "version"])
BACKEND_INFO = Gauge(
    "wayside_backend_info", "1 for what runs a model, and in which type of numbers", ["role", "backend", "precision"]
)
MODEL_SWAPS = Counter("wayside_model_swaps_total", "Models swapped in while running, or not taken", ["role", "outcome"])
SHADOW_FRAMES = Counter("wayside_shadow_frames_total", "Frames that the candidate in the shadow saw", ["camera"])
SHADOW_BOXES = Counter("wayside_shadow_boxes_total", "Boxes that both models have, or one", ["class", "outcome"])
SHADOW_HEADS = Counter(
    "wayside_shadow_heads_total", "Frames that a head and its candidate judged, alike or not", ["head", "outcome"]
)
SHADOW_SECONDS = Histogram("wayside_shadow_seconds", "One batch through the candidate in the shadow", buckets=_FAST)
CONSUMER_LAG = Gauge("wayside_consumer_lag", "Messages not yet committed", ["group", "topic"])
TRACKED_OBJECTS = Gauge("wayside_tracked_objects", "Objects on the camera's last frame", ["camera"])

CHECKPOINT_SECONDS = Histogram(
    "wayside_checkpoint_seconds", "Making and storing the checkpoint of one partition", buckets=_FAST
)
CHECKPOINT_BYTES = Histogram("wayside_checkpoint_bytes", "Size of one partition's checkpoint", buckets=_BYTES)
CHECKPOINT_AGE = Gauge("wayside_checkpoint_age_seconds", "Age of the oldest work that no checkpoint holds yet")
CHECKPOINT_STATES = Counter(
    "wayside_checkpoint_states_total",
    "States of cameras taken from a checkpoint, or parts of one that did not fit",
    ["outcome", "part"],
)

INCIDENTS = Counter("wayside_incidents_total", "Changes of incidents", ["incident", "change"])
# Counters, not gauges of the last interval: they add up over lanes and time, and a camera that is silent adds nothing
# instead of standing still at its last value. They grow when an interval has ended; rates need two of them at least.
LANE_VEHICLES = Counter("wayside_lane_vehicles_total", "Vehicles that passed a lane's line, live", _LANE)
LANE_OCCUPIED = Counter("wayside_lane_occupied_seconds_total", "Time in which one was over the line, live", _LANE)
LANE_SPEED_SUM = Counter("wayside_lane_speed_kmh_total", "Sum of the speeds of those that had one, live", _LANE)
LANE_SPEEDS = Counter("wayside_lane_speeds_total", "How many had a speed in km/h, live", _LANE)
LANE_OBSERVED = Counter("wayside_lane_observed_seconds_total", "Time that a lane was observed, live", _LANE[:2])
INSPECTIONS = Counter("wayside_inspections_total", "Inspections answered", ["lane", "verdict"])
INSPECTION_SECONDS = Histogram(
    "wayside_inspection_seconds",
    "From a question about a lane to its answer",
    buckets=(5, 6, 7, 8, 10, 15, 30, 60, 120),
)
ALERTS = Counter("wayside_alerts_total", "Alerts opened", ["incident", "severity"])
VERDICTS = Counter("wayside_alert_verdicts_total", "Verdicts of operators on alerts", ["incident", "verdict"])
DELIVERIES = Counter("wayside_sink_deliveries_total", "Alerts handed to a sink", ["sink", "outcome"])

CONSOLE_CLIENTS = Gauge("wayside_console_clients", "Browsers connected to the live stream")


def count_lane(stats: LaneStats) -> None:
    """Add one interval of a live lane."""
    LANE_OBSERVED.labels(stats.camera, stats.zone).inc(stats.observed_s)
    for item in stats.classes:
        labels = (stats.camera, stats.zone, item.label)
        LANE_VEHICLES.labels(*labels).inc(item.count)
        LANE_OCCUPIED.labels(*labels).inc(item.occupied_s)
        if item.mean_speed_kmh is not None:
            LANE_SPEED_SUM.labels(*labels).inc(item.mean_speed_kmh * item.speeds)
            LANE_SPEEDS.labels(*labels).inc(item.speeds)
