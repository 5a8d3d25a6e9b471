"""Is a lane clear? Inspections of staged lanes with and without a thing on them.

    python -m training.bench.inspections [--split dev|test] [--scenes N]

The scenes of `training.bench.unknown`: 64 s of traffic, in which the memory learns, then a thing on two lanes. At 74 s
every lane is inspected. "Clear" over a thing is the one answer that must never be given.
"""

import argparse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from services.analyzer.stage import CameraAnalyzer
from services.detector.backends.torch import TorchBackend
from services.detector.weights import find_weights
from services.inspector.desk import Desk
from services.inspector.opens import OpenIncidents
from shared.clock import to_ns
from shared.inspection import Inspection, InspectionRequest, Verdict
from shared.settings import load_settings
from training.bench.machine import describe
from training.bench.unknown import detections_of, staged
from training.intervals import wilson
from training.scenes.scene import FPS, Scene

_AT_S = 74.0
_VERDICTS: tuple[Verdict, ...] = ("clear", "not-clear", "cannot-tell")
Case = tuple[str, Inspection]
"""What lies on the lane, and the answer."""


def inspected(scene: Scene, backend: TorchBackend) -> list[Case]:
    """The answers for every lane of a scene."""
    site = scene.place.site(scene.id, FPS)
    analyzer, incidents = CameraAnalyzer(site, site.cameras[0]), OpenIncidents()
    desk = Desk(site, None, incidents)
    for lane in site.lanes():
        desk.ask(InspectionRequest(request_id=f"{scene.id}-{lane}", lane=lane, at=to_ns(_AT_S), by="bench"))
    answers: list[Inspection] = []
    for row in detections_of(scene, backend, []):
        analysis = analyzer.step(row)
        for incident in analysis.incidents:
            incidents.hear(incident)
        if analysis.tracks is not None:
            desk.see(analysis.tracks)
        answers += [answer for pending in desk.due() if (answer := desk.judge(pending)) is not None]
    answers += desk.close()
    lies = {f"lane-{int(item.actor.path(_AT_S)[0]) + 1}": item.pixels for item in scene.truth if item.actor}  # type: ignore[index]
    return [(_class(lies.get(answer.lane)), answer) for answer in answers]


def _class(pixels: float | None) -> str:
    if pixels is None:
        return "nothing"
    return "a thing of 16 px or more" if pixels >= 16 else "a thing of less than 16 px"


def table(cases: list[Case]) -> list[str]:
    """Rows in Markdown, and under them why lanes with nothing on them were not said to be clear."""
    lines = [
        "| on the lane | inspected | clear | not clear | cannot tell | clear (95 %) |",
        "| --- | --: | --: | --: | --: | --- |",
    ]
    for name in sorted({name for name, _ in cases}):
        counts = Counter(answer.verdict for kind, answer in cases if kind == name)
        total = counts.total()
        low, high = wilson(counts["clear"], total) or (0.0, 1.0)
        row = " | ".join(str(counts[verdict]) for verdict in _VERDICTS)
        lines.append(f"| {name} | {total} | {row} | {counts['clear'] / total:.0%} ({low:.0%}-{high:.0%}) |")
    why = Counter(
        code
        for name, answer in cases
        if name == "nothing" and answer.verdict != "clear"
        for code in {reason.code for word in answer.cameras for reason in word.reasons}
    )
    return [*lines, "", "Nothing lies there, and yet not clear: " + ", ".join(f"{c} {n}" for c, n in why.most_common())]


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--details", action="store_true", help="list what was said of lanes with nothing on them")
    arguments = parser.parse_args()
    backend = TorchBackend(find_weights(load_settings().model))
    scenes = [staged(arguments.split, seed) for seed in range(arguments.scenes)]
    with ThreadPoolExecutor(backend.parallel, "scene", backend.join_parallel) as pool:
        cases = [case for found in pool.map(lambda scene: inspected(scene, backend), scenes) for case in found]
    print(f"Split {arguments.split}, {arguments.scenes} scenes, {backend.version}, {FPS} frames/s. {describe()}\n")
    print("\n".join(table(cases)))
    if arguments.details:
        for _, answer in (case for case in cases if case[0] == "nothing"):
            print(
                f"{answer.inspection_id}: {answer.verdict}: {[r.text for word in answer.cameras for r in word.reasons]}"
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
