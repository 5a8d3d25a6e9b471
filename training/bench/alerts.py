"""Incident messages/s of the alerts service on one thread: parsed, told, drawn, published and shown as it does it.

CPU of the one thread, so that what others do on the machine stays out. The bus is the one in memory and Redis a real
one: their clients' work is in the figure, a broker's is not. Each incident opens, changes twice and closes; its opening
comes with a picture of 1280x720 that is drawn on and stored. The log's line per alert is left out.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path

from rich.table import Table

from services.alerts.lifecycle import AlertBook
from services.alerts.view import AlertLog, RedisView
from services.alerts.worker import Worker
from shared import topics
from shared.bus.base import Record
from shared.bus.memory import MemoryBus
from shared.clock import NS
from shared.embedded.redis import LocalRedis
from shared.evidence import EvidenceStore
from shared.exceptions import ConfigError
from shared.messages import FrameRef, Incident
from shared.store import Store
from shared.telemetry.logs import configure_logs
from training.bench.machine import describe
from training.bench.ratios import spread
from training.bench.stream import place
from training.report import wide_console

_CHANGES = ("opened", "updated", "updated", "closed")


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print its table; exit code 0."""
    parser = argparse.ArgumentParser(
        prog="python -m training.bench.alerts", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--incidents", type=int, default=100, help="per round")
    options = parser.parse_args(arguments)
    configure_logs("warning")  # a line per alert would be most of what it does
    console = wide_console()
    rates: dict[str, list[float]] = {"openings, with a picture": [], "changes and closings": []}
    try:
        with _service() as (worker, frame):
            numbers = count()
            for _ in range(options.rounds + 1):
                ids = [next(numbers) for _ in range(options.incidents)]
                rates["openings, with a picture"].append(_rate(worker, [incident(one, 0, frame) for one in ids]))
                later = [incident(one, revision, frame) for revision in (1, 2, 3) for one in ids]
                rates["changes and closings"].append(_rate(worker, later))
    except ConfigError as error:
        console.print(f"alerts: not measured: {error}", highlight=False)
        return 0
    table = Table(title=f"alerts, one thread: incident messages/s, {options.rounds} rounds", caption=describe())
    for column in ("what", "min", "median", "max"):
        table.add_column(column, justify="left" if column == "what" else "right", no_wrap=True)
    for name, own in rates.items():
        table.add_row(name, *(f"{value:.0f}" for value in spread(own[1:])))  # the first warms up
    console.print(table)
    return 0


def incident(number: int, revision: int, frame: FrameRef) -> Record:
    """One message as it lies in the topic: of incident `number`, its change `revision` of 0 to 3."""
    at = frame.captured_at + revision * NS
    message = Incident(
        incident_id=f"bench-{number}", change=_CHANGES[revision], revision=revision, incident="stopped-vehicle",
        site="bench", camera="bench-0", zone="lane-1", severity="critical", started_at=frame.captured_at,
        detected_at=frame.captured_at, changed_at=at, ended_at=at if revision == 3 else None, track_ids=[number],
        label="car", score=0.8, box=(0.4, 0.5, 0.5, 0.6), model="bench", frame=frame,
    )  # fmt: skip
    return Record(topics.INCIDENTS, 0, 4 * number + revision, at // 1_000_000, "bench-0", message.to_bytes())


@contextmanager
def _service() -> Iterator[tuple[Worker, FrameRef]]:
    """What the service works with, and a frame for evidence."""
    _, pictures = place(1, 10.0)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = stack.enter_context(closing(Store.connect(stack.enter_context(LocalRedis(folder / "redis")).url)))
        bus = stack.enter_context(closing(MemoryBus()))
        bus.ensure_topics(topics.SPECS)
        producer = stack.enter_context(closing(bus.producer()))
        now = time.time_ns()
        producer.send(topics.FRAMES, pictures[0].jpeg, key="bench-0", timestamp_ms=now // 1_000_000)
        producer.flush()
        at = next(number for number, end in bus.end_offsets(topics.FRAMES).items() if end)
        book = AlertBook()
        view = RedisView(store, book, AlertLog(bus))
        view.repair()
        worker = Worker(bus, producer, book, view, EvidenceStore(folder))
        yield worker, FrameRef(topic=topics.FRAMES, partition=at, offset=0, captured_at=now)


def _rate(worker: Worker, records: list[Record]) -> float:
    begun = time.thread_time()
    for record in records:
        worker.process(record)
    return len(records) / (time.thread_time() - begun)


if __name__ == "__main__":
    raise SystemExit(main())
