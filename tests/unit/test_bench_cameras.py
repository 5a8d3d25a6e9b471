"""What cameras get of the workers, from what was sent and what could be read of it."""

import pytest

from training.bench.cameras import row, seat_of
from training.bench.stream import Seen, analysed_rate

MS = 1_000_000
START = 1_800_000_000_000 * MS


def test_a_seat_tells_who_got_least() -> None:
    sent = [(camera, START + number * 100 * MS) for number in range(100) for camera in ("a", "b")]
    seen = Seen()
    for number, (camera, at) in enumerate(sent):
        if camera == "a" or number % 4 == 1:
            seen.detections[camera, at] = at + (200 if number >= 196 else 50) * MS
    seat = seat_of(sent, seen, seconds=10.0, cpu=3.0)
    assert (seat.cameras, seat.sent, seat.analysed) == (2, 20.0, 15.0)
    assert seat.cpu_ms == pytest.approx(20.0)
    assert (seat.least, seat.most, seat.p99_ms) == (0.5, 1.0, 200.0)
    assert row(seat) == ["2", "20.0", "15.0", "20.0", "50%", "100%", "0.50", "200"]


def test_nothing_analysed_is_no_division_by_zero() -> None:
    sent = [("a", START), ("a", START + 100 * MS)]
    assert row(seat_of(sent, Seen(), 1.0, 0.1)) == ["1", "2.0", "0.0", "100.0", "0%", "0%", "0.00", "-"]
    assert analysed_rate(sent, Seen()) == 0.0
