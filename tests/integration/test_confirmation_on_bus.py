"""A person's word, from the topic to the detector that remembers the road, and back in its detections."""

import cv2
import numpy as np
import pytest

from services.detector.service import serve
from shared import topics
from shared.bus.memory import MemoryBus
from shared.clock import NS
from shared.frames import Frame
from shared.inspection import Confirmation
from shared.jpeg import encode_jpeg
from shared.messages import FrameRef
from shared.settings import load_settings
from shared.site import Camera, Zone
from shared.store import Store
from shared.surface import ZoneSurface
from tests.swapping import Results, await_true, send
from tests.threads import serving

LANE = Zone(id="lane-1", kind="lane", polygon=[(0.2, 0.3), (0.8, 0.3), (0.8, 0.9), (0.2, 0.9)])
CAMERA = Camera(id="cam", source="clip.mp4", fps=0.5, zones=[LANE])
EVERY = 2 * NS


def road(seq: int) -> Frame:
    """Grainy asphalt between verges, a frame every 2 s."""
    picture = np.full((180, 320, 3), (70, 110, 60), np.uint8)
    cv2.fillPoly(picture, [np.array([(64, 54), (256, 54), (256, 162), (64, 162)])], (95, 95, 98))
    noise = np.random.default_rng(seq).normal(0, 2, picture.shape)
    jpeg = encode_jpeg(np.clip(picture + noise, 0, 255).astype(np.uint8), quality=85)
    return Frame("cam", seq, seq * EVERY, 320, 180, jpeg, "replay")  # live, it would be shed as too old


@pytest.mark.redis
def test_a_word_on_the_topic_proves_what_is_known(redis_url: str) -> None:
    bus = MemoryBus()
    bus.ensure_topics(topics.SPECS)
    settings = load_settings(redis=redis_url, device="cpu", threads=1, imgsz=320, memory_every_s=2.0)
    store, results, producer = Store.connect(redis_url), Results(bus), bus.producer()
    sent = 0

    def show(frames: int) -> ZoneSurface:
        nonlocal sent
        send(producer, [road(seq) for seq in range(sent, sent + frames)])
        sent += frames
        await_true(lambda: len(results.read()) == sent, f"{sent} frames")
        surface = results.all[-1].surface
        assert surface is not None
        return surface.zones[0]

    with serving(lambda stop: serve(bus, store, settings, stop, [CAMERA])):
        before = show(40)
        assert before.known == 1
        assert before.proven == 0  # no traffic: nobody knows what lay there from the start
        word = Confirmation(
            confirmation_id="0123456789abcdef0123", site="site", camera="cam", lane="lane-1", run="replay", by="Kim",
            confirmed_at=sent * EVERY,
            frame=FrameRef(topic="frames", partition=0, offset=0, captured_at=sent * EVERY),
        )  # fmt: skip
        producer.send(topics.CONFIRMATIONS, word.to_bytes(), key="cam", timestamp_ms=0)
        producer.send(topics.CONFIRMATIONS, b"no word", key="cam", timestamp_ms=0)
        producer.flush()
        await_true(lambda: show(1).proven == 1, "the lane is proven")
    letters = bus.consumer([topics.DEAD_LETTERS], group=None)
    assert len(letters.poll(10, timeout_s=0)) == 1
    letters.close()
    store.close()
    bus.close()
