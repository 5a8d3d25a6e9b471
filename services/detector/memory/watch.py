"""From frame to frame: which patches have looked unfamiliar for a while, and which can be spoken for at all."""

import numpy as np
from numpy.typing import NDArray

from services.detector.boxes import Boxes
from services.detector.memory.alike import Likeness
from services.detector.memory.blind import blind
from services.detector.memory.cells import Cells
from services.detector.memory.drift import Drift
from services.detector.memory.driven import Passes
from services.detector.memory.light import Luma
from services.detector.memory.lit import OTHER, Lit
from services.detector.memory.plate import Plate
from services.detector.memory.readings import Readings
from services.detector.memory.road import EmptyRoad, Floats, Mask
from services.detector.memory.still import Stillness
from shared.clock import NS
from shared.surface import Surface, Unfamiliar, ZoneSurface

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
# More of the open patches than this at once is no obstacle: the light has changed, or the camera moved.
_CHANGED, _CHANGED_NS, _FEW = 0.4, 10 * NS, 20
# One patch alone must be further off than two side by side. A region spreads through patches that are nearly so.
_ALONE, _SPREADS = 1.5, 0.8
# So many side by side that are each unfamiliar by this share of their thresholds are a doubt together, such as a grey
# thing at a lane's edge. On 12 empty roads of the dev split such groups begin at 0.55.
_TOGETHER, _NEARLY = 3, 0.65
# The most that is scored where this does not suffice: below 0.5, which is the threshold of the method.
_DOUBT = 0.49
# A region lies there for as long as half of its patches look as they do: what moves on has new ones all the time.
_HALF = 0.5
# Patches are described with those around them: what lies on a few makes its neighbours unlike too, though less so.
_CORE = 0.7
# Vehicles must have driven over a patch so often before it counts as proven: one could pass over a flat thing.
_PASSES = 2


class RoadWatch:
    """The memory of one camera's road, with the last seconds."""

    def __init__(
        self, cells: Cells, road: EmptyRoad | None = None, passes: NDArray[np.int64] | None = None,
        lit: Mask | None = None,
    ) -> None:  # fmt: skip
        self.cells, self._road = cells, road
        count = len(cells)
        self._passes = Passes(cells, passes)
        self._still, self._likeness, self._drift = Stillness(count), Likeness(cells), Drift(count)
        self._lit, self._plate = Lit(cells, lit, passes), Plate(cells)
        self._doubted, self._readings = np.zeros(count, np.bool_), Readings()
        self._learned_at: int | None = None
        self._changed_since: int | None = None
        # What was said of patches that look unlike proven road, for the next frame says the same.
        self._said: tuple[Floats, list[Unfamiliar]] | None = None
        self._compare()

    @property
    def road(self) -> EmptyRoad | None:
        """None before the first frame."""
        return self._road

    @property
    def passes(self) -> NDArray[np.int64]:
        """(K,) how often vehicles have driven over each patch, since it is known."""
        self._count()
        return self._passes.counts

    @property
    def lit(self) -> Mask:
        """(K,) the patches that look unfamiliar by the light alone."""
        return self._lit.mask

    def follow(self, boxes: Boxes, at: int) -> None:
        """Take the boxes of a frame, also of one that is not read: where vehicles drive, nothing lies."""
        if self._passes.take(boxes.xyxy[boxes.drives & (boxes.scores >= _SURE)], at):
            self._count()

    def _count(self) -> None:
        self._passes.count(np.ones(len(self.cells), np.bool_) if self._road is None else self._road.known)

    def confirm(self, zone: str) -> None:
        """A person says that nothing is on a zone: the patches that are known are proven, but for those that are
        unfamiliar now, unless by the light."""
        if self._road is None or zone not in self.cells.zones:
            return
        member = self.cells.member[self.cells.zones.index(zone)]
        self.passes[member & self._road.known & (self.lit | ((self._still.since == 0) & ~self._doubted))] += _PASSES
        self._compare()

    def read(self, now: Floats, boxes: Boxes, at: int, luma: Luma | None = None) -> Surface:
        """Take a frame's (K, D) descriptors; `at` is UTC ns and never runs back.

        `luma`: (H, W) uint8, the model's input; without it what came with the light is not told from things.
        """
        if self._road is None:
            self._road = EmptyRoad(len(self.cells), now.shape[1])
        self._count()  # before more of the road is known
        moving = boxes.xyxy[boxes.moves & (boxes.scores >= _SURE)]
        named = self.cells.under(moving, _GROW)
        if luma is not None:
            self._lit.light.see(luma[self.cells.picture], moving, at)
            self._plate.see(luma, ~named)
        distance = self._distance(now, ~named, at)
        self._readings.take(np.where(named, np.float32(np.nan), distance), at)
        stays, few = self._readings.stays()
        known, limit = self._road.known, self._road.threshold
        self._lit.changes(now, distance, limit, known & ~named, at)
        odd = known & ~few & (stays >= limit)
        # Between vehicles in a row a patch is open now and then: enough to be seen free, too little to say that
        # something else is there.
        hidden = known & ~self._readings.once_below(_SPREADS * limit)
        if luma is not None:
            hidden |= known & blind(luma, self.cells)
        seen = known & ~few
        ratio = np.where(seen, stays / limit, np.float32(0))
        # What was unfamiliar, or nearly so, and is hidden since, nobody has seen go.
        unseen = hidden & self._doubted
        ratio[unseen] = np.maximum(ratio[unseen], _SPREADS)
        self._doubted = self._in_doubt(ratio)
        if self._has_changed(odd & self.cells.inside, seen & self.cells.inside, at):
            surface = Surface(state="changed", zones=self._zones(hidden), regions=[])
            if at - (self._changed_since or at) >= _CHANGED_NS:
                self._forget()
        else:
            self._still.see(now, odd, ~named, unseen, _FAMILIAR * limit, self._readings.first, at)
            self._lit.see(
                now, ratio >= OTHER, seen & ~named, _FAMILIAR * limit, self.passes, at, weather=self._drift.is_weather
            )
            state = "watching" if self._share(known) >= 0.5 else "learning"
            regions = self._regions(odd, ratio) + self._unlike()
            regions.sort(key=lambda item: item.box)
            surface = Surface(state=state, zones=self._zones(hidden), regions=regions)
        self._learn(now, boxes, distance, stays, odd, at)
        return surface

    def _distance(self, now: Floats, free: Mask, at: int) -> Floats:
        """(K,) to the nearest look of the road, of before or of lately."""
        assert self._road is not None
        close, known = _FAMILIAR * self._road.threshold, free & self._road.known
        lately = self._drift.distance(now)
        near = lately < close
        distance = np.minimum(self._road.distance(now, free & ~near, close), lately)
        self._drift.follow(now, near & known, known & (distance < close), at)
        return distance

    def _in_doubt(self, ratio: Floats) -> Mask:
        """The patches that are unfamiliar, or nearly so by themselves or together."""
        doubted = np.asarray(ratio >= _SPREADS)
        for group in self.cells.groups(ratio >= _NEARLY):
            if group.sum() >= _TOGETHER:
                doubted |= group
        return doubted

    def _share(self, mask: Mask) -> float:
        """Of the zones' patches."""
        return float(mask[self.cells.inside].mean())

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
        self._drift.clear()
        self._lit.clear()
        self._doubted[:] = False
        self._compare()
        self._readings.clear()
        self._learned_at = self._changed_since = None

    def _zones(self, hidden: Mask) -> list[ZoneSurface]:
        assert self._road is not None
        proven = self._road.known & ((self.passes >= _PASSES) | self._likeness.alike)
        member = self.cells.member.astype(np.int64)
        counts = member @ np.stack([self._road.known, proven, hidden], axis=1)
        shares = np.round(counts / np.maximum(member.sum(axis=1, keepdims=True), 1), 4).tolist()
        return [
            ZoneSurface(zone=zone, known=known, proven=proven, hidden=hidden)
            for zone, (known, proven, hidden) in zip(self.cells.zones, shares, strict=True)
        ]

    def _regions(self, odd: Mask, ratio: Floats) -> list[Unfamiliar]:
        """What is unfamiliar, and, scored below the threshold, what is nearly so: then nobody can say "clear"."""
        found = []
        for whole in self.cells.groups(self._doubted):
            on_road = whole & self.cells.inside
            if not on_road.any():
                continue  # it stands behind the lane
            part = odd & whole
            strongest = float(ratio[whole].max())
            sure = part.sum() > 1 or strongest >= _ALONE
            if not part.any():
                part = whole
            by_light = sure and (self._lit.mostly(part) or self._plate.is_soft(part))
            score = round(min(0.5 * strongest, 1.0 if sure and not by_light else _DOUBT), 4)
            since = int(np.quantile(self._still.since[part], _HALF, method="lower")) or self._readings.first
            place = part & on_road if (part & on_road).any() else on_road
            found.append(Unfamiliar(box=self.cells.box(place), score=score, since=since))
        return found

    def _unlike(self) -> list[Unfamiliar]:
        """What has looked unlike the road beside it since the first look at it: then nobody can say "clear" either."""
        assert self._road is not None
        unlike = np.where(self.passes < _PASSES, self._likeness.unlike, 0)
        if self._said is None or (self._said[0] != unlike).any():
            cores = [part & (unlike >= _CORE * unlike[part].max()) for part in self.cells.groups(unlike > 0)]
            box, since = self.cells.box, self._road.first_seen
            self._said = unlike, [Unfamiliar(box=box(core), score=_DOUBT, since=since(core)) for core in cores]
        return self._said[1]

    def _compare(self) -> None:
        """See what is like the proven road, now that more is known or proven."""
        self._said = None
        if self._road is not None:
            self._likeness.see(self._road, self.passes >= _PASSES)

    def _learn(self, now: Floats, boxes: Boxes, distance: Floats, stays: Floats, odd: Mask, at: int) -> None:
        road = self._road
        if road is None or self._changed_since is not None:
            return
        every = _REFRESH_NS if self._share(road.known) >= 0.9 else _LEARN_NS
        if self._learned_at is not None and 0 <= at - self._learned_at < every:
            return
        self._learned_at = at
        near = self.cells.beside(odd)
        limit = _FAMILIAR * road.threshold
        familiar = ~road.known | ((distance < limit) & (stays < limit) & ~near) | self._lit.driven(self.passes, _PASSES)
        wide, high = self.cells.size
        around = boxes.xyxy + _BESIDE * np.array([-wide, -high, wide, high])
        learned = familiar & ~self.cells.under(boxes.xyxy, _GROW) & ~self.cells.under(around)
        road.learn(now, learned, at)
        self._plate.learn(learned)
        self._compare()
