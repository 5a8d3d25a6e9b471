"""Is a lane clear? Inspections of staged lanes: with a thing, with nothing, and with a fault of the camera.

    python -m training.bench.inspections [--split dev|test] [--scenes N] [--start N] [--first SEED] [--details]

`--scenes` of the kind `later` and `--start` of the kind `start` of training/bench/learned_scenes.py. Every lane is
inspected at 74 s: as the memory knows it from traffic, after a person has confirmed it at 64 s, and with each fault of
the camera, which comes at 72 s. "Clear" over a thing or a fault is the one answer that must never be given.
"""

import argparse
from collections import Counter
from collections.abc import Sequence

from services.analyzer.stage import CameraAnalyzer
from services.inspector.desk import Desk
from services.inspector.opens import OpenIncidents
from shared.clock import NS, to_ns
from shared.inspection import Inspection, InspectionRequest, Verdict
from shared.messages import Detections
from training.bench.learned import FAULT_AT_S, Request, Seen, see_all
from training.bench.learned_options import add_backend, backend_of, told
from training.bench.learned_scenes import lies_on
from training.bench.machine import describe
from training.intervals import wilson
from training.scenes.scene import FPS, Scene

_AT_S = 74.0
_VERDICTS: tuple[Verdict, ...] = ("clear", "not-clear", "cannot-tell")
_NOTHING = "nothing", "nothing, confirmed"
Case = tuple[str, Inspection]
"""What is on the lane or wrong with the camera, and the answer."""


def inspected(scene: Scene, seen: Seen) -> list[Case]:
    """The answers for every lane of a scene, in all its ways."""
    zones = scene.place.site(scene.id, FPS).cameras[0].zones
    lies = {zone.id: lies_on(scene, zone, _AT_S) for zone in zones}
    cases = [(_class(scene, lies[answer.lane]), answer) for answer in answers(scene, seen.plain)]
    if scene.kind == "start":
        return cases  # a person's word would be wrong here
    queued = scene.conditions.extra == "queue"
    for answer in answers(scene, seen.confirmed):
        kind = _class(scene, lies[answer.lane])
        cases.append(((f"{kind}, confirmed" if not queued or lies[answer.lane] else "a queue, confirmed"), answer))
    before = [row for row in seen.confirmed if row.frame.captured_at < FAULT_AT_S * NS]
    for name, rows in seen.faults.items():
        cases += [(f"camera {name}", answer) for answer in answers(scene, [*before, *rows])]
    return cases


def answers(scene: Scene, rows: Sequence[Detections]) -> list[Inspection]:
    """One for every lane."""
    site = scene.place.site(scene.id, FPS)
    analyzer, incidents = CameraAnalyzer(site, site.cameras[0]), OpenIncidents()
    desk = Desk(site, None, incidents)
    for lane in site.lanes():
        desk.ask(InspectionRequest(request_id=f"{scene.id}-{lane}", lane=lane, at=to_ns(_AT_S), by="bench"))
    given: list[Inspection] = []
    for row in rows:
        analysis = analyzer.step(row)
        for incident in analysis.incidents:
            incidents.hear(incident)
        if analysis.tracks is not None:
            desk.see(analysis.tracks)
        given += [answer for pending in desk.due() if (answer := desk.judge(pending)) is not None]
    return given + desk.close()


def _class(scene: Scene, pixels: float | None) -> str:
    if pixels is None:
        return "a queue" if scene.conditions.extra == "queue" else "nothing"
    size = "16 px or more" if pixels >= 16 else "less than 16 px"
    return f"a thing of {size}{', there from the start' if scene.kind == 'start' else ''}"


def table(cases: Sequence[Case]) -> list[str]:
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
    never = [answer for name, answer in cases if name not in _NOTHING and "queue" not in name and "less" not in name]
    wrong = sum(answer.verdict == "clear" for answer in never)
    lines += ["", f"Clear over a thing of 16 px or more, or a fault of the camera: {wrong} of {len(never)}."]
    for name in _NOTHING:
        why = Counter(
            code
            for kind, answer in cases
            if kind == name and answer.verdict != "clear"
            for code in {reason.code for word in answer.cameras for reason in word.reasons}
        )
        lines += ["", f"{name.capitalize()}, and yet not clear: {', '.join(f'{c} {n}' for c, n in why.most_common())}"]
    return lines


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--start", type=int, default=8, help="scenes in which a thing lies there from the start")
    parser.add_argument("--first", type=int, default=0, help="seed of the first scene of each kind")
    parser.add_argument("--without-faults", action="store_true", help="no camera faults, which take half of the time")
    parser.add_argument("--details", action="store_true", help="list what was said wrongly or not at all, and why")
    add_backend(parser)
    arguments = parser.parse_args()
    backend = backend_of(arguments)
    first = arguments.first
    requests: list[Request] = [(arguments.split, "later", seed) for seed in range(first, first + arguments.scenes)]
    seen = see_all(backend, requests, with_faults=not arguments.without_faults)
    cases = [case for pair in seen for case in inspected(*pair)]
    requests = [(arguments.split, "start", seed) for seed in range(first, first + arguments.start)]
    cases += [case for pair in see_all(backend, requests) for case in inspected(*pair)]
    shown = f"{arguments.scenes} + {arguments.start} scenes from seed {first}"
    print(f"Split {arguments.split}, {shown}, {told(backend)}, {FPS} frames/s. "
          f"{describe()}\n")  # fmt: skip
    print("\n".join(table(cases)))
    if arguments.details:
        for name, answer in cases:
            if (answer.verdict == "clear") != (name in _NOTHING):
                why = [reason.text for word in answer.cameras for reason in word.reasons]
                print(f"{answer.inspection_id}: {name}: {answer.verdict}: {why}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
