"""A server as a child process: started, waited for, logged to a file, stopped, and never left behind."""

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from shared.embedded import guard
from shared.exceptions import ConfigError

# Kafka flushes its logs at SIGTERM, which takes a second or two; Redis is gone at once.
_GRACE_S = 15.0
# The servers of a process that was killed are gone within this time; only then is a folder really taken.
_CLAIM_S = 5.0


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether something listens on this loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class DataFolder:
    """A folder that one server uses at a time; created if missing.

    Raises:
        ConfigError: it cannot be written, or another process uses it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.lock = os.open(self.path / ".wayside.lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise ConfigError(f"the data folder {path} cannot be used: {error.strerror}") from None
        deadline = time.monotonic() + _CLAIM_S
        while not self._claim():
            if time.monotonic() > deadline:
                self.release()
                raise ConfigError(f"the data folder {path} is in use by another process; name another (WAYSIDE_DATA)")
            time.sleep(0.1)

    def _claim(self) -> bool:
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Let others use it, once the server (which shares the lock) is gone too; idempotent."""
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1


class ServerProcess:
    """One server, which dies with this process at the latest (also when that is killed).

    Args:
        name: for messages and the files `<name>.log` and `<name>.pid`.
        folder: where those files go.
    """

    def __init__(self, name: str, command: Sequence[str | Path], folder: DataFolder) -> None:
        self._name = name
        self.log_path = folder.path / f"{name}.log"
        self.pid_path = folder.path / f"{name}.pid"
        try:
            with self.log_path.open("wb") as log:
                self._guard = subprocess.Popen(
                    [sys.executable, "-I", "-S", guard.__file__, self.pid_path, str(_GRACE_S), *command],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=(folder.lock,),
                    # Ctrl-C on the terminal goes to the services, which then stop the servers in order.
                    start_new_session=True,
                )
        except OSError as error:
            raise ConfigError(f"{name} cannot be started in {folder.path}: {error.strerror}") from None

    def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Return once `ready`; otherwise stop the server.

        Raises:
            ConfigError: the server ended or was not ready in time; the text ends with its last words.
        """
        deadline = time.monotonic() + timeout_s
        while not ready():
            if self._guard.poll() is not None:
                self.stop()
                raise ConfigError(f"{self._name} did not start: {self.last_words()} (see {self.log_path})")
            if time.monotonic() > deadline:
                self.stop()
                raise ConfigError(f"{self._name} was not ready within {timeout_s:.0f} s (see {self.log_path})")
            time.sleep(0.05)

    def wait_for_end(self, timeout_s: float) -> int:
        """Wait for a command that ends by itself, and return its exit status."""
        try:
            return self._guard.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.stop()
            raise ConfigError(f"{self._name} took longer than {timeout_s:.0f} s (see {self.log_path})") from None

    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._guard.poll() is None

    def last_words(self) -> str:
        """The last line of the log that says something."""
        lines = self.log_path.read_text(errors="replace").splitlines()
        telling = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("at ")]
        return telling[-1][:300] if telling else "no output"

    def stop(self) -> None:
        """SIGTERM, SIGKILL after the grace time; idempotent."""
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        try:
            self._guard.wait(_GRACE_S + 5)
        except subprocess.TimeoutExpired:
            self._guard.kill()  # the kernel then ends the server too
            self._guard.wait()
        self.pid_path.unlink(missing_ok=True)
