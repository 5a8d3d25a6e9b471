"""`make bench-incidents`: Wayside's alerts on staged scenes, beside a baseline of Ultralytics `track` and dwell rules.

    python -m training.bench.incidents [--split dev|test] [--imgsz N] [--limit SCENES_PER_KIND] [--backend NAME]

Tuning uses dev only. Frames are rendered, encoded and detected once and their boxes kept on disk.
"""

import argparse
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from services.detector.backends.load import EXPORTED, Wanted, load
from services.detector.memory.descriptors import LAYERS
from services.detector.weights import find_weights
from shared.exceptions import WaysideError
from shared.settings import load_settings
from training.bench.detections import PASS, Look, Request, composed, see_scene
from training.bench.incident_alerts import baseline_alerts, truth_of, wayside_alerts
from training.bench.incident_tables import BASELINE_MODEL, Judged, details, report, write_docs
from training.bench.places import handle, how_seen
from training.evaluate import FoundAlert, evaluate_all, fold
from training.scenes.scene import FPS, INCIDENTS, KINDS, NEGATIVES
from training.truth import Truth

Alerts = tuple[Sequence[FoundAlert], Truth]
"""Of one scene, with its truth."""

# Scenes per kind of the full test split: 24 of 36 s per incident type, 2.2 hours without incident.
_SCENES = dict.fromkeys(INCIDENTS, 24) | dict.fromkeys(NEGATIVES, 10) | {"traffic": 20, "clip": 60, "overhead-stop": 14}


def requests_of(split: str, limit: int | None, kinds: Sequence[str] = (), first: int = 0) -> list[Request]:
    """The scenes of a split; dev has half of test's. `first`: number of each kind's first scene; with a limit also one
    beyond the split's last, for scenes that nobody has looked at."""
    counts = {kind: count if split == "test" else -(-count // 2) for kind, count in _SCENES.items()}
    chosen = [kind for kind in counts if not kinds or kind in kinds]
    ends = {kind: first + limit if first and limit else min(counts[kind], limit or counts[kind]) for kind in chosen}
    return [(split, kind, seed) for kind in chosen for seed in range(first, ends[kind])]


@dataclass(frozen=True, slots=True)
class Contest:
    """Who is compared: Wayside's model, what runs it, and the size of the input. The baseline's model stays.

    Attributes:
        technology: what runs both models.
        threads: of the CPU per process; None for all cores.
        alone: without the baseline.
        idle_fps: of the cameras; None: every frame is sent.
    """

    model: str
    imgsz: int
    technology: str = "torch"
    threads: int | None = None
    alone: bool = False
    idle_fps: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scene, judged.

    Attributes:
        ours, theirs: alerts and truth; Wayside alone has no others.
        seen: how the detector saw each staged thing, by its handle.
        sent: share of the scene's frames that the camera sent.
    """

    scene: str
    place: str
    ours: Alerts
    theirs: Alerts | None
    seen: dict[str, str]
    sent: float


class Bench:
    """Both contestants, loaded."""

    def __init__(self, contest: Contest) -> None:
        self.backend, plain = (
            load(contest.technology, Wanted(find_weights(model), threads=contest.threads, layers=LAYERS, batch=PASS))
            for model in (contest.model, BASELINE_MODEL)
        )
        self._labels, self._contest = plain.labels, contest
        self._looks = [Look(self.backend, True), Look(plain, False)][: 1 if contest.alone else 2]

    def judge(self, request: Request) -> Outcome:
        """Render, detect and judge one scene."""
        by_wayside, *others = see_scene(self._looks, self._contest.imgsz, request, self._contest.idle_fps)
        scene = composed(request)
        truth = truth_of(scene)
        seen = {handle(index, item): how_seen(scene, index, by_wayside) for index, item in enumerate(scene.truth)}
        # The baseline knows no congestion; that truth is Wayside's alone.
        ours = fold(wayside_alerts(scene, by_wayside)), truth
        theirs = [(fold(baseline_alerts(scene, boxes, self._labels)), truth) for boxes in others]
        sent = len(by_wayside) / (scene.seconds * FPS)
        return Outcome(scene.id, scene.place.name, ours, theirs[0] if theirs else None, seen, sent)


def run(contest: Contest, requests: Sequence[Request], processes: int = 1) -> list[Outcome]:
    """Judge all scenes. With one process its threads share the models; with more each has its own."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("scenes"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console,
        disable=not console.is_terminal,
    ) as progress:  # fmt: skip
        task, outcomes = progress.add_task("scenes", total=len(requests)), []
        for outcome in _outcomes(contest, requests, processes):
            outcomes.append(outcome)
            progress.advance(task)
            if not console.is_terminal and len(outcomes) % 20 == 0:
                console.print(f"{len(outcomes)} of {len(requests)} scenes", highlight=False)
    return outcomes


def judged_of(outcomes: Sequence[Outcome]) -> list[Judged]:
    """Wayside over all scenes and, where it took part, the baseline."""
    judged = [Judged("Wayside", evaluate_all([outcome.ours for outcome in outcomes]))]
    theirs = [outcome.theirs for outcome in outcomes if outcome.theirs is not None]
    return [*judged, Judged("baseline", evaluate_all(theirs))] if theirs else judged


def _outcomes(contest: Contest, requests: Sequence[Request], processes: int) -> Iterator[Outcome]:
    """In the order of the requests."""
    if processes == 1:
        bench = Bench(contest)
        with ThreadPoolExecutor(bench.backend.parallel, "scene", bench.backend.join_parallel) as threads:
            yield from threads.map(bench.judge, requests)
        return
    own = replace(contest, threads=1)
    context = multiprocessing.get_context("spawn")  # CUDA and OpenMP do not outlive a fork
    with ProcessPoolExecutor(processes, context, _begin, (own,)) as pool:
        yield from pool.map(_judge, requests)


_bench: Bench


def _begin(contest: Contest) -> None:
    global _bench
    _bench = Bench(contest)
    _bench.backend.join_parallel()


def _judge(request: Request) -> Outcome:
    return _bench.judge(request)


def main() -> int:
    """Run and print; the full test split also writes docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--model", default=load_settings().model, help="Wayside's; the baseline's stays")
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--limit", type=int, help="scenes per kind: a quick look, docs are not written")
    parser.add_argument("--first", type=int, default=0, help="number of each kind's first scene: docs are not written")
    parser.add_argument("--kinds", nargs="*", default=[], choices=KINDS, help="only these scenes")
    parser.add_argument("--backend", default="torch", choices=("torch", *EXPORTED), help="what runs both models")
    parser.add_argument("--processes", type=int, default=1, help="one per core of a large machine")
    parser.add_argument("--alone", action="store_true", help="without the baseline, also in docs")
    parser.add_argument("--idle-fps", type=float, help="of the cameras while nothing moves: docs are not written")
    parser.add_argument("--details", action="store_true", help="list Wayside's misses and false alarms")
    arguments = parser.parse_args()
    idle = arguments.idle_fps
    contest = Contest(arguments.model, arguments.imgsz, arguments.backend, None, arguments.alone, idle)
    requests = requests_of(arguments.split, arguments.limit, arguments.kinds, arguments.first)
    outcomes = run(contest, requests, arguments.processes)
    judged, places = judged_of(outcomes), {outcome.scene: outcome.place for outcome in outcomes}
    text = report(judged, places, arguments.split, arguments.model, arguments.imgsz, arguments.backend)
    print(text)
    if idle is not None:
        print(f"{idle:g} frames/s while nothing moves: {sum(one.sent for one in outcomes) / len(outcomes):.0%} sent")
    if arguments.details:
        seen = {(outcome.scene, thing): how for outcome in outcomes for thing, how in outcome.seen.items()}
        print(details(judged[0], seen))
    if (
        arguments.split == "test"
        and arguments.limit is None
        and arguments.model == load_settings().model
        and not arguments.kinds
        and not arguments.first
        and idle is None
    ):
        write_docs(text)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except WaysideError as error:
        sys.exit(f"bench-incidents: {error}")
