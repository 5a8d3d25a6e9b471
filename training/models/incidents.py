"""The incident benchmark for a promotion: what is found and falsely told on staged scenes with each detector.

The scenes are those of the development split, which no benchmark's table is made of. Where the shared clips and
pictures that they are made from are not there, the demo's generated road takes their place.
"""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from services.detector.backends.torch import TorchBackend
from training.bench.detections import Look, detect, detect_all
from training.bench.incident_alerts import alerts_of, truth_of, wayside_alerts
from training.bench.incidents import requests_of
from training.evaluate import FoundAlert, evaluate_all, fold
from training.intervals import median
from training.models.promotion import Figure
from training.scenes.places import HIGHWAY
from training.scenes.road_frames import road_frames, road_scene
from training.scenes.scene import FPS, INCIDENTS
from training.scenes.staged import compose
from training.trust import trusted
from training.truth import Truth

DEFAULT = 1
"""Scenes of each type of incident: some ten incidents, of which a model that sees too little loses more than chance."""
_ROADS = 2
"""Generated roads in place of one scene of each type; each has three incidents."""

Judged = list[tuple[Sequence[FoundAlert], Truth]]
"""Alerts and truth of each scene, as one detector gives them."""


def incident_figures(
    weights: Sequence[Path], imgsz: int, scenes: int | None, all_kinds: bool, say: Callable[[str], None]
) -> list[dict[str, Figure]]:
    """Figures of each detector on the same scenes; none when no scene is wanted.

    Args:
        scenes: of each type of incident; None: `DEFAULT`.
        all_kinds: as many of every other kind too, which are without incident or seen from above.
    """
    count = DEFAULT if scenes is None else scenes
    if count == 0:
        say("staged incidents were left out, as --incidents 0 asks for")
        return [{} for _ in weights]
    looks = [Look(TorchBackend(path, trusted=trusted()), True) for path in weights]
    missing, began = _missing(), time.process_time()
    if missing is None:
        say(f"staged incidents: scenes of each {'kind' if all_kinds else 'type'}: {count}")
        judged = _staged(looks, imgsz, count, all_kinds, say)
    else:
        say(f"staged incidents: generated roads: {count * _ROADS}, as {missing} is not there")
        judged = _roads(looks, imgsz, count * _ROADS)
    say(f"staged incidents took {time.process_time() - began:.0f} s of CPU time")
    return [_figures(own) for own in judged]


def _missing() -> Path | None:
    """What the scenes are made from and is not here."""
    return next((path for path in (HIGHWAY, HIGHWAY.parents[1] / "data" / "coco256") if not path.exists()), None)


def _staged(looks: Sequence[Look], imgsz: int, count: int, all_kinds: bool, say: Callable[[str], None]) -> list[Judged]:
    requests = requests_of("dev", count, () if all_kinds else INCIDENTS)
    done = itertools.count(1)
    found = detect_all(looks, imgsz, requests, lambda: say(f"scene {next(done)} of {len(requests)}"))
    scenes = {request: compose(*request) for request in requests}
    return [
        [(fold(wayside_alerts(scene, found[request][index])), truth_of(scene)) for request, scene in scenes.items()]
        for index in range(len(looks))
    ]


def _roads(looks: Sequence[Look], imgsz: int, count: int) -> list[Judged]:
    result: list[Judged] = [[] for _ in looks]
    for seed in range(1, count + 1):
        site, truth = road_scene(seed, FPS)
        seen = detect(looks, road_frames(seed, FPS), site.cameras, imgsz)
        for judged, rows in zip(result, seen, strict=True):
            judged.append((fold(alerts_of(site, rows)), truth))
    return result


def _figures(judged: Judged) -> dict[str, Figure]:
    """Counts, which are judged by chance, and what stands behind them, which is only shown."""
    found: set[str] = set()
    staged, seen = Counter[str](), Counter[str]()
    for number, pair in enumerate(judged, 1):
        for item, alert in evaluate_all([pair]).matches:
            staged[item.incident] += 1
            if alert is not None:
                seen[item.incident] += 1
                found.add(f"{item.incident} of scene {number} at {item.start_s:.1f} s ({item.zone})")
    whole = evaluate_all(judged).all
    figures = {
        "incidents_found": Figure(len(found) / max(1, whole.staged), "found", whole.staged, frozenset(found)),
        "false_alarms": Figure(float(whole.false_alarms), "false"),
    }
    for name, count in staged.items():
        figures[f"incidents_found/{name}"] = Figure(seen[name] / count, "shown", count)
    late = median(whole.time_to_detect_s)
    return figures | ({"seconds_to_detect": Figure(late, "shown")} if late is not None else {})


def alone(candidate: Mapping[str, Figure], production: Mapping[str, Figure]) -> list[str]:
    """Lines for people: the staged incidents that only one of the two has found."""
    own, other = (figures["incidents_found"].found for figures in (candidate, production))
    parts = {"production": other - own, "the candidate": own - other}
    return [f"found by {who} only: {', '.join(sorted(names))}" for who, names in parts.items() if names]
