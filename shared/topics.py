"""The topics, their partitions and how long each keeps its messages."""

from shared.bus.base import TopicSpec

FRAMES = "frames"
DETECTIONS = "detections"
CAMERA_STATUS = "camera-status"
TRACKS = "tracks"
INCIDENTS = "incidents"
LANE_STATS = "lane-stats"
TURNAROUNDS = "turnarounds"
MODEL_COMPARISONS = "model-comparisons"
INSPECTION_REQUESTS = "inspection-requests"
INSPECTIONS = "inspections"
CONFIRMATIONS = "confirmations"
ALERT_VERDICTS = "alert-verdicts"
ALERTS = "alerts"
CHECKPOINTS = "checkpoints"
DEAD_LETTERS = "dead-letters"
TRAINING_REQUESTS = "training-requests"
TRAINING_PROGRESS = "training-progress"

HOUR = 3600
DAY = 24 * HOUR

# 12 partitions: divisible among 2, 3, 4, 6 and 12 workers. Keyed topics share the count, so that a camera
# has the same partition number in frames, detections, tracks and camera-status.
PARTITIONS = 12

SPECS: tuple[TopicSpec, ...] = (
    # 1 GiB per partition bounds the disk at 12 GiB: at 100 KB a frame that is 120,000 frames in all.
    TopicSpec(FRAMES, PARTITIONS, retention_s=6 * HOUR, retention_bytes=1 << 30),
    TopicSpec(DETECTIONS, PARTITIONS, retention_s=2 * DAY, retention_bytes=1 << 30),
    # A message per live camera and 2 s, 300 bytes each. Not compacted: what an alert followed from can be read again.
    TopicSpec(CAMERA_STATUS, PARTITIONS, retention_s=2 * DAY, retention_bytes=1 << 30),
    TopicSpec(TRACKS, PARTITIONS, retention_s=2 * DAY, retention_bytes=1 << 30),
    TopicSpec(INCIDENTS, PARTITIONS, retention_s=30 * DAY),
    # A message per lane and minute: small enough for the month over which one wants to compare days.
    TopicSpec(LANE_STATS, PARTITIONS, retention_s=30 * DAY, retention_bytes=1 << 30),
    # A message per change of a stay, a dozen for each aircraft. Not compacted: the key is the camera, which keeps them
    # in order, and only its last message would stay.
    TopicSpec(TURNAROUNDS, PARTITIONS, retention_s=30 * DAY, retention_bytes=1 << 30),
    # A message per camera and minute, and only while a candidate runs in the shadow.
    TopicSpec(MODEL_COMPARISONS, PARTITIONS, retention_s=30 * DAY, retention_bytes=1 << 30),
    # One partition: they are few, and one inspector answers them in turn.
    TopicSpec(INSPECTION_REQUESTS, 1, retention_s=2 * DAY),
    # A report is made from its message: kept for as long as somebody may ask for it.
    TopicSpec(INSPECTIONS, 1, retention_s=90 * DAY),
    # As many partitions as frames have: who owns a camera's memory also gets what persons say of it.
    TopicSpec(CONFIRMATIONS, PARTITIONS, retention_s=30 * DAY),
    # As many partitions as incidents have: who owns an alert's incident also gets what operators say of it.
    TopicSpec(ALERT_VERDICTS, PARTITIONS, retention_s=30 * DAY),
    # Compacted: the last event of every alert stays for ever. It is the source of truth of alert state.
    TopicSpec(ALERTS, PARTITIONS, compact=True),
    # One key per partition of detections; the last message is the state that a new owner resumes from.
    TopicSpec(CHECKPOINTS, PARTITIONS, compact=True, latest_only=True),
    # One partition: one training at a time, however many trainers wait.
    TopicSpec(TRAINING_REQUESTS, 1, retention_s=30 * DAY),
    TopicSpec(TRAINING_PROGRESS, 1, compact=True),
    TopicSpec(DEAD_LETTERS, 1, retention_s=14 * DAY, retention_bytes=1 << 30),
)

# The consumer group of each stage; `wayside up --once` waits until these have no lag, in this order.
DETECTOR_GROUP = "wayside-detector"
ANALYZER_GROUP = "wayside-analyzer"
INSPECTOR_GROUP = "wayside-inspector"
ALERTS_GROUP = "wayside-alerts"
TRAINER_GROUP = "wayside-trainer"
STAGES: tuple[tuple[str, str], ...] = (
    (DETECTOR_GROUP, FRAMES),
    (ANALYZER_GROUP, DETECTIONS),
    (ANALYZER_GROUP, CAMERA_STATUS),
    (INSPECTOR_GROUP, TRACKS),
    (INSPECTOR_GROUP, INSPECTION_REQUESTS),
    (ALERTS_GROUP, INCIDENTS),
    (ALERTS_GROUP, ALERT_VERDICTS),
)
