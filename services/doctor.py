"""`wayside doctor`: what of the environment works, and what to do about the rest."""

import shutil
from collections.abc import Callable

from rich.table import Table

from shared.exceptions import WaysideError
from shared.settings import Settings
from shared.store import Store


def examine(settings: Settings) -> Table:
    """One row per thing that Wayside can use."""
    table = Table(title="wayside doctor")
    for column in ("what", "state", "detail"):
        table.add_column(column)
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("weights", lambda: _weights(settings)),
        ("device", lambda: _device(settings)),
        ("backend", lambda: _backend(settings)),
        ("video decoder", _decoder),
        ("Kafka client", _kafka_client),
        ("embedded Redis", _embedded_redis),
        ("Java and Maven for --kafka local", _java),
        (f"Kafka at {settings.kafka}", lambda: _kafka(settings)),
        ("Redis at WAYSIDE_REDIS", lambda: _redis(settings)),
    )
    for name, check in checks:
        try:
            table.add_row(name, "[green]works[/]", check())
        except (WaysideError, ImportError) as error:
            table.add_row(name, "[yellow]not here[/]", str(error))
    return table


def _weights(settings: Settings) -> str:
    from services.detector.source import describe

    return describe(settings)


def _device(settings: Settings) -> str:
    import torch

    from services.detector.backends.torch import pick_device

    return f"{pick_device(settings.device)}, torch {torch.__version__}, {torch.get_num_threads()} threads"


def _backend(settings: Settings) -> str:
    from services.detector.backends.choose import AUTO, what_runs

    chosen = what_runs(settings.backend, settings.device, settings.precision, settings.threads)
    return f"{settings.backend}: {chosen}" if settings.backend == AUTO else chosen


def _decoder() -> str:
    import av

    return f"PyAV {av.__version__}"


def _kafka_client() -> str:
    import confluent_kafka

    return f"librdkafka {confluent_kafka.libversion()[0]}"


def _embedded_redis() -> str:
    from shared.embedded.redis import find_server

    return str(find_server())


def _java() -> str:
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if missing:
        raise WaysideError(f"{' and '.join(missing)} not found; needed only for `--kafka local`")
    return "java and mvn found"


def _kafka(settings: Settings) -> str:
    from shared.bus.kafka import KafkaBus

    KafkaBus(settings.kafka).close()
    return "answers"


def _redis(settings: Settings) -> str:
    Store.connect(settings.redis).close()
    return "answers"
