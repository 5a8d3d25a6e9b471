"""An inspection never calls a lane clear when anything speaks against it, and does when nothing does."""

import random
from collections.abc import Callable

import numpy as np
import pytest

from services.inspector.desk import Desk
from services.inspector.look import look_of
from services.inspector.opens import OpenIncidents
from services.inspector.resting import creeps, rests
from shared.clock import NS, to_ns
from shared.inspection import Inspection
from shared.messages import Box, Incident, Tracks
from shared.surface import Surface
from tests.inspecting import (
    BESIDE,
    CAMERAS,
    FPS,
    HEALTHY,
    LANE,
    ON_LANE,
    START,
    Trouble,
    frames,
    incident,
    passing,
    question,
    site,
    struck,
    surface,
    thing,
    troubles,
    unfamiliar,
    view,
)

WINDOW_S = 5.0


def inspect(streams: list[list[Tracks]], incidents: list[Incident] | None = None, **asked: object) -> Inspection:
    """The answer to one question at 0 s."""
    opens = OpenIncidents()
    for change in incidents or []:
        opens.hear(change)
    desk = Desk(site(), None, opens)
    desk.ask(question(**asked))
    for tracks in sorted((item for stream in streams for item in stream), key=lambda item: item.frame.captured_at):
        desk.see(tracks)
        for pending in desk.due():
            answer = desk.judge(pending)
            if answer is not None:
                return answer
    (answer,) = desk.close()
    return answer


_EMPTY = [frames(camera) for camera in CAMERAS]
_DRIVEN = [[item.model_copy(update={"objects": passing(item.frame.captured_at)}) for item in s] for s in _EMPTY]


def empty() -> list[list[Tracks]]:
    return [list(stream) for stream in _EMPTY]


def driven() -> list[list[Tracks]]:
    return [list(stream) for stream in _DRIVEN]


def codes(answer: Inspection) -> set[str]:
    return {reason.code for camera in answer.cameras for reason in camera.reasons}


def test_an_empty_lane_that_all_is_known_about_is_clear() -> None:
    answer = inspect(empty())
    assert answer.verdict == "clear", answer.summary
    assert (answer.requested_at, answer.judged_at) == (START, START + 5 * NS)
    assert [word.camera for word in answer.cameras] == list(CAMERAS)
    for word in answer.cameras:
        assert (word.verdict, word.reasons, word.frames) == ("clear", [], 5 * FPS + 1)
        assert (word.known, word.proven, word.hidden) == (0.99, 0.98, 0.01)
        assert word.frame is not None
        assert word.frame.captured_at == answer.judged_at == word.last_frame_at
        assert word.last_object_at is None


def test_traffic_that_flows_does_not_make_a_lane_unsafe() -> None:
    answer = inspect(driven())
    assert answer.verdict == "clear", answer.summary
    assert answer.cameras[0].last_object_at is not None
    assert START + 4 * NS < answer.cameras[0].last_object_at <= answer.judged_at


@pytest.mark.parametrize("trouble", troubles(), ids=lambda trouble: trouble.name)
@pytest.mark.parametrize("traffic", [False, True], ids=["empty", "traffic"])
def test_never_clear_with_a_trouble_on_any_camera_at_any_time(trouble: Trouble, traffic: bool) -> None:
    chance = random.Random(f"{trouble.name} {traffic}")
    for _ in range(20):
        streams = driven() if traffic else empty()
        hit = chance.randrange(len(streams))
        # At some time within the window, for as long as the trouble needs, on a frame on which the memory is asked.
        latest = round((WINDOW_S - trouble.least_s) * FPS) // 2 * 2
        begin = START + chance.randrange(0, latest + 1, 2) * NS // FPS
        lasts = to_ns(trouble.least_s) + chance.randrange(to_ns(trouble.more_s))
        end = START + 60 * NS if trouble.stays else begin + lasts
        streams[hit] = struck(streams[hit], trouble, begin, end)
        answer = inspect(streams)
        assert answer.verdict == trouble.gravest, (begin - START, end - START, answer.summary)
        assert answer.cameras[hit].verdict == trouble.gravest
        assert answer.cameras[1 - hit].verdict == "clear", answer.cameras[1 - hit].reasons


def test_two_troubles_are_both_told_and_the_graver_one_decides() -> None:
    found = {trouble.name: trouble for trouble in troubles()}
    streams = empty()
    for index, name in enumerate(("black", "car at rest")):
        streams[index] = struck(streams[index], found[name], START, START + 5 * NS)
    answer = inspect(streams)
    assert [word.verdict for word in answer.cameras] == ["cannot-tell", "not-clear"]
    assert answer.verdict == "not-clear"
    assert answer.summary == "not clear: camera km42: car, at rest on the lane for 5.0 s of this time"
    assert answer.cameras[0].faults == ["black"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("stopped-vehicle", "not-clear"), ("obstacle-on-lane", "not-clear"), ("person-on-lane", "not-clear"),
        ("animal-on-lane", "not-clear"), ("wrong-way", "not-clear"), ("intrusion", "not-clear"),
        ("congestion", "cannot-tell"), ("smoke-or-fog", "cannot-tell"), ("camera-fault", "cannot-tell"),
        ("pavement-damage", "cannot-tell"), ("stand-occupied", "clear"), ("lane-unsafe", "clear"),
    ],
)  # fmt: skip
def test_an_open_incident_speaks_against_clear(kind: str, expected: str) -> None:
    answer = inspect(empty(), [incident(kind, -3600)])
    assert answer.verdict == expected
    assert answer.cameras[0].verdict == "clear"
    assert inspect(empty(), [incident(kind, 4.9)]).verdict == expected


def test_an_incident_counts_while_it_is_open_on_this_lane_or_its_camera() -> None:
    def verdict(*changes: Incident) -> str:
        return inspect(empty(), list(changes)).verdict

    opened = incident("stopped-vehicle", -60)
    assert verdict(opened, incident("stopped-vehicle", -60, "closed", changed_at=START - NS)) == "clear"
    assert verdict(opened, incident("stopped-vehicle", -60, "closed", changed_at=START + NS)) == "not-clear"
    # The changes may come in any order.
    assert verdict(incident("stopped-vehicle", -60, "closed", changed_at=START - NS), opened) == "clear"
    assert verdict(incident("stopped-vehicle", 5.1)) == "clear"
    assert verdict(incident("stopped-vehicle", -60, zone="verge")) == "clear"
    assert verdict(incident("camera-fault", -60, zone="verge")) == "cannot-tell"
    assert verdict(incident("camera-fault", -60, camera="km40")) == "clear"
    assert verdict(incident("stopped-vehicle", -60, run="night")) == "clear"


def test_what_does_not_concern_the_lane_changes_nothing() -> None:
    def all_frames(**changes: object) -> list[list[Tracks]]:
        return [frames(camera, **changes) for camera in CAMERAS]

    beside = thing("car", BESIDE, zones=["verge"])
    assert inspect(all_frames(objects=[beside])).verdict == "clear"
    assert inspect(all_frames(surface=surface(regions=[unfamiliar(0.9, BESIDE)]))).verdict == "clear"
    assert inspect(all_frames(surface=surface(regions=[unfamiliar(0.39)]))).verdict == "clear"
    assert inspect(all_frames(heads=[view("clear", 0.9)])).verdict == "clear"
    assert inspect(all_frames(heads=[view("fog-or-smoke", 0.49)])).verdict == "clear"
    # A gantry's light over the lane, a bird, and who rides a motorcycle.
    assert inspect(all_frames(objects=[thing("traffic light")])).verdict == "clear"
    bird = struck(
        frames("km41"), Trouble("bird", lambda t: t.model_copy(update={"objects": [thing("bird")]})), START, START
    )
    assert inspect([bird, frames("km42")]).verdict == "clear"
    rider = [
        thing("motorcycle", (0.44, 0.62, 0.50, 0.72)),
        thing("person", (0.45, 0.56, 0.49, 0.70), track_id=8),
    ]
    ridden = [
        struck(stream, Trouble("r", lambda t: t.model_copy(update={"objects": rider})), START, START)
        for stream in empty()
    ]
    assert inspect(ridden).verdict == "clear"


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


def test_a_track_that_changes_its_id_all_the_time_still_rests() -> None:
    streams = empty()
    for number, tracks in enumerate(streams[0]):
        if number % 3:  # missed on every third frame
            wobble = 0.002 * (number % 2)
            box = (ON_LANE[0] + wobble, ON_LANE[1], ON_LANE[2] + wobble, ON_LANE[3] - wobble)
            streams[0][number] = tracks.model_copy(update={"objects": [thing("car", box, track_id=number)]})
    assert inspect(streams).verdict == "not-clear"


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


def test_a_camera_that_gives_nothing_is_told_when_the_clips_end_and_is_never_clear() -> None:
    for gone in ([], frames("km42", -2, -1), frames("km42", 6, 12)):
        answer = inspect([frames("km41"), gone])
        assert [word.verdict for word in answer.cameras] == ["clear", "cannot-tell"]
        assert codes(answer) == {"no-frames"}
        assert answer.cameras[1].frame is None
    short = inspect([frames("km41"), frames("km42", -2, 2.9)])
    assert codes(short) == {"frames-missing"}


def test_an_answer_about_a_road_of_some_time_ago_is_no_answer() -> None:
    assert inspect(empty(), asked_at=START + 20 * NS).verdict == "clear"
    late = inspect(empty(), asked_at=START + 40 * NS)
    assert (late.verdict, codes(late)) == ("cannot-tell", {"late"})
    # Of a recording, and in a replay, it is what one wants.
    assert inspect(empty(), asked_at=START + 400 * 86400 * NS).verdict == "clear"


def test_what_is_unfamiliar_in_a_picture_that_may_be_at_fault_is_neither_clear_nor_a_thing() -> None:
    suspected = Trouble(
        "suspected",
        lambda tracks: tracks.model_copy(
            update={"health": HEALTHY.model_copy(update={"suspected": ["blurred"]}), "surface": lies(tracks.surface)}
        ),
    )
    for stream in (struck(frames("km41"), suspected, START + NS, START + 30 * NS), both_begin_and_end()):
        answer = inspect([stream, frames("km42")])
        assert (answer.verdict, codes(answer)) == ("cannot-tell", {"may-pass"})


def both_begin_and_end() -> list[Tracks]:
    """Suspected for a moment at the window's begin, while something lies there all the time."""
    lying = Trouble("lies", lambda tracks: tracks.model_copy(update={"surface": lies(tracks.surface)}))
    moment = Trouble(
        "moment",
        lambda tracks: tracks.model_copy(update={"health": HEALTHY.model_copy(update={"suspected": ["moved"]})}),
    )
    stream = struck(frames("km41"), lying, START, START + 60 * NS)
    for at in range(0, 20, 5):
        stream = struck(stream, moment, START + at * NS, START + at * NS + NS // 10)
    return stream


def lies(before: Surface | None) -> Surface | None:
    return before and surface(regions=[unfamiliar(0.9)])


@pytest.mark.parametrize(
    ("label", "box", "verdict"),
    [
        ("object", (0.1, 0.3, 0.7, 0.9), "clear"), ("object", (0.3, 0.6, 0.5, 0.9), "not-clear"),
        ("train", (0.0, 0.1, 1.0, 0.95), "clear"), ("train", (0.1, 0.3, 0.7, 0.9), "not-clear"),
    ],
)  # fmt: skip
def test_the_scenery_itself_does_not_rest_on_the_lane(label: str, box: Box, verdict: str) -> None:
    there = Trouble("there", lambda tracks: tracks.model_copy(update={"objects": [thing(label, box)]}))
    assert inspect([struck(frames("km41"), there, START, START + 60 * NS), frames("km42")]).verdict == verdict
