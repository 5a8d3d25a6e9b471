"""Services as processes, as a user starts them, and what lies on a bus in the end."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from shared.bus.base import Bus, Record
from tests.staging import WAYSIDE


@contextmanager
def service(name: str, environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([WAYSIDE, name, *arguments], env=environment, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        assert process.wait(40) in (0, -signal.SIGKILL), f"{name} did not stop cleanly"


def await_true(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.2)


def ready(port: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200


def read_all(bus: Bus, topic: str) -> list[Record]:
    consumer = bus.consumer([topic], group=None)
    left = sum(bus.end_offsets(topic).values())
    records: list[Record] = []
    while left > len(records):
        found = consumer.poll(1000, timeout_s=10)
        assert found, f"{topic}: {len(records)} of {left} messages could be read"
        records += found
    consumer.close()
    return records
