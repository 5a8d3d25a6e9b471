"""The state of the library's ByteTrack as plain JSON data, field by field.

Of a track's filter only the estimate and its covariance are state: its noise follows from the class. `_FIELDS` names
what the library's objects hold; a version that holds anything else is refused, since a state that is restored in part
would follow other objects than before.
"""

from importlib.metadata import version
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter
from trackers import ByteTrackTracker
from trackers.core.bytetrack.tracklet import ByteTrackTracklet

from shared.exceptions import ConfigError

LIBRARY = f"trackers {version('trackers')}"
# What a tracklet holds; each is saved here or built by its constructor.
_FIELDS = {
    "age",
    "state_estimator",
    "tracker_id",
    "time_since_update",
    "time_since_update_seconds",
    "number_of_successful_consecutive_updates",
}
Edges = tuple[float, float, float, float]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Track(_Strict):
    """One track; see `EdgeFilter` for the last three."""

    track_id: int
    age: int
    missed: int
    missed_s: float
    hits: int
    position: Edges
    velocity: Edges
    covariance: tuple[float, float, float]


class ByteTrackState(_Strict):
    """The tracker; `library` says which version's fields these are."""

    next_id: int
    library: str
    last_s: float | None
    tracks: list[JsonValue]


class SavedTracker(_Strict):
    """The state of a `CameraTracker`: ByteTrack, and per track when it was last seen and its labels' votes."""

    bytetrack: ByteTrackState
    votes: list[tuple[int, float, dict[str, float]]]


VOTES = TypeAdapter(SavedTracker)
_TRACKS = TypeAdapter(list[Track])


def export(tracker: ByteTrackTracker) -> JsonValue:
    """The tracker's state.

    Raises:
        ConfigError: the library's objects hold fields that this does not know.
    """
    return {
        "next_id": tracker._next_track_id,
        "library": LIBRARY,
        "last_s": tracker._last_timestamp,
        "tracks": [_export_track(track) for track in tracker.tracks],
    }


def load(tracker: ByteTrackTracker, state: ByteTrackState) -> bool:
    """Put a state into a tracker that was made with the same settings.

    Returns:
        False when it is of another version of the library: only the allocation of ids has been taken over then.

    Raises:
        ValueError: of this version, but not a state.
    """
    tracker._next_track_id = state.next_id
    if state.library != LIBRARY:
        return False
    tracks = [_load_track(tracker, saved) for saved in _TRACKS.validate_python(state.tracks)]
    tracker._last_timestamp, tracker.tracks = state.last_s, tracks
    return True


def _export_track(track: ByteTrackTracklet) -> JsonValue:
    _check_fields(track)
    state: dict[str, JsonValue] = {
        "track_id": track.tracker_id,
        "age": track.age,
        "missed": track.time_since_update,
        "missed_s": track.time_since_update_seconds,
        "hits": track.number_of_successful_consecutive_updates,
    }
    return state | track.state_estimator.get_state()


def _load_track(tracker: ByteTrackTracker, saved: Track) -> ByteTrackTracklet:
    track = ByteTrackTracklet(np.zeros(4), state_estimator_class=tracker.state_estimator_class)
    _check_fields(track)
    track.tracker_id, track.age = saved.track_id, saved.age
    track.time_since_update, track.time_since_update_seconds = saved.missed, saved.missed_s
    track.number_of_successful_consecutive_updates = saved.hits
    track.state_estimator.set_state(saved.model_dump(include={"position", "velocity", "covariance"}))
    return track


def _check_fields(track: Any) -> None:
    if vars(track).keys() != _FIELDS:
        other = sorted(vars(track).keys() ^ _FIELDS)
        raise ConfigError(
            f"{LIBRARY} holds other fields than a checkpoint saves: {', '.join(other)}; install trackers 2.6"
        )
