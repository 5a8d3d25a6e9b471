"""Whether the camera's zones can be judged now, by the condition of its pictures.

While they are suspended, tracks have no zones, lanes are not observed, and no rule but `camera-fault` gets a frame:
nothing opens. What is open neither ends nor changes; it waits, and once the pictures are good again, its patience goes
on from where it was. So a vehicle that still stands there is the same incident, and one that has left ends at the time
when it was last seen.
"""

from pydantic import JsonValue, TypeAdapter

from services.analyzer.rules.camera_fault import SUSPENDING
from services.analyzer.state import plain
from shared.clock import NS
from shared.condition import PictureHealth

# A measure of longer ago says nothing of the picture now.
_KNOWN_NS = 30 * NS

_STATE: TypeAdapter[tuple[PictureHealth | None, int]] = TypeAdapter(tuple[PictureHealth | None, int])


class Suspension:
    """The last measured condition of the pictures, and what follows from it.

    Attributes:
        health: None when nothing is known.
    """

    def __init__(self, watched: bool) -> None:
        """`watched`: whether the site is told of camera faults; zones are never suspended without a word."""
        self._watched = watched
        self.health: PictureHealth | None = None
        self._at = 0

    @property
    def active(self) -> bool:
        """Whether the zones are suspended."""
        return self._watched and self.health is not None and any(f.kind in SUSPENDING for f in self.health.faults)

    def take(self, health: PictureHealth | None, now: int) -> None:
        """The next frame's condition, None where it was not measured."""
        if health is not None:
            self.health, self._at = health, now
        elif now - self._at > _KNOWN_NS:
            self.health = None

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, (self.health, self._at))

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`; None: nothing was known."""
        if value is not None:
            self.health, self._at = _STATE.validate_python(value)
