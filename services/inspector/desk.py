"""The inspections of one run: takes in frames, incidents and questions in any order, gives the answers that are due."""

from collections import deque
from dataclasses import dataclass, field

from services.inspector.answer import inspection_of
from services.inspector.findings import proves
from services.inspector.judge import Watched, judge_camera
from services.inspector.limits import Limits
from services.inspector.look import Look, look_of
from services.inspector.opens import OpenIncidents
from services.inspector.place import Place
from services.inspector.timetable import Timetable
from shared.clock import NS
from shared.inspection import CameraInspection, Danger, Doubt, Inspection, InspectionRequest
from shared.messages import Box, Tracks
from shared.site import Camera, Site, Zone

# Frames are kept for this long behind a camera's newest: a question may come later than the frames that it is about.
_KEEP_NS = 60 * NS
# A frame that is earlier by this much means that the camera's clock was set back, as for the analyzer.
_CLOCK_RESET_NS = 2 * NS
# A camera that gives nothing for so long (s, by the wall clock) while an answer waits for it counts as silent. The one
# use of that clock: it decides when to stop waiting, and what has not been seen is never "clear".
SILENT_S = 5.0
# No answer waits longer, also where one camera's clock is years ahead of the others'.
LONGEST_S = 120.0
# Reasons that are gone when traffic has driven on; while it does, it proves more of the lane.
_PASSING: frozenset[Danger | Doubt] = frozenset({"hidden", "may-pass"})
_PROVING = _PASSING | {"not-proven"}
# Every camera of a lane calls for a scheduled inspection; the ids of so many answered ones are remembered.
_ANSWERED = 10_000


@dataclass(slots=True)
class _Camera:
    """What is kept of one camera; `heard` is monotonic seconds."""

    looks: deque[Look] = field(default_factory=deque)
    newest: int = -1
    heard: float = 0.0


@dataclass(slots=True)
class Pending:
    """A question that waits for its time to pass; `asked` is monotonic seconds, `cut` ends the waiting."""

    request: InspectionRequest
    end: int
    asked: float
    cut: bool = False


class Desk:
    """Answers questions about the lanes of a site in one run.

    Example:
        >>> desk = Desk(site, None, OpenIncidents())                         # doctest: +SKIP
        >>> desk.ask(request); desk.see(tracks)                              # doctest: +SKIP
        >>> [desk.judge(pending) for pending in desk.due()]                  # doctest: +SKIP
    """

    def __init__(self, site: Site, run: str | None, incidents: OpenIncidents, limits: Limits | None = None) -> None:
        self._site, self._run, self._incidents = site, run, incidents
        self._limits = limits or Limits()
        self._timetable = Timetable(site, run)
        self._lanes: dict[str, list[tuple[Camera, Zone, Place]]] = {
            lane: [(camera, zone, Place(zone)) for camera, zone in site.lane(lane)] for lane in site.lanes()
        }
        self._zones = {
            camera.id: [zone.id for zone in camera.zones if zone.id in self._lanes] for camera in site.cameras
        }
        self._cameras = {camera.id: _Camera() for camera in site.cameras if self._zones[camera.id]}
        self._last_object: dict[tuple[str, str], int] = {}
        self._pending: dict[str, Pending] = {}
        self._answered: dict[str, None] = {}

    @property
    def waiting(self) -> int:
        """How many questions wait."""
        return len(self._pending)

    def has(self, lane: str) -> bool:
        """Whether the site has this lane."""
        return lane in self._lanes

    def boxes(self, lane: str) -> dict[str, Box]:
        """The lane's place in the picture of each of its cameras."""
        return {camera.id: place.box for camera, _, place in self._lanes[lane]}

    def see(self, tracks: Tracks, now_s: float = 0.0) -> list[InspectionRequest]:
        """Take in one frame; returns the scheduled inspections that it calls for, to be asked by the caller.

        Args:
            now_s: monotonic seconds.
        """
        camera = self._cameras.get(tracks.camera)
        now = tracks.frame.captured_at
        if camera is None:
            return []
        if now <= camera.newest:
            if camera.newest - now < _CLOCK_RESET_NS:
                return []  # late, or a repeat
            self._begin_anew(tracks.camera, camera)
        look = look_of(tracks)
        camera.looks.append(look)
        camera.newest, camera.heard = now, now_s
        needed = min((item.request.at for item in self._of_camera(tracks.camera)), default=now)
        while camera.looks[0].captured_at < min(needed, now - _KEEP_NS):
            self._forget(tracks.camera, camera.looks.popleft())
        return self._timetable.pass_by(tracks.camera, now)

    def wants(self, camera: str, captured_at: int) -> bool:
        """Whether a frame belongs to the time of a question that waits."""
        return camera in self._cameras and any(item.request.at <= captured_at for item in self._of_camera(camera))

    def ask(self, request: InspectionRequest, now_s: float = 0.0) -> None:
        """Take in a question about a lane that the site has; a repeat changes nothing."""
        if request.request_id in self._answered:
            return
        end = request.at + self._limits.window_ns
        self._pending.setdefault(request.request_id, Pending(request, end, now_s))

    def due(self, now_s: float | None = None) -> list[Pending]:
        """The questions whose time has passed on every camera, or that have waited long enough for a silent one.

        Args:
            now_s: monotonic seconds; None: wait for every camera, however long.
        """
        return [pending for pending in self._pending.values() if self._is_due(pending, now_s)]

    def judge(self, pending: Pending) -> Inspection | None:
        """The answer to a question that is due; None: only traffic is in the way, or still proves the lane, so watching
        goes on.

        The last window counts: what has driven away in the meantime is none of its reasons.
        """
        request, limits = pending.request, self._limits
        watched = [self._watched(request, pending.end, *part) for part in self._lanes[request.lane]]
        words = [judge_camera(part, limits) for part in watched]
        inspection = inspection_of(request, self._site.site, pending.end, words, limits)
        most = request.at + limits.most_windows * limits.window_ns
        passes = inspection.verdict != "clear" and all(map(_may_pass, watched, words))
        if not pending.cut and passes and pending.end < most:
            pending.end += limits.window_ns
            return None
        del self._pending[request.request_id]
        self._answered[request.request_id] = None
        if len(self._answered) > _ANSWERED:
            del self._answered[next(iter(self._answered))]
        return inspection

    def close(self) -> list[Inspection]:
        """The stream has ended: the answers to all questions, from what there is."""
        for pending in self._pending.values():
            pending.cut = True
            # Of a window that has only begun, nothing is known: the one before it has the last word.
            if pending.end > pending.request.at + self._limits.window_ns:
                pending.end -= self._limits.window_ns
        return [answer for pending in list(self._pending.values()) if (answer := self.judge(pending)) is not None]

    def _is_due(self, pending: Pending, now_s: float | None) -> bool:
        if pending.cut:
            return True
        cameras = [self._cameras[camera.id] for camera, _, _ in self._lanes[pending.request.lane]]
        late = [camera for camera in cameras if camera.newest < pending.end]
        if not late or now_s is None:
            return not late
        silent = all(now_s - max(camera.heard, pending.asked) >= SILENT_S for camera in late)
        if silent or now_s - pending.asked >= LONGEST_S:
            pending.cut = True
        return pending.cut

    def _watched(self, request: InspectionRequest, end: int, camera: Camera, zone: Zone, place: Place) -> Watched:
        start = max(request.at, end - self._limits.window_ns)
        return Watched(
            camera=camera,
            zone=zone,
            place=place,
            start=start,
            end=end,
            looks=[look for look in self._cameras[camera.id].looks if start <= look.captured_at <= end],
            last_object_at=self._last_object_at(camera.id, zone.id, end),
            incidents=self._incidents.during(self._run, camera.id, zone.id, start, end),
        )

    def _last_object_at(self, camera: str, zone: str, end: int) -> int | None:
        looks = self._cameras[camera].looks
        recent = [look.captured_at for look in looks if look.captured_at <= end and look.on_lane(zone)]
        before = self._last_object.get((camera, zone))
        return max(recent, default=before if before is not None and before <= end else None)

    def _forget(self, camera: str, look: Look) -> None:
        for zone in self._zones[camera]:
            if look.on_lane(zone):
                self._last_object[(camera, zone)] = look.captured_at

    def _begin_anew(self, name: str, camera: _Camera) -> None:
        """The camera's clock was set back: no frame will continue what waits, and what it saw is of another time."""
        camera.looks.clear()
        for zone in self._zones[name]:
            self._last_object.pop((name, zone), None)
        for pending in self._of_camera(name):
            pending.cut = True

    def _of_camera(self, name: str) -> list[Pending]:
        """The questions that wait for this camera among others."""
        zones = self._zones[name]
        return [pending for pending in self._pending.values() if pending.request.lane in zones]


def _may_pass(watched: Watched, word: CameraInspection) -> bool:
    """Whether all that a camera has against the lane may be gone in the next window."""
    codes = {reason.code for reason in word.reasons}
    return codes <= _PASSING or (codes <= _PROVING and proves(watched.looks, watched.zone.id))
