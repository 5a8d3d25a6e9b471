"""One camera's analyzer: order, duplicates, clock resets, determinism, speeds."""

import pytest

from services.analyzer.stage import CameraAnalyzer
from shared.clock import NS
from shared.messages import Detections
from shared.site import Ground
from tests.unit.analyzer_helpers import analyzer, frame, make_site, play, still, stopping, thing, travel


def test_the_same_detections_give_the_same_incidents_byte_for_byte() -> None:
    movers = (stopping("car", 0.35, stop_y=0.6, stop_s=3.0, go_s=20), still("person", 0.6, 0.7, start=4, end=9))
    first, second = play(30, *movers), play(30, *movers)
    assert [change.to_bytes() for change in first] == [change.to_bytes() for change in second]
    assert len(first) == 4


def test_a_redelivered_frame_is_a_duplicate_and_changes_nothing() -> None:
    stage = analyzer()
    for index in range(20):
        stage.step(frame(index, [thing("car", 0.3, 0.5)]))
    assert stage.step(frame(12, [thing("car", 0.9, 0.9)])).ignored == "duplicate"


def test_a_frame_that_is_a_little_older_is_late() -> None:
    stage = analyzer()
    stage.step(frame(10, []))
    assert stage.step(frame(11, [], time_s=0.5)).ignored == "late"


def test_a_clock_that_was_set_back_starts_afresh_instead_of_ignoring_the_camera() -> None:
    stage = analyzer()
    for index in range(100):
        stage.step(frame(index, [], time_s=3600 + index / 10))
    opened = []
    for index in range(100, 400):
        analysis = stage.step(frame(index, [thing("car", 0.35, 0.6)], time_s=index / 10))
        assert analysis.ignored is None
        opened += analysis.incidents
    assert [change.incident for change in opened] == ["stopped-vehicle"]


def test_zones_and_relative_speed_stand_in_the_tracks() -> None:
    stage = analyzer()
    tracks = None
    mover = travel("car", (0.35, 0.2), (0.0, 0.2))
    for index in range(25):
        item = mover(index / 10)
        assert item is not None
        tracks = stage.step(frame(index, [item])).tracks
    assert tracks is not None
    (car,) = tracks.objects
    size = (0.06 * 1280 / 720 * 0.1) ** 0.5
    assert car.zones == ["lane-1"]
    assert car.speed == pytest.approx(0.2 / size, rel=0.05)
    assert car.speed_kmh is None


def test_a_calibrated_camera_gives_kilometres_per_hour() -> None:
    """The picture's height is 50 m here, so 0.2 of it a second is 10 m/s."""
    corners = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
    site = make_site()
    camera = site.cameras[0].model_copy(
        update={"ground": Ground(pixels=corners, metres=[(x * 80, y * 50) for x, y in corners])}
    )
    stage = CameraAnalyzer(site, camera)
    mover = travel("car", (0.35, 0.2), (0.0, 0.2))
    speeds = []
    for index in range(25):
        item = mover(index / 10)
        assert item is not None
        tracks = stage.step(frame(index, [item])).tracks
        assert tracks is not None
        speeds += [item.speed_kmh for item in tracks.objects]
    assert speeds[-1] == pytest.approx(36.0, rel=0.03)


def test_tracks_and_incidents_survive_the_wire() -> None:
    (change,) = play(15, still("car", 0.35, 0.5))
    assert type(change).from_bytes(change.to_bytes()) == change
    tracks = analyzer().step(frame(0, [])).tracks
    assert tracks is not None
    assert type(tracks).from_bytes(tracks.to_bytes()) == tracks
    assert Detections.from_bytes(frame(3, [thing("car", 0.3, 0.5)]).to_bytes()).frame.captured_at == 3 * NS // 10
