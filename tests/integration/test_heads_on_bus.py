"""What heads say, through the analyzer on the embedded bus: incidents, tracks, and a new owner in the middle of fog."""

from services.analyzer.worker import Worker
from shared import topics
from shared.bus.memory import MemoryBus
from shared.clock import NS
from shared.heads import FOG
from shared.messages import Incident, Tracks
from tests.unit.analyzer_helpers import frame, make_site
from tests.unit.head_helpers import pavement, visibility

HOLE = ((8, 5), (8, 6), (9, 5), (9, 6))
FPS = 2


def test_fog_and_damage_become_incidents_also_when_the_analyzer_changes_hands() -> None:
    bus = MemoryBus()
    bus.ensure_topics(topics.SPECS)
    producer = bus.producer()
    site = make_site()
    for half in range(2):
        for index in range(half * 75 * FPS, (half + 1) * 75 * FPS):
            t = index / FPS
            heads = [visibility(FOG if 70 <= t < 100 else "clear"), pavement(*HOLE)]
            detections = frame(index, [], t).model_copy(update={"heads": heads})
            producer.send(topics.DETECTIONS, detections.to_bytes(), key="cam", timestamp_ms=round(t * 1000))
        worker = Worker(bus, bus.producer(), site, checkpoint_s=0)
        consumer = bus.consumer([topics.DETECTIONS], group=topics.ANALYZER_GROUP)
        while batch := consumer.poll(100, timeout_s=0):
            worker.process(batch, consumer)
        worker.checkpoint(everything=True)
        consumer.close()  # the second half goes to a new owner, 5 s into the fog
    told = [Incident.from_bytes(record.value) for record in read(bus, topics.INCIDENTS)]
    assert [(change.incident, change.change) for change in told] == [
        ("pavement-damage", "opened"),
        ("smoke-or-fog", "opened"),
        ("smoke-or-fog", "closed"),
    ]
    assert 58 <= told[0].detected_at / NS <= 62
    assert 80 <= told[1].detected_at / NS <= 83
    tracks = [Tracks.from_bytes(record.value) for record in read(bus, topics.TRACKS)]
    assert len(tracks) == 150 * FPS
    assert all([head.name for head in item.heads] == ["visibility", "pavement"] for item in tracks)
    bus.close()


def read(bus: MemoryBus, topic: str) -> list:
    consumer = bus.consumer([topic], group=None)
    records = consumer.poll(1000, timeout_s=0)
    consumer.close()
    return records
