"""The incident benchmark for a promotion: what is found and falsely told on staged scenes with each detector."""

from collections.abc import Sequence
from pathlib import Path

from services.detector.backends.torch import TorchBackend
from training.bench.detections import Look, detect_all
from training.bench.incident_alerts import truth_of, wayside_alerts
from training.bench.incidents import requests_of
from training.evaluate import evaluate_all, fold
from training.intervals import median
from training.models.promotion import Figure
from training.scenes.staged import compose
from training.trust import trusted


def incident_figures(weights: Sequence[Path], imgsz: int, scenes_per_kind: int) -> list[dict[str, Figure]]:
    """Figures of each detector on the scenes of the development split, which no benchmark's table is made of.

    Raises:
        InputError: the shared clips and pictures are not there.
    """
    looks = [Look(TorchBackend(path, trusted=trusted()), True) for path in weights]
    requests = requests_of("dev", scenes_per_kind)
    found = detect_all(looks, imgsz, requests, lambda: None)
    scenes = {request: compose(*request) for request in requests}
    result = []
    for index in range(len(looks)):
        pairs = [
            (fold(wayside_alerts(scene, found[request][index])), truth_of(scene)) for request, scene in scenes.items()
        ]
        whole = evaluate_all(pairs).by_incident["all"]
        figures = {
            "incidents_found": Figure(whole.rate or 0.0, "found"),
            "false_alarms_per_hour": Figure(whole.per_hour or 0.0, "false"),
        }
        late = median(whole.time_to_detect_s)
        result.append(figures | ({"seconds_to_detect": Figure(late, "shown")} if late is not None else {}))
    return result
