"""`pavement-damage`: the pavement head calls enough patches of a zone damaged, for 60 s in view.

One incident per zone. Patches that a tracked object covers are not judged, nor is any while the visibility head says
that the picture is not clear. Damage does not mend itself in the dark or behind a lorry: what has been found lives on
until the patches were seen to be sound.
"""

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue, TypeAdapter

from services.analyzer.claims import Claim
from services.analyzer.incidents import Hysteresis, IncidentBook, OpenIncident
from services.analyzer.rules.base import Watch, Watches
from services.analyzer.rules.patches import DAMAGED, HOLDS, Mask, Patches, PatchMemory
from services.analyzer.scene import Scene, part_of_picture
from services.analyzer.state import plain
from shared.clock import NS
from shared.heads import CLEAR, DAMAGE, PAVEMENT, VISIBILITY, HeadGrid
from shared.messages import Incident

# Damage changes in days; a look a second is plenty, and the traffic has moved on between two looks.
_EVERY_NS = NS
# After a gap one reading stands for this much at most.
_MOST_NS = 5 * NS
# Of the zone's patches, and at least two: one patch may be a manhole cover or the shadow of a post.
_FRACTION, _LEAST = 0.02, 2
# No longer damaged, or no pavement head any more.
_CLOSE_NS = 60 * NS

_STATE: TypeAdapter[tuple[dict[str, JsonValue], int | None, JsonValue]] = TypeAdapter(
    tuple[dict[str, JsonValue], int | None, JsonValue]
)


class PavementDamage:
    """Opens when damage stays; one incident per zone, with the box around its damaged patches."""

    incident: ClassVar[str] = "pavement-damage"

    def __init__(self, site: str, watches: Watches) -> None:
        self._watches = watches
        self._memories: dict[str, PatchMemory] = {}
        self._patches: Patches | None = None
        self._cells: dict[str, NDArray[np.int64]] = {}
        self._last: int | None = None
        self._book = IncidentBook(self.incident, site, Hysteresis(_CLOSE_NS, _CLOSE_NS), _same_zone)

    def step(self, scene: Scene) -> list[Incident]:
        """See `Rule.step`."""
        result = scene.head(PAVEMENT)
        now = scene.captured_at
        claims: list[Claim] = []
        if result is not None and result.grid is not None and (self._last is None or now - self._last >= _EVERY_NS):
            claims = self._look(result.grid, scene)
            self._last = now
        return self._book.step(scene, claims)

    def close(self, scene: Scene) -> list[Incident]:
        """See `Rule.close`."""
        return self._book.close(scene)

    def hold(self, elapsed: int) -> None:
        """See `Rule.hold`."""
        self._book.hold(elapsed)

    def state(self) -> JsonValue:
        """See `Rule.state`."""
        memories = {zone: memory.state() for zone, memory in self._memories.items()}
        return plain(_STATE, (memories, self._last, self._book.state()))

    def restore(self, value: JsonValue) -> None:
        """See `Rule.restore`."""
        memories, self._last, book = _STATE.validate_python(value)
        self._memories = {zone: PatchMemory.restored(memory) for zone, memory in memories.items()}
        self._book.restore(book)

    def _look(self, grid: HeadGrid, scene: Scene) -> list[Claim]:
        patches = Patches(grid.rows, grid.columns, grid.box)
        if patches != self._patches:
            self._patches, self._cells = patches, {key: patches.inside(w.zone) for key, w in self._watches.items()}
        probabilities = grid.probabilities.ravel()
        in_view = ~patches.touched([track.box for track in scene.tracks])
        visibility = scene.head(VISIBILITY)
        judged = visibility is None or visibility.label == CLEAR
        claims = []
        for key, watch in self._watches.items():
            cells = self._cells[key]
            memory = self._memory_of(key, patches)
            if judged:
                self._judge(watch, memory, probabilities[cells] >= grid.threshold, in_view[cells], scene.captured_at)
            bad = self._damaged(key, memory)
            if bad is not None:
                score = float(probabilities[cells[bad]].mean()) if judged else 0.0
                view = part_of_picture(
                    DAMAGE, round(score, 4), patches.around(cells[bad]), scene.aspect, scene.captured_at
                )
                opens = judged and watch.may_open(scene.captured_at)
                began = int(memory.began[bad].min())
                claims.append(Claim(view, key, watch.severity, began, opens, members=()))
        return claims

    def _memory_of(self, zone: str, patches: Patches) -> PatchMemory:
        """What is known of a zone; nothing after a change of the grid or of the zone."""
        shape, count = (patches.rows, patches.columns), len(self._cells[zone])
        memory = self._memories.get(zone)
        if memory is None or memory.shape != shape or len(memory.share) != count:
            memory = self._memories[zone] = PatchMemory.empty(shape, count)
        return memory

    def _judge(self, watch: Watch, memory: PatchMemory, called: Mask, in_view: Mask, now: int) -> None:
        elapsed = min(now - self._last, _MOST_NS) if self._last is not None else 0
        memory.take(called, in_view, elapsed, watch.after_ns, now)

    def _damaged(self, zone: str, memory: PatchMemory) -> NDArray[np.int64] | None:
        """Which of the zone's patches are damaged; None when they are too few."""
        is_open = self._book.open_in(zone) is not None
        needed = max(_LEAST, math.ceil(_FRACTION * len(memory.share)))
        bad = memory.at_least(HOLDS if is_open else DAMAGED)
        return bad if len(bad) >= (needed / 2 if is_open else needed) else None


def _same_zone(item: OpenIncident, claim: Claim, now: int) -> bool:
    return item.zone == claim.zone
