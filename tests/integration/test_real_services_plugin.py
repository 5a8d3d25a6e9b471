"""The run's own bookkeeping: what used real services is counted, and CI fails when any of it was skipped."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SUITE = """
import pytest

@pytest.mark.kafka
def test_runs(pytestconfig): pytestconfig.pluginmanager.get_plugin("real-services").versions["kafka"] = "4.9.9"

@pytest.mark.kafka
@pytest.mark.redis
def test_runs_too(): pass

@pytest.mark.{skipped}
def test_skipped(): pytest.skip("no server")

@pytest.fixture
def redis_url(): pytest.skip("no Redis")

def test_without(): pass
{more}
"""


@pytest.mark.parametrize("processes", ["0", "2"])
@pytest.mark.parametrize(
    ("ci", "skipped", "more", "status"),
    [
        (True, "rtsp", "", 1),
        (True, "unrelated", "", 0),
        (True, "unrelated", "def test_fixture(redis_url): pass", 1),
        (True, "unrelated", '@pytest.mark.shared\ndef test_cpu(): pytest.skip("needs a CPU with AMX")', 0),
        (False, "rtsp", "", 0),
    ],
    ids=["ci-skip", "ci-other-skip", "ci-skip-by-fixture", "ci-processor", "at-home"],
)
def test_a_skipped_real_service_fails_ci_only(
    tmp_path: Path, ci: bool, skipped: str, more: str, status: int, processes: str
):
    (tmp_path / "test_suite.py").write_text(SUITE.format(skipped=skipped, more=more))
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-n", processes, "-p", "tests.plugins.real_services",
            "-p", "no:cacheprovider", ".",
        ],
        cwd=tmp_path, env=environment | ({"CI": "1"} if ci else {}), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stdout
    assert "real services: 2 tests used Apache Kafka 4.9.9, 1 Redis, 0 RTSP, 0 a browser" in done.stdout
    assert ("in CI no such test may be skipped" in done.stdout) == (status == 1)
    assert done.stdout.count("test_skipped (rtsp)") == (skipped == "rtsp" and ci)
