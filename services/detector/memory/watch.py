"""From frame to frame: which patches have looked unfamiliar for a while, and which can be spoken for at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from services.detector.memory.alike import Likeness
from services.detector.memory.cells import EIGHT, Cells
from services.detector.memory.driven import between, feet
from services.detector.memory.road import EmptyRoad, Floats, Mask
from services.detector.memory.still import Stillness
from shared.catalogue import AIRCRAFT, MOVES, ROAD_VEHICLES, SCENERY, SCENERY_THING
from shared.clock import NS
from shared.geometry import area
from shared.surface import Surface, Unfamiliar, ZoneSurface

# A passing vehicle makes every patch unfamiliar for a moment; what stays is so in all but one of these readings.
READINGS, _OPEN = 6, 5
# Readings that lie farther apart than this are no sequence any more.
_GAP_NS = 5 * NS
# A patch is learned every 2 s while little is known, and every 10 s later on.
_LEARN_NS, _REFRESH_NS = 2 * NS, 10 * NS
# Only what looks clearly familiar is learned, and nothing beside what does not: a thing at rest is never absorbed.
_FAMILIAR = 0.6
# A box hides patches, and those beside it that its shadow reaches: from learning at any score, from judging only where
# it is sure of its object: then that has a name, and the rules for it. A thing hides nothing from judging, for its name
# comes and goes: seen too seldom for its rule, it would be hidden too often for the memory.
_GROW, _SURE = 0.25, 0.3
# Patches are described with those around them: this many patches beside a box show it too, however small it is. What
# was learned there in dense traffic would make the empty road unfamiliar.
_BESIDE = 1.0
# What proves the road that it has driven over.
_DRIVES = ROAD_VEHICLES | AIRCRAFT
# More of the open patches than this at once is no obstacle: the light has changed, or the camera moved.
_CHANGED, _CHANGED_NS, _FEW = 0.4, 10 * NS, 20
# One patch alone must be further off than two side by side. A region spreads through patches that are nearly so.
_ALONE, _SPREADS = 1.5, 0.8
# The most that is scored where this does not suffice: below 0.5, which is the threshold of the method.
_DOUBT = 0.49
# Frames farther apart than this do not show one vehicle's way.
_LINK_NS = NS // 2
# A region lies there for as long as half of its patches look as they do: what moves on has new ones all the time.
_HALF = 0.5
# Patches are described with those around them: what lies on a few makes its neighbours unlike too, though less so.
_CORE = 0.7
# Vehicles must have driven over a patch so often before it counts as proven: one could pass over a flat thing.
_PASSES = 2


@dataclass(frozen=True, slots=True)
class Boxes:
    """The detector's boxes on one frame.

    Attributes:
        xyxy: (N, 4) 0..1 of the picture.
        scores: (N,) 0..1.
        drives: (N,) whether it is a vehicle.
        moves: (N,) whether it is of a kind that moves by itself: a vehicle, a person, an animal.
    """

    xyxy: NDArray[np.float64]
    scores: Floats
    drives: Mask
    moves: Mask

    @classmethod
    def of(cls, xyxy: NDArray[np.float64], scores: Floats, labels: Sequence[str]) -> Self:
        """Boxes by what the detector calls them."""
        drives, moves = (np.array([label in kind for label in labels], np.bool_) for kind in (_DRIVES, MOVES))
        return cls(xyxy, scores, drives, moves)

    def things(self) -> "Boxes":
        """Without those that are the scenery itself (see shared.catalogue); persons so near count as such too."""
        keep = area(self.xyxy) <= np.where(self.drives, SCENERY, SCENERY_THING)
        return Boxes(self.xyxy[keep], self.scores[keep], self.drives[keep], self.moves[keep])


class RoadWatch:
    """The memory of one camera's road, with the last seconds."""

    def __init__(self, cells: Cells, road: EmptyRoad | None = None, passes: NDArray[np.int64] | None = None) -> None:
        self.cells, self._road = cells, road
        count = len(cells)
        self.passes = np.zeros(count, np.int64) if passes is None else passes
        self._driven = np.zeros(count, np.bool_)
        self._vehicles: tuple[int, NDArray[np.float64]] | None = None
        self._still, self._likeness = Stillness(count), Likeness(cells)
        self._doubted = np.zeros(count, np.bool_)
        self._readings: list[tuple[int, Floats]] = []
        self._learned_at: int | None = None
        self._changed_since: int | None = None
        self._compare()

    @property
    def road(self) -> EmptyRoad | None:
        """None before the first frame."""
        return self._road

    def follow(self, boxes: Boxes, at: int) -> None:
        """Take the boxes of a frame, also of one that is not read: where vehicles drive, nothing lies."""
        now = boxes.xyxy[boxes.drives & (boxes.scores >= _SURE)]
        linked = self._vehicles is not None and 0 < at - self._vehicles[0] <= _LINK_NS
        way = between(self._vehicles[1], now) if self._vehicles and linked else now[:0]
        driven = self.cells.under(feet(np.concatenate([now, way])))
        known = driven if self._road is None else driven & self._road.known
        self.passes[known & ~self._driven] += 1
        self._driven, self._vehicles = driven, (at, now)

    def confirm(self, zone: str) -> None:
        """A person says that nothing is on a zone: the patches that are known and not unfamiliar now are proven."""
        if self._road is None or zone not in self.cells.zones:
            return
        member = self.cells.member[self.cells.zones.index(zone)]
        self.passes[member & self._road.known & (self._still.since == 0) & ~self._doubted] += _PASSES
        self._compare()

    def read(self, now: Floats, boxes: Boxes, at: int) -> Surface:
        """Take a frame's (K, D) descriptors; `at` is UTC ns and never runs back."""
        if self._road is None:
            self._road = EmptyRoad(len(self.cells), now.shape[1])
        if self._readings and at - self._readings[-1][0] > _GAP_NS:
            self._readings.clear()
        distance = self._road.distance(now)
        named = self.cells.under(boxes.xyxy[boxes.moves & (boxes.scores >= _SURE)], _GROW)
        self._readings = [*self._readings[1 - READINGS :], (at, np.where(named, np.nan, distance).astype(np.float32))]
        held = np.array([values for _, values in self._readings])
        stays, few = _stays(held)
        known, limit = self._road.known, self._road.threshold
        odd = known & ~few & (stays >= limit)
        # Between vehicles that follow each other a patch is open for a reading now and then: that is enough to be seen
        # free, and too little to say that something else than them is there.
        hidden = known & ~(held < _SPREADS * limit).any(axis=0)
        seen = known & ~few
        ratio = np.where(seen, stays / limit, np.float32(0))
        # What was unfamiliar, or nearly so, and is hidden since, nobody has seen go.
        unseen = hidden & self._doubted
        ratio[unseen] = np.maximum(ratio[unseen], _SPREADS)
        self._doubted = ratio >= _SPREADS
        if self._has_changed(odd, seen, at):
            surface = Surface(state="changed", zones=self._zones(hidden), regions=[])
            if at - (self._changed_since or at) >= _CHANGED_NS:
                self._forget()
        else:
            self._still.see(now, odd, ~named, unseen, _FAMILIAR * limit, self._readings[0][0], at)
            state = "watching" if known.mean() >= 0.5 else "learning"
            regions = self._regions(odd, ratio) + self._unlike()
            surface = Surface(
                state=state, zones=self._zones(hidden), regions=sorted(regions, key=lambda item: item.box)
            )
        self._learn(now, boxes, distance, stays, odd, at)
        return surface

    def _has_changed(self, odd: Mask, seen: Mask, at: int) -> bool:
        """Whether so much looks otherwise that it is the light, or the camera."""
        changed = seen.sum() >= _FEW and odd.sum() > _CHANGED * seen.sum()
        self._changed_since = (self._changed_since or at) if changed else None
        return bool(changed)

    def _forget(self) -> None:
        """The whole view looks otherwise for good: what was learned no longer holds, nor what was proven."""
        assert self._road is not None
        self._road = EmptyRoad(len(self.cells), self._road.dimensions)
        self.passes[:] = 0
        self._still.clear()
        self._doubted[:] = False
        self._compare()
        self._readings.clear()
        self._learned_at = self._changed_since = None

    def _zones(self, hidden: Mask) -> list[ZoneSurface]:
        assert self._road is not None
        proven = self._road.known & ((self.passes >= _PASSES) | self._likeness.alike)
        told = []
        for zone, member in zip(self.cells.zones, self.cells.member, strict=True):
            count = max(int(member.sum()), 1)
            shares = [round(float((mask & member).sum()) / count, 4) for mask in (self._road.known, proven, hidden)]
            told.append(ZoneSurface(zone=zone, known=shares[0], proven=shares[1], hidden=shares[2]))
        return told

    def _regions(self, odd: Mask, ratio: Floats) -> list[Unfamiliar]:
        """What is unfamiliar, and, scored below the threshold, what is nearly so: then nobody can say "clear"."""
        found = []
        for whole in self.cells.groups(self._doubted):
            part = odd & whole
            strongest = float(ratio[whole].max())
            sure = part.sum() > 1 or strongest >= _ALONE
            if not part.any():
                part = whole
            score = round(min(0.5 * strongest, 1.0 if sure else _DOUBT), 4)
            since = int(np.quantile(self._still.since[part], _HALF, method="lower")) or self._readings[0][0]
            found.append(Unfamiliar(box=self.cells.box(part), score=score, since=since))
        return found

    def _unlike(self) -> list[Unfamiliar]:
        """What has looked unlike the road beside it since the first look at it: then nobody can say "clear" either."""
        assert self._road is not None
        unlike = np.where(self.passes < _PASSES, self._likeness.unlike, 0)
        cores = [part & (unlike >= _CORE * unlike[part].max()) for part in self.cells.groups(unlike > 0)]
        return [Unfamiliar(box=self.cells.box(core), score=_DOUBT, since=self._road.first_seen(core)) for core in cores]

    def _compare(self) -> None:
        """See what is like the proven road, now that more is known or proven."""
        if self._road is not None:
            self._likeness.see(self._road, self.passes >= _PASSES)

    def _learn(self, now: Floats, boxes: Boxes, distance: Floats, stays: Floats, odd: Mask, at: int) -> None:
        road = self._road
        if road is None or self._changed_since is not None:
            return
        every = _REFRESH_NS if road.known.mean() >= 0.9 else _LEARN_NS
        if self._learned_at is not None and 0 <= at - self._learned_at < every:
            return
        self._learned_at = at
        near = ndimage.binary_dilation(self.cells.grid(odd), structure=EIGHT).ravel()[self.cells.index]
        limit = _FAMILIAR * road.threshold
        familiar = ~road.known | ((distance < limit) & (stays < limit) & ~near)
        wide, high = self.cells.size
        around = boxes.xyxy + _BESIDE * np.array([-wide, -high, wide, high])
        road.learn(now, familiar & ~self.cells.under(boxes.xyxy, _GROW) & ~self.cells.under(around), at)
        self._compare()


def _stays(held: Floats) -> tuple[Floats, Mask]:
    """Of (readings, K) distances the second least of each patch, and where too few were open to say."""
    few = np.isfinite(held).sum(axis=0) < _OPEN
    if len(held) < 2:
        return np.zeros(held.shape[1], np.float32), np.ones(held.shape[1], np.bool_)
    least = np.sort(np.where(np.isnan(held), np.inf, held), axis=0)[1]
    return np.where(few, np.float32(0), least).astype(np.float32), few
