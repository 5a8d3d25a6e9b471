"""One aircraft's stay at a stand: its milestones and durations from what is known of aircraft and vehicles.

Everything here is a plain function of the last revision, so that a repeated frame gives the same message.
"""

from collections.abc import Sequence

from shared.clock import NS
from shared.messages import Incident
from shared.turnaround import MILESTONES, Milestone, MilestoneName, StayStatus, Turnaround, VehicleVisit

# Of more vehicles than this the first and the last stay in the message: it must fit the bus however long the stay.
MOST_VISITS = 200


def begun(incident: Incident, in_block: int | None, visits: Sequence[VehicleVisit]) -> Turnaround:
    """The first revision of a stay.

    Args:
        incident: stand-occupied, as it opened.
        in_block: AIBT in UTC ns; None when nobody saw the aircraft arrive.
        visits: of the vehicles that are there already.
    """
    aibt = [] if in_block is None else [Milestone(name="AIBT", at=in_block)]
    stay = Turnaround(
        turnaround_id=incident.incident_id,
        site=incident.site,
        camera=incident.camera,
        zone=incident.zone,
        run=incident.run,
        label=incident.label,
        first_seen=incident.started_at,
        changed_at=incident.changed_at,
        milestones=aibt,
    )
    for visit in visits:
        stay = with_visit(stay, visit)
    return stay


def with_visit(stay: Turnaround, visit: VehicleVisit) -> Turnaround:
    """The stay with a vehicle that has come or has left."""
    others = [item for item in stay.vehicles if item.incident_id != visit.incident_id]
    new = len(others) == len(stay.vehicles)
    visits = sorted([*others, visit], key=lambda item: (item.first_seen, item.incident_id))
    if len(visits) > MOST_VISITS:
        del visits[1]
    return _timed(stay.model_copy(update={"vehicles": visits, "vehicle_count": stay.vehicle_count + new}))


def ended(stay: Turnaround, status: StayStatus, last_seen: int) -> Turnaround:
    """The stay after the aircraft has left (`vacated`), or after it was lost from sight."""
    known = [item for item in stay.milestones if item.name != "AOBT"]
    if status == "vacated":
        known.append(Milestone(name="AOBT", at=last_seen))
    return _timed(stay.model_copy(update={"status": status, "last_seen": last_seen, "milestones": known}))


def _timed(stay: Turnaround) -> Turnaround:
    """With the milestones and durations that follow from in-block, off-block and the visits."""
    times: dict[MilestoneName, int | None] = {name: stay.at(name) for name in ("AIBT", "AOBT")}
    times["ACGT"] = _handling_begins(stay)
    times["AEGT"] = _handling_ends(stay)
    names = list(MILESTONES)
    found = [Milestone(name=name, at=at) for name, at in times.items() if at is not None]
    return stay.model_copy(
        update={
            "milestones": sorted(found, key=lambda item: (item.at, names.index(item.name))),
            "turn_round_s": seconds(times["AIBT"], times["AOBT"]),
            "ground_handling_s": seconds(times["ACGT"], times["AEGT"]),
        }
    )


def _handling_begins(stay: Turnaround) -> int | None:
    """The first vehicle's arrival; in-block for one that waited for the aircraft. Unknown when in-block is: somebody
    may have come and gone before."""
    in_block = stay.at("AIBT")
    if in_block is None or not stay.vehicles:
        return None
    return max(in_block, stay.vehicles[0].first_seen)


def _handling_ends(stay: Turnaround) -> int | None:
    """The last vehicle's departure, off-block at the latest; unknown while the aircraft or one of them is there."""
    off_block, left = stay.at("AOBT"), [item.left for item in stay.vehicles if item.left is not None]
    if off_block is None or not left or len(left) < len(stay.vehicles):
        return None
    return min(off_block, max(left))


def seconds(begin: int | None, end: int | None) -> float | None:
    """Seconds between two times in UTC ns; None when one of them is not known."""
    return None if begin is None or end is None else round((end - begin) / NS, 3)
