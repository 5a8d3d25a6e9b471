"""The numbers that an inspection judges by, each with its reason."""

from dataclasses import dataclass

from shared.clock import NS


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in ns of event time, shares 0..1.

    Attributes:
        window_ns: how long a lane is watched. Long enough for each rule below to see its cause.
        most_windows: while only traffic is in the way, watching goes on for so many windows; the last one counts.
        silent_ns: without a frame for longer (or three frames of a slow camera) something may have happened unseen.
        unasked_ns: the same for what is not asked on every frame: the memory of the road, the picture's condition.
        known, proven: least shares of the lane that the memory must know, and that traffic or a person must have shown
            to be empty. Patches along the edge of a zone are seldom driven on, hence not 1.
        hidden: share of the lane that may be hidden at the end. The far end of a lane always has a vehicle or two.
        unfamiliar: score from which on something lies there; the threshold of the memory's own method.
        doubtful: from here on something may lie there. Between the two nobody can tell.
        lasts_ns: what is unfamiliar for less may be an insect on the lens, or a shadow that creeps: the next window
            will tell. As long as the analyzer waits before it tells of a thing without a name.
        rest_ns: at one place for as long, or on all frames of a slow camera, an object rests: nearly all of a window. A
            vehicle at the far end of a lane, a few pixels a second fast, needs less than this for a quarter of its
            size, and of a row of them one is there for four fifths of the time.
        slow_ns: at one place for as long, and not seen to creep on, it may rest: the next window will tell.
        halt_ns: at one place for as long at the very end, likewise, it may be about to rest.
        sure: mean score of an object at rest from which on it is one; below, nobody can tell.
        presence_ns: seen for as long, a person or an animal is there; seen for less, there may be one.
        bad_view: probability of a label of the visibility head that counts.
        late_ns: what is answered must not be older than this when it was asked.
    """

    window_ns: int = 5 * NS
    most_windows: int = 4
    silent_ns: int = 2 * NS
    unasked_ns: int = 3 * NS
    known: float = 0.95
    proven: float = 0.95
    hidden: float = 0.05
    unfamiliar: float = 0.5
    doubtful: float = 0.4
    lasts_ns: int = 6 * NS
    rest_ns: int = 4600 * NS // 1000
    slow_ns: int = 2 * NS
    halt_ns: int = NS
    sure: float = 0.25
    presence_ns: int = NS // 2
    bad_view: float = 0.5
    late_ns: int = 30 * NS
