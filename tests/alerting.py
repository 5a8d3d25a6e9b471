"""Incidents, pictures and a webhook receiver for the tests of the alerts service."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import numpy as np

from services.alerts.lifecycle import AlertBook, AlertEvent
from services.alerts.service import serve
from shared import topics
from shared.bus.base import Bus, Record
from shared.clock import to_ns
from shared.frames import Frame
from shared.jpeg import encode_jpeg
from shared.messages import FrameRef, Incident, Message
from shared.settings import Settings
from shared.site import Camera, Sink, Site
from shared.store import Store
from shared.verdict import AlertVerdict
from tests.threads import serving

WIDTH, HEIGHT = 320, 180
START_NS = to_ns(1_785_585_600)  # 2026-08-01T12:00:00Z


def incident(identity: str = "a1", change: str = "opened", revision: int = 0, **changes: object) -> Incident:
    at = START_NS + to_ns(10 + revision)
    fields: dict[str, object] = {
        "incident_id": identity, "change": change, "revision": revision, "incident": "stopped-vehicle",
        "site": "test", "camera": "cam", "zone": "lane-1", "severity": "critical", "started_at": START_NS,
        "detected_at": START_NS + to_ns(10), "changed_at": at, "ended_at": at if change == "closed" else None,
        "track_ids": [7], "label": "car", "score": 0.87, "box": (0.4, 0.5, 0.6, 0.8), "model": "test@1",
        "frame": FrameRef(topic="frames", partition=-1, offset=0, captured_at=at),
    }  # fmt: skip
    return Incident.model_validate({**fields, **changes})


def event(identity: str = "a1", **changes: object) -> AlertEvent:
    made = AlertBook().apply(incident(identity, **changes), [])
    assert made is not None
    return made


def life(identity: str, **changes: object) -> list[Incident]:
    """Opened, updated, closed."""
    return [
        incident(identity, change, number, **changes) for number, change in enumerate(("opened", "updated", "closed"))
    ]


_numbers = count(1)


def verdict(identity: str = "a1", word: str = "acknowledged", **changes: object) -> AlertVerdict:
    """What an operator says, each time a new verdict; two hours after the incidents, by another clock."""
    number = next(_numbers)
    fields: dict[str, object] = {
        "verdict_id": f"v{number}", "alert_id": identity, "verdict": word, "by": "A. Nowak",
        "at": START_NS + to_ns(7200 + number),
    }  # fmt: skip
    return AlertVerdict.model_validate({**fields, **changes})


def put_verdicts(bus: Bus, said: Iterable[AlertVerdict | bytes]) -> None:
    _put(bus, topics.ALERT_VERDICTS, [item if isinstance(item, bytes) else (item.alert_id, item) for item in said])


def grey_jpeg(level: int = 90) -> bytes:
    return encode_jpeg(np.full((HEIGHT, WIDTH, 3), level, np.uint8))


def site(*sinks: Sink) -> Site:
    return Site(site="test", cameras=[Camera(id="cam", source="clip.mp4")], sinks=list(sinks))


def put_frame(bus: Bus, jpeg: bytes, camera: str = "cam") -> FrameRef:
    """Store one frame and return its address."""
    frame = Frame(camera, 0, START_NS, WIDTH, HEIGHT, jpeg)
    before = bus.end_offsets(topics.FRAMES)
    producer = bus.producer()
    producer.send(topics.FRAMES, jpeg, key=camera, timestamp_ms=START_NS // 1_000_000, headers=frame.headers())
    producer.close()
    (partition,) = (number for number, end in bus.end_offsets(topics.FRAMES).items() if end > before[number])
    return FrameRef(topic=topics.FRAMES, partition=partition, offset=before[partition], captured_at=START_NS)


def put_incidents(bus: Bus, changes: Iterable[Incident | bytes]) -> None:
    _put(bus, topics.INCIDENTS, [item if isinstance(item, bytes) else (item.incident_id, item) for item in changes])


def _put(bus: Bus, topic: str, items: Iterable[tuple[str, Message] | bytes]) -> None:
    """Messages with their keys, and bytes that are none."""
    producer = bus.producer()
    for item in items:
        key, value = ("x", item) if isinstance(item, bytes) else (item[0], item[1].to_bytes())
        producer.send(topic, value, key=key, timestamp_ms=START_NS // 1_000_000)
    producer.close()


def read_all(bus: Bus, topic: str) -> list[Record]:
    consumer = bus.consumer([topic], group=None)
    records: list[Record] = []
    while len(records) < sum(bus.end_offsets(topic).values()):
        found = consumer.poll(1000, timeout_s=10)
        assert found, f"{topic}: only {len(records)} messages could be read"
        records += found
    consumer.close()
    return records


def events(bus: Bus) -> list[AlertEvent]:
    return [AlertEvent.from_bytes(record.value) for record in read_all(bus, topics.ALERTS)]


def until(condition: Callable[[], object], what: str, timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.02)


@contextmanager
def served(bus: Bus, store: Store, configured: Site, data: Path) -> Iterator[threading.Event]:
    """The alerts service on a thread of its own; it has to stop within 2 s."""
    settings = Settings(data=data)
    with serving(lambda stop: serve(bus, store, configured, settings, stop), within_s=2.0) as stop:
        yield stop


Answer = tuple[int, dict[str, str]] | float
"""Status and headers, or seconds to stay silent for before hanging up."""


class Receiver:
    """A webhook receiver: gives the answers in turn, the last one for ever, and keeps what it was sent."""

    def __init__(self, *answers: Answer) -> None:
        self.requests: list[tuple[float, dict[str, str], bytes]] = []
        self.released = threading.Event()
        left = list(answers)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append((time.monotonic(), headers, body))
                answer = left.pop(0) if len(left) > 1 else left[0]
                if isinstance(answer, float):
                    receiver.released.wait(answer)
                    self.close_connection = True
                    return
                status, extra = answer
                self.send_response(status)
                for name, value in {"content-length": "0", **extra}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _, headers, _ in self.requests]

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, *error: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
