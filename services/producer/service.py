"""The producer service: cameras → frames and camera-status. Every camera has its own threads: none holds up another."""

import os
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress

from services.producer.crew import Crew, send
from services.producer.reader import SERVICE, probe, read_once
from services.producer.video import check_decoder
from shared import topics
from shared.bus.base import Bus, Producer
from shared.exceptions import BusError, ConfigError, InputError
from shared.service import Heartbeat
from shared.settings import Settings
from shared.site import Camera, Site
from shared.store import Store
from shared.telemetry import metrics
from shared.telemetry.health import Health
from shared.telemetry.logs import logger, redact

# Lossless reading waits while more frames than this are unread by the detectors: far below what the topic
# keeps, far above what the workers hold at a time.
MAX_BACKLOG = 256
_CHECK_EVERY = 32
_BEAT_S = 0.5
# A bus that does not store live frames within this is down: say so, and go on.
_LIVE_FLUSH_S = 5.0
# For all cameras together: what a thread has in work when the service stops takes milliseconds.
_JOIN_S = 1.0


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
        ConfigError: an unknown camera in `settings.cameras`, a decoder that is not there, or with `once` a live source.
        InputError: a local source that is missing or cannot be read.
        BusError: with `once`, a frame that the bus did not take.
    """
    check_decoder(settings.video_decoder)
    cameras = select_cameras(site, settings.cameras)
    for camera in cameras:
        if not probe(camera).finite and once:
            raise ConfigError(f"camera {camera.id}: its source {redact(camera.source)} is live; --once reads files")
    bus.ensure_topics(topics.SPECS)
    health = Health(SERVICE)
    heartbeat = Heartbeat(health, store, settings)
    producer = bus.producer()
    try:
        if once:
            _read_all(cameras, bus, producer, settings.run, start_ns or 0, stop, health)
            producer.flush()
        else:
            _serve_live(cameras, producer, settings, stop, health)
            _flush_live(producer)
    finally:
        health.beat("stopping")
        with suppress(BusError):  # told by the flush above already
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


def _serve_live(
    cameras: list[Camera], producer: Producer, settings: Settings, stop: threading.Event, health: Health
) -> None:
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="encode") as encoders:
        crews = [Crew(camera, producer, settings.run, stop, encoders, settings.video_decoder) for camera in cameras]
        while not stop.is_set():
            for crew in crews:
                crew.check()
                crew.report()
            stored = _flush_live(producer)
            up = sum(crew.camera.up for crew in crews)
            state = "running" if stored and up == len(crews) else "degraded"
            health.beat(state, f"{up} of {len(crews)} cameras deliver")
            stop.wait(_BEAT_S)
        # Before the encoders go. A reader that waits for a silent network hands over nothing any more.
        until = time.monotonic() + _JOIN_S
        for crew in crews:
            crew.join(until)


def _flush_live(producer: Producer) -> bool:
    """Learn what the bus did not store; a live camera's next frames may fare better, so it is no end."""
    try:
        producer.flush(_LIVE_FLUSH_S)
    except BusError as error:
        metrics.ERRORS.labels(SERVICE, "bus").inc()
        logger(SERVICE).warning("frames not stored", reason=str(error))
        return False
    return True


def _read_all(
    cameras: list[Camera],
    bus: Bus,
    producer: Producer,
    run: str | None,
    start_ns: int,
    stop: threading.Event,
    health: Health,
) -> None:
    """Read every camera once, each on its own thread; the first that the bus fails ends all."""
    halt = threading.Event()

    def read(camera: Camera) -> None:
        log = logger(SERVICE, camera=camera.id)
        try:
            for frame in read_once(camera, start_ns=start_ns, run=run):
                metrics.FRAMES_IN.labels(SERVICE, camera.id).inc()
                if frame.seq % _CHECK_EVERY == 0:
                    _await_room(bus, stop, halt)
                if stop.is_set() or halt.is_set():
                    return
                send(producer, frame)
            log.info("source is at its end", source=redact(camera.source))
        except InputError as error:
            metrics.ERRORS.labels(SERVICE, "source").inc()
            log.error("source ended early", reason=str(error))

    with ThreadPoolExecutor(len(cameras), thread_name_prefix="once") as pool:
        pending = {pool.submit(read, camera) for camera in cameras}
        try:
            while pending:
                health.beat(detail=f"{len(pending)} of {len(cameras)} clips to go")
                done, pending = wait(pending, timeout=_BEAT_S, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
        finally:
            halt.set()


def _await_room(bus: Bus, stop: threading.Event, halt: threading.Event) -> None:
    while bus.lag(topics.DETECTOR_GROUP, topics.FRAMES) > MAX_BACKLOG and not halt.is_set():
        if stop.wait(0.1):
            return
