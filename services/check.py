"""`wayside check`: what a valid site file makes Wayside watch, so that a person can compare it with the intent."""

from rich.table import Table

from shared.catalogue import CATALOGUE
from shared.site import Site, Window
from shared.telemetry.logs import redact


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
