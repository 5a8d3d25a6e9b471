"""`wayside check`: what a valid site file makes Wayside watch, so that a person can compare it with the intent."""

from rich.table import Table

from shared.catalogue import CATALOGUE
from shared.cron import explained
from shared.site import Site, Window
from shared.telemetry.logs import redact

# Points that disagree by more than this share of the calibrated stretch make speeds wrong by about as much.
POOR_SHARE = 0.02


def describe(site: Site) -> Table:
    """One row per zone: its camera, kind, and the incident types with their times."""
    from services.analyzer.rules.base import watches_for

    table = Table(title=f"site {site.site}: {len(site.cameras)} cameras, {len(site.sinks)} sinks")
    for column in ("camera", "source", "zone", "kind", "watches for"):
        table.add_column(column)
    for camera in site.cameras:
        watches = {incident: watches_for(site, camera, incident) for incident in CATALOGUE}
        for zone in camera.zones:
            rules = [
                f"{incident} after {found[zone.id].after_ns / 1e9:g} s ({found[zone.id].severity})"
                + _classes(found[zone.id].classes if _names_classes(site, incident) else None)
                + _hours(found[zone.id].schedule, site.timezone)
                for incident, found in watches.items()
                if zone.id in found and (incident != "wrong-way" or zone.direction is not None)
            ]
            table.add_row(camera.id, redact(camera.source), zone.id, zone.kind, "\n".join(rules) or "nothing yet")
        if not camera.zones:
            table.add_row(camera.id, redact(camera.source), "-", "-", "nothing: it has no zones")
    return table


def calibration(site: Site) -> list[str]:
    """One line per calibrated camera: how well its points agree with one plane."""
    lines = []
    for camera in site.cameras:
        if camera.ground is None:
            continue
        plane, count = camera.ground.plane(), len(camera.ground.pixels)
        if count == 4:
            text = "4 points fit exactly and so cannot be judged; give more, or look at `wayside grid`"
        else:
            text = f"{count} points, off by {plane.error_m:.2f} m (RMS), {plane.worst_error_m:.2f} m at most"
            low, high = plane.extent
            if plane.error_m > POOR_SHARE * float(max(high - low)):
                worst = int(plane.errors_m.argmax()) + 1
                text += f" - WARNING: poor; look at point {worst}, and at `wayside grid`"
        lines.append(f"camera {camera.id}: ground: {text}")
    return lines


def inspections(site: Site) -> list[str]:
    """One line per planned inspection: when, and which cameras answer."""
    return [
        f"lane {plan.lane}: inspected {_first_lower(explained(plan.cron))}, {site.timezone}; "
        f"cameras: {', '.join(camera.id for camera, _ in site.lane(plan.lane))}"
        for plan in site.inspections
    ]


def _first_lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _names_classes(site: Site, incident: str) -> bool:
    return any(rule.incident == incident and rule.classes is not None for rule in site.rules)


def _classes(classes: frozenset[str] | None) -> str:
    return "; " + ", ".join(sorted(classes)) if classes is not None else ""


def _hours(schedule: tuple[Window, ...], timezone: str) -> str:
    """Days and times of a schedule as a person writes them."""
    windows = [f"{' '.join(window.days)} {_clock(window.begin)}-{_clock(window.end)}" for window in schedule]
    return f"; {', '.join(windows)} {timezone}" if windows else ""


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
