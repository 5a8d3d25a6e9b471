"""The training service: requests from a topic, one at a time, through `wayside train`, with progress to a topic.

A request is committed when its training has ended, whichever way. A trainer that is stopped or killed leaves it to the
next one, where the training goes on from its last epoch; of several trainers one works and the others wait.
"""

import threading
import time
from collections import deque
from contextlib import ExitStack, closing

from shared import topics
from shared.bus.base import Bus, Partition, Producer, Record
from shared.deadletters import bury
from shared.exceptions import ConfigError, PoisonMessageError
from shared.service import Heartbeat, commit_batch
from shared.settings import Settings
from shared.store import Store
from shared.telemetry.health import Health
from shared.telemetry.logs import logger
from shared.training import TrainingProgress, TrainingRequest
from training.service.job import Job

SERVICE = "trainer"


def serve(bus: Bus, store: Store, settings: Settings, stop: threading.Event) -> None:
    """Work until `stop` is set; a training that runs then is ended, and goes on at the next start.

    Raises:
        BusError: the bus has failed.
    """
    health = Health(SERVICE)
    revoked: set[Partition] = set()
    with ExitStack() as stack:
        stack.enter_context(closing(Heartbeat(health, store, settings)))
        bus.ensure_topics(topics.SPECS)
        producer = stack.enter_context(closing(bus.producer()))
        consumer = stack.enter_context(
            closing(bus.consumer([topics.TRAINING_REQUESTS], group=topics.TRAINER_GROUP, on_revoked=revoked.update))
        )
        bench = _Bench(producer, settings)
        stack.callback(bench.clear)
        stack.callback(health.beat, "stopping")
        while not stop.is_set():
            # Also while one trains: who does not ask for long is taken for dead, and another trainer begins.
            records = consumer.poll(100, timeout_s=0.5)
            if revoked:
                bench.clear()
                revoked.clear()
            bench.waiting.extend(records)
            done = bench.step()
            if done is not None:
                producer.flush()
                commit_batch(consumer, [done], SERVICE)
            health.beat(detail=bench.doing)


class _Bench:
    """The requests that wait, and the training of the first of them."""

    def __init__(self, producer: Producer, settings: Settings) -> None:
        self.waiting: deque[Record] = deque()
        self.doing = "idle"
        self._producer, self._settings = producer, settings
        self._job: Job | None = None

    def step(self) -> Record | None:
        """Begin, watch or end the first training; returns its request once it is done with."""
        if not self.waiting:
            self.doing = "idle"
            return None
        if self._job is None and not self._begin(self.waiting[0]):
            return self.waiting.popleft()
        job = self._job
        assert job is not None
        if (said := job.said()) is not None:
            self._tell(job.request, "running", epoch=said.epoch, epochs=said.epochs, text=said.text)
        if not job.ended():
            return None
        if job.model:
            self._tell(job.request, "finished", model=job.model)
        else:
            self._tell(job.request, "failed", text=job.reason)
        self._drop()
        return self.waiting.popleft()

    def clear(self) -> None:
        """Leave everything to another trainer, or to the next start."""
        self.waiting.clear()
        self._drop()

    def _begin(self, record: Record) -> bool:
        try:
            request = TrainingRequest.from_bytes(record.value)
        except PoisonMessageError as error:
            bury(self._producer, SERVICE, record, error)
            return False
        try:
            self._job = Job(request, self._settings)
        except ConfigError as error:
            self._tell(request, "failed", text=str(error))
            return False
        self.doing = f"{request.kind} {request.name}"
        if self._job.model is None:
            self._tell(request, "running")
        return True

    def _tell(
        self, request: TrainingRequest, status: str, *, epoch: int | None = None, epochs: int | None = None,
        model: str | None = None, text: str = "",
    ) -> None:  # fmt: skip
        now = time.time_ns()
        progress = TrainingProgress.model_validate(
            {
                "request_id": request.request_id, "status": status, "at": now, "epoch": epoch, "epochs": epochs,
                "model": model, "text": text,
            }
        )  # fmt: skip
        self._producer.send(
            topics.TRAINING_PROGRESS, progress.to_bytes(), key=request.request_id, timestamp_ms=now // 1_000_000
        )
        logger(SERVICE).info("training", **progress.model_dump(exclude={"schema_", "at"}, exclude_none=True))

    def _drop(self) -> None:
        if self._job is not None:
            self._job.stop()
            self._job = None
