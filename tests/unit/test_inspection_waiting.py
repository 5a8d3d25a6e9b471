"""What an inspection waits for, and how long: traffic that is in the way, or proves the lane, and what may crawl on."""

from collections.abc import Callable

import numpy as np
import pytest

from services.inspector.look import look_of
from services.inspector.resting import creeps, rests
from shared.clock import NS, to_ns
from shared.messages import Tracks
from tests.inspecting import CAMERAS, LANE, START, Trouble, codes, frames, inspect, struck, surface, thing, unfamiliar


def test_a_car_that_stops_in_the_last_second_is_no_longer_clear() -> None:
    stops = Trouble("stops", lambda tracks: tracks.model_copy(update={"objects": [thing("car")]}))
    # The clips end after the first window; where they go on, so does watching, and the car is not-clear.
    short = [frames("km41", end_s=5), frames("km42", end_s=5)]
    answer = inspect([struck(short[0], stops, START + to_ns(3.8), START + 60 * NS), short[1]])
    assert (answer.verdict, codes(answer)) == ("cannot-tell", {"may-pass"})
    assert "it may have stopped" in answer.summary
    streams = [frames(camera, end_s=30) for camera in CAMERAS]
    streams[0] = struck(streams[0], stops, START + to_ns(3.8), START + 60 * NS)
    answer = inspect(streams)
    assert (answer.verdict, answer.judged_at) == ("not-clear", START + 10 * NS)


@pytest.mark.parametrize("seconds", [1.1, 2.4, 3.8])
def test_a_car_that_pauses_and_drives_on_is_waited_for(seconds: float) -> None:
    pauses = Trouble("pauses", lambda tracks: tracks.model_copy(update={"objects": [thing("car")]}))
    streams = [frames(camera, end_s=30) for camera in CAMERAS]
    streams[0] = struck(streams[0], pauses, START + to_ns(4.9 - seconds), START + to_ns(4.9))
    answer = inspect(streams)
    assert (answer.verdict, answer.judged_at) == ("clear", START + 10 * NS)
    assert answer.summary.endswith("for 5 s")


def creeping(tracks: Tracks, until_s: float = 60.0, jitter: float = 0.0) -> Tracks:
    """A car that moves by 0.2 of its size (0.077 of the picture's height) a second, until it stops."""
    now_s = min((tracks.frame.captured_at - START) / NS, until_s)
    random = np.random.default_rng(tracks.frame.captured_at % 2**32)
    x1, y1, x2, y2 = np.array((0.40, 0.62, 0.4433, 0.6970)) + np.tile(random.normal(0, jitter, 2), 2)
    return tracks.model_copy(update={"objects": [thing("car", (x1 + 0.0087 * now_s, y1, x2 + 0.0087 * now_s, y2))]})


def test_a_car_so_far_away_that_it_only_creeps_does_not_hold_the_answer_up() -> None:
    stream = [creeping(tracks, jitter=0.0015) for tracks in frames("km41", end_s=30)]
    answer = inspect([stream, frames("km42", end_s=30)])
    assert (answer.verdict, answer.judged_at) == ("clear", START + 5 * NS), answer.summary


@pytest.mark.parametrize("until_s", [1.0, 2.0, 3.0, 3.9])
def test_a_car_that_crept_and_has_stopped_does(until_s: float) -> None:
    short = [creeping(tracks, until_s) for tracks in frames("km41", end_s=5)]
    answer = inspect([short, frames("km42", end_s=5)])
    assert answer.verdict == ("not-clear" if until_s <= 2 else "cannot-tell")
    stream = [creeping(tracks, until_s) for tracks in frames("km41", end_s=30)]
    assert inspect([stream, frames("km42", end_s=30)]).verdict == "not-clear"


def far_traffic(tracks: Tracks, standing: bool = False) -> Tracks:
    """A car begins every 4 s at the lane's far end and moves off by 0.6 of its size a second; its speed is known after
    half a second."""
    number, since = divmod((tracks.frame.captured_at - START + 60 * NS) / NS, 4.0)
    cars = []
    for track, age in ((number, since), (number - 1, since + 4.0)):
        way = 0.0 if standing else 0.024 * age
        box = (0.40, 0.62 + way, 0.4225, 0.66 + way)
        cars.append(thing("car", box, track_id=int(track), speed=0.0 if standing or age < 0.5 else 0.6))
    return tracks.model_copy(update={"objects": cars})


def test_far_traffic_that_follows_itself_does_not_rest() -> None:
    stream = [far_traffic(tracks) for tracks in frames("km41", end_s=30)]
    assert inspect([stream, frames("km42", end_s=30)]).verdict == "clear"
    jam = [far_traffic(tracks, standing=True) for tracks in frames("km41", end_s=30)]
    assert inspect([jam, frames("km42", end_s=30)]).verdict == "not-clear"


@pytest.mark.parametrize("jitter", [0.0, 0.01, 0.03, 0.05])
def test_boxes_that_jitter_at_rest_do_not_creep(jitter: float) -> None:
    """Standard deviation of the box's place, in sizes."""
    size = 0.077
    for seed in range(200):
        random = np.random.default_rng(seed)
        looks = []
        for tracks in frames("km41", end_s=3):
            dx, dy = random.normal(0, jitter * size, 2)
            box = (0.40 + dx / 1.78, 0.62 + dy, 0.4433 + dx / 1.78, 0.697 + dy)
            looks.append(look_of(tracks.model_copy(update={"objects": [thing("car", box)]})))
        found = rests(looks, LANE, frozenset())
        assert found[0].span_ns >= 2 * NS
        assert not any(creeps(looks, rest) for rest in found)


def test_what_is_nearly_unfamiliar_is_watched_until_it_is_not() -> None:
    nearly = Trouble(
        "nearly", lambda tracks: tracks.model_copy(update={"surface": surface(regions=[unfamiliar(0.45)])})
    )
    streams = [frames(camera, end_s=30) for camera in CAMERAS]
    streams[1] = struck(streams[1], nearly, START, START + 6 * NS)
    answer = inspect(streams)
    assert (answer.verdict, answer.judged_at) == ("clear", START + 15 * NS)
    answer = inspect([streams[0], struck(frames("km42", end_s=30), nearly, START, START + 60 * NS)])
    assert (answer.verdict, codes(answer), answer.judged_at) == ("cannot-tell", {"may-pass"}, START + 20 * NS)


def test_an_insect_is_waited_for_and_what_has_just_fallen_is_told_when_it_stays() -> None:
    came = START + 2 * NS
    just = Trouble(
        "just", lambda tracks: tracks.model_copy(update={"surface": surface(regions=[unfamiliar(0.9, since=came)])})
    )
    streams = [frames(camera, end_s=30) for camera in CAMERAS]
    crawls_on = [streams[0], struck(streams[1], just, came, came + 4 * NS)]
    answer = inspect(crawls_on)
    assert (answer.verdict, answer.judged_at) == ("clear", START + 15 * NS)
    stays = [streams[0], struck(streams[1], just, came, START + 60 * NS)]
    answer = inspect(stays)
    assert (answer.verdict, codes(answer), answer.judged_at) == ("not-clear", {"unfamiliar"}, START + 10 * NS)


def test_while_only_traffic_hides_the_road_watching_goes_on() -> None:
    hides = Trouble("hides", lambda tracks: tracks.model_copy(update={"surface": surface(hidden=0.3)}))
    streams = [frames(camera, end_s=30) for camera in CAMERAS]
    streams[1] = struck(streams[1], hides, START + NS, START + 6 * NS)
    answer = inspect(streams)
    assert (answer.verdict, answer.judged_at) == ("clear", START + 10 * NS)
    streams[1] = struck(streams[1], hides, START + NS, START + 60 * NS)
    answer = inspect(streams)
    assert (answer.verdict, codes(answer), answer.judged_at) == ("cannot-tell", {"hidden"}, START + 20 * NS)


def test_while_traffic_proves_more_of_the_lane_watching_goes_on() -> None:
    def proven(share: Callable[[float], float]) -> list[Tracks]:
        return [
            tracks.model_copy(update={"surface": tracks.surface and surface(proven=share(at))})
            for tracks in frames("km42", end_s=30)
            for at in ((tracks.frame.captured_at - START) / NS,)
        ]

    answer = inspect([frames("km41", end_s=30), proven(lambda at: min(0.9 + 0.007 * max(at, 0), 0.98))])
    assert (answer.verdict, answer.judged_at) == ("clear", START + 15 * NS)
    answer = inspect([frames("km41", end_s=30), proven(lambda at: min(0.9 + 0.001 * max(at, 0), 0.98))])
    assert (answer.verdict, codes(answer), answer.judged_at) == ("cannot-tell", {"not-proven"}, START + 20 * NS)
    # Where nothing drives, waiting helps nobody.
    answer = inspect([frames("km41", end_s=30), proven(lambda at: 0.9)])
    assert (answer.verdict, codes(answer), answer.judged_at) == ("cannot-tell", {"not-proven"}, START + 5 * NS)
