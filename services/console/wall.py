"""What the console knows of each camera: its last results, its rate, and which frames may be asked for."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping

from services.console.views import CameraState, CameraView, FrameAddress, LiveFrame, ZoneView
from shared.clock import NS, to_rfc3339
from shared.heads import HeadResult
from shared.messages import FrameRef, Tracks
from shared.site import Camera, Site

# An operator should notice a dead camera at once, but one slow network hiccup is no fault.
NO_SIGNAL_S = 5.0
# Long enough to be steady at one frame per second, short enough to follow a change within a glance.
_RATE_WINDOW_S = 5.0
# A browser asks for a frame within a second of hearing of it; at 60 frames/s that is some 4 s of them.
_KNOWN_FRAMES = 256
# The detector asks the heads on some frames only, once a minute at least; until then their last answer stands.
_HEADS_NS = 61 * NS


def signal_timeout_s(camera: Camera) -> float:
    """Seconds without a frame after which a camera counts as silent; a slow one may miss two frames."""
    return max(NO_SIGNAL_S, 3 / camera.fps)


class _CameraLive:
    """The running state of one camera; `Wall` holds the lock."""

    def __init__(self) -> None:
        self.last: LiveFrame | None = None
        self.captured_at = 0
        self.arrivals: deque[float] = deque()
        self.arrived = 0.0
        self.refs: OrderedDict[tuple[int, int], FrameRef] = OrderedDict()
        self._heads: list[HeadResult] = []
        self._heads_at = 0

    def told(self, tracks: Tracks) -> list[HeadResult]:
        """What the heads say of this frame, or said last."""
        now = tracks.frame.captured_at
        if tracks.heads:
            self._heads, self._heads_at = tracks.heads, now
        return self._heads if abs(now - self._heads_at) <= _HEADS_NS else []

    def rate(self, now: float) -> float:
        while self.arrivals and now - self.arrivals[0] > _RATE_WINDOW_S:
            self.arrivals.popleft()
        if len(self.arrivals) < 2:
            return 0.0
        # Up to now, not to the last arrival: a camera that stops decays to 0 instead of freezing at its rate.
        return (len(self.arrivals) - 1) / max(now - self.arrivals[0], 1e-3)


class Wall:
    """Thread-safe state of all cameras of the site, fed from the tracks topic.

    Args:
        clock: monotonic seconds; signal and rate follow the arrival of results, so that a recording whose
            event time lies in the past is live while it plays.
        now_ns: UTC ns, for ages.
    """

    def __init__(
        self, site: Site, clock: Callable[[], float] = time.monotonic, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._cameras = {camera.id: camera for camera in site.cameras}
        self._live = {camera.id: _CameraLive() for camera in site.cameras}
        self._clock, self._now_ns = clock, now_ns
        self._lock = threading.Lock()

    def saw(self, tracks: Tracks) -> LiveFrame | None:
        """Take in one result; None when the site has no such camera or the result came before."""
        live = self._live.get(tracks.camera)
        if live is None:
            return None
        now = self._clock()
        address = (tracks.frame.partition, tracks.frame.offset)
        with self._lock:
            if address in live.refs:
                return None
            live.refs[address] = tracks.frame
            if len(live.refs) > _KNOWN_FRAMES:
                live.refs.popitem(last=False)
            live.arrivals.append(now)
            live.arrived, live.captured_at = now, tracks.frame.captured_at
            live.last = LiveFrame(
                camera=tracks.camera,
                seq=tracks.seq,
                captured_at=to_rfc3339(tracks.frame.captured_at),
                frame=FrameAddress(partition=address[0], offset=address[1]),
                width=tracks.width,
                height=tracks.height,
                objects=tracks.objects,
                heads=live.told(tracks),
                rate=round(live.rate(now), 2),
                latency_s=round((self._now_ns() - tracks.frame.captured_at) / NS, 3),
            )
            return live.last

    def has(self, camera: str) -> bool:
        """Whether the site has this camera."""
        return camera in self._cameras

    def latest(self) -> list[LiveFrame]:
        """The last result of each camera that has one, with its rate and silence as of now."""
        now = self._clock()
        with self._lock:
            return [
                live.last.model_copy(update={"rate": round(live.rate(now), 2), "quiet_s": round(now - live.arrived, 3)})
                for live in self._live.values()
                if live.last
            ]

    def ref(self, camera: str, address: tuple[int, int] | None = None) -> FrameRef | None:
        """A frame that was analysed a moment ago, or the last one; None when it is not among them."""
        live = self._live.get(camera)
        if live is None:
            return None
        with self._lock:
            if address is not None:
                return live.refs.get(address)
            return next(reversed(live.refs.values()), None)

    def current(self, camera: str) -> FrameRef | None:
        """The frame that the camera shows now; None while it is silent."""
        live = self._live.get(camera)
        if live is None or self._clock() - live.arrived > signal_timeout_s(self._cameras[camera]):
            return None
        return self.ref(camera)

    def newest(self, cameras: Iterable[str]) -> int | None:
        """Capture time (UTC ns) of the newest frame of these cameras; None before the first."""
        with self._lock:
            return max((live.captured_at for name in cameras if (live := self._live[name]).last), default=None)

    def views(self, open_alerts: Mapping[str, int] | None) -> list[CameraView]:
        """All cameras in the order of the site file.

        Args:
            open_alerts: number of open alerts per camera id; None when it is not known.
        """
        with self._lock:
            return [
                self._view(camera, None if open_alerts is None else open_alerts.get(camera.id, 0))
                for camera in self._cameras.values()
            ]

    def _view(self, camera: Camera, open_alerts: int | None) -> CameraView:
        live, now = self._live[camera.id], self._clock()
        timeout = signal_timeout_s(camera)
        state: CameraState = "waiting"
        if live.last:
            state = "live" if now - live.arrived <= timeout else "no-signal"
        return CameraView(
            id=camera.id,
            zones=[
                ZoneView(id=zone.id, kind=zone.kind, polygon=zone.polygon, direction=zone.direction)
                for zone in camera.zones
            ],
            calibrated=camera.ground is not None,
            fps=camera.fps,
            rate=round(live.rate(now), 2),
            captured_at=live.last.captured_at if live.last else None,
            age_s=round((self._now_ns() - live.captured_at) / NS, 3) if live.last else None,
            latency_s=live.last.latency_s if live.last else None,
            heads=live.last.heads if live.last else [],
            open_alerts=open_alerts,
            state=state,
            signal_timeout_s=timeout,
        )
