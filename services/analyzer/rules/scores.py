"""Mean detection scores that the rules ask of what is at rest, so that who leaves a thing to a rule knows them too."""

from services.analyzer.boxes import box_area
from services.analyzer.scene import TrackView
from shared.catalogue import SCENERY_THING, UNKNOWN_VEHICLE, VEHICLES

# Far cars of 15 px score 0.3 to 0.5; a lamp post that is taken for a vehicle now and then stays below.
VEHICLE = 0.3
# Of who must not be there. Far persons of 25 px score 0.2 to 0.35 with YOLO11n, and need more time for it; below the
# first only what has moved by half its size counts, and below the second nothing does.
PRESENT, WEAKEST_PRESENT = 0.35, 0.15
# Seen from above, or in rain, a car has half of the score that it has from the side by day.
_DRIVEN = 0.5
# A mean that is this share of what a vehicle needs, or less, does not get there within the time of its rule.
_FAR_LESS = 2 / 3


def least_at_rest(track: TrackView, least: float) -> float:
    """The mean score that an object needs: less when it was seen to come, as nothing does that looks like a vehicle.

    But the road itself seems to come: the detector draws now this large part of it, now that. It has to have driven.
    """
    if track.label == UNKNOWN_VEHICLE:
        return 0.0
    came = track.driven or (track.came and box_area(track.box) <= SCENERY_THING)
    return least * (_DRIVEN if came else 1.0)


def least_for_its_name(track: TrackView) -> float:
    """The mean score that a vehicle, person or animal at rest needs to be told by the rule for its name."""
    return least_at_rest(track, VEHICLE if track.label in VEHICLES else PRESENT)


def is_far_from_its_name(track: TrackView) -> bool:
    """Whether it scores so much less that the rule for its name will hardly ever tell of it."""
    if track.label in VEHICLES:
        return track.rest_score < _FAR_LESS * least_at_rest(track, VEHICLE)
    return track.rest_score < WEAKEST_PRESENT
