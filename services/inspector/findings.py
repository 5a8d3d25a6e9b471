"""What the frames of a lane show that speaks against "clear": things on it, and what the memory of the empty road says.

Each finding is a reason with the index of the frame that shows it best (None: no frame does).
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from services.inspector.limits import Limits
from services.inspector.look import Look
from services.inspector.place import Place
from services.inspector.resting import creeps, rests
from shared.catalogue import ANIMALS, CATALOGUE, PERSONS
from shared.clock import in_words
from shared.inspection import Doubt, Reason
from shared.messages import Incident, TrackedObject
from shared.surface import Unfamiliar

Found = tuple[Reason, int | None]

# Birds fly by, as in the rule.
_ANIMALS = CATALOGUE["animal-on-lane"].classes or ANIMALS

# Open, they say that something is on the lane that should not be there.
DANGERS = frozenset(
    {"stopped-vehicle", "obstacle-on-lane", "person-on-lane", "animal-on-lane", "wrong-way", "intrusion"}
)
# Open, they say that the lane, or the camera, cannot be seen as it should be; a person has to look.
DOUBTS = frozenset({"congestion", "pavement-damage", "smoke-or-fog", "camera-fault"})
# These are about a camera, whichever of its zones they are told on.
OF_CAMERA = frozenset({"smoke-or-fog", "camera-fault"})


def longest_gap(times: Sequence[int], start: int, end: int) -> int:
    """The longest time between `start` and `end` without one of the times, ns.

    >>> longest_gap([2, 3, 9], 0, 10)
    6
    """
    edges = [start, *times, end]
    return max(later - earlier for earlier, later in pairwise(edges))


def proves(looks: Sequence[Look], zone: str) -> bool:
    """Whether traffic has proven more of a lane in this time."""
    shares = [part.proven for look in looks if look.surface for part in look.surface.zones if part.zone == zone]
    return bool(shares) and shares[-1] > shares[0]


def of_incidents(incidents: Sequence[Incident]) -> Iterator[Found]:
    """Open incidents of the lane, or of its camera."""
    for incident in incidents:
        name = incident.incident.replace("-", " ")
        text = f"open incident {incident.incident_id}: {name} ({incident.label})"
        if incident.incident in DANGERS:
            yield Reason(code="incident", verdict="not-clear", text=text, box=incident.box, score=incident.score), None
        elif incident.incident == "camera-fault":
            yield Reason(code="picture-fault", verdict="cannot-tell", text=text), None
        elif incident.incident in DOUBTS:
            yield Reason(code="doubtful", verdict="cannot-tell", text=text), None


def of_objects(looks: Sequence[Look], zone: str, end: int, limits: Limits) -> Iterator[Found]:
    """Objects at rest, persons and animals on the lane. What drives by is neither."""
    yield from _present(looks, zone, PERSONS, "person", limits)
    yield from _present(looks, zone, _ANIMALS, "animal", limits)
    found = rests(looks, zone, PERSONS | _ANIMALS)
    whole = looks[-1].captured_at - looks[0].captured_at if looks else 0
    lasting = [rest for rest in found if rest.span_ns >= min(limits.rest_ns, whole)]
    if lasting:
        # The surest of those that stayed: it decides whether it is one at all.
        rest = max(lasting, key=lambda item: item.score)
        where = f"{rest.item.label}, at rest on the lane for {in_words(rest.span_ns)} of this time"
        if rest.score >= limits.sure:
            yield _reason("object-at-rest", "not-clear", where, rest.item, rest.score), rest.look
        else:
            yield _reason("doubtful", "cannot-tell", f"perhaps: {where}", rest.item, rest.score), rest.look
        return
    slow = next((rest for rest in found if rest.span_ns >= limits.slow_ns and not creeps(looks, rest)), None)
    if slow is not None:
        text = f"{slow.item.label}, at one place for {in_words(slow.span_ns)}: it may rest, or be far and slow"
        yield _reason("may-pass", "cannot-tell", text, slow.item, slow.score), slow.look
        return
    last = [rest for rest in found if rest.span_ns >= limits.halt_ns and end - rest.until <= limits.halt_ns // 2]
    halted = next((rest for rest in last if not creeps(looks, rest)), None)
    if halted is not None:
        text = f"{halted.item.label}, at one place for the last {in_words(halted.span_ns)}: it may have stopped"
        yield _reason("may-pass", "cannot-tell", text, halted.item, halted.score), halted.look


def of_surface(
    looks: Sequence[Look], zone: str, place: Place, doubted_since: int | None, limits: Limits
) -> Iterator[Found]:
    """What the memory of the empty lane says, over all the frames on which it was asked.

    Args:
        doubted_since: from this capture time on what is unfamiliar may be the picture's fault (UTC ns).
    """
    asked = [(index, look.surface) for index, look in enumerate(looks) if look.surface is not None]
    states = {surface.state for _, surface in asked}
    if "learning" in states:
        yield _doubt("learning", "the empty lane is still being learned"), None
    if "changed" in states:
        yield _doubt("view-changed", "the whole view looks otherwise than what was learned"), None
    touching = [(region, index) for index, surface in asked for region in surface.regions if place.touches(region.box)]
    yield from _unfamiliar(touching, looks, doubted_since, limits)
    parts = [[part for part in surface.zones if part.zone == zone] for _, surface in asked]
    if not all(parts):
        yield _doubt("no-memory", "the memory does not cover this lane"), None
    shares = [part for found in parts for part in found]
    if not shares:
        return
    known, proven = min(part.known for part in shares), min(part.proven for part in shares)
    if known < limits.known:
        text = f"the empty look of {known:.0%} of the lane is known; {limits.known:.0%} is needed"
        yield _doubt("not-known", text), None
    if proven < limits.proven:
        text = f"{proven:.0%} of the lane was proven empty by traffic or a person; {limits.proven:.0%} is needed"
        yield _doubt("not-proven", text), None
    # Each word is about the last seconds before it, so the last one tells whether all of the road was seen.
    if shares[-1].hidden > limits.hidden:
        text = f"{shares[-1].hidden:.0%} of the lane is hidden, by what is on it, by glare or by darkness"
        yield _doubt("hidden", text), asked[-1][0]


def _unfamiliar(
    touching: Sequence[tuple[Unfamiliar, int]], looks: Sequence[Look], doubted_since: int | None, limits: Limits
) -> Iterator[Found]:
    told = [item for item in touching if item[0].score >= limits.doubtful]
    sure = [
        (region, index)
        for region, index in told
        if region.score >= limits.unfamiliar
        and looks[index].captured_at - region.since >= limits.lasts_ns
        and (doubted_since is None or looks[index].captured_at < doubted_since)
    ]
    if not told:
        return
    # Of equal scores the latest: it lies there still.
    region, index = max(sure or told, key=lambda item: (item[0].score, item[1]))
    lasted = in_words(max(0, looks[index].captured_at - region.since))
    if sure:
        text = f"something lies on the lane that does not belong to it, for {lasted}"
        yield Reason(code="unfamiliar", verdict="not-clear", text=text, box=region.box, score=region.score), index
    else:
        text = f"something may lie on the lane, for {lasted}"
        yield Reason(code="may-pass", verdict="cannot-tell", text=text, box=region.box, score=region.score), index


def _present(looks: Sequence[Look], zone: str, labels: frozenset[str], code: str, limits: Limits) -> Iterator[Found]:
    seen = [(index, item) for index, look in enumerate(looks) for item in look.on_lane(zone) if item.label in labels]
    if not seen:
        return
    index, item = max(seen, key=lambda found: (found[1].score, found[0]))
    lasted = looks[seen[-1][0]].captured_at - looks[seen[0][0]].captured_at
    if lasted >= limits.presence_ns:
        yield _reason(code, "not-clear", f"{item.label} on the lane", item, item.score), index
    else:
        yield (
            _reason("doubtful", "cannot-tell", f"a {item.label} was on the lane for a moment", item, item.score),
            index,
        )


def _reason(code: str, verdict: str, text: str, item: TrackedObject, score: float) -> Reason:
    return Reason.model_validate(
        {"code": code, "verdict": verdict, "text": text, "box": item.box, "score": round(score, 4)}
    )


def _doubt(code: Doubt, text: str) -> Reason:
    return Reason(code=code, verdict="cannot-tell", text=text)
