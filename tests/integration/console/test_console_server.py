"""The console as a server: readiness, security, port, signals."""

import signal
import socket
import threading
from pathlib import Path

import httpx
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.console.service import serve
from shared.bus.memory import MemoryBus
from shared.clock import NS
from shared.exceptions import BusError, ConfigError
from shared.settings import Settings
from shared.store import Store
from tests.integration.console.helpers import SITE, served, until

pytestmark = pytest.mark.redis

NOON = 1_785_585_600 * NS


class _LosesBroker(MemoryBus):
    gone = False

    def end_offsets(self, topic: str) -> dict[int, int]:
        if self.gone:
            raise BusError("the broker does not answer")
        return super().end_offsets(topic)


def test_ready_needs_the_bus_and_says_when_it_is_gone(store: Store, tmp_path: Path):
    bus = _LosesBroker()
    with served(bus, store, tmp_path) as url, httpx.Client(base_url=url) as api:
        assert api.get("/healthz").status_code == 200
        assert api.get("/readyz").status_code == 200
        bus.gone = True
        gone = until(lambda: (answer := api.get("/readyz")).status_code == 503 and answer)
        assert gone.json()["detail"] == "bus: the broker does not answer"
        assert api.get("/healthz").status_code == 200  # a restart would mend nothing
        bus.gone = False
        until(lambda: api.get("/readyz").status_code == 200)


def test_without_redis_the_lists_say_so_and_nothing_hangs(bus: MemoryBus, tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed_port = free.getsockname()[1]
    store = Store(redis.Redis(port=closed_port, retry=Retry(NoBackoff(), 0)))
    with served(bus, store, tmp_path) as url, httpx.Client(base_url=url) as api:
        for path in ("/readyz", "/api/alerts", "/api/services"):
            answer = api.get(path)
            assert answer.status_code == 503, path
            assert "Redis does not answer" in answer.json()["detail"], path
        assert api.get("/").status_code == 200
        assert [camera["open_alerts"] for camera in api.get("/api/cameras").json()] == [None, None]  # not known


def test_every_response_carries_the_security_headers_and_foreign_hosts_are_refused(api: httpx.Client):
    for path in ("/", "/web/app.js", "/api/cameras", "/evidence/absent.jpg", "/absent", "/healthz"):
        headers = api.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in headers
        assert "server" not in headers
    assert api.get("/api/cameras", headers={"Host": "evil.example"}).status_code == 421


def test_a_port_in_use_is_one_clear_line(bus: MemoryBus, store: Store):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}") as caught:
            serve(bus, store, SITE, Settings(console_port=port), threading.Event())
    assert "\n" not in str(caught.value)


def test_serving_leaves_the_signal_handlers_alone(bus: MemoryBus, store: Store, tmp_path: Path):
    stop = threading.Event()
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    during = []

    def look(_: str) -> None:
        during.extend(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM))
        stop.set()

    serve(bus, store, SITE, Settings(console_port=0, data=tmp_path), stop, look)  # in the main thread
    assert during == handlers
