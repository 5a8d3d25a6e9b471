"""The open camera faults of one camera: one incident per kind, on the first of the zones that the site watches for it.

A fault's box is the whole picture, and its label is its kind.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue, TypeAdapter

from services.analyzer.claims import Claim
from services.analyzer.incidents import Hysteresis, IncidentBook, OpenIncident
from services.analyzer.rules.base import Watches
from services.analyzer.scene import BoxTuple, Scene, part_of_picture
from services.analyzer.state import plain
from shared.catalogue import CAMERA_FAULT
from shared.clock import Ns
from shared.condition import CameraFaultKind
from shared.messages import Incident

_WHOLE: BoxTuple = (0.0, 0.0, 1.0, 1.0)
_STATE: TypeAdapter[dict[CameraFaultKind, JsonValue]] = TypeAdapter(dict[CameraFaultKind, JsonValue])


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong now, and since when (UTC ns)."""

    kind: CameraFaultKind
    since: Ns
    detail: str


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a kind of fault must last before it is told, and stay away before it is over; ns."""

    after: int
    over: int


class FaultBooks:
    """Opens an incident when a fault has lasted and closes it when it stays away."""

    def __init__(self, site: str, watches: Watches, kinds: Mapping[CameraFaultKind, Patience]) -> None:
        self._watch = next(iter(watches.values()), None)
        self._kinds = kinds
        self._books = {
            kind: IncidentBook(CAMERA_FAULT, site, Hysteresis(patience.over, patience.over), _same_camera, kind=kind)
            for kind, patience in kinds.items()
        }

    def step(self, scene: Scene, faults: Iterable[Fault]) -> list[Incident]:
        """The changes that these faults make at the scene's time."""
        claims = {fault.kind: self._claim(fault, scene) for fault in faults}
        changes = []
        for kind, book in self._books.items():
            claim = claims.get(kind)
            changes += book.step(scene, [claim] if claim else [])
        return changes

    def close(self, scene: Scene) -> list[Incident]:
        """See `Rule.close`."""
        return [change for book in self._books.values() for change in book.close(scene)]

    def hold(self, elapsed: int) -> None:
        """See `Rule.hold`."""
        for book in self._books.values():
            book.hold(elapsed)

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return plain(_STATE, {kind: book.state() for kind, book in self._books.items()})

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        for kind, saved in _STATE.validate_python(value).items():
            if kind not in self._books:
                raise ValueError(f"no such fault: {kind!r}")
            self._books[kind].restore(saved)

    def _claim(self, fault: Fault, scene: Scene) -> Claim | None:
        if self._watch is None:
            return None
        now = scene.captured_at
        lasted = now - fault.since >= max(self._watch.after_ns, self._kinds[fault.kind].after)
        view = part_of_picture(fault.kind, 1.0, _WHOLE, scene.aspect, now)
        return Claim(
            view,
            self._watch.zone.id,
            self._watch.severity,
            fault.since,
            lasted and self._watch.may_open(now),
            members=(),
            detail=fault.detail,
        )


def _same_camera(item: OpenIncident, claim: Claim, now: int) -> bool:
    return True
