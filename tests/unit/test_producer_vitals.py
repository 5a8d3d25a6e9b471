"""What a producer reports of a live camera, by clocks of the test."""

from services.producer.vitals import Vitals
from shared.camera_status import CameraStatus
from shared.clock import NS, to_ns
from shared.site import Camera

NOW = 1_700_000_000 * NS


class Watched:
    """A camera whose time passes when told."""

    def __init__(self, fps: float = 10, run: str | None = None) -> None:
        self.mono, self.wall = 100.0, NOW
        camera = Camera(id="cam", source="rtsp://127.0.0.1/x", fps=fps)
        self.vitals = Vitals(camera, run, clock=lambda: self.wall, monotonic=lambda: self.mono)

    def after(self, seconds: float, *, pictures: bool = False) -> CameraStatus:
        """Time passes, with ten pictures a second or without."""
        for _ in range(round(seconds * 10)):
            self.mono += 0.1
            self.wall += NS // 10
            if pictures:
                self.vitals.picture(self.wall)
        return self.vitals.report()


def seconds(status: CameraStatus) -> tuple[str, float]:
    return status.state, round((status.since - NOW) / NS, 1)


def test_before_its_first_picture_a_camera_is_lost_since_the_producer_began() -> None:
    camera = Watched(run="r1")
    camera.vitals.connected()
    status = camera.after(3)

    assert seconds(status) == ("lost", 0)
    assert status.reason == "it has given no picture yet"
    assert (status.by, status.run, status.captured_at, status.at) == ("producer", "r1", None, NOW + 3 * NS)
    assert status.clock is None


def test_a_source_that_breaks_off_is_lost_since_its_last_picture_and_back_with_the_next() -> None:
    camera = Watched()
    assert seconds(camera.after(20, pictures=True)) == ("connected", 0.1)
    camera.vitals.failed("rtsp://127.0.0.1/x: the stream ended")
    status = camera.after(7)

    assert seconds(status) == ("lost", 20)
    assert status.reason == "rtsp://127.0.0.1/x: the stream ended"
    assert status.captured_at == NOW + 20 * NS
    camera.vitals.connected()
    assert seconds(camera.after(1)) == ("lost", 20)  # a connection is no picture
    assert seconds(camera.after(5, pictures=True)) == ("connected", 28.1)


def test_a_connection_that_gives_no_picture_is_lost_too() -> None:
    camera = Watched()
    camera.after(10, pictures=True)
    assert camera.after(5).state == "connected"
    status = camera.after(2)

    assert seconds(status) == ("lost", 10)
    assert status.reason == "connected, but no picture for 7.0 s"
    assert seconds(camera.after(1, pictures=True)) == ("connected", 17.1)


def test_a_slow_camera_may_miss_two_frames() -> None:
    camera = Watched(fps=0.2)
    camera.vitals.picture(NOW)

    assert camera.after(14).state == "connected"
    assert camera.after(2).state == "lost"


def test_a_clip_that_is_over_has_ended_and_is_not_lost() -> None:
    camera = Watched()
    camera.after(4, pictures=True)
    camera.vitals.ended()

    assert seconds(camera.after(60)) == ("ended", 4)


def test_a_clock_that_is_set_moves_the_times_before_it_along() -> None:
    camera = Watched()
    camera.after(20, pictures=True)
    camera.wall -= 3600 * NS
    status = camera.after(1, pictures=True)

    assert status.clock is not None
    assert status.clock.detail == "its producer's clock was set back by 1 h 0 min"
    assert status.clock.since == status.at
    assert seconds(status) == ("connected", 0.1 - 3600)
    later = camera.after(59, pictures=True)
    assert later.clock == status.clock
    assert camera.after(2, pictures=True).clock is None


def test_the_streams_clock_is_reported_while_it_is_wrong() -> None:
    camera = Watched()
    for _ in range(100):
        camera.vitals.stream_time(7, paced=False)
        status = camera.after(0.1, pictures=True)
    since = round(NOW + to_ns(0.1))

    assert status.clock is not None
    assert status.clock.detail == "the stream's clock stands still"
    assert abs(status.clock.since - since) <= 2 * NS // 10
    camera.vitals.connected()
    assert camera.vitals.report().clock is None
