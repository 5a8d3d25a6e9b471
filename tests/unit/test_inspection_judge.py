"""An inspection never calls a lane clear when anything speaks against it, and does when nothing does."""

import random

import pytest

from shared.clock import NS, to_ns
from shared.messages import Box, Incident, Tracks
from shared.surface import Surface
from tests.inspecting import (
    BESIDE,
    CAMERAS,
    FPS,
    HEALTHY,
    ON_LANE,
    START,
    Trouble,
    codes,
    frames,
    incident,
    inspect,
    passing,
    struck,
    surface,
    thing,
    troubles,
    unfamiliar,
    view,
)  # fmt: skip

WINDOW_S = 5.0


_EMPTY = [frames(camera) for camera in CAMERAS]
_DRIVEN = [[item.model_copy(update={"objects": passing(item.frame.captured_at)}) for item in s] for s in _EMPTY]


def empty() -> list[list[Tracks]]:
    return [list(stream) for stream in _EMPTY]


def driven() -> list[list[Tracks]]:
    return [list(stream) for stream in _DRIVEN]


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


def test_a_track_that_changes_its_id_all_the_time_still_rests() -> None:
    streams = empty()
    for number, tracks in enumerate(streams[0]):
        if number % 3:  # missed on every third frame
            wobble = 0.002 * (number % 2)
            box = (ON_LANE[0] + wobble, ON_LANE[1], ON_LANE[2] + wobble, ON_LANE[3] - wobble)
            streams[0][number] = tracks.model_copy(update={"objects": [thing("car", box, track_id=number)]})
    assert inspect(streams).verdict == "not-clear"


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
