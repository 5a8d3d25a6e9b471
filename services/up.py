"""`wayside up`: every service in one process, on an embedded bus and Redis unless told otherwise."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from services.alerts.delivery import await_delivery
from services.alerts.service import serve as serve_alerts
from services.analyzer.service import serve as serve_analyzer
from services.console.service import serve as serve_console
from services.detector.service import serve as serve_detector
from services.inspector.service import serve as serve_inspector
from services.producer.service import serve as serve_producer
from shared import topics
from shared.bus.base import Bus
from shared.bus.kafka import KafkaBus
from shared.bus.memory import MemoryBus
from shared.embedded.kafka import LocalKafka
from shared.embedded.redis import LocalRedis
from shared.settings import Settings
from shared.site import Site
from shared.store import Store
from shared.telemetry.logs import logger

# How long a service may take to stop: its longest step is one flush.
_STOP_S = 35.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What `up` runs on.

    Attributes:
        kafka: None for the embedded bus, `local` to start Apache Kafka here, or HOST:PORT of a running one.
        redis: None for an embedded server, or a URL.
        once: read each file source once, without shedding, then stop.
        start_ns: with `once`, UTC ns of the first frame.
    """

    kafka: str | None = None
    redis: str | None = None
    once: bool = False
    start_ns: int = 0


@contextmanager
def open_bus(plan: Plan, settings: Settings) -> Iterator[Bus]:
    """The bus that `--kafka` names, closed (and its broker stopped) at the end."""
    kafka = plan.kafka
    # Kafka measures a message's age by its event time: a clip of 1970 would be deleted before it is read.
    specs = [replace(spec, retention_s=None) for spec in topics.SPECS] if plan.once else topics.SPECS
    with ExitStack() as stack:
        bus: Bus
        if kafka is None:
            bus = MemoryBus()
        elif kafka == "local":
            broker = stack.enter_context(LocalKafka(settings.data / "kafka"))
            bus = KafkaBus(broker.bootstrap)
        else:
            bus = KafkaBus(kafka)
        stack.callback(bus.close)
        bus.ensure_topics(specs)
        yield bus


@contextmanager
def open_store(url: str | None, settings: Settings) -> Iterator[Store]:
    """The Redis that `--redis` names, or an embedded one."""
    with ExitStack() as stack:
        server_url = url or stack.enter_context(LocalRedis(settings.data / "redis")).url
        store = Store.connect(server_url)
        stack.callback(store.close)
        yield store


def run_all(
    site: Site,
    settings: Settings,
    plan: Plan,
    stop: threading.Event,
    on_ready: Callable[[str], None] = lambda address: None,
    on_bus: Callable[[Bus], None] = lambda bus: None,
) -> None:
    """Run every service until `stop` is set (or, with `plan.once`, until every frame has been judged).

    Args:
        on_ready: called with the console's address once it listens.
        on_bus: called with the bus before the services start, to watch topics on the side.

    Raises:
        WaysideError: what ended the first service that failed; the others are stopped then.
    """
    if plan.once:
        # Nobody is called out by a finished clip: only files receive its alerts.
        site = site.model_copy(update={"sinks": [sink for sink in site.sinks if sink.type == "jsonl"]})
        settings = settings.model_copy(update={"max_age_s": None})
    with open_store(plan.redis, settings) as store, open_bus(plan, settings) as bus:
        on_bus(bus)
        team = _Team(stop)
        try:
            team.start("alerts", lambda halt: serve_alerts(bus, store, site, settings, halt))
            team.start("analyzer", lambda halt: serve_analyzer(bus, store, site, settings, halt))
            team.start("inspector", lambda halt: serve_inspector(bus, store, site, settings, halt, whole=plan.once))
            team.start("detector", lambda halt: serve_detector(bus, store, settings, halt, site.cameras))
            team.start("console", lambda halt: serve_console(bus, store, site, settings, halt, on_ready))
            producer = team.start(
                "producer",
                lambda halt: serve_producer(
                    bus, store, site, settings, halt, once=plan.once, start_ns=plan.start_ns if plan.once else None
                ),
                ends=plan.once,
            )
            if plan.once:
                while not producer.done() and not stop.is_set():
                    wait([producer], timeout=0.2)
                drain(bus, site, stop)
                stop.set()
            stop.wait()
        finally:
            team.stop()


def drain(bus: Bus, site: Site, stop: threading.Event) -> None:
    """Wait until every stage has committed all that the one before it gave, and the sinks have the alerts."""
    for group, topic in topics.STAGES:
        while bus.lag(group, topic) and not stop.is_set():
            time.sleep(0.1)
    await_delivery(bus, site, stop)


class _Team:
    """Threads that each run one service; the first that ends or fails stops all, and its error is raised last."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._pool = ThreadPoolExecutor(8)
        self._futures: list[Future[None]] = []

    def start(self, name: str, serve: Callable[[threading.Event], None], *, ends: bool = False) -> Future[None]:
        def done(future: Future[None]) -> None:
            error = future.exception()
            if error is not None:
                logger("up").error("service failed", failed=name, error=str(error))
            if error is not None or not ends:
                self._stop.set()

        future = self._pool.submit(serve, self._stop)
        future.add_done_callback(done)
        self._futures.append(future)
        return future

    def stop(self) -> None:
        self._stop.set()
        _, late = wait(self._futures, timeout=_STOP_S)
        self._pool.shutdown(wait=False, cancel_futures=True)
        if late:
            logger("up").error("services did not stop in time", count=len(late), seconds=_STOP_S)
        for future in self._futures:
            if future.done() and (error := future.exception()) is not None:
                raise error
