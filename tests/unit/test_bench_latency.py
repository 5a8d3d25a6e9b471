"""The row of one load, from what was sent and what could be read of it."""

from training.bench.latency import figures
from training.bench.stream import Seen

MS = 1_000_000
START = 1_800_000_000_000 * MS


def test_a_row_tells_what_was_shed_and_how_late_the_rest_was() -> None:
    sent = [("a" if number % 2 else "b", START + number * 100 * MS) for number in range(120)]
    seen = Seen()
    for number, (camera, at) in enumerate(sent):
        if number % 4:
            late = 40 if number < 100 else 60
            seen.detections[camera, at] = at + late * MS
            seen.tracks[camera, at] = at + (late + 3) * MS
    seen.alerts[sent[50]] = sent[50][1] + 50 * MS
    seen.alerts[sent[1]] = sent[1][1] + 500 * MS  # in the seconds that are not counted
    # Of the 100 that are counted 75 were seen, 60 of them after 40 ms and 15 after 60 ms.
    assert figures(sent, seen) == ["25.0 %", "40", "60", "60", "60", "3", "3", "10", "10", "1"]


def test_nothing_seen_is_a_dash() -> None:
    sent = [("a", START), ("a", START + 3000 * MS)]
    assert figures(sent, Seen()) == ["100.0 %", *"--------", "0"]
