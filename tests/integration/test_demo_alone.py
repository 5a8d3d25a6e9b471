"""`make demo` on a fresh clone: no ../shared, no network, nothing kept from an earlier run; on the shipped model."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shared.embedded.redis import find_server
from shared.exceptions import ConfigError

ROOT = Path(__file__).resolve().parents[2]
# Whoever reaches for another computer is refused, as without a network; the demo's own servers are on this one.
DEMO = """
import functools, sys

def alone(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if host not in ("127.0.0.1", "localhost", "::1", "", None):
        raise OSError(f"no network: {host}")

sys.addaudithook(alone)
from training import demo
from shared.exceptions import WaysideError

demo.build_road_scene = functools.partial(demo.build_road_scene, seconds=2)
try:
    sys.exit(demo.main())
except WaysideError as error:
    sys.exit(f"wayside demo: {error}")
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The code and the models of this checkout, in a folder that has no `shared` beside it."""
    folder = tmp_path / "elsewhere" / "clone"
    for name in ("services", "shared", "training", "models"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.html"))
    return folder


def demo(clone: Path) -> subprocess.CompletedProcess[str]:
    """A demo of a scene of 2 s, for 3 s."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("WAYSIDE_")}
    home = str(clone.parent / "home")
    environment = {
        **kept, "DEMO_SECONDS": "3", "HOME": home, "XDG_CACHE_HOME": home, "YOLO_CONFIG_DIR": home, "PYTHONPATH": "",
        "WAYSIDE_CONSOLE_PORT": "0",
    }  # fmt: skip
    Path(home).mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-c", DEMO], cwd=clone, env=environment, capture_output=True, text=True, timeout=200,
        check=False,
    )  # fmt: skip


@pytest.mark.timeout(240)
def test_the_demo_needs_no_shared_folder_and_no_network_but_the_shipped_model(clone: Path) -> None:
    try:
        find_server()
    except ConfigError as error:
        pytest.skip(str(error))
    done = demo(clone)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Open http://127.0.0.1:" in done.stdout
    assert "0 staged, 0 missed, 0 other alerts" in done.stdout

    (clone / "models" / "wayside-n.safetensors").unlink()
    without = demo(clone)
    assert without.returncode != 0, "it ran on another model"
    assert "wayside demo: weights 'wayside-n' are in none of" in without.stderr
    assert str(ROOT) not in without.stderr, "it looked outside the clone"
