"""The inspector service: tracks, incidents and questions → inspections, and `lane-unsafe` / `lane-clear` as incidents.

One instance: an answer needs all cameras of a lane, whatever their partitions. A second one in the group waits with the
partitions that it gets, so start one and let it be restarted when it fails.

What is committed: questions when they are answered, tracks while no question waits. After a crash the frames that an
open question is about are read again.
"""

import threading
import time
from contextlib import ExitStack, closing

from services.inspector.record import SERVICE, Record
from services.inspector.worker import Worker
from shared import topics
from shared.bus.base import Bus, Consumer, Partition, Start
from shared.evidence import EvidenceStore
from shared.exceptions import OwnershipLostError
from shared.service import Heartbeat
from shared.settings import Settings
from shared.site import Site
from shared.store import Store
from shared.telemetry import metrics
from shared.telemetry.health import Health
from shared.telemetry.logs import logger

# A commit costs a round trip; what is read again after a crash changes nothing.
_COMMIT_EVERY_S = 1.0
# The state of incidents is read from the start of their topic. So long without a message, its end is reached.
_IDLE_S = 2.0


def serve(
    bus: Bus, store: Store, site: Site, settings: Settings, stop: threading.Event, *, whole: bool = False
) -> None:
    """Work until `stop` is set.

    Args:
        whole: where the group has read nothing yet, begin at the start of the topics instead of now. What was asked
            for and seen before the first start of an inspector is nobody's concern any more, but all of a clip is.

    Raises:
        BusError: the bus has failed; a new start goes on where this one was.
        OSError: the evidence folder cannot be made.
    """
    health = Health(SERVICE)
    with ExitStack() as stack:
        stack.enter_context(closing(Heartbeat(health, store, settings)))
        bus.ensure_topics(topics.SPECS)
        producer = stack.enter_context(closing(bus.producer()))
        worker = Worker(bus, producer, site, EvidenceStore(settings.data), Record.read(bus))
        incidents = stack.enter_context(closing(bus.consumer([topics.INCIDENTS], group=None)))
        _catch_up(bus, incidents, worker, stop)
        start: Start = "earliest" if whole else "latest"
        subscribed = [topics.TRACKS, topics.INSPECTION_REQUESTS]
        consumer = stack.enter_context(closing(bus.consumer(subscribed, group=topics.INSPECTOR_GROUP, start=start)))
        stack.callback(health.beat, "stopping")
        done: dict[Partition, int] = {}
        next_commit = 0.0
        while not stop.is_set():
            for record in consumer.poll(500, timeout_s=0.2):
                handle = worker.tracks if record.topic == topics.TRACKS else worker.question
                handle(record)
                done[(record.topic, record.partition)] = record.offset + 1
            for record in incidents.poll(500, timeout_s=0.0):
                worker.incident(record)
            worker.answer()
            health.beat(detail=f"{worker.waiting} questions wait" if worker.waiting else "")
            if time.monotonic() >= next_commit:
                next_commit = time.monotonic() + _COMMIT_EVERY_S
                producer.flush()
                _commit(consumer, done, worker)
                metrics.CONSUMER_LAG.labels(topics.INSPECTOR_GROUP, topics.TRACKS).set(
                    bus.lag(topics.INSPECTOR_GROUP, topics.TRACKS)
                )
        producer.flush()
        _commit(consumer, done, worker)


def _commit(consumer: Consumer, done: dict[Partition, int], worker: Worker) -> None:
    held = worker.held()
    offsets = {
        partition: min(offset, held.get(partition, offset))
        for partition, offset in done.items()
        if partition[0] != topics.TRACKS or not held
    }
    if not offsets:
        return
    try:
        consumer.commit(offsets)
    except OwnershipLostError as error:
        logger(SERVICE).info("partition went to another instance", detail=str(error))
    for partition in offsets:
        if offsets[partition] == done[partition]:
            del done[partition]


def _catch_up(bus: Bus, incidents: Consumer, worker: Worker, stop: threading.Event) -> None:
    """Read what is open before anything is judged."""
    ends = bus.end_offsets(topics.INCIDENTS)
    read = dict.fromkeys(ends, 0)
    heard = time.monotonic()
    while any(read[number] < end for number, end in ends.items()) and not stop.is_set():
        for record in incidents.poll(1000, timeout_s=0.2):
            worker.incident(record)
            read[record.partition] = record.offset + 1
            heard = time.monotonic()
        if time.monotonic() - heard > _IDLE_S:
            return  # retention has removed the rest
