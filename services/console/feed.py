"""Background threads of the console: the topics into wall and fan-out, and the state of what it depends on."""

import threading
import time
from collections.abc import Callable

from services.console import lanes, stands
from services.console.inspections import InspectionBook
from services.console.lanes import LaneBook
from services.console.live import Event, Fanout
from services.console.reading import follow
from services.console.stands import StandBook
from services.console.views import AlertView, Status, alert_view, service_views
from services.console.wall import Wall
from shared.bus.base import Bus, Record
from shared.clock import to_rfc3339
from shared.exceptions import BusError, StoreError
from shared.inspection import Inspection
from shared.messages import Alert, LaneStats, Message, Tracks
from shared.store import Store
from shared.telemetry import metrics
from shared.telemetry.logs import logger
from shared.topics import ALERTS, INSPECTIONS, LANE_STATS, TRACKS, TURNAROUNDS
from shared.turnaround import Turnaround

_log = logger("console")

STATUS_EVERY_S = 2.0
# A check that has not succeeded for this long counts as failed, also when it hangs: three missed rounds.
_CHECK_EXPIRY_S = 3 * STATUS_EVERY_S


class _AlertEvent(Message):
    """The part of an alert's CloudEvent that the console reads."""

    data: Alert


def read_alert(value: bytes | None) -> AlertView:
    """Parse a message of the alerts topic.

    Raises:
        PoisonMessageError: not a CloudEvent in JSON with an alert as `data`.
    """
    return alert_view(_AlertEvent.from_bytes(value).data)


class Feed:
    """Reads tracks and alerts from now on, lane statistics from a day ago on, turnarounds from a week ago on, and all
    inspections.

    Args:
        run: results of other runs (replays) are not shown.
    """

    def __init__(
        self, bus: Bus, wall: Wall, lane_book: LaneBook, stand_book: StandBook, inspections: InspectionBook,
        fanout: Fanout, run: str | None,
    ) -> None:  # fmt: skip
        self._bus, self._wall, self._fanout, self._run = bus, wall, fanout, run
        self._lanes, self._stands, self._inspections = lane_book, stand_book, inspections

    def run(self, stop: threading.Event) -> None:
        """Consume until stopped; after a failure of the bus the browsers load their lists anew."""
        follow(
            self._bus,
            [TRACKS, ALERTS],
            self._handle,
            stop,
            on_return=lambda: self._fanout.publish(Event("reload", "{}")),
        )

    def run_lanes(self, stop: threading.Event) -> None:
        """The same for lane statistics, of which the topic keeps what this console had no time to see."""
        follow(self._bus, [LANE_STATS], self._lane, stop, since_ms=lambda: _ms_ago(lanes.KEEP_NS))

    def run_stands(self, stop: threading.Event) -> None:
        """The same for turnarounds."""
        follow(self._bus, [TURNAROUNDS], self._stay, stop, since_ms=lambda: _ms_ago(stands.KEEP_NS))

    def run_inspections(self, stop: threading.Event) -> None:
        """The same for inspections, from the first that the topic keeps."""
        follow(self._bus, [INSPECTIONS], self._inspection, stop, since_ms=lambda: 0)

    def _handle(self, record: Record) -> None:
        if record.topic == TRACKS:
            self._tracks(Tracks.from_bytes(record.value))
        elif record.value is not None:  # a tombstone has nothing to show
            self._alert(read_alert(record.value))

    def _lane(self, record: Record) -> None:
        self._lanes.take(LaneStats.from_bytes(record.value))

    def _inspection(self, record: Record) -> None:
        self._inspections.take(Inspection.from_bytes(record.value))

    def _stay(self, record: Record) -> None:
        self._stands.take(Turnaround.from_bytes(record.value))

    def _tracks(self, tracks: Tracks) -> None:
        if tracks.run != self._run:
            return
        live = self._wall.saw(tracks)
        if live is None:
            metrics.FRAMES_IGNORED.labels("console", tracks.camera, "unknown-or-repeated").inc()
            return
        metrics.FRAMES_IN.labels("console", tracks.camera).inc()
        self._fanout.publish(Event("tracks", live.model_dump_json(), key=tracks.camera))

    def _alert(self, alert: AlertView) -> None:
        if alert.run == self._run:
            self._fanout.publish(Event("alert", alert.model_dump_json()))


def _ms_ago(ns: int) -> int:
    return (time.time_ns() - ns) // 1_000_000


class Check:
    """Whether something answers, asked every few seconds in its own thread, so that a hang hangs nobody else."""

    def __init__(self, name: str, ask: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._ask, self._clock = ask, clock
        self._succeeded: float | None = None
        self._error = "not asked yet"
        self.asked = threading.Event()

    def once(self) -> None:
        """Ask now."""
        try:
            self._ask()
        except (StoreError, BusError) as error:
            if self._succeeded is not None:
                _log.warning("does not answer", what=self.name, error=str(error))
            self._succeeded, self._error = None, str(error)
        else:
            self._succeeded = self._clock()
        self.asked.set()

    def error(self) -> str | None:
        """Why it is gone, or None while it answers."""
        succeeded = self._succeeded
        if succeeded is None:
            return self._error
        if self._clock() - succeeded > _CHECK_EXPIRY_S:
            return f"no answer within {_CHECK_EXPIRY_S:.0f} s"
        return None

    def run(self, stop: threading.Event) -> None:
        """Ask until stopped."""
        while True:
            self.once()
            if stop.wait(STATUS_EVERY_S):
                return


class Dependencies:
    """Redis and the bus as seen from here, and the services' heartbeats, published every two seconds."""

    def __init__(self, bus: Bus, store: Store, fanout: Fanout, site: str) -> None:
        self._fanout, self._store, self._site = fanout, store, site
        self._heard: dict[str, int] = {}
        self._beats: list[dict[str, str]] = []
        self.redis = Check("Redis", self._read_beats)
        self.bus = Check("bus", lambda: self._ask_bus(bus))

    def _read_beats(self) -> None:
        self._beats = self._store.services()
        for beat in self._beats:
            self._heard[beat["service"]] = max(int(beat["at"]), self._heard.get(beat["service"], 0))

    @staticmethod
    def _ask_bus(bus: Bus) -> None:
        bus.end_offsets(TRACKS)

    def status(self) -> Status:
        """The state of everything, as far as it is known now."""
        redis = self.redis.error() is None
        return Status(
            now=to_rfc3339(time.time_ns()),
            site=self._site,
            redis=redis,
            bus=self.bus.error() is None,
            # Without Redis nothing is known of the services; the page then says so instead of calling them down.
            services=service_views(self._beats, dict(self._heard)) if redis else [],
        )

    def problems(self) -> list[str]:
        """One line for each dependency that is gone."""
        return [f"{check.name}: {error}" for check in (self.redis, self.bus) if (error := check.error())]

    def publish(self, stop: threading.Event) -> None:
        """Send `services` events until stopped."""
        while not stop.wait(STATUS_EVERY_S):
            self._fanout.publish(Event("services", self.status().model_dump_json()))
