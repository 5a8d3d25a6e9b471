"""A server as a child process: started, awaited, stopped, and gone when its parent is gone."""

import contextlib
import ctypes
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from shared.exceptions import ConfigError

_PR_SET_PDEATHSIG = 1
# A server that has not ended this long after SIGTERM is killed: Kafka flushes its logs within a few seconds.
_STOP_S = 15.0
_LOG_TAIL = 400


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    # A parent that is killed with SIGKILL cannot clean up; the kernel then ends the child (Linux only).
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class ServerProcess:
    """One running server.

    Raises:
        ConfigError: it ended or was not ready in time; the text ends with the last of its log.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        ready: Callable[[], bool],
        timeout_s: float,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._name, self._log = name, log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment) if environment is not None else None,
                preexec_fn=_die_with_parent,
                # Ctrl-C goes to the terminal's whole group; the parent stops its servers itself, in order.
                start_new_session=True,
            )
        self._await(ready, timeout_s)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def _await(self, ready: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not ready():
            if self._process.poll() is not None:
                raise ConfigError(f"{self._name} ended with code {self._process.returncode}: {self._tail()}")
            if time.monotonic() > deadline:
                self.stop()
                raise ConfigError(f"{self._name} was not ready within {timeout_s:.0f} s: {self._tail()}")
            time.sleep(0.05)

    def _tail(self) -> str:
        text = self._log.read_text(errors="replace").strip() if self._log.is_file() else ""
        return " | ".join(text[-_LOG_TAIL:].splitlines()) or f"its log {self._log} is empty"

    def alive(self) -> bool:
        """Whether the server still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """SIGTERM, then SIGKILL; idempotent."""
        if self.alive():
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()


def listens(port: int) -> bool:
    """Whether something accepts connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
