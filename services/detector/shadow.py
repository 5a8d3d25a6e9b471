"""The shadow: a candidate that sees what production sees, after it, and is only compared."""

import time
from collections.abc import Sequence

from services.detector import SERVICE
from services.detector.compare import Tally, compare
from services.detector.compare_heads import HeadTally, Pair, compare_heads
from services.detector.source import Source, release
from services.detector.stage import Decoded, DetectorStage
from services.detector.watch import Watch, plain, tell_versions
from services.detector.window import Window
from services.detector.worker import Done
from shared import topics
from shared.bus.base import Producer
from shared.comparison import ModelComparison
from shared.exceptions import BusError
from shared.settings import Settings
from shared.site import Camera
from shared.telemetry import metrics
from shared.telemetry.logs import logger

# Cameras and runs whose minute is still open; of more, those that began first are told early.
_MOST_WINDOWS = 1024


class Shadow:
    """Runs the candidate on finished batches and publishes how it differs; an error stops it and nothing else.

    It takes the time of its own pass between two batches and never touches a result. After an error it rests until
    its alias means another version; what it had compared is published with the next minute or at the end.
    """

    def __init__(self, settings: Settings, cameras: Sequence[Camera], producer: Producer) -> None:
        """A file or a number is loaded now; an alias in the background, since there may be no candidate yet.

        `producer` is the shadow's own, so that no failure of its messages is taken for one of the results.

        Raises:
            ModelError: no such file or version, or it cannot be loaded.
        """
        # The roads are remembered by the model in production alone.
        settings = settings.model_copy(update={"memory_every_s": 0.0})
        source = Source(settings, cameras, model=settings.shadow or settings.model, heads=settings.shadow_heads)
        self._producer, self._share, self._batches = producer, settings.shadow_share, 0
        self._windows: dict[tuple[str | None, str], Window] = {}
        self._stage: DetectorStage | None = None
        self._watch = Watch(source, None, "shadow")
        if not source.follows:
            self._use(source.load(source.resolve()))
        self._watch.start(settings.model_poll_s)

    def look(self, done: Done) -> None:
        """Compare the candidate with a batch that was published and committed."""
        if (fresh := self._watch.take()) is not None:
            self._use(fresh)
            metrics.MODEL_SWAPS.labels("shadow", "swapped").inc()
        self._watch.recent = done.frames or self._watch.recent
        if self._stage is None or not done.decoded or not self._turn():
            return
        try:
            self._compare(self._stage, done)
        except Exception as error:  # noqa: BLE001 (whatever a candidate does, production goes on)
            self._give_up(error)

    def close(self) -> None:
        """Publish what is summed up so far and stop."""
        self._watch.close()
        try:
            self._publish(list(self._windows))
            self._producer.close()
        except BusError as error:
            self._give_up(error)
        self._use(None)

    def _turn(self) -> bool:
        """Whether this batch is among the share that the shadow sees: evenly spread, without chance."""
        self._batches += 1
        return int(self._batches * self._share) > int((self._batches - 1) * self._share)

    def _compare(self, stage: DetectorStage, done: Done) -> None:
        start = time.perf_counter()
        candidates = stage.detect(_fitting(stage, done.decoded), [item.frame for item in done.detections])
        seconds = time.perf_counter() - start
        metrics.SHADOW_SECONDS.observe(seconds)
        each = {"production_s": done.seconds / len(candidates), "candidate_s": seconds / len(candidates)}
        for production, candidate in zip(done.detections, candidates, strict=True):
            tallies = compare(production.objects, candidate.objects)
            heads = compare_heads(production.heads, candidate.heads)
            _count(production.camera, tallies, heads)
            key = production.run, production.camera
            window = self._windows.get(key)
            if window is not None and not window.takes(production, candidate.model):
                self._publish([key])
                window = None
            if window is None:
                window = self._windows[key] = Window(production, candidate.model)
            window.add(production, tallies, heads, **each)
        self._publish(list(self._windows)[: max(0, len(self._windows) - _MOST_WINDOWS)])

    def _publish(self, keys: Sequence[tuple[str | None, str]]) -> None:
        for key in keys:
            message = self._windows.pop(key).message()
            _log(message)
            self._producer.send(
                topics.MODEL_COMPARISONS, message.to_bytes(), key=message.camera, timestamp_ms=message.end // 1_000_000
            )
        if keys:
            self._producer.flush()

    def _give_up(self, error: Exception) -> None:
        metrics.ERRORS.labels(SERVICE, "shadow").inc()
        logger(SERVICE).error("shadow stopped", error=plain(error))
        self._use(None)

    def _use(self, stage: DetectorStage | None) -> None:
        tell_versions("shadow", self._stage, stage)
        if self._stage is not None:
            release(self._stage)
        self._stage = stage
        if stage is not None:
            logger(SERVICE).info("shadow runs", model=stage.backend.version)


def _fitting(stage: DetectorStage, decoded: Sequence[Decoded]) -> list[Decoded]:
    """The pictures as they are, or decoded anew for a model that needs inputs of other sizes."""
    stride = stage.backend.stride
    if all(side % stride == 0 for item in decoded for side in item.letterbox.shape):
        return list(decoded)
    return [stage.decode(item.frame) for item in decoded]


def _count(camera: str, tallies: dict[str, Tally], heads: dict[Pair, HeadTally]) -> None:
    metrics.SHADOW_FRAMES.labels(camera).inc()
    for label, tally in tallies.items():
        metrics.SHADOW_BOXES.labels(label, "agreed").inc(tally.agreed)
        metrics.SHADOW_BOXES.labels(label, "only-production").inc(tally.only_production)
        metrics.SHADOW_BOXES.labels(label, "only-candidate").inc(tally.only_candidate)
    for (name, _, _), head in heads.items():
        metrics.SHADOW_HEADS.labels(name, "agreed" if head.agreed else "differed").inc()


def _log(message: ModelComparison) -> None:
    classes = message.classes
    logger(SERVICE).info(
        "models compared",
        camera=message.camera,
        run=message.run,
        production=message.production,
        candidate=message.candidate,
        frames=message.frames,
        agreed=sum(item.agreed for item in classes),
        only_production=sum(item.only_production for item in classes),
        only_candidate=sum(item.only_candidate for item in classes),
        heads={item.name: f"{item.agreed} of {item.frames}" for item in message.heads},
        production_ms=message.production_ms,
        candidate_ms=message.candidate_ms,
    )
