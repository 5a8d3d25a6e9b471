"""`camera-fault`: the camera's pictures cannot be trusted: frozen, black, overexposed, blurred, covered or moved.

The detector judges the pictures and says what has lasted (docs/camera-health.md). There is one incident per camera and
kind of fault, which is its label, told on the first of the camera's watched zones; its box is the whole picture. While
a fault lasts that leaves nothing to judge by, the stage suspends the zones: `SUSPENDING`. What no picture shows (there
is none, or its time is wrong) is told by `services.analyzer.presence`, from the topic camera-status.
"""

from typing import ClassVar, get_args

from pydantic import JsonValue

from services.analyzer.rules.base import Watches
from services.analyzer.rules.faults import Fault, FaultBooks, Patience
from services.analyzer.scene import Scene
from shared.catalogue import CAMERA_FAULT
from shared.clock import NS
from shared.condition import PictureFault, PictureFaultKind
from shared.messages import Incident

# With these no zone shows what it stands for. On a blurred picture vehicles are still found, only later.
SUSPENDING: frozenset[PictureFaultKind] = frozenset({"frozen", "black", "overexposed", "covered", "moved"})
# The detector has already waited until the fault had lasted, and until it was gone for seconds; 3 s only outlast the
# frames between two measures.
_PATIENCE = Patience(after=0, over=3 * NS)


class CameraFault:
    """Opens when the detector tells a fault and closes when it tells it no more; one incident per kind."""

    incident: ClassVar[str] = CAMERA_FAULT

    def __init__(self, site: str, watches: Watches) -> None:
        self._zones = ", ".join(watches)
        self._books = FaultBooks(site, watches, dict.fromkeys(get_args(PictureFaultKind), _PATIENCE))

    def step(self, scene: Scene) -> list[Incident]:
        """See `Rule.step`."""
        return self._books.step(scene, [self._told(fault) for fault in (scene.health.faults if scene.health else ())])

    def close(self, scene: Scene) -> list[Incident]:
        """See `Rule.close`."""
        return self._books.close(scene)

    def hold(self, elapsed: int) -> None:
        """See `Rule.hold`; the stage steps this rule on every frame."""
        self._books.hold(elapsed)

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        return self._books.state()

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        self._books.restore(value)

    def _told(self, fault: PictureFault) -> Fault:
        detail = fault.detail
        if fault.kind in SUSPENDING:
            detail = f"{detail}; suspended while it lasts: {self._zones}"
        return Fault(fault.kind, fault.since, detail)
