"""The alerts service: incidents and operators' verdicts → alerts with evidence → alerts topic, Redis, the site's sinks.

Order of one message: evidence → alerts topic → flush → Redis → commit. A crash in between repeats the
message; the book, rebuilt from the alerts topic, knows what was published and drops it.
"""

import threading
import time
from contextlib import ExitStack, closing

from services.alerts.delivery import Deliveries
from services.alerts.lifecycle import AlertBook
from services.alerts.view import AlertLog, RedisView
from services.alerts.worker import Worker
from shared import topics
from shared.bus.base import Bus, Consumer, Partition, Record
from shared.evidence import EvidenceStore
from shared.exceptions import OwnershipLostError
from shared.service import Heartbeat
from shared.settings import Settings
from shared.site import Site
from shared.store import Store
from shared.telemetry import metrics
from shared.telemetry.health import Health
from shared.telemetry.logs import logger

SERVICE = "alerts"
# Keyed alike, with as many partitions, and given out by range: who owns an alert's incident owns its verdicts too.
INPUTS = (topics.INCIDENTS, topics.ALERT_VERDICTS)
_LAG_EVERY_S = 5.0  # asking costs milliseconds; a dashboard needs no more


def serve(bus: Bus, store: Store, site: Site, settings: Settings, stop: threading.Event) -> None:
    """Work until `stop` is set. Any number of instances share the partitions.

    Raises:
        ConfigError: a sink cannot be used as it is configured.
        BusError: the bus has failed; a new start goes on where this one was.
        OSError: the evidence folder cannot be made.
    """
    health = Health(SERVICE)
    revoked: set[Partition] = set()
    with ExitStack() as stack:
        stack.enter_context(closing(Heartbeat(health, store, settings)))
        bus.ensure_topics(topics.SPECS)
        book = AlertBook()
        view = RedisView(store, book, AlertLog(bus))
        producer = stack.enter_context(closing(bus.producer()))
        worker = Worker(bus, producer, book, view, EvidenceStore(settings.data))
        deliveries = stack.enter_context(closing(Deliveries(bus, site)))
        consumer = stack.enter_context(
            closing(bus.consumer(INPUTS, group=topics.ALERTS_GROUP, on_revoked=revoked.update))
        )
        stack.callback(health.beat, "stopping")
        owned: set[Partition] = set()
        next_lag = 0.0
        while not stop.is_set():
            records = consumer.poll(100, timeout_s=0.5)
            assigned = consumer.assignment()
            if revoked or assigned != owned:
                # What another instance published for these partitions is known only to the topic.
                view.refresh()
                owned = assigned
                revoked.clear()
            view.repair()
            work_off(records, worker, consumer, stop)
            deliveries.check()
            health.beat(detail=f"{len(site.sinks)} sinks")
            if time.monotonic() >= next_lag:
                next_lag = time.monotonic() + _LAG_EVERY_S
                for topic in INPUTS:
                    lag = bus.lag(topics.ALERTS_GROUP, topic)
                    metrics.CONSUMER_LAG.labels(topics.ALERTS_GROUP, topic).set(lag)


def work_off(records: list[Record], worker: Worker, consumer: Consumer, stop: threading.Event) -> None:
    """Process and commit one by one; leaves out what another instance has taken over meanwhile."""
    lost: set[int] = set()
    for record in records:
        if stop.is_set():
            return  # the rest is not committed and comes again
        if record.partition in lost:
            continue  # its new owner has these, perhaps with later changes that must not be overwritten
        worker.process(record)
        try:
            consumer.commit({(record.topic, record.partition): record.offset + 1})
        except OwnershipLostError as error:
            logger(SERVICE).info("partition went to another instance, which repeats the message", detail=str(error))
            lost.add(record.partition)  # of both topics
