"""A camera that gives no picture any more, from its source to the alert: producer, analyzer and alerts on the embedded
bus. Times are shortened; the real ones are tested by clocks of the tests (test_camera_presence, test_watchdog)."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from services.alerts.lifecycle import AlertEvent
from services.analyzer import presence, watchdog
from services.analyzer.rules.faults import Patience
from services.analyzer.service import serve as serve_analyzer
from services.producer import camera, crew
from services.producer import service as producer
from services.producer.pacing import Backoff
from shared import topics
from shared.bus.memory import MemoryBus
from shared.camera_status import CameraStatus
from shared.clock import NS
from shared.settings import Settings
from shared.site import Camera, Site
from shared.store import Store
from tests.alerting import events, read_all, served, until
from tests.media import write_pictures
from tests.threads import serving

pytestmark = pytest.mark.redis


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    store = Store.connect(redis_url)
    yield store
    store.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(presence._KINDS, "lost", Patience(after=NS, over=NS))
    monkeypatch.setattr(watchdog, "SILENT_S", 1.5)
    monkeypatch.setattr(watchdog, "_TICK_S", 0.3)
    monkeypatch.setattr(crew, "BEAT_S", 0.2)
    monkeypatch.setattr(producer, "_BEAT_S", 0.1)
    monkeypatch.setattr(camera, "Backoff", lambda: Backoff(first_s=0.1, most_s=0.25))


class System:
    """The services, each of which starts and stops when told."""

    def __init__(self, stack: ExitStack, store: Store, site: Site, data: Path) -> None:
        self.bus = MemoryBus()
        self.bus.ensure_topics(topics.SPECS)
        self._stack, self._store, self._site = stack, store, site
        self._settings = Settings(data=data, checkpoint_s=0.2)
        stack.enter_context(served(self.bus, store, site, data))

    def produce(self) -> threading.Event:
        """Set the event to end the producer: it sends no word of farewell, as if it had been killed."""
        what = (self.bus, self._store, self._site, self._settings)
        return self._stack.enter_context(serving(lambda stop: producer.serve(*what, stop)))

    def analyze(self) -> ExitStack:
        what = (self.bus, self._store, self._site, self._settings)
        stack = self._stack.enter_context(ExitStack())
        stack.enter_context(serving(lambda stop: serve_analyzer(*what, stop)))
        return stack

    def alerts(self) -> list[AlertEvent]:
        """In the order of time."""
        return sorted(events(self.bus), key=lambda event: (event.time, event.alert.revision))

    def told(self) -> list[tuple[str, str]]:
        return [(event.alert.label, event.change) for event in self.alerts()]

    def reports(self) -> list[CameraStatus]:
        return [CameraStatus.from_bytes(record.value) for record in read_all(self.bus, topics.CAMERA_STATUS)]


@pytest.mark.usefixtures("quick")
def test_a_lost_camera_is_one_alert_through_restarts_and_so_is_a_dead_producer(tmp_path: Path, store: Store) -> None:
    source, away = tmp_path / "pictures", tmp_path / "away"
    write_pictures(source, 4)
    site = Site(site="test", cameras=[Camera(id="cam", source=str(source), fps=10)])
    with ExitStack() as stack:
        system = System(stack, store, site, tmp_path / "data")
        halt, analyzer = system.produce(), system.analyze()
        until(lambda: any(report.state == "connected" for report in system.reports()), "the camera delivers")
        source.rename(away)
        until(lambda: system.told() == [("lost", "opened")], "the lost camera is told")
        analyzer.close()
        analyzer = system.analyze()
        count = len(system.reports())
        until(lambda: len(system.reports()) > count + 10, "the new analyzer reads on")
        assert system.told() == [("lost", "opened")]
        away.rename(source)
        until(lambda: system.told() == [("lost", "opened"), ("lost", "closed")], "the camera is back")

        first = system.alerts()[0].alert
        assert (first.incident, first.zone, first.evidence) == ("camera-fault", "picture", [])
        assert "no such file or folder" in (first.detail or "")
        assert {report.by for report in system.reports()} == {"producer"}

        halt.set()
        until(lambda: len(system.told()) == 3, "the dead producer is told")
        analyzer.close()
        analyzer = system.analyze()
        system.produce()
        until(lambda: len(system.told()) == 4, "the producer is back")
    assert system.told() == [("lost", "opened"), ("lost", "closed")] * 2
    second = system.alerts()[2].alert
    assert "its producer has not reported" in (second.detail or "")
    assert len({event.alert.alert_id for event in system.alerts()}) == 2
    assert [report.state for report in system.reports() if report.by == "analyzer"] == ["lost"]
