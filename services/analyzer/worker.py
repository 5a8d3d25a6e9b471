"""What the analyzer does with a batch: detections → tracks, incidents, lane statistics, turnarounds; camera-status →
incidents; now and then a checkpoint."""

import time
from collections.abc import Callable, Sequence

from services.analyzer import checkpoint
from services.analyzer.owned import OwnedPartition
from services.analyzer.presence import Report
from services.analyzer.stage import Analysis
from services.analyzer.watchdog import Watchdog
from shared import topics
from shared.bus.base import Bus, Consumer, Partition, Producer, Record
from shared.clock import NS, to_ns
from shared.deadletters import bury
from shared.exceptions import OwnershipLostError, PoisonMessageError
from shared.messages import Detections, Incident, LaneStats
from shared.site import Site
from shared.telemetry import metrics
from shared.telemetry.logs import logger

SERVICE = "analyzer"


class Worker:
    """The partitions that this process owns. `checkpoint` has the order in which things are stored, and why.

    Args:
        checkpoint_s: seconds of work that a crash repeats at most. By the worker's clock, not event time: so the
            cost is a fixed share of the time at every speed, and no result depends on it.
        clock: UTC ns.
        monotonic: seconds, for the watchdog.
    """

    def __init__(
        self,
        bus: Bus,
        producer: Producer,
        site: Site,
        checkpoint_s: float,
        clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus, self._producer, self._site, self._clock = bus, producer, site, clock
        self._every = to_ns(checkpoint_s)
        self._owned: dict[Partition, OwnedPartition] = {}
        self._watchdog = Watchdog(bus, clock, monotonic)
        self._sought: set[Partition] = set()

    @property
    def cameras(self) -> int:
        """How many cameras had messages here."""
        owned = [part.cameras for (topic, _), part in self._owned.items() if topic == topics.DETECTIONS]
        return len(set().union(*owned))

    def process(self, batch: Sequence[Record], consumer: Consumer) -> None:
        """Publish what a batch gives, then commit it.

        Raises:
            BusError: something was not stored; the state in memory is of no use any more.
        """
        moved: set[Partition] = set()  # read from another offset next; the rest of this batch comes again
        worked: dict[Partition, int] = {}
        for record in batch:
            partition = (record.topic, record.partition)
            owned = self._owned.get(partition)
            if owned is None:
                owned = self._owned[partition] = self._take_over(partition, record.offset)
                if owned.next != record.offset:
                    consumer.seek(partition, owned.next)
                    moved.add(partition)
            if partition in moved:
                continue
            self._analyse(owned, record)
            worked[partition] = owned.next
        if not worked:
            return
        self._producer.flush()
        try:
            consumer.commit(worked)
        except OwnershipLostError as error:
            logger(SERVICE).info("partition went to another worker; it repeats the batch", detail=str(error))
            # Which one is not said, and what is still owned may be read again: both begin at their checkpoints.
            self.drop(set(worked))

    def drop(self, partitions: set[Partition]) -> None:
        """Another member owns these now; a stale state must not come back to life here."""
        for partition in partitions:
            self._owned.pop(partition, None)
        self._sought -= partitions
        self._watchdog.forget(partitions)

    def watch(self, consumer: Consumer) -> None:
        """Every two seconds, write to camera-status what the watchdog misses there; it comes back as a message.

        Raises:
            BusError: it was not stored.
        """
        if not self._watchdog.due():
            return
        self._seek_silent(consumer)
        words = self._watchdog.words(self._owned)
        for word in words:
            self._producer.send(
                topics.CAMERA_STATUS, word.to_bytes(), key=word.camera, timestamp_ms=word.at // 1_000_000
            )
            logger(SERVICE).warning(
                "camera reported in its producer's place", camera=word.camera, state=word.state, reason=word.reason,
                clock=word.clock.detail if word.clock else None,
            )  # fmt: skip
        if words:
            self._producer.flush()

    def _seek_silent(self, consumer: Consumer) -> None:
        """Take over the partitions of camera-status from which no message comes: their producers may be dead."""
        assigned = {part for part in consumer.assignment() if part[0] == topics.CAMERA_STATUS}
        fresh = assigned - self._sought - set(self._owned)
        self._sought |= assigned
        ends = self._bus.end_offsets(topics.CAMERA_STATUS) if fresh else {}
        for partition in sorted(part for part in fresh if ends[part[1]]):
            saved, valid = checkpoint.load(self._bus, partition)
            if saved is None or not valid:
                continue  # nothing is known of its cameras before its first message
            try:
                consumer.seek(partition, saved.offset)
            except OwnershipLostError:
                continue  # it went to another worker meanwhile, which listens to it
            self._owned[partition] = OwnedPartition(self._site, partition, saved.offset, saved, self._clock)

    def checkpoint(self, *, everything: bool = False) -> None:
        """Store the checkpoints that are due, or of all that has changed; outputs are flushed by `process`."""
        now = self._clock()
        for owned in self._owned.values():
            if owned.dirty_since is not None and (everything or now - owned.dirty_since >= self._every):
                self._store(owned)
        ages = [now - owned.dirty_since for owned in self._owned.values() if owned.dirty_since is not None]
        metrics.CHECKPOINT_AGE.set(max(ages, default=0) / NS)

    def _store(self, owned: OwnedPartition) -> None:
        with metrics.CHECKPOINT_SECONDS.time():
            checkpoint.store(self._producer, owned.checkpoint(), self._clock() // 1_000_000)

    def _take_over(self, partition: Partition, offset: int) -> OwnedPartition:
        saved, valid = checkpoint.load(self._bus, partition)
        start = saved.offset if saved is not None and valid else offset
        owned = OwnedPartition(self._site, partition, start, saved, self._clock)
        if not valid:
            self._store(owned)  # from now on there is one
        logger(SERVICE).info(
            "partition taken over", partition=partition[1], offset=start,
            cameras=0 if saved is None else len(saved.cameras),
        )  # fmt: skip
        return owned

    def _analyse(self, owned: OwnedPartition, record: Record) -> None:
        try:
            result = owned.step(record)
        except PoisonMessageError as error:
            bury(self._producer, SERVICE, record, error)
            return
        if result is None:
            return
        message, analysis = result
        if isinstance(message, Report):
            self._watchdog.hear((record.topic, record.partition), message.status)
        else:
            self._publish_frame(message, analysis)
        for incident in analysis.incidents:
            self._publish_incident(incident)

    def _publish_frame(self, detections: Detections, analysis: Analysis) -> None:
        metrics.FRAMES_IN.labels(SERVICE, detections.camera).inc()
        if analysis.ignored or analysis.tracks is None:
            metrics.FRAMES_IGNORED.labels(SERVICE, detections.camera, analysis.ignored).inc()
            return
        timestamp_ms = detections.frame.captured_at // 1_000_000
        self._producer.send(topics.TRACKS, analysis.tracks.to_bytes(), key=detections.camera, timestamp_ms=timestamp_ms)
        for stats in analysis.lane_stats:
            self._publish_lane(stats)
        for stay in analysis.turnarounds:
            changed_ms = stay.changed_at // 1_000_000
            self._producer.send(topics.TURNAROUNDS, stay.to_bytes(), key=stay.camera, timestamp_ms=changed_ms)
        metrics.TRACKED_OBJECTS.labels(detections.camera).set(len(analysis.tracks.objects))
        metrics.FRAMES_OUT.labels(SERVICE, detections.camera).inc()

    def _publish_lane(self, stats: LaneStats) -> None:
        start_ms = stats.start // 1_000_000
        self._producer.send(topics.LANE_STATS, stats.to_bytes(), key=stats.camera, timestamp_ms=start_ms)
        if stats.run is None:  # a replay tells of another time
            metrics.count_lane(stats)

    def _publish_incident(self, incident: Incident) -> None:
        timestamp_ms = incident.changed_at // 1_000_000  # before this frame's time line when the clock was set back
        self._producer.send(topics.INCIDENTS, incident.to_bytes(), key=incident.incident_id, timestamp_ms=timestamp_ms)
        metrics.INCIDENTS.labels(incident.incident, incident.change).inc()
        logger(SERVICE).info(
            "incident", change=incident.change, incident=incident.incident, camera=incident.camera,
            zone=incident.zone, id=incident.incident_id,
        )  # fmt: skip
