"""The training service on real Kafka: killed in the middle of a training, started again; asked twice, asked badly."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from shared import topics
from shared.bus.kafka import KafkaBus
from shared.messages import DeadLetter
from shared.registry import Registry
from shared.training import TrainingProgress, TrainingRequest
from tests.processes import await_true, read_all, service
from tests.training_data import write_squares
from training.service.ask import ask

pytestmark = [pytest.mark.redis, pytest.mark.kafka, pytest.mark.timeout(420)]

EPOCHS = 4


def request(request_id: str, folder: str = "squares") -> TrainingRequest:
    return TrainingRequest(
        request_id=request_id, kind="detector", name="squares", data=[folder], epochs=EPOCHS, lr=0.002, imgsz=160,
        batch=8, patience=EPOCHS, repeat=2, freeze=11, keep=0.1, teach=False,
    )  # fmt: skip


def told(bus: KafkaBus, request_id: str) -> list[TrainingProgress]:
    records = read_all(bus, topics.TRAINING_PROGRESS)
    return [TrainingProgress.from_bytes(record.value) for record in records if record.key == request_id]


def test_a_killed_trainer_goes_on_and_trains_nothing_twice(tmp_path: Path, own_kafka: str, redis_url: str) -> None:
    write_squares(tmp_path / "datasets" / "squares")
    environment = {
        **os.environ, "WAYSIDE_KAFKA": own_kafka, "WAYSIDE_REDIS": redis_url, "WAYSIDE_DATA": str(tmp_path / "data"),
        "WAYSIDE_DATASETS": str(tmp_path / "datasets"), "WAYSIDE_REGISTRY": str(tmp_path / "registry"),
    }  # fmt: skip
    bus = KafkaBus(own_kafka)
    ask(bus, request("first"))
    last = tmp_path / "data" / "training" / "first" / "run" / "weights" / "last.pt"
    with service("trainer", environment) as victim:
        await_true(last.is_file, 120, "the training has had an epoch")
        victim.send_signal(signal.SIGKILL)
    assert all(item.status == "running" for item in told(bus, "first"))

    producer = bus.producer()
    now_ms = time.time_ns() // 1_000_000
    ask(bus, request("lost", "no-such-folder"))
    producer.send(
        topics.TRAINING_REQUESTS, b'{"request_id": "x", "data": ["../secrets"]}', key="x", timestamp_ms=now_ms
    )
    producer.close()
    ask(bus, request("first"))  # again, by a client that has not heard of its end
    with service("trainer", environment):
        await_true(lambda: bus.lag(topics.TRAINER_GROUP, topics.TRAINING_REQUESTS) == 0, 180, "all are done with")

    first = told(bus, "first")
    assert [item.status for item in first].count("finished") == 2
    assert {item.model for item in first if item.status == "finished"} == {"squares@1"}
    (version,) = Registry(str(tmp_path / "registry")).versions()
    assert (version.label, set(version.aliases)) == ("squares@1", {"candidate"})
    options = json.loads((last.parents[1] / "options.json").read_text())
    assert [options[name] for name in ("batch", "patience", "repeat", "freeze", "teach")] == [8, EPOCHS, 2, 11, False]
    log = last.parents[2] / "train.log"
    assert f"epoch 1 of {EPOCHS}" not in log.read_text(), "it began anew"
    assert f"epoch {EPOCHS} of {EPOCHS}" in log.read_text()
    (failed,) = [item for item in told(bus, "lost") if item.status == "failed"]
    assert "no-such-folder" in failed.text
    (letter,) = [DeadLetter.from_bytes(record.value) for record in read_all(bus, topics.DEAD_LETTERS)]
    assert (letter.service, letter.reason, letter.key) == ("trainer", "bad-schema", "x")
    bus.close()
