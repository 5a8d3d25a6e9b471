"""A site's services as a user deploys them: real Kafka, real Redis, each service a process of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
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


class Deployment:
    """What runs.

    Attributes:
        kafka: HOST:PORT of the broker.
        processes: of each service, by its name.
    """

    def __init__(self, bus: KafkaBus, kafka: str, environment: Mapping[str, str]) -> None:
        self.bus, self.kafka = bus, kafka
        self.processes: dict[str, list[psutil.Process]] = {}
        self._environment = environment
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, service: str, settings: Mapping[str, str] | None = None) -> psutil.Process:
        """One process more of a service, with these settings beside the deployment's."""
        environment = {**self._environment, **(settings or {})}
        process = subprocess.Popen([_WAYSIDE, service], env=environment, stdin=subprocess.DEVNULL)
        self._started.append(process)
        watched = psutil.Process(process.pid)
        self.processes.setdefault(service, []).append(watched)
        return watched

    def stop(self) -> None:
        """Stop every service; Kafka and Redis go on."""
        while self._started:
            _stop(self._started.pop())
        self.processes.clear()


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
        deployment = Deployment(bus, broker.bootstrap, environment)
        stack.callback(deployment.stop)
        for name in services:
            deployment.start(name)
        yield deployment


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
