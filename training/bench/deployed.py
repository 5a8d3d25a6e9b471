"""A site's services as a user deploys them: real Kafka, real Redis, each service a process of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from shared import topics
from shared.bus.kafka import KafkaBus
from shared.embedded.kafka import LocalKafka
from shared.embedded.redis import LocalRedis
from shared.site import Site

_WAYSIDE = Path(sys.executable).parent / "wayside"
# A service finishes its batch; beyond this it hangs.
_STOP_S = 40.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """What runs.

    Attributes:
        kafka: HOST:PORT of the broker.
        processes: of each service, by its name.
    """

    bus: KafkaBus
    kafka: str
    processes: dict[str, list[psutil.Process]] = field(default_factory=dict)


@contextmanager
def deployed(site: Site, services: Sequence[str], settings: Mapping[str, str] | None = None) -> Iterator[Deployment]:
    """Kafka, Redis and these services of `site` on this machine, stopped at the end; a service that is named twice runs
    in two processes.

    Settings of the environment hold for the services as well, but for the servers' addresses; `settings` are further
    ones, such as `{"WAYSIDE_BACKEND": "openvino"}`.

    Raises:
        ConfigError: Kafka or Redis cannot be started; one line with its reason.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = stack.enter_context(LocalKafka(folder / "kafka"))
        server = stack.enter_context(LocalRedis(folder / "redis"))
        bus = KafkaBus(broker.bootstrap)
        stack.callback(bus.close)
        bus.ensure_topics(topics.SPECS)
        path = folder / "site.json"  # JSON is YAML
        path.write_text(site.model_dump_json(exclude_defaults=True, by_alias=True))
        environment = {
            **os.environ, "WAYSIDE_KAFKA": broker.bootstrap, "WAYSIDE_REDIS": server.url, "WAYSIDE_SITE": str(path),
            "WAYSIDE_DATA": str(folder / "data"), "WAYSIDE_LOG_LEVEL": "warning", **(settings or {}),
        }  # fmt: skip
        deployment = Deployment(bus, broker.bootstrap)
        for name in services:
            process = subprocess.Popen([_WAYSIDE, name], env=environment, stdin=subprocess.DEVNULL)
            stack.callback(_stop, process)
            deployment.processes.setdefault(name, []).append(psutil.Process(process.pid))
        yield deployment


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
