"""A producer that reports, an analyzer that listens, and the time of both, for tests of the watchdog."""

from services.analyzer.inputs import INPUTS
from services.analyzer.worker import Worker
from shared import topics
from shared.bus.base import TopicSpec
from shared.bus.memory import MemoryBus
from shared.camera_status import CameraStatus
from shared.clock import NS, to_ns
from shared.messages import Incident
from tests.unit.analyzer_helpers import make_site

NOW = 1_700_000_000 * NS


class Rig:
    """A producer that beats, an analyzer that reads, and the time of both."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.mono, self.ahead_s = 0.0, ahead_s
        self.bus = MemoryBus(clock=lambda: self.mono)
        self.bus.ensure_topics([*(TopicSpec(topic, 1) for topic in INPUTS), *topics.SPECS])
        self.sender = self.bus.producer()
        self.alive = self.reading = True
        self.run: str | None = None
        self.state = "connected"
        self.held: list[bytes] | None = None  # under way: the bus is slow
        self.start()

    def start(self) -> None:
        """A new analyzer."""
        clock = lambda: NOW + to_ns(self.mono)  # noqa: E731
        self.worker = Worker(self.bus, self.bus.producer(), make_site(), 0.0, clock, lambda: self.mono)
        self.consumer = self.bus.consumer(list(INPUTS), group=topics.ANALYZER_GROUP, on_revoked=self.worker.drop)

    def stop(self) -> None:
        self.worker.checkpoint(everything=True)
        self.consumer.close()

    def beat(self) -> None:
        at = NOW + to_ns(self.mono + self.ahead_s)
        status = CameraStatus(
            camera="cam", run=self.run, by="producer", at=at, state=self.state, since=NOW, captured_at=at - NS // 10
        )  # fmt: skip
        if self.held is not None:
            self.held.append(status.to_bytes())
            return
        self.sender.send(topics.CAMERA_STATUS, status.to_bytes(), key="cam", timestamp_ms=at // 1_000_000)

    def release(self) -> None:
        """What was under way arrives."""
        for value in self.held or []:
            self.sender.send(topics.CAMERA_STATUS, value, key="cam", timestamp_ms=NOW // 1_000_000)
        self.held = None

    def turn(self) -> None:
        """One round of the analyzer's loop."""
        self.worker.process(self.consumer.poll(100, timeout_s=0), self.consumer)
        self.worker.watch(self.consumer)
        self.worker.checkpoint()

    def pass_by(self, seconds: float) -> None:
        for half in range(round(seconds * 2)):
            self.mono += 0.5
            if self.alive and half % 4 == 0:
                self.beat()
            if self.reading:
                self.turn()

    def told(self) -> list[tuple[str, str, float]]:
        """The incidents' changes, with their time in seconds since NOW."""
        records = self.bus.consumer([topics.INCIDENTS], group=None).poll(10_000, timeout_s=0)
        found = [Incident.from_bytes(record.value) for record in records]
        self.ids = {item.incident_id for item in found}
        self.details = [item.detail or "" for item in found]
        return [(item.label, item.change, round((item.changed_at - NOW) / NS, 1)) for item in found]

    def words(self) -> list[CameraStatus]:
        records = self.bus.consumer([topics.CAMERA_STATUS], group=None).poll(10_000, timeout_s=0)
        found = [CameraStatus.from_bytes(record.value) for record in records]
        return [status for status in found if status.by == "analyzer"]
