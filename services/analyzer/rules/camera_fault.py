"""`camera-fault`: the camera's pictures cannot be trusted: frozen, black, overexposed, blurred, covered or moved.

The detector judges the pictures and says what has lasted (docs/camera-health.md). There is one incident per camera and
kind of fault, which is its label, told on the first of the camera's watched zones; its box is the whole picture. While
a fault lasts that leaves nothing to judge by, the stage suspends the zones: `SUSPENDING`.
"""

from typing import ClassVar, get_args

from pydantic import JsonValue, TypeAdapter

from services.analyzer.incidents import Claim, Hysteresis, IncidentBook, OpenIncident
from services.analyzer.rules.base import Watches
from services.analyzer.scene import BoxTuple, Scene, part_of_picture
from services.analyzer.state import plain
from shared.catalogue import CAMERA_FAULT
from shared.clock import NS
from shared.condition import PictureFault, PictureFaultKind
from shared.messages import Incident

# With these no zone shows what it stands for. On a blurred picture vehicles are still found, only later.
SUSPENDING: frozenset[PictureFaultKind] = frozenset({"frozen", "black", "overexposed", "covered", "moved"})
# The detector has already waited until the fault was gone for seconds; this only outlasts frames between two measures.
_CLOSE_NS = 3 * NS
_WHOLE: BoxTuple = (0.0, 0.0, 1.0, 1.0)

_STATE: TypeAdapter[dict[PictureFaultKind, JsonValue]] = TypeAdapter(dict[PictureFaultKind, JsonValue])


class CameraFault:
    """Opens when the detector tells a fault and closes when it tells it no more; one incident per kind."""

    incident: ClassVar[str] = CAMERA_FAULT

    def __init__(self, site: str, watches: Watches) -> None:
        self._watch = next(iter(watches.values()), None)
        self._zones = ", ".join(watches)
        self._books = {
            kind: IncidentBook(self.incident, site, Hysteresis(_CLOSE_NS, _CLOSE_NS), _same_camera, kind=kind)
            for kind in get_args(PictureFaultKind)
        }

    def step(self, scene: Scene) -> list[Incident]:
        """See `Rule.step`."""
        claims = {fault.kind: self._claim(fault, scene) for fault in (scene.health.faults if scene.health else ())}
        changes = []
        for kind, book in self._books.items():
            claim = claims.get(kind)
            changes += book.step(scene, [claim] if claim else [])
        return changes

    def close(self, scene: Scene) -> list[Incident]:
        """See `Rule.close`."""
        return [change for book in self._books.values() for change in book.close(scene)]

    def hold(self, elapsed: int) -> None:
        """See `Rule.hold`; the stage steps this rule on every frame."""
        for book in self._books.values():
            book.hold(elapsed)

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, {kind: book.state() for kind, book in self._books.items()})

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        for kind, saved in _STATE.validate_python(value).items():
            self._books[kind].restore(saved)

    def _claim(self, fault: PictureFault, scene: Scene) -> Claim | None:
        if self._watch is None:
            return None
        now = scene.captured_at
        opens = now - fault.since >= self._watch.after_ns and self._watch.may_open(now)
        view = part_of_picture(fault.kind, 1.0, _WHOLE, scene.aspect, now)
        detail = fault.detail
        if fault.kind in SUSPENDING:
            detail = f"{detail}; suspended while it lasts: {self._zones}"
        return Claim(view, self._watch.zone.id, self._watch.severity, fault.since, opens, members=(), detail=detail)


def _same_camera(item: OpenIncident, claim: Claim, now: int) -> bool:
    return True
