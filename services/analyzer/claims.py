"""What a rule says on a frame of what it watches."""

from dataclasses import dataclass

from services.analyzer.scene import TrackView
from shared.catalogue import Severity


@dataclass(frozen=True, slots=True)
class Claim:
    """One track, or a part of the picture, that fits a rule on this frame.

    Attributes:
        zone: id of the zone that it fits in.
        since: UTC ns when the cause began.
        opens: False: only keeps an incident alive that is open already.
        members: track ids of a claim that is about a whole zone, none for what is no object (smoke); `track` is then
            its summary, and an open incident is found by `same_place` alone. None: the claim is about `track` itself.
        detail: for a person, what the label does not say.
        after: the lost track that this one goes on with, as the rule sees it.
    """

    track: TrackView
    zone: str
    severity: Severity
    since: int
    opens: bool
    members: tuple[int, ...] | None = None
    detail: str | None = None
    after: int | None = None
