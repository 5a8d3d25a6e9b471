"""`smoke-or-fog`: the visibility head says fog or smoke for 10 s.

The head judges the whole picture, so there is one incident per camera. It is told on the first of the camera's zones
that are watched, so that every alert names a zone of the site; its box is the whole picture.
"""

import math
from typing import ClassVar

from pydantic import JsonValue, TypeAdapter

from services.analyzer.claims import Claim
from services.analyzer.incidents import Hysteresis, IncidentBook, OpenIncident
from services.analyzer.rules.base import Watches
from services.analyzer.scene import BoxTuple, Scene, part_of_picture
from services.analyzer.state import plain
from shared.clock import NS
from shared.heads import FOG, VISIBILITY
from shared.messages import Incident

# More probable than all else together, with room for a head that is a little too sure of itself. Less holds than opens.
_OPENS, _HOLDS = 0.6, 0.4
# The probability is smoothed over this time: a lorry before the camera, or a frame that the network broke, is shorter.
_SMOOTH_NS = 2 * NS
# Clear for this long, the fog has gone; drifting smoke leaves the picture clear for less.
_CLOSE_NS = 10 * NS
_WHOLE: BoxTuple = (0.0, 0.0, 1.0, 1.0)

_STATE: TypeAdapter[tuple[float, int | None, int | None, JsonValue]] = TypeAdapter(
    tuple[float, int | None, int | None, JsonValue]
)


class SmokeOrFog:
    """Opens when the picture has been foggy or full of smoke for the time; one incident per camera."""

    incident: ClassVar[str] = "smoke-or-fog"

    def __init__(self, site: str, watches: Watches) -> None:
        self._watch = next(iter(watches.values()), None)
        self._smooth = 0.0
        self._since: int | None = None
        self._last: int | None = None
        self._book = IncidentBook(self.incident, site, Hysteresis(_CLOSE_NS, _CLOSE_NS), _same_camera)

    def step(self, scene: Scene) -> list[Incident]:
        """See `Rule.step`."""
        result = scene.head(VISIBILITY)
        claim = None
        if result is not None:
            self._take(result.probabilities.get(FOG, 0.0), scene.captured_at)
            claim = self._claim(scene)
        return self._book.step(scene, [claim] if claim else [])

    def close(self, scene: Scene) -> list[Incident]:
        """See `Rule.close`."""
        return self._book.close(scene)

    def hold(self, elapsed: int) -> None:
        """See `Rule.hold`."""
        self._book.hold(elapsed)

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, (self._smooth, self._since, self._last, self._book.state()))

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        self._smooth, self._since, self._last, book = _STATE.validate_python(value)
        self._book.restore(book)

    def _take(self, probability: float, now: int) -> None:
        if self._last is None or now - self._last > _CLOSE_NS:
            # Nothing is known of the time in between: what was open closes, and a new cause begins on the next frame.
            self._smooth, self._since, self._last = probability, None, now
            return
        self._smooth += (1 - math.exp((self._last - now) / _SMOOTH_NS)) * (probability - self._smooth)
        self._last = now
        if self._smooth < _HOLDS:
            self._since = None
        elif self._since is None and self._smooth >= _OPENS:
            self._since = now

    def _claim(self, scene: Scene) -> Claim | None:
        if self._since is None or self._watch is None:
            return None
        now = scene.captured_at
        lasted = self._smooth >= _OPENS and now - self._since >= self._watch.after_ns
        opens = lasted and self._watch.may_open(now)
        view = part_of_picture(FOG, round(self._smooth, 4), _WHOLE, scene.aspect, now)
        return Claim(view, self._watch.zone.id, self._watch.severity, self._since, opens, members=())


def _same_camera(item: OpenIncident, claim: Claim, now: int) -> bool:
    return True
