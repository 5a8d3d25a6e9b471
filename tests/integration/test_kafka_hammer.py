"""The Kafka bus under threads that close it while others use it, in a process that may crash without the tests."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.kafka
def test_closing_under_polls_sends_questions_and_rebalances_neither_crashes_nor_loses_nor_leaks(kafka: str) -> None:
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.kafka_hammer", kafka]
    child = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=100)
    assert child.returncode == 0, child.stdout + child.stderr
