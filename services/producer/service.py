"""The producer service: cameras → frames topic. One thread per camera, so that none holds up another."""

import threading
import time
from collections.abc import Callable

from services.producer.camera import LiveCamera, Outbox
from services.producer.reader import probe, read_once
from services.producer.sources import resolve
from shared import topics
from shared.bus.base import Bus, Producer
from shared.exceptions import BusError, ConfigError, InputError
from shared.frames import Frame
from shared.service import Heartbeat
from shared.settings import Settings
from shared.site import Camera, Site
from shared.store import Store
from shared.telemetry import metrics
from shared.telemetry.health import Health
from shared.telemetry.logs import logger

SERVICE = "producer"
# Lossless reading waits while more frames than this are unread by the detectors: far below what the topic
# keeps, far above what the workers hold at a time.
_MAX_BACKLOG = 256
_CHECK_EVERY = 32


def serve(
    bus: Bus,
    store: Store,
    site: Site,
    settings: Settings,
    stop: threading.Event,
    *,
    once: bool = False,
    start_ns: int | None = None,
) -> None:
    """Serve the cameras until `stop` is set; with `once` read each file once, losslessly, and return.

    Args:
        start_ns: with `once`, UTC ns of each source's first frame; default the epoch.

    Raises:
        ConfigError: an unknown camera in `settings.cameras`, or with `once` a live source.
        InputError: a local source that is missing or cannot be read.
    """
    cameras = select_cameras(site, settings.cameras)
    for camera in cameras:
        if not probe(camera).finite and once:
            raise ConfigError(f"camera {camera.id}: its source is live; --once reads files")
    bus.ensure_topics(topics.SPECS)
    health = Health(SERVICE)
    heartbeat = Heartbeat(health, store, settings)
    producer = bus.producer()
    try:
        work = _once if once else _live
        threads = [
            threading.Thread(
                target=work(camera, bus, producer, settings, stop, start_ns or 0), name=f"camera-{camera.id}"
            )
            for camera in cameras
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads) or not (once or stop.is_set()):
            health.beat(detail=f"{len(cameras)} cameras")
            stop.wait(0.5) if not stop.is_set() else time.sleep(0.05)
        producer.flush()
    finally:
        health.beat("stopping")
        producer.close()
        heartbeat.close()


def select_cameras(site: Site, ids: str) -> list[Camera]:
    """The site's cameras with these comma-separated ids; all when empty.

    Raises:
        ConfigError: an id that the site does not have.
    """
    wanted = [name.strip() for name in ids.split(",") if name.strip()]
    for name in wanted:
        if site.camera(name) is None:
            known = ", ".join(camera.id for camera in site.cameras)
            raise ConfigError(f"setting cameras (WAYSIDE_CAMERAS): the site has no camera {name!r}; it has {known}")
    return [camera for camera in site.cameras if not wanted or camera.id in wanted]


def _send(producer: Producer, frame: Frame) -> None:
    producer.send(
        topics.FRAMES,
        frame.jpeg,
        key=frame.camera,
        timestamp_ms=frame.captured_at // 1_000_000,
        headers=frame.headers(),
    )
    metrics.FRAMES_OUT.labels(SERVICE, frame.camera).inc()


def _live(
    camera: Camera, bus: Bus, producer: Producer, settings: Settings, stop: threading.Event, start_ns: int
) -> Callable[[], None]:
    outbox = Outbox(camera.id)

    def take(frame: Frame) -> None:
        metrics.FRAMES_IN.labels(SERVICE, camera.id).inc()
        outbox.put(frame)

    def work() -> None:
        reader = threading.Thread(
            target=LiveCamera(camera, take, stop, run=settings.run).serve, name=f"read-{camera.id}", daemon=True
        )
        reader.start()
        while not stop.is_set():
            frame = outbox.take(timeout_s=0.5)
            if frame is None:
                if not reader.is_alive():
                    return  # a clip that is not looped has ended and its last frame is sent
                continue
            try:
                _send(producer, frame)
            except BusError as error:
                metrics.FRAMES_SHED.labels(SERVICE, camera.id, "bus-error").inc()
                logger(SERVICE).warning("frame not sent", camera=camera.id, reason=str(error))
                stop.wait(1.0)

    return work


def _once(
    camera: Camera, bus: Bus, producer: Producer, settings: Settings, stop: threading.Event, start_ns: int
) -> Callable[[], None]:
    def work() -> None:
        log = logger(SERVICE, camera=camera.id)
        try:
            for frame in read_once(camera, start_ns=start_ns, run=settings.run):
                metrics.FRAMES_IN.labels(SERVICE, camera.id).inc()
                while (
                    frame.seq % _CHECK_EVERY == 0
                    and not stop.is_set()
                    and bus.lag(topics.DETECTOR_GROUP, topics.FRAMES) > _MAX_BACKLOG
                ):
                    stop.wait(0.1)
                if stop.is_set():
                    return
                _send(producer, frame)
            log.info("source is at its end", source=resolve(camera).shown)
        except InputError as error:
            metrics.ERRORS.labels(SERVICE, "source").inc()
            log.error("source ended early", reason=str(error))

    return work
