"""Starting the real RTSP server of tests/rtsp_server.py."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# The one that has GStreamer's bindings; they are no wheel.
_PYTHON = "/usr/bin/python3"
_IMPORTS = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"

PAUSE, RESUME = signal.SIGSTOP, signal.SIGCONT


def free_port() -> int:
    """A TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(clip: Path, port: int, user: str = "", password: str = "") -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A server of this clip and its URL; killed at the end, as a camera loses its power. Skips without GStreamer."""
    if not Path(_PYTHON).exists() or subprocess.run([_PYTHON, "-c", _IMPORTS], capture_output=True).returncode:
        pytest.skip(f"{_PYTHON} has no GStreamer RTSP server (gir1.2-gst-rtsp-server-1.0)")
    script = Path(__file__).with_name("rtsp_server.py")
    command = [_PYTHON, str(script), str(clip), str(port), *([user, password] if user else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process, f"rtsp://127.0.0.1:{port}/main"
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


@contextmanager
def server(clip: Path, port: int | None = None, user: str = "", password: str = "") -> Iterator[str]:
    """As `running`, on a free port unless told; gives the URL."""
    with running(clip, port or free_port(), user, password) as (_, url):
        yield url
