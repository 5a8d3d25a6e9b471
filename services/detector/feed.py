"""Reads frames ahead of the model on its own thread, and commits what is done."""

import threading
import time
from collections.abc import Iterable

from services.detector import SERVICE
from services.detector.offsets import Offsets
from services.detector.waiting import Arrival, Waiting
from shared import topics
from shared.bus.base import Bus, Partition, Record
from shared.exceptions import OwnershipLostError, PoisonMessageError
from shared.frames import Frame
from shared.settings import Settings
from shared.telemetry import metrics
from shared.telemetry.logs import logger

# Messages of one poll: few enough that the model never waits long for the lock.
_CHUNK = 32
# An empty poll ends after this long, so that commits and a stop do not wait for longer.
_POLL_S = 0.1
# Commits are one request each; a crash repeats this much beside what is in work.
_COMMIT_S = 0.2
# Batches that wait while nothing may be shed; the rest stays at the bus.
_AHEAD = 2
# A loop that has not asked for frames for so long hangs. Reading on would keep its partitions from the other workers:
# without polls the bus takes them away (shared.bus.kafka_settings.MAX_POLL_MS).
_HANGS_S = 30.0


class Feed:
    """The frames of this worker's partitions.

    The thread owns the consumer: it polls, sheds, and commits up to the first frame that is neither shed nor done, so
    a crash loses none. It runs while the model works, which therefore always finds the newest frames and never waits
    for the network. `take`, `done` and `close` belong to one other thread.
    """

    def __init__(self, bus: Bus, settings: Settings) -> None:
        self._size, self._fill_s = settings.batch, settings.batch_wait_ms / 1000
        self._waiting = Waiting(settings.max_age_s, settings.max_wait_s)
        self._offsets = Offsets()
        self._changed = threading.Condition()
        self._stopping = self._woken = False
        self._error: BaseException | None = None
        self._asked_at = time.monotonic()
        self._consumer = bus.consumer([topics.FRAMES], group=topics.DETECTOR_GROUP, on_revoked=self._revoked)
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._thread.start()

    def take(self, timeout_s: float = 0.5, size: int | None = None) -> list[Arrival]:
        """The next batch, of `size` frames at most (None: as the settings say); empty after `timeout_s` without a
        frame, or when `wake` was called.

        A batch that could grow waits until its oldest frame has been here for the settings' `batch_wait_ms`.

        Raises:
            BusError: reading or committing failed.
        """
        give_up, size = time.monotonic() + timeout_s, size or self._size
        with self._changed:
            while True:
                if self._error is not None:
                    raise self._error
                now = self._asked_at = time.monotonic()
                since = self._waiting.since()
                until = give_up if since is None else since + self._fill_s
                if now >= until or (since is not None and self._waiting.fills(size, now)):
                    batch = self._waiting.take(size, now, time.time_ns())
                    break
                if self._woken:
                    batch = []
                    break
                self._changed.wait(until - now)
            self._woken = False
            self._account()
            self._changed.notify_all()
            return batch

    def wake(self) -> None:
        """End the wait of `take`, from any thread: there is something else to do."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def done(self, batch: Iterable[Arrival]) -> None:
        """These have been published and need not come again."""
        with self._changed:
            for arrival in batch:
                self._offsets.done(arrival.record)

    def close(self) -> None:
        """Commit what is done and leave the group; idempotent. What waits comes again, here or at another worker."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        committed_at = time.monotonic()
        try:
            while not self._stopping:
                self._add(self._poll())
                if time.monotonic() - committed_at >= _COMMIT_S:
                    self._commit()
                    committed_at = time.monotonic()
            self._commit()
        except BaseException as error:  # noqa: BLE001 (the service's own thread raises it)
            with self._changed:
                self._error = error
                self._changed.notify_all()
        finally:
            self._consumer.close()

    def _poll(self) -> list[Record]:
        """What has come; nothing for a moment where there is no room for more."""
        with self._changed:
            hangs = self._waiting.since() is not None and time.monotonic() - self._asked_at > _HANGS_S
            if hangs or self._waiting.kept >= _AHEAD * self._size:
                self._changed.wait(_POLL_S)
                return []
        return self._consumer.poll(_CHUNK, timeout_s=_POLL_S)

    def _add(self, records: Iterable[Record]) -> None:
        with self._changed:
            now, now_ns = time.monotonic(), time.time_ns()
            for record in records:
                if self._offsets.seen(record):
                    self._waiting.add(Arrival(record, _parse(record), now), now, now_ns)
            self._account()
            self._changed.notify_all()

    def _account(self) -> None:
        for arrival, frame, reason in self._waiting.take_shed():
            metrics.FRAMES_IN.labels(SERVICE, frame.camera).inc()
            metrics.FRAMES_SHED.labels(SERVICE, frame.camera, reason).inc()
            self._offsets.done(arrival.record)

    def _commit(self) -> None:
        with self._changed:
            offsets = self._offsets.due()
        if not offsets:
            return
        try:
            self._consumer.commit(offsets)
        except OwnershipLostError as error:
            # No error: what that partition still held comes again elsewhere, and what it gives is idempotent.
            logger(SERVICE).info("partition went to another worker; it repeats the batch", detail=str(error))
            return
        with self._changed:
            self._offsets.stored(offsets)

    def _revoked(self, partitions: set[Partition]) -> None:
        with self._changed:
            self._waiting.drop(partitions)
            self._offsets.drop(partitions)


def _parse(record: Record) -> Frame | PoisonMessageError:
    try:
        return Frame.from_record(record)
    except PoisonMessageError as error:
        return error
