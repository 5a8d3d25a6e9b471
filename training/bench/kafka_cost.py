"""What Kafka's client costs: CPU per MB of pictures sent and received, and its share of a detector worker's CPU.

Against a real broker on this machine, by the bus that the services use. CPU is this process's own, in all its threads;
the broker is a process of its own and stays out. Pictures go twice: as fast as they can, and paced as a worker at its
full rate gets them, where nearly every message is a fetch of its own. Then the share: what receiving frames and sending
results takes of what a deployed worker takes per frame on a backlog without close-ups, which are its cheapest frames.
"""

import argparse
import os
from collections.abc import Callable, Sequence

from rich.table import Table

from shared.exceptions import ConfigError
from training.bench.cameras import backlog_cost, worker_settings
from training.bench.deployed import deployed
from training.bench.kafka_client import SPECS, receive, receive_paced, send, send_results
from training.bench.kafka_variants import changes, concerns, varied
from training.bench.machine import describe, taken
from training.bench.pipeline import highway
from training.bench.ratios import spread
from training.bench.stream import Cameras, Watcher, place
from training.report import wide_console

PICTURE_BYTES, RESULT_BYTES = 100_000, 2_500
# Share of a worker's CPU above which a faster client pays.
WORTH = 0.03
_CAMERAS, _BACKLOG = 4, 60


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print its tables; exit code 0."""
    parser = argparse.ArgumentParser(
        prog="python -m training.bench.kafka_cost", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=500, help="per round, as fast as it goes")
    parser.add_argument("--seconds", type=float, default=8.0, help="per round, paced")
    parser.add_argument("--rate", type=float, help="paced messages/s; default: what the worker analyses")
    parser.add_argument("--backend", default="openvino", help="of the worker; see docs/backends.md")
    parser.add_argument("--no-worker", action="store_true", help="leave the worker out; give --rate then")
    parser.add_argument(
        "--variant", action="append", default=[], metavar="NAME=VALUE[,NAME=VALUE]",
        help="also with other numbers in shared/bus/kafka_settings.py, in turns, such as LINGER_MS=20; may be repeated",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        variants = ["", *(variant for variant in options.variant if changes(variant))]
    except ValueError as error:
        parser.error(f"--variant: {error}")
    if options.no_worker and options.rate is None:
        parser.error("--no-worker needs --rate")
    console, others = wide_console(), taken()
    try:
        worker = None if options.no_worker else _worker(options.backend)
        rate = options.rate or worker[0] if worker else options.rate
        costs = _costs(options.rounds, options.messages, options.seconds, rate, variants)
    except ConfigError as error:
        console.print(f"Kafka's cost: not measured: {error}", highlight=False)
        return 0
    table = Table(title=f"Kafka's client, {options.rounds} rounds", caption=f"{describe()}; {others}")
    for column in ("what", "CPU ms", "min", "median", "max"):
        table.add_column(column, justify="left" if column in ("what", "CPU ms") else "right", no_wrap=True)
    for (name, unit), values in costs.items():
        table.add_row(name, unit, *(f"{value:.2f}" for value in spread(values)))
    console.print(table)
    if worker:
        console.print(_share(costs, worker, options.backend), highlight=False, soft_wrap=True)
    return 0


def _share(costs: dict[tuple[str, str], list[float]], worker: tuple[float, float, float], backend: str) -> str:
    """One line: what of a worker's CPU the client takes, and what follows."""
    rate, cpu_ms, frame_mb = worker
    medians = {name: spread(values)[1] for (name, _), values in costs.items()}
    receive = frame_mb * next(value for name, value in medians.items() if name.startswith("receive, paced"))
    send = medians["send results, flushed per batch"]
    share = (receive + send) / cpu_ms
    verdict = "more" if share > WORTH else "not more"
    return (
        f"A worker ({backend}) analyses {rate:.1f} frames/s at {cpu_ms:.1f} ms of CPU per frame, {1000 * frame_mb:.0f} "
        f"KB each. Of these receiving takes {receive:.2f} ms and sending results {send:.2f} ms: {share:.1%}, "
        f"{verdict} than {WORTH:.0%}."
    )


def _worker(backend: str) -> tuple[float, float, float]:
    """A deployed worker's full rate in frames/s, its CPU ms per frame, and the MB of a frame."""
    site, pictures = place(_CAMERAS, 10.0)
    with deployed(site, ["detector"], worker_settings(1, backend)) as deployment:
        watcher = Watcher(deployment.bus)
        cameras = Cameras(deployment.bus, [camera.id for camera in site.cameras], pictures)
        workers = deployment.processes["detector"]
        rate, cpu_ms = backlog_cost(deployment.bus, workers, cameras, watcher.seen, _BACKLOG)
        cameras.close()
        watcher.close()
    return rate, cpu_ms, sum(len(picture.jpeg) for picture in pictures) / len(pictures) / 1e6


def _costs(
    rounds: int, messages: int, seconds: float, rate: float, variants: Sequence[str]
) -> dict[tuple[str, str], list[float]]:
    """CPU ms by what is done and per what, a figure per round; the variants take turns."""
    site, _ = highway()
    picture, result = os.urandom(PICTURE_BYTES), os.urandom(RESULT_BYTES)
    with deployed(site, []) as deployment:
        bus = deployment.bus
        bus.ensure_topics(SPECS)
        parts: dict[tuple[str, str], Callable[[], float]] = {
            ("send, as fast as it goes", "per MB"): lambda: send(bus, picture, messages),
            ("receive, as fast as it goes", "per MB"): lambda: receive(bus, picture, messages),
            (f"send, paced at {rate:.0f}/s", "per MB"): lambda: send(bus, picture, int(rate * seconds), rate),
            (f"receive, paced at {rate:.0f}/s", "per MB"): lambda: receive_paced(
                bus, deployment.kafka, picture, rate, seconds
            ),
            ("send results, flushed per batch", "per message"): lambda: send_results(bus, result, messages, rate),
        }
        costs: dict[tuple[str, str], list[float]] = {}
        for _ in range(rounds):
            for (name, unit), part in parts.items():
                for variant in (one for one in variants if concerns(one, name.startswith("receive"))):
                    with varied(variant):
                        what = f"{name}; {variant}" if variant else name
                        costs.setdefault((what, unit), []).append(part())
    return costs


if __name__ == "__main__":
    raise SystemExit(main())
