"""What a staged scene holds, and what Wayside and the baseline tell of it, in one form."""

from collections.abc import Iterable, Sequence

import numpy as np

from services.alerts.lifecycle import AlertBook
from services.analyzer.stage import CameraAnalyzer
from shared.clock import NS, to_rfc3339
from shared.messages import Alert, Detections
from shared.site import Site
from training.bench import baseline
from training.bench.places import handle, placed
from training.scenes.scene import FPS, Scene
from training.truth import TrueIncident, Truth


def truth_of(scene: Scene) -> Truth:
    """The truth file's content of one scene."""
    incidents = [
        TrueIncident.model_validate(
            {
                "camera": scene.id, "incident": item.incident, "start_s": item.start_s, "end_s": item.end_s,
                "zone": handle(index, item), "size_px": item.pixels, "row": item.row, "place": scene.place.name,
                "hidden_s": item.hidden_s, "hidden_share": item.hidden_share,
            }
        )
        for index, item in enumerate(scene.truth)
    ]  # fmt: skip
    return Truth(incidents=incidents, duration_s={scene.id: scene.seconds})


def wayside_alerts(scene: Scene, detections: Iterable[Detections]) -> list[Alert]:
    """Every state of every alert that Wayside raises, by the staged thing that it is about."""
    return placed(scene, alerts_of(scene.place.site(scene.id, FPS), detections))


def alerts_of(site: Site, detections: Iterable[Detections]) -> list[Alert]:
    """Every state of every alert that Wayside raises for a site's only camera."""
    analyzer, book = CameraAnalyzer(site, site.cameras[0]), AlertBook()
    states = []
    for item in detections:
        for incident in analyzer.step(item).incidents:
            event = book.apply(incident, [])
            if event is not None:
                states.append(event.alert)
    return states


def baseline_alerts(scene: Scene, detections: Sequence[Detections], labels: Sequence[str]) -> list[Alert]:
    """The baseline's alerts in Wayside's form."""
    index = {label: number for number, label in enumerate(labels)}
    height, width = scene.place.plate.shape[:2]
    size = np.array([width, height, width, height])
    frames = [
        np.array([(*(np.array(o.box) * size), o.score, index[o.label]) for o in item.objects], np.float32).reshape(
            -1, 6
        )
        for item in detections
    ]
    site = scene.place.site(scene.id, FPS)
    states = [
        Alert(
            alert_id=f"b{number}", incident=item.incident, camera=scene.id, zone="lane", severity="critical",
            status="closed", started_at=to_rfc3339(round(item.started_s * NS)),
            detected_at=to_rfc3339(round(item.detected_s * NS)), ended_at=to_rfc3339(round(item.ended_s * NS)),
            track_ids=[item.track], label="", score=1.0, box=item.box, evidence=[], model="baseline",
            site="bench",
        )
        for number, item in enumerate(baseline.judge(frames, labels, site.cameras[0], (height, width), FPS))
    ]  # fmt: skip
    return placed(scene, states)
