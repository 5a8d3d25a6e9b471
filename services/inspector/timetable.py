"""When scheduled inspections are due, by the frames' capture times: a replay asks at the same instants."""

from collections import deque
from itertools import takewhile

from shared.clock import NS
from shared.cron import times_after
from shared.inspection import SCHEDULE, InspectionRequest, scheduled_id
from shared.site import PlannedInspection, Site
from shared.topics import DAY

# Frames that are further apart are no continuous watch: of the times in between only the last is asked for, so that an
# outage gives one "cannot tell" and not hundreds.
_GAP_NS = 60 * NS
# Over a longer one the clock has changed, or the stream is another one.
_JUMP_NS = DAY * NS
# The first frame of a stream seldom meets the very second.
_FIRST_NS = NS


class Timetable:
    """The site's planned inspections in one run."""

    def __init__(self, site: Site, run: str | None) -> None:
        self._site, self._run = site, run
        self._plans: dict[str, list[PlannedInspection]] = {}
        for plan in site.inspections:
            for camera, _ in site.lane(plan.lane):
                self._plans.setdefault(camera.id, []).append(plan)
        self._last: dict[str, int] = {}
        # Up to here no plan of the camera is due: cron expressions are not asked on every frame.
        self._quiet: dict[str, int] = {}

    def pass_by(self, camera: str, now: int) -> list[InspectionRequest]:
        """The inspections that a camera's frame of this capture time (UTC ns) calls for.

        Each camera of a lane calls for it; the requests are equal, and whoever answers them drops repeats.
        """
        plans = self._plans.get(camera)
        if not plans:
            return []
        before = self._last.get(camera, now - _FIRST_NS - 1)
        self._last[camera] = now
        if not 0 < now - before <= _JUMP_NS:
            self._quiet.pop(camera, None)
            return []
        if now < self._quiet.get(camera, 0):
            return []
        times = {plan.cron: self._times(plan.cron, before, now) for plan in plans}
        self._quiet[camera] = min(next(times_after(plan.cron, self._site.timezone, now), 0) for plan in plans)
        return [self._request(plan.lane, at) for plan in plans for at in times[plan.cron]]

    def _times(self, cron: str, before: int, now: int) -> list[int]:
        found = takewhile(lambda at: at <= now, times_after(cron, self._site.timezone, before))
        return [at for at in deque(found, maxlen=1 if now - before > _GAP_NS else None) if at >= 0]

    def _request(self, lane: str, at: int) -> InspectionRequest:
        identity = scheduled_id(self._run, self._site.site, lane, at)
        return InspectionRequest(request_id=identity, lane=lane, run=self._run, at=at, by=SCHEDULE)
