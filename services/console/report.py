"""The report of an inspection: what it says in words, and as a page. The PDF is made of the same words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader

from services.console.views import evidence_path
from shared.clock import NS
from shared.inspection import CameraInspection, Inspection

_TITLES = {"clear": "Clear", "not-clear": "Not clear", "cannot-tell": "Cannot tell"}
_MEANINGS = {
    "clear": "Every camera saw the whole lane, and nothing lay, stood or walked on it in this time. "
    "The answer is true for this time only.",
    "not-clear": "At least one camera sees something that makes the lane unsafe.",
    "cannot-tell": "The cameras cannot answer. This does not mean that the lane is clear: somebody has to look.",
}
# Autoescaping: what comes from messages only ever becomes text.
_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True, slots=True)
class CameraPart:
    """One camera of a report; `picture` is a path on this server."""

    camera: str
    verdict: str
    title: str
    reasons: Sequence[str]
    facts: Sequence[tuple[str, str]]
    picture: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """A report in words."""

    inspection_id: str
    lane: str
    verdict: str
    title: str
    meaning: str
    summary: str
    facts: Sequence[tuple[str, str]]
    cameras: Sequence[CameraPart]

    @classmethod
    def of(cls, inspection: Inspection, timezone: str) -> "Report":
        """The report of an inspection, with its times in a time zone (IANA name) and in UTC."""
        alerts = (f"{item.incident} {item.change} ({item.incident_id})" for item in inspection.incidents)
        watched = (inspection.judged_at - inspection.requested_at) / NS
        return cls(
            inspection_id=inspection.inspection_id,
            lane=inspection.lane,
            verdict=inspection.verdict,
            title=_TITLES[inspection.verdict],
            meaning=_MEANINGS[inspection.verdict],
            summary=inspection.summary,
            facts=[
                ("Site", inspection.site),
                ("Lane", inspection.lane),
                ("Watched from", local(inspection.requested_at, timezone)),
                ("Watched until", f"{local(inspection.judged_at, timezone)} ({watched:.0f} s)"),
                ("Asked by", inspection.by),
                ("Cameras", str(len(inspection.cameras))),
                (
                    "Alerts",
                    ", ".join(alerts),
                ),
                ("Inspection", inspection.inspection_id + (f", run {inspection.run}" if inspection.run else "")),
            ],
            cameras=[_part(word, timezone) for word in inspection.cameras],
        )


def page(report: Report) -> str:
    """The report as HTML."""
    return _PAGES.get_template("report.html").render(report=report)


def local(ns: int, timezone: str) -> str:
    """A time as a person writes it.

    >>> local(1_785_585_605 * NS, "Europe/Berlin")
    '2026-08-01 14:00:05 CEST (12:00:05 UTC)'
    >>> local(1_785_585_605 * NS, "UTC")
    '2026-08-01 12:00:05 UTC'
    """
    utc = datetime.fromtimestamp(ns // NS, ZoneInfo("UTC"))
    there = utc.astimezone(ZoneInfo(timezone))
    text = there.strftime("%Y-%m-%d %H:%M:%S %Z")
    return text if there.utcoffset() == utc.utcoffset() else f"{text} ({utc:%H:%M:%S} UTC)"


def _part(word: CameraInspection, timezone: str) -> CameraPart:
    last = f", the last at {local(word.last_frame_at, timezone)}" if word.last_frame_at is not None else ""
    seen = local(word.last_object_at, timezone) if word.last_object_at is not None else "none seen"
    return CameraPart(
        camera=word.camera,
        verdict=word.verdict,
        title=_TITLES[word.verdict],
        reasons=[reason.text for reason in word.reasons] or ["nothing speaks against it"],
        facts=[
            ("Pictures", f"{word.frames}{last}"),
            ("Last object on the lane", seen),
            ("Camera", "faults: " + ", ".join(word.faults) if word.faults else "no fault seen"),
            ("Visibility", word.visibility or "not judged by a head"),
            ("Known", _share(word.known)),
            ("Proven empty", _share(word.proven)),
            ("Hidden at the end", _share(word.hidden)),
        ],
        picture=evidence_path(word.picture) if word.picture else None,
    )


def _share(value: float | None) -> str:
    return "not told" if value is None else f"{value:.0%} of the lane"
