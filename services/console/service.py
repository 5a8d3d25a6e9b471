"""The console's loop: serve the application until stopped."""

import socket
import threading
from collections.abc import Callable

import uvicorn

from services.console.app import build_app
from shared.bus.base import Bus
from shared.exceptions import ConfigError
from shared.service import Heartbeat
from shared.settings import Settings
from shared.site import Site
from shared.store import Store
from shared.telemetry.health import Health
from shared.telemetry.logs import logger
from shared.topics import SPECS

# Open streams end by themselves on stop; a browser in the middle of a picture gets this long.
_SHUTDOWN_S = 3


def serve(
    bus: Bus,
    store: Store,
    site: Site,
    settings: Settings,
    stop: threading.Event,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the console until `stop` is set.

    uvicorn runs in a thread of its own: there it installs no signal handlers, which belong to the command.
    /metrics, /healthz and /readyz are on the console's own port; `settings.metrics_port` is not used.

    Args:
        on_ready: called once with the page's address when it can be opened.

    Raises:
        ConfigError: the address cannot be listened on.
        BusError: the bus cannot be reached at the start.
    """
    listener = _listen(settings.console_host, settings.console_port)
    try:
        bus.ensure_topics(SPECS)
        health = Health("console")
        app = build_app(bus, store, site, settings, health)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                ws="none",
                lifespan="on",
                timeout_graceful_shutdown=_SHUTDOWN_S,
            )
        )
        thread = threading.Thread(target=server.run, args=([listener],), name="console-http", daemon=True)
        thread.start()
        while not server.started and thread.is_alive() and not stop.wait(0.02):
            pass
        heartbeat = Heartbeat(health, store)
        try:
            health.beat()
            if server.started and on_ready is not None:
                on_ready(_address(listener))
            logger("console").info("listening", address=_address(listener))
            while thread.is_alive() and not stop.wait(1.0):
                problems = app.state.parts.dependencies.problems()
                health.beat("degraded" if problems else "running", "; ".join(problems))
        finally:
            health.beat("stopping")
            app.state.parts.fanout.close()  # before uvicorn waits for its connections, of which streams are some
            server.should_exit = True
            thread.join(timeout=2 * _SHUTDOWN_S)
            heartbeat.close()
    finally:
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"console cannot listen on {host}:{port}: {reason}; choose another with --console-port or "
            "WAYSIDE_CONSOLE_HOST and WAYSIDE_CONSOLE_PORT"
        ) from None


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
