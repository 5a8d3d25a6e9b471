"""Operators' verdicts: which alerts have one, where their frames are, and what becomes of the boxes."""

from pathlib import Path

import numpy as np
import pytest

from services.alerts.lifecycle import AlertEvent
from shared import topics
from shared.bus.memory import MemoryBus
from shared.clock import from_rfc3339, to_rfc3339
from shared.exceptions import ConfigError, InputError
from shared.messages import Alert, Evidence, OperatorVerdict
from tests.alerting import START_NS, grey_jpeg, put_frame
from training.data.alert_command import Request, judged_alerts
from training.data.alert_frames import clips, from_bus
from training.data.from_alerts import relabel
from training.data.problems import Problems
from training.data.verdicts import Judged, fold, read_alerts, with_table

BOX = (0.4, 0.4, 0.6, 0.6)


def alert(name: str = "a1", **changes: object) -> Alert:
    fields = {
        "alert_id": name, "incident": "person-on-lane", "camera": "cam", "zone": "lane", "severity": "critical",
        "status": "open", "started_at": "2026-05-01T06:30:00Z", "detected_at": "2026-05-01T06:30:01Z", "track_ids": [1],
        "label": "person", "score": 0.8, "box": BOX, "evidence": [], "model": "m@1", "site": "s",
    }  # fmt: skip
    return Alert.model_validate(fields | changes)


def event(item: Alert, change: str, revision: int) -> bytes:
    item = item.model_copy(update={"revision": revision})
    return AlertEvent(f"{item.alert_id}.{revision}", change, from_rfc3339(item.detected_at), item).to_bytes()


def test_the_last_verdict_counts_and_the_box_is_the_openings(tmp_path: Path) -> None:
    moved = {"box": (0.0, 0.0, 0.1, 0.1)}
    lines = [
        event(alert("a1"), "opened", 0), event(alert("a1", **moved), "updated", 1),
        event(alert("a1", status="acknowledged", **moved), "acknowledged", 2),
        event(alert("a1", status="dismissed", **moved), "dismissed", 3),
        event(alert("a1", status="closed", **moved), "closed", 4),
        event(alert("a2"), "opened", 0), b'{"no": "event"}',
        event(alert("a3", status="acknowledged", **moved), "acknowledged", 5),
    ]  # fmt: skip
    (tmp_path / "alerts.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    problems = Problems()
    found = {item.alert.alert_id: item for item in read_alerts([tmp_path], problems)}
    assert {name: (item.verdict, item.opening) for name, item in found.items()} == {
        "a1": ("dismissed", True), "a2": (None, True), "a3": ("acknowledged", False),
    }  # fmt: skip
    assert found["a1"].alert.box == BOX
    assert len(problems.lines()) == 1
    assert "alerts.jsonl: line 7: " in problems.lines()[0]


def test_a_table_adds_verdicts_and_its_mistakes_are_named_with_their_line(tmp_path: Path) -> None:
    judged, file = fold([(alert("a1"), "opened"), (alert("a2"), "opened")]), tmp_path / "verdicts.csv"
    file.write_text("alert_id,verdict\na2,dismissed\n")
    assert [item.verdict for item in with_table(judged, file)] == [None, "dismissed"]
    for text, message in (
        ("id,verdict\n", "needs the columns alert_id and verdict"),
        ("alert_id,verdict\na1,dismissed\na2,wrong\n", "line 3: verdict 'wrong': acknowledged or dismissed"),
        ("alert_id,verdict\na9,dismissed\n", "line 2: alert_id 'a9' is none of the 2 alerts"),
    ):
        file.write_text(text)
        with pytest.raises(InputError, match=message):
            with_table(judged, file)


def test_frames_come_from_the_topic_and_one_that_is_gone_or_another_is_named() -> None:
    bus, problems = MemoryBus(), Problems()
    bus.ensure_topics(topics.SPECS)
    ref = put_frame(bus, grey_jpeg())
    detected = "2026-05-01T06:30:01Z"

    def at(name: str, uri: str | None, time: str = detected) -> Judged:
        evidence = [Evidence(kind="frame", uri=uri)] if uri else []
        (item,) = fold([(alert(name, evidence=evidence, detected_at=time), "opened")])
        return item

    address = f"{ref.topic}/{ref.partition}/{ref.offset}"
    items = [
        at("here", address, to_rfc3339(START_NS)), at("gone", f"{ref.topic}/{ref.partition}/99"), at("none", None),
        at("other", address, "2001-01-01T00:00:00Z"),
    ]  # fmt: skip
    found = from_bus(items, bus, problems)
    assert list(found) == ["here"]
    assert found["here"].jpeg == grey_jpeg()
    assert problems.lines() == [
        "gone: retention has removed its frame; give --source CAMERA=CLIP",
        "none: has no frame on the bus; give --source CAMERA=CLIP",
        f"other: another frame lies at {address}; is it this Kafka?",
    ]


def test_without_files_the_alerts_come_from_their_topic() -> None:
    bus, moved = MemoryBus(), {"box": (0.0, 0.0, 0.1, 0.1)}
    bus.ensure_topics(topics.SPECS)
    producer = bus.producer()
    changes = [
        event(alert("a1"), "opened", 0), event(alert("a1", status="dismissed", **moved), "dismissed", 1),
        event(alert("a2", status="acknowledged", **moved), "acknowledged", 4),
    ]  # fmt: skip
    for value in changes:
        producer.send(topics.ALERTS, value, key="k", timestamp_ms=0)
    producer.close()
    request = Request((), (), None, (), 0, "127.0.0.1:9092", Path("out"))
    found = {item.alert.alert_id: item for item in judged_alerts(request, bus, Problems())}
    assert {name: (item.verdict, item.opening) for name, item in found.items()} == {
        "a1": ("dismissed", True), "a2": ("acknowledged", False),
    }  # fmt: skip
    assert found["a1"].alert.box == BOX


def test_a_source_that_is_no_pair_is_named() -> None:
    for text in ("clip.mp4", "cam=", "=clip.mp4"):
        with pytest.raises(ConfigError, match="say CAMERA=CLIP"):
            clips([text])


@pytest.mark.parametrize(
    ("incident", "verdict", "labels", "used"),
    [
        ("person-on-lane", "acknowledged", ["car", "person"], True),
        ("person-on-lane", "dismissed", ["car"], True),
        ("stopped-vehicle", "acknowledged", ["car", "person"], True),
        # Whether the vehicle is there at all, its dismissal does not say.
        ("stopped-vehicle", "dismissed", ["dog", "car"], False),
        ("congestion", "acknowledged", ["dog", "car"], False),
        ("smoke-or-fog", "dismissed", ["dog", "car"], False),
    ],
)
def test_verdicts_change_the_box_of_their_object_only(
    incident: str, verdict: OperatorVerdict, labels: list[str], used: bool
) -> None:
    seen = [("dog", np.array([0.41, 0.41, 0.6, 0.6])), ("car", np.array([0.1, 0.4, 0.42, 0.6]))]
    item = Judged(alert(incident=incident), verdict, True, None)
    objects, ids = relabel(seen, [item], Problems())
    assert [label for label, _ in objects] == labels
    assert ids == ({"a1"} if used else set())
    if used and verdict == "acknowledged":
        assert objects[-1][1].tolist() == list(BOX)


def test_a_later_box_counts_only_where_the_frame_has_an_object() -> None:
    late, problems = Judged(alert(), "acknowledged", False, None), Problems()
    near = ("dog", np.array([0.42, 0.4, 0.62, 0.6]))
    objects, _ = relabel([near], [late], problems)
    assert [(label, box.tolist()) for label, box in objects] == [("person", near[1].tolist())]
    objects, used = relabel([], [late], problems)
    assert (objects, used) == ([], set())
    assert problems.lines() == ["a1: its opening is not among the alerts, and nothing lies where its box is later"]
