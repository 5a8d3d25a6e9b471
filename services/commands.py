"""One service each, between Kafka and Redis: `wayside producer|detector|analyzer|alerts|console|trainer`; wiring."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from services.options import (
    DataOption,
    DeviceOption,
    ImgszOption,
    KafkaOption,
    ModelOption,
    RedisOption,
    RunOption,
    SiteOption,
    StartOption,
    settings_of,
    start_ns_of,
)
from shared.bus.base import Bus
from shared.exceptions import ConfigError
from shared.service import stop_on_signals
from shared.settings import Settings
from shared.sitefile import load_site
from shared.store import Store

services = typer.Typer()


@services.command()
def producer(
    site: SiteOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    cameras: Annotated[str | None, typer.Option("--cameras", help="Camera ids, comma-separated; all.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Read each clip once, then end; needs --run.")] = False,
    run_id: RunOption = None,
    start: StartOption = None,
) -> None:
    """Cameras → frames topic."""
    from services.producer.service import serve

    settings = settings_of(site=site, kafka=kafka, redis=redis, cameras=cameras, run=run_id)
    if once and settings.run is None:
        raise ConfigError("--once needs --run ID: without one, live workers would shed the clip's old frames")
    loaded = load_site(settings.site)
    _serve(
        settings,
        lambda bus, store, stop: serve(
            bus,
            store,
            loaded,
            settings,
            stop,
            once=once,
            # Now, when not given: Kafka would soon delete what is stamped 1970.
            start_ns=start_ns_of(start) if start else time.time_ns(),
        ),
    )


@services.command()
def detector(
    site: SiteOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    model: ModelOption = None,
    shadow: Annotated[
        str | None, typer.Option("--shadow", help="A model to compare with it, on the same frames.")
    ] = None,
    device: DeviceOption = None,
    imgsz: ImgszOption = None,
    batch: Annotated[int | None, typer.Option("--batch", help="Frames in one forward pass at most.")] = None,
) -> None:
    """Frames → boxes. One fills the cores of a machine; a large GPU carries several.

    The site file says where to look closer; without one every picture is seen as a whole only.
    """
    from services.detector.service import serve

    settings = settings_of(
        site=site, kafka=kafka, redis=redis, model=model, shadow=shadow, device=device, imgsz=imgsz, batch=batch
    )
    named = "site" in settings.model_fields_set or settings.site.exists()
    cameras = load_site(settings.site).cameras if named else []
    _serve(settings, lambda bus, store, stop: serve(bus, store, settings, stop, cameras))


@services.command()
def analyzer(site: SiteOption = None, kafka: KafkaOption = None, redis: RedisOption = None) -> None:
    """Boxes → tracks and incidents."""
    from services.analyzer.service import serve

    settings = settings_of(site=site, kafka=kafka, redis=redis)
    loaded = load_site(settings.site)
    _serve(settings, lambda bus, store, stop: serve(bus, store, loaded, settings, stop))


@services.command()
def alerts(
    site: SiteOption = None, kafka: KafkaOption = None, redis: RedisOption = None, data: DataOption = None
) -> None:
    """Incidents → alerts, evidence and sinks."""
    from services.alerts.service import serve

    settings = settings_of(site=site, kafka=kafka, redis=redis, data=data)
    loaded = load_site(settings.site)
    _serve(settings, lambda bus, store, stop: serve(bus, store, loaded, settings, stop))


@services.command()
def inspector(
    site: SiteOption = None, kafka: KafkaOption = None, redis: RedisOption = None, data: DataOption = None
) -> None:
    """Questions about lanes → clear, not clear, or cannot tell. Start one."""
    from services.inspector.service import serve

    settings = settings_of(site=site, kafka=kafka, redis=redis, data=data)
    loaded = load_site(settings.site)
    _serve(settings, lambda bus, store, stop: serve(bus, store, loaded, settings, stop))


@services.command()
def console(
    site: SiteOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    data: DataOption = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port; 0 takes a free one.")] = None,
) -> None:
    """The page and the HTTP API."""
    from services.console.service import serve

    settings = settings_of(site=site, kafka=kafka, redis=redis, data=data, console_host=host, console_port=port)
    loaded = load_site(settings.site)
    _serve(
        settings,
        lambda bus, store, stop: serve(
            bus, store, loaded, settings, stop, lambda address: Console().print(f"Console: {address}")
        ),
    )


@services.command()
def trainer(kafka: KafkaOption = None, redis: RedisOption = None, data: DataOption = None) -> None:
    """Requested trainings, one at a time. Further ones wait until the first is gone."""
    from training.service.trainer import serve

    settings = settings_of(kafka=kafka, redis=redis, data=data)
    _serve(settings, lambda bus, store, stop: serve(bus, store, settings, stop))


def _serve(settings: Settings, serve: Callable[[Bus, Store, threading.Event], None]) -> None:
    with _connected(settings) as (bus, store):
        serve(bus, store, stop_on_signals())


@contextmanager
def _connected(settings: Settings) -> Iterator[tuple[Bus, Store]]:
    from shared.bus.kafka import KafkaBus

    store = Store.connect(settings.redis)
    try:
        bus = KafkaBus(settings.kafka)
        try:
            yield bus, store
        finally:
            bus.close()
    finally:
        store.close()
