"""Liveness and readiness of a service, and the small HTTP server that shows them beside the metrics."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

# A loop that has not come round for this long hangs: the longest legitimate step is one Kafka time-out (30 s).
STALE_AFTER_S = 60.0


class Health:
    """What one service says of itself. Its loop calls `beat`; probes read.

    Example:
        >>> health = Health("detector")
        >>> health.live(), health.ready()
        (True, False)
        >>> health.beat("running"); health.ready()
        True
    """

    def __init__(self, service: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.service = service
        self.state = "starting"
        self.detail = ""
        self._clock = clock
        self._last = clock()

    def beat(self, state: str = "running", detail: str = "") -> None:
        """The loop came round; `state` is running, degraded or stopping."""
        self.state, self.detail, self._last = state, detail, self._clock()

    def live(self) -> bool:
        """False when the loop hangs: restart the process."""
        return self._clock() - self._last < STALE_AFTER_S

    def ready(self) -> bool:
        """True once the service does its work."""
        return self.live() and self.state in ("running", "degraded")


class HealthServer:
    """Serves /metrics, /healthz and /readyz for one process until closed."""

    def __init__(self, health: Health, host: str, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._reply(200, generate_latest(), CONTENT_TYPE_LATEST)
                elif self.path in ("/healthz", "/readyz"):
                    good = health.live() if self.path == "/healthz" else health.ready()
                    body = {"service": health.service, "state": health.state, "detail": health.detail}
                    self._reply(200 if good else 503, json.dumps(body).encode(), "application/json")
                else:
                    self._reply(404, b"", "text/plain")

            def _reply(self, status: int, body: bytes, content_type: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Probes come every few seconds; they are no events."""

        self._server = ThreadingHTTPServer((host, port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
