"""One message of each schema, as the services write them."""

from shared.comparison import ClassComparison, HeadComparison, ModelComparison
from shared.heads import HeadBox, HeadResult
from shared.messages import (
    DeadLetter,
    DetectedObject,
    Detections,
    FrameRef,
    Incident,
    LaneClass,
    LaneStats,
    TrackedObject,
    Tracks,
)
from shared.turnaround import Milestone, Turnaround, VehicleVisit
from shared.verdict import AlertVerdict

REF = FrameRef(topic="frames", partition=3, offset=41, captured_at=1_500_000_000)
BOX = (0.1, 0.2, 0.3, 0.4)
INCIDENT = Incident(
    incident_id="0123456789abcdef0123",
    change="opened",
    revision=0,
    incident="stopped-vehicle",
    site="a2-north",
    camera="a2-km41",
    zone="lane-1",
    severity="critical",
    started_at=1_000_000_000,
    detected_at=1_500_000_000,
    changed_at=1_500_000_000,
    track_ids=[17],
    label="car",
    score=0.87,
    box=BOX,
    model="yolo11n-coco@1a2b3c4d",
    frame=REF,
)
MESSAGES = {
    "model-comparison": ModelComparison(
        camera="a2-km41",
        start=60_000_000_000,
        end=119_900_000_000,
        production="wayside-n@3",
        candidate="wayside-n@4",
        frames=600,
        min_score=0.3,
        production_ms=11.5,
        candidate_ms=12.0,
        classes=[
            ClassComparison(
                label="car",
                agreed=1200,
                only_production=3,
                only_candidate=9,
                mean_iou=0.93,
                mean_score_difference=-0.02,
            )
        ],
        heads=[
            HeadComparison(
                name="pavement",
                production="pavement@2",
                candidate="pavement@3",
                frames=60,
                agreed=57,
                only_production=1,
                only_candidate=2,
                mean_difference=0.014,
            )
        ],
    ),
    "detections": Detections(
        camera="a2-km41",
        seq=7,
        frame=REF,
        width=1280,
        height=720,
        model="yolo11n-coco@1a2b3c4d",
        objects=[DetectedObject(label="car", score=0.9, box=BOX)],
        heads=[
            HeadResult(
                name="cones",
                version="cones@1a2b3c4d",
                label="cone",
                score=0.9,
                probabilities={"none": 0.1, "cone": 0.9},
                boxes=[HeadBox(label="cone", score=0.9, box=BOX)],
            )
        ],
    ),
    "tracks": Tracks(
        camera="a2-km41",
        seq=7,
        run="night",
        frame=REF,
        width=1280,
        height=720,
        objects=[TrackedObject(track_id=17, label="car", score=0.9, box=BOX, zones=["lane-1"], speed=0.0)],
    ),
    "incident": INCIDENT,
    "lane-stats": LaneStats(
        camera="a2-km41",
        zone="lane-1",
        start=60_000_000_000,
        end=120_000_000_000,
        observed_s=60.0,
        count=1,
        flow_per_h=60.0,
        occupancy=0.01,
        mean_vehicles=0.1,
        mean_speed_kmh=None,
        p15_speed_kmh=None,
        p85_speed_kmh=None,
        mean_speed_sizes_per_s=2.5,
        classes=[
            LaneClass(
                label="car",
                count=1,
                occupancy=0.01,
                occupied_s=0.6,
                speeds=0,
                mean_speed_kmh=None,
                mean_speed_sizes_per_s=2.5,
            )
        ],
    ),
    "turnaround": Turnaround(
        turnaround_id="0123456789abcdef0123",
        revision=1,
        site="a2-north",
        camera="apron",
        zone="stand-4",
        label="airplane",
        first_seen=60_000_000_000,
        changed_at=90_000_000_000,
        milestones=[Milestone(name="AIBT", at=60_000_000_000), Milestone(name="ACGT", at=80_000_000_000)],
        vehicles=[
            VehicleVisit(
                incident_id="3210fedcba9876543210",
                label="truck",
                track_ids=[4],
                first_seen=80_000_000_000,
                arrived=80_000_000_000,
            )
        ],
        vehicle_count=1,
    ),
    "alert-verdict": AlertVerdict(
        verdict_id="v1",
        alert_id="0123456789abcdef0123",
        verdict="dismissed",
        by="A. Nowak",
        at=90_000_000_000,
        comment="a shadow",
    ),
    "dead-letter": DeadLetter(
        service="detector",
        reason="truncated-jpeg",
        detail="ends early",
        topic="frames",
        partition=3,
        offset=41,
        key=None,
        headers={"camera": "a2-km41"},
        size=3,
        value_base64="/9j/",
    ),
}
